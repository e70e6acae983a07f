//! Users, grants and the audit: in the file, and in sessions of several processes.

use std::fs;

use fusebox::{AuditRecord, Catalog, CatalogChange, Session};
use fusebox_catalog::SqliteCatalog;
use rusqlite::Connection;

use crate::{CLAMP, folder, number, open, run, texts};

/// Tables of version 3, which had no users.
const TABLES_3: &str = concat!(
    include_str!("../../src/tables_1.sql"),
    include_str!("../../src/tables_2.sql"),
    include_str!("../../src/tables_3.sql"),
    "PRAGMA user_version = 3;"
);

const USERS: &str = "CREATE USER ada PASSWORD 'pencil';
    CREATE ROLE analysts;
    GRANT analysts TO ada;
    ALTER USER ada SET fusebox.limits.memory = '1MB';
    GRANT USAGE ON MODULE clamp TO analysts;
    GRANT CREATE ON FUNCTION mine TO ada;
    CREATE USER \"Root\" SUPERUSER";

/// Opens a session of a user in the same process.
fn session_of(session: &Session, user: &str) -> Session {
    let builder = session.engine().session().user(user);
    builder.build().unwrap()
}

#[tokio::test]
async fn users_and_grants_are_there_again() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let session = open(&file);
    run(&session, CLAMP).await.unwrap();
    run(&session, USERS).await.unwrap();
    drop(session);
    let bytes = fs::read(&file).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has(b"SCRAM-SHA-256$4096:") && !has(b"pencil"));
    let session = open(&file);
    let shown = texts(&session, "SHOW USERS", 0).await;
    assert_eq!(shown, ["Root", "ada", "analysts"]);
    let settings = texts(&session, "SHOW USERS", 5).await;
    assert_eq!(settings, ["", "fusebox.limits.memory = 1MB", ""]);
    let members = texts(&session, "SHOW USERS", 4).await;
    assert_eq!(members, ["", "analysts", ""]);
    let grants = texts(&session, "SHOW GRANTS", 2).await;
    assert_eq!(grants, ["FUNCTION mine", "MODULE clamp"]);
    // What is dropped leaves nothing.
    run(&session, "DROP USER ada; DROP ROLE analysts")
        .await
        .unwrap();
    drop(session);
    let session = open(&file);
    assert_eq!(texts(&session, "SHOW USERS", 0).await, ["Root"]);
    assert!(texts(&session, "SHOW GRANTS", 2).await.is_empty());
}

#[tokio::test]
async fn grants_of_other_processes_hold_at_the_next_statement() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let (one, other) = (open(&file), open(&file));
    run(&one, CLAMP).await.unwrap();
    run(&one, USERS).await.unwrap();
    let ada = session_of(&other, "ada");
    assert_eq!(number(&ada, "SELECT clamp_to(70)").await.unwrap(), 10);
    run(&one, "REVOKE USAGE ON MODULE clamp FROM analysts")
        .await
        .unwrap();
    let refused = run(&ada, "SELECT clamp_to(70)").await.unwrap_err();
    let expected = "a superuser can GRANT USAGE ON FUNCTION clamp_to TO ada";
    assert!(refused.to_string().contains(expected), "{refused}");
    run(&one, "GRANT USAGE ON FUNCTION clamp_to TO PUBLIC")
        .await
        .unwrap();
    assert_eq!(number(&ada, "SELECT clamp_to(70)").await.unwrap(), 10);
    run(&one, "DROP USER ada").await.unwrap();
    let refused = run(&ada, "SELECT 1").await.unwrap_err();
    assert!(refused.to_string().contains("was dropped"), "{refused}");
}

#[tokio::test]
async fn owners_are_kept_and_grants_go_with_what_is_dropped() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let session = open(&file);
    run(&session, CLAMP).await.unwrap();
    run(&session, USERS).await.unwrap();
    let mine = "CREATE FUNCTION mine(BIGINT, BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM
        FROM MODULE clamp EXPORT 'clamp_to' WITH (memory = '1MB')";
    run(&session_of(&session, "ada"), mine).await.unwrap();
    drop(session);
    let session = open(&file);
    run(&session, "REVOKE ALL ON FUNCTION mine FROM ada")
        .await
        .unwrap();
    run(
        &session,
        "CREATE USER bob; GRANT USAGE ON FUNCTION mine TO bob",
    )
    .await
    .unwrap();
    let ada = session_of(&session, "ada");
    run(&ada, "ALTER FUNCTION mine SET (fuel_per_row = 5000)")
        .await
        .unwrap();
    run(&ada, "DROP FUNCTION mine").await.unwrap();
    run(&session, mine).await.unwrap();
    let refused = run(&session_of(&session, "bob"), "SELECT mine(1, 2, 3)").await;
    refused.unwrap_err();
}

