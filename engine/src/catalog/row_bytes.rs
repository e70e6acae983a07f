//! Bytes of stored rows, in memory as long as a column of them lives.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::buffer::Buffer;
use bytes::Bytes;
use fusebox_definition::Digest;

use super::{BlobStore, CatalogError};

/// Charges a number of bytes to an account of memory.
pub(crate) type Charge<'a> = dyn Fn(u64) -> Result<Charged, CatalogError> + 'a;

/// Charge of bytes, which ends when it is dropped.
pub(crate) type Charged = Box<dyn Any + Send + Sync>;

/// Bytes in a store, shared by all scans that use them at the same time.
#[derive(Debug)]
pub(super) struct StoredBytes {
    digest: Digest,
    length: u64,
    store: Arc<dyn BlobStore>,
    used: Mutex<Weak<ChargedBytes>>,
}

/// Bytes in memory, with their charge.
struct ChargedBytes {
    bytes: Vec<u8>,
    _charged: Option<Charged>,
}

/// Owner of the memory of a buffer.
struct BufferOwner(Arc<ChargedBytes>);

impl StoredBytes {
    /// Creates the bytes of a digest, which are `length` bytes in a store.
    pub(super) fn new(digest: Digest, length: u64, store: Arc<dyn BlobStore>) -> Self {
        Self {
            digest,
            length,
            store,
            used: Mutex::default(),
        }
    }

    /// Returns the bytes: those in memory while a buffer of them lives, and otherwise those of the
    /// store, which are charged before they are read.
    ///
    /// # Errors
    ///
    /// Those of the charge, and [`CatalogError::Failed`] if the bytes cannot be read or have
    /// another digest.
    pub(super) fn read(&self, charge: Option<&Charge<'_>>) -> Result<Buffer, CatalogError> {
        // Held while the store reads: scans of one statement begin together. With two reads, bytes
        // that another process removes in between would be there for one scan and not for the
        // other, which would see newer rows. The store needs no lock of rows.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = used.upgrade() {
            return Ok(buffer(bytes));
        }
        let charge_for = |length| charge.map(|charge| charge(length)).transpose();
        let mut charged = charge_for(self.length)?;
        let bytes = self.store.read(self.digest)?;
        if Digest::of(&bytes) != self.digest {
            return Err(damaged(self.digest, "have another digest"));
        }
        // Bytes that were missing when the catalog was read had no length then.
        let length = bytes.len() as u64;
        if length != self.length {
            drop(charged);
            charged = charge_for(length)?;
        }
        let bytes = Arc::new(ChargedBytes {
            bytes,
            _charged: charged,
        });
        *used = Arc::downgrade(&bytes);
        Ok(buffer(bytes))
    }
}

/// Returns a buffer that keeps the bytes in memory, without copying them.
fn buffer(bytes: Arc<ChargedBytes>) -> Buffer {
    Buffer::from(Bytes::from_owner(BufferOwner(bytes)))
}

