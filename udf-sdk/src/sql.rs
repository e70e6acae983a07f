//! The SQL types of Rust types, and the declaration of a function.
//!
//! A declaration is computed when the function's crate is compiled, from types
//! and not from their spelling, so that aliases and generic types work.

use crate::calendar::{Date, Duration, Interval, Time};
use crate::const_text::Text;
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// A Rust type with a SQL type.
pub trait SqlType {
    /// The SQL type.
    const SQL: Sql;
}

/// A SQL type in the grammar of Fusebox's `CREATE FUNCTION`.
///
/// A tree and not a text, since constants of generic types cannot be
/// concatenated.
#[derive(Clone, Copy, Debug)]
pub enum Sql {
    /// A type without parameters.
    Name(&'static str),
    /// `DECIMAL` with a precision and a scale.
    Decimal(u8, i8),
    /// A list of items.
    List(&'static Self),
    /// A struct of named fields.
    Struct(&'static [(&'static str, Self)]),
    /// A map of a key type and a value type.
    Map(&'static Self, &'static Self),
}

/// A Rust type of an item or a field: a type with a SQL type, or `Option` of
/// one for nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an item or a field in SQL",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait SqlItem {
    /// The SQL type.
    const ITEM_SQL: Sql;
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> SqlItem for T {
    const ITEM_SQL: Sql = T::SQL;
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> SqlItem for Option<T> {
    const ITEM_SQL: Sql = T::SQL;
}

/// A Rust type of a nested SQL type.
pub trait Nested {}

impl<T: SqlItem + ListItem> Nested for Vec<T> {}
impl<K: SqlType, V: SqlItem> Nested for Vec<(K, V)> {}

/// A Rust type of which a `Vec` is a list: every type except `u8`, since
/// `Vec<u8>` is a BYTEA.
#[diagnostic::on_unimplemented(
    message = "`Vec<{Self}>` is not a SQL list",
    label = "no SQL type for the items",
    note = "`Vec<u8>` is a BYTEA, and a list of such numbers is a `Vec<Option<u8>>`"
)]
pub trait ListItem {}

impl<T> ListItem for Option<T> {}
impl<T> ListItem for Vec<T> {}
impl<const P: u8, const S: i8> ListItem for Decimal<P, S> {}
impl<U: Unit> ListItem for Timestamp<U> {}

macro_rules! in_vec {
    ($($rust:ty)*) => {$(
        impl ListItem for $rust {}
    )*};
}
in_vec! {
    bool i8 i16 i32 i64 u16 u32 u64 f32 f64 &str String &[u8]
    F16 Date Time TimestampTz Duration Interval
}

impl<T: SqlItem + ListItem> SqlType for Vec<T> {
    const SQL: Sql = Sql::List(&T::ITEM_SQL);
}

impl<K: SqlType, V: SqlItem> SqlType for Vec<(K, V)> {
    const SQL: Sql = Sql::Map(&K::SQL, &V::ITEM_SQL);
}

macro_rules! sql_types {
    ($($rust:ty, $sql:literal;)*) => {$(
        impl SqlType for $rust {
            const SQL: Sql = Sql::Name($sql);
        }
    )*};
}
sql_types! {
    bool, "BOOLEAN";
    i8, "TINYINT";
    u8, "TINYINT UNSIGNED";
    i16, "SMALLINT";
    u16, "SMALLINT UNSIGNED";
    i32, "INT";
    u32, "INT UNSIGNED";
    i64, "BIGINT";
    u64, "BIGINT UNSIGNED";
    f32, "FLOAT";
    f64, "DOUBLE";
    &str, "VARCHAR";
    String, "VARCHAR";
    &[u8], "BYTEA";
    Vec<u8>, "BYTEA";
    F16, "ARROW('Float16')";
    AnyDecimal, "DECIMAL(*)";
    Date, "DATE";
    Time, "TIME";
    TimestampTz, "TIMESTAMP WITH TIME ZONE";
    Duration, "ARROW('Duration(ns)')";
    Interval, "INTERVAL";
}

