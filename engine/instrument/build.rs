//! Digest of the sources, by which results of other versions of the pass are told apart.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    hash_folder(Path::new("src"), &mut hasher)?;
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=SOURCE_DIGEST={:016x}", hasher.finish());
    Ok(())
}

/// Hashes the names and the contents of the files in a folder, in order of their names.
fn hash_folder(folder: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash_folder(&path, hasher)?;
        } else {
            path.to_string_lossy().hash(hasher);
            fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
}
