//! Types of parameters of queries of the catalog.

use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParser, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType, Expr, Value, visit_expressions};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;

use super::clauses::type_name;

/// OIDs of `oid` and of its array.
const OID: u32 = 26;
const OID_ARRAY: u32 = 1_028;

/// Maximum number of parameters, as in the protocol.
const PARAMETERS_MAX: usize = 65_535;

/// Returns the OIDs of the types of parameters: those that the client states, and else those of
/// casts to identifiers and arrays of them, which drivers encode as such.
pub(crate) fn parameter_oids(sql: &str, stated: &[u32]) -> Vec<u32> {
    let mut oids = stated.to_vec();
    let parsed = DFParser::parse_sql_with_dialect(sql, &PostgreSqlDialect {});
    for statement in parsed.unwrap_or_default() {
        let DfStatement::Statement(statement) = statement else {
            continue;
        };
        let _ = visit_expressions(statement.as_ref(), |expr| {
            if let Some((number, oid)) = cast_parameter(expr) {
                oids.resize(oids.len().max(number), 0);
                if oids[number - 1] == 0 {
                    oids[number - 1] = oid;
                }
            }
            ControlFlow::<()>::Continue(())
        });
    }
    oids
}

/// Returns the number of a parameter, from 1, and the OID of the type to which it is cast.
fn cast_parameter(expr: &Expr) -> Option<(usize, u32)> {
    let Expr::Cast {
        expr, data_type, ..
    } = expr
    else {
        return None;
    };
    let Expr::Value(value) = expr.as_ref() else {
        return None;
    };
    let Value::Placeholder(name) = &value.value else {
        return None;
    };
    let number = name.strip_prefix('$')?.parse().ok()?;
    let (item, oid) = match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => (item.as_ref(), OID_ARRAY),
        other => (other, OID),
    };
    let is_oid = type_name(item)? == "oid" && (1..=PARAMETERS_MAX).contains(&number);
    is_oid.then_some((number, oid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_identifiers_by_their_casts() {
        let sql = "SELECT 1 FROM pg_type WHERE oid = any($2::oid[]) AND typelem = $1::oid \
                   AND typname = $3::text";
        assert_eq!(parameter_oids(sql, &[]), [OID, OID_ARRAY]);
        assert_eq!(parameter_oids(sql, &[20, 0, 25]), [20, OID_ARRAY, 25]);
        assert_eq!(parameter_oids("SELECT $0::oid, $x::oid", &[]), [0_u32; 0]);
    }
}
