//! Files as tables.

use std::fs;
use std::path::Path;

use crate::{DATA, check, check_error, shell};

#[test]
fn parquet_and_csv_files_are_tables() {
    let january = Path::new(DATA).join("flights-2013-01.parquet");
    let airports = Path::new(DATA).join("airports.csv");
    let sql = format!(
        "CREATE EXTERNAL TABLE f STORED AS PARQUET LOCATION '{}';
         CREATE EXTERNAL TABLE a STORED AS CSV LOCATION '{}'
             OPTIONS ('format.has_header' 'true');
         SELECT count(*) AS flights, count(dep_time) AS departed FROM f;
         SELECT count(*) AS airports, round(max(lat), 2) AS north FROM a",
        january.display(),
        airports.display()
    );
    check(
        &["--format", "csv", "-c", &sql],
        "flights,departed\n27004,26483\nairports,north\n1458,72.27\n",
    );
}

/// The user of the shell has all privileges, and files anywhere.
#[test]
fn files_are_read_and_written_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["a.csv", "b.csv"] {
        fs::write(folder.path().join(file), "n\n4\n").unwrap();
    }
    let folder = folder.path().display();
    let sql = format!(
        "COPY (SELECT 5 AS n) TO '{folder}/c.csv';
         SELECT sum(n) AS s FROM '{folder}/c.csv';
         SELECT sum(n) AS s FROM '{folder}/*.csv';
         SELECT sum(n) AS s FROM '{folder}';
         SET datafusion.runtime.memory_limit = '1G';
         SELECT count(*) AS s FROM 'tests/shell/*.rs'"
    );
    let run = shell(&["--format", "csv", "-c", &sql], "");
    assert_eq!(run.stdout, "count\n1\ns\n5\ns\n13\ns\n13\n", "{run:?}");
    // A relative path starts at the working directory, and its type is unknown here.
    assert!(run.stderr.contains("found the ending rs"), "{run:?}");
}

#[test]
fn files_that_come_and_go_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "n\n4\n").unwrap();
    let folder = folder.path().display();
    let count = format!("SELECT sum(n) AS s FROM '{folder}/*.csv'; SELECT sum(n) AS s FROM t;");
    let sql = format!(
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{folder}/';
         {count}
         COPY (SELECT 5 AS n) TO '{folder}/b.csv';
         {count}"
    );
    let remove = format!("\\! rm {folder}/a.csv");
    let args = ["--format", "csv", "-c", &sql, "-c", &remove, "-c", &count];
    check(&args, "s\n4\ns\n4\ncount\n1\ns\n9\ns\n9\ns\n5\ns\n5\n");
}

#[test]
fn root_confines_files_to_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out.csv"));
    fs::create_dir(&inside).unwrap();
    fs::write(&outside, "n\n4\n").unwrap();
    let root = inside.display().to_string();
    let sql = "COPY (SELECT 5 AS n) TO 'c.csv'; SELECT sum(n) AS s FROM '*.csv'";
    check(
        &["--root", &root, "--format", "csv", "-c", sql],
        "count\n1\ns\n5\n",
    );
    for sql in [
        format!("SELECT * FROM '{}'", outside.display()),
        format!("COPY (SELECT 1) TO '{}'", outside.display()),
        "SELECT * FROM '../out.csv'".to_owned(),
    ] {
        let arguments = ["--root", &root, "-c", &sql];
        check_error(&arguments, 1, "lies outside the directory");
    }
    check_error(
        &["--root", "nowhere", "-c", "SELECT 1"],
        1,
        "cannot be opened",
    );
}

