//! Rows of tables, in chunks of Arrow's IPC stream format.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use fusebox_definition::Digest;

use super::row_bytes::{Charge, StoredBytes, damaged};
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

/// Some rows of a table. Those of a store are in memory while they are used.
///
/// A chunk is a stream of Arrow's IPC format with one batch, without compression. The digest is
/// that of its bytes.
#[derive(Debug)]
pub struct RowChunk {
    digest: Digest,
    rows: u64,
    bytes: u64,
    place: Mutex<Place>,
}

/// Place of the rows of a chunk.
#[derive(Clone, Debug)]
enum Place {
    /// Rows that no store has yet, or those of a catalog in memory.
    Memory(RecordBatch),
    /// Bytes that are read by each scan.
    Store(Arc<StoredBytes>),
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

    /// Returns the rows. Reads those that are stored, and blocks meanwhile. They are in memory as
    /// long as a column of them lives, in no account.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if they cannot be read, or are not what was stored.
    pub fn load(&self) -> Result<Vec<RecordBatch>, CatalogError> {
        self.load_with(None)
    }

    /// Returns the rows as [`load`](Self::load) does. Those that it reads are charged as long as a
    /// column of them lives; those that another scan uses at the same time are charged by that one.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and those of the charge.
    pub(crate) fn load_charged(
        &self,
        charge: &Charge<'_>,
    ) -> Result<Vec<RecordBatch>, CatalogError> {
        self.load_with(Some(charge))
    }

    fn load_with(&self, charge: Option<&Charge<'_>>) -> Result<Vec<RecordBatch>, CatalogError> {
        let chunks = self.chunks.iter();
        chunks
            .map(|chunk| chunk.load(&self.schema, charge))
            .collect()
    }

    /// Releases the rows in memory: the store has their bytes now, and scans read them from it.
    pub fn release_to(&self, store: &Arc<dyn BlobStore>) {
        for chunk in &self.chunks {
            chunk.release_to(store);
        }
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
        let (schema, _) = decode(bytes.to_vec().into())?;
        Ok(schema)
    }

    /// Returns these rows, and others after them.
    pub(crate) fn followed_by(&self, added: &[Arc<RowChunk>]) -> Result<Self, CatalogError> {
        let mut chunks = self.chunks.clone();
        let mut added = added;
        if let (Some(last), [first, rest @ ..]) = (chunks.last(), added)
            && last.bytes + first.bytes <= MERGED_BYTES_MAX
        {
            // They are too few to be charged.
            let both = [
                last.load(&self.schema, None)?,
                first.load(&self.schema, None)?,
            ];
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
        let stored = StoredBytes::new(digest, bytes, store);
        Self {
            digest,
            rows,
            bytes,
            place: Mutex::new(Place::Store(Arc::new(stored))),
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

    /// Returns the bytes of a chunk whose rows no store has yet; `None` for one that is stored.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the format does not know a type.
    pub fn encode(&self) -> Result<Option<Vec<u8>>, CatalogError> {
        match self.place().clone() {
            Place::Memory(batch) => {
                let encoded = encode(&batch.schema(), Some(&batch));
                encoded.map(Some).map_err(unstorable)
            }
            Place::Store(_) => Ok(None),
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the rows in memory. Bytes that were in a store stay those that scans share.
    fn release_to(&self, store: &Arc<dyn BlobStore>) {
        let mut place = self.place();
        if let Place::Memory(_) = *place {
            let stored = StoredBytes::new(self.digest, self.bytes, Arc::clone(store));
            *place = Place::Store(Arc::new(stored));
        }
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
                place: Mutex::new(Place::Memory(batch.clone())),
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
    fn load(
        &self,
        schema: &SchemaRef,
        charge: Option<&Charge<'_>>,
    ) -> Result<RecordBatch, CatalogError> {
        // The place is not locked while a store reads: `encode` is called while it is locked.
        let stored = match self.place().clone() {
            Place::Memory(batch) => return Ok(batch),
            Place::Store(stored) => stored,
        };
        if self.rows > CHUNK_ROWS_MAX as u64 {
            return Err(damaged(self.digest, "are too many for a chunk"));
        }
        let (found, batches) = decode(stored.read(charge)?)?;
        match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) if found == *schema && batch.num_rows() as u64 == self.rows => Ok(batch),
            _ => Err(damaged(self.digest, "are not those of the table")),
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

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, StringViewArray};

    use super::super::row_bytes::tests::{Account, OneBlob};
    use super::*;

    fn rows() -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..1_000);
        let texts = (0..1_000).map(|n| format!("a text of more than twelve bytes, {n}"));
        let columns: [(&str, ArrayRef); 4] = [
            ("n", Arc::new(numbers)),
            ("t", Arc::new(StringViewArray::from_iter_values(texts))),
            (
                "d",
                Arc::new(Decimal128Array::from_iter_values(0..1_000_i128)),
            ),
            ("b", Arc::new(BooleanArray::from(vec![true; 1_000]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// Returns rows, and a store that has their bytes.
    fn stored() -> (TableRows, Arc<OneBlob>) {
        let schema = rows().schema();
        let chunks = RowChunk::of_batches(&schema, &[rows()]).unwrap();
        let store = OneBlob::new(&chunks[0].encode().unwrap().unwrap());
        (TableRows::new(schema, chunks), store)
    }

    #[test]
    fn rows_are_in_memory_until_they_are_stored() {
        let (table, store) = stored();
        assert_eq!((table.load().unwrap(), store.reads()), (vec![rows()], 0));
        let memory = Arc::downgrade(table.load().unwrap()[0].column(0));
        table.release_to(&(Arc::clone(&store) as Arc<dyn BlobStore>));
        assert!(memory.upgrade().is_none());
        assert!(table.chunks()[0].encode().unwrap().is_none());
        assert_eq!((table.load().unwrap(), store.reads()), (vec![rows()], 1));
        // A clone, as another session has it, is of the same chunks.
        assert_eq!((table.clone().load().unwrap().len(), store.reads()), (1, 2));
    }

    #[test]
    fn each_column_keeps_its_rows_charged_and_shared() {
        let (table, store) = stored();
        table.release_to(&(Arc::clone(&store) as Arc<dyn BlobStore>));
        let account = Account::of(table.bytes());
        let charge = |bytes| account.charge(bytes);
        for column in 0..4 {
            let before = store.reads();
            let batches = table.load_charged(&charge).unwrap();
            let kept = Arc::clone(batches[0].column(column));
            drop(batches);
            // Without the blob, the second scan has the rows of the first.
            let removed = store.bytes.lock().unwrap().take();
            assert_eq!(table.load_charged(&charge).unwrap(), [rows()]);
            // The store that has them already is not replaced.
            table.release_to(&(OneBlob::new(&[]) as Arc<dyn BlobStore>));
            assert_eq!(table.load_charged(&charge).unwrap(), [rows()]);
            assert_eq!(store.reads() - before, 1, "column {column}");
            assert_eq!(account.charged(), table.bytes(), "column {column}");
            drop(kept);
            assert_eq!(account.charged(), 0, "column {column}");
            table.load_charged(&charge).unwrap_err();
            assert_eq!(account.charged(), 0, "column {column}");
            *store.bytes.lock().unwrap() = removed;
        }
    }
}
