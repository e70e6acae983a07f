//! Statements as text.

use std::time::Duration;

use arrow::datatypes::DataType;
use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Any, ProstMessageExt};
use arrow_flight::{Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use tonic::{Code, Status};

use super::{Client, connected, eventually, fetch, flight_config, sqlstate};
use crate::{ADD, SLOW, server};

/// Statements without an end: of a function, and of DataFusion.
const ENDLESS: [&str; 3] = [
    "SELECT sum(slow(value)) FROM generate_series(1, 1000000000)",
    "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0",
    "SELECT value FROM generate_series(1, 100000000000)",
];

#[test]
fn queries_have_the_columns_that_were_announced() {
    let (_server, mut client) = connected();
    let created = client.query(ADD).unwrap();
    assert_eq!((created.schema.fields().len(), created.count()), (0, 0));
    let rows = client.rows("SELECT add(40, 2) AS sum, 'x' AS t, CAST(NULL AS DATE) AS n");
    assert_eq!(rows, ["42|x|"]);
    let fetched = client
        .query("SELECT value FROM generate_series(1, 50000)")
        .unwrap();
    assert_eq!(fetched.count(), 50_000);
    assert_eq!(client.query("SELECT 1 WHERE false").unwrap().count(), 0);
}

#[test]
fn statements_without_rows_are_executed_once() {
    let (_server, mut client) = connected();
    assert_eq!(
        client
            .update("CREATE TABLE t (a BIGINT, b VARCHAR)")
            .unwrap(),
        0
    );
    assert_eq!(
        client
            .update("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
            .unwrap(),
        2
    );
    // By a call that asks for rows, with a ticket that has none and can be used once.
    client.run(async |client| {
        let sql = "INSERT INTO t VALUES (3, 'z')".to_owned();
        let info = client.execute(sql, None).await.unwrap();
        assert_eq!(info.total_records, 1);
        assert_eq!(fetch(client, info.clone()).await.unwrap().count(), 0);
        let again = fetch(client, info).await.map(drop).unwrap_err();
        assert_eq!(Status::from(again).code(), Code::NotFound);
    });
    assert_eq!(client.rows("SELECT count(*) FROM t"), ["3"]);
    for call in [ADD, "CREATE TABLE t (a BIGINT)"] {
        let first = client.query(call).map(drop);
        let status = client.update(call).unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists, "{call}: {first:?}");
    }
    // A query that is executed as an update is executed to its end.
    assert_eq!(client.update("SELECT * FROM t").unwrap(), 3);
}

#[test]
fn views_and_dictionaries_become_types_that_clients_know() {
    let (_server, mut client) = connected();
    let sql = "SELECT arrow_cast('a', 'Dictionary(Int32, Utf8)') AS d, \
               arrow_cast('b', 'Utf8View') AS t, arrow_cast('c', 'BinaryView') AS b, \
               [arrow_cast('d', 'Utf8View')] AS l, struct(arrow_cast('e', 'Utf8View')) AS s";
    let fetched = client.query(sql).unwrap();
    let types = fetched.schema.fields().iter();
    let types: Vec<_> = types.map(|field| field.data_type().clone()).collect();
    assert_eq!(
        types[..3],
        [DataType::Utf8, DataType::Utf8, DataType::Binary]
    );
    let DataType::List(item) = &types[3] else {
        panic!("expected a list, found {}", types[3]);
    };
    assert_eq!(*item.data_type(), DataType::Utf8);
    let DataType::Struct(fields) = &types[4] else {
        panic!("expected a struct, found {}", types[4]);
    };
    assert_eq!(*fields[0].data_type(), DataType::Utf8);
    assert_eq!(fetched.texts().len(), 1);
}

#[test]
fn short_batches_that_stand_for_large_ones_are_divided() {
    let (_server, mut client) = connected();
    let sql = "SELECT arrow_cast(repeat('x', 100000), 'Dictionary(Int32, Utf8)') AS d, value \
               FROM generate_series(1, 200)";
    let fetched = client.query(sql).unwrap();
    assert!(fetched.batches.len() > 50, "{}", fetched.batches.len());
    let values = fetched.texts();
    assert!(values[199].ends_with("x|200"));
}

#[test]
fn errors_have_a_status_and_a_code() {
    let (_server, mut client) = connected();
    client.query(ADD).unwrap();
    for (sql, code, state) in [
        ("SELECT nosuch", Code::InvalidArgument, "42703"),
        ("SELECT * FROM nosuch", Code::NotFound, "42P01"),
        ("SELECT 1; SELECT 2", Code::InvalidArgument, "42601"),
        ("", Code::InvalidArgument, "42601"),
        ("BEGIN", Code::Unimplemented, "0A000"),
        ("COPY t TO STDOUT", Code::Unimplemented, "0A000"),
        (ADD, Code::AlreadyExists, "42723"),
        (
            "CREATE MODULE m LANGUAGE WASM FROM 'm.wasm'",
            Code::PermissionDenied,
            "42501",
        ),
        // After the first rows.
        (
            "SELECT 10 / (20000 - value) AS a FROM generate_series(1, 30000)",
            Code::InvalidArgument,
            "22012",
        ),
    ] {
        let status = client.query(sql).map(drop).unwrap_err();
        assert_eq!(
            (status.code(), sqlstate(&status)),
            (code, state),
            "{sql}: {status:?}"
        );
        assert!(!status.message().contains('\n'));
    }
    let status = client.update("SELECT 1, nosuch").unwrap_err();
    assert_eq!(status.metadata().get("position").unwrap(), "11");
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn requests_cancel_the_statement_of_a_ticket() {
    let (_server, mut client) = connected();
    client.query(SLOW).unwrap();
    for sql in ENDLESS {
        for is_old in [false, true] {
            let status = client.run(async |client| {
                let info = client.execute(sql.to_owned(), None).await.unwrap();
                let ticket = info.endpoint[0].ticket.clone().unwrap();
                let mut rows = client.do_get(ticket).await.unwrap();
                let action = match is_old {
                    false => Action::new(
                        "CancelFlightInfo",
                        CancelFlightInfoRequest::new(info).encode_to_vec(),
                    ),
                    true => {
                        let info = info.encode_to_vec().into();
                        let request = ActionCancelQueryRequest { info };
                        Action::new("CancelQuery", request.as_any().encode_to_vec())
                    }
                };
                let mut results = client.do_action(action).await.unwrap();
                let body = results.message().await.unwrap().unwrap().body;
                let result = match is_old {
                    false => CancelFlightInfoResult::decode(body).unwrap().status,
                    true => {
                        let any = Any::decode(body).unwrap();
                        let result: ActionCancelQueryResult = any.unpack().unwrap().unwrap();
                        result.result
                    }
                };
                assert_eq!(result, CancelStatus::Cancelled as i32);
                loop {
                    if let Err(error) = rows.next().await.expect("an error is the last") {
                        break Status::from(error);
                    }
                }
            });
            assert_eq!(status.code(), Code::Cancelled, "{sql}: {status:?}");
            assert_eq!(sqlstate(&status), "57014");
        }
    }
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn streams_that_are_dropped_end_their_statement() {
    let (server, mut client) = connected();
    client.query(SLOW).unwrap();
    let mut other = Client::connect(&server);
    for sql in ENDLESS {
        client.run(async |client| {
            let info = client.execute(sql.to_owned(), None).await.unwrap();
            let ticket = info.endpoint[0].ticket.clone().unwrap();
            drop(client.do_get(ticket).await.unwrap());
        });
        let running = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
        // The statement that asks runs itself.
        eventually(|| other.rows(running) == ["1"]);
    }
}

#[test]
fn calls_that_are_taken_back_end_their_statement() {
    let (server, mut client) = connected();
    client.query(SLOW).unwrap();
    client.update("CREATE TABLE t (a BIGINT)").unwrap();
    let mut other = Client::connect(&server);
    let running = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
    client.run(async |client| {
        let sql = format!("INSERT INTO t {}", ENDLESS[0]);
        let updating = client.execute_update(sql, None);
        let updated = tokio::time::timeout(Duration::from_millis(300), updating).await;
        assert!(updated.is_err());
    });
    eventually(|| other.rows(running) == ["1"]);
    assert_eq!(client.rows("SELECT count(*) FROM t"), ["0"]);
}

#[test]
fn connections_that_close_end_their_statements() {
    let (server, mut other) = connected();
    other.query(SLOW).unwrap();
    for sql in ENDLESS {
        let mut client = Client::connect(&server);
        let rows = client.run(async |client| {
            let info = client.execute(sql.to_owned(), None).await.unwrap();
            let ticket = info.endpoint[0].ticket.clone().unwrap();
            client.do_get(ticket).await.unwrap()
        });
        drop(client);
        drop(rows);
        let running = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
        eventually(|| other.rows(running) == ["1"]);
    }
}

#[test]
fn sessions_have_settings_of_their_own() {
    let (server, mut client) = connected();
    client.query(SLOW).unwrap();
    client
        .update("SET fusebox.statement_timeout = '1s'")
        .unwrap();
    let status = client.query(ENDLESS[0]).map(drop).unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    let shown = "SHOW fusebox.statement_timeout";
    let own = client.rows(shown);
    assert_ne!(Client::connect(&server).rows(shown), own);
}

#[test]
fn statements_have_a_timeout() {
    let mut config = flight_config();
    config.statement_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    client.query(SLOW).unwrap();
    for sql in ENDLESS {
        let status = client.query(sql).map(drop).unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{sql}: {status:?}");
    }
}

#[test]
fn modules_are_created_by_their_bytes() {
    let (_server, mut client) = connected();
    let module = "(module (func (export \"twice\") (param i64) (result i64) \
                  (i64.add (local.get 0) (local.get 0))))";
    let mut act = |name: &str, body: String| {
        client.run(async |client| {
            let results = client.do_action(Action::new(name, body)).await?;
            results.try_collect::<Vec<_>>().await?;
            Ok::<_, arrow_flight::error::FlightError>(())
        })
    };
    let body = format!("numbers\0{module}");
    act("fusebox.create_module", body.clone()).unwrap();
    let again = act("fusebox.create_module", body.clone()).unwrap_err();
    assert_eq!(Status::from(again).code(), Code::AlreadyExists);
    act("fusebox.replace_module", body).unwrap();
    for body in ["", "\0", "numbers", "other\0no module"] {
        let refused = act("fusebox.create_module", body.to_owned()).unwrap_err();
        assert_eq!(
            Status::from(refused).code(),
            Code::InvalidArgument,
            "{body}"
        );
    }
    let sql = "CREATE FUNCTION twice(BIGINT) RETURNS BIGINT LANGUAGE WASM FROM MODULE numbers";
    client.update(sql).unwrap();
    assert_eq!(client.rows("SELECT twice(21)"), ["42"]);
}

#[test]
fn connections_have_sessions_of_their_own() {
    let (server, mut client) = connected();
    client.update("CREATE TABLE t (a BIGINT)").unwrap();
    let mut other = Client::connect(&server);
    let status = other.query("SELECT * FROM t").map(drop).unwrap_err();
    assert_eq!(sqlstate(&status), "42P01");
    assert_eq!(client.query("SELECT * FROM t").unwrap().count(), 0);
}
