//! Property tests of the border, with a slice for a guest: lowered columns are
//! lifted again, as they are and damaged.

// Columns of any type, with any content.
mod arbitrary;

// What types there are.
mod types;

// What a row says, however it is stored.
mod show;

// Answers that no guest should give.
mod hostile;

// One case at a time.
mod cases;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, StringViewArray};
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use proptest::prelude::*;

use self::arbitrary::column;
use self::show::show;
use self::types::{Rng, other_layout};
use crate::address::GuestAddr;
use crate::layout::same_values;
use crate::lift::{Unlifted, lift};
use crate::lower::Lowering;

/// Where the arena begins: not at 0, so that a lost base address shows.
const ARENA: u32 = 64;

/// More than any of the columns has.
const BYTES_MAX: u64 = 1 << 24;

fn measured(columns: &[ArrayRef]) -> Lowering {
    let rows = columns.first().map_or(1, |column| column.len()) as u32;
    Lowering::measure(columns, rows, BYTES_MAX).unwrap()
}

/// Memory in which `columns` are lowered, and the headers' address.
fn lowered(columns: &[ArrayRef]) -> (Vec<u8>, GuestAddr) {
    let lowering = measured(columns);
    let mut memory = vec![0xa5; ARENA as usize + lowering.bytes() as usize];
    let lowered = lowering.write(GuestAddr(ARENA), &mut memory).unwrap();
    (memory, lowered.args)
}

/// What an identity makes of a column.
fn returned(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, Unlifted> {
    let (memory, args) = lowered(std::slice::from_ref(column));
    let rows = column.len() as u64;
    lift(args, &memory, data_type, rows, None, BYTES_MAX)
}

fn rows(array: &ArrayRef) -> Vec<String> {
    (0..array.len()).map(|row| show(array, row)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_lowered_is_lifted_again(
        columns in prop::collection::vec(column(), 1..4),
        seed: u64,
    ) {
        let (memory, args) = lowered(&columns);
        for (n, column) in (0..).zip(&columns) {
            let header = GuestAddr(args.0 + n * ArrowArray::SIZE as u32);
            let other = other_layout(column.data_type(), &mut Rng(seed));
            prop_assert!(same_values(&other, column.data_type()), "{other}");
            for returns in [column.data_type(), &other] {
                let back = lift(header, &memory, returns, column.len() as u64, None, BYTES_MAX);
                let back = back.unwrap();
                back.to_data().validate_full().unwrap();
                prop_assert_eq!(back.data_type(), returns);
                prop_assert_eq!(rows(&back), rows(column), "{}", returns);
            }
        }
    }

    #[test]
    fn lowering_fills_exactly_what_it_measured(columns in prop::collection::vec(column(), 0..4)) {
        let lowering = measured(&columns);
        let mut memory = vec![0; ARENA as usize + lowering.bytes() as usize];
        prop_assert!(lowering.write(GuestAddr(ARENA), &mut memory).is_ok());
        memory.pop();
        prop_assert!(lowering.write(GuestAddr(ARENA), &mut memory).is_err());
        let less = Lowering::measure(&columns, 1, lowering.bytes() - 1);
        prop_assert!(less.is_err());
    }

    /// What an earlier call has left in the arena need not be cleared.
    #[test]
    fn every_byte_of_the_arena_is_written(columns in prop::collection::vec(column(), 0..4)) {
        let lowering = measured(&columns);
        let [zeros, ones] = [0, 0xff].map(|byte| {
            let mut memory = vec![byte; ARENA as usize + lowering.bytes() as usize];
            lowering.write(GuestAddr(ARENA), &mut memory).unwrap();
            memory.split_off(ARENA as usize)
        });
        prop_assert_eq!(zeros, ones);
    }

    /// A guest may rely on that in each column, whatever stands above it.
    #[test]
    fn arguments_keep_their_side_of_the_contract(column in column()) {
        let (memory, args) = lowered(&[Arc::clone(&column)]);
        let header = ArrowArray::from_bytes(&args.array(&memory).unwrap());
        prop_assert_eq!(header.length, column.len() as i64);
        check_argument(&header, &memory);
    }
}

fn check_argument(header: &ArrowArray, memory: &[u8]) {
    assert_eq!(header.offset, 0);
    assert_eq!(
        (header.dictionary, header.release, header.private_data),
        (0, 0, 0)
    );
    let word = |address: u32| u32::from_le_bytes(GuestAddr(address).array(memory).unwrap());
    let addresses = |table: u32, number: i64| -> Vec<u32> {
        (0..number as u32).map(|n| word(table + 4 * n)).collect()
    };
    for (n, address) in addresses(header.buffers, header.n_buffers)
        .iter()
        .enumerate()
    {
        assert!(address.is_multiple_of(64));
        // Only validity may be absent; it is where nothing is null.
        assert!(*address != 0 || (n == 0 && header.null_count == 0));
    }
    for child in addresses(header.children, header.n_children) {
        assert!(child.is_multiple_of(64));
        let bytes = GuestAddr(child).array(memory).unwrap();
        check_argument(&ArrowArray::from_bytes(&bytes), memory);
    }
}

#[test]
fn strict_rows_are_null_whatever_the_guest_wrote() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
    let (memory, args) = lowered(&[column]);
    let nulls = vec![true, false, true].into();
    let back = lift(args, &memory, &DataType::Int64, 3, Some(&nulls), BYTES_MAX).unwrap();
    let expected: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None]));
    assert_eq!(&back, &expected);
}

#[test]
fn result_may_have_as_many_bytes_as_the_limit_and_no_more() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let text: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "bc"]));
    let bits: ArrayRef = Arc::new(BooleanArray::from(vec![true; 9]));
    // A bitmap of validity and three numbers; three offsets and three bytes.
    for (column, bytes) in [(numbers, 1 + 24), (text, 12 + 3), (bits, 2)] {
        let (memory, args) = lowered(std::slice::from_ref(&column));
        let lift = |bytes_max| {
            let rows = column.len() as u64;
            lift(args, &memory, column.data_type(), rows, None, bytes_max)
        };
        assert_eq!(&lift(bytes).unwrap(), &column);
        assert_eq!(lift(bytes - 1), Err(Unlifted::TooLarge { bytes }));
    }
}