#[test]
fn copy_takes_options_in_brackets() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let sql = "CREATE TABLE t(n BIGINT, s VARCHAR) AS VALUES (1, 'a');
         COPY t TO 'x.txt' (FORMAT csv, HEADER false, DELIMITER '|');
         COPY (SELECT n FROM t) TO 'x.parquet' WITH (FORMAT 'parquet', COMPRESSION zstd);
         COPY t TO 'y.csv' (HEADER);
         COPY t FROM 'y.csv' (FORMAT csv, HEADER);
         COPY t (n) FROM 'x.parquet';
         SELECT n, s FROM t ORDER BY ALL";
    let arguments = ["--root", &root, "--format", "csv", "-c", sql];
    let counts = "count\n1\n".repeat(5);
    check(&arguments, &format!("{counts}n,s\n1,a\n1,a\n1,\n"));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!((&*read("x.txt"), &*read("y.csv")), ("1|a\n", "n,s\n1,a\n"));
    for (sql, expected) in [
        ("COPY (SELECT 1 AS n) TO 'z.csv' (FORCE_QUOTE *)", "found: "),
        (
            "COPY t FROM 'x.parquet' (DELIMITER ';')",
            "found other options",
        ),
    ] {
        check_error(&["--root", &root, "-c", sql], 1, expected);
    }
    assert!(!folder.path().join("z.csv").exists());
}

#[test]
fn bad_values_of_csv_have_a_file_a_line_and_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("x.csv", "a,b\nx,1\n\n\"y\nz\",2\nw,bad\n");
    write("t.csv", "a,t\r\nx,2013-01-05 04:05:06\r\ny,2013-13-31\r\n");
    write("n.csv", "a,b\nNA,NA\nx,y\n");
    write(
        "late.csv",
        &format!("a,b\n{}y,bad\n", "x,1\n".repeat(2_000)),
    );
    let root = folder.path().display().to_string();
    let table = "CREATE TABLE t(a VARCHAR, b BIGINT); CREATE TABLE u(a VARCHAR, t TIMESTAMP);";
    let cast = "Cast error: Cannot cast string 'bad' to value of Int64 type";
    for (statement, expected) in [
        (
            "COPY t FROM 'x.csv'",
            format!("x.csv`, line 6, column `b`: {cast}"),
        ),
        (
            "INSERT INTO t SELECT * FROM 'x.csv'",
            format!("x.csv`, line 6, column `b`: {cast}"),
        ),
        (
            "COPY u FROM 't.csv'",
            "t.csv`, line 3, column `t`: ".to_owned(),
        ),
        (
            "COPY t FROM 'n.csv' (NULL 'NA')",
            "n.csv`, line 3, column `b`: ".to_owned(),
        ),
        (
            "COPY t FROM 'late.csv'",
            format!("late.csv`, line 2002, column `b`: {cast}"),
        ),
        (
            "SELECT sum(b) FROM 'late.csv'",
            "late.csv`, line 2002, column `b`: Parser error: expected a value of the type Int64, \
             found 'bad'"
                .to_owned(),
        ),
    ] {
        let sql = format!("{table} {statement}");
        check_error(&["--root", &root, "-c", &sql], 1, &expected);
    }
}

#[test]
fn json_files_are_tables() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.json");
    fs::write(&file, "{\"n\":1,\"s\":\"a\"}\n{\"n\":2}\n").unwrap();
    let sql = format!(
        "CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '{}'; SELECT n, s FROM t",
        file.display()
    );
    check(&["--format", "csv", "-c", &sql], "n,s\n1,a\n2,\n");
}

/// An Avro file of one column, `n`, with the values 1 and -2.
fn avro() -> Vec<u8> {
    let schema = br#"{"type":"record","name":"r","fields":[{"name":"n","type":"long"}]}"#;
    let sync = [7; 16];
    // Lengths and values are zigzag varints: n as 2n, and -n as 2n - 1.
    let two_bytes = |n: usize| [(n * 2) as u8 | 0x80, (n >> 6) as u8];
    let mut file = b"Obj\x01\x02\x16avro.schema".to_vec();
    file.extend(two_bytes(schema.len()));
    file.extend(schema);
    file.push(0);
    file.extend(sync);
    file.extend([2 * 2, 2 * 2, 2, 3]);
    file.extend(sync);
    file
}

#[test]
fn avro_files_are_tables() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.avro");
    fs::write(&file, avro()).unwrap();
    let sql = format!(
        "CREATE EXTERNAL TABLE t STORED AS AVRO LOCATION '{}'; SELECT n FROM t",
        file.display()
    );
    check(&["--format", "csv", "-c", &sql], "n\n1\n-2\n");
}

