//! The tar file of a folder, in the format ustar of POSIX.
//!
//! The programs `tar` of Linux and macOS have different options for order, owners and times,
//! which decide whether equal files give equal bytes.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::dist::files;
use crate::failure::Failure;
use crate::workspace::run;

/// Bytes of a header; files are padded to a multiple.
const BLOCK: usize = 512;

/// Packs the files of a folder, below `name`, and compresses them by gzip. All files are of
/// `epoch`, in seconds since 1970; those in `bin` are executable.
pub(crate) fn pack(folder: &Path, name: &str, epoch: u64, archive: &Path) -> Result<(), Failure> {
    let action = || Failure::io(format!("write {}", archive.display()));
    let output = files::create(archive)?;
    let mut gzip = Command::new("gzip")
        // No name and no time.
        .args(["-n", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::from(output))
        .spawn()
        .map_err(Failure::io("start gzip"))?;
    if let Some(mut input) = gzip.stdin.take() {
        for file in files::list(folder)? {
            let bytes = files::read(&folder.join(&file))?;
            let mode = if file.starts_with("bin/") {
                0o755
            } else {
                0o644
            };
            let path = format!("{name}/{file}");
            let header = header(&path, bytes.len() as u64, mode, epoch);
            let header = header.map_err(Failure::unexpected("archive"))?;
            add(&mut input, &header, &bytes).map_err(action())?;
        }
        // The end: two blocks of zeros.
        input.write_all(&[0; 2 * BLOCK]).map_err(action())?;
    }
    let status = gzip.wait().map_err(action())?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::Step {
            step: "gzip",
            status,
        }),
    }
}

/// Unpacks an archive without its first folder, by the tar of the system.
pub(crate) fn unpack(archive: &Path, folder: &Path) -> Result<(), Failure> {
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(folder);
    run("unpack", tar.arg("--strip-components=1"))
}

fn add(output: &mut impl Write, header: &[u8; BLOCK], bytes: &[u8]) -> io::Result<()> {
    output.write_all(header)?;
    output.write_all(bytes)?;
    let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
    output.write_all(&[0; BLOCK][..padding])
}

/// Returns the header of a file.
///
/// # Errors
///
/// One line, if the path or the length does not fit.
fn header(path: &str, length: u64, mode: u32, epoch: u64) -> Result<[u8; BLOCK], String> {
    if path.len() > 100 {
        return Err(format!(
            "expected a path of at most 100 bytes, found {path}"
        ));
    }
    if length.max(epoch) >= 1 << 33 {
        return Err(format!("expected a file of less than 8 GiB, found {path}"));
    }
    let mut header = [0; BLOCK];
    let mut put = |offset: usize, text: &str| {
        header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, path);
    put(100, &format!("{mode:07o}"));
    // User and group.
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{length:011o}"));
    put(136, &format!("{epoch:011o}"));
    // The sum is computed with blanks in its place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\u{0} ").as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::dist::files::tests::Folder;

    #[test]
    fn headers_have_the_fields_of_the_standard() {
        let header = header("a/b", 1_000, 0o755, 1_700_000_000).unwrap();
        assert_eq!(&header[..4], b"a/b\0");
        assert_eq!(&header[100..108], b"0000755\0");
        assert_eq!(&header[124..136], b"00000001750\0");
        assert_eq!(&header[136..148], b"14524770400\0");
        assert_eq!(&header[257..265], b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let stated: u32 = header[148..156].iter().map(|byte| u32::from(*byte)).sum();
        let expected = format!("{:06o}\0 ", sum - stated + 8 * u32::from(b' '));
        assert_eq!(&header[148..156], expected.as_bytes());
    }

    #[test]
    fn what_does_not_fit_into_a_header_is_refused() {
        assert!(header(&"a".repeat(101), 0, 0, 0).is_err());
        assert!(header("a", 1 << 33, 0, 0).is_err());
        assert!(header(&"a".repeat(100), (1 << 33) - 1, 0, 0).is_ok());
    }

    #[test]
    fn equal_files_give_equal_archives_which_tar_unpacks() {
        let long = "x".repeat(BLOCK);
        let files = [
            ("bin/run", "#!/bin/sh\n"),
            ("docs/a.md", long.as_str()),
            ("empty", ""),
        ];
        let folder = Folder::new("pack", &files);
        let output = Folder::new("packed", &[]);
        let archives = ["a.tar.gz", "b.tar.gz"].map(|name| output.0.join(name));
        for archive in &archives {
            // Another time of the file.
            let file = File::options().write(true).open(folder.0.join("empty"));
            let age = if *archive == archives[0] {
                1_000
            } else {
                2_000
            };
            let time = SystemTime::now() - Duration::from_secs(age);
            file.unwrap().set_modified(time).unwrap();
            pack(&folder.0, "release", 1_700_000_000, archive).unwrap();
        }
        let [first, second] = archives.each_ref().map(|path| fs::read(path).unwrap());
        assert_eq!(first, second);

        let unpacked = Folder::new("unpacked", &[]);
        unpack(&archives[0], &unpacked.0).unwrap();
        assert_eq!(
            files::list(&unpacked.0).unwrap(),
            files.map(|(path, _)| path)
        );
        for (path, text) in files {
            assert_eq!(fs::read_to_string(unpacked.0.join(path)).unwrap(), text);
        }
    }
}
