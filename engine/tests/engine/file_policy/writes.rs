//! Writing within a directory.

use std::path::Path;

use datafusion::prelude::SessionContext;
use fusebox::{Error, FileAccess, FileAccessError, Privileges, Session, StatementError};

use super::{Folders, assert_number, error_of, session_with};
use crate::run;

#[tokio::test]
async fn copies_are_written_below_the_directory() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    let inside = folders.path("in");
    for directory in ["new", "new2"] {
        std::fs::create_dir(format!("{inside}/{directory}")).unwrap();
    }
    for (target, format, options) in [
        ("new/x.csv".to_owned(), "CSV", ""),
        (format!("{inside}/new2/x.json"), "JSON", ""),
        (format!("file://{inside}/x.parquet"), "PARQUET", ""),
        ("x.arrow".to_owned(), "ARROW", ""),
        ("many/".to_owned(), "PARQUET", ""),
        ("parts/".to_owned(), "PARQUET", "PARTITIONED BY (p)"),
        // A directory that exists needs no slash, and the option to add files to it.
        (
            "parts".to_owned(),
            "PARQUET",
            "PARTITIONED BY (p) OPTIONS (append true)",
        ),
    ] {
        let copy = format!(
            "COPY (SELECT value AS n, value % 3 AS p FROM range(0, 1000))
             TO '{target}' STORED AS {format} {options}"
        );
        let batches = run(&session, &copy).await;
        assert!(batches.is_ok(), "{target}: {batches:?}");
        let sum = match target == "parts" {
            true => 999_000,
            false => 499_500,
        };
        let read = match options {
            "" => format!("SELECT sum(n) FROM '{target}'"),
            _ => "CREATE OR REPLACE EXTERNAL TABLE parts STORED AS PARQUET LOCATION 'parts'
                  PARTITIONED BY (p); SELECT sum(n) FROM parts"
                .to_owned(),
        };
        assert_number(&session, &read, sum).await;
    }
    let filtered = "SELECT count(*) FROM parts WHERE p = '1'";
    assert_number(&session, filtered, 666).await;
    assert!(Path::new(&inside).join("parts/p=2").is_dir());
    // Nothing that is incomplete stays.
    let names = |directory: &str| -> Vec<String> {
        let entries = std::fs::read_dir(format!("{inside}/{directory}")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    };
    let all = [names("."), names("new"), names("many"), names("parts/p=1")].concat();
    assert!(all.iter().all(|name| !name.contains('#')), "{all:?}");
}

#[tokio::test]
async fn inserts_are_written_below_the_directory_and_need_the_grant() {
    let folders = Folders::new();
    let create = "CREATE EXTERNAL TABLE t (n BIGINT) STORED AS CSV LOCATION 'deep/'
         OPTIONS ('format.has_header' 'true')";
    let insert = "INSERT INTO t VALUES (11)";
    let writes = session_with(folders.inside().writable());
    run(&writes, create).await.unwrap();
    run(&writes, insert).await.unwrap();
    assert_number(&writes, "SELECT sum(n) FROM t", 111).await;

    let reads = session_with(folders.inside());
    run(&reads, create).await.unwrap();
    for sql in [
        insert,
        "COPY t TO 'new.csv' STORED AS CSV",
        "COPY t TO 'new/' STORED AS CSV",
    ] {
        assert_refused!(
            &reads,
            sql,
            StatementError::Write(FileAccessError::ReadOnly)
        );
    }
    assert!(!Path::new(&folders.path("in/new.csv")).exists());
    assert_number(&reads, "SELECT sum(n) FROM t", 111).await;
}

#[tokio::test]
async fn nulls_of_external_tables_are_refused_by_the_name_of_the_column() {
    let folders = Folders::new();
    std::fs::create_dir(folders.path("in/new")).unwrap();
    let session = session_with(folders.inside().writable());
    let create = "CREATE EXTERNAL TABLE t (n BIGINT NOT NULL, m BIGINT)
         STORED AS PARQUET LOCATION 'new/'";
    run(&session, create).await.unwrap();
    for insert in [
        "INSERT INTO t VALUES (NULL, 1)",
        "INSERT INTO t (m, n) VALUES (1, 1), (1, NULL)",
        "INSERT INTO t (m) VALUES (1)",
        "INSERT INTO t SELECT NULL, 1",
    ] {
        let refused = error_of(&session, insert).await.to_string();
        let expected = "table `t` expected a value of the NOT NULL column `n`, found NULL";
        assert!(refused.contains(expected), "{refused}");
    }
    run(&session, "INSERT INTO t VALUES (1, NULL)")
        .await
        .unwrap();
    assert_number(&session, "SELECT count(*) FROM t", 1).await;
}

