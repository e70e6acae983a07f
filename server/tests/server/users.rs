//! Users of the catalog: passwords, grants, quotas and the audit.

use std::time::{Duration, Instant};

use fusebox::{Engine, PasswordVerifier, Privileges};
use fusebox_server::Server;

use crate::client::{Client, Report};
use crate::login::log_in;
use crate::{ADD, config, engine};

/// Executes statements as an administrator on the machine of the server.
pub(crate) fn administer(engine: &Engine, statements: &str) {
    let privileges = Privileges {
        users: true,
        ..Privileges::default()
    };
    let session = engine.session().privileges(privileges).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for statement in session.statements(statements) {
            session.execute(statement.unwrap()).await.unwrap();
        }
    });
}

/// Starts a server with some users.
fn with_users() -> (Server, Engine) {
    let engine = engine();
    administer(
        &engine,
        "CREATE USER root SUPERUSER PASSWORD 'toor'; CREATE USER ada PASSWORD 'pencil';
         CREATE USER bob PASSWORD 'paper'; CREATE USER mute; CREATE ROLE staff PASSWORD 'pencil'",
    );
    let server = Server::start(config(), engine.clone()).unwrap();
    (server, engine)
}

fn connected(server: &Server, name: &str, password: &str) -> Result<Client, Report> {
    let mut client = Client::open(server);
    log_in(&mut client, name, password).map(|()| client)
}

#[test]
fn users_of_the_catalog_have_passwords() {
    let (server, engine) = with_users();
    let mut ada = connected(&server, "ada", "pencil").unwrap();
    assert_eq!(ada.rows("SELECT current_user"), ["ada"]);
    assert_eq!(ada.rows("SHOW password_encryption"), ["scram-sha-256"]);
    for (name, password) in [
        ("ada", "pen"),
        ("ada", ""),
        ("stranger", "pencil"),
        ("mute", ""),
        ("mute", "pencil"),
        ("staff", "pencil"),
        ("public", "pencil"),
        ("Ada", "pencil"),
    ] {
        let error = connected(&server, name, password).err().unwrap();
        assert_eq!(error[&'C'], "28P01", "{name}");
        let expected = format!("password authentication failed for user \"{name}\"");
        assert_eq!(error[&'M'], expected);
    }
    // A verifier is stored as it is, and users change their own passwords.
    let verifier = PasswordVerifier::new("ink").to_text();
    administer(&engine, &format!("ALTER USER bob PASSWORD '{verifier}'"));
    let mut bob = connected(&server, "bob", "ink").unwrap();
    let changed = bob.query("ALTER USER bob PASSWORD 'chalk'").unwrap();
    assert_eq!(changed.tags, ["ALTER ROLE"]);
    connected(&server, "bob", "chalk").unwrap();
    assert!(connected(&server, "bob", "ink").is_err());
    assert_eq!(bob.query("ALTER USER ada PASSWORD 'x'").code(), "42501");
    let answer = bob.query("CREATE USER eve 'chalk'");
    assert_eq!(answer.code(), "42601");
    assert!(!answer.message().contains("chalk"), "{}", answer.message());
}

#[test]
fn grants_hold_at_the_next_statement() {
    let (server, _) = with_users();
    let [mut root, mut ada, mut bob] = [("root", "toor"), ("ada", "pencil"), ("bob", "paper")]
        .map(|(name, password)| connected(&server, name, password).unwrap());
    assert_eq!(root.parameters["is_superuser"], "on");
    let refused = ada.query(ADD);
    assert_eq!(refused.code(), "42501");
    let error = refused.error.unwrap();
    let hint = &error[&'H'];
    assert!(hint.contains("GRANT CREATE ON FUNCTION"), "{hint}");
    let granted = root
        .query("GRANT CREATE ON FUNCTION \"add\" TO ada")
        .unwrap();
    assert_eq!(granted.tags, ["GRANT"]);
    ada.query(ADD).unwrap();
    assert_eq!(ada.rows("SELECT add(40, 2)"), ["42"]);
    assert_eq!(bob.query("SELECT add(40, 2)").code(), "42501");
    root.query("GRANT USAGE ON FUNCTION \"add\" TO PUBLIC")
        .unwrap();
    assert_eq!(bob.rows("SELECT add(40, 2)"), ["42"]);
    assert_eq!(bob.query("DROP FUNCTION add").code(), "42501");
    root.query("REVOKE ALL ON FUNCTION \"add\" FROM PUBLIC, ada")
        .unwrap();
    assert_eq!(bob.query("SELECT add(40, 2)").code(), "42501");
    // The owner keeps it.
    assert_eq!(ada.rows("SELECT add(40, 2)"), ["42"]);
    root.query("DROP USER bob").unwrap();
    assert_eq!(bob.query("SELECT 1").code(), "28000");
    assert!(connected(&server, "bob", "paper").is_err());
    assert_eq!(root.rows("SELECT add(40, 2)"), ["42"]);
}

