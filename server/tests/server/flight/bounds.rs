//! Bounds of messages, results and times, and the end of a server.

use std::thread;

use arrow_flight::FlightData;
use arrow_flight::sql::CommandGetTables;
use futures::{StreamExt, stream};
use tonic::{Code, Status};

use super::{Client, connected, eventually, fetch, flight_config};
use crate::{SLOW, server};

#[test]
fn messages_have_a_maximum() {
    let mut config = flight_config();
    config.message_megabytes_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let long = format!("SELECT '{}'", "x".repeat(2 << 20));
    let status = client.query(&long).map(drop).unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    let long = format!("SELECT length('{}')", "x".repeat(500_000));
    assert_eq!(client.rows(&long), ["500000"]);
}

#[test]
fn results_that_wait_have_a_maximum() {
    let mut config = flight_config();
    config.connections_max = 2;
    let server = server(config);
    let mut client = Client::connect(&server);
    client.run(async |client| {
        let sql = || "SELECT 7".to_owned();
        let one = client.execute(sql(), None).await.unwrap();
        let _two = client.execute(sql(), None).await.unwrap();
        let status = Status::from(client.execute(sql(), None).await.unwrap_err());
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert_eq!(fetch(client, one).await.unwrap().texts(), ["7"]);
    });
    eventually(|| client.query("SELECT 8").is_ok());
}

#[test]
fn statements_of_a_session_have_a_maximum() {
    let (server, mut client) = connected();
    client.run(async |client| {
        let sql = || "SELECT 7".to_owned();
        for _ in 0..32 {
            client.execute(sql(), None).await.unwrap();
        }
        let status = Status::from(client.execute(sql(), None).await.unwrap_err());
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    });
    assert_eq!(Client::connect(&server).rows("SELECT 1"), ["1"]);
}

#[test]
fn results_that_are_not_fetched_expire() {
    let mut config = flight_config();
    config.connections_max = 1;
    config.write_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let waiting = client.run(async |client| {
        let waiting = client.execute("SELECT 7".to_owned(), None).await.unwrap();
        assert!(client.execute("SELECT 8".to_owned(), None).await.is_err());
        waiting
    });
    eventually(|| client.query("SELECT 8").is_ok());
    let late = client.run(async |client| fetch(client, waiting).await.map(drop));
    assert_eq!(Status::from(late.unwrap_err()).code(), Code::NotFound);
}

#[test]
fn clients_that_do_not_read_are_gone_in_time() {
    let mut config = flight_config();
    config.write_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let mut other = Client::connect(&server);
    let rows = client.run(async |client| {
        let sql = "SELECT repeat('x', 1000), value FROM generate_series(1, 100000000000)";
        let info = client.execute(sql.to_owned(), None).await.unwrap();
        let ticket = info.endpoint[0].ticket.clone().unwrap();
        client.do_get(ticket).await.unwrap()
    });
    let running = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
    eventually(|| other.rows(running) == ["1"]);
    drop(rows);
}

#[test]
fn answers_that_are_not_read_end_their_connection() {
    let mut config = flight_config();
    config.write_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect_with(&server, |endpoint| {
        endpoint.initial_stream_window_size(1_000)
    });
    let columns: Vec<_> = (0..1_000).map(|n| format!("c{n} BIGINT")).collect();
    for table in ["ta", "tb", "tc"] {
        let sql = format!("CREATE TABLE {table} ({})", columns.join(", "));
        client.update(&sql).unwrap();
    }
    let rows = client.run(async |client| {
        let command = CommandGetTables {
            catalog: None,
            db_schema_filter_pattern: None,
            table_name_filter_pattern: None,
            table_types: vec![],
            include_schema: true,
        };
        let info = client.get_tables(command).await.unwrap();
        let ticket = info.endpoint[0].ticket.clone().unwrap();
        client.do_get(ticket).await.unwrap()
    });
    // The session of the next connection has no tables.
    eventually(|| client.query("SELECT c0 FROM ta").is_err());
    drop(rows);
}

#[test]
fn requests_that_do_not_end_fail_in_time() {
    let mut config = flight_config();
    config.write_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let status = client.run(async |client| {
        let put = client.do_put(stream::pending::<FlightData>()).await;
        match put {
            Err(error) => Status::from(error),
            Ok(mut answers) => answers.message().await.unwrap_err(),
        }
    });
    assert_ne!(status.code(), Code::Ok);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn a_server_that_stops_ends_statements_and_refuses_others() {
    let mut config = flight_config();
    config.drain_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let mut idle = Client::connect(&server);
    client.update(SLOW).unwrap();
    assert_eq!(idle.rows("SELECT 1"), ["1"]);
    let mut rows = client.run(async |client| {
        let sql = "SELECT sum(slow(value)) FROM generate_series(1, 1000000000)";
        let info = client.execute(sql.to_owned(), None).await.unwrap();
        let ticket = info.endpoint[0].ticket.clone().unwrap();
        client.do_get(ticket).await.unwrap()
    });
    let stopping = thread::spawn(move || server.stop());
    client.run(async |_| {
        while let Some(row) = rows.next().await {
            if row.is_err() {
                break;
            }
        }
    });
    stopping.join().unwrap();
    assert!(idle.query("SELECT 1").is_err());
}

#[test]
fn a_server_with_idle_clients_stops_at_once() {
    let mut config = flight_config();
    config.drain_seconds_max = 3_600;
    let server = server(config);
    let mut client = Client::connect(&server);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    // A result that waits to be fetched keeps no server.
    client.run(async |client| {
        client.execute("SELECT 7".to_owned(), None).await.unwrap();
    });
    let stopping = thread::spawn(move || server.stop());
    eventually(|| stopping.is_finished());
    stopping.join().unwrap();
}
