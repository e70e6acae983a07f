//! What the host is told of rows and panics.
//!
//! Only a guest has a host: elsewhere, there is nothing to tell.

#[cfg(target_arch = "wasm32")]
use std::panic::{PanicHookInfo, set_hook};
#[cfg(target_arch = "wasm32")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(target_arch = "wasm32")]
use crate::entry::guest;
#[cfg(target_arch = "wasm32")]
use crate::report::words;
#[cfg(target_arch = "wasm32")]
use crate::scratch::guest::SCRATCH;

/// Begins a row, which has fuel and scratch memory of its own.
#[inline(always)]
pub(crate) fn announce(row: usize) {
    #[cfg(target_arch = "wasm32")]
    {
        SCRATCH.begin_row();
        guest::row(row as u32);
    }
    let _ = row;
}

/// Begins a row, which has fuel of its own. What it allocates may outlive it.
#[inline(always)]
pub(crate) fn announce_keeping(row: usize) {
    #[cfg(target_arch = "wasm32")]
    {
        SCRATCH.begin_keeping_row();
        guest::row(row as u32);
    }
    let _ = row;
}

/// Whether the call has fuel for another row.
#[inline(always)]
pub(crate) fn more() -> bool {
    #[cfg(target_arch = "wasm32")]
    return guest::more() != 0;
    #[cfg(all(test, not(target_arch = "wasm32")))]
    return crate::sample::more();
    #[cfg(all(not(test), not(target_arch = "wasm32")))]
    true
}

/// Ends the row, which pays for the bookkeeping of so many bytes.
#[inline(always)]
pub(crate) fn settle(bytes: usize) {
    #[cfg(target_arch = "wasm32")]
    {
        guest::settle(bytes as u32);
        SCRATCH.end_row();
    }
    let _ = bytes;
}

/// Whether rows need not be announced: the host has seen that none of them can
/// go on for long.
#[inline(always)]
pub(crate) fn rows_are_bounded() -> bool {
    #[cfg(target_arch = "wasm32")]
    return guest::bounded() != 0;
    #[cfg(not(target_arch = "wasm32"))]
    false
}

/// From now on, a panic leaves its message where the host finds it.
#[inline]
pub(crate) fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    {
        static SET: AtomicBool = AtomicBool::new(false);
        if !SET.load(Relaxed) {
            SET.store(true, Relaxed);
            set_hook(Box::new(report));
        }
    }
}

/// What the hook leaves stays: after it, the guest traps.
#[cfg(target_arch = "wasm32")]
fn report(info: &PanicHookInfo<'_>) {
    for (slot, word) in guest::fusebox_panic.iter().zip(words(info)) {
        slot.store(word, Relaxed);
    }
}
