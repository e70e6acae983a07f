//! Results that are lifted or rejected.

use std::slice;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, ListArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use fusebox_marshal::lift::{LiftError, lift};
use fusebox_marshal::{AbiViolation, GuestAddr, row_beyond_precision};
use fusebox_testing::show_rows;

use crate::memory::{BYTES_MAX, buffer_at, child, header, lowered, returned, tampered};
use crate::samples::{field, item, numbers, union};

/// A violation in the child `path`.
fn in_child(path: &str, violation: AbiViolation) -> LiftError {
    let path = path.to_owned();
    let violation = Box::new(violation);
    AbiViolation::Child { path, violation }.into()
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
fn booleans_at_an_offset_are_valid_columns_with_the_nulls_of_strict_rows() {
    // Their nulls begin at another bit than their values.
    for rows in [7, 8, 15] {
        let nulls: Vec<bool> = (0..rows).map(|row| row % 3 != 0).collect();
        let nulls = NullBuffer::from(nulls);
        let values: Vec<Option<bool>> = (0..rows + 2).map(|row| Some(row % 2 == 0)).collect();
        let column: ArrayRef = Arc::new(BooleanArray::from(values));
        let (mut memory, args) = lowered(&[column]);
        let (length, offset) = (rows as i64, 2_i64);
        let at = args.0 as usize;
        memory[at..at + 8].copy_from_slice(&length.to_le_bytes());
        memory[at + 16..at + 24].copy_from_slice(&offset.to_le_bytes());
        let count = rows as u64;
        let back = lift(
            args,
            &memory,
            &DataType::Boolean,
            count,
            Some(&nulls),
            BYTES_MAX,
        )
        .unwrap();
        back.to_data().validate_full().unwrap();
        let expected = (0..rows).map(|row| (row % 3 != 0).then_some(row % 2 == 0));
        let expected: ArrayRef = Arc::new(expected.collect::<BooleanArray>());
        assert_eq!(&back, &expected);
    }
}

#[test]
fn strict_rows_of_a_union_are_null_in_a_nullable_child() {
    let union = union(&[7, 7], Some(&[0, 1]), numbers(&[]), &["a", "b"]);
    let (memory, args) = lowered(slice::from_ref(&union));
    let nulls = NullBuffer::from(vec![false, true]);
    let back = lift(args, &memory, union.data_type(), 2, Some(&nulls), BYTES_MAX).unwrap();
    assert_eq!(show_rows(&back), ["null", "7:\"b\""]);
    assert_eq!(back.as_union().type_ids().as_ref(), [3, 7]);
}

#[test]
fn dictionary_with_more_values_than_keys_is_rejected() {
    let distinct = |count: i32| -> ArrayRef { Arc::new((0..count).collect::<Int32Array>()) };
    let data_type = |values| DataType::Dictionary(Box::new(DataType::Int8), Box::new(values));
    assert!(returned(&distinct(128), &data_type(DataType::Int32)).is_ok());
    let refused = returned(&distinct(129), &data_type(DataType::Int32));
    assert!(matches!(
        refused,
        Err(LiftError::AbiViolation(AbiViolation::InvalidArray(_)))
    ));
}

#[test]
fn null_in_a_non_nullable_child_is_rejected_with_its_row_and_path() {
    let inner = StructArray::from(vec![(
        field("n", DataType::Int32, true),
        numbers(&[0, 1, 2, -1, 4]),
    )]);
    let list = |nullable| {
        let fields = vec![field("n", DataType::Int32, nullable)];
        DataType::List(field("item", DataType::Struct(fields.into()), true))
    };
    let DataType::List(element) = list(true) else {
        unreachable!()
    };
    let offsets = OffsetBuffer::from_lengths([2, 0, 2, 1]);
    let column: ArrayRef = Arc::new(ListArray::new(element, offsets, Arc::new(inner), None));
    assert!(returned(&column, &list(true)).is_ok());
    let error = in_child("item.n", AbiViolation::Null { row: 2 });
    let message = "its result is null at row 2, where its type has no nulls, in its child `item.n`";
    assert_eq!(error.to_string(), message);
    assert_eq!(returned(&column, &list(false)), Err(error));
}

#[test]
fn non_nullable_child_may_be_null_where_its_parent_is() {
    let fields = |nullable| vec![field("n", DataType::Int32, nullable)];
    let nulls = NullBuffer::from(vec![true, false]);
    let children = vec![numbers(&[1, -1])];
    let column = StructArray::new(fields(true).into(), children, Some(nulls));
    let column: ArrayRef = Arc::new(column);
    let back = returned(&column, &DataType::Struct(fields(false).into())).unwrap();
    assert_eq!(back.null_count(), 1);
}

#[test]
fn decimal_with_too_many_digits_is_rejected_with_its_row() {
    let decimals = Decimal128Array::from(vec![Some(999), None, Some(-1_000)]);
    let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(4, 0).unwrap());
    let refused = returned(&decimals, &DataType::Decimal128(3, 0));
    let violation = AbiViolation::Decimal {
        row: 2,
        precision: 3,
    };
    assert_eq!(refused, Err(violation.into()));
    assert!(returned(&decimals.slice(0, 2), &DataType::Decimal128(3, 0)).is_ok());
}

