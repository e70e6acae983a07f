//! The golden files, and the names of their tests.

use std::path::{Path, PathBuf};

use sqllogictest::harness::glob;

/// Returns the paths of all golden files.
pub(crate) fn files() -> Vec<PathBuf> {
    let pattern = concat!(env!("CARGO_MANIFEST_DIR"), "/slt/**/*.slt");
    let files = glob(pattern).expect("the pattern is valid");
    let files: Result<Vec<_>, _> = files.collect();
    let files = files.expect("the golden files can be listed");
    assert!(!files.is_empty(), "no files match {pattern}");
    files
}

/// Returns the path of a golden file below the crate, as its test is named.
pub(crate) fn name(path: &Path) -> String {
    let below = path.strip_prefix(env!("CARGO_MANIFEST_DIR"));
    below.unwrap_or(path).display().to_string()
}
