//! Reset of an instance to its baseline, so that no state survives a call.
//!
//! A fresh instance per call would do, but takes a tenth of a millisecond, mostly for
//! first touches of memory pages. Wasmtime's pooling allocator with resident pages
//! takes a third of that: it must find the resident pages, reset their protection, and
//! run the guest's allocator again. Restoring the same instance takes some 11 ns for
//! each KiB of memory outside the next arguments. The bench `reset` of
//! `fusebox-instrument` has the figures.
//!
//! Most of those KiB were not touched and are compared in vain. Only the operating
//! system knows which were, and asking it costs as much as comparing.
//!
//! # Soundness
//!
//! A guest imports nothing, so all state that it can see and change is in its instance:
//! memory, globals, tables, and segments, which it can drop.
//!
//! - *Memory* is compared with a [`Snapshot`] completely, and differences are written:
//!   nothing depends on where a guest should have written. The exception is the start of
//!   the arena that the next arguments fill, because lowering writes each of those bytes,
//!   padding included.
//!   A module in which no code but a driver of ours reads or writes memory is the other
//!   exception: such a driver, of a function over numbers, reads its arguments alone and
//!   writes each value of its result, but for rows with nulls. A call without nulls does
//!   not depend on the rest of memory, and nothing is compared before it.
//! - *The size of memory* cannot be reset. An instance whose memory has grown is
//!   discarded.
//! - *Globals* of the guest that are mutable are exported by the instrumentation, and
//!   set. The counters of the instrumentation are set before each call.
//! - *Tables and segments* cannot be reset. Where a module has code that changes one, the
//!   instrumentation reports it, and no instance of the module is called twice.
//!
//! An instance that trapped is discarded, whatever the cause.
//!
//! # State of a reset instance
//!
//! The baseline is not the state after instantiation: the arena was allocated, and memory
//! for the result allocated and freed, so that a call need not grow its memory and wear
//! out its instance. The sizes follow from the arguments of the call, the type of its
//! result and the limits of its function alone: see [`HeapPlan`]. So each call runs in the
//! state in which the first one would have.

use std::ops::Range;

use fusebox_marshal::{GuestAddr, Layout};

use super::snapshot::Snapshot;
use super::store_limiter::StoreLimiter;

type Store = wasmtime::Store<StoreLimiter>;

/// Memory that is preallocated before a call.
///
/// Sizes are rounded up, so that batches of similar sizes share instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeapPlan {
    /// Size of the arena in bytes.
    pub(super) arena_bytes: u64,
    /// Free heap behind the arena in bytes, if the guest's allocator reuses memory.
    pub(super) spare_bytes: u64,
}

/// Minimum size of the arena, and of the free heap behind it, in bytes.
const PLAN_BYTES_MIN: u64 = 16 << 10;

/// Maximum preallocation of an instance that is to be kept, in bytes.
const PLAN_BYTES_MAX: u64 = 3 << 20;

/// Maximum preallocation for results of variable size, in bytes.
const SPARE_BYTES_MAX: u64 = 1 << 20;

/// Bytes per row that a result of variable size may exceed its arguments by: a
/// hexadecimal digest of a short text.
const RESULT_EXCESS_BYTES: u64 = 64;

/// Headers in an arena, in bytes. Column lengths are often powers of two; without this
/// allowance, the headers would round them up to the next size.
const HEADER_BYTES: u64 = 1 << 10;

/// Overhead of the guest's allocator and SDK, in bytes.
const OVERHEAD_BYTES: u64 = 8 << 10;

/// Divisor of the memory limit that gives the maximum preallocation.
const PLAN_SHARE: u64 = 8;

impl HeapPlan {
    /// Plans a call with `rows` rows and `bytes` of arguments; `None` if the instance is
    /// too large to keep.
    pub(super) fn of(
        rows: u32,
        bytes: u64,
        returns: &Layout,
        memory_bytes_max: u64,
    ) -> Option<Self> {
        let rows = u64::from(rows);
        let validity = rows / 8;
        let fixed = returns.min_bytes(rows);
        let result = match returns.is_variable_size() {
            false => fixed,
            // Results are seldom much longer than their arguments, and stored in a
            // buffer that doubles when full.
            true => bytes
                .saturating_mul(2)
                .saturating_add(fixed)
                .saturating_add(rows.saturating_mul(RESULT_EXCESS_BYTES))
                .min(SPARE_BYTES_MAX),
        };
        let spare = result
            .saturating_add(validity)
            .saturating_add(OVERHEAD_BYTES);
        let plan = Self {
            arena_bytes: round_up(bytes.saturating_sub(HEADER_BYTES)).saturating_add(HEADER_BYTES),
            spare_bytes: round_up(spare),
        };
        let bytes_max = PLAN_BYTES_MAX.min(memory_bytes_max / PLAN_SHARE);
        (plan.bytes() <= bytes_max).then_some(plan)
    }

