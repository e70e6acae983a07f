//! Messages about mistakes: what to write instead.

use std::fs;

use crate::{check_error, shell};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Asserts that the last statement of a text fails with a message that contains `expected`, and
/// no texts for developers.
pub(crate) fn check_message(sql: &str, expected: &str) {
    let run = shell(&["--memory", "-c", sql], "");
    assert_eq!(run.status, Some(1), "{sql}: {run:?}");
    assert!(run.stderr.contains(expected), "{sql}: {}", run.stderr);
    for words in [
        "\\t",
        "Ident {",
        "Internal error",
        "caused by",
        "Error during planning",
        "not implemented",
        "ParserError",
        "embedder",
    ] {
        assert!(!run.stderr.contains(words), "{sql}: {}", run.stderr);
    }
}

#[test]
fn arguments_of_other_types_are_told_in_plain_words() {
    for (sql, expected) in [
        (
            "SELECT abs('x')",
            "function 'abs' expects Numeric but received String; SHOW",
        ),
        (
            "SELECT strpos(1)",
            "expects 2 arguments but received 1; write strpos(String, String)",
        ),
        ("SELECT power('a', 'b')", "write power(Float64, Float64)"),
        (
            "SELECT stddev('a')",
            "function 'stddev' does not take (Utf8); write stddev(Float64)",
        ),
        (
            "SELECT coalesce()",
            "coalesce must have at least one argument",
        ),
        ("SELECT sum('a')", "function 'sum' requires Decimal"),
        (
            "SELECT sum(s) FROM (VALUES ('a')) AS t(s)",
            "but received String",
        ),
        ("SELECT round('a')", "function 'round' requires Decimal"),
        ("SELECT avg('a', 'b')", "expects 1 arguments but received 2"),
        (
            "SELECT 1 LIMIT 'a'",
            "error: Expected LIMIT to be an integer",
        ),
        ("SELECT abs(*)", "found *: only count takes *"),
        ("SELECT {a: 1}.b", "write ['b']"),
        ("SELECT substr('a')", "expects 2 or 3 arguments"),
        (
            "SELECT * FROM (SELECT 1 AS a) WHERE row_number() OVER () = 1",
            "filter by QUALIFY",
        ),
        (
            "COPY (SELECT INTERVAL '1 day' AS i) TO '/tmp/never.parquet'",
            "INTERVAL cannot be written to parquet: cast it",
        ),
    ] {
        check_message(sql, expected);
    }
}

#[test]
fn names_that_do_not_exist_are_found_elsewhere() {
    for (sql, expected) in [
        (
            "SELECT row_number()",
            "it is a window function: write row_number(…) OVER (…)",
        ),
        (
            "SELECT * FROM abs(1)",
            "it is a scalar function: write SELECT abs(…)",
        ),
        (
            "SELECT * FROM median(1)",
            "it is an aggregate function: write SELECT median(…)",
        ),
        ("SELECT read_csv('a.csv')", "write SELECT * FROM 'a.csv'"),
        (
            "SELECT * FROM read_json('a.json')",
            "write SELECT * FROM 'a.json'",
        ),
        (
            "SELECT * FROM a.csv",
            "write FROM 'a.csv' if you mean a file",
        ),
        (
            "SELECT * FROM data/a.csv",
            "write the name of a file in quotes: 'data/a.csv'",
        ),
        (
            "SELECT * FROM 'missing.xyz'",
            "a file that is a table ends in csv, tsv",
        ),
        ("SELECT rond(1.5)", "did you mean `round`?"),
        (
            "CREATE TABLE flights(a INT); DROP TABLE flihgts",
            "table 'flihgts' not found; did you mean `flights`?\n",
        ),
        (
            "SET datafusion.execution.batchsize = 3",
            "does not exist; did you mean `datafusion.execution.batch_size`?",
        ),
        (
            "SHOW batch_size",
            "did you mean `datafusion.execution.batch_size`?",
        ),
        (
            "SET timezon = 'x'",
            "setting `timezon` does not exist; did you mean",
        ),
        ("SET datafusion.execution.batch_size = 'x'", "batch_size`: "),
    ] {
        check_message(sql, expected);
    }
}

#[test]
fn functions_of_modules_are_found_by_kind_and_export() {
    let module = format!(
        "CREATE MODULE stats LANGUAGE WASM FROM '{ROOT}/target/guests/stats.wasm';
         IMPORT FUNCTIONS FROM MODULE stats;"
    );
    for (sql, expected) in [
        ("SELECT ema(1.0, 2.0)", "it is a window function"),
        ("SELECT * FROM geomean(1)", "it is an aggregate function"),
        (
            "CREATE FUNCTION hk LANGUAGE WASM FROM MODULE stats EXPORT 'geomen'",
            "has no arguments, and its module declares no export `geomen`: expected one of ",
        ),
        (
            "CREATE FUNCTION hk LANGUAGE WASM FROM MODULE stats",
            "declares no export `hk`: expected one of ",
        ),
    ] {
        check_message(&format!("{module}{sql}"), expected);
    }
}

