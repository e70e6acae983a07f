//! Resident memory over time.

use std::fmt;

use fusebox_testing::resident_bytes;

use crate::sessions::TestResult;

/// Growth that allocators explain, whatever the time.
const GROWTH_BYTES_MAX: u64 = 32 << 20;

/// Samples of the resident memory, at equal distances.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<u64>);

impl Samples {
    /// Takes a sample, where the kernel tells.
    pub(super) fn take(&mut self) {
        self.0
            .extend(Some(resident_bytes()).filter(|bytes| *bytes > 0));
    }

    /// Returns the median of a quarter, from 0.
    fn median(&self, quarter: usize) -> u64 {
        let count = self.0.len() / 4;
        let mut samples = self.0[quarter * count..][..count].to_vec();
        samples.sort_unstable();
        samples.get(count / 2).copied().unwrap_or_default()
    }

    /// Checks that the last quarter needs no more memory than the second: the first is
    /// the warm-up.
    pub(super) fn check(&self) -> TestResult {
        let [before, after] = [1, 3].map(|quarter| self.median(quarter));
        let growth = before / 10 + GROWTH_BYTES_MAX;
        match after <= before + growth {
            true => Ok(()),
            false => Err(format!("resident memory grows: {self}").into()),
        }
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quarters = [0, 1, 2, 3].map(|quarter| self.median(quarter) >> 20);
        write!(f, "resident MiB of each quarter: {quarters:?}")
    }
}
