//! The memory that the host writes a call's arguments to.
//!
//! Nothing here reads or writes it: an arena is lent by its address.

#[cfg(any(target_arch = "wasm32", test))]
use std::cell::Cell;

#[cfg(any(target_arch = "wasm32", test))]
use fusebox_abi::ALIGNMENT;

/// Where the host finds a pointer's target.
pub(crate) fn address<T>(pointer: *const T) -> u32 {
    pointer.expose_provenance() as u32
}

/// Lends the host an arena of at least `bytes` bytes, ending the one before.
/// Returns its address, or 0 where there is no memory.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn arena(bytes: u32) -> u32 {
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Line {
        _bytes: [u8; ALIGNMENT],
    }
    const _: () = assert!(align_of::<Line>() == ALIGNMENT);
    thread_local! {
        static ARENA: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    }
    // Freed first, so that the new arena may take its place.
    drop(ARENA.take());
    let lines = (bytes as usize).div_ceil(ALIGNMENT).max(1);
    let mut arena = Vec::new();
    if arena.try_reserve_exact(lines).is_err() {
        return 0;
    }
    let start = address(arena.as_ptr());
    ARENA.set(arena);
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arena_is_aligned_even_where_it_is_empty() {
        for bytes in [0, 1, 63, 64, 65, 1 << 20] {
            let start = arena(bytes);
            assert!(start != 0 && (start as usize).is_multiple_of(ALIGNMENT));
        }
    }
}