#[test]
fn misspelt_keywords_are_marked_where_they_stand() {
    for (sql, expected) in [
        (
            "SELECT 1 FROM t WEHRE a = 1",
            "found: a at Line: 1, Column: 23; did you mean WHERE?\n  SELECT 1 FROM t WEHRE a = \
             1\n                  ^\n",
        ),
        ("SELECT a FORM t", "did you mean FROM?"),
        ("SELECT a FROM t GRUOP BY a", "did you mean GROUP?"),
        (
            "CREATE TABLE f(a INT); ALTER TABLE f ALTER COLUMN a SET NOT NULL",
            "found ALTER COLUMN a SET NOT NULL: create the table again",
        ),
        (
            "CREATE TABLE f(a INT CHECK (a > 0))",
            "NOT NULL, UNIQUE and PRIMARY KEY are enforced: leave it out",
        ),
        (
            "CREATE TABLE t(a INT); COPY t FROM STDIN",
            "type \\copy t FROM STDIN at the prompt",
        ),
        (
            "COPY (SELECT 1) TO 'x.csv' CSV HEADER",
            "write options as (FORMAT csv, HEADER, DELIMITER '|')",
        ),
        (
            "CREATE TEMPORARY EXTERNAL TABLE e STORED AS CSV LOCATION 'x.csv'",
            "an external table is never temporary",
        ),
        ("BEGIN", "each statement takes effect by itself"),
    ] {
        check_message(sql, expected);
    }
}

#[test]
fn urls_and_homes_are_no_paths_of_modules() {
    for (sql, expected) in [
        (
            "CREATE FUNCTION f LANGUAGE WASM AS 'https://example.org/a.wasm'",
            "expected a path, found the URL 'https://example.org/a.wasm'; download",
        ),
        (
            "CREATE MODULE m LANGUAGE WASM FROM 's3://bucket/a.wasm'",
            "expected a path, found the URL 's3://bucket/a.wasm'; download",
        ),
        (
            "CREATE MODULE m LANGUAGE WASM FROM '~/a.wasm'",
            "found '~/a.wasm', whose ~ only a command shell replaces",
        ),
        (
            "COPY (SELECT 1 AS a) TO '~/a.csv'",
            "whose ~ only a command shell replaces",
        ),
        (
            "SELECT * FROM '~/a.csv'",
            "whose ~ only a command shell replaces",
        ),
    ] {
        check_message(sql, expected);
    }
    #[cfg(not(feature = "remote"))]
    check_message(
        "SELECT * FROM 's3://bucket/a.csv'",
        "build it with `--features remote`",
    );
}

#[test]
fn built_in_functions_are_described() {
    for sql in ["DESCRIBE FUNCTION abs", "SHOW FUNCTION abs"] {
        let run = shell(&["--format", "csv", "-c", sql], "");
        assert_eq!(run.status, Some(0), "{run:?}");
        assert!(
            run.stdout
                .contains("arguments,numeric_expression Float64\n"),
            "{run:?}"
        );
        assert!(run.stdout.contains("volatility,IMMUTABLE\n"), "{run:?}");
    }
    check_error(&["-c", "DESCRIBE FUNCTION nosuch"], 1, "does not exist");
}

#[test]
fn command_line_names_a_catalog_or_nothing_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, expected) in [
        ("script.sql", "to run a script"),
        ("data.csv", "to read a table"),
        ("data.parquet.gz", "to read a table"),
        ("functions", "functions.db to create one"),
    ] {
        let file = path(name);
        let run = shell(&[&file, "-c", "SELECT 1"], "");
        assert_eq!(run.status, Some(2), "{run:?}");
        assert!(run.stderr.contains(expected), "{run:?}");
        assert!(!folder.path().join(name).exists(), "{name}");
    }
    let run = shell(&["benhc"], "");
    assert!(
        run.stderr.contains("did you mean the command `bench`?"),
        "{run:?}"
    );
    let run = shell(&["select 1"], "");
    assert!(run.stderr.contains("type fusebox -c 'select 1'"), "{run:?}");
    // A script that exists is not a catalog either, and stays as it is.
    let script = path("there.sql");
    fs::write(&script, "SELECT 1;").unwrap();
    let run = shell(&[&script], "");
    assert!(
        run.stderr.contains(&format!("type fusebox -f {script}")),
        "{run:?}"
    );
    assert_eq!(fs::read_to_string(&script).unwrap(), "SELECT 1;");
    // A catalog of any name is opened again.
    let (new, renamed) = (path("new.sqlite"), path("renamed"));
    let created = shell(&[&new, "-c", "CREATE VIEW v AS SELECT 1 AS one"], "");
    assert_eq!(created.status, Some(0), "{created:?}");
    let dumped = shell(&[&new, "-c", ".dump"], "");
    assert!(dumped.stdout.contains("CREATE VIEW"), "{dumped:?}");
    fs::copy(&new, &renamed).unwrap();
    let run = shell(&[&renamed, "-c", "SELECT 1"], "");
    assert_eq!(run.status, Some(0), "{run:?}");
}

