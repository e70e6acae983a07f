//! Addresses in guest memory.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use crate::abi_violation::AbiViolation;

/// A byte offset into a guest's linear memory, as the guest wrote it.
///
/// This is not a `usize` and has no arithmetic, on purpose: the only operation
/// is to borrow the [bytes](Self::bytes) at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestAddr(
    /// The offset, in bytes.
    pub u32,
);

impl GuestAddr {
    /// Borrows the `len` bytes at this address of `memory`.
    ///
    /// The slice proves that the range was checked, and while it is borrowed
    /// the guest cannot run and change it. An empty range is valid at any
    /// address.
    ///
    /// # Errors
    ///
    /// [`AbiViolation::OutOfBounds`] if the range wraps around or ends past
    /// `memory`.
    pub fn bytes(self, len: u64, memory: &[u8]) -> Result<&[u8], AbiViolation> {
        // An empty buffer may have any address.
        if len == 0 {
            return Ok(&[]);
        }
        let start = self.0 as usize;
        usize::try_from(len)
            .ok()
            .and_then(|len| memory.get(start..start.checked_add(len)?))
            .ok_or(AbiViolation::OutOfBounds {
                address: self.0,
                len,
                memory_len: memory.len() as u64,
            })
    }

    /// Copies the `N` bytes at this address of `memory`.
    pub(crate) fn array<const N: usize>(self, memory: &[u8]) -> Result<[u8; N], AbiViolation> {
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
    fn empty_range_may_be_at_any_address() {
        assert_eq!(GuestAddr(u32::MAX).bytes(0, &[]), Ok(&[][..]));
    }
}
