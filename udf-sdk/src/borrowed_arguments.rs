//! Tests that arguments of functions over columns are borrowed for one call, in
//! every type.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, Datum, Decimal128Array, DictionaryArray, Int32Array, Int64Array,
    LargeStringArray, ListArray, StringArray, StringViewArray, StructArray,
    TimestampNanosecondArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use crate::columns::{Column, ColumnArguments, ColumnResult};
use crate::exported::{NUMBER, TEXT, call, columns, copy, numbers, texts};
use crate::sql::Sql;

/// Compares the values of two arrays; NaNs are equal if their bits are.
fn assert_same(actual: &ArrayRef, expected: &ArrayRef) {
    assert_eq!(actual.data_type(), expected.data_type());
    assert_eq!(format!("{actual:?}"), format!("{expected:?}"));
}

#[test]
fn column_of_every_type_round_trips() {
    for (sql, array) in columns() {
        let back = call(4, &[(sql, Arc::clone(&array))], sql, |columns| {
            Ok(Arc::clone(columns.get::<&ArrayRef>(0)?))
        });
        assert_same(&back.unwrap(), &array);
    }
}

#[test]
fn slice_of_an_argument_is_a_valid_result() {
    for (sql, array) in columns() {
        let back = call(2, &[(sql, Arc::clone(&array))], sql, |columns| {
            // Four rows in a batch of two, as a child may have.
            let whole = columns.get::<Column<'_, dyn Array>>(0)?;
            Ok(whole.array().slice(1, 2))
        });
        assert_same(&copy(&back.unwrap()), &copy(&array.slice(1, 2)));
    }
}

#[test]
fn constant_argument_is_expanded_to_every_row() {
    for (sql, array) in columns() {
        for place in 0..4 {
            let one = array.slice(place, 1);
            for rows in [1, 2, 64, 65, 200] {
                let back = call(rows, &[(sql, copy(&one))], sql, |columns| {
                    Ok(Arc::clone(columns.get::<&ArrayRef>(0)?))
                });
                let back = back.unwrap();
                assert_eq!(back.len(), rows);
                for row in [0, rows / 2, rows - 1] {
                    assert_same(&copy(&back.slice(row, 1)), &copy(&one));
                }
            }
        }
    }
}

#[test]
fn column_shows_which_argument_is_constant() {
    let arguments = [
        (NUMBER, numbers([Some(7)])),
        (NUMBER, numbers((0..3).map(Some))),
    ];
    let seen = call(3, &arguments, NUMBER, |columns| {
        let seven = columns.get::<Column<'_, Int64Array>>(0)?;
        let three = columns.get::<Column<'_>>(1)?;
        assert_eq!((seven.is_constant(), three.is_constant()), (true, false));
        assert_eq!((seven.rows(), three.rows()), (3, 3));
        assert_eq!(seven.array().values(), &[7]);
        assert!(matches!(seven.get(), (array, true) if array.len() == 1));
        assert!(matches!(three.get(), (array, false) if array.len() == 3));
        Ok(Int64Array::from(vec![1, 2, 3]))
    });
    assert_eq!(seen.unwrap().len(), 3);
}

#[test]
fn one_row_is_a_valid_result_for_constant_arguments() {
    let constant = [(NUMBER, numbers([None])), (TEXT, texts(&[Some("a")]))];
    let one = |columns: &ColumnArguments| {
        columns.get::<Column<'_, Int64Array>>(0)?;
        columns.get::<Column<'_, StringArray>>(1)?;
        Ok(Int64Array::from(vec![5]))
    };
    assert_same(
        &call(70, &constant, NUMBER, one).unwrap(),
        &numbers([Some(5); 70]),
    );
    let error = "the result has 1 rows, not 70";
    let expand = |columns: &ColumnArguments| {
        columns.get::<&Int64Array>(0)?;
        Ok(Int64Array::from(vec![5]))
    };
    assert_eq!(call(70, &constant, NUMBER, expand).unwrap_err(), error);
    let column = [(NUMBER, numbers([None; 70]))];
    let one = |_: &ColumnArguments| Ok(Int64Array::from(vec![5]));
    assert_eq!(call(70, &column, NUMBER, one).unwrap_err(), error);
}

