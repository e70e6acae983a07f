//! The root directory of the workspace.

use std::path::{Path, PathBuf};

/// Returns the root directory of the workspace.
pub fn workspace_root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the crate is in the workspace").to_owned()
}
