//! Guest memory into Arrow columns.
//!
//! The bytes come from code we do not trust. Every address and every length is
//! checked here, once. A bad answer becomes a [`Breach`], never a panic, so a
//! constructor that asserts (Arrow's `OffsetBuffer::new` does) is called only
//! after its rule has been checked. Bytes are copied out of the guest before
//! they are looked at, and nothing is looked at twice in guest memory.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray, StringViewArray,
    StringViewBuilder, downcast_primitive,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType};
use fusebox_abi::{ArrowArray, FAILURE_MESSAGE_BYTES_MAX, Failure, Panic};

use super::{GuestAddr, Layout};
use crate::error::Breach;

/// Why a column was not copied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unlifted {
    /// It breaks the contract.
    Breach(Breach),
    /// It keeps the contract, and has so many bytes, more than it may have.
    TooLarge { bytes: u64 },
}

impl From<Breach> for Unlifted {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

/// Copies the column of `data_type` whose header stands at `header` out of
/// `memory`. It must have `rows` rows, and no more than `bytes_max` bytes of its
/// buffers in use.
///
/// A row that `nulls` says is null is null in the answer too: that is what
/// STRICT promises, whatever the guest wrote.
pub(crate) fn lift(
    header: GuestAddr,
    memory: &[u8],
    data_type: &DataType,
    rows: u64,
    nulls: Option<&NullBuffer>,
    bytes_max: u64,
) -> Result<ArrayRef, Unlifted> {
    let header = ArrowArray::from_bytes(&header.array(memory)?);
    let layout = Layout::of(data_type).expect("the statement checked the return type");
    let mut column = Column::check(&header, layout, memory, rows, bytes_max)?;
    let nulls = NullBuffer::union(column.validity()?.as_ref(), nulls);
    Ok(match (layout, data_type) {
        (Layout::Bits, _) => {
            let (bits, offset) = column.bits(1)?;
            let values = BooleanBuffer::new(bits, offset, column.rows);
            Arc::new(BooleanArray::new(values, nulls))
        }
        (Layout::Fixed { width }, _) => column.primitive(data_type, width, nulls)?,
        (Layout::Bytes, DataType::Utf8View) => Arc::new(column.text(nulls)?),
        (Layout::Bytes, _) => {
            let (offsets, data) = column.packed()?;
            Arc::new(BinaryArray::new(offsets, data, nulls))
        }
    })
}

/// Copies the message and the row that a failed call left at `header`.
pub(crate) fn failure(
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
pub(crate) fn panic(address: GuestAddr, memory: &[u8]) -> Option<String> {
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

/// A result column whose header makes sense.
struct Column<'a> {
    memory: &'a [u8],
    /// The addresses of validity, values or offsets, data.
    buffers: [GuestAddr; 3],
    /// Rows to skip in every buffer.
    offset: u64,
    rows: usize,
    /// What was copied so far, and what may be.
    bytes: u64,
    bytes_max: u64,
}

impl<'a> Column<'a> {
    fn check(
        header: &ArrowArray,
        layout: Layout,
        memory: &'a [u8],
        rows: u64,
        bytes_max: u64,
    ) -> Result<Self, Breach> {
        if header.length != rows as i64 {
            return Err(Breach::Rows {
                found: header.length,
                expected: rows,
            });
        }
        let offset = u64::try_from(header.offset).map_err(|_| Breach::Offset(header.offset))?;
        if header.n_buffers != layout.buffers() as i64 {
            return Err(Breach::Buffers {
                found: header.n_buffers,
                expected: layout.buffers() as i64,
            });
        }
        if header.n_children != 0 || header.dictionary != 0 {
            return Err(Breach::Children);
        }
        let mut buffers = [GuestAddr(0); 3];
        let len = layout.buffers().saturating_mul(4) as u64;
        let addresses = GuestAddr(header.buffers).bytes(len, memory)?;
        for (buffer, address) in buffers.iter_mut().zip(addresses.as_chunks().0) {
            *buffer = GuestAddr(u32::from_le_bytes(*address));
        }
        Ok(Self {
            memory,
            buffers,
            offset,
            rows: rows as usize,
            bytes: 0,
            bytes_max,
        })
    }

    /// Copies bytes of the guest's, if the column may have so many more.
    fn copy(&mut self, bytes: &[u8]) -> Result<Buffer, Unlifted> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(Unlifted::TooLarge { bytes: self.bytes });
        }
        Ok(Buffer::from_slice_ref(bytes))
    }

