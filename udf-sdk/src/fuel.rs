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

/// Begins a row, which has scratch memory of its own, and fuel if it is announced.
#[inline(always)]
pub(crate) fn begin(row: usize, is_announced: bool) {
    #[cfg(target_arch = "wasm32")]
    {
        SCRATCH.begin_row();
        if is_announced {
            guest::row_begin(row as u32);
        }
    }
    let _ = (row, is_announced);
}

/// Ends the row, which pays for the bookkeeping of so many bytes if it was
/// announced.
#[inline(always)]
pub(crate) fn end(bytes: usize, is_announced: bool) {
    #[cfg(target_arch = "wasm32")]
    {
        if is_announced {
            guest::row_end(bytes as u32);
        }
        SCRATCH.end_row();
    }
    let _ = (bytes, is_announced);
}

/// Begins some rows, which have fuel of their own together.
#[inline(always)]
pub(crate) fn announce_together(row: usize) {
    #[cfg(target_arch = "wasm32")]
    guest::row_group_begin(row as u32);
    let _ = row;
}

/// Ends such rows, which pay for the bookkeeping of so many bytes.
#[inline(always)]
pub(crate) fn settle_together(bytes: usize) {
    #[cfg(target_arch = "wasm32")]
    guest::row_end(bytes as u32);
    let _ = bytes;
}

/// Begins a row, which has fuel of its own. What it allocates may outlive it.
#[inline(always)]
pub(crate) fn announce_keeping(row: usize) {
    #[cfg(target_arch = "wasm32")]
    {
        SCRATCH.begin_keeping_row();
        guest::row_begin(row as u32);
    }
    let _ = row;
}

/// Whether the call has fuel for another row.
#[inline(always)]
pub(crate) fn more() -> bool {
    #[cfg(target_arch = "wasm32")]
    return guest::has_fuel() != 0;
    #[cfg(all(test, not(target_arch = "wasm32")))]
    return crate::sample::more();
    #[cfg(all(not(test), not(target_arch = "wasm32")))]
    true
}

/// Ends a row that was announced, which pays for the bookkeeping of so many bytes.
#[inline(always)]
pub(crate) fn settle(bytes: usize) {
    end(bytes, true);
}

/// On what terms rows run: what the host has seen of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(target_arch = "wasm32", test)),
    expect(dead_code, reason = "only a host says so")
)]
pub(crate) enum Terms {
    /// They must be announced.
    Announced,
    /// Some may be announced at once: they need not be told apart.
    Together,
    /// They need not be announced: none of them can go on for long.
    Bounded,
    /// Nor does it matter if the function is called for more of them: it can
    /// neither trap nor leave anything behind.
    Harmless,
}

/// On what terms the rows of the call run.
#[inline(always)]
pub(crate) fn terms() -> Terms {
    #[cfg(target_arch = "wasm32")]
    return match guest::metering_mode() {
        fusebox_abi::METERING_PER_ROW => Terms::Announced,
        fusebox_abi::METERING_GROUPED => Terms::Together,
        fusebox_abi::METERING_SPECULATABLE => Terms::Harmless,
        _ => Terms::Bounded,
    };
    #[cfg(not(target_arch = "wasm32"))]
    Terms::Announced
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
