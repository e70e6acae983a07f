//! Map from rows to the indices of their answers.
//!
//! Open addressing with at most a quarter of the slots in use: mispredicted branches are what
//! a look-up costs. A row that finds no free slot among few is not kept, so that columns made
//! to collide cost no more than others: such a row is asked each time.

use super::hash;
use super::row_keys::{Keys, Packed, RowBytes, RowKeys, with_keys};

/// Maximum number of rows that are kept.
pub(super) const ENTRIES_MAX: usize = 1 << 14;

/// Slots for each entry, at least.
const SLOTS_PER_ENTRY: usize = 4;

/// Smallest number of slots, and the factor by which it grows.
const SLOTS_MIN: usize = 1 << 10;
const GROWTH: usize = 4;

/// Maximum number of slots that are looked at for one row.
const PROBES_MAX: usize = 16;

/// Maximum bytes of the rows that are no words: of one, those that one batch adds, and all.
const ROW_BYTES_MAX: usize = 64 << 10;
const BATCH_BYTES_MAX: usize = 1 << 20;
const BYTES_MAX: usize = 8 << 20;

/// Slots for the addresses of texts of a batch.
const ADDRESSES: usize = 1 << 12;

/// Tag of a key whose words are the hash of its bytes, and their length and offset.
const OF_BYTES: u32 = 1 << 7;

/// Unit of generations, which are above the tag.
const GENERATION: u32 = 1 << 8;

/// Slot of the map.
#[derive(Clone, Copy, Default)]
struct Entry {
    words: [u64; 2],
    /// Tag and generation. The slot is free if the generation is not that of the map.
    tag: u32,
    /// Index of the answer.
    answer: u32,
}

impl Entry {
    /// Returns true if it is that of a key.
    #[inline]
    fn is_of(&self, key: Packed, generation: u32) -> bool {
        // Word by word: one comparison of both would wait for the words to be stored.
        let are_equal = [0, 1].map(|word| self.words[word] == key.words[word]);
        are_equal[0] & are_equal[1] & (self.tag == key.tag | generation)
    }
}

/// Address of a text of this batch.
#[derive(Clone, Copy, Default)]
struct Address {
    address: usize,
    len: usize,
    batch: u32,
    answer: u32,
}

/// Rows that were seen before.
#[derive(Default)]
pub(super) struct Map {
    entries: Vec<Entry>,
    len: usize,
    /// Counts how often the map was cleared, from 1 on: nothing is written then.
    generation: u32,
    /// Bytes of the rows that are no words.
    bytes: Vec<u8>,
    /// Size that these may grow to in this batch.
    bytes_max: usize,
    /// Texts of this batch by their addresses, to compare no contents: texts of one
    /// dictionary page are equal where their addresses are. Earlier batches may have freed
    /// theirs.
    addresses: Vec<Address>,
    batch: u32,
}

/// Answers of the rows of a batch.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Index of the answer of each row. Those of the rows that are asked follow those that are
    /// kept.
    pub(crate) answers: Vec<u32>,
    /// Rows that are asked, in their order.
    pub(crate) asked: Vec<u32>,
}

/// Place for a key.
enum Probe {
    Answer(u32),
    Free(usize),
    /// The slots that are looked at are taken.
    Crowded,
}

impl Map {
    /// Returns true if the map should be cleared before a batch.
    pub(super) fn is_full(&self) -> bool {
        self.len >= ENTRIES_MAX || self.bytes.len() + BATCH_BYTES_MAX > BYTES_MAX
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.bytes.clear();
        self.generation = self.generation.wrapping_add(GENERATION);
        if self.generation == 0 {
            self.entries.fill(Entry::default());
            self.generation = GENERATION;
        }
    }

    /// Returns the bytes that it has allocated.
    pub(super) fn allocated(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.bytes.capacity()
            + self.addresses.capacity() * size_of::<Address>()
    }

    /// Returns the bytes that it may have allocated while `rows` rows of these keys are looked
    /// up.
    pub(super) fn allocated_with(&self, keys: &Keys<'_>, rows: usize) -> usize {
        let entries = (self.len + rows).min(ENTRIES_MAX);
        let mut slots = self.entries.len().max(SLOTS_MIN);
        while entries * SLOTS_PER_ENTRY > slots {
            slots *= GROWTH;
        }
        // While it grows, there are both tables.
        let entries = (slots + self.entries.len()) * size_of::<Entry>();
        let mut bytes = self.bytes.capacity();
        let mut addresses = self.addresses.capacity();
        if keys.may_be_long() {
            bytes = bytes.max(self.bytes.len() + BATCH_BYTES_MAX);
            addresses = ADDRESSES;
        }
        entries + bytes + addresses * size_of::<Address>()
    }

    /// Finds the answers of the rows of a batch, where `kept` answers are kept, and keeps the
    /// rows that have none.
    pub(super) fn find(&mut self, keys: &Keys<'_>, rows: usize, kept: usize) -> Found {
        if self.entries.is_empty() {
            self.entries = vec![Entry::default(); SLOTS_MIN];
            self.generation = GENERATION;
        }
        self.bytes_max = self.bytes.len() + BATCH_BYTES_MAX;
        self.batch = self.batch.wrapping_add(1);
        if self.batch == 0 {
            self.addresses.clear();
            self.batch = 1;
        }
        with_keys!(keys, keys => self.find_rows(keys, rows, kept))
    }

