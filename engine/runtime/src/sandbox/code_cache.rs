//! Directory of compiled modules.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use tempfile::TempDir;

use super::engine_settings::EngineSettings;
use crate::error::Error;

/// Bytes of compiled code in a private directory above which the oldest is removed.
const DIRECTORY_BYTES: u64 = 16 << 20;

/// Time between two looks at a private directory.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(1);

/// Cache of compiled modules.
pub(super) struct CodeCache {
    cache: wasmtime::Cache,
    kind: CacheKind,
    /// Private directory, removed when dropped.
    _directory: Option<TempDir>,
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
    pub(super) fn of_user() -> Result<Self, Error> {
        let cache = wasmtime::Cache::from_file(None).map_err(|_| FAILED)?;
        Ok(Self {
            cache,
            kind: CacheKind::User,
            _directory: None,
        })
    }

    /// Creates a cache in a new directory for temporary files.
    pub(super) fn private() -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("fusebox-").tempdir();
        let directory = directory.map_err(|_| FAILED)?;
        let cache = Self::at(directory.path(), CacheKind::Private).map_err(|_| FAILED)?;
        Ok(Self {
            _directory: Some(directory),
            ..cache
        })
    }

    /// Opens the cache in a directory.
    pub(super) fn at(directory: &Path, kind: CacheKind) -> wasmtime::Result<Self> {
        let mut config = wasmtime::CacheConfig::new();
        config.with_directory(directory);
        if kind == CacheKind::Private {
            config
                .with_cleanup_interval(CLEANUP_INTERVAL)
                .with_files_total_size_soft_limit(DIRECTORY_BYTES);
        }
        Ok(Self {
            cache: wasmtime::Cache::new(config)?,
            kind,
            _directory: None,
        })
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Cache {
        &self.cache
    }

    pub(super) fn kind(&self) -> CacheKind {
        self.kind
    }

    pub(super) fn directory(&self) -> &Path {
        self.cache.directory()
    }

    /// Compiles a module into the cache, unless it is there. The engine that compiles ends
    /// with the compilation, and its memory with it.
    pub(super) fn compile(&self, settings: EngineSettings, module: &[u8]) -> wasmtime::Result<()> {
        let mut config = settings.config();
        config.cache(Some(self.cache.clone()));
        let engine = wasmtime::Engine::new(&config)?;
        wasmtime::Module::new(&engine, module).map(drop)
    }
}

const FAILED: Error = Error::Config("the cache of compiled modules cannot be set up");

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
