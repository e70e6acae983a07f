//! Queries as text.

use fusebox::Engine;
use fusebox_server::Server;

use crate::client::Client;
use crate::{ADD, config, connected};

#[test]
fn functions_are_created_and_called() {
    let (server, mut client) = connected();
    assert_eq!(client.query(ADD).unwrap().tags, ["CREATE FUNCTION"]);
    let answer = client.query("SELECT add(40, 2) AS sum, NULL, 'a'").unwrap();
    assert_eq!(answer.columns, ["sum", "?column?", "?column?"]);
    assert_eq!(answer.types, [20, 25, 25]);
    assert_eq!(answer.texts(), ["42|NULL|a"]);
    assert_eq!(answer.tags, ["SELECT 1"]);
    assert_eq!(answer.status, 'I');
    // Another connection shares the catalog, and not the session.
    let mut other = Client::connect(&server);
    assert_eq!(other.rows("SELECT add(1, 1)"), ["2"]);
    client
        .query("SET datafusion.execution.batch_size = 7")
        .unwrap();
    assert_eq!(
        client.rows("SHOW datafusion.execution.batch_size"),
        ["datafusion.execution.batch_size|7"]
    );
    assert_ne!(
        other.rows("SHOW datafusion.execution.batch_size"),
        ["datafusion.execution.batch_size|7"]
    );
}

#[test]
fn statements_of_a_query_end_at_the_first_error() {
    let (_server, mut client) = connected();
    let answer = client.query("SELECT 1; SELECT 2;; SELECT nosuch; SELECT 3");
    assert_eq!(answer.tags, ["SELECT 1", "SELECT 1"]);
    assert_eq!(answer.texts(), ["1", "2"]);
    assert_eq!(answer.code(), "42703");
    assert_eq!(client.rows("SELECT 4"), ["4"]);
    assert_eq!(client.query(" ; -- nothing").kinds, "IZ");
}

#[test]
fn errors_have_a_code_a_position_and_a_hint() {
    let (_server, mut client) = connected();
    for (sql, code, position) in [
        ("SELECT 1; SELEC\n  2", "42601", None),
        ("SELECT é, * FROM nosuch", "42P01", Some("18")),
        ("SELECT nosuch(1)", "42883", None),
        ("SELECT 1 / 0", "22012", None),
        ("SELECT CAST('x' AS INT)", "22P02", None),
        ("DROP FUNCTION nosuch", "42883", Some("15")),
        ("CREATE MODULE m LANGUAGE WASM FROM 'm.wasm'", "42501", None),
        ("SET nonsense = 1", "42704", None),
        ("SELECT * FROM 'x.csv'", "42P01", None),
    ] {
        let answer = client.query(sql);
        assert_eq!(answer.code(), code, "{sql}: {:?}", answer.error);
        if let Some(position) = position {
            let error = answer.error.unwrap();
            assert_eq!(
                error.get(&'P').map(String::as_str),
                Some(position),
                "{sql}: {error:?}"
            );
        }
    }
    client.query(ADD).unwrap();
    let error = client.query(ADD).error.unwrap();
    assert_eq!(error[&'C'], "42723");
    assert_eq!(error[&'M'], "function `add` already exists");
    assert_eq!(error[&'H'], "CREATE OR REPLACE would replace it");
}

#[test]
fn errors_of_functions_have_function_and_row() {
    let (_server, mut client) = connected();
    let trapping = "CREATE FUNCTION trapping(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module \
         (func (export \"trapping\") (param i64) (result i64) unreachable))$$";
    client.query(trapping).unwrap();
    let error = client.query("SELECT trapping(1)").error.unwrap();
    assert_eq!(error[&'C'], "39000");
    assert_eq!(error[&'D'], "Function: trapping, row of the batch: 0.");
    let endless = "CREATE FUNCTION endless(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module \
         (func (export \"endless\") (param i64) (result i64) (loop $l (br $l)) (local.get 0)))$$";
    client.query(endless).unwrap();
    let error = client.query("SELECT endless(1)").error.unwrap();
    assert_eq!(error[&'C'], "54000");
    assert_eq!(error[&'D'], "Function: endless.");
}

#[test]
fn many_rows_come_in_order() {
    let (_server, mut client) = connected();
    let sql = "SELECT value, repeat('x', 100) FROM generate_series(1, 100000) ORDER BY value";
    let answer = client.query(sql).unwrap();
    assert_eq!(answer.tags, ["SELECT 100000"]);
    let last = answer.texts().pop().unwrap();
    assert!(last.starts_with("100000|xxx"), "{last}");
}

#[test]
fn changes_of_rows_are_counted() {
    let (_server, mut client) = connected();
    let tags = |client: &mut Client, sql| client.query(sql).unwrap().tags;
    assert_eq!(
        tags(&mut client, "CREATE TABLE t (a INT, b VARCHAR)"),
        ["CREATE TABLE"]
    );
    assert_eq!(
        tags(&mut client, "INSERT INTO t VALUES (1, 'x'), (2, 'y')"),
        ["INSERT 0 2"]
    );
    assert_eq!(
        tags(&mut client, "UPDATE t SET b = 'z' WHERE a = 2"),
        ["UPDATE 1"]
    );
    assert_eq!(tags(&mut client, "DELETE FROM t WHERE a = 1"), ["DELETE 1"]);
    assert_eq!(client.rows("SELECT * FROM t"), ["2|z"]);
}

#[test]
fn settings_have_the_names_of_postgresql() {
    let (_server, mut client) = connected();
    assert_eq!(client.parameters["server_version"], "16.0");
    assert_eq!(client.parameters["TimeZone"], "UTC");
    client
        .query("SET application_name = 'tests'; SET TIME ZONE 'Europe/Berlin'")
        .unwrap();
    assert_eq!(client.rows("SHOW application_name"), ["tests"]);
    let time = client
        .rows("SELECT arrow_cast('2024-07-01T00:00:00Z', 'Timestamp(ms, \"Europe/Berlin\")')");
    assert_eq!(time, ["2024-07-01 02:00:00+02"]);
    let answer = client.query("SET client_encoding = 'latin1'");
    assert_eq!(answer.code(), "0A000");
    client
        .query("SET statement_timeout = '1h'; RESET ALL; DISCARD ALL")
        .unwrap();
    assert_eq!(client.rows("SHOW application_name"), [""]);
}

#[test]
fn messages_of_functions_are_notices() {
    let (_server, mut client) = connected();
    let failing = "CREATE FUNCTION failing(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module \
         (func (export \"failing\") (param i64) (result i64) unreachable))$$ \
         WITH (on_error = 'null')";
    client.query(failing).unwrap();
    let answer = client.query("SELECT failing(1)").unwrap();
    assert_eq!(answer.texts(), ["NULL"]);
    let notice = &answer.notices[0];
    assert_eq!(notice[&'S'], "WARNING");
    assert!(
        notice[&'M'].contains("`failing` failed for 1 rows"),
        "{notice:?}"
    );
}

#[test]
fn a_query_that_panics_ends_alone() {
    // A server that has no memory for a sort refuses it, and goes on.
    let mut config = config();
    config.memory_megabytes_max = 1;
    let server = Server::start(config, Engine::builder().build().unwrap()).unwrap();
    let mut client = Client::connect(&server);
    let sql = "SELECT a.value FROM generate_series(1, 3000000) a ORDER BY a.value % 1000 DESC";
    let answer = client.query(sql);
    assert!(["53200", ""].contains(&answer.code()), "{:?}", answer.error);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}
