//! Files of separated values that statements read and write.

use std::fs;

use crate::{check, check_error, shell};

/// Arrow reads no quotes around the empty string.
#[test]
fn nulls_and_empty_strings_in_csv_are_told_apart_by_an_option() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let sql = "COPY (SELECT * FROM (VALUES (1, ''), (2, NULL), (3, 'x')) AS t(n, s))
             TO 'x.csv' OPTIONS ('format.null_value' 'NIL');
         CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x.csv'
             OPTIONS ('format.has_header' 'true');
         SELECT n, CASE WHEN s = 'NIL' THEN NULL ELSE coalesce(s, '') END AS s FROM t ORDER BY n";
    let arguments = ["--root", &root, "--format", "csv", "-c", sql];
    check(&arguments, "count\n3\nn,s\n1,\"\"\n2,\n3,x\n");
    let file = folder.path().join("x.csv");
    let written = fs::read_to_string(file).unwrap();
    assert_eq!(written, "n,s\n1,\n2,NIL\n3,x\n");
}

#[test]
fn empty_strings_of_csv_have_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let rows = "(VALUES (1, ''), (2, NULL), (3, 'x')) AS t(n, s)";
    let sql = format!(
        "COPY (SELECT * FROM {rows}) TO 'x.csv';
         COPY (SELECT * FROM {rows}) TO 'y.tsv' (HEADER false);
         COPY (SELECT s FROM {rows}) TO 'z.csv';
         SELECT count(*) AS n FROM 'z.csv'"
    );
    let counts = "count\n3\n".repeat(3);
    let arguments = ["--root", &root, "--format", "csv", "-c", &sql];
    check(&arguments, &format!("{counts}n\n3\n"));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("x.csv"), "n,s\n1,\"\"\n2,\n3,x\n");
    assert_eq!(read("y.tsv"), "1\t\"\"\n2\t\n3\tx\n");
    assert_eq!(read("z.csv"), "s\n\"\"\n\"\"\nx\n");
}

#[test]
fn delimiters_of_files_are_detected() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.csv", "tailnum;year;price\nN1;2004;1,5\n\"N;2\";2005;\n");
    write("b.csv", "tailnum|year|price\nN3|2006|x\n");
    write("c.csv", "tailnum\tyear\tprice\nN4\t2007\t\n");
    write("d.csv", "tailnum;year\nN1;2004\n\"N2\";2005\n");
    write("one.csv", "note\na;b\n");
    let root = folder.path().display().to_string();
    let sql = "CREATE TABLE t AS SELECT * FROM 'a.csv';
         COPY t FROM 'b.csv';
         COPY t (tailnum, year, price) FROM 'c.csv' (HEADER);
         SELECT * FROM t ORDER BY year;
         SELECT * FROM 'one.csv'";
    check(
        &["--root", &root, "--format", "csv", "-c", sql],
        "count\n1\ncount\n1\ntailnum,year,price\nN1,2004,\"1,5\"\nN;2,2005,\nN3,2006,x\n\
         N4,2007,\nnote\na;b\n",
    );
    // A delimiter that is stated, and that of an external table.
    for (sql, expected) in [
        (
            "CREATE TABLE t(a VARCHAR, b VARCHAR, c VARCHAR); COPY t FROM 'a.csv' (DELIMITER ',')",
            "file `a.csv` cannot be read: expected 3 columns, as many as COPY fills, found 1; name",
        ),
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'd.csv'; SELECT year FROM t",
            "OPTIONS ('format.delimiter' ';')",
        ),
    ] {
        check_error(&["--root", &root, "-c", sql], 1, expected);
    }
    let table = "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'a.csv' OPTIONS \
                 ('format.delimiter' ';')";
    check(
        &[
            "--root",
            &root,
            "--format",
            "csv",
            "-c",
            &format!("{table}; SELECT max(year) AS y FROM t"),
        ],
        "y\n2005\n",
    );
}

