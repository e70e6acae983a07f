//! Tests of the depth of statements.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::Tokenizer;

use super::*;

fn depth_of(text: &str) -> Result<u32, Location> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
    depth(&tokens.unwrap())
}

#[test]
fn depth_is_the_sum_of_what_is_within_each_other() {
    for (text, expected) in [
        ("SELECT 1", 8),
        ("SELECT 1 + 1", 10),
        ("SELECT 1 + 1 + 1, 1 + 1", 12),
        ("SELECT * FROM t", 8),
        ("SELECT a + b = 1 AND b = 2 OR c", 8 + 4 + 2),
        ("SELECT a OR b AND c OR d", 8 + 3),
        ("SELECT (1 + 1) + 1", 8 + 2 + 1 + 2),
        ("SELECT f(g(a), 1 + 1)", 8 + 3 + 3),
        ("SELECT a::INT::BIGINT", 12),
        ("SELECT - -a", 12),
        ("SELECT NOT NOT a", 16),
        (
            "SELECT CASE WHEN a = 1 THEN 2 ELSE CASE b WHEN 1 THEN 2 END END",
            8 + 3,
        ),
        (
            "SELECT a FROM t UNION ALL SELECT a FROM t UNION ALL SELECT b + 1 FROM t",
            12,
        ),
        (
            "SELECT a FROM t JOIN u ON t.a = u.a JOIN v ON t.a = v.a",
            8 + 12 + 3,
        ),
        ("SELECT a FROM t, u, v WHERE a IN (1, 2, 3)", 8 + 12 + 3),
        ("SELECT a FROM (SELECT a FROM (SELECT 1))", 8 + 9 + 9),
        (
            "WITH c AS (SELECT 1), d AS (SELECT 2) SELECT 3",
            8 + 10 + 10,
        ),
    ] {
        assert_eq!(depth_of(text), Ok(expected), "{text}");
    }
}

#[test]
fn chain_may_have_the_maximum_and_no_more() {
    let operators = (DEPTH_MAX as usize - 8) / 2;
    let sum = |operators| format!("SELECT 1{}", "+1".repeat(operators));
    assert_eq!(depth_of(&sum(operators)), Ok(DEPTH_MAX));
    let place = Location::new(1, (9 + 2 * operators) as u64);
    assert_eq!(depth_of(&sum(operators + 1)), Err(place));
}

#[test]
fn chain_of_any_operator_is_too_deep() {
    for link in [
        "+1",
        "*a",
        "::INT",
        " AND a",
        " OR a = 1",
        "||a",
        " IS NULL",
        " LIKE a",
        "[1]",
        ".a",
        " COLLATE a",
        " AT TIME ZONE a",
        " BETWEEN 1 AND 2",
        " UNION SELECT 1",
        " JOIN t",
        ", t",
        " NOT IN (1)",
        " - - 1",
        " + where",
        " a b",
        "->a",
        "(1)",
        " + INTERVAL '1' DAY",
        " XOR a",
        " AND select",
        " + case",
        " + end",
    ] {
        let text = format!("SELECT a FROM t{}", link.repeat(10_000));
        assert!(depth_of(&text).is_err(), "{link}");
    }
    for open in [
        "(",
        "[",
        "f(",
        "NOT ",
        "- ",
        "CASE WHEN ",
        "CASE a WHEN 1 THEN ",
        "(SELECT ",
    ] {
        let text = format!("SELECT {}", open.repeat(10_000));
        assert!(depth_of(&text).is_err(), "{open}");
    }
}

#[test]
fn lists_of_any_length_are_not_deep() {
    for item in [
        "1, ",
        "(1, 'a'), ",
        "a + 1, ",
        "f(1), ",
        "WHEN a = 1 THEN 2 ",
    ] {
        for text in [
            "VALUES ",
            "SELECT a IN (",
            "SELECT f(",
            "CASE ",
            "INSERT INTO t VALUES ",
        ] {
            let text = format!("{text}{}", item.repeat(10_000));
            assert!(depth_of(&text).is_ok_and(|depth| depth < 30), "{text:.60}");
        }
    }
}
