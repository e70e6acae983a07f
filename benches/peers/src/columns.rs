//! Functions and their arguments as columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema};
use fusebox_benches_data::{ArgumentColumn, Checksum, ResultValue, arguments};

use crate::peer::Result;

/// Functions whose source needs no SDK, and their return types.
const FUNCTIONS: [(&str, DataType); 15] = [
    ("add", DataType::Int64),
    ("gcd", DataType::Int64),
    ("collatz_steps", DataType::Int64),
    ("mod_pow", DataType::Int64),
    ("polynomial", DataType::Float64),
    ("haversine_km", DataType::Float64),
    ("black_scholes", DataType::Float64),
    ("fnv1a", DataType::Int64),
    ("luhn_ok", DataType::Boolean),
    ("jaro_winkler", DataType::Float64),
    ("is_us_registration", DataType::Boolean),
    ("slug", DataType::Utf8),
    ("upper", DataType::Utf8),
    ("json_get", DataType::Utf8),
    ("sha256_hex", DataType::Utf8),
];

/// Returns arguments and return type of a function, or `None` if its source needs the
/// SDK.
pub(crate) fn of(function: &str, rows: usize) -> Result<Option<(RecordBatch, DataType)>> {
    let known = FUNCTIONS.iter().find(|(name, _)| *name == function);
    let Some((_, returns)) = known else {
        return Ok(None);
    };
    let arguments = arguments(function, rows).ok_or("no arguments are defined for the function")?;
    // A batch has no constants: they are repeated in a column.
    let repeated = |text: &&str| Ok(Arc::new(StringArray::new_repeated(text, rows)) as ArrayRef);
    let constants = arguments.constants.iter().map(repeated);
    let columns = arguments.columns.into_iter().map(array).chain(constants);
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    let field = |(index, column): (usize, &ArrayRef)| {
        Field::new(format!("a{index}"), column.data_type().clone(), true)
    };
    let fields: Vec<Field> = columns.iter().enumerate().map(field).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    Ok(Some((batch, returns.clone())))
}

fn array(column: ArgumentColumn) -> Result<ArrayRef> {
    Ok(match column {
        ArgumentColumn::Int64(values) => Arc::new(Int64Array::from(values)),
        ArgumentColumn::Float64(values) => Arc::new(Float64Array::from(values)),
        ArgumentColumn::Utf8(values) => Arc::new(StringArray::from_iter_values(values)),
        ArgumentColumn::Binary(values) => Arc::new(BinaryArray::from_iter_values(values)),
        other => return Err(format!("unsupported arguments: {other:?}").into()),
    })
}

/// Returns the checksum of a column of one of the return types in [`FUNCTIONS`].
pub(crate) fn checksum(column: &ArrayRef) -> Result<u64> {
    let mut checksum = Checksum::default();
    for row in 0..column.len() {
        checksum.add(match column.data_type() {
            _ if column.is_null(row) => ResultValue::Null,
            DataType::Int64 => {
                ResultValue::Number(column.as_primitive::<Int64Type>().value(row) as u64)
            }
            DataType::Float64 => {
                ResultValue::Number(column.as_primitive::<Float64Type>().value(row).to_bits())
            }
            DataType::Boolean => ResultValue::Number(column.as_boolean().value(row).into()),
            DataType::Utf8 => ResultValue::Bytes(column.as_string::<i32>().value(row).as_bytes()),
            other => return Err(format!("unsupported return type {other}").into()),
        });
    }
    Ok(checksum.get())
}
