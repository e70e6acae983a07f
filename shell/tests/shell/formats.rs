//! Formats of results, and files that they are written to.

use std::fs;

use crate::{DATA, check, check_error, shell};

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

#[test]
fn titles_have_constants_as_in_sql() {
    let sql = "SELECT 1, sum(value) / 2, max('it''s') || '' FROM range(0, 5)";
    check(
        &["--format", "tsv", "-c", sql],
        "1\tsum(range().value) / 2\tmax('it''s') || ''\n1\t5\tit's\n",
    );
    check(&["-c", "SELECT 1"], "+---+\n| 1 |\n+---+\n| 1 |\n+---+\n");
    // Windows are those of SQL, too.
    let window = "SELECT row_number() OVER (ORDER BY value DESC) FROM range(0, 2)";
    check(
        &["--format", "tsv", "-c", window],
        "row_number() OVER (ORDER BY range().value DESC)\n1\n2\n",
    );
    // Brackets, casts, lists and orders are those of the statement.
    let written = "SELECT (1 + 2) * 3, 10 / (5 - 3), 1 in (1,2), avg(a)::int, a, \
                   string_agg('x', ';' ORDER BY a DESC), 2 | 1 AS x FROM (VALUES (1)) AS t(a) GROUP BY a";
    check(
        &["--format", "tsv", "-c", written],
        "(1 + 2) * 3\t10 / (5 - 3)\t1 IN (1, 2)\tavg(a)::INT\ta\t\
         string_agg('x', ';' ORDER BY a DESC)\tx\n9\t5\ttrue\t1\t1\tx\t3\n",
    );
    // Columns of equal names have equal titles.
    let equal = "SELECT 1, 1, 'a' AS x, 'b' AS x";
    check(&["--format", "csv", "-c", equal], "1,1,x,x\n1,1,a,b\n");
    let counts = "SELECT count(*), count(*), value, value FROM range(0, 1) GROUP BY value";
    let expected = "count(*)\tcount(*)\tvalue\tvalue\n1\t1\t0\t0\n";
    check(&["--format", "tsv", "-c", counts], expected);
    // Names that would be the same stay apart.
    let twins = "SELECT 1 AS \"Int64(7)\", 2 AS \"7\"";
    check(&["--format", "csv", "-c", twins], "Int64(7),7\n1,2\n");
}

#[test]
fn names_of_columns_are_left_out_if_asked_for() {
    let sql = "SELECT 1 AS number, 'x' AS s; SELECT 2 AS n WHERE false";
    for (format, expected) in [
        ("csv", "1,x\n"),
        ("tsv", "1\tx\n"),
        ("table", "+---+---+\n| 1 | x |\n+---+---+\n+--+\n+--+\n"),
        ("ndjson", "{\"number\":1,\"s\":\"x\"}\n"),
        (
            "markdown",
            "| number | s |\n|--------|---|\n|      1 | x |\n\n| n |\n|---|\n",
        ),
    ] {
        check(&["--no-header", "--format", format, "-c", sql], expected);
    }
    let html = shell(&["--no-header", "--format", "html", "-c", sql], "").stdout;
    assert!(!html.contains("<th>"), "{html}");
    let script = "\\t\n.mode csv\nSELECT 1 AS n;\n.headers on\nSELECT 2 AS n;\n";
    let run = shell(&[], script);
    assert_eq!(run.stdout, "1\nn\n2\n", "{run:?}");
}

#[test]
fn rows_come_in_the_order_of_files_and_queries() {
    let flights = format!("{DATA}/flights-2013-01.parquet");
    let sql = format!(
        "SET datafusion.execution.target_partitions = 4;
         SET datafusion.optimizer.repartition_file_min_size = 0;
         SELECT day FROM '{flights}'; SELECT 3 AS day UNION ALL SELECT 1 UNION ALL SELECT 2"
    );
    let run = shell(&["--format", "csv", "--no-header", "-c", &sql], "");
    let days: Vec<i64> = run.stdout.lines().map(|day| day.parse().unwrap()).collect();
    let (flights, union) = days.split_at(days.len() - 3);
    assert_eq!(
        (flights.len(), union),
        (27_004, &[3, 1, 2][..]),
        "{}",
        run.stderr
    );
    assert!(flights.is_sorted());
}

#[test]
fn types_of_columns_are_those_of_sql() {
    let sql = "CREATE TABLE t(a BIGINT NOT NULL, b VARCHAR); DESCRIBE t; describe select 1 as a";
    check(
        &["--format", "csv", "-c", sql],
        "column_name,data_type,is_nullable\na,BIGINT,NO\nb,VARCHAR,YES\n\
         column_name,data_type,is_nullable\na,BIGINT,NO\n",
    );
    let sql = "SUMMARIZE SELECT 1 AS a, 'x' AS b";
    let run = shell(&["--format", "csv", "-c", sql], "");
    let types = run.stdout.lines().filter_map(|line| line.split(',').nth(1));
    let types: Vec<&str> = types.collect();
    assert_eq!(types, ["column_type", "BIGINT", "VARCHAR"], "{run:?}");
}

#[test]
fn spans_of_time_are_days_and_hours() {
    let sql = "SELECT TIMESTAMP '2013-02-01 05:00:00' - TIMESTAMP '2013-01-01 00:00:00' AS a, \
               TIMESTAMP '2013-01-01 00:00:00' + INTERVAL '1 day 1:30' AS b, \
               TIMESTAMP '2013-01-01 00:00:00' - '0:00:01.5'::interval AS c";
    check(
        &["--format", "csv", "-c", sql],
        "a,b,c\n31 days 05:00:00,2013-01-02T01:30:00,2012-12-31T23:59:58.500\n",
    );
}