#[tokio::test]
async fn changes_are_in_the_audit_and_secrets_are_not() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let session = open(&file);
    run(&session, CLAMP).await.unwrap();
    run(&session, USERS).await.unwrap();
    run(&session, "CREATE USER ada").await.unwrap_err();
    run(&session, "DROP FUNCTION clamp_to").await.unwrap();
    drop(session);
    let session = open(&file);
    let actions = texts(&session, "SELECT action FROM fusebox.audit", 0).await;
    assert_eq!(
        actions,
        [
            "CREATE MODULE",
            "CREATE FUNCTION",
            "CREATE USER",
            "CREATE ROLE",
            "GRANT",
            "ALTER USER",
            "GRANT",
            "GRANT",
            "CREATE USER",
            "DROP FUNCTION"
        ]
    );
    let digests = texts(&session, "SELECT sha256 FROM fusebox.audit", 0).await;
    assert_eq!(digests.len(), 3);
    assert_eq!(digests[0], digests[2]);
    let details = texts(&session, "SELECT detail FROM fusebox.audit", 0).await;
    assert_eq!(details[0], "LOGIN PASSWORD");
    let all = details.concat();
    assert!(!all.contains("pencil") && !all.contains("SCRAM"), "{all}");
    let refused = run(&session_of(&session, "ada"), "SELECT * FROM fusebox.audit").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("the privilege `users`"), "{refused}");
}

#[test]
fn secrets_of_a_file_stay() {
    let folder = folder();
    let secret = |name: &str| {
        let catalog = SqliteCatalog::open(folder.path().join(name)).unwrap();
        catalog.secret().unwrap().unwrap()
    };
    let first = secret("a.db");
    assert_eq!((first.len(), secret("a.db")), (32, first.clone()));
    assert_ne!(secret("b.db"), first);
}

#[tokio::test]
async fn file_of_version_3_has_no_users() {
    let folder = folder();
    let file = folder.path().join("old.db");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(TABLES_3).unwrap();
    drop(old);
    let session = open(&file);
    assert!(texts(&session, "SHOW USERS", 0).await.is_empty());
    run(&session, "CREATE USER ada").await.unwrap();
    assert!(folder.path().join("old.db.version-3").exists());
}

#[tokio::test]
async fn rights_that_cannot_be_read_are_none() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    let session = open(&file);
    run(&session, CLAMP).await.unwrap();
    run(&session, USERS).await.unwrap();
    drop(session);
    let damage = "UPDATE role SET settings = '{' WHERE name = 'ada';
        UPDATE privilege SET privilege = 'EVERYTHING', kind = 'world' WHERE grantee = 'ada';
        UPDATE role SET verifier = 'md5abc'";
    Connection::open(&file)
        .unwrap()
        .execute_batch(damage)
        .unwrap();
    let session = open(&file);
    assert_eq!(texts(&session, "SHOW GRANTS", 2).await, ["MODULE clamp"]);
    let refused = run(&session_of(&session, "ada"), "SELECT 1").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("has no setting unreadable"), "{refused}");
    let password = "SELECT count(*) FROM fusebox.users WHERE has_password";
    // No password passes; that there are none would have a server trust everyone.
    assert_eq!(number(&session, password).await.unwrap(), 3);
    let contents = session.engine().catalog().contents().unwrap();
    let verifier = contents.access().role("ada").unwrap().verifier.clone();
    let verifier = verifier.unwrap();
    assert!(!verifier.is_password("pencil") && !verifier.is_password(""));
}

#[test]
fn newest_records_are_kept() {
    let folder = folder();
    let catalog = SqliteCatalog::open(folder.path().join("functions.db")).unwrap();
    let record =
        |number: usize| AuditRecord::event(None, "LOGIN REFUSED").with_detail(&number.to_string());
    let change = AuditRecord::change(Some("ada"), "CREATE MODULE").on("m");
    let changes = vec![CatalogChange::Audit(change.clone())];
    let version = catalog.contents().unwrap().version();
    catalog.apply(version, changes).unwrap();
    for _ in 0..3 {
        let events = (0..AuditRecord::RECORDS_MAX - 1).map(record);
        catalog.note(events.collect()).unwrap();
    }
    let records = catalog.audit().unwrap();
    assert_eq!(records.len(), AuditRecord::RECORDS_MAX + 1);
    assert_eq!(records[0].action, change.action);
    // The last of two rounds before.
    let last = (AuditRecord::RECORDS_MAX - 2).to_string();
    assert_eq!(records[1].detail.as_ref(), Some(&last));
}
