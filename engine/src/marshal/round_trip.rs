//! Property tests of the border, with a slice for a guest: lowered columns are
//! lifted again, as they are and damaged.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int8Array,
    Int32Array, Int64Array, LargeBinaryArray, LargeStringArray, StringArray, StringViewArray,
    UInt16Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use fusebox_abi::ArrowArray;
use proptest::prelude::*;

use super::lift::{Unlifted, lift};
use super::lower::{Lowering, flatten};
use super::{GuestAddr, Layout};

/// Where the arena begins: not at 0, so that a lost base address shows.
const ARENA: u32 = 64;

/// More than any of the columns has.
const BYTES_MAX: u64 = 1 << 20;

/// Columns of every type and layout, with nulls, cut out of longer ones.
fn column() -> impl Strategy<Value = ArrayRef> {
    fn array<T: std::fmt::Debug + Clone + 'static, A: Array + 'static>(
        value: impl Strategy<Value = T> + 'static,
        make: fn(Vec<Option<T>>) -> A,
    ) -> BoxedStrategy<ArrayRef> {
        let rows = prop::collection::vec(prop::option::weighted(0.8, value), 0..90);
        rows.prop_map(move |rows| Arc::new(make(rows)) as ArrayRef)
            .boxed()
    }
    let text = || "[a-zé€😀]{0,20}";
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let whole = prop_oneof![
        array(any::<bool>(), BooleanArray::from),
        array(any::<i8>(), Int8Array::from),
        array(any::<u16>(), UInt16Array::from),
        array(any::<i32>(), Int32Array::from),
        array(any::<i64>(), Int64Array::from),
        array(any::<f64>(), Float64Array::from),
        array(text(), StringArray::from),
        array(text(), LargeStringArray::from),
        array(text(), StringViewArray::from),
        array(text(), |rows| {
            rows.iter()
                .map(|row| row.as_deref())
                .collect::<DictionaryArray<Int32Type>>()
        }),
        array(bytes(), BinaryArray::from_iter),
        array(bytes(), LargeBinaryArray::from_iter),
    ];
    (
        whole,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(array, first, rows)| {
            let first = first.index(array.len() + 1);
            let rows = rows.index(array.len() - first + 1);
            array.slice(first, rows)
        })
}

/// The type in which a column of such values comes back.
fn returned(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => returned(values),
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::LargeBinary => DataType::Binary,
        other => other.clone(),
    }
}

/// Memory in which `columns` are lowered, and the headers' address.
fn lowered(columns: &[ArrayRef]) -> (Vec<u8>, GuestAddr) {
    let columns: Vec<_> = columns.iter().map(|c| flatten(c).unwrap()).collect();
    let rows = columns.first().map_or(1, |column| column.len()) as u32;
    let lowering = Lowering::measure(&columns, rows).unwrap();
    let mut memory = vec![0xa5; ARENA as usize + lowering.bytes() as usize];
    let lowered = lowering.write(GuestAddr(ARENA), &mut memory).unwrap();
    (memory, lowered.args)
}

proptest! {
    #[test]
    fn what_was_lowered_is_lifted_again(columns in prop::collection::vec(column(), 1..4)) {
        let (memory, args) = lowered(&columns);
        for (n, column) in (0..).zip(&columns) {
            let header = GuestAddr(args.0 + n * ArrowArray::SIZE as u32);
            let returns = returned(column.data_type());
            let back = lift(header, &memory, &returns, column.len() as u64, None, BYTES_MAX).unwrap();
            back.to_data().validate_full().unwrap();
            prop_assert_eq!(&back, &cast(column, &returns).unwrap());
        }
    }

    #[test]
    fn lowering_fills_exactly_what_it_measured(columns in prop::collection::vec(column(), 0..4)) {
        let columns: Vec<_> = columns.iter().map(|c| flatten(c).unwrap()).collect();
        let lowering = Lowering::measure(&columns, 1).unwrap();
        let mut memory = vec![0; ARENA as usize + lowering.bytes() as usize];
        prop_assert!(lowering.write(GuestAddr(ARENA), &mut memory).is_ok());
        memory.pop();
        prop_assert!(lowering.write(GuestAddr(ARENA), &mut memory).is_err());
    }

    /// What an earlier call has left in the arena need not be cleared.
    #[test]
    fn every_byte_of_the_arena_is_written(columns in prop::collection::vec(column(), 0..4)) {
        let columns: Vec<_> = columns.iter().map(|c| flatten(c).unwrap()).collect();
        let lowering = Lowering::measure(&columns, 1).unwrap();
        let [zeros, ones] = [0, 0xff].map(|byte| {
            let mut memory = vec![byte; ARENA as usize + lowering.bytes() as usize];
            lowering.write(GuestAddr(ARENA), &mut memory).unwrap();
            memory.split_off(ARENA as usize)
        });
        prop_assert_eq!(zeros, ones);
    }

    /// The guest reads whole vectors: what stands behind a buffer is zero, and
    /// does not tell what stood there before.
    #[test]
    fn padding_is_zero(column in column()) {
        let (memory, args) = lowered(&[Arc::clone(&column)]);
        let bytes: [u8; 64] = args.array(&memory).unwrap();
        let header = ArrowArray::from_bytes(&bytes);
        let layout = Layout::of(&returned(column.data_type())).unwrap();
        let addresses: [u8; 8] = GuestAddr(header.buffers).array(&memory).unwrap();
        let values = u32::from_le_bytes(addresses[4..].try_into().unwrap());
        let width = match layout {
            Layout::Bits => column.len().div_ceil(8),
            Layout::Fixed { width } => column.len() * width,
            Layout::Bytes => 4 * (column.len() + 1),
        };
        let end = values as usize + width;
        let padding = &memory[end..end.next_multiple_of(64).min(memory.len())];
        prop_assert!(padding.iter().all(|byte| *byte == 0));
    }
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
    use std::cell::Cell;
    let (lifted, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 4_000,
        ..ProptestConfig::default()
    });
    let answers = (column(), damage(), any::<bool>());
    let outcome = runner.run(&answers, |(column, damage, anywhere)| {
        let (mut memory, args) = lowered(&[Arc::clone(&column)]);
        // The headers and the addresses come first, and decide the most.
        let front = ARENA as usize + 3 * ArrowArray::SIZE;
        let end = if anywhere {
            memory.len()
        } else {
            front.min(memory.len())
        };
        for (index, byte) in damage {
            let at = ARENA as usize + index.index(end - ARENA as usize);
            memory[at] = byte;
        }
        let returns = returned(column.data_type());
        match lift(
            args,
            &memory,
            &returns,
            column.len() as u64,
            None,
            BYTES_MAX,
        ) {
            Ok(array) => {
                array.to_data().validate_full().unwrap();
                prop_assert_eq!(array.len(), column.len());
                lifted.set(lifted.get() + 1);
            }
            Err(_) => refused.set(refused.get() + 1),
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(lifted.get() > 500, "{} lifted", lifted.get());
    assert!(refused.get() > 500, "{} refused", refused.get());
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
