//! Guest memory into Arrow columns.
//!
//! The bytes come from code we do not trust. Every address and every length is
//! checked here, once. A bad answer becomes a [`Breach`], never a panic, so a
//! constructor that asserts (Arrow's `OffsetBuffer::new` does) is called only
//! after its rule has been checked. Bytes are copied out of the guest before
//! they are looked at, but for texts, which are checked first and may be copied
//! one by one: nobody writes to a memory that is borrowed and not shared. What
//! is nested is followed as deep as the type goes, whatever the guest says, and
//! no more is copied than the caller allows.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

// Columns with their children.
mod column;

// Columns without.
mod leaf;

// Texts.
mod text;

// The buffers of both.
mod buffers;

// Unions, whose rows stand in several children.
mod union;

// What Arrow has several layouts of.
mod dress;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use arrow_array::{ArrayRef, new_null_array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use fusebox_abi::{ArrowArray, FAILURE_MESSAGE_BYTES_MAX, Failure, Panic};

use self::column::Reader;
use self::dress::{dress, plain};
use crate::address::GuestAddr;
use crate::breach::Breach;
use crate::layout::Layout;

/// Why a column was not copied.
#[derive(Debug, PartialEq, Eq)]
pub enum Unlifted {
    /// It breaks the contract.
    Breach(Breach),
    /// It keeps the contract so far, and has so many bytes at least, more than
    /// it may have.
    TooLarge {
        /// How many bytes were counted.
        bytes: u64,
    },
}

impl From<Breach> for Unlifted {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

impl Unlifted {
    /// The same of the column that has the child `name`, the rows of which
    /// stand in its rows `row_of`.
    fn in_child(self, name: &str, row_of: impl Fn(u64) -> u64) -> Self {
        match self {
            Self::Breach(breach) => Self::Breach(breach.in_child(name, row_of)),
            too_large => too_large,
        }
    }
}

/// What may still be copied out of a guest, or made of that.
struct Allowance {
    bytes: u64,
    bytes_max: u64,
}

impl Allowance {
    fn take(&mut self, bytes: u64) -> Result<(), Unlifted> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.bytes > self.bytes_max {
            true => Err(Unlifted::TooLarge { bytes: self.bytes }),
            false => Ok(()),
        }
    }

    /// Takes what so many nulls of a type need: a list of a fixed size has room
    /// for its elements.
    fn take_nulls(&mut self, rows: u64, data_type: &DataType) -> Result<(), Unlifted> {
        let bytes = Layout::of(data_type).map_or(0, |layout| layout.bytes(rows));
        self.take(bytes.saturating_add(rows))
    }
}

/// A column of nulls, of `bytes_max` bytes at most.
///
/// # Errors
///
/// [`Unlifted::TooLarge`] if it would have more.
pub fn nulls(data_type: &DataType, rows: usize, bytes_max: u64) -> Result<ArrayRef, Unlifted> {
    let mut allowance = Allowance {
        bytes: 0,
        bytes_max,
    };
    allowance.take_nulls(rows as u64, data_type)?;
    Ok(new_null_array(data_type, rows))
}

/// Copies the column of `data_type` whose header stands at `header` out of
/// `memory`. It must have `rows` rows, and no more than `bytes_max` bytes of its
/// buffers in use.
///
/// A row that `nulls` says is null is null in the answer too: that is what
/// STRICT promises, whatever the guest wrote.
///
/// # Errors
///
/// [`Unlifted`] says which rule the guest broke, or that the column is too large.
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
) -> Result<ArrayRef, Unlifted> {
    lift_some(header, memory, data_type, rows..=rows, nulls, bytes_max)
}

/// Copies a column as [`lift`] does, of which it is for the guest to say how
/// many rows it has: one of the numbers `rows`. `nulls` are those of the most.
pub fn lift_some(
    header: GuestAddr,
    memory: &[u8],
    data_type: &DataType,
    rows: RangeInclusive<u64>,
    nulls: Option<&NullBuffer>,
    bytes_max: u64,
) -> Result<ArrayRef, Unlifted> {
    let header = ArrowArray::from_bytes(&header.array(memory)?);
    let found = header.length;
    let rows = match u64::try_from(found) {
        Ok(length) if rows.contains(&length) => length,
        _ if rows.start() == rows.end() => {
            let expected = *rows.end();
            return Err(Breach::Rows { found, expected }.into());
        }
        _ => {
            let (least, most) = rows.into_inner();
            return Err(Breach::RowsBetween { found, least, most }.into());
        }
    };
    // Of fewer rows than there might be, those in front.
    let nulls = nulls.map(|nulls| match nulls.len() as u64 > rows {
        true => Cow::Owned(nulls.slice(0, rows as usize)),
        false => Cow::Borrowed(nulls),
    });
    let mut allowance = Allowance {
        bytes: 0,
        bytes_max,
    };
    let mut reader = Reader {
        memory,
        allowance: &mut allowance,
    };
    let column = reader.column(&header, 0, rows, &plain(data_type), nulls.as_deref())?;
    dress(column, data_type, &mut allowance)
}

/// Copies the message and the row that a failed call of `rows` rows left at
/// `header`.
///
/// # Errors
///
/// [`Breach`] if that does not lie in `memory`, or names a row that is none.
pub fn failure(
    header: GuestAddr,
    memory: &[u8],
    rows: u64,
) -> Result<(Option<u64>, String), Breach> {
    let failure = Failure::from_bytes(&header.array(memory)?);
    let row = match u64::try_from(failure.row) {
        Ok(row) if row < rows => Some(row),
        Err(_) if failure.row == -1 => None,
        _ => {
            return Err(Breach::FailedRow {
                row: failure.row,
                rows,
            });
        }
    };
    let len = failure.message_len.min(FAILURE_MESSAGE_BYTES_MAX);
    let message = GuestAddr(failure.message).bytes(len.into(), memory)?;
    Ok((row, one_line(&String::from_utf8_lossy(message))))
}

/// Copies what a guest has left at `address` before it trapped. Of a guest that
/// left nothing sensible, the trap has to speak.
pub fn panic(address: GuestAddr, memory: &[u8]) -> Option<String> {
    let panic = Panic::from_bytes(&address.array(memory).ok()?);
    let text = |address: u32, len: u32| {
        let len = len.min(FAILURE_MESSAGE_BYTES_MAX);
        let bytes = GuestAddr(address).bytes(len.into(), memory).ok();
        let bytes = bytes.filter(|bytes| address != 0 && !bytes.is_empty());
        bytes.map(|bytes| one_line(&String::from_utf8_lossy(bytes)))
    };
    let message = text(panic.message, panic.message_len)?;
    Some(match text(panic.file, panic.file_len) {
        Some(file) => format!("{message} at {file}:{}:{}", panic.line, panic.column),
        None => message,
    })
}

/// A guest's words go to terminals and logs: control characters, which could
/// move a cursor or forge a line, are escaped.
fn one_line(message: &str) -> String {
    message
        .chars()
        .flat_map(|c| {
            let (plain, escaped) = if c.is_control() {
                (None, Some(c.escape_default()))
            } else {
                (Some(c), None)
            };
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}
