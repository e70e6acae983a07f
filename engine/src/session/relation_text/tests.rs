//! Statements that are printed and read again.

use datafusion::prelude::SessionContext;
use sqlparser::dialect::dialect_from_str;

use super::*;

/// Returns the text of a statement, and whether it is read as the same one.
fn taken(sql: &str, dialect: &str) -> RelationText {
    let dialect = dialect_from_str(dialect).unwrap();
    let parser = DFParserBuilder::new(sql).with_dialect(dialect.as_ref());
    let mut statement = parser.build().unwrap().parse_statement().unwrap();
    let state = SessionContext::new().state();
    RelationText::take(&mut statement, &state).unwrap()
}

/// Literals that sqlparser's printer alone prints as others, and others that it does not.
const LITERALS: [&str; 12] = [
    "'it''s'",
    "''''''",
    "'a''''b'",
    "'\\'''",
    "'\\'''''",
    "'\\\\'",
    "E'\\'\\\\ \\n\\t'",
    "E'it''s'",
    "N''''''",
    "X'00ff'",
    "$$it's ''$$",
    "$a$ $$ ' $a$",
];

#[test]
fn literals_are_read_as_they_were() {
    for literal in LITERALS {
        for statement in [
            format!("CREATE VIEW v AS SELECT {literal} AS a FROM t WHERE b LIKE {literal}"),
            format!("CREATE VIEW v AS SELECT f(x => {literal}) FROM (VALUES ({literal})) AS t"),
            format!("CREATE TABLE t (a VARCHAR DEFAULT {literal}, b VARCHAR DEFAULT f({literal}))"),
            format!(
                "CREATE EXTERNAL TABLE t (a VARCHAR DEFAULT {literal}) STORED AS CSV \
                 WITH ORDER (f({literal})) LOCATION 'a.csv'"
            ),
        ] {
            let text = taken(&statement, "generic");
            assert!(text.is_faithful(), "{statement}: {}", text.sql());
            assert_eq!(taken(&text.sql(), "generic").sql(), text.sql());
            assert!(
                text.sql().contains(literal) || literal.starts_with('E'),
                "{}",
                text.sql()
            );
        }
    }
    let options = "CREATE EXTERNAL TABLE t STORED AS CSV OPTIONS ('format.null_value' '''''', \
                   'format.quote' E'\\'') LOCATION 'it''s.csv'";
    let text = taken(options, "generic");
    assert!(
        text.is_faithful() && text.sql().contains("''''''"),
        "{}",
        text.sql()
    );
}

#[test]
fn names_are_read_as_they_were() {
    let name = "\"a\"\"\"\"b\\\"\"\"";
    for statement in [
        format!("CREATE VIEW {name} AS SELECT {name}.{name} AS {name} FROM {name}"),
        format!("CREATE VIEW v ({name}) AS SELECT a FROM s.{name} AS {name} ({name})"),
        format!("CREATE TABLE {name} ({name} INT, b INT DEFAULT {name})"),
        format!("CREATE EXTERNAL TABLE {name} ({name} INT) STORED AS CSV LOCATION 'a.csv'"),
    ] {
        let text = taken(&statement, "generic");
        assert!(text.is_faithful(), "{}", text.sql());
        assert_eq!(
            text.sql().matches(name).count(),
            statement.matches(name).count()
        );
    }
}

/// Statements of other dialects are read in the generic one.
#[test]
fn texts_of_other_dialects_are_kept_if_they_mean_the_same() {
    for (statement, is_faithful) in [
        (
            "CREATE VIEW v AS SELECT 'it\\'s \\n' AS a FROM `t` WHERE `b` > 1",
            true,
        ),
        (
            "CREATE VIEW v AS SELECT 1 + 2 AS a, CAST('1' AS SIGNED) AS b",
            true,
        ),
        // A text in MySQL, and a name elsewhere.
        ("CREATE VIEW v AS SELECT \"a\" AS a", false),
    ] {
        let text = taken(statement, "mysql");
        assert_eq!(text.is_faithful(), is_faithful, "{}", text.sql());
    }
}
