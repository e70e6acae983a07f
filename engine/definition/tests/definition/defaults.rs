//! Constants of SQL, as definitions store them: the defaults of parameters.

use fusebox_definition::statement::{FuseboxStatement, StatementSplitter, parse_constant, to_sql};

/// Constants that are stored as they are written. Each is read by all later versions.
const STORED: [&str; 19] = [
    "1",
    "-1",
    "+1",
    "1.5",
    "1e10",
    "'it''s'",
    "''",
    "''''''",
    "'\\'''",
    "X'ff00'",
    "true",
    "false",
    "NULL",
    "DATE '2020-01-01'",
    "TIMESTAMP '2020-01-01 00:00:00'",
    "INTERVAL '1' DAY",
    "CAST('1' AS BIGINT)",
    "(1)",
    "[1, NULL, -2]",
];

/// Returns the default of a parameter as the definition has it.
fn stored(constant: &str) -> Option<String> {
    let text = format!(
        "CREATE FUNCTION f(x BIGINT DEFAULT {constant}) RETURNS BIGINT LANGUAGE WASM AS 'm.wasm'"
    );
    let statement = StatementSplitter::new(&text, "generic", 50).next().unwrap();
    match statement.unwrap().parse().unwrap() {
        Some(FuseboxStatement::CreateFunction(create)) => {
            create.arguments.unwrap().remove(0).default
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn stored_constants_are_those_of_all_releases() {
    for constant in STORED {
        assert_eq!(stored(constant).as_deref(), Some(constant));
        let read = parse_constant(constant).map(|expr| to_sql(&expr));
        assert_eq!(read.as_deref(), Some(constant));
    }
    assert_eq!(stored("ARRAY[1,2]").as_deref(), Some("ARRAY[1, 2]"));
}
