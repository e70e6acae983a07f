//! `COPY` to directories that have files.

use fusebox::{Error, FileAccess, FileAccessError, Session, StatementError};

use super::{Folders, assert_number, error_of, session_with};
use crate::run;

const QUERY: &str = "COPY (SELECT value AS n, value % 2 AS p FROM range(0, 4))";

#[tokio::test]
async fn directory_that_has_files_is_refused_unless_files_are_to_be_added() {
    for (target, clauses) in [
        ("many/", "STORED AS CSV"),
        ("many/", "STORED AS PARQUET"),
        ("many/", "STORED AS PARQUET PARTITIONED BY (p)"),
        ("many", "STORED AS JSON"),
        ("deep/more/", "STORED AS CSV PARTITIONED BY (p)"),
    ] {
        let folders = Folders::new();
        let session = session_with(folders.inside().writable());
        let copy = format!("{QUERY} TO '{target}' {clauses}");
        let read = format!("SELECT sum(n) FROM '{target}'");
        run(&session, &copy).await.unwrap();
        assert_number(&session, &read, 6).await;
        for copy in [
            copy.clone(),
            format!("EXPLAIN ANALYZE {copy}"),
            format!("{copy} OPTIONS (append false)"),
        ] {
            assert_refused!(
                &session,
                copy,
                StatementError::Write(FileAccessError::FolderNotEmpty { .. })
            );
            assert_number(&session, &read, 6).await;
        }
        // It writes nothing.
        run(&session, &format!("EXPLAIN {copy}")).await.unwrap();
        run(&session, &format!("EXPLAIN {copy} OPTIONS (append true)"))
            .await
            .unwrap();
        assert_number(&session, &read, 6).await;
        let append = format!("{copy} OPTIONS (append TRUE)");
        run(&session, &append).await.unwrap();
        assert_number(&session, &read, 12).await;
    }
}

#[tokio::test]
async fn message_tells_the_number_of_files_and_the_option() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    // The files of the directory itself, and not of those below it.
    for (target, files) in [(".", 3), ("./", 3), ("deep/", 1)] {
        let copy = format!("{QUERY} TO '{target}' (FORMAT csv)");
        let refused = error_of(&session, &copy).await.to_string();
        let expected = format!(
            "cannot be written: expected a directory without files, found {files} in it; name \
             another one, remove the files, or add to them by the option APPEND"
        );
        assert!(refused.contains(&expected), "{refused}");
    }
    let append = "COPY (SELECT value AS n FROM range(0, 4)) TO 'deep/' (FORMAT csv, APPEND)";
    run(&session, append).await.unwrap();
    let sum = "SELECT sum(n) FROM 'deep/'";
    assert_number(&session, sum, 106).await;
}

#[tokio::test]
async fn directories_without_files_of_their_own_are_filled() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    std::fs::create_dir_all(folders.path("in/upper/lower")).unwrap();
    std::fs::write(folders.path("in/upper/lower/x.csv"), "n\n9\n").unwrap();
    let copy = format!("{QUERY} TO 'upper/' STORED AS CSV");
    run(&session, &copy).await.unwrap();
    assert_number(&session, "SELECT sum(n) FROM 'upper/'", 6).await;
    // Folders of columns are part of a table.
    std::fs::create_dir_all(folders.path("in/parts/p=7")).unwrap();
    std::fs::write(folders.path("in/parts/p=7/x.csv"), "n\n9\n").unwrap();
    let copy = format!("{QUERY} TO 'parts/' STORED AS CSV PARTITIONED BY (p)");
    assert_refused!(
        &session,
        copy,
        StatementError::Write(FileAccessError::FolderNotEmpty { files: 1 })
    );
}

#[tokio::test]
async fn files_are_replaced_and_tables_are_added_to() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    for _ in 0..2 {
        run(&session, &format!("{QUERY} TO 'x.csv'")).await.unwrap();
        assert_number(&session, "SELECT sum(n) FROM 'x.csv'", 6).await;
    }
    let table = "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'deep/'
                 OPTIONS ('format.has_header' 'true');
                 INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)";
    run(&session, table).await.unwrap();
    assert_number(&session, "SELECT sum(n) FROM t", 103).await;
    let append = format!("{QUERY} TO 'x.csv' (APPEND)");
    assert_refused!(
        &session,
        append,
        StatementError::Write(FileAccessError::AppendedFile)
    );
    let bad = format!("{QUERY} TO 'new/' STORED AS CSV OPTIONS (append maybe)");
    assert_refused!(&session, bad, StatementError::OptionValue { .. });
    assert!(!std::path::Path::new(&folders.path("in/new")).exists());
    // All files, by a path of the process.
    let anywhere = Session::builder().files(FileAccess::any().writable());
    let anywhere = anywhere.build().unwrap();
    let copy = format!("{QUERY} TO '{}' STORED AS CSV", folders.path("in"));
    assert_refused!(
        &anywhere,
        copy,
        StatementError::Write(FileAccessError::FolderNotEmpty { .. })
    );
}
