//! End-to-end tests of the shell: arguments and input, output and exit status.

mod bench;
mod catalog;
mod compile_helper;
mod conform;
mod csv_files;
mod documents;
mod dump;
mod everyday_errors;
mod files;
mod formats;
#[cfg(unix)]
mod inspect;
mod interrupts;
mod json_arrays;
mod messages;
mod package;
#[cfg(unix)]
mod paging;
#[cfg(unix)]
mod project;
mod prompt;
#[cfg(feature = "remote")]
mod remote;
#[cfg(unix)]
mod scripts;
mod serve;
mod sources;
mod targets;
mod terminal;
mod typing;

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/nycflights13");

/// Output and exit status of one run of the shell.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    stdout: String,
    stderr: String,
    status: Option<i32>,
}

/// Runs the shell with `stdin` as its standard input.
fn shell(arguments: &[&str], stdin: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A shell that does not read its input can have exited.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code(),
    }
}

/// Asserts that the shell succeeds, prints `expected`, and reports nothing.
fn check(arguments: &[&str], expected: &str) {
    let run = shell(arguments, "");
    let wanted = Run {
        stdout: expected.to_owned(),
        stderr: String::new(),
        status: Some(0),
    };
    assert_eq!(run, wanted, "{arguments:?}");
}

/// Asserts that the shell fails with a message that begins with `error: ` and
/// contains `message`.
fn check_error(arguments: &[&str], status: i32, message: &str) {
    let run = shell(arguments, "");
    assert_eq!(run.status, Some(status), "{run:?}");
    assert!(run.stderr.starts_with("error: "), "{run:?}");
    assert!(run.stderr.contains(message), "{run:?}");
}

/// Two rows with a null, a separator, a quote and a line break.
const AWKWARD: &str = "SELECT * FROM (VALUES (1, 'a|\"b\nc'), (NULL, 'd')) AS t(n, s) ORDER BY s";

#[test]
fn rows_that_fail_and_are_null_are_reported() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let sql = format!(
        "CREATE FUNCTION quotient(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT
             AS '{root}/target/guests/math.wasm' EXPORT 'checked_div' WITH (on_error = 'null');
         SELECT count(quotient(60, value % 3)) AS n FROM range(0, 30)"
    );
    let run = shell(&["--format", "csv", "-c", &sql], "");
    assert_eq!((run.stdout.as_str(), run.status), ("n\n20\n", Some(0)));
    let warning = "warning: function `quotient` failed for 10 rows, which are NULL: \
                   10 reported by the function\n";
    assert_eq!(run.stderr, warning);
}

#[test]
fn a_table_shows_nulls_and_aligns_numbers_to_the_right() {
    let expected = "\
+------+------+
|    n | s    |
+------+------+
|    1 | a|\"b |
|      | c    |
| NULL | d    |
+------+------+
";
    check(&["-c", AWKWARD], expected);
    check(&["--format", "table", "-c", AWKWARD], expected);
}

#[test]
fn csv_quotes_values_where_needed_and_leaves_nulls_empty() {
    check(
        &["--format", "csv", "-c", AWKWARD],
        "n,s\n1,\"a|\"\"b\nc\"\n,d\n",
    );
}

#[test]
fn json_is_one_array_per_result_and_every_object_has_every_key() {
    check(
        &["--format", "json", "-c", AWKWARD],
        "[{\"n\":1,\"s\":\"a|\\\"b\\nc\"},{\"n\":null,\"s\":\"d\"}]\n",
    );
}

#[test]
fn ndjson_is_one_object_per_line() {
    check(
        &["--format", "ndjson", "-c", AWKWARD],
        "{\"n\":1,\"s\":\"a|\\\"b\\nc\"}\n{\"n\":null,\"s\":\"d\"}\n",
    );
}

#[test]
fn markdown_keeps_a_value_in_its_cell() {
    let expected = "\
|    n | s          |
|------|------------|
|    1 | a\\|\"b<br>c |
| NULL | d          |
";
    check(&["--format", "markdown", "-c", AWKWARD], expected);
    check(
        &[
            "--format",
            "markdown",
            "-c",
            "SELECT '<br>\\' AS s; SELECT 1 AS n",
        ],
        "| s       |\n|---------|\n| \\<br>\\\\ |\n\n| n |\n|---|\n| 1 |\n",
    );
}

#[test]
fn a_result_without_rows_still_has_its_columns() {
    let sql = "SELECT 1 AS n WHERE false";
    for (format, expected) in [
        ("table", "+---+\n| n |\n+---+\n+---+\n"),
        ("csv", "n\n"),
        ("json", "[]\n"),
        ("ndjson", ""),
        ("tsv", "n\n"),
        ("line", ""),
        (
            "html",
            "<table>\n<thead>\n<tr><th>n</th></tr>\n</thead>\n<tbody>\n</tbody>\n</table>\n",
        ),
        ("markdown", "| n |\n|---|\n"),
    ] {
        check(&["--format", format, "-c", sql], expected);
    }
}

#[test]
fn a_statement_without_a_result_prints_nothing() {
    for format in [
        "table", "line", "csv", "tsv", "json", "ndjson", "markdown", "html",
    ] {
        let sql = "CREATE TABLE t AS VALUES (1); DROP TABLE t";
        check(&["--format", format, "-c", sql], "");
    }
}

