//! How many rows of a batch go to the guest at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The rows that the next call gets. A call has fuel for a hundredth of a
/// second or so: a function that needs more for its rows gets fewer of them.
///
/// Where a call that ran out can be made again with fewer rows, the number is
/// found by trying; it never decides an answer. What was tried in vain is lost,
/// so more is tried ever more seldom.
pub(super) struct Slices {
    rows: AtomicUsize,
    rows_max: usize,
    /// How many light calls it takes to try more rows.
    patience: AtomicUsize,
    /// How many of them there have been.
    light: AtomicUsize,
}

/// More rows are tried after so many light calls at the latest.
const PATIENCE_MAX: usize = 1_024;

impl Slices {
    /// For calls of so many rows at most.
    pub(super) fn new(rows_max: usize) -> Self {
        Self {
            rows: AtomicUsize::new(rows_max),
            rows_max,
            patience: AtomicUsize::new(1),
            light: AtomicUsize::new(0),
        }
    }

    /// How many of the `rows` rows that are left go next: as few calls as can
    /// be, all about as large.
    pub(super) fn next(&self, rows: usize) -> usize {
        let calls = rows.div_ceil(self.rows.load(Ordering::Relaxed)).max(1);
        rows.div_ceil(calls)
    }

    /// Notes that so many rows burnt more than a call has.
    pub(super) fn were_heavy(&self, rows: usize) {
        self.rows.store((rows / 2).max(1), Ordering::Relaxed);
        let patience = self.patience.load(Ordering::Relaxed);
        let more = patience.saturating_mul(2).min(PATIENCE_MAX);
        self.patience.store(more, Ordering::Relaxed);
        self.light.store(0, Ordering::Relaxed);
    }

    /// Notes that twice as many rows would not have burnt what a call has.
    pub(super) fn were_light(&self, rows: usize) {
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
    fn slices_shrink_to_a_row_and_grow_back() {
        let slices = Slices::new(ROWS_MAX);
        assert_eq!(slices.next(100), 100);
        assert_eq!(slices.next(25 * ROWS_MAX), ROWS_MAX);
        // In three calls, and not in two and one of a row.
        assert_eq!(slices.next(2 * ROWS_MAX + 1), 2_731);
        let mut rows = ROWS_MAX;
        while rows > 1 {
            slices.were_heavy(rows);
            rows = slices.next(ROWS_MAX);
        }
        slices.were_heavy(1);
        assert_eq!(slices.next(10), 1);
        for _ in 0..20 * PATIENCE_MAX {
            slices.were_light(slices.next(ROWS_MAX));
        }
        assert_eq!(slices.next(usize::MAX), ROWS_MAX);
    }

    #[test]
    fn more_is_tried_ever_more_seldom() {
        let slices = Slices::new(ROWS_MAX);
        let mut calls = Vec::new();
        for _ in 0..12 {
            slices.were_heavy(ROWS_MAX);
            let mut light = 0;
            while slices.next(ROWS_MAX) < ROWS_MAX {
                slices.were_light(ROWS_MAX / 2);
                light += 1;
            }
            calls.push(light);
        }
        assert_eq!(calls[..4], [2, 4, 8, 16]);
        assert_eq!(calls[10..], [PATIENCE_MAX; 2]);
    }

    #[test]
    fn last_rows_of_a_batch_say_nothing_about_more() {
        let slices = Slices::new(ROWS_MAX);
        slices.were_heavy(1_000);
        slices.were_light(7);
        assert_eq!([500, 501].map(|rows| slices.next(rows)), [500, 251]);
    }
}
