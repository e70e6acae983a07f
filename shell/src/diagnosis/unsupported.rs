//! Statements of other systems, and what does the same here.

use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

/// Begins of messages, and what to write.
const INSTEAD: [(&str, &str); 34] = [
    (
        "Unsupported SQL statement: ALTER VIEW",
        "write CREATE OR REPLACE VIEW",
    ),
    ("Unsupported SQL statement: BEGIN", TRANSACTIONS),
    ("Unsupported SQL statement: START", TRANSACTIONS),
    ("Unsupported SQL statement: COMMIT", TRANSACTIONS),
    ("Unsupported SQL statement: ROLLBACK", TRANSACTIONS),
    ("Unsupported SQL statement: SAVEPOINT", TRANSACTIONS),
    (
        "expected a table or a view after CREATE, found an index",
        "there are no indexes: leave it out",
    ),
    (
        "expected INSERT, UPDATE or DELETE, found MERGE",
        "UPDATE the rows that are there, and INSERT … SELECT … WHERE NOT EXISTS (…) the others",
    ),
    (
        "UPDATE ... FROM is not supported",
        "write a subquery: SET a = (SELECT …) WHERE EXISTS (SELECT …)",
    ),
    (
        "Using clause not supported",
        "write WHERE EXISTS (SELECT … FROM other WHERE …)",
    ),
    (
        "Insert-on clause not supported",
        "DELETE the rows that are replaced, or select those that are missing",
    ),
    ("ON conflict not supported", "leave it out"),
    ("Insert-returning clause not supported", RETURNING),
    ("Update-returning clause not yet supported", RETURNING),
    (
        "Delete-returning clause not yet supported",
        "select the rows before the statement",
    ),
    ("Unsupported SQL type JSON", TEXTS),
    ("Unsupported SQL type UUID", TEXTS),
    (
        "Unsupported SQL type SERIAL",
        "write BIGINT, and number rows by row_number() OVER () when they are inserted",
    ),
    (
        "Unsupported SQL type BIGSERIAL",
        "write BIGINT, and number rows by row_number() OVER () when they are inserted",
    ),
    (
        "Unsupported SQL type TIME(",
        "write TIME, which has nanoseconds",
    ),
    (
        "Unsupported SQL statement: SHOW DATABASES",
        "there is one catalog: type \\dt for its tables, \\dn for its schemas",
    ),
    (
        "Unsupported SQL statement: SHOW SCHEMAS",
        "type \\dn, or SELECT … FROM information_schema.schemata",
    ),
    (
        "sql parser error: Multiple objects not supported",
        "write a DROP for each",
    ),
    (
        "Unsupported SQL statement: PRAGMA",
        "settings are SET name = value, and SHOW ALL lists them",
    ),
    (
        "Unsupported SQL statement: USE",
        "write SET datafusion.catalog.default_schema = 'name'",
    ),
    (
        "Unsupported SQL statement: VACUUM",
        "there is nothing to clean up: leave it out",
    ),
    (
        "Unsupported SQL statement: ANALYZE",
        "write EXPLAIN ANALYZE query, or SUMMARIZE table",
    ),
    (
        "Unsupported SQL statement: CREATE INDEX",
        "there are no indexes: leave it out",
    ),
    (
        "Unsupported SQL statement: CREATE SEQUENCE",
        "number rows by row_number() OVER ()",
    ),
    (
        "Unsupported SQL statement: ATTACH",
        "start another shell: fusebox FILE",
    ),
    (
        "SHOW TABLES FILTER not supported",
        "type \\dt PATTERN, or SELECT … FROM information_schema.tables WHERE …",
    ),
    ("Check constraints are not", KEYS),
    ("Foreign key constraints are not", KEYS),
    (
        "Materialized views not supported",
        "write CREATE TABLE name AS SELECT …",
    ),
];

const TRANSACTIONS: &str = "each statement takes effect by itself: leave it out";

const UNDONE: &str = "each statement took effect by itself, and nothing is undone";

const RETURNING: &str = "select the rows after the statement";

const TEXTS: &str = "write VARCHAR: such a value is a text here";

const KEYS: &str = "NOT NULL, UNIQUE and PRIMARY KEY are enforced: leave it out";

/// Returns what to write instead of a statement that is not supported.
pub(super) fn hint(message: &str, tokens: &[TokenWithSpan]) -> Option<String> {
    if message.starts_with("expected a statement by itself, found a transaction") {
        let word = tokens.first().map(|token| token.token.to_string());
        let is_undone = matches!(
            word.unwrap_or_default().to_uppercase().as_str(),
            "ROLLBACK" | "ABORT"
        );
        return Some(match is_undone {
            true => UNDONE.to_owned(),
            false => TRANSACTIONS.to_owned(),
        });
    }
    // Types are quoted as they are written.
    let upper = message.to_uppercase();
    let mut known = INSTEAD.iter();
    let (_, instead) = known.find(|(begin, _)| upper.starts_with(&begin.to_uppercase()))?;
    Some((*instead).to_owned())
}
