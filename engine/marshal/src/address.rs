//! Addresses, as a guest writes them.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use crate::breach::Breach;

/// A byte offset into a guest's linear memory, as the guest wrote it.
///
/// Not a `usize` and without arithmetic, on purpose: the only thing to do with
/// an address is to ask for the [bytes](Self::bytes) behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestAddr(
    /// The offset, in bytes.
    pub u32,
);

impl GuestAddr {
    /// Borrows the `len` bytes at this address of `memory`.
    ///
    /// The slice is the proof that the range was checked, and while it lives
    /// the guest cannot run and change the bytes under it.
    ///
    /// # Errors
    ///
    /// [`Breach::OutOfBounds`] if the range wraps around or ends past `memory`.
    pub fn bytes(self, len: u64, memory: &[u8]) -> Result<&[u8], Breach> {
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