#[tokio::test]
async fn all_files_may_be_granted() {
    let folders = Folders::new();
    let builder = Session::builder().privileges(Privileges::all());
    let context = SessionContext::new().enable_url_table();
    let session = builder.context(context).build().unwrap();
    let target = folders.path("out/new.csv");
    let copy = format!("COPY (SELECT 4 AS n) TO '{target}' STORED AS CSV");
    run(&session, &copy).await.unwrap();
    assert_number(&session, &format!("SELECT sum(n) FROM '{target}'"), 4).await;
    let folder = folders.path("out/");
    assert_number(&session, &format!("SELECT sum(n) FROM '{folder}'"), 670).await;
    let reads = session_with(FileAccess::any());
    assert_number(&reads, &format!("SELECT sum(n) FROM '{target}'"), 4).await;
    assert_refused!(
        &reads,
        copy,
        StatementError::Write(FileAccessError::ReadOnly)
    );
}

/// The file of a failed COPY is there as before, and no part of a new one.
#[tokio::test]
async fn copy_that_fails_keeps_the_file() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    let fails = "SELECT 1 / (value - value) AS n FROM range(0, 3)";
    let fails_late = "SELECT 1 / (value - 49999) AS n FROM range(0, 50000)";
    let large = "SELECT repeat('x', 1000) AS t, 1 / (value - 29999) AS n FROM range(0, 30000)";
    let nested = "SELECT make_array(1, 2) AS n";
    for (target, query, reason) in [
        ("a.csv", fails, "Divide by zero"),
        ("a.csv", fails_late, "Divide by zero"),
        ("a.csv", large, "Divide by zero"),
        ("a.csv", nested, "ested"),
        ("j.json", fails, "Divide by zero"),
        ("new.parquet", large, "Divide by zero"),
        ("new.csv.gz", fails, "Divide by zero"),
        ("many/", fails, "Divide by zero"),
    ] {
        let format = if target == "many/" {
            "STORED AS CSV"
        } else {
            ""
        };
        let copy = format!("COPY ({query}) TO '{target}' {format}");
        let failed = error_of(&session, &copy).await.to_string();
        assert!(failed.contains(reason), "{copy}: {failed}");
    }
    let read = |file: &str| std::fs::read_to_string(folders.path(file)).unwrap();
    assert_eq!(read("in/a.csv"), "n\n1\n2\n");
    assert_eq!(read("in/j.json"), "{\"n\": 5}\n");
    let mut names: Vec<_> = std::fs::read_dir(folders.path("in"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.retain(|name| name != "many");
    assert_eq!(names, ["a.csv", "b.csv", "deep", "j.json"]);
    let copy = "COPY (SELECT repeat('x', 1000) AS t, value AS n FROM range(0, 30000)) TO 'a.csv'";
    run(&session, copy).await.unwrap();
    assert_number(&session, "SELECT sum(n) FROM 'a.csv'", 449_985_000).await;
}

#[tokio::test]
async fn formats_of_copies_are_those_that_can_be_written() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    for (target, expected) in [
        ("'x.xyz'", "found the ending xyz"),
        ("'x'", "found no ending"),
        ("'x/'", "found no ending"),
        ("'x.avro'", "found the ending avro"),
        ("'x.csv' STORED AS AVRO", "found the format avro"),
        ("'x.csv' STORED AS nosuch", "found the format nosuch"),
        (
            "'p.parquet' PARTITIONED BY (b)",
            "expected a directory for the files",
        ),
    ] {
        let copy = format!("COPY (SELECT 1 AS a, 2 AS b) TO {target}");
        assert_refused!(
            &session,
            copy,
            StatementError::Write(
                FileAccessError::UnwritableFormat { .. } | FileAccessError::PartitionedFile
            )
        );
        let refused = error_of(&session, &copy).await.to_string();
        assert!(refused.contains(expected), "{refused}");
        let refused = error_of(&session, &format!("EXPLAIN {copy}"))
            .await
            .to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    for target in [
        "'x.CSV'",
        "'y.jsonl'",
        "'z' STORED AS CSV",
        "'p/' STORED AS CSV PARTITIONED BY (b)",
    ] {
        let copy = format!("COPY (SELECT 1 AS a, 2 AS b) TO {target}");
        run(&session, &copy).await.unwrap();
    }
}
