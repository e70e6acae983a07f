//! SQL of the documents, run in the shell.

use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Joins the code blocks of a Markdown text that are marked as SQL.
fn sql_blocks(text: &str) -> String {
    let mut blocks = String::new();
    let mut is_sql = false;
    for line in text.lines() {
        match line {
            "```sql" => is_sql = true,
            "```" => is_sql = false,
            line if is_sql => blocks += &format!("{line}\n"),
            _ => {}
        }
    }
    blocks
}

#[test]
fn sql_of_each_page_runs_in_one_session() {
    let guest = format!("{ROOT}/target/guests/stats.wasm");
    assert!(
        Path::new(&guest).exists(),
        "build the guests first: cargo xtask guests"
    );
    let mut pages = Vec::new();
    for page in fs::read_dir(format!("{ROOT}/docs")).unwrap() {
        let path = page.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let sql = sql_blocks(&fs::read_to_string(&path).unwrap());
        if sql.is_empty() {
            continue;
        }
        pages.push(path.file_name().unwrap().to_owned());
        let mut shell = Command::new(env!("CARGO_BIN_EXE_fusebox"));
        // The paths of the documents start at the root of the checkout.
        let output = shell.current_dir(ROOT).args(["-c", &sql]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {error}", path.display());
    }
    pages.sort();
    assert_eq!(pages, ["functions.md", "getting-started.md", "sql.md"]);
}
