//! Clients that break the protocol: an error to them or a close, and nothing to the others.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use fusebox_testing::SplitMix64;

use crate::client::{Client, message, startup};
use crate::{config, connected, server};

#[test]
fn first_messages_that_are_none_are_refused() {
    let server = server(config());
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0, 0, 0, 4],
        &[0, 0, 0, 8, 0, 0, 0, 0],
        &[0, 0, 0, 8, 0, 2, 0, 0],
        &[0xff; 100],
        &[0, 0, 0, 9, 0, 3, 0, 0, b'x'],
        &[0x16, 3, 1, 0, 5],
    ] {
        let mut client = Client::open(&server);
        client.send(bytes);
        while let Some((kind, _)) = client.receive() {
            assert_eq!(kind, b'E', "{bytes:?}");
        }
    }
    assert_eq!(Client::connect(&server).rows("SELECT 1"), ["1"]);
}

#[test]
fn malformed_messages_end_their_connection() {
    let (server, mut other) = connected();
    for bytes in [
        message(b'?', &[]),
        message(b'Q', &[b"SELECT 1"]),
        message(b'B', &[b"\0\0\0\xff"]),
        message(b'P', &[b"\0SELECT 1\0\xff\xff"]),
        message(b'p', &[b"secret\0"]),
        b"Q\0\0\0\x01".to_vec(),
        b"Q\x7f\xff\xff\xff".to_vec(),
        b"Q\xff\xff\xff\xff".to_vec(),
    ] {
        let mut client = Client::connect(&server);
        client.send(&bytes);
        let answer = client.answer();
        assert!(answer.kinds.ends_with("E."), "{bytes:?}: {}", answer.kinds);
        assert_eq!(answer.error.unwrap()[&'S'], "FATAL");
    }
    assert_eq!(other.rows("SELECT 1"), ["1"]);
}

#[test]
fn text_that_is_not_utf8_is_an_error_of_its_query() {
    let (_server, mut client) = connected();
    client.send(&message(b'Q', &[b"SELECT '\xff'\0"]));
    assert_eq!(client.answer().code(), "22021");
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn random_bytes_harm_no_other_client() {
    let (server, mut other) = connected();
    let mut random = SplitMix64(7);
    for round in 0..200 {
        let mut client = Client::connect(&server);
        for _ in 0..4 {
            let kinds = b"QPBDECHSXdcfp?";
            let kind = kinds[random.below(kinds.len())];
            let length = random.below(40);
            let body: Vec<u8> = (0..length).map(|_| random.next_u64() as u8).collect();
            if client.try_send(&message(kind, &[&body])).is_err() {
                break;
            }
        }
        drop(client);
        if round % 50 == 0 {
            assert_eq!(other.rows("SELECT 1"), ["1"]);
        }
    }
    assert_eq!(other.rows("SELECT 1"), ["1"]);
}

#[test]
fn a_message_is_refused_by_its_length_alone() {
    let mut config = config();
    config.message_megabytes_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    // The text was never sent.
    client.send(&[&b"Q"[..], &(2_u32 << 20).to_be_bytes()].concat());
    let answer = client.answer();
    assert_eq!(answer.code(), "54000");
    assert!(answer.kinds.ends_with("E."));
    let mut client = Client::connect(&server);
    let sql = format!("SELECT '{}'", "x".repeat(1_000_000));
    assert_eq!(
        client.query(&sql).unwrap().rows[0][0]
            .as_ref()
            .unwrap()
            .len(),
        1_000_000
    );
}

#[test]
fn deep_statements_are_refused() {
    let (_server, mut client) = connected();
    let sql = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_ne!(client.query(&sql).code(), "");
    for table in ["", " FROM pg_class"] {
        let sql = format!("SELECT 1{}{table}", " + 1".repeat(300_000));
        let _ = client.query(&sql);
    }
    let sql = format!(
        "SELECT CAST(1 AS {}INT{})",
        "ARRAY<".repeat(100_000),
        ">".repeat(100_000)
    );
    assert_ne!(client.query(&sql).code(), "");
    let sql = format!(
        "SELECT relname FROM pg_class WHERE {}true",
        "NOT ".repeat(20_000)
    );
    assert_ne!(client.query(&sql).code(), "");
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn clients_that_do_not_log_in_are_gone_in_time() {
    let mut config = config();
    config.login_seconds_max = 1;
    let server = server(config);
    let mut silent = Client::open(&server);
    assert!(silent.receive().is_none());
    let mut slow = TcpStream::connect(server.postgres_address().unwrap()).unwrap();
    let first = startup(&[("user", "ada")]);
    slow.write_all(&first[..7]).unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    let written = slow.write_all(&first[7..]).and_then(|()| {
        std::thread::sleep(Duration::from_millis(100));
        slow.write_all(&first)
    });
    assert!(written.is_err(), "the connection is closed");
}