impl<const P: u8, const S: i8> SqlType for Decimal<P, S> {
    const SQL: Sql = Sql::Decimal(P, S);
}

impl<U: Unit> SqlType for Timestamp<U> {
    const SQL: Sql = Sql::Name(U::SQL);
}

/// The declaration of one function, as the custom section holds it.
#[derive(Clone, Copy, Debug)]
pub struct Declaration<'a> {
    /// The SQL name.
    pub name: &'a str,
    /// The arguments, in order.
    pub parameters: &'a [Parameter],
    /// The defaults of the last arguments, by name, as constants of SQL.
    pub defaults: &'a [(&'a str, &'a str)],
    /// The result's SQL type.
    pub returns: Sql,
    /// `IMMUTABLE`, `STABLE` or `VOLATILE`; none leaves it to the engine.
    pub volatility: Option<&'a str>,
    /// The symbol, if it is not the name.
    pub export: Option<&'a str>,
    /// The options of `WITH`, separated by commas; empty for none.
    pub options: &'a str,
    /// The description, from the doc comment; empty for none.
    pub comment: &'a str,
}

/// The kind of a function.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A function with a result for each row.
    Scalar,
    /// A function with a result for each group of rows, and the fields of its
    /// state.
    Aggregate(&'static [(&'static str, Sql)]),
    /// A function with a result for each row of a partition.
    Window,
    /// A function whose result is a table; its return type is the struct of a
    /// row.
    Table,
}

/// One argument of a [`Declaration`].
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The SQL name.
    pub name: &'static str,
    /// The SQL type.
    pub sql: Sql,
    /// True if the function is called for rows whose argument is null.
    pub sees_nulls: bool,
}

impl Declaration<'_> {
    /// Returns the length of the statement, in bytes.
    pub const fn statement_len(&self) -> usize {
        self.write::<0>(Kind::Scalar).length
    }

    /// Returns the statement, whose [length](Self::statement_len) is `N`.
    pub const fn statement<const N: usize>(&self) -> [u8; N] {
        self.write(Kind::Scalar).bytes
    }

    /// Returns the default of the argument of a name.
    const fn default(&self, parameter: &str) -> Option<&str> {
        let mut index = 0;
        while index < self.defaults.len() {
            let (name, default) = self.defaults[index];
            if is_same(name, parameter) {
                return Some(default);
            }
            index += 1;
        }
        None
    }

    pub(crate) const fn write<const N: usize>(&self, kind: Kind) -> Text<N> {
        let mut text = Text::new();
        text.push(match kind {
            Kind::Scalar | Kind::Table => "CREATE FUNCTION ",
            Kind::Aggregate(_) => "CREATE AGGREGATE FUNCTION ",
            Kind::Window => "CREATE WINDOW FUNCTION ",
        });
        text.push_quoted(self.name, b'"');
        text.push("(");
        let mut sees_nulls = false;
        let mut defaults = 0;
        let mut index = 0;
        while index < self.parameters.len() {
            let parameter = &self.parameters[index];
            if index > 0 {
                text.push(", ");
            }
            text.push_quoted(parameter.name, b'"');
            text.push(" ");
            text.push_sql(&parameter.sql);
            if let Some(default) = self.default(parameter.name) {
                text.push(" DEFAULT ");
                text.push(default);
                defaults += 1;
            } else {
                assert!(
                    defaults == 0,
                    "expected defaults of the last arguments, found one before an argument \
                     without"
                );
            }
            sees_nulls |= parameter.sees_nulls;
            index += 1;
        }
        assert!(
            defaults == self.defaults.len(),
            "expected defaults of arguments, each once, found one of another name"
        );
        text.push(") RETURNS ");
        match (kind, self.returns) {
            (Kind::Table, Sql::Struct(columns)) => text.push_fields("TABLE (", columns),
            _ => text.push_sql(&self.returns),
        }
        if let Kind::Aggregate(state) = kind {
            text.push_fields(" STATE (", state);
        }
        self.write_clauses(&mut text, sees_nulls);
        text.push(";\n");
        text
    }

    /// Writes the clauses after the signature.
    const fn write_clauses<const N: usize>(&self, text: &mut Text<N>, sees_nulls: bool) {
        text.push(" LANGUAGE WASM");
        if let Some(volatility) = self.volatility {
            text.push(" ");
            text.push(volatility);
        }
        text.push(if sees_nulls {
            " CALLED ON NULL INPUT"
        } else {
            " STRICT"
        });
        if let Some(symbol) = self.export {
            text.push(" EXPORT ");
            text.push_quoted(symbol, b'\'');
        }
        if !self.options.is_empty() {
            text.push(" WITH (");
            text.push(self.options);
            text.push(")");
        }
        if !self.comment.is_empty() {
            text.push(" COMMENT ");
            text.push_quoted(self.comment, b'\'');
        }
    }
}

