//! Constants that a function may read: environment, files and seed.
//!
//! A module carries them in the custom section `fusebox.grants`, which is part of its digest, and of
//! the ABI. Numbers are LEB128, texts and bytes follow their length:
//!
//! ```text
//! version (1)  seed
//! number of variables   { name  value }
//! number of files       { path  bytes }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{BinaryReader, BinaryReaderError, Parser, Payload};

/// Name of the section.
const SECTION: &str = "fusebox.grants";

/// Version of the section's layout.
const VERSION: u32 = 1;

/// Maximum number of variables.
const VARIABLES_MAX: usize = 1_000;

/// Maximum size of all variables, in bytes.
const VARIABLE_BYTES_MAX: usize = 64 << 10;

/// Maximum number of files.
const FILES_MAX: usize = 64;

/// Maximum number of files and of the folders that they are in.
const NODES_MAX: usize = 1_000;

/// Maximum size of a path, in bytes.
const PATH_BYTES_MAX: usize = 1 << 10;

/// Constants that a function may read through WASI preview 1, and the seed of its random numbers.
///
/// They are deterministic: a function that reads them may be immutable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Seed of the random numbers of a row.
    pub seed: u64,
    /// Variables of the environment, by name.
    pub variables: BTreeMap<String, String>,
    /// Files that can be read, by absolute path: `/ref/countries.csv`.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Reason for which constants cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantsError {
    /// A name or a value of a variable cannot be in an environment.
    #[error(
        "expected a variable with a name without `=`, and no zero byte in it, found `{}`",
        .0.escape_debug()
    )]
    Variable(String),
    /// A path is not absolute, or not in its shortest form.
    #[error(
        "expected a path of at most {PATH_BYTES_MAX} bytes from the root, as `/ref/countries.csv`, \
         without `.`, `..` and `//`, found `{}`",
        .0.escape_debug()
    )]
    Path(String),
    /// A path is a file, and the folder of another.
    #[error("expected files, found `{}`, which is also the folder of another", .0.escape_debug())]
    Folder(String),
    /// There is too much of something.
    #[error("expected at most {max} {what}, found {found}")]
    TooMany {
        /// The things that are counted.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The maximum.
        max: usize,
    },
    /// The section of a module cannot be read.
    #[error("its section `{SECTION}` cannot be read: {0}; leave it out")]
    Section(String),
}

