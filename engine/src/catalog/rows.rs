//! Rows of tables, in chunks of Arrow's IPC stream format.

use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use fusebox_definition::Digest;

use super::row_format::{decode, encode};
use super::{BlobStore, CatalogError};

/// Maximum number of rows of a chunk.
const CHUNK_ROWS_MAX: usize = 1 << 16;

/// Size of a chunk that is aimed at, in bytes.
const CHUNK_BYTES: usize = 16 << 20;

/// Maximum size of a chunk in bytes. SQLite stores at most 1,000,000,000.
const CHUNK_BYTES_MAX: usize = 512 << 20;

/// Size in bytes up to which a last chunk is written again with the rows that come after it, so
/// that many small statements do not leave as many chunks.
const MERGED_BYTES_MAX: u64 = 64 << 10;

/// Rows of a table at one version of a catalog.
#[derive(Clone, Debug)]
pub struct TableRows {
    schema: SchemaRef,
    chunks: Vec<Arc<RowChunk>>,
}

/// Some rows of a table, read when they are needed.
///
/// A chunk is a stream of Arrow's IPC format with one batch, without compression. The digest is
/// that of its bytes.
#[derive(Debug)]
pub struct RowChunk {
    digest: Digest,
    rows: u64,
    bytes: u64,
    batch: OnceLock<RecordBatch>,
    store: Option<Arc<dyn BlobStore>>,
}

impl TableRows {
    /// Creates the rows of chunks, which have `schema`.
    pub fn new(schema: SchemaRef, chunks: Vec<Arc<RowChunk>>) -> Self {
        Self { schema, chunks }
    }

    /// Returns the schema of the table.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the chunks, in the order of the rows.
    pub fn chunks(&self) -> &[Arc<RowChunk>] {
        &self.chunks
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows).sum()
    }

    /// Returns the size of all chunks in bytes.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }

    /// Returns the rows. Reads those that were not read yet, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if they cannot be read, or are not what was stored.
    pub fn load(&self) -> Result<Vec<RecordBatch>, CatalogError> {
        let chunks = self.chunks.iter();
        chunks.map(|chunk| chunk.load(&self.schema)).collect()
    }

    /// Returns the schema as a stream of Arrow's IPC format without batches.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the format does not know a type.
    pub fn encode_schema(&self) -> Result<Vec<u8>, CatalogError> {
        encode(&self.schema, None).map_err(unstorable)
    }

    /// Reads a schema of [`encode_schema`](Self::encode_schema).
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the bytes are none.
    pub fn decode_schema(bytes: &[u8]) -> Result<SchemaRef, CatalogError> {
        let (schema, _) = decode(bytes.to_vec())?;
        Ok(schema)
    }

    /// Returns these rows, and others after them.
    pub(crate) fn followed_by(&self, added: &[Arc<RowChunk>]) -> Result<Self, CatalogError> {
        let mut chunks = self.chunks.clone();
        let mut added = added;
        if let (Some(last), [first, rest @ ..]) = (chunks.last(), added)
            && last.bytes + first.bytes <= MERGED_BYTES_MAX
        {
            let both = [last.load(&self.schema)?, first.load(&self.schema)?];
            let merged = RowChunk::of_batches(&self.schema, &both)?;
            chunks.pop();
            chunks.extend(merged);
            added = rest;
        }
        chunks.extend(added.iter().cloned());
        Ok(Self::new(Arc::clone(&self.schema), chunks))
    }
}

/// Rows are equal if they have the same schema and the same bytes.
impl PartialEq for TableRows {
    fn eq(&self, other: &Self) -> bool {
        let digests = |rows: &Self| rows.chunks.iter().map(|chunk| chunk.digest).collect();
        let (own, others): (Vec<_>, Vec<_>) = (digests(self), digests(other));
        self.schema == other.schema && own == others
    }
}

impl Eq for TableRows {}

impl RowChunk {
    /// Creates a chunk of `rows` rows and `bytes` bytes that is read from a store.
    pub fn stored(digest: Digest, rows: u64, bytes: u64, store: Arc<dyn BlobStore>) -> Self {
        Self {
            digest,
            rows,
            bytes,
            batch: OnceLock::new(),
            store: Some(store),
        }
    }

