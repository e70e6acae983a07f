//! Transaction blocks, which decide which statements are refused, and undo nothing.

use crate::connected;

#[test]
fn statements_after_one_that_failed_are_refused() {
    let (_server, mut client) = connected();
    assert_eq!(client.query("BEGIN").unwrap().status, 'T');
    assert_eq!(client.query("SELECT nosuch").status, 'E');
    let answer = client.query("SELECT 1");
    assert_eq!((answer.code(), answer.status), ("25P02", 'E'));
    let answer = client.query("COMMIT").unwrap();
    assert_eq!(
        (answer.tags, answer.status),
        (vec!["ROLLBACK".to_owned()], 'I')
    );
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn a_rollback_says_that_it_undoes_nothing() {
    let (_server, mut client) = connected();
    client.query("BEGIN; SELECT 1").unwrap();
    assert!(client.query("ROLLBACK").unwrap().notices.is_empty());
    client.query("BEGIN; CREATE TABLE t (a INT)").unwrap();
    let answer = client.query("ROLLBACK").unwrap();
    assert!(
        answer.notices[0][&'M'].contains("undid nothing"),
        "{:?}",
        answer.notices
    );
    assert!(client.rows("SELECT * FROM t").is_empty());
}

#[test]
fn savepoints_need_a_block() {
    let (_server, mut client) = connected();
    assert_eq!(client.query("SAVEPOINT a").code(), "25P01");
    client.query("BEGIN; SAVEPOINT a").unwrap();
    assert_eq!(client.query("SELECT nosuch").status, 'E');
    assert_eq!(client.query("ROLLBACK TO SAVEPOINT a").unwrap().status, 'T');
    assert_eq!(
        client.query("RELEASE SAVEPOINT a; COMMIT").unwrap().status,
        'I'
    );
    let notices = client.query("COMMIT").unwrap().notices;
    assert!(notices[0][&'M'].contains("no transaction"), "{notices:?}");
}
