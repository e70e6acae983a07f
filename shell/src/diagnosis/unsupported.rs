//! Statements of other systems, and what does the same here.

/// Begins of messages, and what to write.
const INSTEAD: [(&str, &str); 28] = [
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
        "Unsupported logical plan: Statement(Transaction",
        TRANSACTIONS,
    ),
    (
        "Unsupported logical plan: CreateIndex",
        "there are no indexes: leave it out",
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
    (
        "Insert-returning clause not supported",
        "select the rows after the statement",
    ),
    (
        "Multiple objects not supported",
        "write a statement for each",
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
    ("Unsupported SQL statement: CREATE USER", USERS),
    ("Unsupported SQL statement: CREATE ROLE", USERS),
    ("Unsupported SQL statement: GRANT", USERS),
    ("Unsupported SQL statement: REVOKE", USERS),
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

const KEYS: &str = "NOT NULL, UNIQUE and PRIMARY KEY are enforced: leave it out";

const USERS: &str = "there are no users: leave it out";

/// Returns what to write instead of a statement that is not supported.
pub(super) fn hint(message: &str) -> Option<String> {
    let mut known = INSTEAD.iter();
    let (_, instead) = known.find(|(begin, _)| message.starts_with(begin))?;
    Some((*instead).to_owned())
}
