//! Functions over Arrow arrays, and Arrow IPC streams: shared by the core module, the
//! component and their hosts.
#![forbid(unsafe_code)]

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

/// Encodes a batch as a stream. Replaces the contents of `bytes`.
///
/// # Errors
///
/// If Arrow cannot encode the batch.
pub fn encode(batch: &RecordBatch, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    bytes.clear();
    let mut writer = StreamWriter::try_new(bytes, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()
}

/// Decodes a stream of one batch.
///
/// # Errors
///
/// If the bytes are not a stream, or if it has no batch.
pub fn decode(bytes: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut batches = StreamReader::try_new(Cursor::new(bytes), None)?;
    let none = || ArrowError::IpcError("expected one batch, found none".to_owned());
    batches.next().ok_or_else(none)?
}

/// Creates a batch of one column.
///
/// # Errors
///
/// None: the signature is that of the constructor of Arrow.
pub fn batch_of(column: ArrayRef) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable([("column", column, true)])
}

/// Calls a function with columns without nulls.
///
/// # Errors
///
/// The error of a row, or an error if there is no function of this name and number of
/// arguments.
pub fn call(function: &str, columns: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    use udfs_plain as udfs;

    Ok(match (function, columns) {
        ("add", [a, b]) => numbers(longs(a).zip(longs(b)).map(|(a, b)| udfs::add(a, b))),
        ("gcd", [a, b]) => numbers(longs(a).zip(longs(b)).map(|(a, b)| udfs::gcd(a, b))),
        ("collatz_steps", [n]) => checked(longs(n).map(udfs::collatz_steps))?,
        ("mod_pow", [base, exponent, modulus]) => {
            let rows = longs(base).zip(longs(exponent)).zip(longs(modulus));
            checked(rows.map(|((base, exponent), modulus)| udfs::mod_pow(base, exponent, modulus)))?
        }
        ("polynomial", [x]) => floats(doubles(x).map(udfs::polynomial)),
        ("haversine_km", [lat1, lon1, lat2, lon2]) => {
            let rows = doubles(lat1).zip(doubles(lon1)).zip(doubles(lat2));
            let rows = rows.zip(doubles(lon2));
            floats(rows.map(|(((a, b), c), d)| udfs::haversine_km(a, b, c, d)))
        }
        ("black_scholes", [spot, strike, years, rate, volatility]) => {
            let rows = doubles(spot).zip(doubles(strike)).zip(doubles(years));
            let rows = rows.zip(doubles(rate)).zip(doubles(volatility));
            floats(rows.map(|((((a, b), c), d), e)| udfs::black_scholes(a, b, c, d, e)))
        }
        ("fnv1a", [text]) => numbers(texts(text).map(udfs::fnv1a)),
        ("luhn_ok", [text]) => booleans(texts(text).map(udfs::luhn_ok)),
        ("jaro_winkler", [a, b]) => floats(
            texts(a)
                .zip(texts(b))
                .map(|(a, b)| udfs::jaro_winkler(a, b)),
        ),
        ("is_us_registration", [text]) => booleans(texts(text).map(udfs::is_us_registration)),
        ("slug", [text]) => strings(texts(text).map(|text| Some(udfs::slug(text)))),
        ("upper", [text]) => strings(texts(text).map(|text| Some(udfs::upper(text)))),
        ("json_get", [json, key]) => {
            let rows = texts(json).zip(texts(key));
            strings(rows.map(|(json, key)| udfs::json_get(json, key)))
        }
        ("sha256_hex", [bytes]) => {
            strings(binaries(bytes).map(|bytes| Some(udfs::sha256_hex(bytes))))
        }
        (_, columns) => {
            let message = format!("no function {function} of {} arguments", columns.len());
            return Err(ArrowError::InvalidArgumentError(message));
        }
    })
}

fn longs(column: &ArrayRef) -> impl Iterator<Item = i64> {
    let column = column.as_primitive::<Int64Type>();
    column.values().iter().copied()
}

fn doubles(column: &ArrayRef) -> impl Iterator<Item = f64> {
    let column = column.as_primitive::<Float64Type>();
    column.values().iter().copied()
}

fn texts(column: &ArrayRef) -> impl Iterator<Item = &str> {
    let column = column.as_string::<i32>();
    (0..column.len()).map(|row| column.value(row))
}

fn binaries(column: &ArrayRef) -> impl Iterator<Item = &[u8]> {
    let column = column.as_binary::<i32>();
    (0..column.len()).map(|row| column.value(row))
}

fn numbers(results: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(results))
}

fn checked(
    results: impl Iterator<Item = Result<i64, &'static str>>,
) -> Result<ArrayRef, ArrowError> {
    let results: Result<Vec<i64>, _> = results.collect();
    let results = results.map_err(|message| ArrowError::ComputeError(message.to_owned()))?;
    Ok(Arc::new(Int64Array::from(results)))
}

fn floats(results: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(results))
}

fn booleans(results: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(results.collect::<Vec<_>>()))
}

fn strings(results: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(results))
}
