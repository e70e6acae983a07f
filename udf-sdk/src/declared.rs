//! The declaration of a function of any kind.

use crate::sql::{Declaration, Kind};

/// The declaration of a function of any kind, as the custom section holds it.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    /// The kind of function.
    pub kind: Kind,
    /// The declaration of its signature.
    pub declaration: Declaration<'a>,
}

impl Declared<'_> {
    /// Returns the length of the statement, in bytes.
    pub const fn statement_len(&self) -> usize {
        self.declaration.write::<0>(self.kind).length
    }

    /// Returns the statement, whose [length](Self::statement_len) is `N`.
    pub const fn statement<const N: usize>(&self) -> [u8; N] {
        self.declaration.write(self.kind).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::sql::{Parameter, Sql, SqlType};

    #[track_caller]
    fn check<const N: usize>(declared: &Declared<'_>, expected: &[u8; N]) {
        assert_eq!(declared.statement_len(), N);
        assert_eq!(
            str::from_utf8(&declared.statement::<N>()),
            str::from_utf8(expected)
        );
    }

    const FIELDS: &[(&str, Sql)] = &[("a", i64::SQL), ("b c", <Vec<f64> as SqlType>::SQL)];

    const DECLARATION: Declaration<'_> = Declaration {
        name: "f",
        parameters: &[Parameter {
            name: "x",
            sql: f64::SQL,
            sees_nulls: false,
        }],
        defaults: &[],
        returns: Sql::Struct(FIELDS),
        volatility: None,
        export: None,
        options: "",
        comment: "",
    };

    #[test]
    fn statement_declares_the_kind_of_the_function() {
        let mut declared = Declared {
            kind: Kind::Aggregate(FIELDS),
            declaration: DECLARATION,
        };
        check(
            &declared,
            b"CREATE AGGREGATE FUNCTION \"f\"(\"x\" DOUBLE) \
              RETURNS STRUCT(\"a\" BIGINT, \"b c\" DOUBLE[]) \
              STATE (\"a\" BIGINT, \"b c\" DOUBLE[]) LANGUAGE WASM STRICT;\n",
        );
        declared.kind = Kind::Table;
        check(
            &declared,
            b"CREATE FUNCTION \"f\"(\"x\" DOUBLE) \
              RETURNS TABLE (\"a\" BIGINT, \"b c\" DOUBLE[]) LANGUAGE WASM STRICT;\n",
        );
        declared.kind = Kind::Window;
        declared.declaration.returns = i64::SQL;
        check(
            &declared,
            b"CREATE WINDOW FUNCTION \"f\"(\"x\" DOUBLE) RETURNS BIGINT LANGUAGE WASM STRICT;\n",
        );
    }
}
