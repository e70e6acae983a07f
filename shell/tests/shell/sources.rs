//! Sources of statements, what they share, and the catalog that they leave behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell;
use crate::terminal::{check, home, quit, start, start_with};

const CLAMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../udfs/wat/clamp.wat");

#[test]
fn variables_and_settings_hold_for_all_sources() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("n.sql");
    fs::write(&file, "SELECT :n + 1 AS n;").unwrap();
    let path = folder.path().display().to_string();
    let run = shell(
        &[
            "--format",
            "csv",
            "-c",
            &format!("\\set n 41\n\\set folder '{path}'"),
            "-c",
            "SELECT :n AS n",
            "-f",
            file.to_str().unwrap(),
            "-c",
            "\\i :folder/n.sql",
            "-c",
            "\\echo is :n ':n'",
            "-c",
            "\\set m :n",
            "-c",
            "\\! echo a:n",
            "-c",
            "\\timing on",
            "-c",
            "SELECT :m AS m",
        ],
        "",
    );
    assert_eq!(
        (run.status, &*run.stdout),
        (Some(0), "n\n41\nn\n42\nn\n42\nis 41 ':n'\na:n\nm\n41\n"),
        "{run:?}"
    );
    assert!(run.stderr.starts_with("times are on\n1 row in "), "{run:?}");
}

#[test]
fn variables_of_arguments_hold_at_the_prompt() {
    let home = home();
    let arguments = [
        "--memory",
        "-c",
        "\\set t other",
        "-c",
        "\\timing off",
        "-i",
    ];
    let mut shell = start(home.path(), &arguments);
    check(
        &mut shell,
        "CREATE TABLE :t AS SELECT 42 AS number;",
        "done\r\n",
    );
    check(&mut shell, "\\d :t", "number");
    check(&mut shell, "SELECT number FROM other;", " 42 |");
    quit(shell);
}

#[test]
fn byte_order_mark_is_no_part_of_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bom.sql");
    let script = "\u{feff}SELECT '\u{feff}' = chr(65279) AS kept;";
    fs::write(&file, script).unwrap();
    for (arguments, stdin) in [
        (&["--format", "csv", "-f", file.to_str().unwrap()][..], ""),
        (&["--format", "csv", "--echo"], script),
        (
            &["--format", "csv", "-c", &format!("\\i {}", file.display())],
            "",
        ),
    ] {
        let run = shell(arguments, stdin);
        assert_eq!(run.status, Some(0), "{run:?}");
        assert!(run.stdout.ends_with("kept\ntrue\n"), "{run:?}");
    }
}

/// Returns the names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn catalog_is_one_file_after_the_exit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let create = format!("CREATE MODULE m LANGUAGE WASM FROM '{CLAMP}'; CREATE VIEW v AS SELECT 1");
    // At the end, and after an error.
    for (name, end) in [("a.db", ""), ("b.db", "; SELECT * FROM missing")] {
        shell(&[&path(name), "-c", &format!("{create}{end}")], "");
        fs::copy(path(name), path("copy.db")).unwrap();
        fs::remove_file(path(name)).unwrap();
        assert_eq!(files(folder.path()), ["copy.db"]);
        let shown = shell(&[&path("copy.db"), "-c", "SHOW MODULES", "-c", "\\dv"], "");
        assert!(
            shown.stdout.contains("| m ") && shown.stdout.contains("| v "),
            "{shown:?}"
        );
        fs::remove_file(path("copy.db")).unwrap();
    }
    // A copy that is put back replaces what was made since.
    shell(&[&path("c.db"), "-c", "CREATE VIEW old AS SELECT 1"], "");
    fs::copy(path("c.db"), path("backup.db")).unwrap();
    shell(&[&path("c.db"), "-c", "CREATE VIEW today AS SELECT 1"], "");
    fs::copy(path("backup.db"), path("c.db")).unwrap();
    let shown = shell(&[&path("c.db"), "-c", "\\dv"], "").stdout;
    assert!(
        shown.contains("| old ") && !shown.contains("today"),
        "{shown}"
    );
}

#[test]
fn prompt_leaves_one_file_that_others_cannot_read() {
    let home = home();
    let mut shell = start(home.path(), &[]);
    check(&mut shell, "CREATE TABLE t AS SELECT 1 AS n;", "done in");
    quit(shell);
    let folder = home.path().join(".local/share/fusebox");
    assert_eq!(files(&folder), ["catalog.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for (path, expected) in [(folder.join("catalog.db"), 0o600), (folder, 0o700)] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected);
        }
    }
}

/// Runs an interactive shell that cannot start; returns its messages.
fn refused(home: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .arg("-i")
        .env("HOME", home)
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn prompt_without_its_catalog_says_why_and_what_to_do() {
    let home = home();
    let folder = home.path().join(".local/share/fusebox");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("catalog.db"), "no catalog at all, for sure").unwrap();
    let message = refused(home.path());
    assert!(
        message.contains("`fusebox --memory` starts without it"),
        "{message}"
    );
    // A file in the place of the folder.
    fs::remove_dir_all(home.path().join(".local")).unwrap();
    fs::write(home.path().join(".local"), "").unwrap();
    let variables = [("XDG_STATE_HOME", home.path().to_str().unwrap())];
    let mut shell = start_with(home.path(), &[], &variables);
    check(&mut shell, "SELECT 6 * 7;", " 42 |");
    quit(shell);
    let output = Command::new(env!("CARGO_BIN_EXE_fusebox"))
        .arg("-i")
        .env("HOME", home.path())
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = "definitions are forgotten at the exit, as `";
    assert!(
        message.contains(expected) && message.contains("cannot be made"),
        "{message}"
    );
}
