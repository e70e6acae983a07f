//! Statistics of functions: sums over their calls, by cause of failure too.
//!
//! Always counted, so by call and never by row. An execution counts for itself, and adds to
//! the sums of its session now and then: see [`CallStatistics`].

// Sums of a session, and counts of an execution.
mod registry;

use std::time::Duration;

use super::FailureCause;
use crate::error::{Error, LimitExceeded};

pub(crate) use registry::CallStatistics;
pub use registry::StatisticsRegistry;

/// Sums over the calls of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionStatistics {
    /// Number of calls into a guest that returned a result. A batch takes one or several, or
    /// none if all its rows are null.
    pub calls: u64,
    /// Number of rows of those calls: the rows that were asked.
    pub rows: u64,
    /// Number of rows that were not asked since an equal row was: answered from answers that
    /// were kept, or shown to be equal by a dictionary or runs.
    pub reused_rows: u64,
    /// Fuel burnt by those calls, overhead included.
    pub fuel: u64,
    /// Time in the guest's function, of calls that failed too.
    pub guest_time: Duration,
    /// Bytes of lowered arguments of calls that returned a result, headers and padding
    /// included.
    pub lowered_bytes: u64,
    /// Bytes of the columns that were lifted.
    pub lifted_bytes: u64,
    /// Number of instances that were made for a call.
    pub instances: u64,
    /// Number of resets of an instance to its baseline.
    pub resets: u64,
    /// Number of calls that failed and were repeated, in parts or in another way.
    pub retries: u64,
    /// Number of rows that failed and are null, for a function with `on_error = 'null'`.
    pub failed_rows: u64,
    /// Failures that ended a query or made a row null.
    pub failures: Failures,
    /// Largest linear memory after a call, in bytes.
    pub memory_bytes_max: u64,
}

/// Numbers of failures, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failures {
    /// The guest reported an error.
    pub reported: u64,
    /// Out of fuel.
    pub fuel: u64,
    /// The guest trapped.
    pub trap: u64,
    /// Another limit of the function was exceeded: stack, memory or result bytes.
    pub limit: u64,
    /// The guest violated the ABI.
    pub abi: u64,
    /// The query or the process had no resources left: concurrent calls, memory, bytes of a
    /// batch.
    pub resources: u64,
    /// The query was cancelled, or needed no more rows.
    pub cancelled: u64,
}

impl FunctionStatistics {
    /// Adds the sums over other calls.
    pub fn add(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.calls, other.calls);
        add(&mut self.rows, other.rows);
        add(&mut self.reused_rows, other.reused_rows);
        add(&mut self.fuel, other.fuel);
        self.guest_time = self.guest_time.saturating_add(other.guest_time);
        add(&mut self.lowered_bytes, other.lowered_bytes);
        add(&mut self.lifted_bytes, other.lifted_bytes);
        add(&mut self.instances, other.instances);
        add(&mut self.resets, other.resets);
        add(&mut self.retries, other.retries);
        add(&mut self.failed_rows, other.failed_rows);
        for (sum, more) in self.failures.counts().into_iter().zip(other.failures.all()) {
            add(sum, more);
        }
        self.memory_bytes_max = self.memory_bytes_max.max(other.memory_bytes_max);
    }
}

impl Failures {
    fn counts(&mut self) -> [&mut u64; 7] {
        [
            &mut self.reported,
            &mut self.fuel,
            &mut self.trap,
            &mut self.limit,
            &mut self.abi,
            &mut self.resources,
            &mut self.cancelled,
        ]
    }

    fn all(mut self) -> [u64; 7] {
        self.counts().map(|count| *count)
    }

    /// Returns the counter of an error that ended a query; `None` of one that is not about a
    /// call.
    fn of_error(&mut self, error: &Error) -> Option<&mut u64> {
        use LimitExceeded as Limit;
        Some(match error {
            Error::Failed { .. } => &mut self.reported,
            Error::Trap { .. } => &mut self.trap,
            Error::Abi { .. } => &mut self.abi,
            Error::Cancelled => &mut self.cancelled,
            Error::Limit { limit, .. } => match limit {
                Limit::RowFuel { .. }
                | Limit::GroupFuel { .. }
                | Limit::CallFuel { .. }
                | Limit::InitFuel { .. }
                | Limit::BatchFuel { .. } => &mut self.fuel,
                Limit::Memory { .. }
                | Limit::GroupMemory { .. }
                | Limit::Arguments { .. }
                | Limit::BatchArguments { .. }
                | Limit::Stack { .. }
                | Limit::Result { .. } => &mut self.limit,
                Limit::Instances { .. }
                | Limit::ProcessInstances { .. }
                | Limit::MemoryPool { .. }
                | Limit::BatchBytes { .. }
                | Limit::System { .. }
                | Limit::AddressSpace { .. } => &mut self.resources,
            },
            _ => return None,
        })
    }

    fn of_cause(&mut self, cause: FailureCause) -> &mut u64 {
        match cause {
            FailureCause::Reported => &mut self.reported,
            FailureCause::Fuel => &mut self.fuel,
            FailureCause::Trap => &mut self.trap,
            FailureCause::Limit => &mut self.limit,
        }
    }
}