    /// Returns the digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the bytes of a chunk whose rows are in memory; `None` for one that is stored and
    /// was not read.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the format does not know a type.
    pub fn encode(&self) -> Result<Option<Vec<u8>>, CatalogError> {
        let encoded = self.batch.get().map(|batch| {
            let schema = batch.schema();
            encode(&schema, Some(batch)).map_err(unstorable)
        });
        encoded.transpose()
    }

    /// Divides rows into chunks of a schema.
    pub(crate) fn of_batches(
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Vec<Arc<Self>>, CatalogError> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let bytes: usize = batches.iter().map(occupied_bytes).sum();
        let row_bytes = (bytes / rows.max(1)).max(1);
        let chunk_rows = (CHUNK_BYTES / row_bytes).clamp(1, CHUNK_ROWS_MAX);
        let mut chunks = Vec::new();
        for batch in compacted(schema, batches, chunk_rows)? {
            Self::push_halved(schema, &batch, &mut chunks)?;
        }
        Ok(chunks)
    }

    /// Adds the chunk of a batch, or those of its halves if it is too large.
    fn push_halved(
        schema: &SchemaRef,
        batch: &RecordBatch,
        chunks: &mut Vec<Arc<Self>>,
    ) -> Result<(), CatalogError> {
        let encoded = encode(schema, Some(batch)).map_err(unstorable)?;
        let rows = batch.num_rows();
        if encoded.len() <= CHUNK_BYTES_MAX {
            chunks.push(Arc::new(Self {
                digest: Digest::of(&encoded),
                rows: rows as u64,
                bytes: encoded.len() as u64,
                batch: OnceLock::from(batch.clone()),
                store: None,
            }));
            return Ok(());
        }
        if rows < 2 {
            return Err(CatalogError::Failed(format!(
                "expected rows of at most {CHUNK_BYTES_MAX} bytes, found one of {}: write it to a \
                 file with COPY",
                encoded.len()
            )));
        }
        drop(encoded);
        let halves = [(0, rows / 2), (rows / 2, rows - rows / 2)];
        for (from, count) in halves {
            let half = batch.slice(from, count);
            for half in compacted(schema, &[half], count)? {
                Self::push_halved(schema, &half, chunks)?;
            }
        }
        Ok(())
    }

    /// Returns the rows, which have a schema.
    fn load(&self, schema: &SchemaRef) -> Result<RecordBatch, CatalogError> {
        if let Some(batch) = self.batch.get() {
            return Ok(batch.clone());
        }
        let digest = self.digest;
        let damaged = |found: &str| {
            CatalogError::Failed(format!(
                "the stored rows {digest} {found}: restore the catalog"
            ))
        };
        if self.rows > CHUNK_ROWS_MAX as u64 {
            return Err(damaged("are too many for a chunk"));
        }
        let store = self.store.as_ref().ok_or_else(|| damaged("are missing"))?;
        let bytes = store.read(digest)?;
        if Digest::of(&bytes) != digest {
            return Err(damaged("have another digest"));
        }
        let (found, batches) = decode(bytes)?;
        match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) if found == *schema && batch.num_rows() as u64 == self.rows => {
                Ok(self.batch.get_or_init(|| batch).clone())
            }
            _ => Err(damaged("are not those of the table")),
        }
    }
}

/// Copies rows to batches of so many, without what their buffers have of other rows.
fn compacted(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    rows: usize,
) -> Result<Vec<RecordBatch>, CatalogError> {
    let mut coalescer = BatchCoalescer::new(Arc::clone(schema), rows);
    let mut compacted = Vec::new();
    for batch in batches {
        // The nullability and the metadata of a query's columns may be others.
        let columns = batch.columns().to_vec();
        let batch = RecordBatch::try_new(Arc::clone(schema), columns).map_err(unstorable)?;
        coalescer.push_batch(batch).map_err(unstorable)?;
        compacted.extend(std::iter::from_fn(|| coalescer.next_completed_batch()));
    }
    coalescer.finish_buffered_batch().map_err(unstorable)?;
    compacted.extend(std::iter::from_fn(|| coalescer.next_completed_batch()));
    Ok(compacted)
}

/// Returns the bytes that the rows of a batch occupy, without those of rows beside them.
fn occupied_bytes(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter();
    let bytes = columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
    bytes.sum()
}

fn unstorable(error: ArrowError) -> CatalogError {
    CatalogError::Failed(format!("the rows cannot be stored: {error}"))
}