#[test]
fn only_borrowed_buffers_are_copied() {
    let (mut made, mut shared) = (None, None);
    let column = numbers([Some(1), None, Some(3)]);
    let result = call(3, &[(NUMBER, column)], NUMBER, |columns| {
        let numbers = columns.get::<&Int64Array>(0)?;
        let doubled: Int64Array = numbers.unary(|number| number * 2);
        made = Some(doubled.values().inner().as_ptr().addr());
        shared = doubled.nulls().map(|nulls| nulls.buffer().as_ptr().addr());
        Ok(doubled)
    });
    let result = result.unwrap();
    assert_same(&result, &numbers([Some(2), None, Some(6)]));
    let data = result.to_data();
    assert_eq!(Some(data.buffers()[0].as_ptr().addr()), made);
    let nulls = data.nulls().map(|nulls| nulls.buffer().as_ptr().addr());
    assert!(nulls.is_some() && nulls != shared);
}

#[test]
fn empty_slice_of_an_argument_borrows_nothing() {
    let column = texts(&[Some("abc"), Some("d")]);
    let empty = call(2, &[(TEXT, column)], Sql::List(&TEXT), |columns| {
        let texts = columns.get::<&StringArray>(0)?;
        let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
        let offsets = OffsetBuffer::new_zeroed(2);
        let none: ArrayRef = Arc::new(texts.slice(2, 0));
        Ok(ListArray::new(item, offsets, none, None))
    });
    assert_eq!(empty.unwrap().len(), 2);
}

/// Calls a function that keeps memory of an argument, and returns the outcome.
fn keeping<T, R: ColumnResult>(
    keep: impl FnOnce(&Int64Array) -> T,
    call_function: impl FnOnce(&Int64Array) -> Result<R, String>,
) -> String {
    let kept = RefCell::new(Vec::new());
    let column = numbers([Some(1), None, Some(3)]);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        call(3, &[(NUMBER, column)], NUMBER, |columns| {
            let numbers = columns.get::<&Int64Array>(0)?;
            kept.borrow_mut().push(keep(numbers));
            call_function(numbers)
        })
    }));
    match ended {
        Ok(result) => format!("{result:?}"),
        Err(panic) => panic.downcast_ref::<String>().unwrap().clone(),
    }
}

#[test]
fn argument_that_outlives_its_call_panics() {
    const MESSAGE: &str = "an argument of `f` outlives its call";
    let other = |_: &Int64Array| Ok(Int64Array::from(vec![0; 3]));
    let same = |numbers: &Int64Array| Ok(numbers.clone());
    let failure = |_: &Int64Array| Err::<Int64Array, _>("no".to_owned());
    assert_eq!(keeping(Int64Array::clone, other), MESSAGE);
    assert_eq!(keeping(Int64Array::clone, same), MESSAGE);
    assert_eq!(keeping(Int64Array::clone, failure), MESSAGE);
    assert_eq!(keeping(|numbers| numbers.slice(1, 1), other), MESSAGE);
    assert_eq!(
        keeping(|numbers| numbers.values().slice(3, 0), other),
        MESSAGE
    );
    assert_eq!(keeping(|numbers| numbers.nulls().cloned(), other), MESSAGE);
    assert_eq!(keeping(|numbers| numbers.to_data(), other), MESSAGE);
}

// Miri reports the memory kept as a leak.
#[cfg(not(miri))]
#[test]
fn argument_that_is_leaked_outlives_its_call() {
    let forget = |numbers: &Int64Array| std::mem::forget(numbers.clone());
    let ended = keeping(forget, |_| Ok(Int64Array::from(vec![0; 3])));
    assert_eq!(ended, "an argument of `f` outlives its call");
}

#[test]
fn copy_of_an_argument_may_be_kept() {
    let same = |numbers: &Int64Array| Ok(numbers.clone());
    let ended = keeping(|numbers| numbers.values().to_vec(), same);
    assert!(ended.starts_with("Ok("), "{ended}");
}

