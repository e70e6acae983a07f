//! The prompt in a pseudo-terminal: what is typed or pasted is executed, whenever it comes.
//!
//! The terminal echoes input, so that tests look for results that were not typed.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rexpect::session::{PtySession, spawn_command};

const CLAMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../udfs/wat/clamp.wat");

const CTRL_D: &str = "\u{4}";
const UP: &str = "\u{1b}[A";

/// Time after which a test has hung.
const CEILING_MS: u64 = 60_000;

/// Starts a shell whose user has the home `home`.
pub(crate) fn start(home: &Path, arguments: &[&str]) -> PtySession {
    start_with(home, arguments, &[])
}

/// Starts a shell with more variables of the environment.
pub(crate) fn start_with(
    home: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> PtySession {
    spawn(command(home, arguments, variables))
}

/// Starts a shell that colours its input.
pub(crate) fn start_coloured(home: &Path, arguments: &[&str]) -> PtySession {
    let mut command = command(home, arguments, &[]);
    command.env_remove("NO_COLOR");
    spawn(command)
}

/// Starts a shell by a script of `sh`, in which it is `"$0"`.
pub(crate) fn start_by(home: &Path, script: &str) -> PtySession {
    let shell = command(home, &[], &[]);
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(shell.get_program());
    for (name, value) in shell.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    spawn(command)
}

fn command(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fusebox"));
    command
        .args(arguments)
        .env("HOME", home)
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .envs(variables.iter().copied())
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env("XDG_CACHE_HOME", home.join("cache"));
    command
}

fn spawn(command: Command) -> PtySession {
    let mut session = spawn_command(command, Some(CEILING_MS)).unwrap();
    session.exp_string("for help").unwrap();
    session.exp_string("fusebox> ").unwrap();
    session
}

/// Types text, with `\r` for Enter.
pub(crate) fn send(session: &mut PtySession, text: &str) {
    session.send(text).unwrap();
    session.flush().unwrap();
}

/// Types a statement and waits for a line of its result.
#[track_caller]
pub(crate) fn check(session: &mut PtySession, statement: &str, result: &str) {
    send(session, &format!("{statement}\r"));
    expect(session, result);
}

#[track_caller]
pub(crate) fn expect(session: &mut PtySession, text: &str) {
    if let Err(error) = session.exp_string(text) {
        panic!("{text:?}: {error}");
    }
}

/// Ends a shell by a command, which may be typed before the prompt: what
/// a terminal reads between two prompts keeps its lines, but not its Ctrl-D.
pub(crate) fn quit(mut session: PtySession) {
    send(&mut session, "\\q\r");
    session.exp_eof().unwrap();
}

pub(crate) fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn statements_of_a_paste_are_all_executed() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    send(
        &mut shell,
        "SELECT 6 * 7\r  AS a;\rSELECT 'x' ||\r'y';\rSELECT 9 * 9;\r",
    );
    for result in [" 42 |", "| xy", " 81 |"] {
        expect(&mut shell, result);
    }
    // Bracketed, it is one input of several statements.
    send(
        &mut shell,
        "\u{1b}[200~SELECT 5 * 5;\nSELECT\n 11 * 11;\n\u{1b}[201~\r",
    );
    for result in [" 25 |", " 121 |"] {
        expect(&mut shell, result);
    }
    quit(shell);
}

#[test]
fn input_during_a_statement_is_executed_after_it() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    send(
        &mut shell,
        "SELECT count(*) + 1 FROM range(0, 200000000);\r",
    );
    thread::sleep(Duration::from_millis(200));
    send(&mut shell, "SELECT 12 * 12;\r");
    expect(&mut shell, " 200000001 |");
    expect(&mut shell, " 144 |");
    quit(shell);
}

#[test]
fn ctrl_d_at_an_empty_prompt_ends_the_shell() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    send(&mut shell, CTRL_D);
    shell.exp_eof().unwrap();
}

#[test]
fn commands_work_on_any_line() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "\\timin", "did you mean \\timing?");
    check(&mut shell, "SELECT 3 * 5\r\r;", " 15 |");
    check(&mut shell, ".mode csv", "fusebox> ");
    check(&mut shell, "SELECT 4 * 5 AS a, NULL AS b;", "20,");
    check(&mut shell, "SELEC 1;", "did you mean SELECT?");
    send(&mut shell, "SELECT\r\\q\r");
    shell.exp_eof().unwrap();
}

#[test]
fn definitions_and_history_are_kept_and_shared() {
    let home = home();
    let mut one = start(home.path(), &[]);
    check(
        &mut one,
        &format!("CREATE MODULE clamp LANGUAGE WASM FROM '{CLAMP}';"),
        "done in",
    );
    check(&mut one, "IMPORT FUNCTIONS FROM MODULE clamp;", "done in");
    check(&mut one, "SELECT clamp_to(1000, 0, 30 + 3);", " 33 |");
    // Another shell has both while the first one runs.
    let mut other = start(home.path(), &[]);
    send(&mut other, &format!("{UP}\r"));
    expect(&mut other, " 33 |");
    check(&mut other, "SELECT clamp_to(1000, 0, 40 + 4);", " 44 |");
    quit(one);
    quit(other);
}

