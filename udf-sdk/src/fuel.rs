//! Metering of rows, and reports of panics to the host.
//!
//! On targets other than wasm32, which have no host, these functions do
//! nothing.

#[cfg(target_arch = "wasm32")]
use std::panic::{PanicHookInfo, set_hook};
#[cfg(target_arch = "wasm32")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(target_arch = "wasm32")]
use crate::raw::host;
#[cfg(target_arch = "wasm32")]
use crate::report::words;
#[cfg(target_arch = "wasm32")]
use crate::scratch::guest::SCRATCH;

/// Begins a row, which has scratch memory of its own, and fuel of its own if it
/// is metered.
#[inline(always)]
pub(crate) fn begin_row(row: usize, is_metered: bool) {
    #[cfg(target_arch = "wasm32")]
    {
        SCRATCH.begin_row();
        if is_metered {
            host::row_begin(row as u32);
        }
    }
    let _ = (row, is_metered);
}

/// Ends the row, and charges it for `bytes` bytes if it is metered.
#[inline(always)]
pub(crate) fn end_row(bytes: usize, is_metered: bool) {
    #[cfg(target_arch = "wasm32")]
    {
        if is_metered {
            host::row_end(bytes as u32);
        }
        SCRATCH.end_row();
    }
    let _ = (bytes, is_metered);
}

/// Begins a row group.
#[inline(always)]
pub(crate) fn begin_row_group(row: usize) {
    #[cfg(target_arch = "wasm32")]
    host::row_group_begin(row as u32);
    let _ = row;
}

/// Ends a row group, and charges it for `bytes` bytes.
#[inline(always)]
pub(crate) fn end_row_group(bytes: usize) {
    #[cfg(target_arch = "wasm32")]
    host::row_end(bytes as u32);
    let _ = bytes;
}

/// Begins a metered row whose allocations may outlive it.
#[inline(always)]
pub(crate) fn begin_stateful_row(row: usize) {
    #[cfg(target_arch = "wasm32")]
    {
        SCRATCH.begin_stateful_row();
        host::row_begin(row as u32);
    }
    let _ = row;
}

/// Returns true if the call has fuel for another row.
#[inline(always)]
pub(crate) fn has_fuel() -> bool {
    #[cfg(target_arch = "wasm32")]
    return host::has_fuel() != 0;
    #[cfg(all(test, not(target_arch = "wasm32")))]
    return simulated::has_fuel();
    #[cfg(all(not(test), not(target_arch = "wasm32")))]
    true
}

/// Ends a metered row, and charges it for `bytes` bytes.
#[inline(always)]
pub(crate) fn end_metered_row(bytes: usize) {
    end_row(bytes, true);
}

/// The metering mode of a call's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(target_arch = "wasm32", test)),
    expect(dead_code, reason = "only a host says so")
)]
pub(crate) enum MeteringMode {
    /// Each row must be begun.
    PerRow,
    /// Rows may be begun in groups.
    Grouped,
    /// Rows need not be begun: the fuel of each is statically bounded.
    Bounded,
    /// As `Bounded`, and the function may also be called for the values under
    /// nulls: it neither traps nor has side effects.
    Speculatable,
}

/// Returns the metering mode of the call.
#[inline(always)]
pub(crate) fn metering_mode() -> MeteringMode {
    #[cfg(target_arch = "wasm32")]
    return match host::metering_mode() {
        fusebox_abi::METERING_PER_ROW => MeteringMode::PerRow,
        fusebox_abi::METERING_GROUPED => MeteringMode::Grouped,
        fusebox_abi::METERING_SPECULATABLE => MeteringMode::Speculatable,
        _ => MeteringMode::Bounded,
    };
    #[cfg(not(target_arch = "wasm32"))]
    MeteringMode::PerRow
}

/// Installs a panic hook that stores the message for the host.
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

/// Stores the message and the location of a panic. They stay valid, since the
/// guest traps after the hook.
#[cfg(target_arch = "wasm32")]
fn report(info: &PanicHookInfo<'_>) {
    for (slot, word) in host::fusebox_panic.iter().zip(words(info)) {
        slot.store(word, Relaxed);
    }
}

/// Fuel of calls in tests.
#[cfg(test)]
pub(crate) mod simulated {
    use std::cell::Cell;

    thread_local! {
        /// Number of rows that the call has fuel for, before it has none once.
        static ROWS: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    pub(crate) fn has_fuel() -> bool {
        let left = ROWS.get().checked_sub(1);
        ROWS.set(left.unwrap_or(usize::MAX));
        left.is_some()
    }

    /// Makes a call run out of fuel after `rows` more rows.
    pub(crate) fn set_rows_with_fuel(rows: usize) {
        ROWS.set(rows);
    }
}
