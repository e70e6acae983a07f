//! Files and commands that results are written to.

use std::fs;

use crate::{check_error, shell};

#[test]
fn endings_of_files_tell_formats() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT 1 AS n, 'a' AS s";
    for (name, expected) in [
        ("x.csv", "n,s\n1,a\n"),
        ("X.TSV", "n\ts\n1\ta\n"),
        ("x.json", "[{\"n\":1,\"s\":\"a\"}]\n"),
        ("x.ndjson", "{\"n\":1,\"s\":\"a\"}\n"),
        ("x.jsonl", "{\"n\":1,\"s\":\"a\"}\n"),
        ("x.md", "| n | s |\n|---|---|\n| 1 | a |\n"),
        (
            "x.txt",
            "+---+---+\n| n | s |\n+---+---+\n| 1 | a |\n+---+---+\n",
        ),
    ] {
        let file = folder.path().join(name);
        let path = file.to_str().unwrap();
        let set = format!("\\o {path}\n{sql};");
        let once = format!("{sql} \\g '{path}'");
        for arguments in [
            &["--output", path, "-c", sql][..],
            &["-c", &set],
            &["-c", &once],
        ] {
            let run = shell(arguments, "");
            assert_eq!((run.status, &*run.stdout), (Some(0), ""), "{run:?}");
            assert_eq!(
                fs::read_to_string(&file).unwrap(),
                expected,
                "{arguments:?}"
            );
            fs::remove_file(&file).unwrap();
        }
    }
    // A format that was chosen holds, but for files without text.
    let file = folder.path().join("x.csv");
    let path = file.to_str().unwrap();
    let run = shell(&["--format", "ndjson", "--output", path, "-c", sql], "");
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "{\"n\":1,\"s\":\"a\"}\n"
    );
}

#[cfg(unix)]
#[test]
fn commands_read_results() {
    let folder = tempfile::tempdir().unwrap();
    let sorted = folder.path().join("sorted");
    let script = format!(
        ".mode csv\n\\o |sort > '{}'\nSELECT 7 AS n;\nSELECT 5 AS n;\n\\o\nSELECT 1 AS n;\n\
         SELECT 2 AS n \\g |tr 2 8\nSELECT 3 AS n;\n\
         SELECT * FROM range(0, 100000000) \\g |head -1\nSELECT 4 AS n;\n",
        sorted.display()
    );
    let run = shell(&["-f", "-"], &script);
    assert_eq!(
        (run.status, &*run.stderr, &*run.stdout),
        (Some(0), "", "n\n1\nn\n8\nn\n3\nvalue\nn\n4\n"),
        "{run:?}"
    );
    assert_eq!(fs::read_to_string(sorted).unwrap(), "5\n7\nn\nn\n");
    check_error(&["-c", "\\o |"], 1, "expected a command");
    check_error(&["--root", ".", "-c", "\\o |cat"], 1, "refused with --root");
    let parquet = ".mode parquet\n\\o |cat\nSELECT 1;";
    check_error(&["-c", parquet], 1, "written to files only");
}
