//! `fusebox conform`: this program reproduces releases, and names what was broken.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Run, check_error, shell};

const RELEASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/0.1.0");

/// A copy of the fixtures of 0.1.0, to be changed.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_files(Path::new(RELEASE), folder.path());
    folder
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn replace(path: &PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// Leaves out all modules but one of the manifest, so that the catalog is compared soon.
fn keep_module(folder: &TempDir, name: &str) {
    let path = folder.path().join("manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let modules = manifest["modules"].as_array_mut().unwrap();
    modules.retain(|module| module["name"] == name);
    fs::write(&path, manifest.to_string()).unwrap();
}

fn conform(folder: &Path, arguments: &[&str]) -> Run {
    let mut all = vec!["conform", folder.to_str().unwrap()];
    all.extend(arguments);
    shell(&all, "")
}

#[test]
fn release_is_reproduced() {
    let run = conform(Path::new(RELEASE), &[]);
    assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{run:?}");
    assert!(
        run.stdout
            .lines()
            .next()
            .unwrap()
            .starts_with("ok      formats: "),
        "{run:?}"
    );
    for line in ["ok      geo.haversine_km: 20 cases\n", "ok      catalog: "] {
        assert!(run.stdout.contains(line), "{run:?}");
    }
    assert!(
        run.stdout.ends_with(" cases: as Fusebox 0.1.0\n"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("FAILED"), "{run:?}");
}

#[test]
fn functions_of_one_module_are_compared() {
    let run = conform(Path::new(RELEASE), &["--module", "clamp"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let names: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(names.len(), 3, "{run:?}");
    let absent = ["conform", RELEASE, "--module", "absent"];
    check_error(&absent, 1, "expected one of the modules geo, ");
}

#[test]
fn changed_weight_fails_with_one_line() {
    let folder = copy();
    let path = folder.path().join("functions/clamp.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (_, fuel) = text.split_once("\"fuel\":").unwrap();
    let fuel: String = fuel.chars().take_while(char::is_ascii_digit).collect();
    replace(&path, &format!("\"fuel\":{fuel}"), "\"fuel\":1");
    let run = conform(folder.path(), &["--module", "clamp"]);
    let failed: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert_eq!(
        failed,
        [format!(
            "FAILED  fuel of clamp.clamp_to row 0: expected 1, found {fuel}; weights version 9 of \
             the fixtures and of this program are the same: a weight was changed without a new \
             version"
        )]
    );
    assert_eq!(
        run.stderr,
        "error: 1 of 2 comparisons with Fusebox 0.1.0 failed\n"
    );
    assert_eq!(run.status, Some(1));
}

#[test]
fn later_catalog_is_refused_with_both_versions() {
    let folder = copy();
    let manifest = folder.path().join("manifest.json");
    replace(&manifest, "\"catalog\": 4", "\"catalog\": 5");
    let path = folder.path().to_str().unwrap();
    check_error(
        &["conform", path],
        1,
        "expected catalog version 1 to 4, found catalog version 5 in fixtures of Fusebox 0.1.0; \
         this is Fusebox ",
    );
}

#[test]
fn changed_schema_of_the_catalog_is_named() {
    let folder = copy();
    keep_module(&folder, "clamp");
    let catalog = folder.path().join("catalog/catalog.db");
    let original = fs::read(&catalog).unwrap();
    let failed = |bytes: &[u8]| {
        fs::write(&catalog, bytes).unwrap();
        let run = conform(folder.path(), &[]);
        assert_eq!(run.status, Some(1), "{run:?}");
        let line = run.stdout.lines().find(|line| line.starts_with("FAILED"));
        line.unwrap_or_default().to_owned()
    };
    // The `user_version` of the header.
    let mut later = original.clone();
    later[60..64].copy_from_slice(&5_u32.to_be_bytes());
    let line = failed(&later);
    assert!(
        line.starts_with(
            "FAILED  catalog: expected that version 4 or an older one is opened, found: "
        ) && line.contains("expected version 4 or older, found 5"),
        "{line}"
    );
    for bytes in [&original[..original.len() / 2], b"no catalog", b""] {
        let line = failed(bytes);
        assert!(line.starts_with("FAILED  catalog"), "{line}");
    }
    // A table that was renamed, in the schema.
    let text = b"CREATE TABLE function";
    let at = original
        .windows(text.len())
        .position(|window| window == text);
    let at = at.expect("the schema has the statements of its tables") + text.len() - 1;
    let mut renamed = original.clone();
    renamed[at] = b'm';
    let line = failed(&renamed);
    assert!(line.starts_with("FAILED  catalog"), "{line}");
}

#[test]
fn changed_meaning_of_a_stored_definition_is_named() {
    let folder = copy();
    keep_module(&folder, "clamp");
    let queries = folder.path().join("catalog/queries.jsonl");
    replace(&queries, "n,h,a,c\\n42,", "n,h,a,c\\n43,");
    let run = conform(folder.path(), &[]);
    assert_eq!(run.status, Some(1), "{run:?}");
    assert!(
        run.stdout
            .contains("FAILED  catalog query `SELECT plus(40, 2)")
            && run
                .stdout
                .contains("a stored definition or its meaning was changed"),
        "{run:?}"
    );
}

#[test]
fn queries_of_a_stranger_read_no_files_and_create_nothing() {
    let folder = copy();
    keep_module(&folder, "clamp");
    let queries = folder.path().join("catalog/queries.jsonl");
    for (query, expected) in [
        ("SELECT * FROM '/etc/passwd'", "found the error"),
        (
            "COPY (SELECT 1) TO '/tmp/fusebox-conform.csv'",
            "found the error",
        ),
        (
            "CREATE FUNCTION f() RETURNS INT LANGUAGE WASM AS $$(module)$$",
            "found the error",
        ),
        ("SELECT '\u{1b}[2J' AS s", "found"),
        (
            "SELECT repeat('x', 1000) FROM range(0, 1000000)",
            "expected rows of at most 16777216 bytes",
        ),
        // Its batch has more text than offsets of 32 bits reach.
        (
            "SELECT repeat('x', 1000000) FROM range(0, 1000000)",
            "found the error",
        ),
    ] {
        let line = serde_json::json!({ "query": query, "csv": "" }).to_string();
        fs::write(&queries, line + "\n").unwrap();
        let run = conform(folder.path(), &[]);
        assert_eq!(run.status, Some(1), "{run:?}");
        let line = run.stdout.lines().find(|line| line.starts_with("FAILED"));
        assert!(line.unwrap_or_default().contains(expected), "{run:?}");
        assert!(
            !run.stdout.contains('\u{1b}') && !run.stdout.contains("root:"),
            "{run:?}"
        );
    }
}

#[test]
fn folder_that_has_no_fixtures_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    check_error(
        &["conform", path],
        1,
        "expected the file `manifest.json`, found an error",
    );
    check_error(
        &["conform", "no/such/folder"],
        1,
        "expected the file `no/such/folder`",
    );
    fs::write(folder.path().join("manifest.json"), "{}").unwrap();
    check_error(
        &["conform", path],
        1,
        "`manifest.json`: expected a manifest of fixtures, found",
    );
}
