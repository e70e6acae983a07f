//! Byte limits of arguments and results.

use std::slice;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Int64Array, ListViewArray,
    NullArray, PrimitiveArray, StringArray, StringViewArray, StructArray, UnionArray,
    new_empty_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, UnionFields, UnionMode};
use fusebox_marshal::ResultMemory;
use fusebox_marshal::lift::{LiftError, lift, null_column};
use fusebox_marshal::lower::{ArgumentsTooLarge, Lowering};
use fusebox_testing::show_rows;

use crate::memory::{BYTES_MAX, child, header, lowered, returned};
use crate::samples::{field, item, numbers};

#[test]
fn result_may_have_as_many_bytes_as_the_limit_and_no_more() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let text: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "bc"]));
    let bits: ArrayRef = Arc::new(BooleanArray::from(vec![true; 9]));
    // A bitmap of validity and three numbers; three offsets and three bytes.
    for (column, bytes) in [(numbers, 1 + 24), (text, 12 + 3), (bits, 2)] {
        let (memory, args) = lowered(slice::from_ref(&column));
        let lift = |bytes_max| {
            let rows = column.len() as u64;
            lift(args, &memory, column.data_type(), rows, None, bytes_max)
        };
        assert_eq!(&lift(bytes).unwrap(), &column);
        assert_eq!(lift(bytes - 1), Err(LiftError::TooLarge { bytes }));
    }
}

/// Otherwise a guest could make the host loop 2⁶⁴ times at no cost.
#[test]
fn rows_without_bytes_count_against_the_limit() {
    let nulls = field("item", DataType::Null, true);
    let sized = |size: i32| DataType::FixedSizeList(Arc::clone(&nulls), size);
    let nested = DataType::FixedSizeList(field("item", sized(1_000_000_000), true), 1_000_000_000);
    let list = FixedSizeListArray::new(nulls.clone(), 2, Arc::new(NullArray::new(4)), None);
    let (mut memory, args) = lowered(&[Arc::new(list)]);
    let at = child(&memory, &header(&memory, args), 0).0 as usize;
    memory[at..at + 8].copy_from_slice(&i64::MAX.to_le_bytes());
    assert!(lift(args, &memory, &sized(2), 2, None, 4).is_ok());
    let many = lift(args, &memory, &sized(1_000_000_000), 2, None, BYTES_MAX);
    let bytes = 2_000_000_000;
    assert_eq!(many, Err(LiftError::TooLarge { bytes }));
    assert!(lift(args, &memory, &nested, 2, None, BYTES_MAX).is_err());
}

/// A null of a fixed-size list has elements, which are not in guest memory.
#[test]
fn nulls_that_the_host_makes_count_against_the_limit() {
    let bits = field("item", DataType::Boolean, true);
    let wide = DataType::FixedSizeList(bits, 1_000_000_000);
    let bytes = 125_000_000 + 1;
    let refused = null_column(&wide, 1, BYTES_MAX, &ResultMemory::default());
    assert_eq!(refused, Err(LiftError::TooLarge { bytes }));
    assert_eq!(
        null_column(&DataType::Int32, 3, 15, &ResultMemory::default())
            .unwrap()
            .len(),
        3
    );
    assert!(null_column(&DataType::Int32, 3, 14, &ResultMemory::default()).is_err());

    let fields = [(0, field("wide", wide, true)), (1, item(true))];
    let fields: UnionFields = fields.into_iter().collect();
    let (ids, offsets) = (vec![1, 1], vec![0, 1]);
    let none = new_empty_array(fields.iter().next().unwrap().1.data_type());
    let children = vec![none, numbers(&[1, 2])];
    let union = UnionArray::try_new(fields.clone(), ids.into(), Some(offsets.into()), children);
    let union: ArrayRef = Arc::new(union.unwrap());
    let sparse = DataType::Union(fields, UnionMode::Sparse);
    assert!(returned(&union, union.data_type()).is_ok());
    let bytes = 3 * 125_000_000;
    assert!(matches!(
        returned(&union, &sparse),
        Err(LiftError::TooLarge { bytes: counted }) if counted > bytes
    ));
    let (memory, args) = lowered(slice::from_ref(&union));
    let nulls = NullBuffer::from(vec![false, true]);
    let strict = lift(args, &memory, union.data_type(), 2, Some(&nulls), BYTES_MAX);
    assert!(matches!(strict, Err(LiftError::TooLarge { .. })));
}

#[test]
fn children_that_share_bytes_count_against_the_limit_each() {
    let names: Vec<String> = (0..100).map(|n| format!("f{n}")).collect();
    let fields = names.iter().map(|name| field(name, DataType::Int32, true));
    let column = numbers(&[1; 64]);
    let children = vec![Arc::clone(&column); names.len()];
    let column: ArrayRef = Arc::new(StructArray::new(fields.collect(), children, None));
    let (mut memory, args) = lowered(&[Arc::clone(&column)]);
    let first = child(&memory, &header(&memory, args), 0);
    let table = header(&memory, args).children as usize;
    for address in memory[table..table + 4 * names.len()].chunks_exact_mut(4) {
        address.copy_from_slice(&first.0.to_le_bytes());
    }
    let lift = |bytes_max| lift(args, &memory, column.data_type(), 64, None, bytes_max);
    let bytes = 100 * 64 * 4;
    assert_eq!(show_rows(&lift(bytes).unwrap()), show_rows(&column));
    assert_eq!(lift(bytes - 1), Err(LiftError::TooLarge { bytes }));
}

/// A few rows can expand to many: of a dictionary, or of lists that overlap.
#[test]
fn arguments_that_are_too_large_are_rejected_before_they_are_written() {
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
    let keys = PrimitiveArray::<Int8Type>::from(vec![0; 1_000]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, long));
    let planned = Lowering::plan(&[dictionary], 1_000, 64 << 20);
    assert!(matches!(planned, Err(ArgumentsTooLarge { bytes }) if bytes >= 1_000 << 20));

    let mut column = numbers(&[7; 1_000]);
    for _ in 0..4 {
        let item = field("item", column.data_type().clone(), true);
        let (offsets, sizes) = (vec![0; 1_000], vec![1_000; 1_000]);
        let list = ListViewArray::new(item, offsets.into(), sizes.into(), column, None);
        column = Arc::new(list);
    }
    let planned = Lowering::plan(&[column.slice(0, 1)], 1, 64 << 20);
    assert!(matches!(planned, Err(ArgumentsTooLarge { bytes }) if bytes > 64 << 20));
}
