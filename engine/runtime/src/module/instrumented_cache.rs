//! Cache of instrumented modules, in files of the user.
//!
//! The key is the digest of the original module, the version of the pass and its options. As
//! with the native code that Wasmtime keeps beside it, what is found is trusted: a directory
//! that others can write must not be used. A file that is torn is found out and written again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fusebox_definition::Digest;
use fusebox_instrument::{Instrumented, Options, RowFuel, SOURCE_DIGEST, WEIGHTS_VERSION};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Maximum bytes of all files. Above it, those that were not used for longest are removed.
const CACHE_BYTES_MAX: u64 = 256 << 20;

/// Maximum bytes of a file that is read or written.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Version of the settings of the engines. What is found is expected to have been compiled with
/// them: otherwise, it is compiled where its memory is kept.
const SETTINGS_VERSION: u32 = 1;

/// Hexadecimal digits of a checksum.
const CHECKSUM_DIGITS: usize = 8;

/// Instrumented modules in a directory.
#[derive(Debug)]
pub(super) struct InstrumentedCache {
    directory: PathBuf,
    bytes_max: u64,
}

/// First line of a file, after the checksum of it and of the module that follows.
#[derive(Serialize, Deserialize)]
struct Header {
    row_fuel: HashMap<String, RowFuel>,
    is_inlined: bool,
    mutable_globals: Option<usize>,
}

impl InstrumentedCache {
    /// Creates a cache in a directory, which is made when it is first written.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            bytes_max: CACHE_BYTES_MAX,
        }
    }

    /// Returns what [`insert`](Self::insert) has kept; `None` if that is not there or torn.
    pub(super) fn get(&self, original: Digest, options: &Options) -> Option<Instrumented> {
        let file = File::open(self.path(original, options)).ok()?;
        let mut bytes = Vec::new();
        let size = file.metadata().ok()?.len().min(FILE_BYTES_MAX);
        bytes.reserve(size as usize);
        (&file).take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        // Without the time of use, the file is removed earlier.
        let _ = file.set_modified(SystemTime::now());
        parse(bytes)
    }

    /// Keeps an instrumented module. What cannot be written is not kept.
    pub(super) fn insert(&self, original: Digest, options: &Options, module: &Instrumented) {
        let written = self.write(&self.path(original, options), module);
        if let Err(error) = written.and_then(|()| self.remove_oldest()) {
            let directory = self.directory.display();
            tracing::warn!(%error, "cannot keep an instrumented module in {directory}");
        }
    }

    fn path(&self, original: Digest, options: &Options) -> PathBuf {
        let fusebox = env!("CARGO_PKG_VERSION");
        let version =
            format!("{fusebox} {WEIGHTS_VERSION} {SOURCE_DIGEST} {SETTINGS_VERSION} {options:?}");
        let version = Digest::of(version.as_bytes()).to_string();
        self.directory
            .join(format!("{original}-{}", &version[..16]))
    }

    fn write(&self, path: &Path, module: &Instrumented) -> io::Result<()> {
        let header = serde_json::to_vec(&Header {
            row_fuel: module.row_fuel.clone(),
            is_inlined: module.is_inlined,
            mutable_globals: module.mutable_globals,
        })?;
        let content = [&header, b"\n".as_slice(), &module.module].concat();
        if content.len() as u64 > FILE_BYTES_MAX - CHECKSUM_DIGITS as u64 {
            return Ok(());
        }
        create_private(&self.directory)?;
        // Readers see the whole file or none.
        let mut file = NamedTempFile::new_in(&self.directory)?;
        file.write_all(checksum(&content).as_bytes())?;
        file.write_all(&content)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes files, beginning with the least recently used, until the others fit.
    fn remove_oldest(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // Another process may have removed it.
            let Ok((path, metadata)) = entry.and_then(|e| Ok((e.path(), e.metadata()?))) else {
                continue;
            };
            files.push((metadata.modified()?, metadata.len(), path));
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            bytes -= size;
        }
        Ok(())
    }
}

/// Creates a directory that only this user can read and write.
fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(directory)
}

