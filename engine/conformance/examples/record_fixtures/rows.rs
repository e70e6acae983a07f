//! Rows of arguments: edges of each type first, then mixtures of them. They are recorded, so a
//! later release may make others.

use arrow_schema::{DataType, Field, IntervalUnit};
use fusebox_runtime::{Definition, Kind};
use fusebox_testing::SplitMix64;
use serde_json::{Value, json};

/// Rows of a function.
const ROWS: usize = 20;

/// Rows of a table function, and of one that returns its argument.
const FEW_ROWS: usize = 6;

/// Rows of all values; the others have moderate ones, of which most functions have answers.
const EDGES: usize = 8;

/// Moderate values at the beginning of each list.
const MODERATE: usize = 8;

const INTEGERS: [i64; 14] = [
    1,
    12,
    7,
    0,
    2,
    5,
    27,
    10,
    -1,
    -17,
    1_000,
    86_399,
    i64::MAX,
    i64::MIN,
];

const FLOATS: [f64; 14] = [
    1.0,
    40.64,
    -73.78,
    0.0,
    0.5,
    52.52,
    13.405,
    -1.5,
    -0.0,
    1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    5e-324,
];

const TEXTS: [&str; 14] = [
    "",
    "a",
    "Hello, World",
    "grüße aus Köln",
    "日本語 text",
    "4111 1111 1111 1111",
    "MARTHA",
    "MARHTA",
    "line one\nline two\n\nline four",
    "12.345",
    "-7",
    "😀 smile",
    "The quick brown fox jumps over the lazy dog, twice",
    "a,b;c d",
];

/// Makes rows of arguments.
pub(crate) fn rows(definition: &Definition, types: &[DataType]) -> Vec<Vec<Value>> {
    let name = definition.name.bytes();
    let seed = name.fold(1, |seed: u64, byte| {
        seed.wrapping_mul(131).wrapping_add(byte.into())
    });
    let mut random = SplitMix64(seed);
    let has_few = definition.kind == Kind::Table || definition.name.starts_with("same_");
    let count = match types.is_empty() && definition.kind != Kind::Window {
        true => 1,
        false if has_few => FEW_ROWS,
        false => ROWS,
    };
    let row = |row: usize| {
        let columns = types.iter().enumerate();
        let value = |(column, data_type): (usize, &DataType)| match row {
            // One row of nulls alone.
            3 if !matches!(data_type, DataType::Union(..)) => Value::Null,
            row if row < EDGES => value(data_type, 13 - row + 3 * column, true, &mut random),
            _ => {
                let at = random.below(MODERATE);
                value(data_type, at, true, &mut random)
            }
        };
        columns.map(value).collect()
    };
    (0..count).map(row).collect()
}

/// Makes a value; the number `at` chooses among those of types without children.
fn value(data_type: &DataType, at: usize, is_nullable: bool, random: &mut SplitMix64) -> Value {
    use DataType::*;
    // A union has no nulls but those of its types.
    if is_nullable && !matches!(data_type, Union(..)) && random.one_in(8) {
        return Value::Null;
    }
    match data_type {
        Null => Value::Null,
        Boolean => at.is_multiple_of(2).into(),
        Utf8 | LargeUtf8 | Utf8View => TEXTS[at % TEXTS.len()].into(),
        Binary | LargeBinary | BinaryView => hex(TEXTS[at % TEXTS.len()].as_bytes()),
        FixedSizeBinary(size) => hex(&vec![at as u8; *size as usize]),
        Float16 => {
            const BITS: [&str; 6] = ["0000", "3c00", "8000", "7c00", "7e01", "3555"];
            format!("0x{}", BITS[at % BITS.len()]).into()
        }
        Float32 => format!("0x{:08x}", (FLOATS[at % FLOATS.len()] as f32).to_bits()).into(),
        Float64 => format!("0x{:016x}", FLOATS[at % FLOATS.len()].to_bits()).into(),
        Interval(IntervalUnit::DayTime) => json!([small(at), small(at + 1)]),
        Interval(IntervalUnit::MonthDayNano) => json!([small(at), small(at + 1), small(at + 2)]),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
            list(item, random.below(4), at, random)
        }
        FixedSizeList(item, size) => list(item, *size as usize, at, random),
        Struct(fields) => {
            let fields = fields.iter().enumerate();
            fields
                .map(|(index, field)| child(field, at + index, random))
                .collect()
        }
        Map(entries, _) => {
            let Struct(fields) = entries.data_type() else {
                return json!([]);
            };
            let entry = |index: usize| {
                // Keys in order, and each once.
                let key = ["1", "2"][index];
                let key = match fields[0].data_type().is_numeric() {
                    true => key.into(),
                    false => format!("key {key}").into(),
                };
                Value::Array(vec![key, child(&fields[1], at + index, random)])
            };
            (0..at % 3).map(entry).collect()
        }
        Union(fields, _) => {
            let index = at % fields.len().max(1);
            let found = fields.iter().nth(index);
            found.map_or(Value::Null, |(id, field)| {
                json!([id, child(field, at, random)])
            })
        }
        Dictionary(_, values) => value(values, at, false, random),
        RunEndEncoded(_, values) => value(values.data_type(), at, false, random),
        other => integer(other, at),
    }
}

fn child(field: &Field, at: usize, random: &mut SplitMix64) -> Value {
    value(field.data_type(), at, field.is_nullable(), random)
}

fn list(item: &Field, length: usize, at: usize, random: &mut SplitMix64) -> Value {
    (0..length)
        .map(|index| child(item, at + index, random))
        .collect()
}

fn hex(bytes: &[u8]) -> Value {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<String>().into()
}

fn small(at: usize) -> String {
    (at as i64 * 7 - 20).to_string()
}

/// Makes an integer that fits its type; the greatest and the least are those of the type.
fn integer(data_type: &DataType, at: usize) -> Value {
    use DataType::*;
    let (least, greatest) = match data_type {
        Decimal32(precision, _)
        | Decimal64(precision, _)
        | Decimal128(precision, _)
        | Decimal256(precision, _) => {
            let greatest = 10_i64.pow(u32::from(*precision).min(18)) - 1;
            (-greatest, greatest.into())
        }
        UInt8 => (0, u8::MAX.into()),
        UInt16 => (0, u16::MAX.into()),
        UInt32 => (0, u32::MAX.into()),
        UInt64 => (0, u64::MAX.into()),
        other => match other.primitive_width() {
            Some(1) => (i8::MIN.into(), i8::MAX.into()),
            Some(2) => (i16::MIN.into(), i16::MAX.into()),
            Some(4) => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i128::from(i64::MAX)),
        },
    };
    let found = i128::from(INTEGERS[at % INTEGERS.len()]);
    let found = match INTEGERS[at % INTEGERS.len()] {
        i64::MAX => greatest,
        _ => found.clamp(least.into(), greatest),
    };
    found.to_string().into()
}
