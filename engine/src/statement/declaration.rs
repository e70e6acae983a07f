//! What a module declares, and what a statement makes of it.
//!
//! A module carries its own DDL; a clause that the statement omits comes from
//! there, and one that contradicts it is refused.

use std::fmt;

use arrow::datatypes::DataType;

use super::function::CreateFunction;
use super::{Ours, Parsed, Statements, options};
use crate::definition::{
    Argument, Arguments, Definition, Digest, Identifier, Limits, NullHandling, Origin, Signature,
    SqlType, Volatility,
};
use crate::error::{ModuleFault, Refusal, Result};

/// The functions that a module declares.
#[derive(Debug)]
pub(crate) struct Declarations(Vec<CreateFunction>);

impl Declarations {
    /// Parses the text of a section `fusebox.functions`.
    pub(crate) fn parse(text: &str) -> Result<Self, ModuleFault> {
        let wrong = |what: String| ModuleFault::Declaration(what);
        let mut declared = Vec::<CreateFunction>::new();
        for statement in Statements::new(text, "generic", RECURSION_LIMIT) {
            let create = match statement.map_err(|error| wrong(error.to_string()))?.0 {
                Parsed::Ours(Ours::CreateFunction(create)) => *create,
                _ => return Err(wrong("it holds more than CREATE FUNCTION".to_owned())),
            };
            if create.source.is_some() {
                let name = create.name;
                return Err(wrong(format!("`{name}` has a clause AS or FROM")));
            }
            if declared.iter().any(|other| other.name == create.name) {
                return Err(wrong(format!("`{}` is declared twice", create.name)));
            }
            declared.push(create);
        }
        Ok(Self(declared))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CreateFunction> {
        self.0.iter()
    }

    /// What the module declares of the function that a statement creates: by
    /// its symbol where the statement gives one, else by name.
    fn of(&self, create: &CreateFunction) -> Option<&CreateFunction> {
        match &create.symbol {
            Some(symbol) => self.0.iter().find(|declared| declared.symbol() == symbol),
            None => self.0.iter().find(|declared| declared.name == create.name),
        }
    }
}

/// As deep as sqlparser's own default.
const RECURSION_LIMIT: usize = 50;

impl CreateFunction {
    /// The export that the function is, without the ABI's prefix.
    pub(crate) fn symbol(&self) -> &str {
        self.symbol.as_deref().unwrap_or(&self.name)
    }

    /// The statement and the declaration, put together.
    pub(crate) fn complete(
        &self,
        declarations: &Declarations,
        defaults: Limits,
        digest: Digest,
        origin: Origin,
    ) -> Result<Definition, Refusal> {
        let declared = declarations.of(self);
        if let Some(declared) = declared
            && self.contradicts(declared)
        {
            return Err(Refusal::Contradiction {
                declared: declared.to_string(),
                stated: self.to_string(),
            });
        }
        let arguments = self.arguments.as_ref();
        let arguments = arguments.or(declared.and_then(|d| d.arguments.as_ref()));
        let returns = self.returns.as_ref();
        let returns = returns.or(declared.and_then(|d| d.returns.as_ref()));
        let mut limits = defaults;
        for options in [
            declared.and_then(|d| d.options.as_ref()),
            self.options.as_ref(),
        ] {
            limits = options.map_or(Ok(limits), |options| options.set(limits))?;
        }
        Ok(Definition {
            name: self.name.clone(),
            signature: Signature {
                arguments: arguments.ok_or(Refusal::Undeclared("arguments"))?.clone(),
                returns: returns.ok_or(Refusal::Undeclared("RETURNS"))?.clone(),
            },
            // Nothing nondeterministic can be imported.
            volatility: self
                .volatility
                .or(declared.and_then(|d| d.volatility))
                .unwrap_or(Volatility::Immutable),
            nulls: self
                .nulls
                .or(declared.and_then(|d| d.nulls))
                .unwrap_or(NullHandling::Called),
            limits,
            digest,
            symbol: declared.unwrap_or(self).symbol().to_owned(),
            origin,
            temporary: self.temporary,
        })
    }

    fn contradicts(&self, declared: &Self) -> bool {
        fn differ<T: PartialEq>(stated: &Option<T>, declared: &Option<T>) -> bool {
            matches!((stated, declared), (Some(stated), Some(declared)) if stated != declared)
        }
        let types = |create: &Self| -> Option<Vec<DataType>> {
            let arguments = create.arguments.as_ref()?;
            Some(arguments.iter().map(|a| a.data_type.clone()).collect())
        };
        self.kind != declared.kind
            || differ(&types(self), &types(declared))
            || differ(&self.returns, &declared.returns)
            || differ(&self.volatility, &declared.volatility)
            || differ(&self.nulls, &declared.nulls)
    }
}

/// Prints the signature, as far as the statement gives it.
impl fmt::Display for CreateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Identifier(&self.name))?;
        if let Some(arguments) = &self.arguments {
            let signature = Signature {
                arguments: arguments.clone(),
                returns: DataType::Null,
            };
            write!(f, "{}", Arguments(&signature))?;
        }
        if let Some(returns) = &self.returns {
            write!(f, " RETURNS {}", SqlType(returns))?;
        }
        if let Some(volatility) = self.volatility {
            write!(f, " {volatility}")?;
        }
        if let Some(nulls) = self.nulls {
            write!(f, " {nulls}")?;
        }
        Ok(())
    }
}

impl Definition {
    /// The statement that creates the function again. `binary` is needed only
    /// for one whose bytes stood in the statement.
    pub(crate) fn statement(&self, base64: impl FnOnce() -> String) -> String {
        let temporary = if self.temporary { "TEMPORARY " } else { "" };
        let source = match &self.origin {
            Origin::Module(module) => format!("FROM MODULE {}", Identifier(module)),
            Origin::Path(path) => format!("AS {} SHA256 '{}'", Literal(path), self.digest),
            Origin::Text(text) => format!("AS {}", Dollars(text)),
            Origin::Base64 => format!("AS BASE64 '{}'", base64()),
        };
        format!(
            "CREATE {temporary}FUNCTION {}{} LANGUAGE WASM {} {} {source} EXPORT {} WITH ({})",
            Identifier(&self.name),
            self.signature,
            self.volatility,
            self.nulls,
            Literal(&self.symbol),
            options::print(self.limits),
        )
    }
}

/// Prints a string literal.
struct Literal<'a>(&'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// Prints a text between dollars, with a tag where it holds dollars itself.
struct Dollars<'a>(&'a str);

impl fmt::Display for Dollars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = (0..)
            .map(|n| {
                if n == 0 {
                    String::new()
                } else {
                    format!("w{n}")
                }
            })
            .find(|tag| !self.0.contains(&format!("${tag}$")))
            .expect("a text holds finitely many tags");
        write!(f, "${tag}${}${tag}$", self.0)
    }
}

/// The types of a function that a statement names, to tell it from others.
pub(crate) fn same_types(arguments: &[Argument], types: &[DataType]) -> bool {
    arguments.iter().map(|a| &a.data_type).eq(types)
}
