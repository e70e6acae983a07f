//! Reading within a directory, and not beside it.

use std::path::Path;

use fusebox::{Error, FileAccess, FileAccessError, Session, StatementError};

use super::{Folders, assert_number, assert_outside, error_of, session_with};
use crate::run;

#[tokio::test]
async fn sessions_touch_no_file_by_default() {
    let folders = Folders::new();
    let secret = folders.path("out/secret.csv");
    let target = folders.path("out/new.csv");
    let own_context = Session::builder().build().unwrap();
    for session in [own_context, session_with(FileAccess::denied())] {
        for sql in [
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{secret}'"),
            format!("CREATE EXTERNAL TABLE t (n INT) STORED AS CSV LOCATION '{secret}'"),
            format!("COPY (SELECT 1) TO '{target}' STORED AS CSV"),
            format!("EXPLAIN COPY (SELECT 1) TO '{target}' STORED AS CSV"),
            format!("CREATE UNBOUNDED EXTERNAL TABLE t (n INT) STORED AS CSV LOCATION '{secret}'"),
        ] {
            assert_refused!(
                &session,
                sql,
                StatementError::Path(FileAccessError::Denied | FileAccessError::Unbounded)
                    | StatementError::Write(FileAccessError::Denied)
            );
        }
        assert!(!Path::new(&target).exists());
        // The session is as before.
        assert_number(&session, "SELECT 1::BIGINT", 1).await;
    }
    let session = session_with(FileAccess::denied());
    for sql in [
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM 'file://{secret}'"),
        "SELECT * FROM 'x.csv'".to_owned(),
    ] {
        assert_refused!(&session, sql, StatementError::Path(FileAccessError::Denied));
    }
    let missing = run(&session, "SELECT * FROM missing").await.unwrap_err();
    assert!(missing.to_string().contains("not found"), "{missing}");
}

#[tokio::test]
async fn files_below_the_directory_are_read() {
    let folders = Folders::new();
    let session = session_with(folders.inside());
    let inside = folders.path("in");
    for (table, sum) in [
        ("a.csv".to_owned(), 3),
        ("./a.csv".to_owned(), 3),
        ("deep/../a.csv".to_owned(), 3),
        (format!("{inside}/a.csv"), 3),
        (format!("file://{inside}/a.csv"), 3),
        ("deep/c.csv".to_owned(), 100),
        ("deep/".to_owned(), 100),
        ("deep".to_owned(), 100),
        ("*.csv".to_owned(), 13),
        ("[ab].csv".to_owned(), 13),
        ("deep/*.csv".to_owned(), 100),
        (format!("{inside}/?.csv"), 13),
        ("j.json".to_owned(), 5),
    ] {
        let sum_of = format!("SELECT sum(n) FROM '{table}'");
        assert_number(&session, &sum_of, sum).await;
    }
    for (format, location, sum) in [
        ("CSV", "a.csv", 3),
        ("CSV", "a*", 3),
        ("CSV", "deep", 100),
        ("CSV", "deep/", 100),
        ("JSON", "j.json", 5),
    ] {
        let create =
            format!("CREATE OR REPLACE EXTERNAL TABLE t STORED AS {format} LOCATION '{location}'");
        run(&session, &create).await.unwrap();
        assert_number(&session, "SELECT sum(n) FROM t", sum).await;
    }
    run(
        &session,
        "CREATE OR REPLACE EXTERNAL TABLE t STORED AS CSV LOCATION ('a.csv', 'deep/c.csv')",
    )
    .await
    .unwrap();
    assert_number(&session, "SELECT sum(n) FROM t", 103).await;
}

