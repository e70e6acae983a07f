//! Functions over whole columns, with the kernels of arrow-rs in the guest.
//!
//! A golden file of SQL calls them all: typical ones, and ones with every error
//! that the compiler cannot find.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};

use arrow_arith::{aggregate, numeric};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal32Array,
    Decimal64Array, Decimal128Array, Decimal256Array, DurationMicrosecondArray,
    DurationMillisecondArray, DurationNanosecondArray, DurationSecondArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, IntervalDayTimeArray, IntervalMonthDayNanoArray,
    IntervalYearMonthArray, ListArray, MapArray, StringArray, StringViewArray, StructArray,
    Time32MillisecondArray, Time32SecondArray, Time64MicrosecondArray, Time64NanosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType, Field, Fields};
use arrow_string::like;
use fusebox_sdk::{Column, udf};

/// Adds two columns.
///
/// # Errors
///
/// If a sum is out of the range of BIGINT.
#[udf(columns, returns = "BIGINT")]
pub fn add_checked(a: Column<Int64Array>, b: Column<Int64Array>) -> Result<ArrayRef, ArrowError> {
    numeric::add(&a, &b)
}

/// Negates a column: the nulls are those of the argument, and shared with it.
///
/// # Errors
///
/// If a result is out of the range of BIGINT.
#[udf(columns, returns = "BIGINT")]
pub fn negated(n: &Int64Array) -> Result<ArrayRef, ArrowError> {
    numeric::neg(n)
}

/// Tells for each text whether it contains another.
///
/// # Errors
///
/// If the texts cannot be compared, which texts of one type can.
#[udf(columns)]
pub fn contains_text(
    text: Column<StringArray>,
    part: Column<StringArray>,
) -> Result<BooleanArray, ArrowError> {
    like::contains(&text, &part)
}

/// Tells for each price whether it is lower than another.
///
/// # Errors
///
/// If the prices cannot be compared, which prices of one type can.
#[udf(columns, stable, strict)]
pub fn cheaper(
    #[sql("DECIMAL(12, 2)")] a: &Decimal128Array,
    #[sql("DECIMAL(12, 2)")] b: Column<Decimal128Array>,
) -> Result<BooleanArray, ArrowError> {
    cmp::lt(a, &b)
}

/// Returns the sum of the numbers in each list, or null if there are none.
#[udf(columns)]
pub fn sum_of_list(#[sql("BIGINT[]")] lists: &ListArray) -> Int64Array {
    let sum = |list: ArrayRef| aggregate::sum(list.as_primitive::<Int64Type>());
    lists.iter().map(|list| sum(list?)).collect()
}

/// Returns two numbers in their order, or null if one of them is.
///
/// # Errors
///
/// Never: the fields of the struct match.
#[udf(columns, returns = "STRUCT(low BIGINT, high BIGINT)")]
pub fn in_order(a: &Int64Array, b: &Int64Array) -> Result<StructArray, ArrowError> {
    let pairs = || a.values().iter().zip(b.values());
    let low: Int64Array = pairs().map(|(a, b)| *a.min(b)).collect::<Vec<_>>().into();
    let high: Int64Array = pairs().map(|(a, b)| *a.max(b)).collect::<Vec<_>>().into();
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    let fields = Fields::from(vec![field("low"), field("high")]);
    let nulls = NullBuffer::union(a.nulls(), b.nulls());
    StructArray::try_new(fields, vec![Arc::new(low), Arc::new(high)], nulls)
}

/// Returns the keys of a map, whose buffers are those of the argument.
///
/// # Errors
///
/// Never: the keys are a list.
#[udf(columns, returns = "VARCHAR[]")]
pub fn keys_of_map(#[sql("MAP(VARCHAR, BIGINT)")] map: &MapArray) -> Result<ListArray, ArrowError> {
    let item = Arc::new(Field::new("key", DataType::Utf8, false));
    let (offsets, keys) = (map.offsets().clone(), map.keys().clone());
    ListArray::try_new(item, offsets, keys, map.nulls().cloned())
}

/// Returns the seconds since 1970 of points in time with a time zone.
///
/// # Errors
///
/// Never: the divisor is not zero.
#[udf(columns, name = "seconds_of", returns = "BIGINT")]
pub fn seconds(
    #[sql("TIMESTAMP WITH TIME ZONE")] time: &TimestampNanosecondArray,
) -> Result<Int64Array, ArrowError> {
    let seconds = |nanoseconds: i64| nanoseconds.div_euclid(1_000_000_000);
    Ok(time.unary(seconds))
}

/// Returns its argument.
#[udf(columns)]
pub fn same_text(text: &StringArray) -> StringArray {
    text.clone()
}

/// Returns its argument in two parts: slices of the whole.
#[udf(columns, returns = "STRUCT(a BIGINT[], b VARCHAR)[]")]
pub fn same_structs(#[sql("STRUCT(a BIGINT[], b VARCHAR)[]")] lists: &dyn Array) -> ArrayRef {
    lists.slice(0, lists.len())
}

/// Returns its argument, which the engine has as a dictionary.
#[udf(columns)]
pub fn same_codes(
    #[sql("ARROW('Dictionary(Int32, Utf8)')")] text: Column<StringArray>,
) -> StringArray {
    text.array().clone()
}

