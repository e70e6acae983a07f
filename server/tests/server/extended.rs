//! Statements that are parsed, get values, and are executed in parts.

use crate::client::{Answer, Client, message};
use crate::{ADD, connected};

/// Parses a statement without a name, with types of its parameters.
pub(crate) fn parse(sql: &str, types: &[u32]) -> Vec<u8> {
    let count = u16::try_from(types.len()).unwrap().to_be_bytes();
    let types: Vec<u8> = types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    message(b'P', &[b"\0", sql.as_bytes(), b"\0", &count, &types])
}

/// Binds values of one format, for results of another.
pub(crate) fn bind(values: &[Option<&[u8]>], format: u16, result: u16) -> Vec<u8> {
    let mut body = b"\0\0".to_vec();
    body.extend([1_u16.to_be_bytes(), format.to_be_bytes()].concat());
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            Some(value) => {
                body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend(*value);
            }
            None => body.extend((-1_i32).to_be_bytes()),
        }
    }
    body.extend([1_u16.to_be_bytes(), result.to_be_bytes()].concat());
    message(b'B', &[&body])
}

pub(crate) fn execute(rows_max: u32) -> Vec<u8> {
    message(b'E', &[b"\0", &rows_max.to_be_bytes()])
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

fn describe() -> Vec<u8> {
    message(b'D', &[b"S\0"])
}

/// Parses, describes, binds and executes a statement.
pub(crate) fn run(
    client: &mut Client,
    sql: &str,
    types: &[u32],
    values: &[Option<&[u8]>],
) -> Answer {
    let messages = [
        parse(sql, types),
        describe(),
        bind(values, 0, 0),
        execute(0),
        sync(),
    ];
    client.send(&messages.concat());
    client.answer()
}

#[test]
fn parameters_have_the_types_of_their_places() {
    let (_server, mut client) = connected();
    client.query(ADD).unwrap();
    client
        .query("CREATE TABLE t (a INT, b VARCHAR, c DATE)")
        .unwrap();
    for (sql, types, values, parameters, rows) in [
        (
            "SELECT add($1, 1)",
            vec![],
            vec!["41"],
            vec![20],
            vec!["42"],
        ),
        ("SELECT $1", vec![], vec!["x"], vec![25], vec!["x"]),
        ("SELECT $1 + 1", vec![23], vec!["4"], vec![23], vec!["5"]),
        ("SELECT $1::INT + 1", vec![], vec!["4"], vec![23], vec!["5"]),
        (
            "INSERT INTO t VALUES ($1, $2, $3)",
            vec![],
            vec!["7", "y", "2024-02-29"],
            vec![23, 25, 1082],
            vec![],
        ),
        (
            "SELECT b, c FROM t WHERE a = $1",
            vec![],
            vec!["7"],
            vec![23],
            vec!["y|2024-02-29"],
        ),
        (
            "SELECT b FROM t WHERE a = $1",
            vec![20],
            vec!["7"],
            vec![20],
            vec!["y"],
        ),
        (
            "SELECT a FROM t WHERE b LIKE $1 LIMIT $2",
            vec![0, 20],
            vec!["y%", "1"],
            vec![25, 20],
            vec!["7"],
        ),
        (
            "UPDATE t SET b = $1 WHERE a = $2",
            vec![],
            vec!["z", "7"],
            vec![25, 23],
            vec![],
        ),
    ] {
        let values: Vec<_> = values.iter().map(|value| Some(value.as_bytes())).collect();
        let answer = run(&mut client, sql, &types, &values);
        assert!(answer.error.is_none(), "{sql}: {:?}", answer.error);
        assert_eq!(answer.parameters, parameters, "{sql}");
        assert_eq!(answer.texts(), rows, "{sql}");
    }
    assert_eq!(client.rows("SELECT b FROM t"), ["z"]);
}

#[test]
fn nulls_and_binary_values_are_parameters() {
    let (_server, mut client) = connected();
    let answer = run(&mut client, "SELECT $1::INT, $2", &[], &[None, None]);
    assert_eq!(answer.unwrap().texts(), ["NULL|NULL"]);
    let values: [Option<&[u8]>; 3] = [
        Some(&7_i64.to_be_bytes()),
        Some(&1.5_f64.to_be_bytes()),
        Some(b"\x00\xff"),
    ];
    let sql = "SELECT $1, $2, $3";
    let messages = [
        parse(sql, &[20, 701, 17]),
        bind(&values, 1, 1),
        execute(0),
        sync(),
    ];
    client.send(&messages.concat());
    let answer = client.answer().unwrap();
    let expected = values.map(|value| value.map(<[u8]>::to_vec));
    assert_eq!(answer.rows, [expected]);
}

#[test]
fn portals_give_rows_in_parts() {
    let (_server, mut client) = connected();
    let sql = "SELECT value FROM generate_series(1, 5) ORDER BY value";
    let begin = [
        parse(sql, &[]),
        bind(&[], 0, 0),
        execute(2),
        execute(2),
        execute(2),
        execute(2),
        sync(),
    ];
    client.send(&begin.concat());
    let answer = client.answer().unwrap();
    assert_eq!(answer.kinds, "12DDsDDsDCCZ");
    assert_eq!(answer.tags, ["SELECT 1", "SELECT 0"]);
    assert_eq!(answer.texts(), ["1", "2", "3", "4", "5"]);
    // A portal ends with its transaction.
    client.send(&[execute(1), sync()].concat());
    assert_eq!(client.answer().code(), "34000");
}

#[test]
fn a_portal_of_many_rows_is_dropped_where_it_is() {
    let (_server, mut client) = connected();
    client.query("BEGIN").unwrap();
    let sql = "SELECT value FROM generate_series(1, 100000000)";
    client.send(&[parse(sql, &[]), bind(&[], 0, 0), execute(3), sync()].concat());
    let answer = client.answer().unwrap();
    assert_eq!((answer.rows.len(), answer.status), (3, 'T'));
    client.send(&[message(b'C', &[b"P\0"]), sync()].concat());
    assert_eq!(client.answer().unwrap().kinds, "3Z");
    assert_eq!(client.query("COMMIT").unwrap().status, 'I');
}

#[test]
fn messages_after_an_error_are_skipped_up_to_sync() {
    let (_server, mut client) = connected();
    let messages = [
        parse("SELECT nosuch", &[]),
        bind(&[], 0, 0),
        execute(0),
        sync(),
    ];
    client.send(&messages.concat());
    let answer = client.answer();
    assert_eq!((answer.kinds.as_str(), answer.code()), ("EZ", "42703"));
    for (messages, code) in [
        ([parse("SELECT 1; SELECT 2", &[]), sync()], "42601"),
        ([bind(&[Some(b"x")], 0, 0), sync()], "26000"),
        ([execute(0), sync()], "34000"),
        ([message(b'D', &[b"Pnone\0"]), sync()], "34000"),
    ] {
        client.send(&messages.concat());
        assert_eq!(client.answer().code(), code);
    }
    let bad = [
        parse("SELECT $1 + 1", &[23]),
        bind(&[Some(b"x")], 0, 0),
        sync(),
    ];
    client.send(&bad.concat());
    assert_eq!(client.answer().code(), "22P02");
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn definitions_and_settings_are_executed_too() {
    let (_server, mut client) = connected();
    let answer = run(&mut client, ADD, &[], &[]).unwrap();
    assert_eq!(answer.kinds, "1tn2CZ");
    assert_eq!(answer.tags, ["CREATE FUNCTION"]);
    let answer = run(&mut client, "SHOW server_version", &[], &[]).unwrap();
    assert_eq!(
        (answer.columns, answer.rows.len()),
        (vec!["server_version".to_owned()], 1)
    );
    let answer = run(&mut client, "SHOW USER FUNCTIONS", &[], &[]).unwrap();
    assert!(answer.texts()[0].starts_with("add|"), "{:?}", answer.rows);
    assert_eq!(run(&mut client, "BEGIN", &[], &[]).unwrap().status, 'T');
    assert_eq!(run(&mut client, "COMMIT", &[], &[]).unwrap().status, 'I');
    assert_eq!(run(&mut client, "", &[], &[]).unwrap().kinds, "1tn2IZ");
}

#[test]
fn large_texts_and_values_are_read_as_small_ones_are() {
    let (_server, mut client) = connected();
    let large = "x".repeat(300_000);
    let answer = run(&mut client, "SELECT $1", &[25], &[Some(large.as_bytes())]).unwrap();
    assert_eq!(answer.texts(), [large.as_str()]);
    // A value that is none of its type.
    let bad = [
        parse("SELECT $1 + 1", &[23]),
        bind(&[Some(large.as_bytes())], 0, 0),
        sync(),
    ];
    client.send(&bad.concat());
    assert_eq!(client.answer().code(), "22P02");
    let answer = run(&mut client, &format!("SELECT '{large}' AS a"), &[], &[]).unwrap();
    assert_eq!(answer.texts(), [large.as_str()]);
    let answer = client.query(&format!("SELECT 1; SELECT '{large}'; SELECT nosuch"));
    assert_eq!((answer.tags.len(), answer.code()), (2, "42703"));
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn parameters_mix_with_functions_of_the_catalog() {
    let (_server, mut client) = connected();
    client.query(ADD).unwrap();
    let sql = "SELECT add($1, 1), current_user, current_database()";
    let answer = run(&mut client, sql, &[], &[Some(b"41")]).unwrap();
    assert_eq!(answer.parameters, [20]);
    assert_eq!(answer.types, [20, 25, 25]);
    assert_eq!(answer.texts(), ["42|ada|ada"]);
}

#[test]
fn values_that_are_used_often_are_refused() {
    let (_server, mut client) = connected();
    let large = "x".repeat(1 << 20);
    let sql = |uses: usize| format!("SELECT length(concat({}))", vec!["$1"; uses].join(", "));
    let values = [Some(large.as_bytes())];
    let answer = run(&mut client, &sql(3), &[25], &values).unwrap();
    assert_eq!(answer.texts(), ["3145728"]);
    let answer = run(&mut client, &sql(300), &[25], &values);
    let expected = "expected parameters whose uses after the first have at most 268435456 bytes";
    assert!(answer.message().contains(expected), "{:?}", answer.error);
    // A query of the catalog takes names, and arrays of them.
    let sql = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = $1 OR relname = $1";
    let answer = run(&mut client, sql, &[25], &values);
    assert_eq!(answer.code(), "54000", "{:?}", answer.error);
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}
