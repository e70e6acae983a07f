//! Adaptive settings of the calls of one function in one execution.
//!
//! A guest can see the number of its rows and its metering mode. So both are learned
//! anew by each execution of a plan node: nothing that another query did is visible.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Adaptive settings of the calls of one function in one execution.
pub(crate) struct Calibration {
    pub(crate) sizer: BatchSizer,
    /// Calls that metered rows in groups.
    grouped: AtomicU64,
    /// Those of them that had to be repeated with each row metered.
    grouped_failed: AtomicU64,
}

/// Grouped calls that may fail before grouping is given up: this many, and one of each
/// [`GROUPED_FAILED_SHARE`] calls. A failed call costs much more than a successful one
/// saves.
const GROUPED_FAILED_MAX: u64 = 4;
const GROUPED_FAILED_SHARE: u64 = 32;

impl Calibration {
    /// Creates the settings for calls of at most `rows_max` rows.
    pub(crate) fn new(rows_max: usize) -> Self {
        Self {
            sizer: BatchSizer::new(rows_max),
            grouped: AtomicU64::new(0),
            grouped_failed: AtomicU64::new(0),
        }
    }

    /// Returns true if the next call should meter rows in groups.
    pub(super) fn groups_rows(&self) -> bool {
        let allowed =
            GROUPED_FAILED_MAX + self.grouped.load(Ordering::Relaxed) / GROUPED_FAILED_SHARE;
        self.grouped_failed.load(Ordering::Relaxed) < allowed
    }

    /// Counts a call that meters rows in groups.
    pub(super) fn count_grouped(&self) {
        self.grouped.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a grouped call that ran out of fuel.
    pub(super) fn count_grouped_failed(&self) {
        self.grouped_failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sizes calls by the fuel that earlier ones burnt.
///
/// A call has fuel for some hundredth of a second; a function that needs more per row
/// gets fewer rows per call. Only calls that can be repeated with fewer rows are
/// sized, so the size never decides a result. A call that was too large is wasted
/// work, so larger sizes are tried ever less often.
pub(crate) struct BatchSizer {
    rows: AtomicUsize,
    rows_max: usize,
    /// Light calls to wait for before a larger size is tried.
    patience: AtomicUsize,
    /// Light calls since the size changed.
    light: AtomicUsize,
}

/// Maximum light calls before a larger size is tried.
const PATIENCE_MAX: usize = 1_024;

impl BatchSizer {
    /// Creates a sizer for calls of at most `rows_max` rows.
    pub(crate) fn new(rows_max: usize) -> Self {
        Self {
            rows: AtomicUsize::new(rows_max),
            rows_max,
            patience: AtomicUsize::new(1),
            light: AtomicUsize::new(0),
        }
    }

    /// Returns the rows of the next call if `rows` are left: as few calls as possible,
    /// of about equal size.
    pub(crate) fn next(&self, rows: usize) -> usize {
        let calls = rows.div_ceil(self.rows.load(Ordering::Relaxed)).max(1);
        rows.div_ceil(calls)
    }

    /// Sets the size to half of `rows`, after a call of `rows` rows that was too large.
    pub(crate) fn shrink(&self, rows: usize) {
        self.rows.store((rows / 2).max(1), Ordering::Relaxed);
        let patience = self.patience.load(Ordering::Relaxed);
        let more = patience.saturating_mul(2).min(PATIENCE_MAX);
        self.patience.store(more, Ordering::Relaxed);
        self.light.store(0, Ordering::Relaxed);
    }

    /// Notes a call of `rows` rows that had fuel for twice as many, and doubles the
    /// size after enough of them.
    pub(crate) fn grow(&self, rows: usize) {
        let limit = self.rows.load(Ordering::Relaxed);
        if limit == self.rows_max || rows <= limit / 2 {
            return;
        }
        let light = self.light.load(Ordering::Relaxed) + 1;
        if light < self.patience.load(Ordering::Relaxed) {
            self.light.store(light, Ordering::Relaxed);
            return;
        }
        self.light.store(0, Ordering::Relaxed);
        let more = limit.saturating_mul(2).min(self.rows_max);
        self.rows.store(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS_MAX: usize = 4_096;

    #[test]
    fn size_shrinks_to_one_row_and_grows_back() {
        let sizer = BatchSizer::new(ROWS_MAX);
        assert_eq!(sizer.next(100), 100);
        assert_eq!(sizer.next(25 * ROWS_MAX), ROWS_MAX);
        // Three equal calls instead of two large ones and one of a single row.
        assert_eq!(sizer.next(2 * ROWS_MAX + 1), 2_731);
        let mut rows = ROWS_MAX;
        while rows > 1 {
            sizer.shrink(rows);
            rows = sizer.next(ROWS_MAX);
        }
        sizer.shrink(1);
        assert_eq!(sizer.next(10), 1);
        for _ in 0..20 * PATIENCE_MAX {
            sizer.grow(sizer.next(ROWS_MAX));
        }
        assert_eq!(sizer.next(usize::MAX), ROWS_MAX);
    }

    #[test]
    fn larger_sizes_are_tried_ever_less_often() {
        let sizer = BatchSizer::new(ROWS_MAX);
        let mut calls = Vec::new();
        for _ in 0..12 {
            sizer.shrink(ROWS_MAX);
            let mut light = 0;
            while sizer.next(ROWS_MAX) < ROWS_MAX {
                sizer.grow(ROWS_MAX / 2);
                light += 1;
            }
            calls.push(light);
        }
        assert_eq!(calls[..4], [2, 4, 8, 16]);
        assert_eq!(calls[10..], [PATIENCE_MAX; 2]);
    }

    #[test]
    fn short_last_call_of_a_batch_does_not_grow_the_size() {
        let sizer = BatchSizer::new(ROWS_MAX);
        sizer.shrink(1_000);
        sizer.grow(7);
        assert_eq!([500, 501].map(|rows| sizer.next(rows)), [500, 251]);
    }
}
