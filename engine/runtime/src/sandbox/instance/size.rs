//! Memory and mappings of an instance.

use super::super::baseline::Baseline;
use super::Instance;

impl Instance {
    /// Returns the size of the linear memory in bytes.
    pub(in super::super) fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Returns the bytes that it holds while it is idle: its linear memory, the snapshot that
    /// this is reset to, and its tables.
    pub(in super::super) fn idle_bytes(&self) -> usize {
        let snapshot = self.baseline.as_ref().map_or(0, Baseline::content_bytes);
        let tables = self.store.data().table_elements() * size_of::<usize>();
        self.memory_bytes() + snapshot + tables
    }

    /// Returns the number of its memory mappings.
    pub(in super::super) fn mappings(&self) -> u64 {
        // What is accessible of the reserved range of each memory, and the rest. Tables and
        // the store are on the heap.
        match self.polling {
            None => 2,
            Some(_) => 4,
        }
    }

    /// Returns the size of the linear memory after instantiation, in bytes.
    pub(in super::super) fn pristine_bytes(&self) -> usize {
        self.pristine_bytes
    }
}