#[test]
fn copy_reads_texts_by_the_types_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "x.csv",
        "00501;NA;true;2013-01-05;7\nNA;2.5;f;NA;NA\nNANCY;3;1;NA;8\n",
    );
    write("y.txt", "a,b\n007,\n");
    write("z.tsv", "a\tb\n'0\t1'\t2\n");
    write("large.csv", "a,b\nx,1\ny,99999999999\n");
    let root = folder.path().display().to_string();
    let sql = "CREATE TABLE t(code VARCHAR, price DECIMAL(5, 2), flag BOOLEAN, day DATE, n INT);
         COPY t FROM 'x.csv' (HEADER false, DELIMITER ';', NULL 'NA');
         SELECT * FROM t ORDER BY code;
         CREATE TABLE u(a VARCHAR, b BIGINT);
         COPY u FROM 'y.txt' (FORMAT csv);
         COPY u FROM 'z.tsv' (QUOTE '''');
         SELECT * FROM u ORDER BY a DESC";
    let arguments = ["--root", &root, "--format", "csv", "-c", sql];
    check(
        &arguments,
        "count\n3\ncode,price,flag,day,n\n00501,,true,2013-01-05,7\nNANCY,3.00,true,,8\n\
         ,2.50,false,,\ncount\n1\ncount\n1\na,b\n007,\n0\t1,2\n",
    );
    let table = "CREATE TABLE t(a VARCHAR, b BIGINT); CREATE TABLE d(a VARCHAR, b DECIMAL(10, 2));";
    for (copy, expected) in [
        (
            "COPY d FROM 'large.csv'",
            "large.csv`, line 3, column `b`: ",
        ),
        (
            "COPY t FROM 'y.txt' (FORMAT csv, HEADER false)",
            "y.txt`, line 1, column `column_2`: Cast error: Cannot cast string 'b' to value of \
             Int64 type",
        ),
        ("COPY t FROM 'y.txt' (NULL 'NA')", "found the ending txt"),
        (
            "COPY t FROM 'no' (NULL 'NA')",
            "expected a file, found none",
        ),
    ] {
        check_error(
            &["--root", &root, "-c", &format!("{table} {copy}")],
            1,
            expected,
        );
    }
}

#[test]
fn first_line_of_a_copy_is_a_header_if_it_names_columns() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("rows.csv", "1,a\n2,b\n");
    write("head.csv", "N,\"s\"\n3,c\n");
    write("part-1.csv", "n,s\n4,d\n");
    write("part-2.csv", "n,s\n5,e\n");
    write("mixed-1.csv", "n,s\n6,f\n");
    write("mixed-2.csv", "7,g\n");
    write("texts.csv", "code,name\nx,y\n");
    let root = folder.path().display().to_string();
    let table = "CREATE TABLE t(n BIGINT, s VARCHAR);";
    let files = ["rows", "head", "part-*"].map(|name| format!("'{name}.csv'"));
    for copy in ["COPY", "\\copy"] {
        let lines = files.each_ref().map(|file| match copy {
            "COPY" => format!("COPY t FROM {file};"),
            _ => format!("\\copy t FROM '{root}/{}' csv", file.replace('\'', "")),
        });
        let sql = format!("{table}\n{}\nSELECT * FROM t ORDER BY n;", lines.join("\n"));
        let arguments = ["--format", "csv", "--root", &root];
        let arguments = match copy {
            "COPY" => &arguments[..],
            // Commands name files anywhere.
            _ => &arguments[..2],
        };
        let run = shell(&[arguments, &["-f", "-"]].concat(), &sql);
        let rows = "n,s\n1,a\n2,b\n3,c\n4,d\n5,e\n";
        assert!(run.stdout.ends_with(rows), "{run:?}");
    }
    // Names of other columns are a row, and a stated header is one.
    let sql = "CREATE TABLE u(a VARCHAR, b VARCHAR);
         COPY u FROM 'texts.csv';
         COPY u FROM 'texts.csv' (HEADER);
         SELECT * FROM u ORDER BY a";
    check(
        &["--root", &root, "--format", "csv", "-c", sql],
        "count\n2\ncount\n1\na,b\ncode,name\nx,y\nx,y\n",
    );
    for (copy, expected) in [
        (
            "COPY t FROM 'mixed-*.csv'",
            "expected files that all begin with the names of columns, or with rows, found both",
        ),
        (
            "COPY t (s) FROM 'rows.csv'",
            "expected 1 columns, as many as COPY fills, found 2",
        ),
        (
            "COPY t FROM 'texts.csv'",
            "texts.csv`, line 1, column `column_1`: Cast error: Cannot cast string 'code'",
        ),
        (
            "COPY t FROM 'texts.csv'",
            "; write (HEADER) after the file if its first line is one",
        ),
    ] {
        let sql = format!("{table} {copy}");
        check_error(&["--root", &root, "-c", &sql], 1, expected);
    }
}
