//! Modules for their authors: `fusebox inspect` and `fusebox annotate`.

use std::fs;
use std::path::Path;

use crate::{check_error, shell};

const WAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../udfs/wat");

#[test]
fn modules_are_described_as_sql() {
    let folder = tempfile::tempdir().unwrap();
    let described = |path: &str| {
        let run = shell(&["inspect", path], "");
        assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
        // What is printed can be executed.
        let script = folder.path().join("described.sql");
        fs::write(&script, &run.stdout).unwrap();
        let executed = shell(
            &["-f", script.to_str().unwrap(), "-c", "SHOW USER FUNCTIONS"],
            "",
        );
        assert_eq!(
            (executed.status, &*executed.stderr),
            (Some(0), ""),
            "{executed:?}"
        );
        (run.stdout, executed.stdout)
    };
    let (text, functions) = described(&format!("{WAT}/clamp.wat"));
    assert!(text.contains("clamp.wat: a core module of "), "{text}");
    assert!(text.contains("--   clamp_to("), "{text}");
    assert!(functions.contains("clamp_to"), "{functions}");
    let (text, functions) = described(&format!("{WAT}/component.wat"));
    assert!(text.contains("component.wat: a component of "), "{text}");
    assert!(text.contains("--   options passes flags "), "{text}");
    assert!(functions.contains("next_day"), "{functions}");
    let (text, functions) = described(&format!("{WAT}/plain.wat"));
    assert!(
        text.contains(
            "CREATE OR REPLACE FUNCTION \"add\"(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM "
        ),
        "{text}"
    );
    assert!(functions.contains("add"), "{functions}");
    check_error(&["inspect", "no/such.wasm"], 1, "no/such.wasm");
    check_error(
        &[
            "inspect",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ],
        1,
        "neither a Wasm",
    );
}

#[test]
fn declarations_are_written_into_modules() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sql, module) = (path("functions.sql"), path("plain.wasm"));
    let plain = format!("{WAT}/plain.wat");
    let annotate = |declarations: &str, from: &str| {
        fs::write(&sql, declarations).unwrap();
        shell(&["annotate", from, &sql, "-o", &module], "")
    };
    let add = "CREATE FUNCTION add(a BIGINT, b BIGINT DEFAULT 2) RETURNS BIGINT LANGUAGE WASM;";
    let run = annotate(add, &plain);
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    // Declarations are replaced, and the module may be written in its place.
    let run = annotate(&add.replace("DEFAULT 2", "DEFAULT 40"), &module);
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    let use_it = format!(
        "CREATE MODULE m LANGUAGE WASM FROM '{module}'; IMPORT FUNCTIONS FROM MODULE m; \
         SELECT add(2) AS n"
    );
    let run = shell(&["--format", "csv", "-c", &use_it], "");
    assert_eq!(run.stdout, "n\n42\n", "{run:?}");
    let before = fs::read(&module).unwrap();
    for (declarations, expected) in [
        (
            "CREATE FUNCTION add(VARCHAR) RETURNS BIGINT LANGUAGE WASM",
            "does not fit",
        ),
        (
            "CREATE FUNCTION absent() RETURNS BIGINT LANGUAGE WASM",
            "does not export `",
        ),
        ("SELECT 1", "it holds more than CREATE FUNCTION"),
        ("CREATE FUNCTION", "`fusebox.functions` is invalid"),
    ] {
        let run = annotate(declarations, &plain);
        assert_eq!(run.status, Some(1), "{run:?}");
        assert!(run.stderr.contains(expected), "{run:?}");
        assert_eq!(fs::read(&module).unwrap(), before, "{declarations}");
    }
    let left = fs::read_dir(Path::new(&module).parent().unwrap()).unwrap();
    assert_eq!(left.count(), 2);
    let component = format!("{WAT}/component.wat");
    let run = annotate(add, &component);
    assert!(run.stderr.contains("by their types in WIT"), "{run:?}");
}
