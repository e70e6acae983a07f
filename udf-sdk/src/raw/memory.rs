//! Bytes at addresses, aligned copies, and numbers as bytes.

use std::ptr;
use std::slice;

#[cfg(target_arch = "wasm32")]
use crate::aligned_copy::slot_address;
use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// Borrows `len` bytes at an address.
///
/// # Safety
///
/// `address`, which is not 0, is the address of `len` initialised bytes that
/// nothing writes or frees during `'c`.
pub(super) unsafe fn bytes_at<'c>(address: u32, len: usize) -> &'c [u8] {
    let start = ptr::with_exposed_provenance(address as usize);
    // SAFETY: the caller guarantees `len` bytes at `start`, which is not null.
    unsafe { slice::from_raw_parts(start, len) }
}

/// Reads the word at an address.
///
/// # Safety
///
/// `address`, a multiple of 4, is the address of 4 initialised bytes.
pub(super) unsafe fn word_at(address: u32) -> u32 {
    // SAFETY: the caller guarantees the bytes and their alignment.
    unsafe { ptr::with_exposed_provenance::<u32>(address as usize).read() }
}

/// Copies bytes to the aligned address of a slot, where they stay until the slot
/// is used for the next row.
///
/// The work of searching a text depends on its alignment, since the standard
/// library processes whole words, and its address in a column depends on the
/// rows before it.
#[inline]
pub(crate) fn aligned_copy(bytes: &[u8], slot: usize) -> &[u8] {
    #[cfg(target_arch = "wasm32")]
    {
        let to = slot_address(slot, bytes.len());
        // SAFETY: the slot has space for the bytes, which lie elsewhere. Its memory
        // stays unchanged until the next row copies this argument, and then no
        // value of this row is left: they were made from the copy in
        // `batch::call_row` and appended to the results, or dropped.
        unsafe {
            copy(bytes, to);
            slice::from_raw_parts(to, bytes.len())
        }
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let _ = slot;
        bytes
    }
}

/// Copies bytes, a few of them with a few loads and stores: Wasm's own
/// instruction calls the host, which takes longer.
///
/// # Safety
///
/// `to` is the address of space for the bytes, which lie elsewhere.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
unsafe fn copy(bytes: &[u8], to: *mut u8) {
    let (from, len) = (bytes.as_ptr(), bytes.len());
    // SAFETY: no piece ends past the bytes. Pieces may overlap, and together they
    // cover all bytes. Each has a constant size, so the compiler copies it with a
    // load and a store.
    unsafe {
        let piece = |start: usize, size: usize| {
            to.add(start)
                .copy_from_nonoverlapping(from.add(start), size)
        };
        match len {
            0 => {}
            1..4 => {
                piece(0, 1);
                piece(len / 2, 1);
                piece(len - 1, 1);
            }
            4..8 => {
                piece(0, 4);
                piece(len - 4, 4);
            }
            8..16 => {
                piece(0, 8);
                piece(len - 8, 8);
            }
            16..32 => {
                piece(0, 16);
                piece(len - 16, 16);
            }
            32..64 => {
                piece(0, 16);
                piece(16, 16);
                piece(len - 32, 16);
                piece(len - 16, 16);
            }
            _ => piece(0, len),
        }
    }
}

/// A number that is valid for any bytes of its width.
///
/// # Safety
///
/// The type is valid for any bytes, has no padding, and is little endian in the
/// memory of wasm32.
pub unsafe trait Pod: Copy + 'static {}

macro_rules! pod {
    ($([$($generics:tt)*] $number:ty;)*) => {$(
        // SAFETY: a primitive number, one in a transparent struct, or an
        // `Interval`, whose three numbers fill 16 bytes in the order of C.
        unsafe impl<$($generics)*> Pod for $number {}
    )*};
}
pod! {
    [] i8; [] i16; [] i32; [] i64;
    [] u8; [] u16; [] u32; [] u64;
    [] f32; [] f64; [] F16;
    [const P: u8, const S: i8] Decimal<P, S>;
    [] AnyDecimal; [] Date; [] Time; [U: Unit] Timestamp<U>; [] TimestampTz; [] Duration; [] Interval;
}
const _: () = assert!(size_of::<Interval>() == 16);

/// Borrows bytes as numbers; none if they are misaligned or end within a number,
/// which no column of the host does.
pub(crate) fn as_numbers<N: Pod>(bytes: &[u8]) -> Option<&[N]> {
    let numbers = bytes.len() / size_of::<N>();
    let first: *const N = bytes.as_ptr().cast();
    if numbers == 0 || !first.is_aligned() || numbers * size_of::<N>() != bytes.len() {
        return bytes.is_empty().then_some(&[]);
    }
    // SAFETY: the bytes are exactly `numbers` numbers at an aligned address, and
    // `Pod` is valid for any bytes. The borrow is that of the bytes.
    Some(unsafe { slice::from_raw_parts(first, numbers) })
}

/// Borrows numbers as bytes.
pub(crate) fn as_bytes<N: Pod>(numbers: &[N]) -> &[u8] {
    // SAFETY: `Pod` has no padding, so all bytes of the numbers are initialised;
    // bytes need no alignment, and the borrow is that of the numbers.
    unsafe { slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}
