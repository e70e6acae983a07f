//! Metrics: time, fuel and bytes of each function's calls.
//!
//! Nothing here decides a result. A runtime without metrics has no counters, and its
//! calls read no clock.

mod profile;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::{Array, ArrayRef};
use arrow_data::ArrayData;
use fusebox_definition::Definition;

use crate::notices::{FailedRows, FailureCause};

pub(crate) use profile::SAMPLES_MAX;
pub use profile::{Hot, Profile, Sample};

/// Metrics of one function, summed over all threads and sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionMetrics {
    /// The function.
    pub definition: Definition,
    /// Number of calls into a guest that returned a result. A batch takes one or several,
    /// or none if all its rows are null.
    pub calls: u64,
    /// Number of rows of those calls.
    pub rows: u64,
    /// Time to lay out the arguments and to write them into linear memory.
    pub lower: Duration,
    /// Time in the guest: its function, and its allocator where the arena must grow.
    pub guest: Duration,
    /// Time to check results and to copy them out of linear memory.
    pub lift: Duration,
    /// Time to acquire an instance in its baseline state: to reset an idle one, or to
    /// instantiate one.
    pub reset: Duration,
    /// Bytes of lowered arguments, headers and padding included.
    pub lowered_bytes: u64,
    /// Bytes of result columns.
    pub lifted_bytes: u64,
    /// Fuel burnt by calls that returned a result, overhead included.
    pub fuel: u64,
    /// Largest linear memory after a call, in bytes.
    pub memory_bytes_max: u64,
    /// Rows that failed and are null, for a function with `on_error = 'null'`.
    pub failed_rows: FailedRows,
}

/// Phase of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    Lower,
    Guest,
    Lift,
    Reset,
}

/// Counters of one function since they were last taken.
#[derive(Default)]
struct Counters {
    /// In nanoseconds, in the order of [`Phase`].
    nanos: [AtomicU64; 4],
    calls: AtomicU64,
    rows: AtomicU64,
    lowered_bytes: AtomicU64,
    lifted_bytes: AtomicU64,
    fuel: AtomicU64,
    memory_bytes_max: AtomicU64,
    failed_rows: Mutex<FailedRows>,
}

/// Counters of all functions, one for each definition, with the order of creation.
pub(crate) struct Registry {
    entries: Option<Mutex<HashMap<Definition, Entry>>>,
    next: AtomicU64,
}

/// Position in the order of creation, and the counters.
type Entry = (u64, Arc<Counters>);

/// Recorder of one function's metrics; a no-op without metrics.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Option<Arc<Counters>>);

/// Timer of a phase, recorded when dropped.
pub(crate) struct Timer<'a>(Option<Running<'a>>);

struct Running<'a> {
    counters: &'a Counters,
    phase: Phase,
    since: Instant,
}

/// Call that returned a result.
pub(crate) struct CompletedCall<'a> {
    pub(crate) lowered_bytes: u64,
    pub(crate) column: &'a ArrayRef,
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: usize,
}

impl Registry {
    pub(crate) fn new(has_metrics: bool) -> Self {
        Self {
            entries: has_metrics.then(Mutex::default),
            next: AtomicU64::new(0),
        }
    }

    /// Returns the recorder of a definition.
    pub(crate) fn recorder(&self, definition: &Definition) -> Recorder {
        let Some(registry) = &self.entries else {
            return Recorder::default();
        };
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        let entry = registry.entry(definition.clone());
        let (_, counters) = entry.or_insert_with(|| (position, Arc::default()));
        Recorder(Some(Arc::clone(counters)))
    }

    /// Takes the metrics since the last call, in the order in which the functions were
    /// created, and forgets functions that are gone.
    pub(crate) fn take(&self) -> Vec<FunctionMetrics> {
        let Some(registry) = &self.entries else {
            return vec![];
        };
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = registry
            .iter()
            .map(|(definition, (position, counters))| (*position, counters.take(definition)))
            .collect();
        registry.retain(|_, (_, counters)| Arc::strong_count(counters) > 1);
        taken.sort_by_key(|(position, _)| *position);
        taken.into_iter().map(|(_, metrics)| metrics).collect()
    }
}

impl Recorder {
    /// Starts the timer of a phase.
    #[inline]
    pub(crate) fn time(&self, phase: Phase) -> Timer<'_> {
        Timer(self.0.as_deref().map(|counters| Running {
            counters,
            phase,
            since: Instant::now(),
        }))
    }

    /// Counts a row that failed and is null.
    pub(crate) fn count_failed(&self, cause: FailureCause) {
        if let Some(counters) = &self.0 {
            counters.failed_rows().count(cause);
        }
    }
}

impl Timer<'_> {
    /// Records the current phase and starts another.
    #[inline]
    pub(crate) fn enter(&mut self, phase: Phase) {
        if let Some(running) = &mut self.0 {
            let now = Instant::now();
            running.record(now);
            running.phase = phase;
            running.since = now;
        }
    }

    /// Records the current phase and the completed call.
    #[inline]
    pub(crate) fn complete(mut self, call: CompletedCall<'_>) {
        if let Some(running) = self.0.take() {
            running.record(Instant::now());
            running.counters.count(call);
        }
    }
}

impl Drop for Timer<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.record(Instant::now());
        }
    }
}

impl Running<'_> {
    fn record(&self, now: Instant) {
        let nanos = now.saturating_duration_since(self.since).as_nanos() as u64;
        add(&self.counters.nanos[self.phase as usize], nanos);
    }
}

impl Counters {
    fn count(&self, call: CompletedCall<'_>) {
        add(&self.calls, 1);
        add(&self.rows, call.column.len() as u64);
        add(&self.lowered_bytes, call.lowered_bytes);
        add(&self.lifted_bytes, buffer_bytes(&call.column.to_data()));
        add(&self.fuel, call.fuel);
        let memory_bytes = call.memory_bytes as u64;
        self.memory_bytes_max
            .fetch_max(memory_bytes, Ordering::Relaxed);
    }

    fn failed_rows(&self) -> MutexGuard<'_, FailedRows> {
        self.failed_rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, definition: &Definition) -> FunctionMetrics {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let time = |phase: Phase| Duration::from_nanos(take(&self.nanos[phase as usize]));
        FunctionMetrics {
            definition: definition.clone(),
            calls: take(&self.calls),
            rows: take(&self.rows),
            lower: time(Phase::Lower),
            guest: time(Phase::Guest),
            lift: time(Phase::Lift),
            reset: time(Phase::Reset),
            lowered_bytes: take(&self.lowered_bytes),
            lifted_bytes: take(&self.lifted_bytes),
            fuel: take(&self.fuel),
            memory_bytes_max: take(&self.memory_bytes_max),
            failed_rows: std::mem::take(&mut self.failed_rows()),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Returns the bytes of a column's buffers, children included.
fn buffer_bytes(column: &ArrayData) -> u64 {
    let buffers = column.buffers().iter().map(|buffer| buffer.len() as u64);
    let nulls = column
        .nulls()
        .map_or(0, |nulls| nulls.buffer().len() as u64);
    let children = column.child_data().iter().map(buffer_bytes);
    buffers.sum::<u64>() + nulls + children.sum::<u64>()
}
