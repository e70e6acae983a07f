//! Columns to JSON.

use std::fmt::Write as _;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, downcast_run_array};
use arrow_buffer::i256;
use arrow_schema::DataType;
use serde_json::Value;

use super::Number;

/// Returns the values of a column, one for each row. Those of dictionaries and runs are the values
/// that they stand for.
pub fn encode(column: &ArrayRef) -> Vec<Value> {
    use DataType::*;
    match column.data_type() {
        Null => vec![Value::Null; column.len()],
        Boolean => valid(column, |row| column.as_boolean().value(row).into()),
        Utf8 => valid(column, |row| column.as_string::<i32>().value(row).into()),
        LargeUtf8 => valid(column, |row| column.as_string::<i64>().value(row).into()),
        Utf8View => valid(column, |row| column.as_string_view().value(row).into()),
        Binary => valid(column, |row| hex(column.as_binary::<i32>().value(row))),
        LargeBinary => valid(column, |row| hex(column.as_binary::<i64>().value(row))),
        BinaryView => valid(column, |row| hex(column.as_binary_view().value(row))),
        FixedSizeBinary(_) => valid(column, |row| hex(column.as_fixed_size_binary().value(row))),
        List(_) => {
            let lists = column.as_list::<i32>();
            items(column, lists.values(), |row| {
                range(lists.value_offsets()[row], lists.value_length(row))
            })
        }
        LargeList(_) => {
            let lists = column.as_list::<i64>();
            items(column, lists.values(), |row| {
                range(lists.value_offsets()[row], lists.value_length(row))
            })
        }
        ListView(_) => {
            let lists = column.as_list_view::<i32>();
            items(column, lists.values(), |row| {
                range(lists.value_offset(row), lists.value_size(row))
            })
        }
        LargeListView(_) => {
            let lists = column.as_list_view::<i64>();
            items(column, lists.values(), |row| {
                range(lists.value_offset(row), lists.value_size(row))
            })
        }
        FixedSizeList(..) => {
            let lists = column.as_fixed_size_list();
            items(column, lists.values(), |row| {
                range(lists.value_offset(row), lists.value_length())
            })
        }
        Struct(_) => fields(column, column.as_struct().columns()),
        Map(..) => {
            let maps = column.as_map();
            let entries = fields(column, maps.entries().columns());
            valid(column, |row| {
                let range = range(maps.value_offsets()[row], maps.value_length(row));
                Value::Array(entries[range].to_vec())
            })
        }
        Union(..) => union(column),
        Dictionary(..) => dictionary(column),
        RunEndEncoded(..) => runs(column),
        _ => numbers(column),
    }
}

/// Returns the values of rows; null for those that are.
fn valid(column: &ArrayRef, value: impl Fn(usize) -> Value) -> Vec<Value> {
    let value = |row| match column.is_valid(row) {
        true => value(row),
        false => Value::Null,
    };
    (0..column.len()).map(value).collect()
}

/// Returns bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Value::String(text)
}

fn range<N: TryInto<usize>>(first: N, length: N) -> Range<usize> {
    // Arrow's arrays are valid: both are positions in a column.
    let [first, length] = [first, length].map(|number| number.try_into().unwrap_or_default());
    first..first + length
}

fn items(
    column: &ArrayRef,
    values: &ArrayRef,
    range: impl Fn(usize) -> Range<usize>,
) -> Vec<Value> {
    let values = encode(values);
    valid(column, |row| Value::Array(values[range(row)].to_vec()))
}

/// Returns the rows of columns, as lists of their values; the rows of `column` may be others.
fn fields(column: &ArrayRef, columns: &[ArrayRef]) -> Vec<Value> {
    let rows = columns.first().map_or(column.len(), |first| first.len());
    let columns: Vec<_> = columns.iter().map(encode).collect();
    let is_struct = matches!(column.data_type(), DataType::Struct(_));
    let row = |row| match is_struct && column.is_null(row) {
        true => Value::Null,
        false => columns.iter().map(|column| column[row].clone()).collect(),
    };
    (0..rows).map(row).collect()
}

/// Returns the values of a union, each with the number of its type before it.
fn union(column: &ArrayRef) -> Vec<Value> {
    let union = column.as_union();
    let DataType::Union(fields, _) = column.data_type() else {
        return Vec::new();
    };
    let children = fields.iter().map(|(id, _)| (id, encode(union.child(id))));
    let children: Vec<_> = children.collect();
    let value = |row| {
        let id = union.type_id(row);
        let child = children.iter().find(|(other, _)| *other == id);
        let value = child.and_then(|(_, values)| values.get(union.value_offset(row)));
        Value::Array(vec![id.into(), value.cloned().unwrap_or_default()])
    };
    (0..column.len()).map(value).collect()
}

fn dictionary(column: &ArrayRef) -> Vec<Value> {
    let dictionary = column.as_any_dictionary();
    let values = encode(dictionary.values());
    if values.is_empty() {
        return vec![Value::Null; column.len()];
    }
    let keys = dictionary.normalized_keys();
    valid(column, |row| values[keys[row]].clone())
}

fn runs(column: &ArrayRef) -> Vec<Value> {
    downcast_run_array!(
        column => {
            let values = encode(column.values());
            let value = |row| values[column.get_physical_index(row)].clone();
            (0..column.len()).map(value).collect()
        },
        _ => Vec::new()
    )
}

/// Returns the values of a column of numbers.
fn numbers(column: &ArrayRef) -> Vec<Value> {
    let Some(number) = Number::of(column.data_type()) else {
        return vec![Value::Null; column.len()];
    };
    let data = column.to_data();
    let values = data.buffers()[0].as_slice();
    let bytes = number.bytes();
    let first = data.offset() * bytes;
    valid(column, |row| {
        let at = first + row * bytes;
        number_value(number, &values[at..at + bytes])
    })
}

/// Returns a number, of little-endian bytes.
fn number_value(number: Number, bytes: &[u8]) -> Value {
    match number {
        Number::Float(_) => {
            let digits = bytes.iter().rev().map(|byte| format!("{byte:02x}"));
            Value::String(format!("0x{}", digits.collect::<String>()))
        }
        Number::Unsigned(_) => integer(bytes, false),
        Number::Signed(_) => integer(bytes, true),
        Number::Parts(parts) => {
            let mut rest = bytes;
            let part = |bytes: &usize| {
                let (part, after) = rest.split_at(*bytes);
                rest = after;
                integer(part, true)
            };
            Value::Array(parts.iter().map(part).collect())
        }
    }
}

fn integer(bytes: &[u8], is_signed: bool) -> Value {
    let is_negative = is_signed && bytes.last().is_some_and(|byte| *byte > 0x7f);
    let mut wide = [if is_negative { 0xff } else { 0 }; 32];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::String(i256::from_le_bytes(wide).to_string())
}
