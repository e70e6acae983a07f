//! Rows whose result is null because the function failed for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Cause of a row's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureCause {
    /// The guest reported an error.
    Reported,
    /// The row ran out of fuel.
    Fuel,
    /// The guest trapped.
    Trap,
    /// The row exceeded another limit of the function.
    Limit,
}

/// Numbers of rows of a function with `on_error = 'null'` that failed and are null, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedRows {
    /// The guest reported an error.
    pub reported: u64,
    /// The row ran out of fuel.
    pub fuel: u64,
    /// The guest trapped.
    pub trap: u64,
    /// The row exceeded the function's limit of stack, memory or result bytes.
    pub limit: u64,
}

impl FailedRows {
    /// Returns the number of all of them.
    pub fn total(&self) -> u64 {
        let all = [self.reported, self.fuel, self.trap, self.limit];
        all.into_iter().fold(0, u64::saturating_add)
    }

    pub(crate) fn count(&mut self, cause: FailureCause) {
        let count = match cause {
            FailureCause::Reported => &mut self.reported,
            FailureCause::Fuel => &mut self.fuel,
            FailureCause::Trap => &mut self.trap,
            FailureCause::Limit => &mut self.limit,
        };
        *count = count.saturating_add(1);
    }
}

/// The causes that occurred, as `2 reported by the function, 1 out of fuel`.
impl fmt::Display for FailedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = [
            (self.reported, "reported by the function"),
            (self.fuel, "out of fuel"),
            (self.trap, "ended by a trap"),
            (self.limit, "beyond another limit"),
        ];
        let occurred = causes.into_iter().filter(|(rows, _)| *rows > 0);
        for (index, (rows, cause)) in occurred.enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{rows} {cause}")?;
        }
        Ok(())
    }
}

/// Maximum functions that a log distinguishes.
const FUNCTIONS_MAX: usize = 1_000;

/// Failed rows by the name of the function.
#[derive(Debug, Default)]
pub(super) struct FailedRowsLog(Mutex<BTreeMap<String, FailedRows>>);

impl FailedRowsLog {
    /// Takes the counts since the last call, in the order of names.
    pub(super) fn take(&self) -> Vec<(String, FailedRows)> {
        let mut functions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *functions).into_iter().collect()
    }

    pub(super) fn count(&self, function: &str, cause: FailureCause) {
        let mut functions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = functions.get_mut(function) {
            rows.count(cause);
        } else if functions.len() < FUNCTIONS_MAX {
            tracing::warn!(function, ?cause, "a row failed and is null");
            let mut rows = FailedRows::default();
            rows.count(cause);
            functions.insert(function.to_owned(), rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_counts_rows_by_function_and_cause_until_taken() {
        let log = FailedRowsLog::default();
        log.count("b", FailureCause::Fuel);
        for cause in [
            FailureCause::Trap,
            FailureCause::Reported,
            FailureCause::Trap,
        ] {
            log.count("a", cause);
        }
        let taken = log.take();
        let printed: Vec<_> = taken
            .iter()
            .map(|(name, rows)| format!("{name}: {} rows: {rows}", rows.total()))
            .collect();
        assert_eq!(
            printed,
            [
                "a: 3 rows: 1 reported by the function, 2 ended by a trap",
                "b: 1 rows: 1 out of fuel"
            ]
        );
        assert_eq!(log.take(), []);
    }

    #[test]
    fn log_is_bounded() {
        let log = FailedRowsLog::default();
        for n in 0..FUNCTIONS_MAX + 10 {
            log.count(&n.to_string(), FailureCause::Limit);
        }
        assert_eq!(log.take().len(), FUNCTIONS_MAX);
    }
}
