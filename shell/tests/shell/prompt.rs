//! Commands of the prompt, and its notes on what is open.

use std::fs;

use crate::terminal::{check, expect, home, quit, send, start, start_with};

#[test]
fn open_parts_are_shown_on_the_next_line() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    for (line, note, end) in [
        ("SELECT 6 * 7", "-- `;` ends the statement", ";"),
        ("SELECT (6 * ", "-- in the `(` of line 1, column 8", "7);"),
        (
            "SELECT 42, '",
            "-- in the string of line 1, column 12",
            "';",
        ),
        (
            "SELECT /* a",
            "-- in the comment of line 1, column 8",
            "*/ 42;",
        ),
    ] {
        check(&mut shell, line, note);
        check(&mut shell, end, " 42 ");
    }
    quit(shell);
}

#[test]
fn unclosed_parts_are_reported_with_their_place() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(
        &mut shell,
        "SELECT (1 + 2;",
        "the `(` at line 1, column 8 is not closed",
    );
    let file = home.path().join("open.sql");
    for (text, error) in [
        (
            "SELECT 1;\n SELECT 'a",
            "the string at line 2, column 9 is not closed",
        ),
        (
            "SELECT 1 /* a",
            "the comment at line 1, column 10 is not closed",
        ),
        ("SELECT [1", "the `[` at line 1, column 8 is not closed"),
    ] {
        fs::write(&file, text).unwrap();
        check(&mut shell, &format!("\\i {}", file.display()), error);
    }
    quit(shell);
}

#[test]
fn statements_are_executed_again_to_files_and_expanded() {
    let home = home();
    let file = home.path().join("out.csv");
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "SELECT 6 * 7 AS n \\gx", "n | 42");
    check(&mut shell, "\\g", " 42 |");
    check(&mut shell, ".mode csv", "fusebox> ");
    check(
        &mut shell,
        &format!("SELECT 6 * 8 AS n \\g {}", file.display()),
        "1 row in",
    );
    check(&mut shell, "SELECT 6 * 9 AS n;", "54");
    assert_eq!(fs::read_to_string(&file).unwrap(), "n\n48\n");
    quit(shell);
}

#[test]
fn results_are_files_of_parquet_and_tables_are_copied() {
    let home = home();
    let path = |name: &str| home.path().join(name).display().to_string();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "\\pset format parquet", "fusebox> ");
    check(&mut shell, "SELECT 1 AS n;", "--output FILE, or type");
    check(
        &mut shell,
        &format!("\\o {}\rSELECT 6 * 7 AS n;", path("x.parquet")),
        "1 row in",
    );
    check(&mut shell, "SELECT 2 AS n;", "has a result already");
    // The format may be set after the file; a query that fails leaves no file.
    let late = format!(
        ".mode csv\r\\o {}\r.mode arrow\rSELECT 1 / 0 AS n;",
        path("z.arrow")
    );
    check(&mut shell, &late, "error: ");
    check(&mut shell, "\\! echo 6$((1 + 1))", "62\r\n");
    assert!(!home.path().join("z.arrow").exists());
    check(&mut shell, "SELECT 6 * 6 AS n;", "1 row in");
    assert!(home.path().join("z.arrow").exists());
    check(
        &mut shell,
        &format!(
            "\\o\r.mode table\rSELECT n + 1 AS m FROM '{}';",
            path("x.parquet")
        ),
        " 43 |",
    );
    let copy = format!("\\copy (SELECT 7 * 7 AS n) TO '{}'", path("y.csv"));
    check(&mut shell, &copy, "1 row in");
    check(&mut shell, "CREATE TABLE t (n BIGINT);", "done in");
    check(
        &mut shell,
        &format!("\\copy t FROM {}", path("y.csv")),
        "1 row in",
    );
    check(&mut shell, "SELECT n + 1 AS m FROM t;", " 50 |");
    quit(shell);
}

#[test]
fn editor_and_pager_are_those_of_the_user() {
    let home = home();
    let variables = [("EDITOR", "sed -i s/11/12/"), ("PAGER", "sed 's/^/paged/'")];
    let mut shell = start_with(home.path(), &["--memory"], &variables);
    check(&mut shell, "SELECT 11 * 12;", " 132 |");
    check(&mut shell, "\\e", " 144 |");
    check(&mut shell, "\\e", "nothing was changed");
    check(&mut shell, "\\pset pager on", "pager is on: sed");
    check(
        &mut shell,
        "SELECT value * 2 AS n FROM range(0, 1000);",
        "paged| 1998 |",
    );
    // A result that fits is printed.
    check(&mut shell, "SELECT 5 * 5 AS n;", "\r\n| 25 |");
    check(&mut shell, "\\pset", "pager     on");
    quit(shell);
    let confined = home.path().display().to_string();
    let mut shell = start_with(home.path(), &["--memory", "--root", &confined], &variables);
    for command in ["\\e", "\\pset pager on", "\\! ls"] {
        check(&mut shell, command, "refused with --root");
    }
    quit(shell);
}

#[test]
fn nulls_are_shown_as_set() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "SELECT NULL AS n;", "| NULL |");
    check(&mut shell, "\\pset null '(none)'", "fusebox> ");
    check(&mut shell, "SELECT NULL AS n;", "| (none) |");
    send(&mut shell, "\\H\r");
    expect(&mut shell, "pset format html");
    quit(shell);
}

