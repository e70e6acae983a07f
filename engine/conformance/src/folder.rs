//! Files of a folder that strangers may have made: bounded, and of this folder only.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::FixtureError;

/// Length of a name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Folder of fixtures.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Without links.
    root: PathBuf,
}

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    ///
    /// [`FixtureError::File`] if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, FixtureError> {
        let root = fs::canonicalize(path).map_err(|source| FixtureError::File {
            file: path.display().to_string(),
            source,
        })?;
        Ok(Self { root })
    }

    /// Reads a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// [`FixtureError`] if it is another thing than a file of the folder, or is larger.
    pub(crate) fn read(&self, file: &str, bytes_max: u64) -> Result<Vec<u8>, FixtureError> {
        let failed = |source| FixtureError::File {
            file: file.to_owned(),
            source,
        };
        let place = |found| FixtureError::Place {
            file: file.to_owned(),
            found,
        };
        let path = fs::canonicalize(self.root.join(file)).map_err(failed)?;
        if !path.starts_with(&self.root) {
            return Err(place("a link that leads out of it"));
        }
        // Before it is opened: opening a pipe would wait for its other end.
        let metadata = fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(place("another kind of entry"));
        }
        let opened = File::open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        let mut limited = opened.take(bytes_max.saturating_add(1));
        limited.read_to_end(&mut bytes).map_err(failed)?;
        let read = bytes.len() as u64;
        if read > bytes_max {
            return Err(FixtureError::Size {
                file: file.to_owned(),
                bytes: metadata.len().max(read),
                bytes_max,
            });
        }
        Ok(bytes)
    }

    /// Reads a file of text in UTF-8.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), and [`FixtureError::Content`] for another encoding.
    pub(crate) fn read_text(&self, file: &str, bytes_max: u64) -> Result<String, FixtureError> {
        let text = String::from_utf8(self.read(file, bytes_max)?);
        text.map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let problem = format!("expected text in UTF-8, found other bytes at {at}");
            FixtureError::content(file, None, problem)
        })
    }
}

/// Returns true for a name that is one part of a path: lower-case letters, digits and `_`.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), "12345").unwrap();
        let folder = Folder::open(&inner).unwrap();
        (outer, folder)
    }

    #[test]
    fn file_may_have_the_maximum_of_bytes() {
        let (_outer, folder) = folder();
        assert_eq!(folder.read("file", 5).unwrap(), b"12345");
        let refused = folder.read("file", 4).unwrap_err().to_string();
        assert_eq!(
            refused,
            "fixtures: expected `file` to have at most 4 bytes, found 5"
        );
    }

    #[test]
    fn files_outside_and_folders_are_refused() {
        let (_outer, folder) = folder();
        for name in ["../secret", "../inner", ".", "absent"] {
            assert!(folder.read(name, 100).is_err(), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_folder_are_refused() {
        let (outer, folder) = folder();
        let link = |target: &Path, name: &str| {
            std::os::unix::fs::symlink(target, outer.path().join("inner").join(name)).unwrap();
        };
        link(&outer.path().join("secret"), "out");
        link(Path::new("/dev/zero"), "device");
        link(Path::new("file"), "same");
        link(outer.path(), "up");
        for name in ["out", "device", "up/secret"] {
            let refused = folder.read(name, 100).unwrap_err().to_string();
            assert!(refused.contains("a link that leads out of it"), "{refused}");
        }
        assert_eq!(folder.read("same", 100).unwrap(), b"12345");
    }

    #[test]
    fn names_have_no_separators() {
        for name in ["geo", "a_1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "a/b", "A", "a.b", "é", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
