//! Input that is pasted or typed ahead, its tabs, and the keys that leave a statement.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rexpect::session::PtySession;

use crate::shell;
use crate::terminal::{check, expect, home, quit, send, start, start_by, start_coloured};

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// Types keys that come after a pause, as those of a user.
fn type_slowly(shell: &mut PtySession, keys: &[&str]) {
    for key in keys {
        thread::sleep(Duration::from_millis(300));
        send(shell, key);
    }
}

const FAILING: &str = "SELECT 11 * 11;\nSLECT 12;\nSELECT 13 * 13;\nSELECT 1 / 0;\nSELECT 14 *\n 14;\n\\dt\nSELECT 15 * 15;\n";

#[test]
fn statements_after_an_error_are_executed() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let file = home.path().join("failing.sql");
    fs::write(&file, FAILING).unwrap();
    let results = [" 121 |", "SLECT", " 169 |", "zero", " 196 |", " 225 |"];
    send(&mut shell, &format!("\u{1b}[200~{FAILING}\u{1b}[201~\r"));
    // The text itself is drawn first.
    expect(&mut shell, "SELECT 15 * 15;");
    for result in results {
        expect(&mut shell, result);
    }
    send(&mut shell, &format!("\\i {}\r", file.display()));
    expect(&mut shell, " 121 |");
    expect(&mut shell, "failing.sql:2:1: ");
    expect(&mut shell, " 169 |");
    expect(&mut shell, "failing.sql:4:1: ");
    for result in [" 196 |", " 225 |"] {
        expect(&mut shell, result);
    }
    quit(shell);
}

#[test]
fn rest_of_an_input_is_left_out_after_ctrl_c() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let endless = "SELECT count(*) FROM range(0, 1000000000000) a, range(0, 10) b;";
    for rest in ["SELECT 1 + 1;", "\\dt\nSELECT 1 + 1;"] {
        let file = home.path().join("endless.sql");
        fs::write(&file, format!("SELECT 12 * 12;\n{endless}\n{rest}\n")).unwrap();
        send(&mut shell, &format!("\\i {}\r", file.display()));
        expect(&mut shell, " 144 |");
        thread::sleep(Duration::from_millis(400));
        send(&mut shell, CTRL_C);
        expect(&mut shell, "error: cancelled");
        expect(&mut shell, "the rest of the input was left out");
        check(&mut shell, "SELECT 13 * 13;", " 169 |");
    }
    quit(shell);
}

#[test]
fn tab_of_a_paste_is_text() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "SELECT length('a\tb') * 7 AS n;", " 21 |");
    check(&mut shell, "select\t6\t* 7;", " 42 |");
    // Tabs at the start of lines, and those that were typed while a statement ran.
    send(
        &mut shell,
        "SELECT count(*) + 1 FROM range(0, 200000000);\r",
    );
    thread::sleep(Duration::from_millis(200));
    send(&mut shell, "SELECT\r\tlength('sel\tfr') * 9,\r\t'x';\r");
    expect(&mut shell, " 200000001 |");
    expect(&mut shell, " 54 |");
    quit(shell);
}

/// Input beside the progress of a statement is drawn at the next prompt alone.
#[cfg(unix)]
#[test]
fn input_during_a_statement_is_drawn_at_the_next_prompt() {
    let home = home();
    // The terminal of a test draws no input, unlike that of a user.
    let mut shell = start_by(home.path(), "stty echo; exec \"$0\" --memory");
    let long = "SELECT count(*) + 1 FROM range(0, 1000000000);\r";
    send(&mut shell, long);
    expect(&mut shell, "Ctrl-C cancels");
    send(&mut shell, "SELECT 12 * 12;\r");
    let text = shell.exp_string(" 1000000001 |").unwrap();
    assert!(!text.contains("12 * 12"), "{text}");
    for text in ["fusebox> ", "SELECT 12 * 12;", " 144 |"] {
        expect(&mut shell, text);
    }
    quit(shell);
}

#[cfg(unix)]
#[test]
fn settings_of_the_terminal_are_restored_at_the_end() {
    let settings = "stty -a | tr ' ;' '\\n\\n' | grep -E '^-?(icanon|echo)$' | tr '\\n' ' '";
    let script = format!("stty echo; \"$0\" --memory; {settings}; echo settings");
    let endless = "SELECT count(*) FROM range(0, 1000000000000) a, range(0, 10) b;\r";
    for signal in ["HUP", "QUIT", "TERM"] {
        for statement in [endless, ""] {
            let home = home();
            let mut shell = start_by(home.path(), &script);
            send(&mut shell, "\\! echo process $PPID .\r");
            let (_, process) = shell.exp_regex("process [0-9]+ \\.").unwrap();
            let process: String = process.chars().filter(char::is_ascii_digit).collect();
            expect(&mut shell, "fusebox> ");
            send(&mut shell, statement);
            if !statement.is_empty() {
                expect(&mut shell, "Ctrl-C cancels");
            }
            let kill = std::process::Command::new("kill")
                .args(["-s", signal, &process])
                .status();
            assert!(kill.unwrap().success(), "{signal}");
            expect(&mut shell, "icanon echo settings");
        }
    }
    let home = home();
    let mut shell = start_by(home.path(), &script);
    send(&mut shell, "\\q\r");
    expect(&mut shell, "icanon echo settings");
}