impl AsRef<[u8]> for BufferOwner {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// Describes stored rows that are not what was stored.
pub(super) fn damaged(digest: Digest, found: &str) -> CatalogError {
    CatalogError::Failed(format!(
        "the stored rows {digest} {found}: restore the catalog"
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    /// Store of one blob, which counts how often it is read.
    #[derive(Debug)]
    pub(crate) struct OneBlob {
        pub(crate) bytes: Mutex<Option<Vec<u8>>>,
        pub(crate) reads: AtomicU64,
    }

    impl OneBlob {
        pub(crate) fn new(bytes: &[u8]) -> Arc<Self> {
            Arc::new(Self {
                bytes: Mutex::new(Some(bytes.to_vec())),
                reads: AtomicU64::new(0),
            })
        }

        pub(crate) fn reads(&self) -> u64 {
            self.reads.load(SeqCst)
        }
    }

    impl BlobStore for OneBlob {
        fn read(&self, _: Digest) -> Result<Vec<u8>, CatalogError> {
            self.reads.fetch_add(1, SeqCst);
            let bytes = self.bytes.lock().unwrap().clone();
            bytes.ok_or_else(|| CatalogError::Failed("the bytes are gone".to_owned()))
        }
    }

    /// Account of a number of bytes.
    #[derive(Clone)]
    pub(crate) struct Account {
        charged: Arc<AtomicU64>,
        maximum: u64,
    }

    struct Entry(Arc<AtomicU64>, u64);

    impl Account {
        pub(crate) fn of(maximum: u64) -> Self {
            Self {
                charged: Arc::default(),
                maximum,
            }
        }

        pub(crate) fn charged(&self) -> u64 {
            self.charged.load(SeqCst)
        }

        pub(crate) fn charge(&self, bytes: u64) -> Result<Charged, CatalogError> {
            if self.charged() + bytes > self.maximum {
                return Err(CatalogError::MemoryExhausted("too many".to_owned()));
            }
            self.charged.fetch_add(bytes, SeqCst);
            Ok(Box::new(Entry(Arc::clone(&self.charged), bytes)))
        }
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            self.0.fetch_sub(self.1, SeqCst);
        }
    }

    fn stored(store: &Arc<OneBlob>, bytes: &[u8]) -> StoredBytes {
        stored_with_length(store, bytes, bytes.len() as u64)
    }

    fn stored_with_length(store: &Arc<OneBlob>, bytes: &[u8], length: u64) -> StoredBytes {
        let store = Arc::clone(store) as Arc<dyn BlobStore>;
        StoredBytes::new(Digest::of(bytes), length, store)
    }

    #[test]
    fn bytes_are_shared_and_charged_while_a_buffer_of_them_lives() {
        let bytes = [7; 1_000];
        let store = OneBlob::new(&bytes);
        let stored = stored(&store, &bytes);
        let (account, other) = (Account::of(1_000), Account::of(0));
        let first = stored
            .read(Some(&|bytes| account.charge(bytes)))
            .unwrap()
            .slice_with_length(10, 20);
        // They are in memory once, and charged once.
        let second = stored.read(Some(&|bytes| other.charge(bytes))).unwrap();
        assert_eq!(second.as_slice(), bytes);
        assert_eq!(first.as_ptr(), second.as_slice()[10..].as_ptr());
        assert_eq!((store.reads(), account.charged()), (1, 1_000));
        drop(second);
        // Part of them keeps them all, although the store has them no more.
        let removed = store.bytes.lock().unwrap().take();
        assert_eq!(stored.read(None).unwrap().as_slice(), bytes);
        assert_eq!((store.reads(), account.charged()), (1, 1_000));
        drop(first);
        assert_eq!(account.charged(), 0);
        let gone = stored.read(None).unwrap_err().to_string();
        assert!(gone.contains("are gone"), "{gone}");
        *store.bytes.lock().unwrap() = removed;
        assert_eq!(stored.read(None).unwrap().as_slice(), bytes);
    }

    #[test]
    fn bytes_are_charged_before_they_are_read() {
        let bytes = [7; 1_000];
        let store = OneBlob::new(&bytes);
        let stored = stored(&store, &bytes);
        let account = Account::of(999);
        let refused = stored.read(Some(&|bytes| account.charge(bytes)));
        assert!(matches!(refused, Err(CatalogError::MemoryExhausted(_))));
        assert_eq!((store.reads(), account.charged()), (0, 0));
    }

    #[test]
    fn bytes_of_another_length_are_charged_for_what_they_are() {
        let bytes = [7; 1_000];
        let store = OneBlob::new(&bytes);
        // Those that were missing when the catalog was read, and those of a wrong length.
        for length in [0, 999, 1_001] {
            let stored = stored_with_length(&store, &bytes, length);
            let account = Account::of(999);
            let refused = stored.read(Some(&|bytes| account.charge(bytes)));
            assert!(matches!(refused, Err(CatalogError::MemoryExhausted(_))));
            assert_eq!(account.charged(), 0);
            let account = Account::of(1_001);
            let read = stored.read(Some(&|bytes| account.charge(bytes))).unwrap();
            assert_eq!((read.as_slice(), account.charged()), (&bytes[..], 1_000));
            drop(read);
            assert_eq!(account.charged(), 0);
        }
    }

    #[test]
    fn digest_is_verified_at_each_read() {
        let bytes = [7; 1_000];
        let store = OneBlob::new(&bytes);
        let stored = stored(&store, &bytes);
        let account = Account::of(1_000);
        drop(stored.read(None).unwrap());
        *store.bytes.lock().unwrap() = Some(vec![8; 1_000]);
        let error = stored.read(Some(&|bytes| account.charge(bytes)));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("another digest"), "{error}");
        assert_eq!(account.charged(), 0);
    }

    #[test]
    fn scans_that_begin_together_read_once() {
        let bytes = vec![7; 1 << 20];
        let store = OneBlob::new(&bytes);
        let stored = stored(&store, &bytes);
        let begin = std::sync::Barrier::new(4);
        let read = || {
            begin.wait();
            let buffer = stored.read(None).unwrap();
            // No thread is done before each has the bytes.
            begin.wait();
            buffer.len()
        };
        std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(read));
            for thread in threads {
                assert_eq!(thread.join().unwrap(), bytes.len());
            }
        });
        assert_eq!(store.reads(), 1);
    }
}
