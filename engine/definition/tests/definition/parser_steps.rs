//! Statements of which the parser tries parts again and again.

use std::path::Path;

use fusebox_definition::statement::{BoundedDialect, StatementSplitter};
use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect, dialect_from_str};
use sqlparser::parser::{Parser, ParserError};

const DIALECTS: [&str; 14] = [
    "generic",
    "mysql",
    "postgresql",
    "hive",
    "sqlite",
    "snowflake",
    "redshift",
    "mssql",
    "clickhouse",
    "bigquery",
    "ansi",
    "duckdb",
    "databricks",
    "oracle",
];

fn parsed(text: &str, dialect: &dyn Dialect) -> Result<Vec<Statement>, ParserError> {
    Parser::new(dialect)
        .with_recursion_limit(200)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
}

/// Parses a text as far as the steps suffice.
fn bounded(text: &str, dialect: &str) -> Result<Vec<Statement>, ParserError> {
    let dialect = BoundedDialect::new(dialect_from_str(dialect).unwrap(), text.len());
    let parsed = parsed(text, &dialect);
    dialect.check()?;
    parsed
}

fn is_refused(text: &str, dialect: &str) -> bool {
    bounded(text, dialect).is_err_and(|error| {
        let error = error.to_string();
        let is_refused = error.contains(" steps, found more at Line: 1, Column: ");
        assert!(is_refused || !error.contains("in at most"), "{error}");
        is_refused
    })
}

/// Constructs that are tried twice where they do not parse, each within the other.
#[test]
fn malformed_nests_are_refused() {
    let mut accepted = Vec::new();
    for (dialect, open) in [
        ("generic", "CAST("),
        ("generic", "TRY_CAST("),
        ("generic", "CONVERT("),
        ("generic", "CEIL("),
        ("generic", "floor("),
        ("generic", "substring("),
        ("generic", "position("),
        ("generic", "overlay("),
        ("generic", "NOT ("),
        ("generic", "CASE ("),
        ("generic", "CASE WHEN a THEN "),
        ("generic", "a.CAST("),
        ("generic", "1 + CAST(a + "),
        ("generic", "[CAST("),
        ("generic", "ARRAY[CEIL("),
        ("generic", "a IN ((SELECT "),
        ("generic", "a IN (VALUES ("),
        ("postgresql", "f("),
        ("mssql", "f(1, "),
        ("duckdb", "CAST("),
        ("bigquery", "CAST("),
        ("mysql", "CONVERT("),
    ] {
        for end in ["", "1", ")", "1 AS"] {
            let text = format!("SELECT {}{end}", open.repeat(60));
            // It ends, whatever the error is.
            let refused = is_refused(&text, dialect);
            if !refused && end == "1" {
                accepted.push((dialect, open));
            }
        }
    }
    assert_eq!(accepted, []);
}

/// Constructs that another rule of the parser refuses early, or that parse.
#[test]
fn other_nests_end() {
    for (dialect, open) in [
        ("generic", "NOT (a) = "),
        ("generic", "INTERVAL "),
        ("generic", "INTERVAL ("),
        ("generic", "(x) -> "),
        ("generic", "(SELECT a FROM ((SELECT "),
        ("snowflake", "INTERVAL "),
    ] {
        for end in ["", "1", ")", "1 AS"] {
            let text = format!("SELECT {}{end}", open.repeat(60));
            // The assertion of the outcome is in it.
            is_refused(&text, dialect);
        }
    }
}

/// Constructs that are tried twice although they parse.
#[test]
fn some_valid_nests_are_refused() {
    for (dialect, open, close) in [
        ("generic", "position(", ", 1)"),
        ("generic", "overlay(", ", 1, 2)"),
        ("postgresql", "f(", ")"),
        ("mssql", "f(", ")"),
    ] {
        let nested = |times: usize| {
            let (open, close) = (open.repeat(times), close.repeat(times));
            format!("SELECT {open}1{close}")
        };
        for times in 1..8 {
            bounded(&nested(times), dialect).unwrap();
        }
        assert!(is_refused(&nested(60), dialect), "{dialect}: {open}");
    }
}

