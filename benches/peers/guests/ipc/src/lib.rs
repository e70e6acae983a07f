//! The functions over arrays of Arrow, and arrays as streams of Arrow IPC: what
//! the module and the component, and their hosts, have in common.
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

/// Writes a batch into a vector, as a stream, in the place of what it holds.
///
/// # Errors
///
/// If Arrow cannot.
pub fn encode(batch: &RecordBatch, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    bytes.clear();
    let mut writer = StreamWriter::try_new(bytes, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()
}

/// Reads a stream of one batch.
///
/// # Errors
///
/// If it is none.
pub fn decode(bytes: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut batches = StreamReader::try_new(Cursor::new(bytes), None)?;
    let none = || ArrowError::IpcError("there is no batch".to_owned());
    batches.next().ok_or_else(none)?
}

/// A batch of one column.
///
/// # Errors
///
/// None that a column has.
pub fn batch_of(column: ArrayRef) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable([("column", column, true)])
}

/// What a function answers for columns of its arguments, which have no nulls.
///
/// # Errors
///
/// What the function says, or that there is none of that name and so many
/// arguments.
pub fn answer(function: &str, columns: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
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
        ("luhn_ok", [text]) => bits(texts(text).map(udfs::luhn_ok)),
        ("jaro_winkler", [a, b]) => floats(
            texts(a)
                .zip(texts(b))
                .map(|(a, b)| udfs::jaro_winkler(a, b)),
        ),
        ("is_us_registration", [text]) => bits(texts(text).map(udfs::is_us_registration)),
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
            let message = format!("no {function} of {} arguments", columns.len());
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

fn numbers(answers: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(answers))
}

fn checked(
    answers: impl Iterator<Item = Result<i64, &'static str>>,
) -> Result<ArrayRef, ArrowError> {
    let answers: Result<Vec<i64>, _> = answers.collect();
    let answers = answers.map_err(|message| ArrowError::ComputeError(message.to_owned()))?;
    Ok(Arc::new(Int64Array::from(answers)))
}

fn floats(answers: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(answers))
}

fn bits(answers: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(answers.collect::<Vec<_>>()))
}

fn strings(answers: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(answers))
}