#[test]
fn quotas_bound_sessions_and_queries() {
    let (server, engine) = with_users();
    administer(&engine, "ALTER USER ada SET fusebox.quota.sessions = 2");
    let mut first = connected(&server, "ada", "pencil").unwrap();
    let second = connected(&server, "ada", "pencil").unwrap();
    let error = connected(&server, "ada", "pencil").err().unwrap();
    assert_eq!(error[&'C'], "53300");
    connected(&server, "bob", "paper").unwrap();
    administer(&engine, "ALTER USER ada SET fusebox.quota.queries = 0");
    let refused = first.query("SELECT 1");
    assert_eq!(refused.code(), "53400");
    administer(&engine, "ALTER USER ada SET fusebox.quota.queries = 1");
    assert_eq!(first.rows("SELECT 1"), ["1"]);
    administer(&engine, "ALTER USER ada SET fusebox.quota.memory = '64kB'");
    let joined = "SELECT count(*) FROM range(0, 1000000) a JOIN range(0, 1000000) b \
                  ON a.value = b.value";
    assert_eq!(first.query(joined).code(), "53200");
    // Its place is free when its end was noticed.
    drop(second);
    let end = Instant::now() + Duration::from_secs(30);
    while connected(&server, "ada", "pencil").is_err() {
        assert!(Instant::now() < end, "the place is not free");
    }
}

#[test]
fn everyone_is_trusted_until_there_are_users() {
    let engine = engine();
    let server = Server::start(config(), engine.clone()).unwrap();
    let mut client = Client::connect(&server);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    assert_eq!(client.query("CREATE USER eve SUPERUSER").code(), "42501");
    assert_eq!(client.query("SELECT * FROM fusebox.audit").code(), "42501");
    administer(&engine, "CREATE USER ada PASSWORD 'pencil'");
    assert_eq!(client.query("SELECT 1").code(), "28000");
    connected(&server, "ada", "pencil").unwrap();
    assert!(connected(&server, "eve", "pencil").is_err());
}

#[test]
fn reachable_addresses_need_a_user_with_a_password() {
    let start = |engine: &Engine| {
        let mut config = config();
        config.postgres = Some("0.0.0.0:0".parse().unwrap());
        Server::start(config, engine.clone())
    };
    let engine = engine();
    administer(&engine, "CREATE USER ada; CREATE ROLE staff PASSWORD 'x'");
    let error = start(&engine).unwrap_err().to_string();
    assert!(error.contains("CREATE USER"), "{error}");
    administer(&engine, "ALTER USER ada PASSWORD 'pencil'");
    let server = start(&engine).unwrap();
    // No client is trusted there, also after the last user was dropped.
    administer(&engine, "DROP USER ada");
    drop(server);
    start(&engine).unwrap_err();
}

#[test]
fn audit_has_changes_and_events_without_secrets() {
    let (server, engine) = with_users();
    administer(
        &engine,
        "GRANT CREATE ON ALL FUNCTIONS TO ada; ALTER USER bob SET fusebox.quota.queries = 0",
    );
    let mut ada = connected(&server, "ada", "pencil").unwrap();
    ada.query(ADD).unwrap();
    ada.query("ALTER USER ada PASSWORD 'geheim'").unwrap();
    assert!(connected(&server, "ada", "wrong").is_err());
    let mut bob = connected(&server, "bob", "paper").unwrap();
    assert_eq!(bob.query("SELECT 1").code(), "53400");
    assert_eq!(ada.query("SELECT * FROM fusebox.audit").code(), "42501");
    let mut root = connected(&server, "root", "toor").unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    let records = loop {
        let sql = "SELECT \"user\", action, object, detail FROM fusebox.audit";
        let records = root.rows(sql);
        if records.iter().any(|record| record.contains("|STOP|")) {
            break records;
        }
        assert!(Instant::now() < end, "{records:?}");
    };
    for expected in [
        "ada|CREATE FUNCTION|FUNCTION \"add\"(Int64, Int64)|NULL",
        "ada|ALTER USER|ada|PASSWORD",
        "NULL|LOGIN REFUSED|ada|password authentication failed, from 127.0.0.1",
    ] {
        assert!(records.iter().any(|r| r == expected), "{records:?}");
    }
    let stop = "bob|STOP|NULL|53400: expected at most 0 queries";
    assert!(records.iter().any(|r| r.starts_with(stop)), "{records:?}");
    let all = records.concat();
    for secret in ["geheim", "pencil", "toor", "SCRAM"] {
        assert!(!all.contains(secret), "{all}");
    }
}
