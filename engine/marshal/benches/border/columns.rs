//! Columns that are measured.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, ListArray, PrimitiveArray,
    StringArray, StringViewArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};

/// A column and its name in the results.
pub(crate) struct BenchColumn {
    pub(crate) name: String,
    /// The measured column: the last rows of `whole`.
    pub(crate) array: ArrayRef,
    pub(crate) whole: ArrayRef,
    has_goal: bool,
}

impl BenchColumn {
    /// The maximum ratio of a flat column or of string views.
    pub(crate) fn goal(&self, flat: Option<f64>, views: Option<f64>) -> Option<f64> {
        let goal = match self.array.data_type() {
            DataType::Utf8View => views,
            _ => flat,
        };
        goal.filter(|_| self.has_goal)
    }
}

/// First row of a slice, which is not a multiple of 8.
const FIRST: usize = 13;

/// Number of rows with goals. Other numbers are measured for comparison.
const GOAL_ROWS: usize = 8_192;

/// A type's name, a column, and whether it has a goal.
type NamedArray = (&'static str, ArrayRef, bool);

/// Columns of each type with and without nulls, whole and sliced.
pub(crate) fn columns(rows: usize) -> Vec<BenchColumn> {
    let mut columns = Vec::new();
    for (nulls, has_nulls) in [("full", false), ("nulls", true)] {
        for (slice, first) in [("whole", 0), ("sliced", FIRST)] {
            let rows_of_whole = first + rows;
            let mut arrays = fixed_width_arrays(rows_of_whole, has_nulls);
            arrays.extend(string_arrays(rows_of_whole, has_nulls));
            arrays.extend(nested_arrays(rows_of_whole, has_nulls));
            for (name, whole, has_goal) in arrays {
                columns.push(BenchColumn {
                    name: format!("{name}/{rows}/{nulls}/{slice}"),
                    array: whole.slice(first, rows),
                    whole,
                    has_goal: has_goal && rows == GOAL_ROWS,
                });
            }
        }
    }
    columns
}

/// Validity with a tenth of the rows null, or none.
fn validity(rows: usize, has_nulls: bool) -> Option<NullBuffer> {
    let validity = (0..rows).map(|row| !mixed(row).is_multiple_of(10));
    has_nulls.then(|| validity.collect())
}

fn integers(rows: usize, has_nulls: bool) -> PrimitiveArray<Int64Type> {
    let integers = (0..rows).map(|row| mixed(row) as i64);
    PrimitiveArray::new(integers.collect(), validity(rows, has_nulls))
}

/// Strings of up to 30 characters.
fn strings(rows: usize, nulls: Option<NullBuffer>) -> StringArray {
    let texts = (0..rows).map(|row| text(row, 30));
    let (offsets, data, _) = StringArray::from_iter_values(texts).into_parts();
    StringArray::new(offsets, data, nulls)
}

fn fixed_width_arrays(rows: usize, has_nulls: bool) -> Vec<NamedArray> {
    let nulls = || validity(rows, has_nulls);
    let floats = (0..rows).map(|row| mixed(row) as f64);
    let floats = PrimitiveArray::<Float64Type>::new(floats.collect(), nulls());
    let words = (0..rows).map(|row| mixed(row) as i32);
    let words = PrimitiveArray::<Int32Type>::new(words.collect(), nulls());
    let bits = (0..rows).map(|row| mixed(row).is_multiple_of(3)).collect();
    let decimals = (0..rows).map(|row| i128::from(mixed(row)) * 1_000_003);
    let decimals = Decimal128Array::new(decimals.collect(), nulls());
    let decimals = decimals.with_precision_and_scale(30, 4);
    let decimals = decimals.expect("the values have at most 30 digits");
    vec![
        ("int64", arc(integers(rows, has_nulls)), true),
        ("float64", arc(floats), true),
        ("int32", arc(words), true),
        ("boolean", arc(BooleanArray::new(bits, nulls())), true),
        ("decimal128", arc(decimals), true),
    ]
}

fn string_arrays(rows: usize, has_nulls: bool) -> Vec<NamedArray> {
    let nulls = validity(rows, has_nulls);
    let texts = |long: usize| (0..rows).map(move |row| text(row, long));
    let utf8 = |texts: &mut dyn Iterator<Item = String>| {
        let (offsets, data, _) = StringArray::from_iter_values(texts).into_parts();
        arc(StringArray::new(offsets, data, nulls.clone()))
    };
    let views = |long| {
        let texts = texts(long).enumerate().map(|(row, text)| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            (!is_null).then_some(text)
        });
        arc(texts.collect::<StringViewArray>())
    };
    let accents = |text: String| text.replace('e', "é");
    let (offsets, data, nulls_of_binary) = strings(rows, nulls.clone()).into_parts();
    let binary = BinaryArray::new(offsets, data, nulls_of_binary);
    vec![
        ("utf8", arc(strings(rows, nulls.clone())), true),
        ("utf8-long", utf8(&mut texts(90)), true),
        ("utf8-accents", utf8(&mut texts(30).map(accents)), true),
        ("binary", arc(binary), true),
        ("utf8view-short", views(12), true),
        ("utf8view-long", views(60), true),
    ]
}

fn nested_arrays(rows: usize, has_nulls: bool) -> Vec<NamedArray> {
    let lengths = (0..rows).map(|row| mixed(row) as usize % 5);
    let offsets = OffsetBuffer::from_lengths(lengths);
    let elements = offsets.last().copied().unwrap_or_default();
    let elements = integers(elements as usize, false);
    let item = field("item", DataType::Int64);
    let nulls = validity(rows, has_nulls);
    let list = ListArray::new(item, offsets, arc(elements), nulls);
    let pair = StructArray::from(vec![
        (field("a", DataType::Int64), arc(integers(rows, has_nulls))),
        (field("b", DataType::Utf8), arc(strings(rows, None))),
    ]);
    vec![("list", arc(list), false), ("struct", arc(pair), false)]
}

fn arc(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

fn field(name: &str, data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new(name, data_type, true))
}

/// A pseudorandom number for a row, the same in every run.
fn mixed(row: usize) -> u64 {
    let mut word = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ (word >> 31)
}

/// A string of at most `long` letters, and of at least `long / 3` if that is too
/// long for a view.
fn text(row: usize, long: usize) -> String {
    let least = if long / 3 > 12 { long / 3 } else { 0 };
    let len = least + mixed(row) as usize % (long + 1 - least);
    let letters = (0..len).map(|n| char::from(b'a' + (mixed(row + n) % 26) as u8));
    letters.collect()
}
