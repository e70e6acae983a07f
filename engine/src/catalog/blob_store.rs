//! Bytes that a catalog does not hold in memory.

use std::fmt;

use fusebox_definition::Digest;

use super::CatalogError;

/// Bytes of modules and rows, by digest.
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Reads bytes, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if they cannot be read.
    fn read(&self, digest: Digest) -> Result<Vec<u8>, CatalogError>;
}
