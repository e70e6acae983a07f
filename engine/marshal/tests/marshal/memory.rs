//! Guest memory with lowered columns.

use std::slice;

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;
use fusebox_marshal::GuestAddr;
use fusebox_marshal::lift::{LiftError, lift};
use fusebox_marshal::lower::Lowering;

/// Address of the arena. It is not 0, so that an address relative to the arena
/// is found.
pub(crate) const ARENA: u32 = 64;

/// A byte limit that no column of these tests reaches.
pub(crate) const BYTES_MAX: u64 = 1 << 24;

pub(crate) fn planned(columns: &[ArrayRef]) -> Lowering {
    let rows = columns.first().map_or(1, |column| column.len()) as u32;
    Lowering::plan(columns, rows, BYTES_MAX).unwrap()
}

/// Memory with `columns` lowered, and the address of their headers.
pub(crate) fn lowered(columns: &[ArrayRef]) -> (Vec<u8>, GuestAddr) {
    let lowering = planned(columns);
    let mut memory = vec![0xa5; ARENA as usize + lowering.bytes() as usize];
    let lowered = lowering.write(GuestAddr(ARENA), &mut memory).unwrap();
    (memory, lowered.args)
}

/// The column that an identity function declared to return `data_type` returns.
pub(crate) fn returned(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, LiftError> {
    let (memory, args) = lowered(slice::from_ref(column));
    let rows = column.len() as u64;
    lift(args, &memory, data_type, rows, None, BYTES_MAX)
}

/// The error for a lowered column after `bytes` were written at an address,
/// which `at` computes from the memory and the address of the header.
pub(crate) fn tampered(
    column: &ArrayRef,
    at: impl Fn(&[u8], GuestAddr) -> u32,
    bytes: &[u8],
) -> LiftError {
    let (mut memory, args) = lowered(slice::from_ref(column));
    let at = at(&memory, args) as usize;
    memory[at..at + bytes.len()].copy_from_slice(bytes);
    let rows = column.len() as u64;
    lift(args, &memory, column.data_type(), rows, None, BYTES_MAX).unwrap_err()
}

/// The `N` bytes at an address.
pub(crate) fn bytes<const N: usize>(memory: &[u8], at: GuestAddr) -> [u8; N] {
    at.bytes(N as u64, memory).unwrap().try_into().unwrap()
}

pub(crate) fn word(memory: &[u8], at: u32) -> u32 {
    u32::from_le_bytes(bytes(memory, GuestAddr(at)))
}

pub(crate) fn header(memory: &[u8], at: GuestAddr) -> ArrowArray {
    ArrowArray::from_bytes(&bytes(memory, at))
}

/// Address of the header of a child.
pub(crate) fn child(memory: &[u8], parent: &ArrowArray, position: u32) -> GuestAddr {
    GuestAddr(word(memory, parent.children + 4 * position))
}

/// Address of a buffer.
pub(crate) fn buffer_at(memory: &[u8], header: &ArrowArray, position: u32) -> u32 {
    word(memory, header.buffers + 4 * position)
}

/// The first `N` bytes of a buffer.
pub(crate) fn buffer<const N: usize>(memory: &[u8], header: &ArrowArray, position: u32) -> [u8; N] {
    bytes(memory, GuestAddr(buffer_at(memory, header, position)))
}

/// The first `N` numbers of 4 bytes in a buffer.
pub(crate) fn words<const N: usize>(memory: &[u8], header: &ArrowArray, position: u32) -> [i32; N] {
    let address = buffer_at(memory, header, position);
    std::array::from_fn(|n| word(memory, address + 4 * n as u32) as i32)
}
