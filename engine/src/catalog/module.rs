//! Modules of a catalog, read when they are needed.

use std::sync::{Arc, OnceLock};

use fusebox_definition::{Digest, Subject};
use fusebox_runtime::{Error, LoadedModule};

use super::{BlobStore, CatalogError};

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
    /// [`Error::Catalog`] if the store fails or its bytes have another digest, and
    /// [`Error::Module`] if this version refuses the module.
    pub fn load(&self) -> Result<Arc<LoadedModule>, Error> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(Arc::clone(loaded));
        }
        let digest = self.digest;
        let catalog_error = |error: CatalogError| Error::Catalog(error.to_string());
        let store = self.store.as_ref();
        let bytes = store.map_or_else(
            || {
                Err(CatalogError::Failed(format!(
                    "module {digest} is not stored"
                )))
            },
            |store| store.read(digest),
        );
        let bytes = bytes.map_err(catalog_error)?;
        if Digest::of(&bytes) != digest {
            return Err(Error::Catalog(format!(
                "the stored bytes of the module {digest} have another digest: restore the catalog"
            )));
        }
        let loaded = LoadedModule::stored(&bytes, digest);
        let subject = Subject::Module(digest.to_string());
        let loaded = loaded.map_err(|fault| Error::module(&subject, fault))?;
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
