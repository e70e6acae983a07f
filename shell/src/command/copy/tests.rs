//! Copies as statements, and their options.

use super::*;

#[test]
fn copies_are_statements() {
    for (text, expected) in [
        ("t TO 'a b.csv'", "COPY t TO 'a b.csv'"),
        ("t to x.parquet", "COPY t TO 'x.parquet'"),
        (
            "(SELECT ')' AS a FROM (SELECT 1)) TO x.csv",
            "COPY (SELECT ')' AS a FROM (SELECT 1)) TO 'x.csv'",
        ),
        ("\"Odd T\" to x.csv", "COPY \"Odd T\" TO 'x.csv'"),
        ("s.\"Odd (T\" to x.csv", "COPY s.\"Odd (T\" TO 'x.csv'"),
        ("t(b,a) to x.csv", "COPY (SELECT b,a FROM t) TO 'x.csv'"),
        (
            "\"Odd T\" (b) to x.csv",
            "COPY (SELECT b FROM \"Odd T\") TO 'x.csv'",
        ),
        ("t to 'it''s.csv'", "COPY t TO 'it''s.csv'"),
        ("t FROM x.csv", "COPY t FROM 'x.csv'"),
        ("t (a, b) FROM x.csv", "COPY t (a, b) FROM 'x.csv'"),
        (
            "t FROM 'x.csv' csv header",
            "COPY t FROM 'x.csv' (FORMAT csv, HEADER true)",
        ),
        (
            "t FROM x.csv with (format csv, header true, delimiter ',')",
            "COPY t FROM 'x.csv' (FORMAT csv, HEADER true, DELIMITER ',')",
        ),
        (
            "t FROM x.csv csv delimiter ';' null 'it''s'",
            "COPY t FROM 'x.csv' (FORMAT csv, DELIMITER ';', NULL 'it''s')",
        ),
        (
            "t FROM x.tsv (header false, quote '''', escape '|')",
            "COPY t FROM 'x.tsv' (HEADER false, QUOTE '''', ESCAPE '|')",
        ),
        (
            "\"Odd T\" (a, b) from x.csv (format JSON)",
            "COPY \"Odd T\" (a, b) FROM 'x.csv' (FORMAT json)",
        ),
    ] {
        assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
    }
    for text in ["", "t", "t TO", "t TO 'x", "(SELECT 1", "(SELECT 1) FROM x"] {
        assert_eq!(parse(text), Err(USAGE.to_owned()), "{text}");
    }
}

#[test]
fn options_of_psql_are_those_of_copy() {
    for (options, expected) in [
        (
            "WITH (FORMAT csv, HEADER)",
            " STORED AS CSV OPTIONS ('format.has_header' 'true')",
        ),
        (
            "(format csv, header false)",
            " STORED AS CSV OPTIONS ('format.has_header' 'false')",
        ),
        (
            "csv",
            " STORED AS CSV OPTIONS ('format.has_header' 'false')",
        ),
        (
            "csv header delimiter as ';' null 'NIL'",
            " STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.delimiter' ';', \
             'format.null_value' 'NIL')",
        ),
        (
            "(format 'csv', delimiter E'\\t', header, null 'it''s')",
            " STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.delimiter' '\t', \
             'format.null_value' 'it''s')",
        ),
        ("(format parquet)", " STORED AS PARQUET"),
        ("(header false)", " OPTIONS ('format.has_header' 'false')"),
        ("(encoding 'utf8')", ""),
    ] {
        let sql = parse(&format!("t TO 'x' {options}"));
        assert_eq!(sql, Ok(format!("COPY t TO 'x'{expected}")), "{options}");
    }
    for (text, expected) in [
        ("t TO x (force_quote *)", "unknown option force_quote"),
        ("t TO x (format xml)", "expected a format (csv, tsv"),
        ("t TO x (delimiter)", "expected a value after delimiter"),
        ("t TO x (encoding latin1)", "expected the encoding UTF8"),
        ("t FROM x.csv (force_null a)", "unknown option force_null"),
    ] {
        let refused = parse(text).unwrap_err();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

#[test]
fn standard_streams_are_not_files() {
    let out = |query: &str, format, has_header| Command::CopyOut {
        query: query.to_owned(),
        format,
        has_header,
    };
    for (text, expected) in [
        ("t to STDOUT", out("SELECT * FROM t", Format::Csv, true)),
        (
            "(SELECT 1) to stdout (format json)",
            out("(SELECT 1)", Format::Json, true),
        ),
        (
            "t (a) to stdout csv",
            out("(SELECT a FROM t)", Format::Csv, false),
        ),
        (
            "t (a) from stdin csv header",
            Command::CopyIn {
                table: "t (a)".to_owned(),
                format: "csv".to_owned(),
                options: " (FORMAT csv, HEADER true)".to_owned(),
            },
        ),
    ] {
        assert_eq!(Command::copy(text), expected, "{text}");
    }
    for text in ["t TO stdout (format parquet)", "t TO stdout (quote '*')"] {
        let Command::Instead(refused) = Command::copy(text) else {
            panic!("{text}");
        };
        assert!(refused.contains("format of text"), "{refused}");
    }
}