/// Constructs that are parsed once, however deep they are.
#[test]
fn plain_nests_are_not_refused() {
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("- ", ""),
        ("NOT ", ""),
        ("NOT (", ")"),
        ("CAST(", " AS INT)"),
        ("CEIL(", ")"),
        ("extract(DAY FROM ", ")"),
        ("substring(", " FROM 2)"),
        ("position(1 IN ", ")"),
        ("CASE WHEN a THEN 1 ELSE ", " END"),
        ("CASE WHEN a THEN ", " END"),
        ("[", "]"),
        ("ARRAY[", "]"),
        ("{'a': ", "}"),
        ("(SELECT ", ")"),
        ("(SELECT * FROM (SELECT ", "))"),
        ("a IN (", ")"),
        ("a IN (SELECT ", ")"),
        ("EXISTS(SELECT ", ")"),
    ] {
        let (open, close) = (open.repeat(30), close.repeat(30));
        let text = format!("SELECT {open}1{close}");
        bounded(&text, "generic").unwrap_or_else(|error| panic!("{open}: {error}"));
        // Without an end, some of them are tried again.
        let _ = bounded(&format!("SELECT {open}"), "generic");
    }
    let list = |item: &str| format!("SELECT {}1", item.repeat(20_000));
    for item in [
        "1, ",
        "f(a), ",
        "CAST(1 AS INT), ",
        "NOT (a), ",
        "CASE WHEN a THEN 1 END, ",
    ] {
        bounded(&list(item), "generic").unwrap_or_else(|error| panic!("{item}: {error}"));
        bounded(&list(item), "postgresql").unwrap_or_else(|error| panic!("{item}: {error}"));
    }
}

/// Tables without expressions, which take no steps.
#[test]
fn subqueries_in_two_brackets_are_refused() {
    for (open, times) in [
        ("SELECT * FROM ((", 100),
        ("FROM ((", 100),
        ("SELECT * FROM t JOIN (((", 60),
    ] {
        let text = format!("{}t", open.repeat(times));
        let split = StatementSplitter::new(&text, "generic", 200)
            .next()
            .unwrap();
        let error = split.unwrap_err().to_string();
        assert!(
            error.contains("found too many in several at Line: 1, Column: "),
            "{error}"
        );
    }
}

/// A definition with a default that does not end, as of a module that was found.
#[test]
fn statements_of_fusebox_are_bounded() {
    for text in [
        format!("CREATE FUNCTION f(x INT DEFAULT {}", "CAST(".repeat(60)),
        format!("SUMMARIZE SELECT {}", "CAST(".repeat(60)),
    ] {
        let tokens = StatementSplitter::new(&text, "generic", 200)
            .next()
            .unwrap();
        let error = tokens.unwrap().parse().unwrap_err().to_string();
        assert!(error.contains("steps, found more at"), "{error}");
    }
}

/// All that the parser asks a dialect is answered alike: lines of the golden files, many of which
/// are statements, or parts of one.
#[test]
fn bounded_dialects_parse_as_those_without_bound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql-tests/slt");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: there are no golden files");
        return;
    };
    let mut compared = 0;
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "slt") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.len() < 400) {
            for name in DIALECTS {
                // Without bound, it would take too long.
                if is_refused(line, name) {
                    continue;
                }
                let dialect = dialect_from_str(name).unwrap();
                let expected = parsed(line, dialect.as_ref());
                assert_eq!(bounded(line, name), expected, "{name}: {line}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
}

/// A method that a new version of sqlparser adds would be that of the default dialect.
#[test]
fn methods_are_those_of_this_version_of_sqlparser() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let Ok(lock) = std::fs::read_to_string(lock) else {
        println!("skipped: there is no Cargo.lock");
        return;
    };
    let version = lock
        .split("name = \"sqlparser\"\nversion = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    assert_eq!(
        version,
        Some("0.62.0"),
        "compare the methods of sqlparser's trait Dialect with those in bounded_dialect.rs, and \
         then change the version here"
    );
}