#[tokio::test]
async fn files_outside_of_the_directory_are_not_read() {
    let folders = Folders::new();
    let out = folders.path("out");
    let inside = folders.path("in");
    #[cfg(unix)]
    {
        let link = |target: &str, link: &str| {
            std::os::unix::fs::symlink(folders.path(target), folders.path(link)).unwrap();
        };
        link("out/secret.csv", "in/link.csv");
        link("out", "in/folder");
    }
    let session = session_with(folders.inside().writable());
    let mut locations = vec![
        "../out/secret.csv".to_owned(),
        "deep/../../out/secret.csv".to_owned(),
        format!("{out}/secret.csv"),
        format!("{inside}/../out/secret.csv"),
        format!("file://{out}/secret.csv"),
        format!("file://{inside}/%2e%2e/out/secret.csv"),
        format!("file://{inside}/..%2Fout/secret.csv"),
        format!("file://{inside}/deep%2f..%2f..%2fout%2fsecret.csv"),
        format!("FILE:{out}/secret.csv"),
        format!("file://localhost{out}/secret.csv"),
        format!("{out}/*.csv"),
        "../out/*.csv".to_owned(),
        "*/../../out/*.csv".to_owned(),
        format!("{out}/"),
        "/".to_owned(),
        "/etc/passwd".to_owned(),
        "/proc/self/environ".to_owned(),
        format!("/proc/self/root{out}/secret.csv"),
    ];
    #[cfg(unix)]
    locations.extend([
        "link.csv".to_owned(),
        format!("{inside}/link.csv"),
        "folder/secret.csv".to_owned(),
        "l*.csv".to_owned(),
    ]);
    for location in locations {
        let create = format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{location}'");
        assert_outside(&session, &create).await;
        let select = format!("SELECT * FROM '{location}'");
        assert_outside(&session, &select).await;
    }
    // What is written to the place of a link replaces the link.
    for target in [
        format!("{out}/new.csv"),
        format!("{out}/"),
        "../out/new.csv".to_owned(),
        format!("file://{inside}/%2e%2e/out/new.csv"),
        #[cfg(unix)]
        "folder/new.csv".to_owned(),
        #[cfg(unix)]
        "folder/".to_owned(),
    ] {
        let copy = format!("COPY (SELECT 1 AS n) TO '{target}' STORED AS CSV");
        assert_outside(&session, &copy).await;
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    assert_eq!(
        std::fs::read_to_string(format!("{out}/secret.csv")).unwrap(),
        "n\n666\n"
    );
}

/// Folders `key=value` are columns, however a pattern names them.
#[tokio::test]
async fn patterns_over_folders_of_partitions_have_their_columns() {
    let folders = Folders::new();
    for (folder, n) in [
        ("year=2012/month=12", 1),
        ("year=2013/month=1", 10),
        ("year=2013/month=2", 100),
    ] {
        let folder = folders.path(&format!("in/h/{folder}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(format!("{folder}/a.csv"), format!("n\n{n}\n")).unwrap();
    }
    let session = session_with(folders.inside());
    for (pattern, sum) in [
        ("h/", 111),
        ("h/**/*.csv", 111),
        ("h/*/*/*.csv", 111),
        ("h/*/*/a.csv", 111),
        ("h/year=*/month=*/*.csv", 111),
        ("h/year=2013/*/*.csv", 110),
        ("h/year=*/month=1*/*.csv", 11),
        ("h/*/month=2/*", 100),
    ] {
        let read = format!("SELECT sum(n) FROM '{pattern}'");
        assert_number(&session, &read, sum).await;
        let months = format!("SELECT sum(n) FROM '{pattern}' WHERE month = '2'");
        let of_february = if sum == 11 { 0 } else { 100 };
        let months = months.replace("sum(n)", "coalesce(sum(n), 0)");
        assert_number(&session, &months, of_february).await;
    }
    let fixed = "SELECT sum(n * CAST(year AS BIGINT)) FROM 'h/year=2013/*/*.csv'";
    assert_number(&session, fixed, 110 * 2013).await;
    let years = "SELECT sum(n * CAST(year AS BIGINT)) FROM 'h/*/*/*.csv'";
    assert_number(&session, years, 2012 + 110 * 2013).await;
    // Other files of a folder keep their pattern.
    std::fs::write(folders.path("in/h/year=2013/month=2/b.csv"), "n\n1000\n").unwrap();
    let read = "SELECT sum(n) FROM 'h/*/*/a.csv'";
    assert_number(&session, read, 111).await;
}