#[test]
fn decimals_may_have_as_many_digits_as_their_type_and_no_more() {
    for precision in [1, 18, 19, 20, 25, 38] {
        let max = 10_i128.pow(precision.into()) - 1;
        let data_type = DataType::Decimal128(precision, 0);
        // At each position of columns of several lengths, since values are
        // checked several at a time.
        let returned = |value: i128| {
            let positions = (1..6).flat_map(|rows| (0..rows).map(move |at| (rows, at)));
            let mut returned = positions.map(|(rows, at)| {
                let wide = (0..rows).map(|row| if row == at { value } else { -row });
                let wide = Decimal128Array::from_iter_values(wide);
                let wide: ArrayRef = Arc::new(wide.with_data_type(DataType::Decimal128(38, 0)));
                let back = returned(&wide, &data_type);
                back.is_ok_and(|back| back.to_data().buffers() == wide.to_data().buffers())
            });
            let first = returned.next().unwrap();
            assert!(
                returned.all(|other| other == first),
                "{value} as {precision}"
            );
            first
        };
        assert!(returned(max) && returned(-max), "{precision}");
        assert!(!returned(max + 1) && !returned(-max - 1), "{precision}");
    }
}

#[test]
fn first_decimal_with_too_many_digits_is_found_in_long_columns() {
    for precision in [1, 9, 18, 19, 38] {
        let max = 10_i128.pow(precision.into()) - 1;
        let rows = 600;
        for (other, at) in [(0, 255), (max, 256), (-1, 511), (-max, 512), (1, 599)] {
            let found = |value: i128| {
                let values = (0..rows).map(|row| if row < at { other } else { value });
                let column = Decimal128Array::from_iter_values(values);
                let decimals = column.with_data_type(DataType::Decimal128(precision, 0));
                row_beyond_precision(&(Arc::new(decimals) as ArrayRef))
            };
            for fits in [0, 1, -1, max, -max] {
                assert_eq!(found(fits), None, "{fits} as {precision}");
            }
            for unfit in [max + 1, -max - 1, i128::MAX, i128::MIN] {
                assert_eq!(found(unfit), Some(at), "{unfit} as {precision}");
            }
        }
    }
}

#[test]
fn union_references_each_row_once_and_only_existing_children() {
    let union = union(&[3, 3, 7], Some(&[0, 1, 0]), numbers(&[1, 2, 3]), &["a"]);
    let buffer = |memory: &[u8], args: GuestAddr, position: u32| {
        buffer_at(memory, &header(memory, args), position)
    };
    let again = tampered(&union, |m, args| buffer(m, args, 1) + 4, &[0]);
    assert_eq!(again, AbiViolation::UnionOffset { row: 1 }.into());
    let negative = tampered(&union, |m, args| buffer(m, args, 1), &[0xff; 4]);
    assert_eq!(negative, AbiViolation::UnionOffset { row: 0 }.into());
    let other = tampered(&union, |m, args| buffer(m, args, 0) + 2, &[4]);
    assert_eq!(other, AbiViolation::TypeId { row: 2, id: 4 }.into());
    let beyond = tampered(&union, |m, args| buffer(m, args, 1) + 4, &[9]);
    let rows = AbiViolation::ChildRows {
        found: 2,
        expected: 10,
    };
    assert_eq!(beyond, in_child("number", rows));
}

#[test]
fn shape_of_headers_follows_from_the_type() {
    let offsets = OffsetBuffer::from_lengths([1]);
    let list: ArrayRef = Arc::new(ListArray::new(item(true), offsets, numbers(&[1]), None));
    let children = |found, expected| LiftError::from(AbiViolation::Children { found, expected });
    assert_eq!(tampered(&list, |_, args| args.0 + 32, &[0]), children(0, 1));
    assert_eq!(tampered(&list, |_, args| args.0 + 32, &[2]), children(2, 1));
    assert_eq!(
        tampered(&numbers(&[1]), |_, args| args.0 + 32, &[1]),
        children(1, 0)
    );
    let dictionary = tampered(&list, |_, args| args.0 + 48, &[1]);
    assert_eq!(dictionary, AbiViolation::Dictionary.into());
    let below = tampered(
        &list,
        |m, args| child(m, &header(m, args), 0).0 + 16,
        &[0xff; 8],
    );
    assert_eq!(below, in_child("item", AbiViolation::Offset(-1)));
}
