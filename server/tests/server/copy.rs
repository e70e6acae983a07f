//! Rows to and from the client as lines and as bytes.

use crate::client::{Answer, Client, message};
use crate::connected;

/// Copies lines to a table.
fn copy_in(client: &mut Client, sql: &str, parts: &[&[u8]]) -> Answer {
    client.send(&message(b'Q', &[sql.as_bytes(), b"\0"]));
    let begun = client.answer();
    if begun.error.is_some() || !begun.kinds.ends_with('G') {
        return begun;
    }
    for part in parts {
        client.send(&message(b'd', &[part]));
    }
    client.send(&message(b'c', &[]));
    client.answer()
}

#[test]
fn rows_are_copied_out() {
    let (_server, mut client) = connected();
    client.query("CREATE TABLE t (a INT, b VARCHAR)").unwrap();
    client
        .query("INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, 'a,\"b\"')")
        .unwrap();
    let answer = client.query("COPY t TO STDOUT").unwrap();
    assert_eq!(answer.tags, ["COPY 3"]);
    assert_eq!(answer.copied, b"1\tx\n2\t\\N\n3\ta,\"b\"\n");
    let sql = "COPY (SELECT b, a FROM t ORDER BY a DESC) TO STDOUT (FORMAT csv, HEADER)";
    let answer = client.query(sql).unwrap();
    assert_eq!(answer.copied, b"b,a\n\"a,\"\"b\"\"\",3\n,2\nx,1\n");
    assert_eq!(client.query("COPY nosuch TO STDOUT").code(), "42P01");
    assert_eq!(
        client.query("COPY t TO STDOUT (FORMAT parquet)").code(),
        "0A000"
    );
    assert_eq!(
        client.query("COPY t TO STDOUT; SELECT 1").unwrap().tags,
        ["COPY 3", "SELECT 1"]
    );
}

/// Signature of the binary format.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

#[test]
fn rows_are_copied_out_as_bytes() {
    let (_server, mut client) = connected();
    client.query("CREATE TABLE t (a INT, b VARCHAR)").unwrap();
    let empty = client.query("COPY t TO STDOUT (FORMAT binary)").unwrap();
    assert_eq!(empty.copied, [SIGNATURE, b"\xff\xff"].concat());
    client
        .query("INSERT INTO t VALUES (1, 'x'), (2, NULL)")
        .unwrap();
    client.send(&message(b'Q', &[b"COPY t TO STDOUT WITH BINARY\0"]));
    // All columns have the format.
    let begun = client.receive().unwrap();
    assert_eq!(begun, (b'H', b"\x01\0\x02\0\x01\0\x01".to_vec()));
    // Drivers look for the first row behind the signature.
    let (_, first) = client.receive().unwrap();
    let row = b"\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x01x";
    assert_eq!(first, [SIGNATURE, row].concat());
    let rest = client.answer().unwrap();
    let row = b"\0\x02\0\0\0\x04\0\0\0\x02\xff\xff\xff\xff";
    assert_eq!(rest.copied, [&row[..], b"\xff\xff"].concat());
    assert_eq!(rest.tags, ["COPY 2"]);
}

#[test]
fn bytes_that_were_copied_out_are_copied_in() {
    let (_server, mut client) = connected();
    let columns = "a SMALLINT, b INT, c BIGINT, d REAL, e DOUBLE, f DECIMAL(20, 3), g VARCHAR, \
                   h BYTEA, i BOOLEAN, j DATE, k TIME, l TIMESTAMP, m BIGINT[], n VARCHAR[]";
    for name in ["t", "u"] {
        client
            .query(&format!("CREATE TABLE {name} ({columns})"))
            .unwrap();
    }
    let values = "(1, -2, 3, 0.1, 1e300, -12345678.5, 'é', X'00ff', true, DATE '1600-02-29', \
                  TIME '12:34:56.5', TIMESTAMP '2024-02-29 12:34:56.123456', [1, NULL, 3], \
                  ['a', ''])";
    let nulls = format!("({})", ["NULL"; 14].join(", "));
    client
        .query(&format!("INSERT INTO t VALUES {values}, {nulls}"))
        .unwrap();
    let copied = client.query("COPY t TO STDOUT BINARY").unwrap().copied;
    let pieces: Vec<&[u8]> = copied.chunks(7).collect();
    let answer = copy_in(&mut client, "COPY u FROM STDIN (FORMAT binary)", &pieces);
    assert_eq!(answer.unwrap().tags, ["COPY 2"]);
    let rows = client.rows("SELECT * FROM u ORDER BY a");
    assert_eq!(rows, client.rows("SELECT * FROM t ORDER BY a"));
    assert_eq!(rows.len(), 2);
}

