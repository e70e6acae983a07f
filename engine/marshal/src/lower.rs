//! Arrow columns into guest memory.
//!
//! Only selected rows are written. A slice, a bitmap at an odd bit offset, a
//! view of a large buffer or a dictionary is compacted while it is written,
//! without an intermediate copy. [`Lowering::plan`] computes the size first, so
//! that the caller can request an arena that is large enough from the guest;
//! [`Lowering::write`] then fills that arena.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

// Columns and their children.
mod column;

// Children of nested columns: offsets and selected rows.
mod nested;

// Contents of buffers.
mod buffer;

// Strings and binaries.
mod bytes;

// Selected rows of an array.
mod row_selection;

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use fusebox_abi::{ALIGNMENT, ArrowArray};

use self::column::ColumnPlan;
use self::row_selection::RowSelection;
use crate::abi_violation::AbiViolation;
use crate::address::GuestAddr;
use crate::budget::{BudgetExceeded, ByteBudget};
use crate::layout::Layout;

/// The arguments of one call, with the size of every buffer computed.
pub struct Lowering {
    columns: Vec<ColumnPlan>,
    rows: u32,
    bytes: u64,
}

/// Addresses of lowered arguments.
#[derive(Clone, Copy, Debug)]
pub struct Lowered {
    /// Address of the arguments' headers, which are adjacent.
    pub args: GuestAddr,
    /// Address of the zeroed header that the guest fills with its result.
    pub result: GuestAddr,
}

/// Arguments that exceed their limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the arguments have at least {bytes} bytes, which is above their limit")]
pub struct ArgumentsTooLarge {
    /// Size in bytes, or the part of it that was counted before the limit was
    /// exceeded.
    pub bytes: u64,
}

impl From<BudgetExceeded> for ArgumentsTooLarge {
    fn from(BudgetExceeded { bytes }: BudgetExceeded) -> Self {
        Self { bytes }
    }
}

/// Size of a guest's address space: no arena is larger.
const ARENA_BYTES_MAX: u64 = u32::MAX as u64;

impl Lowering {
    /// Computes the layout of `arrays` in an arena of at most `bytes_max` bytes.
    ///
    /// Each array has `rows` rows, or one row if it is constant for the batch.
    ///
    /// # Errors
    ///
    /// [`ArgumentsTooLarge`] if the arena would be larger than `bytes_max`.
    ///
    /// # Panics
    ///
    /// If the type of an array has no [`Layout`].
    pub fn plan(arrays: &[ArrayRef], rows: u32, bytes_max: u64) -> Result<Self, ArgumentsTooLarge> {
        let bytes_max = bytes_max.min(ARENA_BYTES_MAX);
        let mut budget = ByteBudget::new(bytes_max);
        let mut columns = Vec::with_capacity(arrays.len());
        for array in arrays {
            let array = Arc::clone(array);
            columns.push(ColumnPlan::new(array, RowSelection::All, &mut budget)?);
        }
        let headers = (columns.len() as u64).saturating_add(1); // the result's
        let headers = (ArrowArray::SIZE as u64).saturating_mul(headers);
        let bytes = columns.iter().map(ColumnPlan::bytes);
        let bytes = bytes.fold(headers, u64::saturating_add);
        if bytes > bytes_max {
            return Err(ArgumentsTooLarge { bytes });
        }
        Ok(Self {
            columns,
            rows,
            bytes,
        })
    }

    /// Size of the arena in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of rows of the batch.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Returns true if a row of an argument is null.
    pub fn has_nulls(&self) -> bool {
        self.columns.iter().any(|column| column.null_count() > 0)
    }

    /// Writes the arguments and a zeroed result header to the arena at address
    /// `arena` of `memory`, which has [`bytes`](Self::bytes) bytes.
    ///
    /// # Errors
    ///
    /// [`AbiViolation::OutOfBounds`] if the arena does not lie in `memory`.
    pub fn write(&self, arena: GuestAddr, memory: &mut [u8]) -> Result<Lowered, AbiViolation> {
        let mut writer = ArenaWriter {
            memory,
            next: arena.0,
        };
        let args = writer.next;
        let headers = self.columns.len().saturating_mul(ArrowArray::SIZE);
        writer.reserve(headers as u64)?;
        let result = writer.next;
        writer.reserve(ArrowArray::SIZE as u64)?.fill(0);

        let mut header_at = args;
        for column in &self.columns {
            let header = column.write(&mut writer)?;
            header_at = writer.patch(header_at, &header.to_bytes())?;
        }
        Ok(Lowered {
            args: GuestAddr(args),
            result: GuestAddr(result),
        })
    }
}

/// Rounds up to the ABI's alignment.
fn align(bytes: u64) -> u64 {
    bytes
        .checked_next_multiple_of(ALIGNMENT as u64)
        .unwrap_or(u64::MAX)
}

/// Minimum size of `rows` selected rows of a type: every row takes an entry in
/// the list of positions, even if it has no bytes in the arena.
fn selected_bytes_min(rows: u64, data_type: &DataType) -> u64 {
    let bytes = Layout::of(data_type).map_or(0, |layout| layout.min_bytes(rows));
    bytes.max(rows)
}

/// Allocates aligned parts of the arena in ascending order.
struct ArenaWriter<'a> {
    memory: &'a mut [u8],
    next: u32,
}

impl ArenaWriter<'_> {
    /// Reserves the next `bytes` bytes and zeroes the padding after them.
    fn reserve(&mut self, bytes: u64) -> Result<&mut [u8], AbiViolation> {
        let padded = align(bytes);
        let address = self.next;
        let memory_len = self.memory.len() as u64;
        let start = address as usize;
        let piece = usize::try_from(padded)
            .ok()
            .and_then(|len| start.checked_add(len))
            .and_then(|end| self.memory.get_mut(start..end))
            .and_then(|piece| piece.split_at_mut_checked(bytes as usize));
        let Some((content, padding)) = piece else {
            return Err(AbiViolation::OutOfBounds {
                address,
                len: padded,
                memory_len,
            });
        };
        padding.fill(0);
        // Cannot wrap, except to 0 at the end of a memory of 4 GiB: the range is
        // in bounds.
        self.next = address.wrapping_add(padded as u32);
        Ok(content)
    }

    /// Overwrites reserved bytes and returns the address after them.
    fn patch(&mut self, address: u32, bytes: &[u8]) -> Result<u32, AbiViolation> {
        let start = address as usize;
        let memory_len = self.memory.len() as u64;
        start
            .checked_add(bytes.len())
            .and_then(|end| self.memory.get_mut(start..end))
            .map(|target| {
                target.copy_from_slice(bytes);
                address.wrapping_add(bytes.len() as u32)
            })
            .ok_or(AbiViolation::OutOfBounds {
                address,
                len: bytes.len() as u64,
                memory_len,
            })
    }

    /// Reserves `entries` entries of `entry_bytes` bytes each, to be patched
    /// later. Returns their address, or 0 if there are none.
    fn reserve_table(&mut self, entries: usize, entry_bytes: usize) -> Result<u32, AbiViolation> {
        let address = self.next;
        self.reserve((entries as u64).saturating_mul(entry_bytes as u64))?;
        Ok(if entries == 0 { 0 } else { address })
    }
}