    fn find_rows(&mut self, keys: &impl RowKeys, rows: usize, kept: usize) -> Found {
        let mut answers = vec![0; rows];
        let mut asked = Vec::new();
        let mut scratch = Vec::new();
        let mut next = kept as u32;
        for (row, place) in answers.iter_mut().enumerate() {
            let answer = match keys.packed(row) {
                Some(key) => {
                    let hash = hash::of_words(key.words, key.tag);
                    // Most rows are in the first slot.
                    let first = &self.entries[hash as usize & (self.entries.len() - 1)];
                    match first.is_of(key, self.generation) {
                        true => first.answer,
                        false => self.of_packed(key, hash, next),
                    }
                }
                None => self.of_bytes(&keys.bytes(row, &mut scratch), next),
            };
            *place = answer;
            if answer == next {
                asked.push(row as u32);
                next += 1;
            }
        }
        Found { answers, asked }
    }

    /// Returns the answer of a key, or keeps it with the answer `next`.
    #[inline(never)]
    fn of_packed(&mut self, key: Packed, hash: u64, next: u32) -> u32 {
        match self.probe(hash, |entry| entry.is_of(key, self.generation)) {
            Probe::Answer(answer) => answer,
            Probe::Crowded => next,
            Probe::Free(slot) => {
                self.insert(slot, hash, key, next);
                next
            }
        }
    }

    /// Returns the answer of a row, or keeps its bytes with the answer `next`.
    fn of_bytes(&mut self, row: &RowBytes<'_>, next: u32) -> u32 {
        let bytes = row.bytes;
        if bytes.len() > ROW_BYTES_MAX {
            return next;
        }
        let place = match row.is_shared {
            true => Some(self.place_of_address(bytes)),
            false => None,
        };
        if let Some(place) = place {
            let seen = self.addresses[place];
            let is_same = seen.address == bytes.as_ptr().addr() && seen.len == bytes.len();
            if is_same && seen.batch == self.batch {
                return seen.answer;
            }
        }
        let (answer, is_kept) = self.of_content(bytes, next);
        // A row that is not kept is asked each time, whatever its address is.
        if let Some(place) = place.filter(|_| is_kept) {
            self.addresses[place] = Address {
                address: bytes.as_ptr().addr(),
                len: bytes.len(),
                batch: self.batch,
                answer,
            };
        }
        answer
    }

    fn place_of_address(&mut self, bytes: &[u8]) -> usize {
        if self.addresses.is_empty() {
            self.addresses = vec![Address::default(); ADDRESSES];
        }
        let hash = hash::of_words([bytes.as_ptr().addr() as u64, bytes.len() as u64], 0);
        hash as usize % ADDRESSES
    }

    /// Returns the answer of bytes, or keeps them with the answer `next` and returns that;
    /// and true if they are kept.
    fn of_content(&mut self, bytes: &[u8], next: u32) -> (u32, bool) {
        let hash = hash::of_bytes(bytes);
        let tag = OF_BYTES | self.generation;
        let kept = &self.bytes;
        let is_equal = |entry: &Entry| {
            let (len, start) = (
                (entry.words[1] >> 32) as usize,
                entry.words[1] as u32 as usize,
            );
            entry.tag == tag
                && entry.words[0] == hash
                && len == bytes.len()
                && kept[start..start + len] == *bytes
        };
        match self.probe(hash, is_equal) {
            Probe::Answer(answer) => (answer, true),
            Probe::Crowded => (next, false),
            Probe::Free(slot) => {
                let start = self.bytes.len();
                if start + bytes.len() > self.bytes_max {
                    return (next, false);
                }
                let key = Packed {
                    words: [hash, (bytes.len() as u64) << 32 | start as u64],
                    tag: OF_BYTES,
                };
                let is_kept = self.insert(slot, hash, key, next);
                if is_kept {
                    self.push_bytes(bytes);
                }
                (next, is_kept)
            }
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            let doubled = (2 * self.bytes.capacity()).max(4 << 10);
            let capacity = doubled.min(self.bytes_max).max(needed);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Looks for the entry of a key, or for a free slot.
    fn probe(&self, hash: u64, is_equal: impl Fn(&Entry) -> bool) -> Probe {
        let mask = self.entries.len() - 1;
        let mut slot = hash as usize & mask;
        for _ in 0..PROBES_MAX {
            let entry = &self.entries[slot];
            if is_equal(entry) {
                return Probe::Answer(entry.answer);
            }
            if entry.tag & !(GENERATION - 1) != self.generation {
                return Probe::Free(slot);
            }
            slot = (slot + 1) & mask;
        }
        Probe::Crowded
    }

    /// Puts a key into a free slot, or into another after the map has grown; returns false if
    /// it is not kept.
    fn insert(&mut self, slot: usize, hash: u64, key: Packed, answer: u32) -> bool {
        if self.len >= ENTRIES_MAX {
            return false;
        }
        let entry = Entry {
            words: key.words,
            tag: key.tag | self.generation,
            answer,
        };
        if (self.len + 1) * SLOTS_PER_ENTRY <= self.entries.len() {
            self.entries[slot] = entry;
            self.len += 1;
            return true;
        }
        self.grow();
        self.place(hash, entry)
    }

    fn grow(&mut self) {
        let slots = self.entries.len() * GROWTH;
        let entries = std::mem::replace(&mut self.entries, vec![Entry::default(); slots]);
        self.len = 0;
        for entry in entries {
            let hash = match entry.tag.wrapping_sub(self.generation) {
                OF_BYTES => entry.words[0],
                tag @ 0..GENERATION => hash::of_words(entry.words, tag),
                // Of another generation.
                _ => continue,
            };
            self.place(hash, entry);
        }
    }

    /// Puts an entry whose key the map does not have into a free slot; returns false if there
    /// is none.
    fn place(&mut self, hash: u64, entry: Entry) -> bool {
        match self.probe(hash, |_| false) {
            Probe::Free(slot) => {
                self.entries[slot] = entry;
                self.len += 1;
                true
            }
            Probe::Answer(_) | Probe::Crowded => false,
        }
    }
}