#[test]
fn bytes_that_are_no_rows_insert_nothing() {
    let (_server, mut client) = connected();
    client.query("CREATE TABLE t (a INT, b VARCHAR)").unwrap();
    let one: &[u8] = b"\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x01x";
    for (rows, code) in [
        (&b"\0\x01\0\0\0\x04\0\0\0\x01"[..], "22P04"),
        (
            b"\0\x02\0\0\0\x08\0\0\0\0\0\0\0\x01\xff\xff\xff\xff",
            "22P03",
        ),
        (b"\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x01\xff", "22P03"),
        (b"\0\x02\0\0\0\x04\0\0", "22P04"),
        (b"\xff\xffx", "22P04"),
    ] {
        let parts = [SIGNATURE, one, rows];
        let answer = copy_in(&mut client, "COPY t FROM STDIN BINARY", &parts);
        assert_eq!(answer.code(), code, "{rows:?}: {:?}", answer.error);
        assert_eq!(client.rows("SELECT count(*) FROM t"), ["0"]);
    }
    let answer = copy_in(&mut client, "COPY t FROM STDIN BINARY", &[b"1\tx\n"]);
    assert_eq!(answer.code(), "22P04");
    let answer = copy_in(&mut client, "COPY t FROM STDIN BINARY", &[SIGNATURE, one]);
    assert_eq!(answer.unwrap().tags, ["COPY 1"]);
}

#[test]
fn rows_are_copied_in() {
    let (_server, mut client) = connected();
    client
        .query("CREATE TABLE t (a INT, b VARCHAR, c BOOLEAN, d BYTEA)")
        .unwrap();
    let sql = "COPY t (a, b, c, d) FROM STDIN";
    let answer = copy_in(
        &mut client,
        sql,
        &[b"1\tx\tt\t\\\\x0aff\n2\t\\", b"N\tf\t\\N\n"],
    );
    assert_eq!(answer.unwrap().tags, ["COPY 2"]);
    let answer = copy_in(
        &mut client,
        "COPY t FROM STDIN CSV",
        &[b"3,\"y\nz\",true,\n"],
    );
    assert_eq!(answer.unwrap().tags, ["COPY 1"]);
    let rows = client.rows("SELECT a, b, c, d FROM t ORDER BY a");
    assert_eq!(rows, ["1|x|t|\\x0aff", "2|NULL|f|NULL", "3|y\nz|t|NULL"]);
    let many: Vec<u8> = (0..50_000)
        .flat_map(|n| format!("{n},n{n},f,\n").into_bytes())
        .collect();
    let parts: Vec<&[u8]> = many.chunks(70_001).collect();
    let answer = copy_in(&mut client, "COPY t FROM STDIN CSV", &parts);
    assert_eq!(answer.unwrap().tags, ["COPY 50000"]);
}

#[test]
fn lines_that_are_no_rows_insert_nothing() {
    let (_server, mut client) = connected();
    client.query("CREATE TABLE t (a INT, b VARCHAR)").unwrap();
    for (lines, code) in [
        (&b"1\tx\n2\n"[..], "22P04"),
        (b"1\tx\n2\ty\tz\n", "22P04"),
        (b"1\tx\nq\ty\n", "22P02"),
        (b"1\t\xff\n", "22021"),
    ] {
        let answer = copy_in(&mut client, "COPY t FROM STDIN", &[lines]);
        assert_eq!(answer.code(), code, "{:?}", answer.error);
        assert_eq!(client.rows("SELECT count(*) FROM t"), ["0"]);
    }
    assert_eq!(
        copy_in(&mut client, "COPY nosuch FROM STDIN", &[]).code(),
        "42P01"
    );
    client.send(&message(b'Q', &[b"COPY t FROM STDIN\0"]));
    assert_eq!(client.answer().kinds, "G");
    client.send(&message(b'd', &[b"1\tx\n"]));
    client.send(&message(b'f', &[b"no more\0"]));
    let answer = client.answer();
    assert_eq!(answer.message(), "COPY from stdin failed: no more");
    assert_eq!(client.rows("SELECT count(*) FROM t"), ["0"]);
}

#[test]
fn a_large_piece_with_a_line_that_is_no_row_inserts_nothing() {
    let (_server, mut client) = connected();
    client.query("CREATE TABLE t (a INT)").unwrap();
    let mut lines = "1\n".repeat(100_000);
    lines.push_str("x\n");
    let answer = copy_in(&mut client, "COPY t FROM STDIN", &[lines.as_bytes()]);
    assert_eq!(answer.code(), "22P02", "{:?}", answer.error);
    assert_eq!(client.rows("SELECT count(*) FROM t"), ["0"]);
    let lines = "1\n".repeat(100_000);
    let answer = copy_in(&mut client, "COPY t FROM STDIN", &[lines.as_bytes()]);
    assert_eq!(answer.unwrap().tags, ["COPY 100000"]);
}
