//! Argument types and result type of a function.

use std::collections::HashSet;
use std::fmt;

use arrow_schema::DataType;

use crate::quoting::Identifier;
use crate::statement_error::StatementError;
use crate::type_display::{SqlType, sql_types};

/// Argument types and result type.
///
/// In a statement, a type has the name that it has elsewhere in DataFusion,
/// whatever the session's settings: `DECIMAL(12, 2)` has 128 bits, and 256 where
/// its precision needs them; `TIMESTAMP(6)` has microseconds; `T[]` is a list and
/// `T[3]` a fixed-size list; `STRUCT(a T, …)` and `MAP(K, V)` have nullable
/// fields, except for keys. `TIMESTAMP WITH TIME ZONE` has the zone `+00:00`
/// rather than the session's, so that a definition means the same everywhere. A
/// type without a SQL name is written in the text of arrow-rs 59: `ARROW('Float16')`,
/// `ARROW('Dictionary(Int8, Utf8)')`, `ARROW('Timestamp(s, "Europe/Paris")')`.
///
/// A `DECIMAL(*)` argument takes a decimal of up to 38 digits with any scale;
/// plain `DECIMAL` has precision 38 and scale 10, as elsewhere. All `DECIMAL(*)`
/// arguments of one call are coerced to one common type, which is also the type
/// of a `DECIMAL(*)` result. The guest sees the unscaled integers.
///
/// A type is nested at most 32 levels deep, consists of at most 1000 types, and
/// has at most 65,536 fixed-size values per row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Arguments, in order.
    pub arguments: Vec<Argument>,
    /// Type of the result.
    pub returns: DataType,
}

/// One argument of a signature, or one column of a state or table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Argument {
    /// Name, by which calls may give the argument: `f(name => value)`.
    pub name: Option<String>,
    /// Arrow type.
    pub data_type: DataType,
    /// Value of the argument in calls that omit it, as a constant of SQL. Only the last
    /// arguments of a signature have defaults.
    pub default: Option<String>,
    /// True for a list as the last argument whose items may be given one by one.
    pub variadic: bool,
}

impl Argument {
    /// Creates an argument that every call gives.
    pub fn new(name: Option<String>, data_type: DataType) -> Self {
        Self {
            name,
            data_type,
            default: None,
            variadic: false,
        }
    }

    /// Returns the name as SQL, or the position of an argument without one.
    pub fn label(&self, index: usize) -> String {
        match &self.name {
            Some(name) => Identifier(name).to_string(),
            None => (index + 1).to_string(),
        }
    }

    /// Returns the type of the items of a variadic argument.
    pub fn variadic_item(&self) -> Option<&DataType> {
        match &self.data_type {
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
                if self.variadic =>
            {
                Some(item.data_type())
            }
            _ => None,
        }
    }
}

impl Signature {
    /// Returns true if calls may omit arguments, or give several for one.
    pub fn is_flexible(&self) -> bool {
        let last = self.arguments.last();
        last.is_some_and(|argument| argument.variadic || argument.default.is_some())
    }

    /// Formats the argument types as SQL, separated by commas.
    pub fn argument_types(&self) -> String {
        sql_types(self.arguments.iter().map(|argument| &argument.data_type))
    }

    /// Returns the argument types.
    pub fn types(&self) -> Vec<DataType> {
        let types = self.arguments.iter().map(|a| a.data_type.clone());
        types.collect()
    }
}

/// Prints the signature as in a statement: `(lat DOUBLE, lon DOUBLE) RETURNS VARCHAR`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} RETURNS {}",
            Arguments(&self.arguments),
            SqlType(&self.returns)
        )
    }
}

/// Prints arguments or columns as in a statement: `(lat DOUBLE, lon DOUBLE)`.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(pub &'a [Argument]);

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (position, argument) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            if argument.variadic {
                f.write_str("VARIADIC ")?;
            }
            if let Some(name) = &argument.name {
                write!(f, "{} ", Identifier(name))?;
            }
            write!(f, "{}", SqlType(&argument.data_type))?;
            if let Some(default) = &argument.default {
                write!(f, " DEFAULT {default}")?;
            }
        }
        f.write_str(")")
    }
}

/// Checks that no two arguments have one name, that those with defaults are the last, and
/// that a variadic one is a list in the last place.
///
/// # Errors
///
/// [`StatementError::ParameterName`], `DefaultOrder`, `VariadicType` or `VariadicPlace`.
pub fn check_parameters(arguments: &[Argument]) -> Result<(), StatementError> {
    let mut names = HashSet::new();
    let mut named = arguments
        .iter()
        .filter_map(|argument| argument.name.as_ref());
    if let Some(name) = named.find(|name| !names.insert(*name)) {
        return Err(StatementError::ParameterName { name: name.clone() });
    }
    let mut before = None;
    for (index, argument) in arguments.iter().enumerate() {
        let parameter = argument.label(index);
        if argument.variadic {
            if argument.variadic_item().is_none() {
                let found = SqlType(&argument.data_type).to_string();
                return Err(StatementError::VariadicType { parameter, found });
            }
            if index + 1 != arguments.len() || argument.default.is_some() {
                return Err(StatementError::VariadicPlace { parameter });
            }
        } else if argument.default.is_some() {
            before = Some(parameter);
        } else if let Some(before) = before {
            return Err(StatementError::DefaultOrder { parameter, before });
        }
    }
    Ok(())
}
