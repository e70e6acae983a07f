//! Casts of values that fit and of those that do not.

use arrow::array::{
    Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray, RunArray,
    StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type};
use proptest::prelude::*;

use super::*;

fn check(column: ArrayRef, to: &DataType) -> Result<ArrayRef, (usize, String)> {
    checked_cast(&column, to, CastContext::default()).map_err(|error| match error {
        CastError::Unfit { row, value } => (row, value),
        CastError::Arrow(error) => panic!("{error}"),
    })
}

proptest! {
    #[test]
    fn first_number_that_does_not_fit_is_reported(
        numbers in prop::collection::vec(prop::option::weighted(0.9, -140..140_i64), 0..40),
    ) {
        let column: ArrayRef = Arc::new(Int64Array::from(numbers.clone()));
        let beyond = |n: &Option<i64>| n.is_some_and(|n| i8::try_from(n).is_err());
        let expected = numbers.iter().position(beyond);
        let expected = expected.map(|row| (row, numbers[row].unwrap_or_default().to_string()));
        match check(Arc::clone(&column), &DataType::Int8) {
            Ok(cast_column) => {
                prop_assert_eq!(expected, None);
                prop_assert_eq!(&cast(&cast_column, &DataType::Int64).unwrap(), &column);
            }
            Err(found) => prop_assert_eq!(expected, Some(found)),
        }
    }

    #[test]
    fn decimal_of_a_float_is_the_float(hundredths in -100_000..100_000_i32, third in 0..10) {
        let exact = f64::from(hundredths) / 100.0;
        let value = if third == 0 { exact + 0.001 } else { exact };
        let column: ArrayRef = Arc::new(Float64Array::from(vec![value]));
        let decimal = check(column, &DataType::Decimal128(10, 2));
        prop_assert_eq!(decimal.is_ok(), third > 0);
        if let Ok(decimal) = decimal {
            let decimal = decimal.as_primitive::<Decimal128Type>().value(0);
            prop_assert_eq!(decimal, i128::from(hundredths));
        }
    }
}

#[test]
fn row_of_an_item_is_that_of_its_list() {
    let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
    let values = Int64Array::from(vec![900, 1, 2, 800, 3, 700, 4]);
    // The second list is null, though it has an item, and the first is sliced off.
    let nulls = NullBuffer::from(vec![true, true, false, true, true]);
    let offsets = OffsetBuffer::from_lengths([1, 2, 1, 1, 2]);
    let lists = ListArray::new(
        item(DataType::Int64),
        offsets,
        Arc::new(values),
        Some(nulls),
    );
    let lists: ArrayRef = Arc::new(lists.slice(1, 4));
    let to = DataType::List(item(DataType::Int8));
    assert_eq!(check(Arc::clone(&lists), &to), Err((3, "700".to_owned())));
    let fits = check(lists.slice(0, 3), &to).unwrap();
    let expected = [Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3)])];
    let expected = ListArray::from_iter_primitive::<Int64Type, _, _>(expected);
    assert_eq!(
        cast(&fits, expected.data_type()).unwrap().as_list(),
        &expected
    );
}

/// Decimals of three digits, of which the second has four and the last has five.
fn decimals() -> ArrayRef {
    let values = vec![Some(999), Some(-1_234), None, Some(12_345)];
    let decimals = Decimal128Array::from(values);
    Arc::new(decimals.with_precision_and_scale(3, 1).unwrap())
}

#[test]
fn decimal_beyond_its_type_is_found_in_unions_runs_and_dictionaries() {
    let values = decimals();
    let data_type = values.data_type().clone();
    let found = |column: ArrayRef| check(Arc::clone(&column), column.data_type());

    let fields = [Field::new("d", data_type.clone(), true)];
    let fields = UnionFields::try_new([7], fields).unwrap();
    let union = |offsets: Vec<i32>| -> ArrayRef {
        let ids = vec![7; offsets.len()].into();
        let children = vec![Arc::clone(&values)];
        let union = UnionArray::try_new(fields.clone(), ids, Some(offsets.into()), children);
        Arc::new(union.unwrap())
    };
    assert_eq!(
        found(union(vec![0, 2, 3, 1])),
        Err((2, "1234.5".to_owned()))
    );
    // No row shows the other values.
    assert!(found(union(vec![2, 0, 0])).is_ok());

    let ends = Int32Array::from(vec![2, 3, 5, 6]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &values).unwrap();
    let runs: ArrayRef = Arc::new(runs);
    assert_eq!(found(Arc::clone(&runs)), Err((2, "-123.4".to_owned())));
    assert_eq!(found(runs.slice(4, 2)), Err((1, "1234.5".to_owned())));

    let keys = Int32Array::from(vec![Some(0), None, Some(2), Some(1)]);
    let dictionary = DictionaryArray::<Int32Type>::new(keys, values);
    let dictionary: ArrayRef = Arc::new(dictionary);
    assert_eq!(
        found(Arc::clone(&dictionary)),
        Err((3, "-123.4".to_owned()))
    );
    assert!(found(dictionary.slice(0, 3)).is_ok());
}

#[test]
fn long_values_are_shortened() {
    let text: ArrayRef = Arc::new(StringViewArray::from(vec!["é".repeat(100)]));
    let (row, value) = check(text, &DataType::Date32).unwrap_err();
    assert_eq!((row, value), (0, format!("{}…", "é".repeat(64))));
}