#[test]
fn endings_tell_formats_and_compression() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("a.tsv", "n\ttext\n1\tx,y\n"),
        ("a.ndjson", "{\"n\":1}\n{\"n\":2}\n"),
        ("a.jsonl", "{\"n\":3}\n"),
        ("array.json", " [{\"n\":4},\n {\"n\":5}]\n"),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    for part in ["g1", "g2"] {
        fs::create_dir(folder.path().join(part)).unwrap();
        fs::write(folder.path().join(part).join("x.csv"), "n\n7\n").unwrap();
    }
    let root = folder.path().display().to_string();
    let sql = "SELECT text FROM 'a.tsv';
         SELECT sum(n) AS s FROM 'a.ndjson';
         SELECT sum(n) AS s FROM 'a.jsonl';
         SELECT sum(n) AS s FROM 'array.json';
         SELECT sum(n) AS s FROM 'g*/*.csv';
         CREATE EXTERNAL TABLE t STORED AS TSV LOCATION 'a.tsv';
         SELECT n FROM t";
    let expected = "text\n\"x,y\"\ns\n3\ns\n3\ns\n9\ns\n14\nn\n1\n";
    check(&["--root", &root, "--format", "csv", "-c", sql], expected);
    for file in [
        "o.csv.gz",
        "o.tsv.bz2",
        "o.json.xz",
        "o.ndjson.zst",
        "o.tsv",
        "o.jsonl",
    ] {
        let sql = format!(
            "COPY (SELECT 5 AS n, 'a' AS t) TO '{file}';
             SELECT n, t FROM '{file}'"
        );
        let arguments = ["--root", &root, "--format", "csv", "-c", &sql];
        check(&arguments, "count\n1\nn,t\n5,a\n");
        let is_compressed = file.matches('.').count() > 1;
        let is_text = fs::read_to_string(folder.path().join(file)).is_ok();
        assert_eq!(is_text, !is_compressed, "{file}");
    }
    let sql = "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'o.csv.gz'; SELECT n FROM t";
    check(&["--root", &root, "--format", "csv", "-c", sql], "n\n5\n");
}

#[test]
fn names_of_missing_and_unknown_files_say_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.xlsx"), "x").unwrap();
    let root = folder.path().display().to_string();
    for (sql, message) in [
        (
            "SELECT * FROM 'missing.csv'",
            "file `missing.csv` cannot be read: expected a file, found none of this name or pattern",
        ),
        (
            "SELECT * FROM 'no/*.parquet'",
            "file `no/*.parquet` cannot be read: expected a file, found none",
        ),
        (
            "SELECT * FROM 'a.xlsx'",
            "expected a file of a format that its ending tells (csv, tsv, json, ndjson, jsonl, \
             parquet, arrow, avro), found the ending xlsx; state the format by CREATE EXTERNAL \
             TABLE",
        ),
        (
            "SELECT * FROM missing",
            "table 'datafusion.public.missing' not found",
        ),
    ] {
        let run = shell(&["--root", &root, "-c", sql], "");
        assert!(run.stderr.contains(message), "{sql}: {run:?}");
    }
}

#[test]
fn copy_creates_no_directory_above_its_target() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    for target in ["new/a.csv", "new/deep/"] {
        let sql = format!("COPY (SELECT 1 AS n) TO '{target}' STORED AS CSV");
        let run = shell(&["--root", &root, "-c", &sql], "");
        let message = "in which the file is created, found none; create it";
        assert!(run.stderr.contains(message), "{run:?}");
        assert!(!folder.path().join("new").exists());
    }
    // A directory of files is asked for by the slash, and parts of it by PARTITIONED BY.
    let sql = "COPY (SELECT 1 AS n, 2 AS part) TO 'made/' STORED AS CSV PARTITIONED BY (part);
         SELECT n, part FROM 'made/'";
    let expected = "count\n1\nn,part\n1,2\n";
    check(&["--root", &root, "--format", "csv", "-c", sql], expected);
}
