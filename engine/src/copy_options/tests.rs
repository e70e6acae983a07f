//! Statements before and after they are rewritten.

use super::*;

fn rewritten(sql: &str) -> Result<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = rewrite_copy(tokens.unwrap())?.into_iter();
    Ok(tokens.map(|token| token.token.to_string()).collect())
}

#[test]
fn options_in_brackets_are_clauses() {
    for (sql, expected) in [
        (
            "COPY t TO 'a.csv' (FORMAT csv, HEADER false, DELIMITER '|')",
            "COPY t TO 'a.csv' STORED AS CSV OPTIONS ('format.has_header' 'false', \
             'format.delimiter' '|')",
        ),
        (
            "explain copy (SELECT 1 AS \"to\") to 'a' WITH (header, null 'it''s', sep '\\t')",
            "explain copy (SELECT 1 AS \"to\") to 'a' OPTIONS ('format.has_header' 'true', \
             'format.null_value' 'it's', 'format.delimiter' '\t')",
        ),
        (
            "COPY t TO 'x/' (FORMAT 'parquet', PARTITION_BY (a, \"B\"), COMPRESSION zstd)",
            "COPY t TO 'x/' STORED AS PARQUET PARTITIONED BY (a, \"B\") OPTIONS \
             ('format.compression' 'zstd(3)')",
        ),
        (
            "COPY t TO 'x/' (FORMAT csv, APPEND)",
            "COPY t TO 'x/' STORED AS CSV OPTIONS ('format.append' 'true')",
        ),
        (
            "COPY t TO 'x/' (APPEND off, FORMAT csv)",
            "COPY t TO 'x/' STORED AS CSV OPTIONS ('format.append' 'false')",
        ),
        (
            "COPY t TO 'a.csv.gz' (COMPRESSION gzip)",
            "COPY t TO 'a.csv.gz' OPTIONS ('format.compression' 'gzip')",
        ),
        (
            "COPY s.t (a, b) FROM 'a.csv' WITH (FORMAT csv, HEADER)",
            "INSERT INTO s.t (a, b) SELECT * FROM 'a.csv\u{1f}copy\u{1f}into=s.t(a,b)\
             \u{1f}format.has_header=true'",
        ),
        (
            "COPY t FROM 'a.csv'",
            "INSERT INTO t SELECT * FROM 'a.csv\u{1f}copy\u{1f}into=t'",
        ),
        (
            "COPY t FROM 'a.tsv.gz' (HEADER false, DELIMITER '1', NULL 'N=A')",
            "INSERT INTO t SELECT * FROM 'a.tsv.gz\u{1f}copy\u{1f}into=t\u{1f}format.has_header=false\
             \u{1f}format.delimiter=1\u{1f}format.null_value=N=A'",
        ),
        (
            "COPY t FROM 'a.txt' (FORMAT csv, QUOTE '|', ESCAPE '!')",
            "INSERT INTO t SELECT * FROM 'a.txt\u{1f}copy\u{1f}format=csv\u{1f}into=t\u{1f}format.quote=|\
             \u{1f}format.escape=!'",
        ),
        (
            "COPY t FROM 'a' (HEADER false)",
            "INSERT INTO t SELECT * FROM 'a\u{1f}copy\u{1f}into=t\u{1f}format.has_header=false'",
        ),
        ("COPY t FROM 'a'", "INSERT INTO t SELECT * FROM 'a'"),
        (
            "COPY t FROM 'a.parquet' (HEADER, DELIMITER ',')",
            "INSERT INTO t SELECT * FROM 'a.parquet'",
        ),
        (
            "COPY t FROM 'a.ndjson' (FORMAT json)",
            "INSERT INTO t SELECT * FROM 'a.ndjson'",
        ),
        (
            "COPY t FROM 'folder/' (FORMAT csv)",
            "INSERT INTO t SELECT * FROM 'folder/\u{1f}copy\u{1f}format=csv\u{1f}into=t'",
        ),
    ] {
        assert_eq!(rewritten(sql).unwrap(), expected, "{sql}");
    }
}

#[test]
fn other_statements_stay() {
    for sql in [
        "COPY t TO 'a.csv'",
        "COPY t TO 'a' STORED AS CSV OPTIONS ('format.has_header' 'true')",
        "COPY t TO a.csv (FORMAT csv)",
        "COPY t TO 'a.csv' WITH HEADER ROW",
        "SELECT copy FROM 'a.csv' (1)",
        "COPY",
        "COPY (SELECT 1 FROM 'x' (1)",
        "",
    ] {
        assert_eq!(rewritten(sql).unwrap(), sql);
    }
}

#[test]
fn unknown_options_are_refused() {
    for (sql, expected) in [
        (
            "COPY t TO 'a' (FORCE_QUOTE *)",
            "found: force_quote at Line: 1, Column: 16",
        ),
        ("COPY t TO 'a' (DELIMITER)", "Expected: a value"),
        ("COPY t TO 'a' (HEADER maybe)", "found: maybe"),
        (
            "COPY t TO 'a/' (APPEND maybe)",
            "true or false after APPEND, found: maybe",
        ),
        ("COPY t FROM 'a.csv' (APPEND)", "found other options"),
        ("COPY t TO 'a' (HEADER", "a comma or the end"),
        ("COPY t TO 'a' ()", "FORMAT, HEADER"),
        ("COPY t TO 'a' (FORMAT csv) 1", "a comma or the end"),
        ("COPY t TO 'a' (PARTITION_BY (a)", "a comma or the end"),
        (
            "COPY t FROM 'a.parquet' (HEADER false)",
            "found other options",
        ),
        (
            "COPY t FROM 'a.json' (DELIMITER ';')",
            "CREATE EXTERNAL TABLE",
        ),
        (
            "COPY t FROM 'a.csv' (COMPRESSION gzip)",
            "found other options",
        ),
        (
            "COPY t FROM 'a.csv' (PARTITION_BY a)",
            "found other options",
        ),
        (
            "COPY t FROM 'a.csv' (DELIMITER ';;')",
            "one ASCII character after DELIMITER, QUOTE or ESCAPE, found: ;;",
        ),
        ("COPY t FROM 'a.csv' (QUOTE '')", "one ASCII character"),
        (
            "COPY t FROM 'a.csv' (NULL '\u{1f}')",
            "without the character U+001F",
        ),
        ("COPY t FROM 'a.json' (FORMAT csv)", "another FORMAT"),
        ("COPY t FROM 'a.csv.gz' (FORMAT parquet)", "another FORMAT"),
    ] {
        let error = rewritten(sql).unwrap_err().to_string();
        assert!(error.contains(expected), "{sql}: {error}");
    }
}
