//! Bounds of connections, times and memory.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use fusebox_testing::{TWO_ARENAS, passes_in_own_process, resident_bytes};

use crate::client::{Client, message, startup};
use crate::{SLOW, config, connected, server};

#[test]
fn connections_have_a_maximum() {
    let mut config = config();
    config.connections_max = 2;
    let server = server(config);
    let one = Client::connect(&server);
    let _two = Client::connect(&server);
    let error = Client::connect_with(&server, &[]).map(drop).unwrap_err();
    assert_eq!(error[&'C'], "53300");
    drop(one);
    // The server notices the end of a connection in a moment.
    let end = Instant::now() + Duration::from_secs(30);
    while Client::connect_with(&server, &[]).is_err() {
        assert!(Instant::now() < end, "the connection is not free");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn idle_clients_are_gone_in_time() {
    let mut config = config();
    config.idle_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    let answer = client.answer();
    assert_eq!((answer.kinds.as_str(), answer.code()), ("E.", "57P05"));
}

#[test]
fn a_client_that_does_not_read_takes_bounded_memory() {
    let name = "bounds::a_client_that_does_not_read_takes_bounded_memory";
    if passes_in_own_process(name, &[TWO_ARENAS]) {
        return;
    }
    let mut config = config();
    config.write_seconds_max = 1;
    let server = server(config);
    let mut stream = TcpStream::connect(server.postgres_address().unwrap()).unwrap();
    stream.write_all(&startup(&[("user", "ada")])).unwrap();
    let before = resident_bytes();
    let sql = "SELECT repeat('x', 1000) FROM generate_series(1, 10000000)\0";
    stream.write_all(&message(b'Q', &[sql.as_bytes()])).unwrap();
    thread::sleep(Duration::from_millis(500));
    let after = resident_bytes();
    let grown = after.saturating_sub(before);
    assert!(grown < 300 << 20, "{grown} bytes");
    // The server gives it up, and others go on.
    let mut client = Client::connect(&server);
    let running = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
    let end = Instant::now() + Duration::from_secs(30);
    while client.rows(running) != ["1"] {
        assert!(Instant::now() < end, "the statement runs on");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn statements_and_portals_have_a_maximum() {
    let (_server, mut client) = connected();
    let parse = |name: usize| {
        let name = format!("s{name}\0SELECT 1\0");
        message(b'P', &[name.as_bytes(), &[0, 0]])
    };
    for index in 0..1_000 {
        client.send(&parse(index));
    }
    client.send(&parse(1_000));
    client.send(&message(b'S', &[]));
    assert_eq!(client.answer().code(), "54000");
    client.query("DEALLOCATE ALL").unwrap();
    client.send(&[parse(0), message(b'S', &[])].concat());
    client.answer().unwrap();
}

#[test]
fn a_server_that_stops_lets_statements_end() {
    let (server, mut client) = connected();
    client.query(SLOW).unwrap();
    let mut idle = Client::connect(&server);
    let sql = "SELECT sum(slow(value)) FROM generate_series(1, 10000)\0";
    client.send(&message(b'Q', &[sql.as_bytes()]));
    let active = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
    let end = Instant::now() + Duration::from_secs(30);
    // The statement that asks runs itself.
    while idle.rows(active) != ["2"] {
        assert!(Instant::now() < end, "the statement does not run");
    }
    let stopping = thread::spawn(move || server.stop());
    let answer = client.answer().unwrap();
    assert_eq!(answer.texts(), ["50005000"]);
    assert_eq!(client.answer().code(), "57P01");
    assert_eq!(idle.answer().code(), "57P01");
    stopping.join().unwrap();
}

#[test]
fn a_server_that_stops_ends_copies_whose_clients_are_silent() {
    let mut config = config();
    config.drain_seconds_max = 0;
    let server = server(config);
    let mut silent = Client::connect(&server);
    silent.query("CREATE TABLE t (a INT)").unwrap();
    silent.send(&message(b'Q', &[b"COPY t FROM STDIN\0"]));
    assert_eq!(silent.answer().kinds, "G");
    silent.send(&message(b'd', &[b"1\n"]));
    let stopping = thread::spawn(move || server.stop());
    let answer = silent.answer();
    assert_eq!((answer.kinds.as_str(), answer.code()), ("E.", "57P01"));
    stopping.join().unwrap();
}

#[test]
fn a_server_that_stops_waits_for_no_sync_of_a_query_that_failed() {
    let (server, mut silent) = connected();
    let parse = message(b'P', &[b"\0SELECT nosuch\0\0\0"]);
    silent.send(&parse);
    let (kind, _) = silent.receive().unwrap();
    assert_eq!(kind, b'E');
    // Within the time to drain: the client has no statement that runs.
    let stopping = thread::spawn(move || server.stop());
    let answer = silent.answer();
    assert_eq!((answer.kinds.as_str(), answer.code()), ("E.", "57P01"));
    stopping.join().unwrap();
}

#[test]
fn a_server_that_stops_cancels_after_its_deadline() {
    let mut config = config();
    config.drain_seconds_max = 0;
    let server = server(config);
    let mut client = Client::connect(&server);
    client.query(SLOW).unwrap();
    let sql = "SELECT sum(slow(value)) FROM generate_series(1, 1000000000)\0";
    client.send(&message(b'Q', &[sql.as_bytes()]));
    thread::sleep(Duration::from_millis(200));
    let stopping = thread::spawn(move || server.stop());
    assert_eq!(client.answer().code(), "57P01");
    stopping.join().unwrap();
}