    /// Returns the sum of both sizes in bytes.
    pub(super) fn bytes(self) -> u64 {
        self.arena_bytes.saturating_add(self.spare_bytes)
    }
}

/// Rounds up to one of eight sizes between two powers of two.
fn round_up(bytes: u64) -> u64 {
    let bytes = bytes.max(PLAN_BYTES_MIN);
    let step = 1 << (bytes.ilog2() - 3);
    bytes.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

/// State of an instance before its first call.
pub(super) struct Baseline {
    plan: HeapPlan,
    /// Address of the arena and its size in bytes.
    arena: (GuestAddr, u32),
    memory: Snapshot,
    globals: Vec<(wasmtime::Global, wasmtime::Val)>,
}

impl Baseline {
    /// Records the state of an instance that was preallocated by `plan`.
    pub(super) fn of(
        plan: HeapPlan,
        arena: (GuestAddr, u32),
        memory: wasmtime::Memory,
        globals: &[wasmtime::Global],
        store: &mut Store,
    ) -> Self {
        let value = |global: &wasmtime::Global| (*global, global.get(&mut *store));
        Self {
            plan,
            arena,
            globals: globals.iter().map(value).collect(),
            memory: Snapshot::of(memory.data(&*store)),
        }
    }

    pub(super) fn plan(&self) -> HeapPlan {
        self.plan
    }

    /// Returns address and size of the arena.
    pub(super) fn arena(&self) -> (GuestAddr, u32) {
        self.arena
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// Returns the bytes of the snapshot itself.
    pub(super) fn content_bytes(&self) -> usize {
        self.memory.content_bytes()
    }

    /// Returns true if the memory has not grown, so that it can be restored.
    pub(super) fn is_restorable(&self, memory: wasmtime::Memory, store: &Store) -> bool {
        memory.data_size(store) == self.memory.bytes()
    }

    /// Restores memory, except for a range that is about to be filled.
    pub(super) fn restore_memory(
        &self,
        memory: wasmtime::Memory,
        filled: Range<usize>,
        store: &mut Store,
    ) {
        self.memory.restore(memory.data_mut(store), filled);
    }

    /// Restores the globals.
    pub(super) fn restore_globals(&self, store: &mut Store) {
        for (global, value) in &self.globals {
            let set = global.set(&mut *store, *value);
            set.expect("the global held the value before");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: Layout = Layout::Fixed { width: 8 };

    #[test]
    fn sizes_are_rounded_up_by_at_most_an_eighth() {
        for bytes in [0, 1, 16 << 10, (16 << 10) + 1, 131_648, 1_000_000] {
            let rounded = round_up(bytes);
            assert!(rounded >= bytes);
            assert!(
                rounded <= (bytes + bytes / 8).max(PLAN_BYTES_MIN),
                "{bytes}"
            );
        }
    }

    #[test]
    fn plan_is_at_most_an_eighth_of_the_memory_limit() {
        let plan = HeapPlan::of(1, 64, &WORDS, 1 << 30).unwrap();
        assert_eq!(plan.bytes(), 2 * PLAN_BYTES_MIN + HEADER_BYTES);
        let share = plan.bytes() * PLAN_SHARE;
        assert_eq!(HeapPlan::of(1, 64, &WORDS, share), Some(plan));
        assert_eq!(HeapPlan::of(1, 64, &WORDS, share - 1), None);
        assert_eq!(HeapPlan::of(1, PLAN_BYTES_MAX, &WORDS, 1 << 30), None);
        assert_eq!(
            HeapPlan::of(u32::MAX, u64::MAX, &Layout::Bytes, u64::MAX),
            None
        );
    }

    #[test]
    fn similar_batches_have_the_same_plan() {
        let plan = |rows: u32| HeapPlan::of(rows, u64::from(rows) * 16 + 300, &WORDS, 1 << 30);
        assert_eq!(plan(8_192), plan(8_100));
        assert_ne!(plan(8_192), plan(4_096));
    }

    /// Several blocks of a snapshot, the last one partial.
    const BYTES: usize = 5 * 4_096 - 64;

    /// Ranges that begin and end around block boundaries.
    fn range() -> impl Strategy<Value = Range<usize>> {
        let end = || {
            let end = (0..=5_usize, -2..=2_isize);
            end.prop_map(|(block, by)| (block * 4_096).saturating_add_signed(by).min(BYTES))
        };
        (end(), end()).prop_map(|(a, b)| a.min(b)..a.max(b))
    }

    proptest! {
        #[test]
        fn memory_is_restored_outside_the_range_to_fill(
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
