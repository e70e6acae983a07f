//! Statements that end before their result.

use std::io::Write;
use std::net::Shutdown;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, message, startup};
use crate::{SLOW, connected};

/// Statements without an end: of a function, and of DataFusion.
const ENDLESS: [&str; 3] = [
    "SELECT sum(slow(value)) FROM generate_series(1, 1000000000)",
    "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value < 0",
    "SELECT value FROM generate_series(1, 100000000000)",
];

/// Waits until no statement runs, as a ceiling against a hang.
fn wait_until_idle(client: &mut Client, sql: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    let running = "SELECT count(*) FROM fusebox.sessions WHERE active_since IS NOT NULL";
    // The statement that asks runs itself.
    while client.rows(running) != ["1"] {
        assert!(Instant::now() < end, "{sql} runs on");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_request_cancels_one_statement() {
    let (_server, mut client) = connected();
    client.query(SLOW).unwrap();
    for sql in ENDLESS {
        let cancel = client.canceller();
        client.send(&message(b'Q', &[sql.as_bytes(), b"\0"]));
        let (answered, waiting) = mpsc::channel::<()>();
        let cancelling = thread::spawn(move || {
            // A request that comes before the statement cancels none.
            while waiting.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout)
            {
                cancel();
            }
        });
        let answer = client.answer();
        drop(answered);
        cancelling.join().unwrap();
        assert_eq!(answer.code(), "57014", "{sql}: {:?}", answer.error);
        assert_eq!(client.rows("SELECT 1"), ["1"]);
    }
}

#[test]
fn a_request_with_another_key_cancels_nothing() {
    let (server, mut client) = connected();
    let mut other = Client::connect(&server);
    other.key.1 ^= 1;
    other.canceller()();
    client.key = (client.key.0, client.key.1);
    // A request between statements cancels none.
    client.canceller()();
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    assert_eq!(other.rows("SELECT 1"), ["1"]);
}

#[test]
fn a_client_that_is_gone_ends_its_statement() {
    let (server, mut watcher) = connected();
    watcher.query(SLOW).unwrap();
    for sql in ENDLESS {
        let address = server.postgres_address().unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(&startup(&[("user", "ada")])).unwrap();
        stream
            .write_all(&message(b'Q', &[sql.as_bytes(), b"\0"]))
            .unwrap();
        thread::sleep(Duration::from_millis(200));
        stream.shutdown(Shutdown::Both).unwrap();
        drop(stream);
        wait_until_idle(&mut watcher, sql);
    }
}

#[test]
fn statements_have_a_timeout() {
    let (_server, mut client) = connected();
    client.query(SLOW).unwrap();
    client.query("SET statement_timeout = 100").unwrap();
    for sql in ENDLESS {
        let answer = client.query(sql);
        assert_eq!(answer.code(), "57014", "{sql}: {:?}", answer.error);
    }
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    client.query("SET statement_timeout = 0").unwrap();
    assert_eq!(
        client.query("SET statement_timeout = 'soon'").code(),
        "22023"
    );
}
