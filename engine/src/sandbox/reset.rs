//! Makes an instance that was called as good as new, so that nothing survives
//! a call.
//!
//! A new instance for each call would do, and takes a tenth of a millisecond:
//! most of it for pages of memory that nobody has touched yet. From Wasmtime's
//! pool, with its pages resident, it takes a third of that, to find which pages
//! are, to change the protection of those that a guest has grown by, and to run
//! its allocator again. So the same instance is given back what it had, which
//! takes some 11 ns for each KiB of memory that the next arguments leave. The
//! bench `reset` of `fusebox-instrument` has the numbers.
//!
//! Most of those KiB were not touched and are looked at in vain. What was
//! touched, only the system could say, and asking it costs as much as looking.
//!
//! # Why that is sound
//!
//! A guest imports nothing, so all that it can see and change is in its
//! instance: memory, globals, tables, and segments, which it can drop.
//!
//! - *Memory* is compared with a [`Snapshot`], all of it, and what differs is
//!   written: nothing rests on where a guest should have written. Left out are
//!   the bytes at the start of the arena that the arguments of the next call
//!   will fill, since lowering writes each of those, padding too.
//! - *The size of memory* cannot be given back. An instance whose memory has
//!   grown is given up.
//! - *Globals* of the guest that are mutable are exported by the
//!   instrumentation, and set. Its own counters are set before each call.
//! - *Tables and segments* cannot be given back. Where a module has code that
//!   changes one, the instrumentation says so, and no instance of it is called
//!   twice.
//!
//! An instance that trapped is given up, whatever stopped it.
//!
//! # What a call finds
//!
//! That is more than a new instance: room for the arguments was asked for, and
//! free memory for the result besides, so that a call need not make its memory
//! grow and so wear out its instance. How much follows from the arguments of
//! the call, the type of its result and the limits of its function, and from
//! nothing else: see [`Room`]. So each call finds what it would have found had
//! it been the first.

use std::ops::Range;

use fusebox_marshal::{GuestAddr, Layout};

use super::guard::Guard;
use super::snapshot::Snapshot;

type Store = wasmtime::Store<Guard>;

/// How much memory is made ready before a call.
///
/// Sizes are rounded up, so that batches of about the same size find instances
/// that were made for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) arena_bytes: u64,
    /// What is free behind the arena, where the guest's allocator is one that
    /// hands out again what was given back.
    pub(super) spare_bytes: u64,
}

/// The least size of an arena, or of what is free behind it, in bytes.
const ROOM_BYTES_MIN: u64 = 16 << 10;

/// The most room that is made ready in an instance that is to be kept, in
/// bytes.
const ROOM_BYTES_MAX: u64 = 3 << 20;

/// The most that is made ready for results of unknown size, in bytes.
const SPARE_BYTES_MAX: u64 = 1 << 20;

/// How much longer a result of unknown size may be than what it is made from, so
/// that a digest in hexadecimal finds room for a short text.
const LONGER_BYTES: u64 = 64;

/// What headers take of an arena, in bytes: columns are as long as a power of
/// two more often than not, and then a little more is not much more.
const HEADER_BYTES: u64 = 1 << 10;

/// What an allocator and a guest's bookkeeping take, in bytes.
const BOOK_BYTES: u64 = 8 << 10;

/// What part of the memory that a function may have the room may be, at most,
/// so that it hardly shows in what else there is room for.
const ROOM_SHARE: u64 = 8;

impl Room {
    /// The room for a call with so many rows and bytes of arguments, if that is
    /// worth keeping.
    pub(super) fn of(
        rows: u32,
        bytes: u64,
        returns: &Layout,
        memory_bytes_max: u64,
    ) -> Option<Self> {
        let rows = u64::from(rows);
        let validity = rows / 8;
        let fixed = returns.bytes(rows);
        let result = match returns.is_open() {
            false => fixed,
            // Results are seldom much longer than what they are made from, and
            // kept in memory that is doubled when it is full.
            true => bytes
                .saturating_mul(2)
                .saturating_add(fixed)
                .saturating_add(rows.saturating_mul(LONGER_BYTES))
                .min(SPARE_BYTES_MAX),
        };
        let spare = result.saturating_add(validity).saturating_add(BOOK_BYTES);
        let room = Self {
            arena_bytes: round_up(bytes.saturating_sub(HEADER_BYTES)).saturating_add(HEADER_BYTES),
            spare_bytes: round_up(spare),
        };
        let bytes_max = ROOM_BYTES_MAX.min(memory_bytes_max / ROOM_SHARE);
        (room.bytes() <= bytes_max).then_some(room)
    }

    pub(super) fn bytes(self) -> u64 {
        self.arena_bytes.saturating_add(self.spare_bytes)
    }
}

