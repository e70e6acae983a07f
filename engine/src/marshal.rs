//! The border: Arrow columns into guest memory, and guest memory into Arrow.
//!
//! Only here is a raw guest address read or written. What the bytes mean is
//! said once, in the rustdoc of `fusebox-abi`. Nothing here knows what runs
//! the guest: memory is a slice.
//!
//! One copy in and one copy out: [`lower`](lower::lower) writes the rows in
//! use straight to where the guest reads them, and [`lift`](lift::lift) copies
//! each buffer of the answer once, out of the guest's reach, before it is
//! looked at.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

pub(crate) mod lift;
pub(crate) mod lower;

// What both keep to.
mod layout;

use crate::error::Breach;

pub(crate) use self::layout::{Layout, same_values};

#[cfg(not(target_endian = "little"))]
compile_error!("guest memory is little endian, and its bytes are copied as they are");

/// A byte offset into a guest's linear memory, as the guest wrote it.
///
/// Not a `usize` and without arithmetic, on purpose: the only thing to do with
/// an address is to ask for the [bytes](Self::bytes) behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestAddr(pub(crate) u32);

impl GuestAddr {
    /// Borrows the `len` bytes at this address of `memory`.
    ///
    /// The slice is the proof that the range was checked, and while it lives
    /// the guest cannot run and change the bytes under it.
    pub(crate) fn bytes(self, len: u64, memory: &[u8]) -> Result<&[u8], Breach> {
        // No bytes are nowhere: an empty buffer may have any address.
        if len == 0 {
            return Ok(&[]);
        }
        let start = self.0 as usize;
        usize::try_from(len)
            .ok()
            .and_then(|len| memory.get(start..start.checked_add(len)?))
            .ok_or(Breach::OutOfBounds {
                address: self.0,
                len,
                memory_len: memory.len() as u64,
            })
    }

    /// Copies the `N` bytes at this address of `memory`.
    pub(crate) fn array<const N: usize>(self, memory: &[u8]) -> Result<[u8; N], Breach> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N as u64, memory)?);
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_may_end_at_the_last_byte() {
        assert_eq!(GuestAddr(60).bytes(4, &[7; 64]), Ok(&[7; 4][..]));
    }

    #[test]
    fn range_may_not_end_one_byte_later() {
        assert!(GuestAddr(61).bytes(4, &[7; 64]).is_err());
    }

    #[test]
    fn range_may_not_wrap_around() {
        assert!(GuestAddr(8).bytes(u64::MAX - 4, &[7; 64]).is_err());
        assert!(GuestAddr(u32::MAX).bytes(1, &[7; 64]).is_err());
    }

    #[test]
    fn nothing_may_be_anywhere() {
        assert_eq!(GuestAddr(u32::MAX).bytes(0, &[]), Ok(&[][..]));
    }
}

/// What goes in comes out, and what should not come out does not.
#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may panic, and should where its own sums are wrong"
)]
mod round_trip;
