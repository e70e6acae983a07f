//! Sizes of the blocks of a guest's heap.
//!
//! Blocks of one class have one size, so that allocating and freeing one is the
//! same few instructions whatever was allocated before.

/// Maximum size of a block, in bytes.
pub(crate) const BLOCK_BYTES_MAX: usize = 8 << 10;

/// Alignment of every block, in bytes.
pub(crate) const BLOCK_ALIGNMENT: usize = 16;

/// Number of classes: one for each 16 bytes up to 128, then four for each
/// doubling.
pub(crate) const CLASSES: usize = 32;

/// Returns the class of a block of at least `bytes` bytes; none if there is no
/// such block.
#[inline]
pub(crate) fn class_of(bytes: usize, alignment: usize) -> Option<usize> {
    if bytes > BLOCK_BYTES_MAX || alignment > BLOCK_ALIGNMENT {
        return None;
    }
    let last = bytes.saturating_sub(1);
    if last < 128 {
        return Some(last / BLOCK_ALIGNMENT);
    }
    let doubling = last.ilog2() as usize;
    Some(8 + (doubling - 7) * 4 + (last >> (doubling - 2) & 3))
}

/// Returns the size of the blocks of a class, in bytes.
#[inline]
pub(crate) fn class_bytes(class: usize) -> usize {
    match class.checked_sub(8) {
        None => (class + 1) * BLOCK_ALIGNMENT,
        Some(class) => (class % 4 + 5) << (class / 4 + 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_of_a_class_is_the_smallest_that_fits() {
        for bytes in 0..=BLOCK_BYTES_MAX {
            let class = class_of(bytes, 1).unwrap();
            assert!(class < CLASSES && class_bytes(class) >= bytes, "{bytes}");
            assert!(class_bytes(class).is_multiple_of(BLOCK_ALIGNMENT));
            assert!(class == 0 || class_bytes(class - 1) < bytes, "{bytes}");
        }
    }

    #[test]
    fn no_block_is_larger_or_more_aligned_than_the_maximum() {
        assert_eq!(
            class_of(BLOCK_BYTES_MAX, BLOCK_ALIGNMENT),
            Some(CLASSES - 1)
        );
        assert_eq!(class_of(BLOCK_BYTES_MAX + 1, 1), None);
        assert_eq!(class_of(1, BLOCK_ALIGNMENT * 2), None);
    }
}
