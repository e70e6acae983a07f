//! The file of a catalog, as its owner copies, replaces and removes it.

use std::fs;

use fusebox_catalog::SqliteCatalog;
use rusqlite::Connection;

use crate::{folder, number, open, run};

#[tokio::test]
async fn copy_of_the_file_alone_is_whole() {
    let folder = folder();
    let (file, copy) = (folder.path().join("c.db"), folder.path().join("copy.db"));
    let session = open(&file);
    // Also while it is open, as it is after a crash.
    for n in 1..4 {
        let change = match n {
            1 => "CREATE TABLE t AS SELECT 1 AS a",
            2 => "INSERT INTO t VALUES (2)",
            _ => "CREATE VIEW v AS SELECT sum(a) AS a FROM t",
        };
        run(&session, change).await.unwrap();
        fs::copy(&file, &copy).unwrap();
        let copied = open(&copy);
        let sum = number(&copied, "SELECT sum(a) FROM t").await.unwrap();
        assert_eq!(sum, if n == 1 { 1 } else { 3 });
        drop(copied);
        fs::remove_file(&copy).unwrap();
    }
    // What sessions hold of the catalog keeps no log for a file that is restored in its place.
    let contents = session.engine().catalog().contents().unwrap();
    drop(session);
    let log = folder.path().join("c.db-wal");
    assert!(fs::metadata(log).map_or(0, |log| log.len()) == 0);
    drop(contents);
}

#[tokio::test]
async fn backup_that_is_restored_is_what_the_next_session_reads() {
    let folder = folder();
    let (file, backup) = (folder.path().join("c.db"), folder.path().join("backup.db"));
    let session = open(&file);
    run(&session, "CREATE VIEW before AS SELECT 1 AS a")
        .await
        .unwrap();
    fs::copy(&file, &backup).unwrap();
    run(&session, "CREATE VIEW after AS SELECT 2 AS a")
        .await
        .unwrap();
    // The session ends without a word, as a process that is killed.
    std::mem::forget(session);
    fs::copy(&backup, folder.path().join("new.db")).unwrap();
    fs::rename(folder.path().join("new.db"), &file).unwrap();
    let restored = open(&file);
    assert_eq!(number(&restored, "SELECT a FROM before").await.unwrap(), 1);
    run(&restored, "SELECT a FROM after").await.unwrap_err();
}

#[cfg(unix)]
#[tokio::test]
async fn file_that_was_replaced_is_refused() {
    let folder = folder();
    let (file, other) = (folder.path().join("c.db"), folder.path().join("other.db"));
    let session = open(&file);
    run(&session, "CREATE VIEW old AS SELECT 1 AS a")
        .await
        .unwrap();
    run(&open(&other), "CREATE VIEW new AS SELECT 2 AS a")
        .await
        .unwrap();
    let before = fs::read(&other).unwrap();
    fs::rename(&other, &file).unwrap();
    for statement in ["CREATE VIEW lost AS SELECT 3 AS a", "SELECT a FROM old"] {
        let refused = run(&session, statement).await.unwrap_err().to_string();
        assert!(refused.contains("found another of its name"), "{refused}");
    }
    // A change that has begun is refused as well.
    let catalog = session.engine().catalog();
    catalog.apply(1, Vec::new()).unwrap_err();
    drop(session);
    assert_eq!(fs::read(&file).unwrap(), before);
    let next = open(&file);
    assert_eq!(number(&next, "SELECT a FROM new").await.unwrap(), 2);
    run(&next, "SELECT a FROM old").await.unwrap_err();
}

#[cfg(unix)]
#[tokio::test]
async fn file_that_was_removed_is_refused() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    run(&session, "CREATE TABLE t AS SELECT 1 AS a")
        .await
        .unwrap();
    fs::remove_file(&file).unwrap();
    for statement in ["INSERT INTO t VALUES (2)", "CREATE VIEW v AS SELECT 3 AS a"] {
        let refused = run(&session, statement).await.unwrap_err().to_string();
        assert!(refused.contains("found none"), "{refused}");
    }
    drop(session);
    assert!(!file.exists());
}

/// As root, permissions do not hold: the folder is written all the same.
#[cfg(unix)]
#[tokio::test]
async fn file_in_a_folder_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    let place = folder.path().join("a ?#%41 place");
    fs::create_dir(&place).unwrap();
    let file = place.join("c.db");
    run(&open(&file), "CREATE TABLE t AS SELECT 1 AS a")
        .await
        .unwrap();
    let permissions = |mode| fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
    permissions(0o555);
    if fs::write(place.join("new"), "").is_ok() {
        permissions(0o755);
        return;
    }
    let session = open(&file);
    assert_eq!(number(&session, "SELECT a FROM t").await.unwrap(), 1);
    let refused = run(&session, "INSERT INTO t VALUES (2)").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("cannot be written"), "{refused}");
    // It is read without locks: what another changes is not read in part.
    permissions(0o755);
    let change = "INSERT INTO meta VALUES ('note', 1)";
    let connection = Connection::open(&file).unwrap();
    connection.execute(change, []).unwrap();
    drop(connection);
    let refused = run(&session, "SELECT a FROM t").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("found another one"), "{refused}");
    // A log beside the file is a part of it.
    let log = place.join("c.db-wal");
    fs::write(&log, [0; 4_096]).unwrap();
    permissions(0o555);
    SqliteCatalog::open(&file).unwrap_err();
    permissions(0o755);
}