/// Compares two texts, in constants.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut is_same = one.len() == other.len();
    let mut index = 0;
    while is_same && index < one.len() {
        is_same = one[index] == other[index];
        index += 1;
    }
    is_same
}

impl<const N: usize> Text<N> {
    const fn push_sql(&mut self, sql: &Sql) {
        match sql {
            Sql::Name(name) => self.push(name),
            Sql::Decimal(precision, scale) => {
                self.push("DECIMAL(");
                self.push_number(*precision as i16);
                self.push(", ");
                self.push_number(*scale as i16);
                self.push(")");
            }
            Sql::List(item) => {
                self.push_sql(item);
                self.push("[]");
            }
            Sql::Struct(fields) => self.push_fields("STRUCT(", fields),
            Sql::Map(key, value) => {
                self.push("MAP(");
                self.push_sql(key);
                self.push(", ");
                self.push_sql(value);
                self.push(")");
            }
        }
    }

    /// Pushes names and types, between `open` and a parenthesis.
    const fn push_fields(&mut self, open: &str, fields: &[(&str, Sql)]) {
        self.push(open);
        let mut index = 0;
        while index < fields.len() {
            let (name, sql) = &fields[index];
            if index > 0 {
                self.push(", ");
            }
            self.push_quoted(name, b'"');
            self.push(" ");
            self.push_sql(sql);
            index += 1;
        }
        self.push(")");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURE: Declaration<'_> = Declaration {
        name: "say \"hi\"",
        parameters: &[
            Parameter {
                name: "x",
                sql: <i64 as SqlType>::SQL,
                sees_nulls: true,
            },
            Parameter {
                name: "y",
                sql: <&str as SqlType>::SQL,
                sees_nulls: false,
            },
        ],
        defaults: &[("y", "'one'")],
        returns: <Decimal<38, -10> as SqlType>::SQL,
        volatility: Some("STABLE"),
        export: Some("say_hi"),
        options: "fuel_per_row = 5, memory = '1MB'",
        comment: "Says \"hi\".\n\nIt's short.",
    };

    #[test]
    fn statement_has_every_clause_in_the_order_of_the_grammar() {
        const BYTES: [u8; MEASURE.statement_len()] = MEASURE.statement();
        assert_eq!(
            str::from_utf8(&BYTES).unwrap(),
            "CREATE FUNCTION \"say \"\"hi\"\"\"(\"x\" BIGINT, \"y\" VARCHAR DEFAULT 'one') \
             RETURNS DECIMAL(38, -10) LANGUAGE WASM STABLE CALLED ON NULL INPUT EXPORT 'say_hi' \
             WITH (fuel_per_row = 5, memory = '1MB') \
             COMMENT 'Says \"hi\".\n\nIt''s short.';\n"
        );
    }

    #[test]
    fn function_without_arguments_is_strict() {
        let constant = Declaration {
            name: "pi",
            parameters: &[],
            defaults: &[],
            returns: f64::SQL,
            volatility: None,
            export: None,
            options: "",
            comment: "",
        };
        let statement = "CREATE FUNCTION \"pi\"() RETURNS DOUBLE LANGUAGE WASM STRICT;\n";
        assert_eq!(constant.statement_len(), statement.len());
        assert_eq!(
            constant.statement(),
            *b"CREATE FUNCTION \"pi\"() RETURNS DOUBLE LANGUAGE WASM STRICT;\n"
        );
    }
}
