//! What a module declares, and what a statement makes of it.
//!
//! A module carries its own DDL; a clause that the statement omits comes from
//! there, and one that contradicts it is refused.

use std::collections::HashSet;
use std::fmt;

use arrow::datatypes::DataType;

use super::function::CreateFunction;
use super::{Ours, Statements, options};
use crate::definition::{
    Argument, Arguments, Definition, Digest, Identifier, Kind, Limits, Literal, NullHandling,
    Origin, Signature, SqlType, Volatility, argument_lists,
};
use crate::error::{ModuleFault, Refusal, Result};

/// The functions that a module declares.
#[derive(Debug)]
pub(crate) struct Declarations(Vec<CreateFunction>);

impl Declarations {
    /// Parses the text of a section `fusebox.functions`.
    pub(crate) fn parse(text: &str) -> Result<Self, ModuleFault> {
        let wrong = |what: String| ModuleFault::Declaration(what);
        if text.len() > DECLARATIONS_BYTES_MAX {
            let found = text.len();
            return Err(wrong(format!(
                "it has {found} bytes, of {DECLARATIONS_BYTES_MAX} at most"
            )));
        }
        let mut declared = Vec::new();
        let (mut names, mut symbols) = (HashSet::new(), HashSet::new());
        let mut statements = Statements::new(text, "generic", RECURSION_LIMIT);
        while let Some(statement) = statements
            .next_ours()
            .map_err(|error| wrong(error.to_string()))?
        {
            let Some(Ours::CreateFunction(create)) = statement else {
                return Err(wrong("it holds more than CREATE FUNCTION".to_owned()));
            };
            if create.source.is_some() {
                let name = create.name;
                return Err(wrong(format!("`{name}` has a clause AS or FROM")));
            }
            if !names.insert((create.name.clone(), create.types())) {
                return Err(wrong(format!("`{}` is declared twice", create.name)));
            }
            if !symbols.insert(create.symbol().to_owned()) {
                let symbol = create.symbol().escape_debug();
                return Err(wrong(format!("the export `{symbol}` is declared twice")));
            }
            declared.push(*create);
        }
        Ok(Self(declared))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CreateFunction> {
        self.0.iter()
    }

    /// What the module declares of the function that a statement creates: by
    /// its symbol where the statement gives one, else by name, and by its
    /// arguments where several have that.
    fn of(&self, create: &CreateFunction) -> Result<Option<&CreateFunction>, Refusal> {
        if let Some(symbol) = &create.symbol {
            return Ok(self.0.iter().find(|declared| declared.symbol() == symbol));
        }
        let named = self.0.iter().filter(|d| d.name == create.name);
        let named: Vec<_> = named.collect();
        if let [] | [_] = named[..] {
            return Ok(named.first().copied());
        }
        let stated = create.types();
        let found = || {
            let types: Vec<_> = named.iter().filter_map(|d| d.types()).collect();
            argument_lists(types.iter().map(Vec::as_slice))
        };
        match named.iter().find(|declared| declared.types() == stated) {
            Some(declared) => Ok(Some(declared)),
            None if stated.is_none() => Err(Refusal::NotUnique { found: found() }),
            None => Err(Refusal::Contradiction {
                declared: format!("{}({})", Identifier(&create.name), found()),
                stated: create.to_string(),
            }),
        }
    }
}

/// The longest section that is read: some thousand declarations.
const DECLARATIONS_BYTES_MAX: usize = 256 << 10;

/// As deep as sqlparser's own default.
const RECURSION_LIMIT: usize = 50;

impl CreateFunction {
    /// The export that the function is, without the ABI's prefix.
    pub(crate) fn symbol(&self) -> &str {
        self.symbol.as_deref().unwrap_or(&self.name)
    }

    /// The argument types, where the statement gives them.
    pub(crate) fn types(&self) -> Option<Vec<DataType>> {
        types(&self.arguments)
    }

    /// Takes the kind from the declaration, for a statement that cannot say it.
    pub(crate) fn adopt_kind(&mut self, declarations: &Declarations) -> Result<(), Refusal> {
        if let Some(declared) = declarations.of(self)? {
            self.kind = declared.kind;
        }
        Ok(())
    }

    /// The statement and the declaration, put together.
    pub(crate) fn complete(
        &self,
        declarations: &Declarations,
        defaults: impl Fn(Kind) -> Limits,
        ceilings: Limits,
        digest: Digest,
        origin: Origin,
    ) -> Result<Definition, Refusal> {
        self.check_against(declarations)?;
        let declared = declarations.of(self)?;
        let arguments = self.arguments.as_ref();
        let arguments = arguments.or(declared.and_then(|d| d.arguments.as_ref()));
        let returns = self.returns.as_ref();
        let returns = returns.or(declared.and_then(|d| d.returns.as_ref()));
        let state = self.state.as_ref();
        let state = state.or(declared.and_then(|d| d.state.as_ref()));
        let kind = self.kind_with(declared);
        if kind == Kind::Aggregate && state.is_none() {
            return Err(Refusal::Undeclared("STATE"));
        }
        let defaults = defaults(kind);
        // A module may ask for less than it would be given, not for more: that
        // is for whoever writes the statement.
        let stated_options = self.options.clone().unwrap_or_default();
        let limits = match declared.and_then(|d| d.options.as_ref()) {
            Some(options) => options.without(&stated_options).set(defaults)?,
            None => defaults,
        };
        limits.check(ceilings)?;
        let limits = stated_options.set(limits.at_most(defaults))?;
        let declared_reset = match declared.and_then(|d| d.options.as_ref()) {
            Some(options) => options.without(&stated_options).reset()?,
            None => None,
        };
        let reset = stated_options.reset()?.or(declared_reset);
        Ok(Definition {
            name: self.name.clone(),
            kind,
            state: state.cloned().unwrap_or_default(),
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
            reset: reset.unwrap_or_default(),
            digest,
            symbol: declared.unwrap_or(self).symbol().to_owned(),
            origin,
            temporary: self.temporary,
        })
    }

