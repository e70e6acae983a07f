//! Directory through which compiled code passes.

// The private directory.
mod private_directory;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use super::engine_settings::EngineSettings;
use crate::error::Error;
use private_directory::{InUse, PrivateDirectory};

/// Cache of compiled modules.
pub(super) struct CodeCache {
    /// For the engines that load. Those that compile have handles of their own, so that its
    /// counts are those of loading alone.
    cache: wasmtime::Cache,
    loading: Mutex<()>,
    private: Option<PrivateDirectory>,
}

/// Kind of a cache. Printed and parsed as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheKind {
    /// That of the user, shared by all processes.
    User,
    /// Private one, which only passes code from one engine to another.
    Private,
}

impl CodeCache {
    /// Opens the cache in the user's cache directory.
    ///
    /// # Errors
    ///
    /// A message that the directory is unknown or cannot be created.
    pub(super) fn of_user() -> Result<Self, Error> {
        let cache = wasmtime::Cache::from_file(None).map_err(|_| FAILED)?;
        Ok(Self {
            cache,
            loading: Mutex::default(),
            private: None,
        })
    }

    /// Creates a cache in a new directory for temporary files.
    ///
    /// # Errors
    ///
    /// A message that no directory can be created.
    pub(super) fn private() -> Result<Self, Error> {
        let directory = PrivateDirectory::new().map_err(|_| FAILED)?;
        let cache = open(directory.path(), CacheKind::Private);
        Ok(Self {
            cache: cache.map_err(|_| FAILED)?,
            loading: Mutex::default(),
            private: Some(directory),
        })
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Cache {
        &self.cache
    }

    pub(super) fn kind(&self) -> CacheKind {
        match self.private {
            None => CacheKind::User,
            Some(_) => CacheKind::Private,
        }
    }

    pub(super) fn directory(&self) -> &Path {
        self.cache.directory()
    }

    /// Keeps the code in the directory until the guard is dropped. Code in a private one is
    /// removed then.
    ///
    /// # Errors
    ///
    /// A message if the private directory is not the one that was created.
    pub(super) fn in_use(&self) -> Result<Option<InUse<'_>>, String> {
        self.private
            .as_ref()
            .map(PrivateDirectory::in_use)
            .transpose()
    }

    /// Runs `load`, and returns true with its result if the code was found.
    pub(super) fn load<T>(&self, load: impl FnOnce() -> T) -> (T, bool) {
        // The count is that of one at a time.
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.cache.cache_hits();
        let loaded = load();
        (loaded, self.cache.cache_hits() != before)
    }
}

const FAILED: Error = Error::Config("the cache of compiled modules cannot be set up");

/// Compiles a module into a cache, unless it is there. The engine that compiles ends with the
/// compilation, and its memory with it. Returns false if the code cannot be written.
pub(super) fn compile_into(
    directory: &Path,
    kind: CacheKind,
    settings: EngineSettings,
    module: &[u8],
) -> wasmtime::Result<bool> {
    let cache = open(directory, kind)?;
    let mut config = settings.config();
    config.cache(Some(cache.clone()));
    let engine = wasmtime::Engine::new(&config)?;
    wasmtime::Module::new(&engine, module)?;
    Ok(cache.cache_hits() + cache.cache_misses() > 0)
}

/// Opens a cache, with the limits of the user's configuration if it is the user's.
fn open(directory: &Path, kind: CacheKind) -> wasmtime::Result<wasmtime::Cache> {
    let mut config = match kind {
        CacheKind::User => wasmtime::CacheConfig::from_file(None)?,
        CacheKind::Private => {
            let mut config = wasmtime::CacheConfig::new();
            // The directory is emptied by its owner: Wasmtime would remove code that is about
            // to be loaded. What is read once is not worth a better compression.
            config
                .with_files_total_size_soft_limit(DIRECTORY_BYTES)
                .with_baseline_compression_level(COMPRESSION_LEVEL)
                .with_optimized_compression_level(COMPRESSION_LEVEL);
            config
        }
    };
    config.with_directory(directory);
    wasmtime::Cache::new(config)
}

/// Bytes that a private directory never has.
const DIRECTORY_BYTES: u64 = 1 << 50;

/// The fastest level of zstd.
const COMPRESSION_LEVEL: i32 = 1;

impl fmt::Display for CacheKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Private => "private",
        })
    }
}

/// Text that states no kind.
pub(super) struct ParseKindError;

impl FromStr for CacheKind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "user" => Ok(Self::User),
            "private" => Ok(Self::Private),
            _ => Err(ParseKindError),
        }
    }
}
