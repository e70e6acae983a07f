//! Guest memory into Arrow columns.
//!
//! Guest memory is untrusted. Every address and every length is checked here,
//! once. Invalid data becomes an [`AbiViolation`], never a panic: constructors
//! that assert (such as Arrow's `OffsetBuffer::new`) are called only after
//! their preconditions were checked.
//!
//! Bytes are copied out of the guest before they are validated. Strings are the
//! exception: they are validated in place and may be copied one by one, which
//! is sound because linear memory is not shared and cannot change while it is
//! borrowed. Nesting is bounded by the declared type, not by the guest's
//! headers, and no more is copied than the caller's byte limit.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

// Columns and their children.
mod column;

// Columns without children.
mod leaf;

// Ranges of dates, times and durations.
mod ranges;

// Strings.
mod strings;

// Copies of buffers.
mod buffers;

// Dense unions.
mod union;

// Dictionaries, runs and sparse unions, made from the ABI's layouts.
mod encode;

// Columns that keep the reservation of their memory.
mod owned;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use fusebox_abi::{ArrowArray, FAILURE_MESSAGE_BYTES_MAX, Failure, Panic};

use self::column::ColumnReader;
use self::encode::{decoded_type, encode};
pub use self::owned::own_array;
use crate::abi_violation::AbiViolation;
use crate::address::GuestAddr;
use crate::budget::{BudgetExceeded, ByteBudget};
use crate::layout::Layout;
use crate::result_memory::{ResultMemory, ResultRefused};

/// An error of lifting a column.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiftError {
    /// The column violates the ABI.
    #[error(transparent)]
    AbiViolation(#[from] AbiViolation),
    /// The column is larger than its limit.
    #[error("the result has at least {bytes} bytes, which is above its limit")]
    TooLarge {
        /// Number of bytes counted before the limit was exceeded.
        bytes: u64,
    },
    /// There is no memory for the column.
    #[error(transparent)]
    Refused(#[from] ResultRefused),
}

impl From<BudgetExceeded> for LiftError {
    fn from(BudgetExceeded { bytes }: BudgetExceeded) -> Self {
        Self::TooLarge { bytes }
    }
}

impl LiftError {
    /// Converts an error in the child `name` into one of its parent, where
    /// `row_of` maps rows of the child to rows of the parent.
    fn in_child(self, name: &str, row_of: impl Fn(u64) -> u64) -> Self {
        match self {
            Self::AbiViolation(violation) => violation.in_child(name, row_of).into(),
            other => other,
        }
    }
}

/// Byte budget of one column, charged to the memory of results.
struct LiftBudget<'a> {
    counted: ByteBudget,
    memory: &'a ResultMemory<'a>,
}

impl<'a> LiftBudget<'a> {
    fn new(bytes_max: u64, memory: &'a ResultMemory<'a>) -> Self {
        Self {
            counted: ByteBudget::new(bytes_max),
            memory,
        }
    }

    /// Counts and charges `bytes` more, which are about to be copied.
    fn take(&mut self, bytes: u64) -> Result<(), LiftError> {
        self.counted.take(bytes)?;
        self.charge(bytes)
    }

    /// Charges `bytes` that only the host needs: they do not count as bytes of the
    /// result.
    fn charge(&self, bytes: u64) -> Result<(), LiftError> {
        Ok(self.memory.charge(bytes)?)
    }
}

/// Size in bytes of a column of nulls, which has the values of fixed-size types.
fn null_column_bytes(rows: u64, data_type: &DataType) -> u64 {
    let bytes = Layout::of(data_type).map_or(0, |layout| layout.min_bytes(rows));
    bytes.saturating_add(rows)
}