    /// Refuses a statement that contradicts what the module declares.
    pub(crate) fn check_against(&self, declarations: &Declarations) -> Result<(), Refusal> {
        match declarations.of(self)? {
            Some(declared) if self.contradicts(declared) => Err(Refusal::Contradiction {
                declared: declared.to_string(),
                stated: self.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// The kind of the function: that it returns a table, a statement without
    /// RETURNS leaves to the declaration.
    fn kind_with(&self, declared: Option<&Self>) -> Kind {
        match declared {
            Some(declared) if self.kind == Kind::Scalar && self.returns.is_none() => {
                match declared.kind {
                    Kind::Table => Kind::Table,
                    _ => Kind::Scalar,
                }
            }
            _ => self.kind,
        }
    }

    fn contradicts(&self, declared: &Self) -> bool {
        fn differ<T: PartialEq>(stated: &Option<T>, declared: &Option<T>) -> bool {
            matches!((stated, declared), (Some(stated), Some(declared)) if stated != declared)
        }
        self.kind_with(Some(declared)) != declared.kind
            || differ(&self.types(), &declared.types())
            || differ(&self.returns, &declared.returns)
            || differ(&types(&self.state), &types(&declared.state))
            || differ(&self.volatility, &declared.volatility)
            || differ(&self.nulls, &declared.nulls)
    }
}

/// Prints the signature, as far as the statement gives it.
impl fmt::Display for CreateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Scalar | Kind::Table => {}
            Kind::Aggregate => f.write_str("AGGREGATE ")?,
            Kind::Window => f.write_str("WINDOW ")?,
        }
        write!(f, "{}", Identifier(&self.name))?;
        if let Some(arguments) = &self.arguments {
            let signature = Signature {
                arguments: arguments.clone(),
                returns: DataType::Null,
            };
            write!(f, "{}", Arguments(&signature))?;
        }
        if let Some(returns) = &self.returns {
            write!(f, " {}", Returns(self.kind, returns))?;
        }
        if let Some(state) = &self.state {
            write!(f, " STATE {}", Columns(state))?;
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
    /// The type of the result, as the statement has it behind RETURNS.
    pub(crate) fn returns(&self) -> String {
        let clause = Returns(self.kind, &self.signature.returns).to_string();
        clause.trim_start_matches("RETURNS ").to_owned()
    }

    /// The definition as a statement that says no more than who the function
    /// is and what it takes and returns.
    pub(crate) fn stated(&self) -> CreateFunction {
        CreateFunction {
            name: self.name.clone(),
            symbol: Some(self.symbol.clone()),
            arguments: Some(self.signature.arguments.clone()),
            returns: Some(self.signature.returns.clone()),
            kind: self.kind,
            state: (self.kind == Kind::Aggregate).then(|| self.state.clone()),
            nulls: Some(self.nulls),
            ..CreateFunction::default()
        }
    }

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
        let kind = match self.kind {
            Kind::Scalar | Kind::Table => "",
            Kind::Aggregate => "AGGREGATE ",
            Kind::Window => "WINDOW ",
        };
        let state = match self.kind {
            Kind::Aggregate => format!(" STATE {}", Columns(&self.state)),
            _ => String::new(),
        };
        format!(
            "CREATE {temporary}{kind}FUNCTION {}{} {}{state} LANGUAGE WASM {} {} {source} \
             EXPORT {} WITH ({})",
            Identifier(&self.name),
            Arguments(&self.signature),
            Returns(self.kind, &self.signature.returns),
            self.volatility,
            self.nulls,
            Literal(&self.symbol),
            options::print(self.limits, self.reset),
        )
    }
}

/// Prints the clause RETURNS.
struct Returns<'a>(Kind, &'a DataType);

impl fmt::Display for Returns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Kind::Table, DataType::Struct(fields)) = (self.0, self.1) else {
            return write!(f, "RETURNS {}", SqlType(self.1));
        };
        let columns = fields.iter().map(|field| Argument {
            name: Some(field.name().clone()),
            data_type: field.data_type().clone(),
        });
        write!(f, "RETURNS TABLE {}", Columns(&columns.collect::<Vec<_>>()))
    }
}

/// Prints columns, each with its name, in parentheses.
struct Columns<'a>(&'a [Argument]);

impl fmt::Display for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = Signature {
            arguments: self.0.to_vec(),
            returns: DataType::Null,
        };
        Arguments(&signature).fmt(f)
    }
}

/// The types of columns.
fn types(columns: &Option<Vec<Argument>>) -> Option<Vec<DataType>> {
    let types = columns.as_ref()?.iter().map(|c| c.data_type.clone());
    Some(types.collect())
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
            .find(|tag| !format!("{}$", self.0).contains(&format!("${tag}$")))
            .expect("a text holds finitely many tags");
        write!(f, "${tag}${}${tag}$", self.0)
    }
}