#[test]
fn passwords_are_not_kept_in_the_history() {
    let home = home();
    let editor = format!("cp -t {}", home.path().display());
    let mut shell = start_with(home.path(), &["--memory"], &[("EDITOR", &editor)]);
    check(&mut shell, "SELECT 3 * 17;", " 51 |");
    for create in [
        "CREATE USER ada PASSWORD 'pencil';",
        "CREATE ROLE bob\rLOGIN PASSWORD 'pencil';",
        "ALTER USER ada PASSWORD 'pencil';",
    ] {
        check(&mut shell, create, "done in");
    }
    // Nor one that is wrong, and no file of the editor has it.
    check(&mut shell, "ALTER USER ada 'pencil';", "another text");
    check(&mut shell, "\\e", "nothing was changed");
    check(&mut shell, &format!("{UP}{UP}"), " 51 |");
    quit(shell);
    let history = home.path().join(".local/state/fusebox/history");
    let history = std::fs::read_to_string(history).unwrap();
    assert!(
        history.contains("3 * 17") && history.contains("\\e"),
        "{history}"
    );
    assert!(!history.contains("pencil"), "{history}");
    let files = std::fs::read_dir(home.path()).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let edited = files.find(|file| file.extension().is_some_and(|end| end == "sql"));
    let edited = std::fs::read_to_string(edited.unwrap()).unwrap();
    assert!(!edited.contains("pencil"), "{edited}");
}

#[test]
fn names_are_completed() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(
        &mut shell,
        "CREATE VIEW rainy_days AS SELECT 17 * 2 AS days;",
        "done in",
    );
    for (begin, end, result) in [
        ("SELECT days FROM rainy_", ";", " 34 |"),
        ("SELECT approx_dist", "(1) + 54;", " 55 |"),
    ] {
        send(&mut shell, begin);
        // A tab that comes at once is a part of a paste.
        thread::sleep(Duration::from_millis(300));
        send(&mut shell, "\t");
        check(&mut shell, end, result);
    }
    quit(shell);
}

#[test]
fn large_table_is_shown_in_part_and_fitted() {
    let home = home();
    let mut shell = start(home.path(), &["--memory"]);
    check(
        &mut shell,
        "SELECT value, repeat('x', 300) AS long FROM range(0, 12000000);",
        "12000000 rows, 40 shown",
    );
    check(&mut shell, "\\x auto", "expanded display");
    check(
        &mut shell,
        "SELECT 2 * 8 AS n, repeat('y', 300) AS long;",
        "-[ row 1 ]",
    );
    expect(&mut shell, "| 16");
    quit(shell);
}

#[test]
fn rc_file_is_executed_first() {
    let home = home();
    let folder = home.path().join(".config/fusebox");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("fuseboxrc"),
        "\\timing off\nCREATE VIEW v AS SELECT 7 * 9 AS n;",
    )
    .unwrap();
    let mut shell = start(home.path(), &["--memory"]);
    check(&mut shell, "SELECT n FROM v;", " 63 |");
    quit(shell);
    let mut shell = start(home.path(), &["--memory", "-X"]);
    check(&mut shell, "SELECT n FROM v;", "not found");
    quit(shell);
}

#[test]
fn dump_makes_the_same_catalog() {
    let home = home();
    let file = home.path().join("dump.sql");
    let mut shell = start(home.path(), &[]);
    for statement in [
        format!("CREATE MODULE clamp LANGUAGE WASM FROM '{CLAMP}';"),
        "IMPORT FUNCTIONS FROM MODULE clamp;".to_owned(),
        format!("CREATE FUNCTION other LANGUAGE WASM AS '{CLAMP}' EXPORT 'clamp_to';"),
        "CREATE VIEW z AS SELECT clamp_to(100, 0, 61) + other(100, 0, 6) AS n;".to_owned(),
        "CREATE VIEW a AS SELECT n FROM z;".to_owned(),
    ] {
        check(&mut shell, &statement, "done in");
    }
    send(&mut shell, &format!("\\o {}\r.dump\r\\o\r", file.display()));
    check(&mut shell, "SELECT 2 * 31;", " 62 |");
    quit(shell);
    let catalog = home.path().join("copy.db");
    let (catalog, file) = (catalog.to_str().unwrap(), file.to_str().unwrap());
    let run = crate::shell(
        &[
            catalog,
            "-f",
            file,
            "--format",
            "csv",
            "-c",
            "SELECT n FROM a",
        ],
        "",
    );
    assert_eq!((run.status, &*run.stdout), (Some(0), "n\n67\n"), "{run:?}");
}