/// A terminal that edits lines keeps 4,095 bytes of one.
#[test]
fn long_line_during_a_statement_is_kept() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    send(
        &mut shell,
        "SELECT count(*) + 1 FROM range(0, 200000000);\r",
    );
    thread::sleep(Duration::from_millis(200));
    let text = "x".repeat(9_000);
    send(&mut shell, &format!("SELECT length('{text}') * 7;\r"));
    expect(&mut shell, " 200000001 |");
    expect(&mut shell, " 63000 |");
    quit(shell);
}

#[test]
fn statement_is_left_on_any_line() {
    let home = home();
    for end in [".quit\r", "  .exit;\r", "\\q\r", CTRL_D] {
        let mut shell = start(home.path(), &["--memory"]);
        type_slowly(&mut shell, &["SELECT 1,\r", end]);
        shell.exp_eof().unwrap();
    }
    let mut shell = start(home.path(), &["--memory"]);
    type_slowly(&mut shell, &["SELECT 1,\r", ".help\r"]);
    expect(&mut shell, "relations, or the columns of one");
    // Ctrl-D deletes within a line, and does nothing at the end of one with text.
    type_slowly(&mut shell, &["6 * 7\r  ", "\u{1}", CTRL_D]);
    type_slowly(&mut shell, &["\u{5};", CTRL_D, "\r"]);
    expect(&mut shell, " 42 |");
    // Words that may be parts of a statement are no commands.
    check(
        &mut shell,
        "SELECT v\r.n + 1 AS quit FROM (SELECT 42 AS n)\rv;",
        " 43 |",
    );
    quit(shell);
}

/// A command within a statement does not execute the part above it.
#[test]
fn statement_goes_on_after_a_command() {
    let script = "CREATE TABLE t AS VALUES (1), (2), (3);
        DELETE FROM t\n\\echo between\n\\echo again\nWHERE column1 = 1;
        SELECT 1 AS a; SELECT count(*) + 40 AS n\n\\echo last\nFROM t;\n";
    let run = shell(&["--memory", "--format", "csv"], script);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let expected = [
        "between", "again", "count", "1", "a", "1", "last", "n", "42",
    ];
    let lines: Vec<_> = run.stdout.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.ends_with(&expected), "{lines:?}");

    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(
        &mut shell,
        "CREATE TABLE t AS VALUES (1), (2), (3);",
        "done in",
    );
    type_slowly(
        &mut shell,
        &[
            "DELETE FROM t\r",
            "\\echo between\r",
            "WHERE column1 = 1;\r",
        ],
    );
    expect(&mut shell, " 1 |");
    check(&mut shell, "SELECT count(*) + 40 AS n FROM t;", " 42 |");
    // Ctrl-C forgets it.
    let query = "SELECT count(*) + 50 AS n FROM t;\r";
    type_slowly(&mut shell, &["DELETE FROM t\r", "\\dt\r", CTRL_C, query]);
    expect(&mut shell, " 52 |");
    quit(shell);
}

/// An open statement is not executed when the shell is left.
#[test]
fn statement_that_is_left_changes_nothing() {
    let home = home();
    let mut shell = start(home.path(), &[]);
    check(&mut shell, "CREATE TABLE t AS SELECT 42 AS n;", "done in");
    type_slowly(&mut shell, &["DROP TABLE t\r", "\\q\r"]);
    shell.exp_eof().unwrap();
    let mut shell = start(home.path(), &[]);
    check(&mut shell, "SELECT n FROM t;", " 42 |");
    quit(shell);
}

/// Each key had the whole line coloured again: 26 s.
#[test]
fn long_line_without_brackets_is_read_at_once() {
    let home = home();
    let mut shell = start_coloured(home.path(), &["--memory"]);
    let begin = Instant::now();
    let line = format!("SELECT length('{}') + 1 AS n;", "x".repeat(3_900));
    check(&mut shell, &line, " 3901 |");
    assert!(begin.elapsed() < Duration::from_secs(10), "{begin:?}");
    quit(shell);
}