/// Makes a column of `rows` nulls with at most `bytes_max` bytes.
///
/// # Errors
///
/// [`LiftError::TooLarge`] if it would have more, [`LiftError::Refused`] if
/// `results` has no memory for it.
pub fn null_column(
    data_type: &DataType,
    rows: usize,
    bytes_max: u64,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, LiftError> {
    LiftBudget::new(bytes_max, results).take(null_column_bytes(rows as u64, data_type))?;
    Ok(own_array(new_null_array(data_type, rows), results))
}

/// Copies the column of `data_type` with the header at `header` out of
/// `memory`.
///
/// The column must have `rows` rows, and at most `bytes_max` bytes of its
/// buffers may be in use. Rows that are null in `nulls` are null in the result,
/// whatever the guest wrote: that is what STRICT promises.
///
/// # Errors
///
/// [`LiftError`] if the guest violated the ABI or the column is too large.
///
/// # Panics
///
/// If `data_type` has no [`Layout`].
pub fn lift(
    header: GuestAddr,
    memory: &[u8],
    data_type: &DataType,
    rows: u64,
    nulls: Option<&NullBuffer>,
    bytes_max: u64,
) -> Result<ArrayRef, LiftError> {
    let rows = rows..=rows;
    let results = ResultMemory::default();
    lift_rows_within(header, memory, data_type, rows, nulls, bytes_max, &results)
}

/// Copies a column like [`lift`], where the guest chooses the number of rows in
/// the range `rows`. `nulls` has the largest number of rows. The memory of the
/// column is charged to `results`, and released with the column.
///
/// # Errors
///
/// As [`lift`]; [`AbiViolation::RowsBetween`] if the number of rows is out of
/// range; [`LiftError::Refused`] if there is no memory. Nothing remains charged
/// after an error.
///
/// # Panics
///
/// If `data_type` has no [`Layout`].
pub fn lift_rows_within(
    header: GuestAddr,
    memory: &[u8],
    data_type: &DataType,
    rows: RangeInclusive<u64>,
    nulls: Option<&NullBuffer>,
    bytes_max: u64,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, LiftError> {
    let before = results.bytes();
    let lifted = lift_column(header, memory, data_type, rows, nulls, bytes_max, results);
    if lifted.is_err() {
        results.release_to(before);
    }
    lifted
}

fn lift_column(
    header: GuestAddr,
    memory: &[u8],
    data_type: &DataType,
    rows: RangeInclusive<u64>,
    nulls: Option<&NullBuffer>,
    bytes_max: u64,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, LiftError> {
    let header = ArrowArray::from_bytes(&header.array(memory)?);
    let found = header.length;
    let rows = match u64::try_from(found) {
        Ok(length) if rows.contains(&length) => length,
        _ if rows.start() == rows.end() => {
            let expected = *rows.end();
            return Err(AbiViolation::Rows { found, expected }.into());
        }
        _ => {
            let (least, most) = rows.into_inner();
            return Err(AbiViolation::RowsBetween { found, least, most }.into());
        }
    };
    // With fewer rows than the maximum, the first ones count.
    let nulls = nulls.map(|nulls| match nulls.len() as u64 > rows {
        true => Cow::Owned(nulls.slice(0, rows as usize)),
        false => Cow::Borrowed(nulls),
    });
    let budget = LiftBudget::new(bytes_max, results);
    let mut reader = ColumnReader { memory, budget };
    let column = reader.column(&header, 0, rows, &decoded_type(data_type), nulls.as_deref())?;
    if column.data_type() == data_type {
        return Ok(column);
    }
    let encoded = encode(column, data_type, &mut reader.budget)?;
    reader
        .budget
        .charge(encoded.get_array_memory_size() as u64)?;
    Ok(own_array(encoded, results))
}

/// Copies the row and the message of the [`Failure`] at `header`, of a call
/// with `rows` rows. Control characters in the message are escaped.
///
/// # Errors
///
/// [`AbiViolation`] if the failure does not lie in `memory` or its row is not
/// one of the batch.
pub fn lift_failure(
    header: GuestAddr,
    memory: &[u8],
    rows: u64,
) -> Result<(Option<u64>, String), AbiViolation> {
    let failure = Failure::from_bytes(&header.array(memory)?);
    let row = match u64::try_from(failure.row) {
        Ok(row) if row < rows => Some(row),
        Err(_) if failure.row == -1 => None,
        _ => {
            return Err(AbiViolation::FailedRow {
                row: failure.row,
                rows,
            });
        }
    };
    let len = failure.message_len.min(FAILURE_MESSAGE_BYTES_MAX);
    let message = GuestAddr(failure.message).bytes(len.into(), memory)?;
    Ok((row, escape_control(&String::from_utf8_lossy(message))))
}

/// Copies the message and source position of the [`Panic`] at `address`, with
/// control characters escaped.
///
/// Returns `None` if there is no valid message; the trap is the error then.
pub fn lift_panic(address: GuestAddr, memory: &[u8]) -> Option<String> {
    let panic = Panic::from_bytes(&address.array(memory).ok()?);
    let text = |address: u32, len: u32| {
        let len = len.min(FAILURE_MESSAGE_BYTES_MAX);
        let bytes = GuestAddr(address).bytes(len.into(), memory).ok();
        let bytes = bytes.filter(|bytes| address != 0 && !bytes.is_empty());
        bytes.map(|bytes| escape_control(&String::from_utf8_lossy(bytes)))
    };
    let message = text(panic.message, panic.message_len)?;
    Some(match text(panic.file, panic.file_len) {
        Some(file) => format!("{message} at {file}:{}:{}", panic.line, panic.column),
        None => message,
    })
}

/// Copies a message of `length` bytes that the guest logs, at most [`LOG_MESSAGE_BYTES_MAX`]
/// of them, with control characters escaped; `None` if it lies outside of the memory.
pub fn lift_message(address: GuestAddr, length: u32, memory: &[u8]) -> Option<String> {
    let bytes = address.bytes(length.into(), memory).ok()?;
    let cut = bytes.get(..LOG_MESSAGE_BYTES_MAX).unwrap_or(bytes);
    let mut text = escape_control(String::from_utf8_lossy(cut).trim_end_matches('\n'));
    if cut.len() < bytes.len() || text.len() > LOG_MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(LOG_MESSAGE_BYTES_MAX));
        text.push('…');
    }
    Some(text)
}

/// Maximum bytes of a message that a guest logs; an ellipsis stands for the rest.
pub const LOG_MESSAGE_BYTES_MAX: usize = 1 << 10;

/// Escapes control characters: messages of guests reach terminals and logs,
/// where such a character could move the cursor or forge a line.
fn escape_control(message: &str) -> String {
    message
        .chars()
        .flat_map(|c| {
            let (literal, escaped) = if c.is_control() {
                (None, Some(c.escape_default()))
            } else {
                (Some(c), None)
            };
            literal.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}