#[test]
fn included_file_that_is_missing_has_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("badi.sql");
    fs::write(&script, "SELECT 1;\n\\i nofile.sql\n").unwrap();
    let name = script.to_str().unwrap();
    let run = shell(&["-f", name], "");
    assert_eq!(run.status, Some(1), "{run:?}");
    let begin = format!("error: {name}:2: cannot read `nofile.sql`");
    assert!(run.stderr.starts_with(&begin), "{run:?}");
}

#[test]
fn file_without_an_ending_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noend");
    fs::write(&file, "a\n1\n").unwrap();
    let sql = format!("SELECT * FROM '{}'", file.display());
    check_message(&sql, "found no ending; state the format");
}

#[test]
fn copies_of_psql_keep_their_options() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (
        folder.path().join("it's.csv"),
        folder.path().join("two.csv"),
    );
    let quoted = one.display().to_string().replace('\'', "''");
    let script = format!(
        "CREATE TABLE \"Odd T\"(a INT, b VARCHAR);\n\
         INSERT INTO \"Odd T\" VALUES (1, NULL);\n\
         \\copy \"Odd T\"(b, a) to '{quoted}' (format csv, delimiter ';', null 'NIL', header false)\n\
         \\COPY \"Odd T\" to '{two}' csv header\n\
         CREATE TABLE u(a INT, b VARCHAR);\n\
         \\copy u from '{two}' csv header\n\
         .mode csv\n\
         SELECT count(*) AS n FROM u;\n",
        two = two.display()
    );
    let run = shell(&["-f", "-"], &script);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.ends_with("n\n1\n"), "{run:?}");
    assert_eq!(fs::read_to_string(&one).unwrap(), "NIL;1\n");
    assert_eq!(
        fs::read_to_string(&two).unwrap().lines().next(),
        Some("a,b")
    );
    let run = shell(&["-c", "\\copy t to 'x.csv' (force_quote *)"], "");
    assert!(run.stderr.contains("unknown option force_quote"), "{run:?}");
    // As COPY … FROM, which reads a file as its ending tells.
    for copy in [
        "\\copy t from 'x.csv' (format json)",
        "COPY t FROM 'x.csv' (FORMAT json)",
    ] {
        let run = shell(&["-c", copy], "");
        assert!(run.stderr.contains("another FORMAT"), "{run:?}");
    }
}

#[test]
fn patterns_of_commands_ignore_case_and_name_schemas() {
    let script = "CREATE SCHEMA s; CREATE TABLE s.kept(a INT); CREATE TABLE my_t(a INT);\n\
                  CREATE TABLE myxt(a INT);\n\
                  .mode csv\n\\dt s.*\n\\d K*\n.TABLES MY_T\n";
    let run = shell(&["-f", "-"], script);
    assert_eq!(
        (run.status, &*run.stdout),
        (
            Some(0),
            "schema,name,type\ns,kept,table\nschema,name,type\ns,kept,table\n\
             schema,name,type\npublic,my_t,table\n"
        ),
        "{run:?}"
    );
}

#[test]
fn errors_of_text_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.csv"), "n,s\n1,x\n").unwrap();
    fs::write(path("b.csv"), "n,s\n1,x,y\n").unwrap();
    let sql = format!("SELECT * FROM '{}'", path("*.csv").display());
    check_message(&sql, "file `b.csv`: Csv error: ");
    // Also what is only found when rows are read.
    let sql = format!(
        "CREATE EXTERNAL TABLE t(n INT, s VARCHAR) STORED AS CSV LOCATION '{}'
             OPTIONS ('format.has_header' 'true'); SELECT * FROM t",
        folder.path().display()
    );
    check_message(
        &sql,
        &format!("file `{}`: Csv error: ", path("b.csv").display()),
    );
    fs::write(path("c.json"), "{\"n\": 1}\n{\"n\": }\n").unwrap();
    let sql = format!("SELECT * FROM '{}'", path("*.json").display());
    check_message(&sql, "file `c.json`: Json error: ");
}
