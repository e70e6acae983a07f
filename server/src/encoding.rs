//! Values of Arrow as those of PostgreSQL, and back; and batches for clients of Arrow.
//!
//! A column of a batch is converted once to one of few layouts, and then written value by value.

// Batches as messages of Arrow.
mod array_bytes;
pub(crate) mod arrow_messages;

// Rows of a result as messages.
pub(crate) mod rows;

// Columns in few layouts.
pub(crate) mod column;

// Values as text, as bytes and as JSON.
mod binary;
mod json_values;
mod text;

// Structs, maps and nested lists.
pub(crate) mod json;

// Values of parameters, and of rows of COPY.
pub(crate) mod parameters;

pub(crate) mod from_bytes;

// Arrays as text.
pub(crate) mod array_text;

// Types.
pub(crate) mod types;

// Dates and times.
pub(crate) mod calendar;

use arrow::error::ArrowError;

/// Value that the protocol cannot express, or a parameter that is no value of its type.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodingError {
    /// A value of a result.
    #[error("cannot return a value as {expected}: {cause}; cast it to another type")]
    Result { expected: String, cause: ArrowError },
    #[error(
        "expected a value of {0} in the range of PostgreSQL, found one outside; cast it to text"
    )]
    Range(&'static str),
    #[error("expected a row of at most 256 MiB, found more; select fewer or smaller columns")]
    RowTooLarge,
    #[error("parameter ${number} is no {expected}: {found}")]
    Parameter {
        number: usize,
        expected: String,
        found: String,
    },
}
