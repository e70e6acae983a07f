//! The golden files, and the names of their tests.

use std::path::{Path, PathBuf};

use fusebox_sql_tests::workspace_root;
use sqllogictest::harness::glob;

/// Modules of other languages than Rust, whose compilers may be missing.
const OPTIONAL_MODULES: [&str; 5] = [
    "target/guests/assemblyscript.wasm",
    "target/guests/c.wasm",
    "target/guests/go.wasm",
    "target/guests/python.wasm",
    "target/guests/zig.wasm",
];

/// Returns the paths of all golden files. One that needs an optional module which is not built
/// is left out, with one line that says so.
pub(crate) fn files() -> Vec<PathBuf> {
    let pattern = concat!(env!("CARGO_MANIFEST_DIR"), "/slt/**/*.slt");
    let files = glob(pattern).expect("the pattern is valid");
    let files: Result<Vec<_>, _> = files.collect();
    let files = files.expect("the golden files can be listed");
    assert!(!files.is_empty(), "no files match {pattern}");
    files.into_iter().filter(|path| is_runnable(path)).collect()
}

fn is_runnable(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).expect("the golden files can be read");
    let missing = OPTIONAL_MODULES.into_iter().find(|module| {
        text.contains(&format!("'{module}'")) && !workspace_root().join(module).exists()
    });
    if let Some(module) = missing {
        let file = name(path);
        eprintln!("skipped: {file}: {module} is not built; run cargo xtask guests --all");
    }
    missing.is_none()
}

/// Returns the path of a golden file below the crate, as its test is named.
pub(crate) fn name(path: &Path) -> String {
    let below = path.strip_prefix(env!("CARGO_MANIFEST_DIR"));
    below.unwrap_or(path).display().to_string()
}
