//! The columns that are measured.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, ListArray, PrimitiveArray,
    StringArray, StringViewArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};

/// A column, and what it is called in the results.
pub(crate) struct Column {
    pub(crate) name: String,
    /// What is lowered, the last rows of `whole`.
    pub(crate) array: ArrayRef,
    pub(crate) whole: ArrayRef,
    has_goal: bool,
}

impl Column {
    /// What the ratio should be at most: of a flat column or of views.
    pub(crate) fn goal(&self, flat: Option<f64>, views: Option<f64>) -> Option<f64> {
        let goal = match self.array.data_type() {
            DataType::Utf8View => views,
            _ => flat,
        };
        goal.filter(|_| self.has_goal)
    }
}

/// A row at which a slice begins: no multiple of 8.
const FIRST: usize = 13;

/// Rows of which goals speak. Others are there for comparison.
const ROWS: usize = 8_192;

/// Each type with and without nulls, as it is and sliced.
pub(crate) fn columns(rows: usize) -> Vec<Column> {
    let mut columns = Vec::new();
    for (nulls, has_nulls) in [("full", false), ("nulls", true)] {
        for (slice, first) in [("whole", 0), ("sliced", FIRST)] {
            for (name, whole, has_goal) in arrays(first + rows, has_nulls) {
                columns.push(Column {
                    name: format!("{name}/{rows}/{nulls}/{slice}"),
                    array: whole.slice(first, rows),
                    whole,
                    has_goal: has_goal && rows == ROWS,
                });
            }
        }
    }
    columns
}

fn arrays(rows: usize, has_nulls: bool) -> Vec<(&'static str, ArrayRef, bool)> {
    let nulls = || {
        let validity = (0..rows).map(|row| !mixed(row).is_multiple_of(10));
        has_nulls.then(|| validity.collect::<NullBuffer>())
    };
    let texts = |long: usize| (0..rows).map(move |row| text(row, long));
    let (offsets, data, _) = StringArray::from_iter_values(texts(30)).into_parts();
    let utf8 = |texts: &mut dyn Iterator<Item = String>| {
        let (offsets, data, _) = StringArray::from_iter_values(texts).into_parts();
        arc(StringArray::new(offsets, data, nulls()))
    };
    let integers = (0..rows).map(|row| mixed(row) as i64);
    let integers = PrimitiveArray::<Int64Type>::new(integers.collect(), nulls());
    let text_nulls = nulls();
    let views = |long| {
        let texts = texts(long).enumerate().map(|(row, text)| {
            let is_null = text_nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            (!is_null).then_some(text)
        });
        Arc::new(texts.collect::<StringViewArray>()) as ArrayRef
    };
    let decimals = (0..rows).map(|row| i128::from(mixed(row)) * 1_000_003);
    let decimals = Decimal128Array::new(decimals.collect(), nulls());
    let words = (0..rows).map(|row| mixed(row) as i32);
    let words = PrimitiveArray::<Int32Type>::new(words.collect(), nulls());
    let floats = (0..rows).map(|row| mixed(row) as f64);
    let floats = PrimitiveArray::<Float64Type>::new(floats.collect(), nulls());
    let bits = (0..rows).map(|row| mixed(row).is_multiple_of(3)).collect();
    let struct_fields = vec![
        (field("a", DataType::Int64), arc(integers.clone())),
        (
            field("b", DataType::Utf8),
            arc(StringArray::new(offsets.clone(), data.clone(), None)),
        ),
    ];
    let lengths = (0..rows).map(|row| mixed(row) as usize % 5);
    let list_offsets = OffsetBuffer::from_lengths(lengths);
    let elements = list_offsets.last().copied().unwrap_or_default();
    let elements = (0..elements as usize).map(|row| mixed(row) as i64);
    let elements = PrimitiveArray::<Int64Type>::from_iter_values(elements);
    let item = field("item", DataType::Int64);
    vec![
        ("int64", arc(integers), true),
        ("float64", arc(floats), true),
        ("int32", arc(words), true),
        ("boolean", arc(BooleanArray::new(bits, nulls())), true),
        (
            "decimal128",
            arc(decimals
                .with_precision_and_scale(30, 4)
                .expect("30 digits are enough")),
            true,
        ),
        (
            "utf8",
            arc(StringArray::new(offsets.clone(), data.clone(), nulls())),
            true,
        ),
        ("utf8-long", utf8(&mut texts(90)), true),
        (
            "utf8-accents",
            utf8(&mut texts(30).map(|text| text.replace('e', "é"))),
            true,
        ),
        (
            "binary",
            arc(BinaryArray::new(offsets, data, nulls())),
            true,
        ),
        ("utf8view-short", views(12), true),
        ("utf8view-long", views(60), true),
        (
            "list",
            arc(ListArray::new(item, list_offsets, arc(elements), nulls())),
            false,
        ),
        ("struct", arc(StructArray::from(struct_fields)), false),
    ]
}

fn arc(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

fn field(name: &str, data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new(name, data_type, true))
}

/// A number that looks random, and is that of the row in each run.
fn mixed(row: usize) -> u64 {
    let mut word = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ (word >> 31)
}

/// A text of at most `long` letters, and of at least `long / 3` where that is
/// more than a view has room for.
fn text(row: usize, long: usize) -> String {
    let least = if long / 3 > 12 { long / 3 } else { 0 };
    let len = least + mixed(row) as usize % (long + 1 - least);
    let letters = (0..len).map(|n| char::from(b'a' + (mixed(row + n) % 26) as u8));
    letters.collect()
}