#[test]
fn control_characters_are_escaped_in_tables_and_errors() {
    let sql = "SELECT concat(chr(27), '[2J') AS s";
    let expected = "\
+-----------+
| s         |
+-----------+
| \\u{1b}[2J |
+-----------+
";
    check(&["-c", sql], expected);
    check(&["--format", "csv", "-c", sql], "s\n\u{1b}[2J\n");
    let header = format!("SELECT 1 AS \"{}\"", '\u{1b}');
    assert!(!shell(&["-c", &header], "").stdout.contains('\u{1b}'));
    let missing = format!("SELECT \"{}\" FROM (VALUES (1)) AS t(a)", '\u{1b}');
    check_error(&["-c", &missing], 1, r"\u{1b}");
}

#[test]
fn commands_and_files_run_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("insert.sql");
    fs::write(&file, "CREATE TABLE t AS SELECT 2 AS n;\n-- the end").unwrap();
    let file = file.to_str().unwrap();
    check(
        &[
            "--format",
            "csv",
            "-c",
            "SELECT 1 AS n",
            "-f",
            file,
            "-c",
            "SELECT n FROM t",
        ],
        "n\n1\nn\n2\n",
    );
}

#[test]
fn one_command_can_have_several_statements() {
    let sql = "-- one; two\nSELECT ';' AS a; SELECT 2 AS b;;";
    check(&["--format", "csv", "-c", sql], "a\n;\nb\n2\n");
}

#[test]
fn statements_are_read_from_standard_input_without_other_source() {
    for arguments in [&["--format", "csv"][..], &["--format", "csv", "-f", "-"]] {
        let run = shell(arguments, "SELECT 1 AS n;\nSELECT 2\nAS n");
        assert_eq!(run.stdout, "n\n1\nn\n2\n");
        assert_eq!(run.status, Some(0));
    }
}

#[test]
fn standard_input_is_not_read_if_there_is_a_command() {
    let run = shell(&["--format", "csv", "-c", "SELECT 1 AS n"], "SELECT 2 AS n");
    assert_eq!(run.stdout, "n\n1\n");
}

#[test]
fn echo_prints_each_statement_before_its_result() {
    check(
        &[
            "--echo",
            "--format",
            "csv",
            "-c",
            "-- first\nSELECT 1 AS n; SELECT\n2 AS n;",
        ],
        "-- first\nSELECT 1 AS n;\nn\n1\nSELECT\n2 AS n;\nn\n2\n",
    );
}

#[test]
fn the_first_error_ends_a_script() {
    let run = shell(
        &[
            "--format",
            "csv",
            "-c",
            "SELECT 1 AS n; SELECT * FROM missing; SELECT 2 AS n",
        ],
        "",
    );
    assert_eq!(run.stdout, "n\n1\n");
    assert_eq!(run.status, Some(1));
    check_error(&["-c", "SELECT * FROM missing"], 1, "missing");
    check_error(&["-c", "SELECT 1 / 0"], 1, "zero");
    check_error(&["-c", "SELECT 'open"], 1, "Unterminated string literal");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    check_error(
        &["-f", "/no/such/file.sql"],
        1,
        "cannot read `/no/such/file.sql`",
    );
    check_error(&["-f", env!("CARGO_BIN_EXE_fusebox")], 1, "UTF-8");
}

#[test]
fn an_invalid_command_line_has_status_two() {
    for arguments in [&["--format", "xml"][..], &["--nonsense"], &["-c"]] {
        let run = shell(arguments, "");
        assert_eq!(run.status, Some(2), "{run:?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_broken_pipe_ends_the_shell_without_a_message() {
    for format in ["csv", "json", "ndjson"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fusebox"))
            .args([
                "--format",
                format,
                "-c",
                "SELECT * FROM generate_series(1, 1000000000)",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 8];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stderr, b"", "{format}");
        assert_eq!(output.status.code(), Some(141), "{format}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_query() {
    let endless = "SELECT 'start' AS s; SELECT sum(value) FROM generate_series(1, 10000000000000)";
    let mut child = Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .args(["--format", "csv", "-c", endless])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"s\nstart\n");
    let interrupt = ["-INT", &child.id().to_string()];
    let sent = Command::new("kill").args(interrupt).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stderr, b"error: cancelled\n");
    assert_eq!(output.status.code(), Some(130));
}

/// An address space that does not suffice ends the shell with an error.
#[cfg(target_os = "linux")]
#[test]
fn limit_of_the_address_space_ends_the_shell() {
    for kib in [200_000, 220_000, 250_000, 500_000, 1_000_000] {
        let limited = format!("ulimit -v {kib}; exec \"$0\" -c 'SELECT 1'");
        let mut child = Command::new("sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_fusebox")])
            .env_remove("RUST_BACKTRACE")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begin.elapsed().as_secs() > 60 {
                child.kill().unwrap();
                panic!("hangs with {kib} KiB");
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn names_without_width_and_long_names_are_escaped_and_cut() {
    check_error(&["-c", "SELECT \"a\u{200b}b\""], 1, "a\\u{200b}b");
    let run = shell(&["-c", &format!("SELECT {}(1)", "x".repeat(99_000))], "");
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.len() < 5_000, "{}", run.stderr.len());
}

#[test]
fn a_long_sum_does_not_overflow_the_stack() {
    let sum = |terms| format!("SELECT {} AS n", vec!["1"; terms].join("+"));
    check(&["--format", "csv", "-c", &sum(500)], "n\n500\n");
    let place = "found more at Line: 1, Column: 1101; divide the statement";
    check_error(&["-c", &sum(2_000)], 1, place);
}
