//! Scripts, and the places of their errors.

use crate::shell;

#[test]
fn errors_of_scripts_name_file_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a script.sql");
    let name = file.to_str().unwrap();
    for (sql, expected) in [
        (
            "SELECT 1;\n-- twice\nSELECT 2\n  FROM Nowhere;\nSELECT 3;",
            ":4:8: table 'datafusion.public.nowhere' not found\n    FROM Nowhere;\n         ^\n",
        ),
        (
            "SELECT 1;\n\nSELECT 2 FORM x y;\n",
            ":3:15: sql parser error: Expected: EOF, found: x\n  \
             SELECT 2 FORM x y;\n                ^\n",
        ),
        // The error is in no word of the statement.
        (
            "/* a */ SELECT 1;\n/* b\n*/ SELECT 1 / 0;",
            ":3:4: Divide by zero error\n",
        ),
    ] {
        std::fs::write(&file, sql).unwrap();
        for arguments in [&["-f", name][..], &["--echo", "-f", name]] {
            let run = shell(arguments, "");
            let message = run.stderr.strip_prefix("error: ").unwrap_or_default();
            let rest = message.strip_prefix(name).unwrap_or_default();
            assert!(rest.starts_with(expected), "{run:?}");
        }
    }
    let run = shell(&["-f", "-"], "SELECT 1;\nSELECT a;");
    assert!(run.stderr.starts_with("error: <stdin>:2:8: "), "{run:?}");
    let run = shell(&["-c", "SELECT a"], "");
    assert!(run.stderr.starts_with("error: No field named a"), "{run:?}");
}
