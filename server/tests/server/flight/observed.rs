//! Counters and the audit of clients of Flight SQL.

use arrow_flight::Action;
use fusebox_server::Server;
use futures::TryStreamExt;
use tonic::Status;

use super::login::log_in;
use super::{connected, eventually, fetch, flight_config, sqlstate};
use crate::engine;
use crate::http::request;
use crate::users::administer;

#[test]
fn statements_and_sessions_are_counted() {
    let (server, mut client) = connected();
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    assert!(client.query("SELECT nosuch").is_err());
    let has = |line: &str| {
        let counters = request(&server, "GET /metrics", "", "").body;
        counters.lines().any(|found| found == line)
    };
    for line in [
        "fusebox_statements_total{result=\"done\"} 1",
        "fusebox_statements_total{result=\"failed\"} 1",
        "fusebox_errors_total{sqlstate=\"42703\"} 1",
        "fusebox_flight_connections 1",
        "fusebox_flight_sessions 1",
        "fusebox_statements_running 0",
    ] {
        eventually(|| has(line));
    }
    drop(client);
    for line in ["fusebox_flight_connections 0", "fusebox_flight_sessions 0"] {
        eventually(|| has(line));
    }
}

#[test]
fn audit_has_what_was_created_refused_and_stopped() {
    let engine = engine();
    administer(
        &engine,
        "CREATE USER root SUPERUSER PASSWORD 'toor'; CREATE USER ada PASSWORD 'pencil';
         ALTER USER ada SET fusebox.quota.queries = 0",
    );
    let server = Server::start(flight_config(), engine.clone()).unwrap();
    assert!(log_in(&server, "ada", "wrong").is_err());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    let status = ada.query("SELECT 1").map(drop).unwrap_err();
    assert_eq!(sqlstate(&status), "53400");
    // A list is a query.
    let status = ada.run(async |client| {
        let info = client.get_catalogs().await.unwrap();
        Status::from(fetch(client, info).await.map(drop).unwrap_err())
    });
    assert_eq!(sqlstate(&status), "53400");
    let mut root = log_in(&server, "root", "toor").unwrap();
    root.run(async |client| {
        let module = "numbers\0(module (func (export \"twice\") (param i64) (result i64) \
                      (i64.add (local.get 0) (local.get 0))))";
        let action = Action::new("fusebox.create_module", module);
        let results = client.do_action(action).await.unwrap();
        results.try_collect::<Vec<_>>().await.unwrap();
    });
    let mut records = Vec::new();
    eventually(|| {
        let sql = "SELECT \"user\", action, object, detail FROM fusebox.audit";
        records = root.rows(sql);
        records.iter().any(|record| record.contains("|STOP|"))
    });
    for expected in [
        "root|CREATE MODULE|",
        "|LOGIN REFUSED|ada|wrong password, from 127.0.0.1",
        "ada|STOP||53400: expected at most 0 queries",
    ] {
        let is_found = records.iter().any(|record| record.starts_with(expected));
        assert!(is_found, "{expected}: {records:?}");
    }
    let all = records.concat();
    for secret in ["pencil", "toor", "SCRAM"] {
        assert!(!all.contains(secret), "{all}");
    }
}
