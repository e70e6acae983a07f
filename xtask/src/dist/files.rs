//! Files of a folder: lists of them, copies, and texts.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::failure::Failure;

/// Returns the paths of all files below `folder`, relative to it, with `/`, in order.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    add(folder, "", &mut files).map_err(Failure::io(format!("list {}", folder.display())))?;
    files.sort();
    Ok(files)
}

fn add(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => add(&entry.path(), &format!("{path}/"), files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    create_folder(to)?;
    let action = format!("copy {} to {}", from.display(), to.display());
    fs::copy(from, to).map(drop).map_err(Failure::io(action))
}

pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    create_folder(path)?;
    File::create(path).map_err(Failure::io(format!("create {}", path.display())))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    create_folder(path)?;
    fs::write(path, text).map_err(Failure::io(format!("write {}", path.display())))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::io(format!("read {}", path.display())))
}

pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::io(format!("read {}", path.display())))
}

/// Removes a folder, if there is one.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::io(format!("remove {}", folder.display()))(error))
        }
        _ => Ok(()),
    }
}

/// Creates the folder of a file.
fn create_folder(file: &Path) -> Result<(), Failure> {
    create_all(file.parent().unwrap_or(file))
}

/// Creates a folder and those that it is in.
pub(crate) fn create_all(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(Failure::io(format!("create {}", folder.display())))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::{env, process};

    use super::*;

    /// A folder of one test, removed at its end.
    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        /// Creates the folder with files: paths and texts.
        pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = env::temp_dir().join(format!("xtask-{name}-{}", process::id()));
            remove_folder(&folder).unwrap();
            fs::create_dir_all(&folder).unwrap();
            for (path, text) in files {
                write(&folder.join(path), text).unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = remove_folder(&self.0);
        }
    }

    #[test]
    fn files_are_listed_in_order_of_their_paths() {
        let folder = Folder::new("list", &[("b", ""), ("a/c", ""), ("a/b/d", "")]);
        assert_eq!(list(&folder.0).unwrap(), ["a/b/d", "a/c", "b"]);
    }
}
