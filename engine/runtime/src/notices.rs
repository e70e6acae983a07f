//! Notices of the calls of one session or query: failed rows, messages of guests, and
//! statistics.

// Rows that failed and are null.
mod failed_rows;

// Messages that guests log.
mod messages;

// Sums over calls.
mod statistics;

use std::sync::Arc;

pub use failed_rows::FailedRows;
pub use messages::{GuestMessage, GuestMessages};
pub use statistics::{Failures, FunctionStatistics, StatisticsRegistry};

pub(crate) use failed_rows::FailureCause;
pub(crate) use statistics::CallStatistics;

use failed_rows::FailedRowsLog;
use messages::MessageLog;

/// Notices of the calls of one session or query, until they are taken, and the statistics that
/// the calls are added to.
///
/// Bounded, whatever guests do and however seldom they are taken: see
/// [`take_failed_rows`](Self::take_failed_rows) and [`take_messages`](Self::take_messages).
#[derive(Debug, Default)]
pub struct Notices {
    failed_rows: FailedRowsLog,
    messages: MessageLog,
    statistics: Option<Arc<StatisticsRegistry>>,
}

impl Notices {
    /// Creates notices of calls that are added to `statistics`.
    pub fn new(statistics: Arc<StatisticsRegistry>) -> Self {
        Self {
            statistics: Some(statistics),
            ..Self::default()
        }
    }

    /// Returns the statistics that calls are added to.
    pub fn statistics(&self) -> Option<&Arc<StatisticsRegistry>> {
        self.statistics.as_ref()
    }

    /// Takes the numbers of rows that failed and are null since the last call, by the name of
    /// the function, of 1,000 functions at most.
    pub fn take_failed_rows(&self) -> Vec<(String, FailedRows)> {
        self.failed_rows.take()
    }

    /// Takes the messages that guests have logged since the last call, 1,000 at most, of 1 KiB
    /// each.
    pub fn take_messages(&self) -> GuestMessages {
        self.messages.take()
    }

    pub(crate) fn count_failed(&self, function: &str, cause: FailureCause) {
        self.failed_rows.count(function, cause);
    }

    pub(crate) fn add_message(&self, message: GuestMessage) {
        self.messages.add(message);
    }

    pub(crate) fn count_dropped(&self, messages: u64) {
        self.messages.count_dropped(messages);
    }
}
