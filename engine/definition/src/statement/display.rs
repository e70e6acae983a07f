//! Statements and definitions as SQL text.

use std::fmt;

use arrow_schema::{DataType, FieldRef};

use super::{CreateFunction, options};
use crate::definition::{Definition, ModuleSource};
use crate::kind::Kind;
use crate::quoting::{DollarQuoted, Identifier, Literal};
use crate::signature::{Argument, Arguments};
use crate::type_display::SqlType;

/// Prints the signature, with the clauses that the statement gives.
impl fmt::Display for CreateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Scalar | Kind::Table => {}
            Kind::Aggregate => f.write_str("AGGREGATE ")?,
            Kind::Window => f.write_str("WINDOW ")?,
        }
        write!(f, "{}", Identifier(&self.name))?;
        if let Some(arguments) = &self.arguments {
            write!(f, "{}", Arguments(arguments))?;
        }
        if let Some(returns) = &self.returns {
            write!(f, " {}", Returns(self.kind, returns))?;
        }
        if let Some(state) = &self.state {
            write!(f, " STATE {}", Arguments(state))?;
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
    /// Formats the type of the result as in the clause RETURNS.
    pub fn returns(&self) -> String {
        let clause = Returns(self.kind, &self.signature.returns).to_string();
        clause.trim_start_matches("RETURNS ").to_owned()
    }

    /// Formats the options as in the clause WITH, without its parentheses.
    pub fn options(&self) -> String {
        options::print(self.limits, self.reset, self.on_error, self.abi, self.reuse)
    }

    /// Returns a statement that states identity and signature only.
    pub fn stated(&self) -> CreateFunction {
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

    /// Formats the statement that creates the function again. `base64` encodes the
    /// module; called only if the statement must hold the bytes.
    pub fn create_statement(&self, base64: impl FnOnce() -> String) -> String {
        let temporary = if self.temporary { "TEMPORARY " } else { "" };
        let source = match &self.source {
            ModuleSource::Module(module) => format!("FROM MODULE {}", Identifier(module)),
            ModuleSource::Path(path) => format!("AS {} SHA256 '{}'", Literal(path), self.digest),
            ModuleSource::Text(text) => format!("AS {}", DollarQuoted(text)),
            ModuleSource::Base64 => format!("AS BASE64 '{}'", base64()),
        };
        let kind = match self.kind {
            Kind::Scalar | Kind::Table => "",
            Kind::Aggregate => "AGGREGATE ",
            Kind::Window => "WINDOW ",
        };
        let state = match self.kind {
            Kind::Aggregate => format!(" STATE {}", Arguments(&self.state)),
            _ => String::new(),
        };
        let comment = match &self.comment {
            Some(comment) => format!(" COMMENT {}", Literal(comment)),
            None => String::new(),
        };
        format!(
            "CREATE {temporary}{kind}FUNCTION {}{} {}{state} LANGUAGE WASM {} {} {source} \
             EXPORT {} WITH ({}){comment}",
            Identifier(&self.name),
            Arguments(&self.signature.arguments),
            Returns(self.kind, &self.signature.returns),
            self.volatility,
            self.nulls,
            Literal(&self.symbol),
            self.options(),
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
        let column =
            |field: &FieldRef| Argument::new(Some(field.name().clone()), field.data_type().clone());
        let columns = fields.iter().map(column);
        write!(
            f,
            "RETURNS TABLE {}",
            Arguments(&columns.collect::<Vec<_>>())
        )
    }
}
