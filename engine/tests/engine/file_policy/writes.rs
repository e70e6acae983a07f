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
        // A directory that exists needs no slash.
        ("parts".to_owned(), "PARQUET", "PARTITIONED BY (p)"),
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
