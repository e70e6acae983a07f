//! The arena that the host lowers arguments into.
//!
//! This module hands out its address and neither reads nor writes it.

#[cfg(any(target_arch = "wasm32", test))]
use std::cell::Cell;

#[cfg(any(target_arch = "wasm32", test))]
use fusebox_abi::ALIGNMENT;

/// Returns the address of a pointer's target in guest memory.
pub(crate) fn address<T>(pointer: *const T) -> u32 {
    pointer.expose_provenance() as u32
}

/// Allocates an arena of at least `bytes` bytes, and frees the previous one.
/// Returns its address, or 0 if there is no memory.
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
    // Freed first, so that the new arena may reuse its memory.
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
    fn empty_arena_is_aligned_too() {
        for bytes in [0, 1, 63, 64, 65, 1 << 20] {
            let start = arena(bytes);
            assert!(start != 0 && (start as usize).is_multiple_of(ALIGNMENT));
        }
    }
}
