//! Columns of any type, lowered and lifted again.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeListArray, new_empty_array};
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use fusebox_marshal::lift::lift;
use fusebox_marshal::lower::Lowering;
use fusebox_marshal::{GuestAddr, same_values};
use fusebox_testing::{SplitMix64, column, other_encoding, show_rows};
use proptest::prelude::*;

use crate::memory::{ARENA, BYTES_MAX, bytes, header, lowered, planned, word};
use crate::samples::field;

/// Checks that columns that were lowered together are lifted with the same
/// values, as their own type and as one in another encoding.
fn check_round_trip(columns: &[ArrayRef], seed: u64) {
    let (memory, args) = lowered(columns);
    for (n, column) in (0..).zip(columns) {
        let header = GuestAddr(args.0 + n * ArrowArray::SIZE as u32);
        let other = other_encoding(column.data_type(), &mut SplitMix64(seed));
        assert!(same_values(&other, column.data_type()), "{other}");
        for returns in [column.data_type(), &other] {
            let rows = column.len() as u64;
            let back = lift(header, &memory, returns, rows, None, BYTES_MAX).unwrap();
            back.to_data().validate_full().unwrap();
            assert_eq!(back.data_type(), returns);
            assert_eq!(show_rows(&back), show_rows(column), "{returns}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn lowered_columns_are_lifted_with_the_same_values(
        columns in prop::collection::vec(column(), 1..4),
        seed: u64,
    ) {
        check_round_trip(&columns, seed);
    }

    #[test]
    fn lowering_fills_exactly_the_planned_size(columns in prop::collection::vec(column(), 0..4)) {
        let lowering = planned(&columns);
        let mut memory = vec![0; ARENA as usize + lowering.bytes() as usize];
        prop_assert!(lowering.write(GuestAddr(ARENA), &mut memory).is_ok());
        memory.pop();
        prop_assert!(lowering.write(GuestAddr(ARENA), &mut memory).is_err());
        let less = Lowering::plan(&columns, 1, lowering.bytes() - 1);
        prop_assert!(less.is_err());
    }

    /// Bytes that an earlier call left in the arena need not be cleared.
    #[test]
    fn every_byte_of_the_arena_is_written(columns in prop::collection::vec(column(), 0..4)) {
        let lowering = planned(&columns);
        let [zeros, ones] = [0, 0xff].map(|byte| {
            let mut memory = vec![byte; ARENA as usize + lowering.bytes() as usize];
            lowering.write(GuestAddr(ARENA), &mut memory).unwrap();
            memory.split_off(ARENA as usize)
        });
        prop_assert_eq!(zeros, ones);
    }

    #[test]
    fn lowered_columns_have_the_header_that_the_abi_promises(column in column()) {
        let (memory, args) = lowered(&[Arc::clone(&column)]);
        let header = header(&memory, args);
        prop_assert_eq!(header.length, column.len() as i64);
        check_header(&header, &memory);
    }
}

/// Checks what the ABI promises of an argument or of a child of one.
fn check_header(header: &ArrowArray, memory: &[u8]) {
    assert_eq!(header.offset, 0);
    assert_eq!(
        (header.dictionary, header.release, header.private_data),
        (0, 0, 0)
    );
    let addresses = |table: u32, number: i64| -> Vec<u32> {
        (0..number as u32)
            .map(|n| word(memory, table + 4 * n))
            .collect()
    };
    let buffers = addresses(header.buffers, header.n_buffers);
    for (n, address) in buffers.iter().enumerate() {
        assert!(address.is_multiple_of(64));
        // Only validity may be absent, and only if nothing is null.
        assert!(*address != 0 || (n == 0 && header.null_count == 0));
    }
    for child in addresses(header.children, header.n_children) {
        assert!(child.is_multiple_of(64));
        let child = ArrowArray::from_bytes(&bytes(memory, GuestAddr(child)));
        check_header(&child, memory);
    }
}

/// Proptest shrank a failure to such a column once.
#[test]
fn lists_of_size_0_are_lifted_with_the_same_values() {
    for data_type in [DataType::Int32, DataType::Utf8, DataType::Boolean] {
        let values = new_empty_array(&data_type);
        for (rows, nullable, seed) in [(0, true, 0), (0, false, 0), (1, true, 0), (3, false, 1)] {
            let (item, values) = (field("item", data_type.clone(), nullable), values.clone());
            let list = FixedSizeListArray::try_new_with_length(item, 0, values, None, rows);
            check_round_trip(&[Arc::new(list.unwrap())], seed);
        }
    }
}