    /// Copies the `width` bytes of each row in use of a buffer, and `extra`
    /// rows more.
    fn fixed(&mut self, buffer: usize, width: usize, extra: u64) -> Result<Buffer, Unlifted> {
        let [_, values, data] = self.buffers;
        let address = if buffer == 1 { values } else { data };
        let width = width as u64;
        let skip = self.offset.saturating_mul(width);
        let len = (self.rows as u64)
            .saturating_add(extra)
            .saturating_mul(width);
        let bytes = address.bytes(skip.saturating_add(len), self.memory)?;
        self.copy(bytes.get(skip as usize..).unwrap_or_default())
    }

    /// Copies the bits in use of the buffer 0 or 1; they begin at the returned
    /// bit, less than 8.
    fn bits(&mut self, buffer: usize) -> Result<(Buffer, usize), Unlifted> {
        let [validity, values, _] = self.buffers;
        let address = if buffer == 0 { validity } else { values };
        let skip = self.offset / 8;
        let bits = self.offset.saturating_add(self.rows as u64);
        let bytes = address.bytes(bits.div_ceil(8), self.memory)?;
        let bits = self.copy(bytes.get(skip as usize..).unwrap_or_default())?;
        Ok((bits, (self.offset % 8) as usize))
    }

    fn validity(&mut self) -> Result<Option<NullBuffer>, Unlifted> {
        let [GuestAddr(address), ..] = self.buffers;
        if address == 0 {
            return Ok(None);
        }
        let (bits, offset) = self.bits(0)?;
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, offset, self.rows));
        Ok(Some(nulls).filter(|nulls| nulls.null_count() > 0))
    }

    fn primitive(
        &mut self,
        data_type: &DataType,
        width: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        fn array<T: ArrowPrimitiveType>(
            values: Buffer,
            rows: usize,
            nulls: Option<NullBuffer>,
        ) -> ArrayRef {
            let values = ScalarBuffer::<T::Native>::new(values, 0, rows);
            Arc::new(PrimitiveArray::<T>::new(values, nulls))
        }
        let values = self.fixed(1, width, 0)?;
        macro_rules! typed {
            ($t:ty) => {
                array::<$t>(values, self.rows, nulls)
            };
        }
        Ok(downcast_primitive! {
            data_type => (typed),
            other => unreachable!("{other} has another layout")
        })
    }

    /// Copies the offsets and the data between them. The offsets are checked,
    /// and start at 0 in the copy.
    fn packed(&mut self) -> Result<(OffsetBuffer<i32>, Buffer), Unlifted> {
        let offsets = ScalarBuffer::<i32>::from(self.fixed(1, 4, 1)?);
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
            unreachable!("there is one offset more than there are rows");
        };
        let falls = |pair: &[i32]| matches!(pair, [a, b] if b < a);
        if first < 0 || offsets.windows(2).any(falls) {
            let row = match first {
                ..0 => Some(0),
                _ => offsets.windows(2).position(falls),
            };
            return Err(Unlifted::Breach(Breach::Offsets {
                row: row.unwrap_or_default() as u64,
            }));
        }
        let [_, _, data] = self.buffers;
        let bytes = data.bytes(last as u64, self.memory)?;
        let data = self.copy(bytes.get(first as usize..).unwrap_or_default())?;
        let offsets = match first {
            0 => offsets,
            _ => offsets.iter().map(|o| o.wrapping_sub(first)).collect(),
        };
        Ok((OffsetBuffer::new(offsets), data))
    }

    /// Text is checked as a whole; only where that fails, and a null row may be
    /// why, row by row.
    fn text(&mut self, nulls: Option<NullBuffer>) -> Result<StringViewArray, Unlifted> {
        let (offsets, data) = self.packed()?;
        if let Ok(array) = StringArray::try_new(offsets.clone(), data.clone(), nulls.clone()) {
            return Ok(StringViewArray::from(&array));
        }
        let bytes = BinaryArray::new(offsets, data, nulls);
        let mut builder = StringViewBuilder::with_capacity(self.rows);
        for (row, value) in bytes.iter().enumerate() {
            let text = value.map(std::str::from_utf8).transpose();
            builder.append_option(text.map_err(|_| Breach::Utf8 { row: row as u64 })?);
        }
        Ok(builder.finish())
    }
}
