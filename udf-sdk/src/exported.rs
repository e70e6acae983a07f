//! Columns as Arrow itself exports them, of every kind of type, and calls with
//! them.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray,
    FixedSizeListArray, Float64Array, Int64Array, NullArray, StringArray, StructArray,
    TimestampNanosecondArray, UnionArray, make_array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, UnionFields};

use crate::columns::{ColumnArguments, ColumnResult, call_function};
use crate::raw::BorrowedArguments;
use crate::sql::{Declaration, Parameter, Sql};

pub(crate) const NUMBER: Sql = Sql::Name("BIGINT");
pub(crate) const TEXT: Sql = Sql::Name("VARCHAR");

/// Calls `function` with columns of these types, which are dropped afterwards.
pub(crate) fn call<R: ColumnResult>(
    rows: usize,
    arguments: &[(Sql, ArrayRef)],
    returns: Sql,
    function: impl FnOnce(&ColumnArguments) -> Result<R, String>,
) -> Result<ArrayRef, String> {
    let parameters = arguments.iter().map(|(sql, _)| Parameter {
        name: "argument",
        sql: *sql,
        sees_nulls: true,
    });
    let parameters: Vec<Parameter> = parameters.collect();
    let declaration = Declaration {
        name: "f",
        parameters: &parameters,
        defaults: &[],
        returns,
        volatility: None,
        export: None,
        options: "",
        comment: "",
    };
    // Copies, so that the memory of the arguments is freed after the call.
    let copies: Vec<ArrayRef> = arguments.iter().map(|(_, array)| copy(array)).collect();
    let types: Vec<DataType> = copies
        .iter()
        .map(|array| array.data_type().clone())
        .collect();
    let headers = copies
        .iter()
        .map(|array| FFI_ArrowArray::new(&array.to_data()));
    let headers: Vec<FFI_ArrowArray> = headers.collect();
    drop(copies);
    let lent = BorrowedArguments::checked(&headers, &types, &parameters);
    call_function(lent, rows, &declaration, function).map(make_array)
}

pub(crate) fn copy(array: &ArrayRef) -> ArrayRef {
    let data = array.to_data();
    let mut copy = arrow_data::transform::MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len()).unwrap();
    make_array(copy.freeze())
}

pub(crate) fn numbers(numbers: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(numbers.into_iter().collect::<Int64Array>())
}

pub(crate) fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(texts.iter().collect::<StringArray>())
}

/// Lists of texts: two items, no items, null, and a null item.
fn lists() -> ArrayRef {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item);
    lists.append_value([Some("a"), Some("")]);
    lists.append_value([None::<&str>; 0]);
    lists.append_null();
    lists.append_value([None, Some("längere Worte")]);
    Arc::new(lists.finish())
}

/// Structs of a number and a list.
fn points() -> ArrayRef {
    Arc::new(StructArray::from(vec![
        (
            Arc::new(Field::new("x", DataType::Int64, true)),
            numbers([Some(1), None, Some(3), Some(4)]),
        ),
        (
            Arc::new(Field::new("tags", lists().data_type().clone(), true)),
            lists(),
        ),
    ]))
}

/// Maps: one entry, no entries, two, and null.
fn maps() -> ArrayRef {
    let mut map = MapBuilder::new(
        Some(arrow_array::builder::MapFieldNames {
            entry: "entries".to_owned(),
            key: "key".to_owned(),
            value: "value".to_owned(),
        }),
        StringBuilder::new(),
        Int64Builder::new(),
    );
    for rows in [1, 0, 2] {
        for row in 0..rows {
            map.keys().append_value(format!("key {row}"));
            map.values().append_option((row == 1).then_some(row));
        }
        map.append(true).unwrap();
    }
    map.append(false).unwrap();
    Arc::new(map.finish())
}

/// Unions of a number and a text.
fn unions() -> ArrayRef {
    let fields = [
        Field::new("n", DataType::Int64, true),
        Field::new("t", DataType::Utf8, true),
    ];
    let union = UnionArray::try_new(
        UnionFields::try_new([0, 1], fields).unwrap(),
        ScalarBuffer::from(vec![1_i8, 0, 0, 1]),
        Some(ScalarBuffer::from(vec![0, 0, 1, 1])),
        vec![numbers([None, Some(7)]), texts(&[Some("a"), None])],
    );
    Arc::new(union.unwrap())
}

/// Returns a column of four rows of each kind of type, with its SQL type.
pub(crate) fn columns() -> Vec<(Sql, ArrayRef)> {
    const POINT: Sql = Sql::Struct(&[("x", NUMBER), ("tags", Sql::List(&TEXT))]);
    let item = Arc::new(Field::new_list_field(DataType::Int64, true));
    let pairs = FixedSizeListArray::new(
        item,
        2,
        numbers((0..8).map(|n| (n != 5).then_some(n))),
        Some(NullBuffer::from(vec![true, false, true, true])),
    );
    let wide = FixedSizeBinaryArray::try_from_iter([*b"abc", *b"def", *b"ghi", *b"jkl"].iter());
    let prices = Decimal128Array::from(vec![Some(-125), None, Some(0), Some(99)]);
    let times = TimestampNanosecondArray::from(vec![Some(-1), None, Some(0), Some(1)]);
    let bytes: Vec<Option<&[u8]>> = vec![Some(&[0xFF]), None, Some(&[]), Some(&[1, 2])];
    vec![
        (NUMBER, numbers([Some(1), None, Some(-3), Some(i64::MAX)])),
        (NUMBER, numbers([Some(1); 4])),
        (
            TEXT,
            texts(&[Some("ein"), None, Some(""), Some("Süßes zum Schluß")]),
        ),
        (TEXT, texts(&[None; 4])),
        (
            Sql::Name("BOOLEAN"),
            Arc::new(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                Some(true),
            ])),
        ),
        (
            Sql::Name("DOUBLE"),
            Arc::new(Float64Array::from(vec![0.5, f64::NAN, -0.0, 1.0])),
        ),
        (Sql::Name("BYTEA"), Arc::new(BinaryArray::from(bytes))),
        (
            Sql::Decimal(12, 2),
            Arc::new(prices.with_precision_and_scale(12, 2).unwrap()),
        ),
        (
            Sql::Name("TIMESTAMP WITH TIME ZONE"),
            Arc::new(times.with_timezone("+00:00")),
        ),
        (Sql::Name("ARROW('Null')"), Arc::new(NullArray::new(4))),
        (
            Sql::Name("ARROW('FixedSizeBinary(3)')"),
            Arc::new(wide.unwrap()),
        ),
        (Sql::List(&TEXT), lists()),
        (POINT, points()),
        (Sql::Map(&TEXT, &NUMBER), maps()),
        (
            Sql::Name("ARROW('FixedSizeList(2 x Int64)')"),
            Arc::new(pairs),
        ),
        (
            Sql::Name("ARROW('Union(Sparse, 0: (\"n\": Int64), 1: (\"t\": Utf8))')"),
            unions(),
        ),
    ]
}
