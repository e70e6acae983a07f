//! Modules of a catalog, read when they are needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use fusebox_definition::{Digest, Subject};
use fusebox_runtime::{Error, LoadedModule};

use super::BlobStore;

/// Module of a catalog, read and validated when it is first needed.
#[derive(Debug)]
pub struct CatalogModule {
    digest: Digest,
    bytes: u64,
    loaded: OnceLock<Arc<LoadedModule>>,
    store: Option<Arc<dyn BlobStore>>,
}

impl CatalogModule {
    /// Creates a module of `bytes` bytes that is read from a store.
    pub fn stored(digest: Digest, bytes: u64, store: Arc<dyn BlobStore>) -> Self {
        Self {
            digest,
            bytes,
            loaded: OnceLock::new(),
            store: Some(store),
        }
    }

    /// Returns the digest of the module.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the size of the module in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the module, if it was read.
    pub fn get(&self) -> Option<&Arc<LoadedModule>> {
        self.loaded.get()
    }

    /// Returns the module. Reads and validates it on this thread, if it was not read yet.
    ///
    /// # Errors
    ///
    /// As [`load_for`](Self::load_for), with the digest as the subject.
    pub fn load(&self) -> Result<Arc<LoadedModule>, Error> {
        self.load_for(&Subject::Module(self.digest.to_string()))
    }

    /// Returns the module. Reads and validates it on this thread, if it was not read yet. Errors
    /// name the subject: a module, or a function that has one of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`] if the store fails or its bytes have another digest, and
    /// [`Error::Module`] if this version refuses the module.
    pub fn load_for(&self, subject: &Subject) -> Result<Arc<LoadedModule>, Error> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(Arc::clone(loaded));
        }
        let digest = self.digest;
        let failed = |reason: &dyn fmt::Display| {
            Error::Catalog(format!(
                "the bytes of the {subject} cannot be read: {reason}"
            ))
        };
        let store = self.store.as_ref();
        let store = store.ok_or_else(|| failed(&format!("{digest} is not stored")))?;
        let bytes = store.read(digest).map_err(|error| failed(&error))?;
        if Digest::of(&bytes) != digest {
            return Err(failed(&format!(
                "expected the digest {digest}, found another digest: restore the catalog"
            )));
        }
        let loaded = LoadedModule::stored(&bytes, digest);
        let loaded = loaded.map_err(|fault| Error::module(subject, fault))?;
        Ok(Arc::clone(self.loaded.get_or_init(|| loaded)))
    }
}

impl From<Arc<LoadedModule>> for CatalogModule {
    fn from(module: Arc<LoadedModule>) -> Self {
        Self {
            digest: module.digest(),
            bytes: module.bytes().len() as u64,
            loaded: OnceLock::from(module),
            store: None,
        }
    }
}