/// Formats a row of every type that an array of arrow-rs has by default.
#[udf(columns)]
#[expect(clippy::too_many_arguments, reason = "one of each type")]
pub fn shown(
    a: &BooleanArray,
    b: &Int8Array,
    c: &UInt8Array,
    d: &Int16Array,
    e: &UInt16Array,
    f: &Int32Array,
    g: &UInt32Array,
    h: &Int64Array,
    i: &UInt64Array,
    j: &Float16Array,
    k: &Float32Array,
    l: &Float64Array,
    m: &StringArray,
    n: &BinaryArray,
    o: &Date32Array,
    p: &Date64Array,
) -> StringArray {
    show(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// Formats a row of every type of times.
#[udf(columns)]
#[expect(clippy::too_many_arguments, reason = "one of each type")]
pub fn shown_times(
    a: &Time32SecondArray,
    b: &Time32MillisecondArray,
    c: &Time64MicrosecondArray,
    d: &Time64NanosecondArray,
    e: &TimestampSecondArray,
    f: &TimestampMillisecondArray,
    g: &TimestampMicrosecondArray,
    h: &TimestampNanosecondArray,
    i: &DurationSecondArray,
    j: &DurationMillisecondArray,
    k: &DurationMicrosecondArray,
    l: &DurationNanosecondArray,
    m: &IntervalYearMonthArray,
    n: &IntervalDayTimeArray,
    o: &IntervalMonthDayNanoArray,
    #[sql("TIMESTAMP(3) WITH TIME ZONE")] p: &TimestampMillisecondArray,
) -> StringArray {
    show(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// Formats a row of types that must be declared.
#[udf(columns)]
pub fn shown_others(
    #[sql("DECIMAL(5, 2)")] a: &Decimal128Array,
    #[sql("DECIMAL(60, 5)")] b: &Decimal256Array,
    #[sql("ARROW('Decimal32(9, 2)')")] c: &Decimal32Array,
    #[sql("ARROW('Decimal64(18, 4)')")] d: &Decimal64Array,
    #[sql("ARROW('FixedSizeBinary(3)')")] e: &FixedSizeBinaryArray,
    #[sql("ARROW('FixedSizeList(2 x Int64)')")] f: &FixedSizeListArray,
    #[sql("ARROW('LargeList(LargeUtf8)')")] g: &ListArray,
) -> StringArray {
    show(&[a, b, c, d, e, f, g])
}

/// Formats the values of each row, as Arrow does.
fn show(columns: &[&dyn Array]) -> StringArray {
    let value = |column: &&dyn Array, row| {
        let shown = format!("{:?}", column.slice(row, 1));
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let row = |row| columns.iter().map(|column| value(column, row)).collect();
    let rows = (0..columns[0].len()).map(|index| -> Vec<String> { row(index) });
    rows.map(|values| Some(values.join(" "))).collect()
}

/// Loops for a given number of steps in each row.
#[udf(columns)]
pub fn busy_column(steps: &Int64Array) -> Int64Array {
    let step = |state: i64, step: i64| (state ^ step).rotate_left(7);
    steps.unary(|steps| (0..steps).fold(1, step))
}

/// Fails without naming a row.
///
/// # Errors
///
/// Always.
#[udf(columns)]
pub fn always_fails(n: &Int64Array) -> Result<Int64Array, String> {
    Err(format!("{} is not what was asked for", n.data_type()))
}

/// Traps.
#[udf(columns)]
pub fn panics_over_columns(n: &Int64Array) -> Int64Array {
    assert!(n.is_empty(), "there are numbers");
    n.clone()
}

/// Returns one row too few.
#[udf(columns)]
pub fn too_short(n: &Int64Array) -> Int64Array {
    n.slice(0, n.len() - 1)
}

/// Returns numbers of another width than declared.
#[udf(columns, returns = "BIGINT")]
pub fn too_narrow(n: &Int64Array) -> ArrayRef {
    Arc::new(Int32Array::from(vec![1; n.len()]))
}

/// Returns text in a layout that ABI 1 does not have.
#[udf(columns, returns = "VARCHAR")]
pub fn as_views(text: &StringArray) -> ArrayRef {
    Arc::new(text.iter().collect::<StringViewArray>())
}

/// Arguments that functions keep, which is an error.
static KEPT: Mutex<Vec<ArrayRef>> = Mutex::new(Vec::new());

fn keep(array: &dyn Array) {
    let mut kept = KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    kept.push(array.slice(0, array.len()));
}

/// Keeps its argument.
#[udf(columns, volatile)]
pub fn keeps(n: &Int64Array) -> Int64Array {
    keep(n);
    Int64Array::from(vec![0; n.len()])
}

/// Keeps its argument, and also returns it.
#[udf(columns)]
pub fn keeps_and_gives(text: &StringArray) -> StringArray {
    keep(text);
    text.clone()
}

/// Keeps its argument, and fails.
///
/// # Errors
///
/// Always.
#[udf(columns)]
pub fn keeps_and_fails(n: &Int64Array) -> Result<Int64Array, &'static str> {
    keep(n);
    Err("not today")
}

/// Keeps a value of its own, as a volatile function may: the number of rows of
/// its first call.
#[udf(columns, volatile)]
pub fn keeps_its_own(n: &Int64Array) -> BooleanArray {
    static OWN: Mutex<Option<Int64Array>> = Mutex::new(None);
    let mut own = OWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let first = own.get_or_insert_with(|| Int64Array::from(vec![7; n.len()]));
    let intact = first.values().iter().all(|value| *value == 7);
    BooleanArray::from(vec![intact; n.len()])
}
