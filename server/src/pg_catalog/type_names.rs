//! Names of types.

use crate::encoding::types::PgType;

/// Returns the name of a type as SQL has it.
pub(super) fn type_name(oid: i64, modifier: i64) -> String {
    let Some(pg_type) = u32::try_from(oid).ok().and_then(PgType::of_oid) else {
        return "???".to_owned();
    };
    let name = match pg_type.scalar.name() {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "time" => "time without time zone",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        other => other,
    };
    let array = if pg_type.is_array { "[]" } else { "" };
    match name {
        "numeric" if modifier >= 4 => {
            let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0xffff);
            format!("numeric({precision},{scale}){array}")
        }
        _ => format!("{name}{array}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_sql() {
        for (oid, modifier, expected) in [
            (20, -1, "bigint"),
            (1007, -1, "integer[]"),
            (1700, 655_366, "numeric(10,2)"),
            (1700, -1, "numeric"),
            (25, -1, "text"),
            (99, -1, "???"),
        ] {
            assert_eq!(type_name(oid, modifier), expected);
        }
    }
}
