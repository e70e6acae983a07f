//! Answers that no guest should give: each is refused or becomes a column that
//! Arrow finds no fault with, and never a panic.
//!
//! Both have to be common, or the tests would show nothing. So that it does not
//! depend on luck, each draws the same cases in each run.

use std::cell::Cell;
use std::slice;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::arbitrary::column;
use super::types::{Rng, data_type};
use super::{ARENA, BYTES_MAX, lowered, rows};
use crate::address::GuestAddr;
use crate::layout::Layout;
use crate::lift::lift;

/// How many answers there were of either kind.
#[derive(Default)]
struct Outcomes {
    lifted: Cell<u32>,
    refused: Cell<u32>,
}

impl Outcomes {
    /// Lifts an answer, and checks what comes of it.
    fn lift(&self, header: GuestAddr, memory: &[u8], expected: (&DataType, u64), bytes_max: u64) {
        let (data_type, len) = expected;
        let Ok(array) = lift(header, memory, data_type, len, None, bytes_max) else {
            return self.refused.set(self.refused.get() + 1);
        };
        array.to_data().validate_full().unwrap();
        assert_eq!(array.data_type(), data_type);
        assert_eq!(array.len() as u64, len);
        // Arrow's own layouts are larger than the border's, and buffers are
        // rounded up.
        assert!(array.get_array_memory_size() as u64 <= 16 * bytes_max + (1 << 20));
        rows(&array);
        self.lifted.set(self.lifted.get() + 1);
    }

    /// Checks that each kind is at least a tenth of all.
    fn check(&self) {
        let (lifted, refused) = (self.lifted.get(), self.refused.get());
        let least = (lifted + refused) / 10;
        assert!(lifted >= least, "{lifted} lifted, {refused} refused");
        assert!(refused >= least, "{lifted} lifted, {refused} refused");
    }
}

/// Checks as many cases of a strategy, the same in each run.
fn check_all<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let checked = runner.run(strategy, |case| {
        check(case);
        Ok::<(), TestCaseError>(())
    });
    checked.unwrap();
}

fn children(layout: &Layout) -> &[Layout] {
    match layout {
        Layout::List(child) | Layout::FixedList { child, .. } => slice::from_ref(child),
        Layout::Struct(fields) | Layout::Union(fields) => fields,
        _ => &[],
    }
}

/// Puts headers of a layout among arbitrary bytes, one behind the other as long
/// as there is room from `free` on. What they point to is anywhere.
fn put_headers(
    memory: &mut [u8],
    at: usize,
    layout: &Layout,
    rows: usize,
    free: &mut usize,
    rng: &mut Rng,
) {
    let buffers = *free;
    let table = buffers + 4 * layout.buffers();
    let headers = table + 4 * layout.children();
    *free = headers + ArrowArray::SIZE * layout.children();
    if *free > memory.len() {
        return;
    }
    let header = ArrowArray {
        length: rows as i64,
        offset: rng.below(3) as i64,
        n_buffers: layout.buffers() as i64,
        n_children: layout.children() as i64,
        buffers: buffers as u32,
        children: table as u32,
        ..ArrowArray::default()
    };
    memory[at..at + ArrowArray::SIZE].copy_from_slice(&header.to_bytes());
    for n in 0..layout.buffers() {
        let address = match rng.one_in(20) {
            true => rng.next() as u32,
            false => rng.below(memory.len()) as u32,
        };
        memory[buffers + 4 * n..][..4].copy_from_slice(&address.to_le_bytes());
    }
    for (n, child) in children(layout).iter().enumerate() {
        let header = headers + ArrowArray::SIZE * n;
        memory[table + 4 * n..][..4].copy_from_slice(&(header as u32).to_le_bytes());
        let rows = rows * 4 + rng.below(300);
        put_headers(memory, header, child, rows, free, rng);
    }
}

#[test]
fn any_bytes_are_refused_or_valid_and_never_a_panic() {
    let word = prop_oneof![6 => Just(0), 2 => 0..4_u32, 1 => 0..300_u32, 1 => any::<u32>()];
    let words = prop::collection::vec(word, 16..600);
    let answers = (data_type(), words, 0..5_usize, any::<u64>());
    let outcomes = Outcomes::default();
    check_all(6_000, &answers, |(data_type, words, rows, seed)| {
        let mut memory: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let layout = Layout::of(&data_type).unwrap();
        let mut rng = Rng(seed);
        // Without any header in place nearly all are refused.
        if rng.one_in(8) {
            memory[..8].copy_from_slice(&(rows as u64).to_le_bytes());
        } else {
            let mut free = ArrowArray::SIZE;
            put_headers(&mut memory, 0, &layout, rows, &mut free, &mut rng);
        }
        let expected = (&data_type, rows as u64);
        outcomes.lift(GuestAddr(0), &memory, expected, BYTES_MAX);
    });
    outcomes.check();
}

/// Damages the header, the addresses or the offsets of a valid answer: bytes
/// near the edges of what is allowed, so that both outcomes are common.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    let byte = prop_oneof![
        Just(0),
        Just(1),
        Just(0x7f),
        Just(0x80),
        Just(0xff),
        any::<u8>()
    ];
    prop::collection::vec((any::<prop::sample::Index>(), byte), 1..4)
}

#[test]
fn a_damaged_answer_is_refused_or_valid_and_never_a_panic() {
    let limit = prop_oneof![Just(BYTES_MAX), 0..4_000_u64];
    let answers = (column(), damage(), any::<bool>(), limit);
    let outcomes = Outcomes::default();
    check_all(6_000, &answers, |(column, damage, anywhere, bytes_max)| {
        let (mut memory, args) = lowered(&[Arc::clone(&column)]);
        // The headers and the addresses come first, and decide the most.
        let front = ARENA as usize + 3 * ArrowArray::SIZE;
        let end = match anywhere {
            true => memory.len(),
            false => front.min(memory.len()),
        };
        for (index, byte) in damage {
            memory[ARENA as usize + index.index(end - ARENA as usize)] = byte;
        }
        let column: &ArrayRef = &column;
        let expected = (column.data_type(), column.len() as u64);
        outcomes.lift(args, &memory, expected, bytes_max);
    });
    outcomes.check();
}