#[test]
fn as_many_rows_are_shown_as_set() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let sql = "SELECT value * 7 AS n FROM range(0, 100);";
    check(&mut shell, sql, "100 rows, 40 shown");
    check(&mut shell, "\\pset rows 4", "fusebox> ");
    // The bytes of `…`, each read as a character.
    let rows = "|   0 |\r\n|   7 |\r\n|   \u{e2}\u{80}\u{a6} |\r\n| 686 |\r\n| 693 |\r\n";
    check(&mut shell, sql, rows);
    check(&mut shell, ".maxrows 200", "fusebox> ");
    check(&mut shell, sql, "100 rows in");
    check(&mut shell, "\\t", "names of columns are off");
    check(
        &mut shell,
        "SELECT 6 * 7 AS n;",
        "\r\n+----+\r\n| 42 |\r\n+----+\r\n",
    );
    check(&mut shell, ".maxrows 0", "rows from 1 to");
    check(&mut shell, ".show", "rows      200");
    quit(shell);
}

#[test]
fn paths_of_commands_may_begin_at_the_home() {
    let home = home();
    fs::write(home.path().join("a.sql"), "SELECT 6 * 7 AS n;").unwrap();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "\\i ~/a.sql", " 42 |");
    check(&mut shell, "SELECT 6 * 8 AS n \\g '~/b.csv'", "1 row in");
    check(&mut shell, "\\o ~/c.csv\rSELECT 6 * 9 AS n;", "1 row in");
    quit(shell);
    for (file, text) in [("b.csv", "n\n48\n"), ("c.csv", "n\n54\n")] {
        let written = fs::read_to_string(home.path().join(file)).unwrap();
        assert_eq!(written, text);
    }
}

#[test]
fn views_are_described_with_their_query() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "CREATE VIEW v AS SELECT 42 AS n;", "done");
    send(&mut shell, "\\d+ v\r");
    expect(&mut shell, "column_name");
    expect(&mut shell, "AS SELECT 42 AS n");
    quit(shell);
}

#[test]
fn last_statement_is_watched_until_ctrl_c() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "SELECT 6 * 7 AS n;", " 42 |");
    send(&mut shell, "\\watch 0.05\r");
    for _ in 0..3 {
        expect(&mut shell, " 42 |");
    }
    send(&mut shell, "\u{3}");
    check(&mut shell, "SELECT 7 * 7 AS n \\watch 0.05", " 49 |");
    expect(&mut shell, " 49 |");
    send(&mut shell, "\u{3}");
    check(&mut shell, "\\watch 1d", "expected a number of seconds");
    quit(shell);
}

#[test]
fn variables_are_parts_of_statements() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "\\set n 6", "fusebox> ");
    check(&mut shell, "\\set name 'it''s'", "fusebox> ");
    check(
        &mut shell,
        "SELECT :n * 7 AS a, :'name' AS b;",
        " 42 | it''s |",
    );
    check(&mut shell, "\\set", "n = 6");
    check(&mut shell, "\\unset n", "fusebox> ");
    check(&mut shell, "SELECT :n;", "error: ");
    quit(shell);
}

#[test]
fn plans_have_many_lines() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let explain = "EXPLAIN SELECT count(*) FROM range(0, 5) WHERE value > 1;";
    check(&mut shell, explain, "logical_plan\r\n  Projection: ");
    expect(&mut shell, "\r\nphysical_plan\r\n  ");
    quit(shell);
}

#[test]
fn endings_of_binary_files_tell_the_format() {
    let home = home();
    let path = home.path().join("x.parquet").display().to_string();
    let mut shell = start(home.path(), &["--memory"]);
    let write = format!("\\o {path}\r.mode csv\rSELECT 6 * 7 AS n;\r\\o\r.mode table");
    check(&mut shell, &write, "fusebox> ");
    let read = format!("SELECT n + 1 AS m FROM '{path}';");
    check(&mut shell, &read, " 43 |");
    quit(shell);
}

#[test]
fn rows_of_tables_are_kept() {
    let home = home();
    let mut shell = start(home.path(), &[]);
    check(&mut shell, "CREATE TABLE t AS SELECT 6 AS n;", "done");
    check(&mut shell, "INSERT INTO t VALUES (36);", "1 row");
    quit(shell);
    let mut shell = start(home.path(), &[]);
    check(&mut shell, "SELECT sum(n) FROM t;", " 42 |");
    quit(shell);
}

#[test]
fn columns_that_are_left_out_are_counted() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let columns = |count: usize| {
        let columns = (1..=count).map(|number| format!("1000000 AS column_{number}"));
        columns.collect::<Vec<_>>().join(", ")
    };
    let many = format!("SELECT {} FROM range(0, 100);", columns(30));
    check(&mut shell, &many, "100 rows, 40 shown, 30 columns, ");
    expect(&mut shell, " shown in ");
    check(&mut shell, &format!("SELECT {};", columns(2)), "1 row in");
    check(&mut shell, "\\x on", "expanded display is on");
    check(&mut shell, &format!("SELECT {};", columns(30)), "1 row in");
    quit(shell);
}

#[test]
fn statements_of_a_transaction_are_not_executed() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "CREATE TABLE t (n BIGINT);", "done in");
    check(
        &mut shell,
        "BEGIN; INSERT INTO t VALUES (1); ROLLBACK;",
        "the statements after it were not executed",
    );
    check(&mut shell, "SELECT count(*) + 70 AS n FROM t;", " 70 |");
    check(&mut shell, "SELECT nope; SELECT 8 * 9 AS n;", " 72 |");
    quit(shell);
}
