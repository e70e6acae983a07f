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
            "SELECT * FROM (SELECT 1, 1)",
            "write AS name after one of them",
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
