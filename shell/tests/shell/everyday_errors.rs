//! Errors of every day: their place in the statement, and what to write instead.

use crate::messages::check_message;

#[test]
fn errors_of_every_day_have_a_place_and_a_remedy() {
    for (sql, expected) in [
        (
            "SELECT 1 +",
            "Expected: an expression, found: EOF\n  SELECT 1 +\n            ^\n",
        ),
        (
            "SELECT * FROM range(0, 2)\nWHERE;",
            "found: EOF\n  WHERE;\n       ^\n",
        ),
        (
            "SELECT 2, date '2013-13-01'",
            "of Date32 type\n  SELECT 2, date '2013-13-01'\n                 ^\n",
        ),
        (
            "SELECT value, count(*) FROM range(0, 2)",
            "value must be in GROUP BY, or an argument of an aggregate function\n  \
             SELECT value, count(*) FROM range(0, 2)\n         ^\n",
        ),
        (
            "SELECT x FROM (SELECT 1 AS x, 2 AS x)",
            "found `x` twice: write AS name after one of them",
        ),
        (
            "CREATE TABLE twice AS SELECT 1, 1",
            "found `1` twice: rename one with AS",
        ),
        (
            "SELECT strftime(now(), '%Y')",
            "function 'strftime' does not exist; write to_char(value, '%Y-%m-%d')",
        ),
        ("SELECT Year(now())", "write date_part('year', value)"),
        // A line that fits is shown whole, wherever the error is.
        (
            "SELECT value + 1, value + 2, value + 3, value + 4, value + 5, nope FROM range(0, 2)",
            "\n  SELECT value + 1, value + 2, value + 3, value + 4, value + 5, nope FROM range(0, 2)\n",
        ),
    ] {
        check_message(sql, expected);
    }
}

#[test]
fn statements_of_other_systems_have_another_way() {
    for (sql, expected) in [
        ("SELECT epoch(now())", "write date_part('epoch', value)"),
        ("SELECT localtimestamp", "write now()"),
        ("SELECT iif(true, 1, 2)", "write CASE WHEN"),
        ("SELECT 2 ** 3", "write power(a, b)"),
        ("SELECT '{}'::json", "write VARCHAR"),
        (
            "CREATE TABLE s(n SERIAL)",
            "write BIGINT, and number rows by row_number() OVER ()",
        ),
        (
            "ROLLBACK",
            "found a transaction; each statement took effect by itself, and nothing is undone",
        ),
        (
            "COMMIT",
            "found a transaction; each statement takes effect by itself: leave it out",
        ),
        (
            "SELECT * FROM range(0, 9) USING SAMPLE 3",
            "write ORDER BY random() LIMIT 10",
        ),
        (
            "SELECT * FROM range(0, 9) TABLESAMPLE (3 ROWS)",
            "write ORDER BY random() LIMIT 3",
        ),
        (
            "SELECT * FROM (PIVOT t ON a USING count(*))",
            "write SELECT * FROM (SELECT … FROM t) PIVOT",
        ),
        (
            "CREATE TABLE c(a INT); COPY c FROM 'a.csv' CSV HEADER NULL 'NA'",
            "write options in brackets: COPY c FROM 'a.csv' (HEADER, NULL 'NA')",
        ),
        (
            "CREATE TABLE p(n INT); SELECT n FROM p a, p AS b",
            "did you mean a.n or b.n?",
        ),
        (
            "CREATE TABLE p(n INT); DROP TABLE p, p",
            "Multiple objects not supported; write a DROP for each",
        ),
        (
            "CREATE TABLE c(a INT); COPY c TO STDOUT",
            "type \\copy c TO STDOUT at the prompt",
        ),
    ] {
        check_message(sql, expected);
    }
}