impl Grants {
    /// Returns true if there is nothing but a seed of 0.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks names, paths and sizes.
    ///
    /// # Errors
    ///
    /// All but [`GrantsError::Section`].
    pub fn check(&self) -> Result<(), GrantsError> {
        let bytes = |(name, value): (&String, &String)| name.len() + value.len() + 2;
        let variable_bytes = self.variables.iter().map(bytes).sum();
        for (what, found, max) in [
            ("variables", self.variables.len(), VARIABLES_MAX),
            ("bytes of variables", variable_bytes, VARIABLE_BYTES_MAX),
            ("files", self.files.len(), FILES_MAX),
        ] {
            check_count(what, found, max)?;
        }
        for (name, value) in &self.variables {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(GrantsError::Variable(format!("{name}={value}")));
            }
        }
        let mut folders = BTreeSet::new();
        for path in self.files.keys() {
            let parts = path.strip_prefix('/').map(|path| path.split('/'));
            let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
            let is_path = parts.is_some_and(|mut parts| parts.all(is_part));
            if path.len() > PATH_BYTES_MAX || !is_path {
                return Err(GrantsError::Path(path.clone()));
            }
            folders.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
        }
        let nodes = folders.len() + self.files.len();
        check_count("files and folders", nodes, NODES_MAX)?;
        let mut paths = self.files.keys();
        match paths.find(|path| folders.contains(path.as_str())) {
            None => Ok(()),
            Some(path) => Err(GrantsError::Folder(path.clone())),
        }
    }

    /// Returns a module with these constants in place of its own.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check), and [`GrantsError::Section`] if the bytes are no module.
    pub fn added_to(&self, module: &[u8]) -> Result<Vec<u8>, GrantsError> {
        self.check()?;
        let mut bytes = module.to_vec();
        // Later sections first: their places stay.
        for range in sections(module)?.into_iter().rev() {
            bytes.drain(range);
        }
        let data = self.encode();
        let section = CustomSection {
            name: SECTION.into(),
            data: data.into(),
        };
        section.append_to(&mut bytes);
        Ok(bytes)
    }

    /// Returns the constants that a module carries, if it has a section for them: the first.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check), and [`GrantsError::Section`].
    pub fn of(module: &[u8]) -> Result<Option<Self>, GrantsError> {
        for payload in Parser::new(0).parse_all(module) {
            let Payload::CustomSection(section) = payload.map_err(unreadable)? else {
                continue;
            };
            if section.name() == SECTION {
                let reader = BinaryReader::new(section.data(), section.data_offset());
                let grants = Self::decode(reader)?;
                grants.check()?;
                return Ok(Some(grants));
            }
        }
        Ok(None)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        VERSION.encode(&mut bytes);
        self.seed.encode(&mut bytes);
        self.variables.len().encode(&mut bytes);
        for (name, value) in &self.variables {
            name.as_str().encode(&mut bytes);
            value.as_str().encode(&mut bytes);
        }
        self.files.len().encode(&mut bytes);
        for (path, file) in &self.files {
            path.as_str().encode(&mut bytes);
            file.as_slice().encode(&mut bytes);
        }
        bytes
    }

    fn decode(mut reader: BinaryReader<'_>) -> Result<Self, GrantsError> {
        let version = reader.read_var_u32().map_err(unreadable)?;
        if version != VERSION {
            let message = format!("expected version {VERSION}, found {version}");
            return Err(GrantsError::Section(message));
        }
        let mut grants = Self {
            seed: reader.read_var_u64().map_err(unreadable)?,
            ..Self::default()
        };
        for _ in 0..count(&mut reader, "variables", VARIABLES_MAX)? {
            let name = reader.read_string().map_err(unreadable)?.to_owned();
            let value = reader.read_string().map_err(unreadable)?.to_owned();
            grants.variables.insert(name, value);
        }
        for _ in 0..count(&mut reader, "files", FILES_MAX)? {
            let path = reader.read_string().map_err(unreadable)?.to_owned();
            let length = reader.read_var_u32().map_err(unreadable)?;
            let file = reader.read_bytes(length as usize).map_err(unreadable)?;
            grants.files.insert(path, file.to_vec());
        }
        match reader.eof() {
            true => Ok(grants),
            false => Err(GrantsError::Section("bytes follow its end".to_owned())),
        }
    }
}

/// Returns the places of the sections of a module that carry constants, their headers included.
fn sections(module: &[u8]) -> Result<Vec<std::ops::Range<usize>>, GrantsError> {
    let mut found = Vec::new();
    let mut end = 8;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(unreadable)?;
        if let Payload::Version { range, .. } = &payload {
            end = range.end;
        }
        if let Some((_, range)) = payload.as_section() {
            if matches!(&payload, Payload::CustomSection(section) if section.name() == SECTION) {
                found.push(end..range.end);
            }
            end = range.end;
        }
    }
    Ok(found)
}

/// Reads a number of things, before any of them is kept.
fn count(
    reader: &mut BinaryReader<'_>,
    what: &'static str,
    max: usize,
) -> Result<usize, GrantsError> {
    let found = reader.read_var_u32().map_err(unreadable)? as usize;
    check_count(what, found, max).map(|()| found)
}

fn check_count(what: &'static str, found: usize, max: usize) -> Result<(), GrantsError> {
    match found > max {
        true => Err(GrantsError::TooMany { what, found, max }),
        false => Ok(()),
    }
}

fn unreadable(error: BinaryReaderError) -> GrantsError {
    GrantsError::Section(error.to_string())
}