#[test]
fn argument_may_be_dropped_by_another_thread() {
    let elsewhere = |numbers: &Int64Array| {
        let numbers = numbers.clone();
        std::thread::spawn(move || drop(numbers)).join().unwrap();
    };
    let ended = keeping(elsewhere, |numbers| Ok(numbers.clone()));
    assert!(ended.starts_with("Ok("), "{ended}");
}

/// Returns the error for a result of one row of another type than declared.
fn refused(returns: Sql, result: ArrayRef) -> String {
    let refused = call(1, &[(NUMBER, numbers([None]))], returns, |_| Ok(result));
    refused.err().unwrap_or_default()
}

#[test]
fn result_must_have_the_declared_type_and_layout() {
    let a = || Arc::new(StringViewArray::from(vec!["a"]));
    assert_eq!(
        refused(TEXT, a()),
        "the result is Utf8View, not Utf8: cast it"
    );
    let large = Arc::new(LargeStringArray::from(vec!["a"]));
    assert_eq!(
        refused(TEXT, large),
        "the result is LargeUtf8, not Utf8: cast it"
    );
    let codes: DictionaryArray<Int32Type> = ["a"].into_iter().collect();
    let message = "the result is Dictionary(Int32, Utf8), not Utf8: cast it";
    assert_eq!(refused(TEXT, Arc::new(codes)), message);
    let narrow = Arc::new(Int32Array::from(vec![1]));
    assert_eq!(
        refused(NUMBER, narrow),
        "the result is Int32, not Int64: cast it"
    );
    let price = |digits, scale| {
        let price = Decimal128Array::from(vec![1]);
        Arc::new(price.with_precision_and_scale(digits, scale).unwrap())
    };
    assert_eq!(refused(Sql::Decimal(12, 2), price(12, 2)), "");
    let message = "the result is Decimal128(13, 2), not Decimal128(12, 2): cast it";
    assert_eq!(refused(Sql::Decimal(12, 2), price(13, 2)), message);
}

#[test]
fn names_must_match_in_structs_only() {
    const PAIR: Sql = Sql::Struct(&[("a", NUMBER), ("b", NUMBER)]);
    let pair = |names: [&str; 2]| {
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, false));
        let fields = names.map(|name| (field(name), numbers([Some(1)])));
        Arc::new(StructArray::from(fields.to_vec()))
    };
    assert_eq!(refused(PAIR, pair(["a", "b"])), "");
    assert!(refused(PAIR, pair(["b", "a"])).starts_with("the result is Struct("));
    let item = Arc::new(Field::new("element", DataType::Int64, false));
    let list = ListArray::new(
        item,
        OffsetBuffer::from_lengths([1]),
        numbers([Some(1)]),
        None,
    );
    assert_eq!(refused(Sql::List(&NUMBER), Arc::new(list)), "");
}

#[test]
fn result_may_have_any_time_zone_but_not_none() {
    let zoned = Sql::Name("TIMESTAMP WITH TIME ZONE");
    let time = || TimestampNanosecondArray::from(vec![0]);
    assert_eq!(
        refused(zoned, Arc::new(time().with_timezone("Europe/Paris"))),
        ""
    );
    let message = "the result is Timestamp(ns), not Timestamp(ns, \"+00:00\"): cast it";
    assert_eq!(refused(zoned, Arc::new(time())), message);
}

#[test]
fn argument_must_be_of_the_array_type_of_the_function() {
    let codes = Sql::Name("ARROW('Dictionary(Int32, Utf8)')");
    let lengths = call(1, &[(codes, texts(&[Some("abc")]))], NUMBER, |columns| {
        let texts = columns.get::<&StringArray>(0)?;
        Ok(Int64Array::from(vec![texts.value(0).len() as i64]))
    });
    assert_same(&lengths.unwrap(), &numbers([Some(3)]));
    let other = call(1, &[(codes, texts(&[Some("abc")]))], NUMBER, |columns| {
        Ok(columns.get::<&Int64Array>(0)?.clone())
    });
    let message = "argument `argument` is of type Utf8, not of the function's array type";
    assert_eq!(other.unwrap_err(), message);
}
