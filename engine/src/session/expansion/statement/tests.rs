use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::*;

fn expanded(sql: &str) -> Expansion {
    let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
    let view = |tables, columns, width| Relation {
        size: Size {
            tables,
            columns,
            nodes: tables,
            names: 0,
        },
        width,
        names: 0,
    };
    let wide = ("w".to_owned(), view(1, 100, 100));
    let mut relations = HashMap::from([("v".to_owned(), view(7, 30, 3)), wide]);
    relations.retain(|name, _| sql.contains(&format!(" {name}")));
    expansion(&statements[0], relations, true)
}

#[test]
fn tables_are_counted_as_often_as_they_are_read() {
    for (sql, tables) in [
        ("SELECT 1", 1),
        ("SELECT (SELECT 1) FROM (VALUES (1), (2)) AS v", 2),
        (
            "WITH a AS (SELECT 1), b AS (SELECT * FROM a, a) SELECT * FROM b, b",
            4,
        ),
        ("SELECT * FROM t, t JOIN u USING (a)", 3),
        ("SELECT * FROM v, t WHERE a IN (SELECT a FROM v)", 15),
        ("WITH c AS (SELECT * FROM t, u) SELECT * FROM c, c", 4),
        (
            "WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a, a), c AS (SELECT * FROM b, b)
             SELECT * FROM c, c",
            8,
        ),
        // One that nothing reads is not planned.
        ("WITH c AS (SELECT * FROM t, u) SELECT * FROM t", 1),
        // A CTE hides a view, and one within another hides that.
        ("WITH v AS (SELECT * FROM t) SELECT * FROM v", 1),
        (
            "WITH c AS (SELECT * FROM t), d AS (WITH c AS (SELECT * FROM v) SELECT * FROM c)
             SELECT * FROM c, d",
            8,
        ),
        (
            "WITH RECURSIVE c AS (SELECT * FROM t UNION ALL SELECT * FROM c) SELECT * FROM c",
            2,
        ),
        ("CREATE VIEW w AS SELECT * FROM v, v", 14),
    ] {
        assert_eq!(expanded(sql).size().tables, tables, "{sql}");
    }
}

#[test]
fn grouping_sets_are_multiplied() {
    for (sql, sets) in [
        ("SELECT 1", 0),
        ("SELECT 1 FROM t GROUP BY a, b", 0),
        ("SELECT 1 FROM t GROUP BY CUBE (a, b, c)", 8),
        ("SELECT 1 FROM t GROUP BY CUBE (a, b), ROLLUP (c, d)", 12),
        ("SELECT 1 FROM t GROUP BY GROUPING SETS ((a), (b), ())", 3),
    ] {
        assert_eq!(expanded(sql).grouping_sets, sets, "{sql}");
    }
    let many: Vec<_> = (0..80).map(|n| format!("a{n}")).collect();
    let sql = format!("SELECT 1 FROM t GROUP BY CUBE ({})", many.join(", "));
    assert_eq!(expanded(&sql).grouping_sets, u64::MAX);
}

#[test]
fn columns_are_counted_in_each_operator() {
    for (sql, columns, compared) in [
        ("SELECT 1, 2, 3", 3, 9),
        ("VALUES (1, 2), (3, 4)", 0, 0),
        // The table itself, its place in FROM, and the list.
        ("SELECT * FROM w", 300, 10_000),
        ("SELECT a FROM w", 201, 1),
        ("SELECT x.a FROM w x, v, w y", 230 + 100 + 103 + 203 + 1, 1),
        (
            "SELECT x.*, v.*, nothing.* FROM w x, v, w",
            230 + 406 + 306,
            306 * 306,
        ),
        (
            "SELECT * FROM (SELECT x.*, 1 FROM w x) y",
            200 + 101 + 101 + 101,
            2 * 101 * 101,
        ),
        (
            "WITH c AS (SELECT * FROM w, w) SELECT 1 FROM c, c",
            2 * (200 + 300 + 200) + 600 + 1,
            200 * 200 + 1,
        ),
        (
            "SELECT 1 FROM (VALUES (1, 2, 3)) a, (w b JOIN w c ON true)",
            200 + 3 + 103 + 203 + 1,
            1,
        ),
    ] {
        let found = expanded(sql);
        assert_eq!(
            (found.size().columns, found.compared),
            (columns, compared),
            "{sql}"
        );
    }
}

#[test]
fn expressions_are_counted_as_often_as_they_are_copied() {
    for (sql, copied) in [
        ("SELECT a, b + 1, coalesce(a) FROM t", 0),
        ("SELECT coalesce(a, b) FROM t", 1),
        ("SELECT coalesce(a, coalesce(b, c)) FROM t", 2),
        ("SELECT coalesce(coalesce(a, b), c) FROM t", 1 + 4),
        ("SELECT a + 1 BETWEEN 0 AND 9 FROM t", 3),
        ("SELECT a < ALL(b) FROM t", 3 + 5),
        (
            "WITH c AS (SELECT a + 1 FROM t) SELECT 1 FROM c, c, c",
            2 * 3,
        ),
        // Of a view, one reading is no copy.
        ("SELECT 1 FROM v", 0),
        ("SELECT 1 FROM v, v, V", 2 * 7),
        (
            "SELECT a + b AS x FROM t GROUP BY c HAVING x > 1 AND X > y",
            2 * 3,
        ),
        ("SELECT a + b AS x FROM t ORDER BY x, a", 3),
        ("SELECT 1 FROM t GROUP BY CUBE (a, b)", 4 * 2),
        ("SELECT a + b, c FROM t GROUP BY 1, 2", 2 * 2),
        ("SELECT a + b, c FROM t ORDER BY 1, c + 1", 2),
        (
            "SELECT sum(a) OVER o, sum(b) OVER o FROM t WINDOW o AS (PARTITION BY a + b)",
            2 * 3,
        ),
    ] {
        assert_eq!(expanded(sql).copied_nodes(), copied, "{sql}");
    }
}

#[test]
fn constants_count_by_their_bytes() {
    let large = "x".repeat(10 * 512);
    for (sql, copied) in [
        ("SELECT '#', coalesce(a) FROM t", 0),
        ("SELECT coalesce('#', a) FROM t", 11),
        ("SELECT a + '#' BETWEEN 0 AND 9 FROM t", 13),
        ("WITH c AS (SELECT '#' AS x) SELECT 1 FROM c, c, c", 2 * 11),
        ("SELECT '#' AS x FROM t HAVING x = x", 2 * 11),
        ("SELECT '#' FROM t GROUP BY 1, 1", 2 * 10),
    ] {
        let sql = sql.replace('#', &large);
        assert_eq!(
            expanded(&sql).copied_nodes(),
            copied,
            "{}",
            sql.replace(&large, "#")
        );
    }
}

#[test]
fn names_of_columns_are_counted_where_they_are_read() {
    let large = "x".repeat(10 * 512);
    for (sql, times) in [
        ("SELECT '#'", 0),
        // In FROM, and in the list.
        ("SELECT * FROM (SELECT '#') s", 2),
        ("SELECT * FROM (SELECT '#' AS a) s", 0),
        ("SELECT 1 FROM (SELECT '#') s, (SELECT '#') u", 1 + 2),
        ("SELECT * FROM (SELECT * FROM (SELECT '#') s) u", 4),
        ("WITH c AS (SELECT '#') SELECT 1 FROM c, c", 1 + 2),
    ] {
        let sql = sql.replace('#', &large);
        let names = expanded(&sql).size().names;
        assert_eq!(names, times * 10 * 512, "{}", sql.replace(&large, "#"));
    }
}
