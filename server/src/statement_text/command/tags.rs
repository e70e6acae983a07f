//! Tags of statements that the session executes.

use crate::statement_text::StatementText;

/// Tags of statements without a count, by their first word and the kind of object.
const TAGS: [(&str, &str, &str); 25] = [
    ("CREATE", "MODULE", "CREATE MODULE"),
    ("CREATE", "FUNCTION", "CREATE FUNCTION"),
    ("CREATE", "AGGREGATE", "CREATE FUNCTION"),
    ("CREATE", "WINDOW", "CREATE FUNCTION"),
    ("CREATE", "VIEW", "CREATE VIEW"),
    ("CREATE", "SCHEMA", "CREATE SCHEMA"),
    ("CREATE", "USER", "CREATE ROLE"),
    ("CREATE", "ROLE", "CREATE ROLE"),
    ("CREATE", "", "CREATE TABLE"),
    ("DROP", "MODULE", "DROP MODULE"),
    ("DROP", "FUNCTION", "DROP FUNCTION"),
    ("DROP", "VIEW", "DROP VIEW"),
    ("DROP", "SCHEMA", "DROP SCHEMA"),
    ("DROP", "USER", "DROP ROLE"),
    ("DROP", "ROLE", "DROP ROLE"),
    ("DROP", "", "DROP TABLE"),
    ("ALTER", "FUNCTION", "ALTER FUNCTION"),
    ("ALTER", "USER", "ALTER ROLE"),
    ("ALTER", "ROLE", "ALTER ROLE"),
    ("ALTER", "", "ALTER TABLE"),
    ("GRANT", "", "GRANT"),
    ("REVOKE", "", "REVOKE"),
    ("COMMENT", "", "COMMENT"),
    ("IMPORT", "", "IMPORT FUNCTIONS"),
    ("PREPARE", "", "PREPARE"),
];

/// Tags of other statements that are no queries.
const OTHERS: [(&str, &str); 12] = [
    ("INSERT", "INSERT"),
    ("UPDATE", "UPDATE"),
    ("DELETE", "DELETE"),
    ("COPY", "COPY"),
    ("SHOW", "SHOW"),
    ("EXPLAIN", "EXPLAIN"),
    ("DESCRIBE", "SHOW"),
    ("DESC", "SHOW"),
    ("SET", "SET"),
    ("RESET", "RESET"),
    ("DEALLOCATE", "DEALLOCATE"),
    ("TRUNCATE", "TRUNCATE TABLE"),
];

/// Words between `CREATE` and the kind of the object.
const MODIFIERS: [&str; 7] = [
    "OR",
    "REPLACE",
    "TEMP",
    "TEMPORARY",
    "EXTERNAL",
    "UNBOUNDED",
    "MATERIALIZED",
];

/// Returns the tag of a statement of the session.
pub(super) fn tag(statement: &StatementText) -> &'static str {
    let first = statement.word(0);
    if let Some((_, tag)) = OTHERS.iter().find(|(word, _)| *word == first) {
        return tag;
    }
    let mut index = 1;
    while MODIFIERS.contains(&statement.word(index).as_str()) {
        index += 1;
    }
    let kind = statement.word(index);
    let is_named =
        |(word, of, _): &&(&str, &str, &str)| first == *word && (of.is_empty() || kind == *of);
    TAGS.iter()
        .find(is_named)
        .map_or("SELECT", |(_, _, tag)| tag)
}
