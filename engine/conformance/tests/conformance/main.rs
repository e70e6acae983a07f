//! Fixtures of releases: this program reproduces them through the runtime alone, without a query
//! engine, and names what was broken.

mod breaks;
mod hostile;
mod releases;

use std::fs;
use std::path::{Path, PathBuf};

use fusebox_conformance::{FixtureError, Fixtures};
use tempfile::TempDir;

/// Fixtures of all releases.
const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures");

/// Variable with which `cargo xtask test` runs the tests in an emulator.
const EMULATED: &str = "FUSEBOX_EMULATED";

/// Variable with the part of the modules of a release that is checked, as in `0/8`.
const PART: &str = "FUSEBOX_FIXTURES_PART";

/// Version of catalogs that the fixtures have: that of this program is one of a crate above.
const CATALOG: u64 = 4;

/// A release whose fixtures have the weights of this program. One that changes the weights records
/// its own.
const RELEASE: &str = "0.1.0";

/// A copy of the fixtures of [`RELEASE`], to be changed.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(RELEASES).join(RELEASE), folder.path());
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(file), bytes).unwrap();
    }

    /// Replaces the first occurrence of a text in a file.
    fn replace(&self, file: &str, from: &str, to: &str) {
        let text = self.text(file);
        assert!(text.contains(from), "{file} has no {from}");
        self.write(file, text.replacen(from, to, 1));
    }

    /// Returns the differences of formats and of a module.
    fn check(&self, module: &str) -> Result<Vec<String>, FixtureError> {
        let fixtures = Fixtures::open(self.folder.path(), CATALOG)?;
        let mut found = Vec::new();
        fixtures.check(&[module.to_owned()], &mut |report| {
            found.extend(report.differences);
        })?;
        Ok(found)
    }

    /// Returns the first difference, and the number of all.
    fn difference(&self, module: &str) -> (String, usize) {
        let found = self.check(module).unwrap();
        let first = found.first().cloned().unwrap_or_default();
        (first, found.len())
    }

    fn refused(&self, module: &str) -> String {
        self.check(module).unwrap_err().to_string()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => {
                fs::create_dir(&target).unwrap();
                copy(&entry.path(), &target);
            }
            false => {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}
