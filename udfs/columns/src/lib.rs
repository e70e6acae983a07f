//! Functions over whole columns, with the kernels of arrow-rs in the guest.
//!
//! A golden file of SQL calls them all: those that one would write, and those
//! that go wrong in every way that the compiler lets pass.
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

/// The sum, or an error where it is no BIGINT.
///
/// # Errors
///
/// If a sum overflows.
#[udf(columns, returns = "BIGINT")]
pub fn add_checked(a: Column<Int64Array>, b: Column<Int64Array>) -> Result<ArrayRef, ArrowError> {
    numeric::add(&a, &b)
}

/// The number with its sign changed: nulls are those of the argument, and
/// shared with it.
///
/// # Errors
///
/// If the result is no BIGINT.
#[udf(columns, returns = "BIGINT")]
pub fn negated(n: &Int64Array) -> Result<ArrayRef, ArrowError> {
    numeric::neg(n)
}

/// Whether a text is part of another.
///
/// # Errors
///
/// If the texts cannot be compared, which those of one type can.
#[udf(columns)]
pub fn contains_text(
    text: Column<StringArray>,
    part: Column<StringArray>,
) -> Result<BooleanArray, ArrowError> {
    like::contains(&text, &part)
}

/// Whether a price is the lower one.
///
/// # Errors
///
/// If the prices cannot be compared, which those of one type can.
#[udf(columns, stable, strict)]
pub fn cheaper(
    #[sql("DECIMAL(12, 2)")] a: &Decimal128Array,
    #[sql("DECIMAL(12, 2)")] b: Column<Decimal128Array>,
) -> Result<BooleanArray, ArrowError> {
    cmp::lt(a, &b)
}

/// The sum of the numbers in a list, or null if there are none.
#[udf(columns)]
pub fn sum_of_list(#[sql("BIGINT[]")] lists: &ListArray) -> Int64Array {
    let sum = |list: ArrayRef| aggregate::sum(list.as_primitive::<Int64Type>());
    lists.iter().map(|list| sum(list?)).collect()
}

/// Two numbers in their order, or null if one is.
///
/// # Errors
///
/// If the fields of the struct do not match, which they do.
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

/// The keys of a map, whose buffers are those of the argument.
///
/// # Errors
///
/// If the keys are no list, which they are.
#[udf(columns, returns = "VARCHAR[]")]
pub fn keys_of_map(#[sql("MAP(VARCHAR, BIGINT)")] map: &MapArray) -> Result<ListArray, ArrowError> {
    let item = Arc::new(Field::new("key", DataType::Utf8, false));
    let (offsets, keys) = (map.offsets().clone(), map.keys().clone());
    ListArray::try_new(item, offsets, keys, map.nulls().cloned())
}

/// The seconds since 1970, of points in time with a zone.
///
/// # Errors
///
/// If the divisor is zero, which it is not.
#[udf(columns, name = "seconds_of", returns = "BIGINT")]
pub fn seconds(
    #[sql("TIMESTAMP WITH TIME ZONE")] time: &TimestampNanosecondArray,
) -> Result<Int64Array, ArrowError> {
    let seconds = |nanoseconds: i64| nanoseconds.div_euclid(1_000_000_000);
    Ok(time.unary(seconds))
}

/// Hands its argument back.
#[udf(columns)]
pub fn same_text(text: &StringArray) -> StringArray {
    text.clone()
}

/// Hands its argument back, part by part: a slice of all of it.
#[udf(columns, returns = "STRUCT(a BIGINT[], b VARCHAR)[]")]
pub fn same_structs(#[sql("STRUCT(a BIGINT[], b VARCHAR)[]")] lists: &dyn Array) -> ArrayRef {
    lists.slice(0, lists.len())
}

/// Hands its argument back, which the engine has as codes of a dictionary.
#[udf(columns)]
pub fn same_codes(
    #[sql("ARROW('Dictionary(Int32, Utf8)')")] text: Column<StringArray>,
) -> StringArray {
    text.array().clone()
}

/// Shows a row of every type that an array of arrow-rs stands for by itself.
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

/// The same of times.
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

/// The same of types that have to be written down.
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

/// The values of each row, as Arrow shows them.
fn show(columns: &[&dyn Array]) -> StringArray {
    let value = |column: &&dyn Array, row| {
        let shown = format!("{:?}", column.slice(row, 1));
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let row = |row| columns.iter().map(|column| value(column, row)).collect();
    let rows = (0..columns[0].len()).map(|index| -> Vec<String> { row(index) });
    rows.map(|values| Some(values.join(" "))).collect()
}

/// Goes on for as many steps as it is told, in each row.
#[udf(columns)]
pub fn busy_column(steps: &Int64Array) -> Int64Array {
    let step = |state: i64, step: i64| (state ^ step).rotate_left(7);
    steps.unary(|steps| (0..steps).fold(1, step))
}

/// Fails, as one that has nothing to say of any row.
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

/// Forgets the last row.
#[udf(columns)]
pub fn too_short(n: &Int64Array) -> Int64Array {
    n.slice(0, n.len() - 1)
}

/// Gives numbers of another width than it says.
#[udf(columns, returns = "BIGINT")]
pub fn too_narrow(n: &Int64Array) -> ArrayRef {
    Arc::new(Int32Array::from(vec![1; n.len()]))
}

/// Gives text in a layout that does not cross the border.
#[udf(columns, returns = "VARCHAR")]
pub fn as_views(text: &StringArray) -> ArrayRef {
    Arc::new(text.iter().collect::<StringViewArray>())
}

/// What a function keeps of its arguments, which it must not.
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

/// Keeps its argument, and hands it back as well.
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

/// Keeps what it has made itself, as a volatile function may: how many rows
/// there were when it was called first.
#[udf(columns, volatile)]
pub fn keeps_its_own(n: &Int64Array) -> BooleanArray {
    static OWN: Mutex<Option<Int64Array>> = Mutex::new(None);
    let mut own = OWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let first = own.get_or_insert_with(|| Int64Array::from(vec![7; n.len()]));
    let intact = first.values().iter().all(|value| *value == 7);
    BooleanArray::from(vec![intact; n.len()])
}