/// Returns the checksum of the content of a file, in hexadecimal. It finds torn files out, in a
/// small part of the time of a digest: whoever can write files is trusted.
fn checksum(content: &[u8]) -> String {
    format!("{:0CHECKSUM_DIGITS$x}", crc32fast::hash(content))
}

/// Parses the content of a file; `None` if it is not as it was written.
fn parse(mut bytes: Vec<u8>) -> Option<Instrumented> {
    let (stated, content) = bytes.split_at_checked(CHECKSUM_DIGITS)?;
    if checksum(content).as_bytes() != stated {
        return None;
    }
    let header_bytes = content.iter().position(|byte| *byte == b'\n')?;
    let header: Header = serde_json::from_slice(&content[..header_bytes]).ok()?;
    bytes.drain(..=CHECKSUM_DIGITS + header_bytes);
    Some(Instrumented {
        module: bytes,
        row_fuel: header.row_fuel,
        is_inlined: header.is_inlined,
        mutable_globals: header.mutable_globals,
    })
}

#[cfg(test)]
mod tests {
    use fusebox_instrument::instrument;

    use super::*;

    fn cache() -> (tempfile::TempDir, InstrumentedCache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = InstrumentedCache::new(directory.path().join("made/when/needed"));
        (directory, cache)
    }

    fn module() -> (Digest, Instrumented) {
        let module = wat::parse_str("(module (func (export \"f\")))").unwrap();
        let instrumented = instrument(&module, Options::default()).unwrap();
        (Digest::of(&module), instrumented)
    }

    #[test]
    fn module_is_returned_as_it_was_inserted() {
        let ((_directory, cache), (digest, module)) = (cache(), module());
        let options = Options::default();
        assert!(cache.get(digest, &options).is_none());
        cache.insert(digest, &options, &module);
        let found = cache.get(digest, &options).unwrap();
        assert_eq!(found.module, module.module);
        assert_eq!(found.row_fuel, module.row_fuel);
        assert_eq!(found.is_inlined, module.is_inlined);
        assert_eq!(found.mutable_globals, module.mutable_globals);
    }

    #[test]
    fn other_options_are_another_key() {
        let ((_directory, cache), (digest, module)) = (cache(), module());
        cache.insert(digest, &Options::default(), &module);
        let polled = Options {
            polled: true,
            ..Options::default()
        };
        assert!(cache.get(digest, &polled).is_none());
        assert!(cache.get(Digest::of(b""), &Options::default()).is_none());
    }

    #[test]
    fn torn_file_is_not_returned() {
        let ((_directory, cache), (digest, module)) = (cache(), module());
        let options = Options::default();
        cache.insert(digest, &options, &module);
        let path = cache.path(digest, &options);
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, CHECKSUM_DIGITS, CHECKSUM_DIGITS + 1, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(cache.get(digest, &options).is_none(), "{length} bytes");
        }
        for index in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[index] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(cache.get(digest, &options).is_none(), "byte {index}");
        }
        cache.insert(digest, &options, &module);
        assert!(cache.get(digest, &options).is_some());
    }

    #[test]
    fn least_recently_used_files_make_room() {
        let ((_directory, mut cache), (_, module)) = (cache(), module());
        let options = Options::default();
        let digests = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        cache.insert(digests[0], &options, &module);
        let path = cache.path(digests[0], &options);
        cache.bytes_max = 2 * fs::metadata(&path).unwrap().len();
        cache.insert(digests[1], &options, &module);
        let old = SystemTime::UNIX_EPOCH;
        let second = File::open(cache.path(digests[1], &options)).unwrap();
        second.set_modified(old).unwrap();
        cache.insert(digests[2], &options, &module);
        let is_kept = digests.map(|digest| cache.get(digest, &options).is_some());
        assert_eq!(is_kept, [true, false, true]);
    }

    #[test]
    fn directory_that_cannot_be_written_keeps_nothing() {
        let file = NamedTempFile::new().unwrap();
        let cache = InstrumentedCache::new(file.path().join("below a file"));
        let (digest, module) = module();
        cache.insert(digest, &Options::default(), &module);
        assert!(cache.get(digest, &Options::default()).is_none());
    }
}