#[test]
fn words_are_completed_by_their_place() {
    let home = home();
    let clamp = concat!(env!("CARGO_MANIFEST_DIR"), "/../udfs/wat/clamp.wat");
    let mut shell = start(home.path(), &["--memory"]);
    for statement in [
        "CREATE TABLE flights AS SELECT 6 AS dep_hour, 7 AS dest;",
        "CREATE TABLE \"Odd Names\" AS SELECT 9 AS \"Seat Count\";",
        "CREATE TABLE \"order\" AS SELECT 8 AS \"group\";",
        "CREATE SCHEMA other;",
        "CREATE TABLE other.planes AS SELECT 8 AS seats;",
        &format!("CREATE MODULE clamp LANGUAGE WASM FROM '{clamp}';"),
        "IMPORT FUNCTIONS FROM MODULE clamp;",
    ] {
        check(&mut shell, statement, "done in");
    }
    for (keys, result) in [
        (
            &["SELECT flights.dep", "\t", " * 7 FROM flights;\r"][..],
            " 42 |",
        ),
        (
            &[
                "SELECT f.des FROM flights AS f;",
                "\u{1}",
                "\u{1b}f\u{1b}f\u{1b}f",
                "\t",
                "\r",
            ],
            " 7 |",
        ),
        (
            &["SELECT \"Seat", "\t", " * 7 AS n FROM odd", "\t", ";\r"],
            " 63 |",
        ),
        (
            &["SELECT \"gro", "\t", " * 6 AS n FROM \"ord", "\t", ";\r"],
            " 48 |",
        ),
        (&["SELECT seats * 9 FROM other.pl", "\t", ";\r"], " 72 |"),
        (&["\\pset for", "\t", " line\r"], "fusebox> "),
        (&["SELECT 5 AS n;\r"], "n = 5"),
        (&["\\pset format ta", "\t", "\r"], "fusebox> "),
        (&["SHOW MODULE cl", "\t", ";\r"], "clamp"),
        (
            &[
                "ALTER FUNCTION clamp_to SET (fuel_per_r",
                "\t",
                " = 7000);\r",
            ],
            "done in",
        ),
    ] {
        type_slowly(&mut shell, keys);
        expect(&mut shell, result);
    }
    type_slowly(&mut shell, &["SELECT clamp_to(", "\t", "\t"]);
    expect(&mut shell, "RETURNS BIGINT");
    type_slowly(&mut shell, &["70, 0, 9);\r"]);
    expect(&mut shell, " 9 |");
    quit(shell);
}

fn create_tables(home: &tempfile::TempDir, airports: &str) {
    let mut shell = start(home.path(), &[]);
    check(
        &mut shell,
        &format!("CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '{airports}';"),
        "done in",
    );
    for statement in [
        "CREATE VIEW v AS SELECT name AS longer_name FROM airports;",
        "CREATE TABLE o (identity BIGINT, text VARCHAR);",
    ] {
        check(&mut shell, statement, "done in");
    }
    quit(shell);
}

/// Tables that no statement has used yet: those of a catalog, and files.
#[test]
fn columns_of_named_tables_are_completed() {
    let home = home();
    let airports = format!("{}/airports.csv", crate::DATA);
    create_tables(&home, &airports);
    // Before any statement has used them.
    for (keys, result) in [
        (
            &["alter table o drop column te", "\t", ";\r"][..],
            "done in",
        ),
        (
            &[
                "SELECT 6 * count(ident",
                "\t",
                ") AS n FROM o order b",
                "\t",
                " 1;\r",
            ],
            " 0 |",
        ),
    ] {
        let mut shell = start(home.path(), &[]);
        type_slowly(&mut shell, keys);
        expect(&mut shell, result);
        quit(shell);
    }
    let mut shell = start(home.path(), &[]);
    let of_file = format!("SELECT min(9 * 9) AS n FROM '{airports}' WHERE length(tzo");
    // What the first key does not wait for, the second one finds.
    for (keys, result) in [
        (
            &[
                "SELECT min(7 * 8) AS n FROM airports AS a WHERE length(tzo",
                "\t",
                "\t",
                ") > 0;\r",
            ][..],
            " 56 |",
        ),
        (
            &[
                "SELECT min(8 * 8) AS n FROM v WHERE length(longer_n",
                "\t",
                "\t",
                ") > 0;\r",
            ],
            " 64 |",
        ),
        (&[of_file.as_str(), "\t", "\t", ") > 0;\r"], " 81 |"),
        (&["INSERT INTO o (i", "\t", ") VALUES (42);\r"], "1 row"),
        (
            &[
                "with q as (select 9 * 8 as seventy_two) sel",
                "\t",
                " seven",
                "\t",
                " from q;\r",
            ],
            " 72 |",
        ),
        (&["SELECT sum(identity) AS n FROM o;\r"], " 42 |"),
    ] {
        type_slowly(&mut shell, keys);
        expect(&mut shell, result);
    }
    quit(shell);
}
