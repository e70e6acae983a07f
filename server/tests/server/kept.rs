//! Bounds of what a session keeps, of arrays, and of rows of COPY: each an error of one statement.

use fusebox_server::Server;

use crate::client::{Client, message};
use crate::extended::{bind, parse, run, sync};
use crate::{config, connected, server};

/// Starts a server whose messages have at most a mebibyte, and connects to it.
fn connected_to_small() -> (Server, Client) {
    let mut config = config();
    config.message_megabytes_max = 1;
    let server = server(config);
    let client = Client::connect(&server);
    (server, client)
}

/// Binds a portal of a name, with a text, for the statement without a name.
fn bind_portal(name: &str, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let parts: [&[u8]; 7] = [
        name.as_bytes(),
        b"\0\0",
        &[0, 0],
        &[0, 1],
        &length,
        value,
        &[0, 0],
    ];
    message(b'B', &parts)
}

/// Parses a statement of a name.
fn parse_named(name: &str, sql: &str) -> Vec<u8> {
    message(
        b'P',
        &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0", &[0, 0]],
    )
}

#[test]
fn portals_have_a_maximum_number() {
    let (_server, mut client) = connected();
    client.send(&parse("SELECT $1", &[25]));
    for index in 0..1_000 {
        client.send(&bind_portal(&format!("p{index}"), b"x"));
    }
    client.send(&[bind_portal("p1000", b"x"), sync()].concat());
    let answer = client.answer();
    assert_eq!(answer.code(), "54000", "{:?}", answer.error);
    assert_eq!(answer.kinds.matches('2').count(), 1_000);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    // They ended with their transaction.
    client.send(&[bind_portal("p1000", b"x"), sync()].concat());
    client.answer().unwrap();
}

#[test]
fn portals_have_a_maximum_size_together() {
    let (_server, mut client) = connected_to_small();
    let value = vec![b'x'; 800_000];
    client.send(&parse("SELECT $1", &[25]));
    for name in ["one", "two", "three"] {
        client.send(&bind_portal(name, &value));
    }
    client.send(&sync());
    let answer = client.answer();
    assert_eq!((answer.kinds.as_str(), answer.code()), ("122EZ", "54000"));
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    client.send(&[bind_portal("three", &value), sync()].concat());
    client.answer().unwrap();
}

#[test]
fn statements_have_a_maximum_size_together() {
    let (_server, mut client) = connected_to_small();
    let sql = format!("SELECT 1 /* {} */", "x".repeat(500_000));
    for (name, code) in [("one", ""), ("two", ""), ("three", "54000")] {
        client.send(&[parse_named(name, &sql), sync()].concat());
        let answer = client.answer();
        assert_eq!(answer.code(), code, "{name}: {:?}", answer.error);
    }
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    client.query("DEALLOCATE ALL").unwrap();
    client.send(&[parse_named("three", &sql), sync()].concat());
    client.answer().unwrap();
}

/// Encodes the head of an array of numbers: its dimensions, and the items of the first.
fn array(dimensions: u32, items: u32) -> Vec<u8> {
    let words = [dimensions, 0, 23, items, 1].map(u32::to_be_bytes);
    words.concat()
}

#[test]
fn arrays_have_a_maximum_number_of_items_and_one_dimension() {
    let (_server, mut client) = connected();
    let many = format!("{{1{}}}", ",1".repeat(1_000_000));
    let deep = format!("{}1{}", "{".repeat(100_000), "}".repeat(100_000));
    // Nulls, each of which has a length alone.
    let nulls = [array(1, 1_000_001), vec![0xff; 4 * 1_000_001]].concat();
    let one = [array(1, 1), vec![0, 0, 0, 4, 0, 0, 0, 7]].concat();
    for (format, value) in [
        (0, many.as_bytes()),
        (0, b"{{1}}"),
        (0, deep.as_bytes()),
        (1, &nulls),
        (1, &array(1, u32::MAX)),
        (1, &array(2, 1)),
        (1, &array(u32::MAX, 1)),
    ] {
        let messages = [
            parse("SELECT $1", &[1007]),
            bind(&[Some(value)], format, 0),
            sync(),
        ];
        client.send(&messages.concat());
        let answer = client.answer();
        let begin = &value[..value.len().min(20)];
        assert_eq!(answer.code(), "22P02", "{begin:?}: {:?}", answer.error);
        assert_eq!(client.rows("SELECT 1"), ["1"]);
    }
    let answer = run(&mut client, "SELECT $1", &[1007], &[Some(b"{1,NULL,3}")]);
    assert_eq!(answer.unwrap().texts(), ["{1,NULL,3}"]);
    let messages = [
        parse("SELECT $1", &[1007]),
        bind(&[Some(&one)], 1, 0),
        message(b'E', &[b"\0", &[0; 4]]),
        sync(),
    ];
    client.send(&messages.concat());
    assert_eq!(client.answer().unwrap().texts(), ["{7}"]);
}

#[test]
fn lines_of_copy_have_a_maximum() {
    let (_server, mut client) = connected_to_small();
    client.query("CREATE TABLE t (a VARCHAR)").unwrap();
    for piece in [400_000, 10_000] {
        client.send(&message(b'Q', &[b"COPY t FROM STDIN\0"]));
        assert_eq!(client.answer().kinds, "G");
        // No message is too large; their line is.
        for _ in 0..1_200_000 / piece {
            client.send(&message(b'd', &[&vec![b'x'; piece]]));
        }
        client.send(&message(b'c', &[]));
        let answer = client.answer();
        assert_eq!(answer.code(), "54000", "{:?}", answer.error);
        assert_eq!(client.rows("SELECT count(*) FROM t"), ["0"]);
    }
}

#[test]
fn messages_of_copy_have_a_maximum() {
    let (server, mut client) = connected_to_small();
    client.query("CREATE TABLE t (a VARCHAR)").unwrap();
    client.send(&message(b'Q', &[b"COPY t FROM STDIN\0"]));
    assert_eq!(client.answer().kinds, "G");
    // The row was never sent.
    client.send(&[&b"d"[..], &(2_u32 << 20).to_be_bytes()].concat());
    let answer = client.answer();
    assert_eq!((answer.kinds.as_str(), answer.code()), ("E.", "54000"));
    assert_eq!(Client::connect(&server).rows("SELECT 1"), ["1"]);
}
