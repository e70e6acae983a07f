//! Formats of results, and files that they are written to.

use std::fs;

use crate::{check, check_error, shell};

/// Nulls and empty strings, alone and within lists, structs and maps.
const NESTED: &str = "SELECT * FROM (VALUES
    (1, '', [1, NULL], {'a': ''}, MAP {7: ''}),
    (2, NULL, NULL, {'a': NULL}, NULL)) AS t(n, s, l, r, m) ORDER BY n";

#[test]
fn nested_values_are_json_and_nulls_are_told_apart() {
    check(
        &["--format", "csv", "-c", NESTED],
        "n,s,l,r,m\n1,\"\",\"[1,null]\",\"{\"\"a\"\":\"\"\"\"}\",\"{\"\"7\"\":\"\"\"\"}\"\n\
         2,,,\"{\"\"a\"\":null}\",\n",
    );
    check(
        &["--format", "ndjson", "-c", NESTED],
        "{\"n\":1,\"s\":\"\",\"l\":[1,null],\"r\":{\"a\":\"\"},\"m\":{\"7\":\"\"}}\n\
         {\"n\":2,\"s\":null,\"l\":null,\"r\":{\"a\":null},\"m\":null}\n",
    );
    let table = "\
+---+------+----------+------------+----------+
| n | s    | l        | r          | m        |
+---+------+----------+------------+----------+
| 1 |      | [1,null] | {\"a\":\"\"}   | {\"7\":\"\"} |
| 2 | NULL | NULL     | {\"a\":null} | NULL     |
+---+------+----------+------------+----------+
";
    check(&["-c", NESTED], table);
}

#[test]
fn lines_and_html_are_for_reading() {
    let sql = "SELECT 1 AS n, 'a<b' AS name UNION ALL SELECT 2, NULL ORDER BY n; SELECT 3 AS m";
    check(
        &["--format", "line", "-c", sql],
        "   n = 1\nname = a<b\n\n   n = 2\nname = NULL\n\nm = 3\n",
    );
    let html = shell(&["--format", "html", "-c", sql], "").stdout;
    let row = "<tr><td align=\"right\">1</td><td>a&lt;b</td></tr>";
    assert!(
        html.contains(row) && html.contains("<td class=\"null\">NULL</td>"),
        "{html}"
    );
}

#[test]
fn files_are_complete_or_as_before() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["parquet", "arrow"] {
        let file = folder.path().join(format!("x.{format}"));
        let output = ["--output", file.to_str().unwrap(), "--format", format, "-c"];
        let run = |sql: &str| shell(&[&output[..], &[sql]].concat(), "");
        let made = run("CREATE TABLE t AS VALUES (1), (2); SELECT column1 AS n FROM t");
        assert_eq!(
            (made.status, &*made.stdout, &*made.stderr),
            (Some(0), "", "")
        );
        let failed = run("SELECT 10 / (9000 - value) AS n FROM range(0, 10000)");
        assert_eq!(failed.status, Some(1), "{failed:?}");
        let second = run("SELECT 5 AS n; SELECT 6 AS n");
        assert!(second.stderr.contains("has a result already"), "{second:?}");
        let sql = format!("SELECT sum(n) AS s FROM '{}'", file.display());
        check(&["--format", "csv", "-c", &sql], "s\n5\n");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn formats_of_files_need_one() {
    check_error(
        &["--format", "parquet", "-c", "SELECT 1"],
        2,
        "--output <FILE>",
    );
    for file in ["/dev/null", "/", "/nowhere/x"] {
        let arguments = ["--format", "arrow", "--output", file, "-c", "SELECT 1 AS n"];
        check_error(&arguments, 1, "cannot write");
    }
}

#[test]
fn results_are_written_to_a_file_of_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.tsv");
    let path = file.to_str().unwrap();
    let sql = "SELECT 1 AS a, 'x\ty' AS b; SELECT 2 AS a";
    check(&["--format", "tsv", "--output", path, "-c", sql], "");
    let expected = "a\tb\n1\t\"x\ty\"\na\n2\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    // A file is replaced by a result, and kept if there is none.
    let failed = shell(&["--output", path, "-c", "SELECT 1 / 0 AS a"], "");
    assert_eq!(failed.status, Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    let empty = ["--format", "ndjson", "--output", path, "-c"];
    check(&[&empty[..], &["SELECT 1 AS a WHERE false"]].concat(), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}
