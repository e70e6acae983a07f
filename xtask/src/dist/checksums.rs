//! SHA-256 sums of files, as `sha256sum` prints and checks them.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::dist::files;
use crate::failure::Failure;

/// The list of sums in a folder.
const SUMS: &str = "SHA256SUMS";

/// Writes the sums of all files of a folder into it.
pub(crate) fn write(folder: &Path) -> Result<(), Failure> {
    let mut lines = String::new();
    for file in files::list(folder)?.iter().filter(|file| *file != SUMS) {
        let sum = of_file(&folder.join(file))?;
        lines.push_str(&format!("{sum}  {file}\n"));
    }
    files::write(&folder.join(SUMS), &lines)
}

/// Compares the files of a folder with its list of sums, and returns their number.
pub(crate) fn verify(folder: &Path) -> Result<usize, Failure> {
    let unexpected = || Failure::unexpected("sums");
    let lines = files::read_text(&folder.join(SUMS))?;
    let mut listed = vec![SUMS.to_owned()];
    for line in lines.lines() {
        let Some((sum, file)) = line.split_once("  ") else {
            let message = format!("expected a sum and a file in {SUMS}, found `{line}`");
            return Err(unexpected()(message));
        };
        let found = of_file(&folder.join(file))?;
        if found != sum {
            let message = format!("expected the sum {sum} of {file}, found {found}");
            return Err(unexpected()(message));
        }
        listed.push(file.to_owned());
    }
    listed.sort();
    match listed == files::list(folder)? {
        true => Ok(listed.len()),
        false => Err(unexpected()(format!("expected every file in {SUMS}"))),
    }
}

/// Returns the sum of a file, in hexadecimal digits.
pub(crate) fn of_file(path: &Path) -> Result<String, Failure> {
    Ok(of(&files::read(path)?))
}

fn of(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::dist::files::tests::Folder;

    #[test]
    fn sums_are_those_of_the_standard() {
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(b"abc"), sum);
    }

    #[test]
    fn written_sums_are_verified() {
        let folder = Folder::new("sums", &[("bin/a", "abc"), ("b.txt", "")]);
        write(&folder.0).unwrap();
        assert_eq!(verify(&folder.0).unwrap(), 3);
        let lines = fs::read_to_string(folder.0.join(SUMS)).unwrap();
        let files: Vec<_> = lines.lines().filter_map(|line| line.get(66..)).collect();
        assert_eq!(files, ["b.txt", "bin/a"]);
    }

    #[test]
    fn changed_and_unlisted_files_are_found() {
        let folder = Folder::new("changed", &[("a", "abc")]);
        write(&folder.0).unwrap();
        fs::write(folder.0.join("a"), "abd").unwrap();
        let message = verify(&folder.0).unwrap_err().to_string();
        assert!(message.contains("of a, found "), "{message}");

        fs::write(folder.0.join("a"), "abc").unwrap();
        fs::write(folder.0.join("b"), "").unwrap();
        let message = verify(&folder.0).unwrap_err().to_string();
        assert!(message.contains("every file"), "{message}");
    }
}
