//! Ctrl-C at the prompt, and the progress of long statements.

use std::thread;
use std::time::{Duration, Instant};

use rexpect::session::PtySession;

use crate::terminal::{check, expect, home, quit, send, start};

const CTRL_C: &str = "\u{3}";

/// Types a statement, presses Ctrl-C while it runs, and executes another.
#[track_caller]
fn check_cancelled(shell: &mut PtySession, statement: &str) {
    send(shell, &format!("{statement}\r"));
    thread::sleep(Duration::from_millis(400));
    let start = Instant::now();
    send(shell, CTRL_C);
    expect(shell, "error: cancelled");
    let cancelled = start.elapsed();
    check(shell, "SELECT 13 * 13;", " 169 |");
    // 0.2 s on a machine without other work.
    assert!(cancelled < Duration::from_secs(3), "{cancelled:?}");
    let next = start.elapsed() - cancelled;
    assert!(next < Duration::from_secs(10), "{next:?}");
}

#[test]
fn cancelled_statement_returns_the_prompt_and_slows_no_other() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let endless = format!(
        "CREATE FUNCTION busy(BIGINT) RETURNS BIGINT LANGUAGE WASM AS '{}' EXPORT 'busy' \
         WITH (fuel_per_row = 1000000000000);",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/guests/types.wasm")
    );
    check(&mut shell, &endless, "done in");
    check_cancelled(&mut shell, "SELECT busy(1000000000000);");
    check_cancelled(
        &mut shell,
        "SELECT count(*) FROM range(0, 1000000000000) a, range(0, 10) b;",
    );
    quit(shell);
}

/// A function of DataFusion that works for minutes in one call.
#[test]
fn native_statement_that_does_not_stop_is_left_alone() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    let endless = "SELECT levenshtein(repeat('ab', 400000), repeat('ba', 400000)) AS n;";
    for _ in 0..3 {
        send(&mut shell, &format!("{endless}\r"));
        thread::sleep(Duration::from_millis(400));
        send(&mut shell, CTRL_C);
        expect(&mut shell, "does not stop by itself");
        expect(&mut shell, "error: cancelled");
        check(&mut shell, "SELECT 13 * 13;", " 169 |");
    }
    quit(shell);
}

#[test]
fn drawing_is_cancelled_and_two_keys_are_as_one() {
    let home = home();
    let mut shell = start(home.path(), &["--memory", "--format", "csv"]);
    send(&mut shell, "SELECT value FROM range(0, 100000000000);\r");
    expect(&mut shell, "\r\n1000\r\n");
    send(&mut shell, CTRL_C);
    send(&mut shell, CTRL_C);
    expect(&mut shell, "error: cancelled");
    check(&mut shell, "\\echo one", "\r\none\r\n");
    check(&mut shell, "SELECT 13 * 13 AS n;", "n\r\n169\r\n");
    quit(shell);
}

#[test]
fn long_statement_shows_its_progress_and_erases_it() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    send(&mut shell, "SELECT count(*) FROM range(0, 100000000000);\r");
    for part in [" M rows", " s, ", " memory; Ctrl-C"] {
        expect(&mut shell, part);
    }
    send(&mut shell, CTRL_C);
    expect(&mut shell, "\r\u{1b}[Kerror: cancelled");
    let flights = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../data/nycflights13/flights-2013-01.parquet"
    );
    let join = format!(
        "SELECT count(*) FROM '{flights}' a, range(0, 1000000) b WHERE a.dep_time + b.value < 0;"
    );
    send(&mut shell, &format!("{join}\r"));
    expect(&mut shell, "B read");
    send(&mut shell, CTRL_C);
    expect(&mut shell, "error: cancelled");
    quit(shell);
}

#[test]
fn progress_is_shown_while_all_threads_are_busy() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    // Neither operator yields to others.
    let sql = "SELECT sum(a.value * b.value) FROM generate_series(1, 3000000) a \
               CROSS JOIN generate_series(1, 3000000) b;\r";
    send(&mut shell, sql);
    expect(&mut shell, " memory; Ctrl-C");
    send(&mut shell, CTRL_C);
    expect(&mut shell, "error: cancelled");
    check(&mut shell, "SELECT 13 * 13 AS n;", "169");
    quit(shell);
}
