//! Arrow columns into guest memory.
//!
//! Only the rows in use are written: a slice, a bitmap at an odd bit offset, a
//! view over a huge buffer, a dictionary becomes a compact column on the way,
//! without an intermediate copy. [`Lowering`] first measures, so that the
//! sandbox can ask the guest for an arena that is large enough, and then writes.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

// A column with its children.
mod column;

// Which rows of the children are in use.
mod nested;

// What stands in the buffers.
mod leaf;

// Which rows of an array are lowered.
mod rows;

use std::sync::Arc;

use arrow_array::ArrayRef;
use fusebox_abi::{ALIGNMENT, ArrowArray};

use self::column::Column;
use self::rows::{Allowance, Rows};
use crate::address::GuestAddr;
use crate::breach::Breach;

/// The arguments of one call, measured and ready to be written.
pub struct Lowering {
    columns: Vec<Column>,
    rows: u32,
    bytes: u64,
}

/// Where a call finds what was lowered.
#[derive(Clone, Copy, Debug)]
pub struct Lowered {
    /// The headers of the arguments, one behind the other.
    pub args: GuestAddr,
    /// The header of the result, which the guest fills.
    pub result: GuestAddr,
}

/// The size of the arguments, where it is more than they may have: in bytes, or
/// of those that were counted until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// How many bytes were counted.
    pub bytes: u64,
}

/// The address space of a guest: no arena is larger.
const ARENA_BYTES_MAX: u64 = u32::MAX as u64;

impl Lowering {
    /// Measures `arrays`, each of `rows` rows or, where it is constant for the
    /// batch, of one. They may have `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] if they have more.
    ///
    /// # Panics
    ///
    /// If the type of one has no [`Layout`](crate::Layout).
    pub fn measure(arrays: &[ArrayRef], rows: u32, bytes_max: u64) -> Result<Self, TooLarge> {
        let bytes_max = bytes_max.min(ARENA_BYTES_MAX);
        let mut allowance = Allowance {
            bytes: 0,
            bytes_max,
        };
        let mut columns = Vec::with_capacity(arrays.len());
        for array in arrays {
            let array = Arc::clone(array);
            columns.push(Column::measure(array, Rows::All, &mut allowance)?);
        }
        let headers = (columns.len() as u64).saturating_add(1); // the result's
        let headers = (ArrowArray::SIZE as u64).saturating_mul(headers);
        let bytes = columns.iter().map(Column::bytes);
        let bytes = bytes.fold(headers, u64::saturating_add);
        if bytes > bytes_max {
            return Err(TooLarge { bytes });
        }
        Ok(Self {
            columns,
            rows,
            bytes,
        })
    }

    /// How large the arena must be, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many rows the call is about.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Writes everything to the arena at `arena`, which lies in `memory` and
    /// is as large as [`bytes`](Self::bytes) says.
    ///
    /// # Errors
    ///
    /// [`Breach::OutOfBounds`] if it does not lie in `memory`.
    pub fn write(&self, arena: GuestAddr, memory: &mut [u8]) -> Result<Lowered, Breach> {
        let mut writer = Writer {
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

/// The next multiple of the ABI's alignment.
fn align(bytes: u64) -> u64 {
    bytes
        .checked_next_multiple_of(ALIGNMENT as u64)
        .unwrap_or(u64::MAX)
}

/// Hands out one aligned piece of the arena after the other.
struct Writer<'a> {
    memory: &'a mut [u8],
    next: u32,
}

impl Writer<'_> {
    /// Takes the next `bytes` bytes; the padding behind them is zeroed.
    fn reserve(&mut self, bytes: u64) -> Result<&mut [u8], Breach> {
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
            return Err(Breach::OutOfBounds {
                address,
                len: padded,
                memory_len,
            });
        };
        padding.fill(0);
        // In bounds, so it fits: a memory of 4 GiB at most ends at 2³².
        self.next = address.wrapping_add(padded as u32);
        Ok(content)
    }

    /// Overwrites bytes that were reserved before, and returns the address
    /// behind them.
    fn patch(&mut self, address: u32, bytes: &[u8]) -> Result<u32, Breach> {
        let start = address as usize;
        let memory_len = self.memory.len() as u64;
        start
            .checked_add(bytes.len())
            .and_then(|end| self.memory.get_mut(start..end))
            .map(|target| {
                target.copy_from_slice(bytes);
                address.wrapping_add(bytes.len() as u32)
            })
            .ok_or(Breach::OutOfBounds {
                address,
                len: bytes.len() as u64,
                memory_len,
            })
    }

    /// Takes room for so many entries of so many bytes each, which are patched
    /// later, and returns its address: 0 for none.
    fn table(&mut self, entries: usize, entry_bytes: usize) -> Result<u32, Breach> {
        let address = self.next;
        self.reserve((entries as u64).saturating_mul(entry_bytes as u64))?;
        Ok(if entries == 0 { 0 } else { address })
    }
}
