//! Results that a pager shows while they are computed.

use std::fs;

use rexpect::session::PtySession;

use crate::terminal::{check, expect, home, quit, send, start_with};

/// Starts a shell that passes long results to a command.
fn start_paged(home: &std::path::Path, pager: &str) -> PtySession {
    let mut shell = start_with(home, &["--memory"], &[("PAGER", pager)]);
    check(&mut shell, "\\pset pager on", "pager is on: ");
    shell
}

/// Types a statement, and returns what is printed before the summary of its result.
#[track_caller]
fn printed(shell: &mut PtySession, statement: &str, summary: &str) -> String {
    send(shell, &format!("{statement}\r"));
    match shell.exp_string(summary) {
        Ok(text) => text,
        Err(error) => panic!("{summary:?}: {error}"),
    }
}

/// Returns the largest resident memory that a shell has had, in bytes; 0 where the system does not
/// tell.
fn peak_bytes(shell: &mut PtySession) -> u64 {
    send(shell, "\\! echo process $PPID .\r");
    let (_, process) = shell.exp_regex("process [0-9]+ \\.").unwrap();
    let process: String = process.chars().filter(char::is_ascii_digit).collect();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    let kibibytes = line.split_whitespace().next();
    kibibytes.map_or(0, |number| number.parse::<u64>().unwrap() << 10)
}

#[test]
fn query_ends_when_the_pager_is_left() {
    let home = home();
    let mut shell = start_paged(home.path(), "head -5");
    for statement in [
        "SELECT value FROM range(0, 1000000000000);",
        // Rows that come after the pager was left.
        "SELECT value FROM range(0, 3000) UNION ALL \
         SELECT count(*) FROM range(0, 1000000000000) a, range(0, 10) b;",
    ] {
        let text = printed(&mut shell, statement, "done in");
        assert!(text.contains("|     1 |"), "{text}");
        assert!(!text.contains("error"), "{text}");
        check(&mut shell, "SELECT 13 * 13 AS n;", " 169 |");
    }
    check(&mut shell, ".mode csv", "fusebox> ");
    let endless = "SELECT value FROM range(0, 1000000000000);";
    let text = printed(&mut shell, endless, "done in");
    assert!(text.contains("\r\n3\r\n"), "{text}");
    assert!(!text.contains("error"), "{text}");
    quit(shell);
}

#[test]
fn memory_of_a_pager_is_bounded() {
    const ROWS: u64 = 600_000;
    let home = home();
    let lines = home.path().join("lines");
    let mut shell = start_paged(home.path(), &format!("wc -l > {}", lines.display()));
    check(
        &mut shell,
        "SELECT value FROM range(0, 1000);",
        "1000 rows in",
    );
    let before = peak_bytes(&mut shell);
    let statement = format!("SELECT value, repeat('x', 1000) AS t FROM range(0, {ROWS});");
    printed(&mut shell, &statement, &format!("{ROWS} rows in"));
    let grown = peak_bytes(&mut shell) - before;
    // All rows take 600 MB, a batch of them 8 MB, and several times that when it is drawn.
    assert!(grown < 200 << 20, "{grown}");
    let found: u64 = fs::read_to_string(&lines).unwrap().trim().parse().unwrap();
    // A header, and three lines of dashes.
    assert_eq!(found, ROWS + 4);
    quit(shell);
}

#[test]
fn wider_values_are_whole_in_a_pager() {
    let home = home();
    let file = home.path().join("paged");
    let mut shell = start_paged(home.path(), &format!("cat > {}", file.display()));
    let statement = "SELECT CASE WHEN value < 20000 THEN 'a' ELSE 'longer' END AS text \
                     FROM range(0, 20001) ORDER BY value;";
    printed(&mut shell, statement, "20001 rows in");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("+------+\n| text |\n+------+\n| a    |\n"));
    assert!(text.ends_with("| longer |\n+--------+\n"));
    printed(
        &mut shell,
        "SELECT value FROM range(1000001);",
        "1000001 rows in",
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("|     0 |\n"));
    assert!(text.ends_with("| 1000000 |\n+---------+\n"));
    assert!(!text.contains('…'));
    quit(shell);
}

#[test]
fn ctrl_c_in_a_pager_is_the_pagers() {
    let home = home();
    let lines = home.path().join("lines");
    let pager = format!(
        "trap '' INT; echo sta''rted >&2; sleep 1; wc -l > {}",
        lines.display()
    );
    let mut shell = start_paged(home.path(), &pager);
    send(&mut shell, "SELECT value FROM range(0, 100000);\r");
    expect(&mut shell, "started");
    send(&mut shell, "\u{3}");
    expect(&mut shell, "100000 rows in");
    let found = fs::read_to_string(&lines).unwrap();
    assert_eq!(found.trim(), "100004");
    // At the prompt and in statements it is the shell's again.
    check(&mut shell, "\\pset pager off", "pager is off");
    send(
        &mut shell,
        "SELECT count(*) FROM range(0, 1000000000000) a, range(0, 10) b;\r",
    );
    expect(&mut shell, "Ctrl-C cancels");
    send(&mut shell, "\u{3}");
    expect(&mut shell, "error: cancelled");
    quit(shell);
}

#[test]
fn error_ends_a_paged_result() {
    let home = home();
    let file = home.path().join("paged");
    let mut shell = start_paged(home.path(), &format!("cat > {}", file.display()));
    let statement = "SELECT value, 1 / (value - 50000) AS n FROM range(0, 1000000);";
    send(&mut shell, &format!("{statement}\r"));
    expect(&mut shell, "error: ");
    expect(&mut shell, "zero");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(" 1000 |"), "{}", text.len());
    let last = text.lines().next_back().unwrap();
    assert!(
        last.starts_with("error: ") && last.contains("zero"),
        "{last}"
    );
    check(&mut shell, "SELECT 13 * 13 AS n;", " 169 |");
    quit(shell);
}
