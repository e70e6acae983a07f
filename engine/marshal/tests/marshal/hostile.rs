//! Random and damaged results: each is rejected or lifted as a valid column,
//! and none causes a panic.
//!
//! Both outcomes must be common, or the tests would prove nothing. They draw
//! the same cases in every run, so that this does not depend on chance.

use std::cell::Cell;
use std::slice;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use fusebox_marshal::lift::lift;
use fusebox_marshal::{GuestAddr, Layout};
use fusebox_testing::{SplitMix64, TypeOptions, check_cases, column, data_type, show_rows};
use proptest::prelude::*;

use crate::memory::{ARENA, BYTES_MAX, lowered};

/// Number of results of each outcome.
#[derive(Default)]
struct Outcomes {
    lifted: Cell<u32>,
    rejected: Cell<u32>,
}

impl Outcomes {
    /// Lifts a result and checks the outcome.
    fn lift(&self, header: GuestAddr, memory: &[u8], expected: (&DataType, u64), bytes_max: u64) {
        let (data_type, len) = expected;
        let Ok(array) = lift(header, memory, data_type, len, None, bytes_max) else {
            return self.rejected.set(self.rejected.get() + 1);
        };
        array.to_data().validate_full().unwrap();
        assert_eq!(array.data_type(), data_type);
        assert_eq!(array.len() as u64, len);
        // Arrow's encodings are larger than the ABI's layouts, and buffers are
        // rounded up.
        assert!(array.get_array_memory_size() as u64 <= 16 * bytes_max + (1 << 20));
        show_rows(&array);
        self.lifted.set(self.lifted.get() + 1);
    }

    /// Checks that each outcome is at least a tenth of all.
    fn check(&self) {
        let (lifted, rejected) = (self.lifted.get(), self.rejected.get());
        let least = (lifted + rejected) / 10;
        assert!(lifted >= least, "{lifted} lifted, {rejected} rejected");
        assert!(rejected >= least, "{lifted} lifted, {rejected} rejected");
    }
}

fn children(layout: &Layout) -> &[Layout] {
    match layout {
        Layout::List(child) | Layout::FixedList { child, .. } => slice::from_ref(child),
        Layout::Struct(fields) | Layout::Union(fields) => fields,
        _ => &[],
    }
}

/// Writes the headers of a layout into random bytes, from address `free` on,
/// while there is space. They point to random addresses.
fn put_headers(
    memory: &mut [u8],
    at: usize,
    layout: &Layout,
    rows: usize,
    free: &mut usize,
    random: &mut SplitMix64,
) {
    let buffers = *free;
    let table = buffers + 4 * layout.n_buffers();
    let headers = table + 4 * layout.n_children();
    *free = headers + ArrowArray::SIZE * layout.n_children();
    if *free > memory.len() {
        return;
    }
    let header = ArrowArray {
        length: rows as i64,
        offset: random.below(3) as i64,
        n_buffers: layout.n_buffers() as i64,
        n_children: layout.n_children() as i64,
        buffers: buffers as u32,
        children: table as u32,
        ..ArrowArray::default()
    };
    memory[at..at + ArrowArray::SIZE].copy_from_slice(&header.to_bytes());
    for n in 0..layout.n_buffers() {
        let address = match random.one_in(20) {
            true => random.next_u64() as u32,
            false => random.below(memory.len()) as u32,
        };
        memory[buffers + 4 * n..][..4].copy_from_slice(&address.to_le_bytes());
    }
    for (n, child) in children(layout).iter().enumerate() {
        let header = headers + ArrowArray::SIZE * n;
        memory[table + 4 * n..][..4].copy_from_slice(&(header as u32).to_le_bytes());
        let rows = rows * 4 + random.below(300);
        put_headers(memory, header, child, rows, free, random);
    }
}

#[test]
fn random_bytes_are_lifted_as_a_valid_column_or_rejected() {
    let word = prop_oneof![6 => Just(0), 2 => 0..4_u32, 1 => 0..300_u32, 1 => any::<u32>()];
    let words = prop::collection::vec(word, 16..600);
    let results = (
        data_type(TypeOptions::default()),
        words,
        0..5_usize,
        any::<u64>(),
    );
    let outcomes = Outcomes::default();
    check_cases(6_000, &results, |(data_type, words, rows, seed)| {
        let mut memory: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let layout = Layout::of(&data_type).unwrap();
        let mut random = SplitMix64(seed);
        // Without any valid header, nearly all results are rejected.
        if random.one_in(8) {
            memory[..8].copy_from_slice(&(rows as u64).to_le_bytes());
        } else {
            let mut free = ArrowArray::SIZE;
            put_headers(&mut memory, 0, &layout, rows, &mut free, &mut random);
        }
        let expected = (&data_type, rows as u64);
        outcomes.lift(GuestAddr(0), &memory, expected, BYTES_MAX);
    });
    outcomes.check();
}

/// Positions and values of damaged bytes. The values are close to limits, so
/// that both outcomes are common.
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
fn damaged_result_is_lifted_as_a_valid_column_or_rejected() {
    let limit = prop_oneof![Just(BYTES_MAX), 0..4_000_u64];
    let results = (column(), damage(), any::<bool>(), limit);
    let outcomes = Outcomes::default();
    check_cases(6_000, &results, |(column, damage, anywhere, bytes_max)| {
        let (mut memory, args) = lowered(&[Arc::clone(&column)]);
        // The headers and the addresses come first, and cause most rejections.
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