/// The next of eight sizes between two powers of two.
fn round_up(bytes: u64) -> u64 {
    let bytes = bytes.max(ROOM_BYTES_MIN);
    let step = 1 << (bytes.ilog2() - 3);
    bytes.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

/// What an instance had when it was ready for its first call.
pub(super) struct Base {
    room: Room,
    /// The guest's arena and its size in bytes.
    arena: (GuestAddr, u32),
    memory: Snapshot,
    globals: Vec<(wasmtime::Global, wasmtime::Val)>,
}

impl Base {
    /// What the instance has now, in which that room was made.
    pub(super) fn of(
        room: Room,
        arena: (GuestAddr, u32),
        memory: wasmtime::Memory,
        globals: &[wasmtime::Global],
        store: &mut Store,
    ) -> Self {
        let value = |global: &wasmtime::Global| (*global, global.get(&mut *store));
        Self {
            room,
            arena,
            globals: globals.iter().map(value).collect(),
            memory: Snapshot::of(memory.data(&*store)),
        }
    }

    pub(super) fn room(&self) -> Room {
        self.room
    }

    /// The arena that it had, of which the guest knows no other then.
    pub(super) fn arena(&self) -> (GuestAddr, u32) {
        self.arena
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// Whether that can be given back, as far as memory is concerned.
    pub(super) fn is_in_reach(&self, memory: wasmtime::Memory, store: &Store) -> bool {
        memory.data_size(store) == self.memory.bytes()
    }

    /// Gives all of it back, but for a range of memory that is about to be
    /// filled.
    pub(super) fn restore(
        &self,
        memory: wasmtime::Memory,
        filled: Range<usize>,
        store: &mut Store,
    ) {
        self.memory.restore(memory.data_mut(&mut *store), filled);
        for (global, value) in &self.globals {
            let set = global.set(&mut *store, *value);
            set.expect("it has held the value before");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: Layout = Layout::Fixed { width: 8 };

    #[test]
    fn room_is_an_eighth_too_large_at_most() {
        for bytes in [0, 1, 16 << 10, (16 << 10) + 1, 131_648, 1_000_000] {
            let rounded = round_up(bytes);
            assert!(rounded >= bytes);
            assert!(
                rounded <= (bytes + bytes / 8).max(ROOM_BYTES_MIN),
                "{bytes}"
            );
        }
    }

    #[test]
    fn room_is_an_eighth_of_the_memory_or_none() {
        let room = Room::of(1, 64, &WORDS, 1 << 30).unwrap();
        assert_eq!(room.bytes(), 2 * ROOM_BYTES_MIN + HEADER_BYTES);
        let share = room.bytes() * ROOM_SHARE;
        assert_eq!(Room::of(1, 64, &WORDS, share), Some(room));
        assert_eq!(Room::of(1, 64, &WORDS, share - 1), None);
        assert_eq!(Room::of(1, ROOM_BYTES_MAX, &WORDS, 1 << 30), None);
        assert_eq!(Room::of(u32::MAX, u64::MAX, &Layout::Bytes, u64::MAX), None);
    }

    #[test]
    fn few_rows_more_or_less_find_the_same_room() {
        let room = |rows: u32| Room::of(rows, u64::from(rows) * 16 + 300, &WORDS, 1 << 30);
        assert_eq!(room(8_192), room(8_100));
        assert_ne!(room(8_192), room(4_096));
    }

    /// Some blocks of a snapshot, the last one cut off.
    const BYTES: usize = 5 * 4_096 - 64;

    /// Where ranges begin and end: around the ends of blocks, since mistakes
    /// would be there.
    fn range() -> impl Strategy<Value = Range<usize>> {
        let end = || {
            let end = (0..=5_usize, -2..=2_isize);
            end.prop_map(|(block, by)| (block * 4_096).saturating_add_signed(by).min(BYTES))
        };
        (end(), end()).prop_map(|(a, b)| a.min(b)..a.max(b))
    }

    proptest! {
        #[test]
        fn memory_is_as_it_was_but_for_what_will_be_filled(
            content in prop::collection::vec(range(), 0..4),
            touched in prop::collection::vec(range(), 0..4),
            filled in range(),
        ) {
            let mut memory = vec![0_u8; BYTES];
            content.into_iter().for_each(|range| memory[range].fill(1));
            let before = memory.clone();
            let snapshot = Snapshot::of(&memory);
            prop_assert_eq!(snapshot.bytes(), BYTES);
            touched.into_iter().for_each(|range| memory[range].fill(2));
            let during = memory.clone();
            snapshot.restore(&mut memory, filled.clone());
            let Range { start, end } = filled;
            prop_assert_eq!(&memory[..start], &before[..start]);
            prop_assert_eq!(&memory[start..end], &during[start..end]);
            prop_assert_eq!(&memory[end..], &before[end..]);
        }
    }
}
