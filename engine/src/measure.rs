//! What calls cost, written down for who measures, and what a measurement leaves
//! out.
//!
//! Nothing here decides an answer. A session that was not built to measure has
//! no counters: a call then finds in a few places that there are none, and looks
//! at no clock.

mod profile;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayData, ArrayRef};

use crate::definition::Definition;

pub(crate) use profile::SAMPLES_MAX;
pub use profile::{Hot, Profile, Sample};

/// Parts of the sandbox that a measurement leaves out, to see what they cost.
///
/// Each is a promise that is given up. Only
/// [`SessionBuilder::leave_out`](crate::SessionBuilder::leave_out) asks for it:
/// no statement, no option and no module can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The counting of fuel and of stack. A guest may run for ever, and nothing
    /// stops it.
    pub fuel: bool,
    /// Canonical NaNs. Answers may differ from machine to machine.
    pub canonical_nans: bool,
    /// The reset before each call of a scalar function. A guest may remember the
    /// arguments of calls before, other queries' too.
    pub reset: bool,
}

/// What the calls of one function have cost, added up over all threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The function.
    pub definition: Definition,
    /// How many calls into a guest have answered. A batch is one call or several,
    /// or none if the rows are all null.
    pub calls: u64,
    /// How many rows they have answered.
    pub rows: u64,
    /// The time to measure the arguments and to write them into guest memory.
    pub lower: Duration,
    /// The time in the guest: its function, and its allocator where the
    /// arguments need more room.
    pub guest: Duration,
    /// The time to check results and to read them out of guest memory.
    pub lift: Duration,
    /// The time to have an instance that is as good as new: to give one back what
    /// it had, or to make one where there is none.
    pub reset: Duration,
    /// The bytes of arguments in guest memory, headers and padding included.
    pub lowered_bytes: u64,
    /// The bytes of the columns that results became.
    pub lifted_bytes: u64,
    /// The fuel that calls have burnt which answered: that of the rows, and that
    /// of the bookkeeping around them.
    pub fuel: u64,
    /// The largest memory that an instance had after a call, in bytes.
    pub memory_bytes_max: u64,
}

/// A part of a call's time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Lower,
    Guest,
    Lift,
    Reset,
}

/// What one function has cost since that was last asked.
#[derive(Default)]
struct Counters {
    /// In nanoseconds, in the order of [`Step`].
    nanos: [AtomicU64; 4],
    calls: AtomicU64,
    rows: AtomicU64,
    lowered_bytes: AtomicU64,
    lifted_bytes: AtomicU64,
    fuel: AtomicU64,
    memory_bytes_max: AtomicU64,
}

/// The counters of the functions of a session that measures.
pub(crate) struct Watches(Option<Mutex<Vec<Watched>>>);

type Watched = (Definition, Arc<Counters>);

/// The counters of a function, if it has any.
#[derive(Clone, Default)]
pub(crate) struct Watch(Option<Arc<Counters>>);

/// Time that passes, and is written down when this is dropped.
pub(crate) struct Lap<'a>(Option<Running<'a>>);

struct Running<'a> {
    counters: &'a Counters,
    step: Step,
    since: Instant,
}

/// What a call is that has answered.
pub(crate) struct Answered<'a> {
    pub(crate) lowered_bytes: u64,
    pub(crate) column: &'a ArrayRef,
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: usize,
}

impl Watches {
    pub(crate) fn new(measures: bool) -> Self {
        Self(measures.then(Mutex::default))
    }

    /// Counters for a new function.
    pub(crate) fn watch(&self, definition: &Definition) -> Watch {
        let Some(known) = &self.0 else {
            return Watch::default();
        };
        let counters = Arc::<Counters>::default();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((definition.clone(), Arc::clone(&counters)));
        Watch(Some(counters))
    }

    /// What each function has cost since this was last asked, in the order in
    /// which they were made.
    pub(crate) fn take(&self) -> Vec<Measured> {
        let Some(known) = &self.0 else {
            return vec![];
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = known
            .iter()
            .map(|(definition, counters)| counters.take(definition.clone()))
            .collect();
        known.retain(|(_, counters)| Arc::strong_count(counters) > 1);
        taken
    }
}

impl Watch {
    /// Begins to take the time of a step.
    #[inline]
    pub(crate) fn time(&self, step: Step) -> Lap<'_> {
        Lap(self.0.as_deref().map(|counters| Running {
            counters,
            step,
            since: Instant::now(),
        }))
    }
}

impl Lap<'_> {
    /// Ends the step that is being timed, and begins another.
    #[inline]
    pub(crate) fn enter(&mut self, step: Step) {
        if let Some(running) = &mut self.0 {
            let now = Instant::now();
            running.end(now);
            running.step = step;
            running.since = now;
        }
    }

    /// Ends the step that is being timed with the call's answer.
    #[inline]
    pub(crate) fn answered(mut self, answered: Answered<'_>) {
        if let Some(running) = self.0.take() {
            running.end(Instant::now());
            running.counters.count(answered);
        }
    }
}

impl Drop for Lap<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.end(Instant::now());
        }
    }
}

impl Running<'_> {
    fn end(&self, now: Instant) {
        let nanos = now.saturating_duration_since(self.since).as_nanos() as u64;
        add(&self.counters.nanos[self.step as usize], nanos);
    }
}

impl Counters {
    fn count(&self, answered: Answered<'_>) {
        add(&self.calls, 1);
        add(&self.rows, answered.column.len() as u64);
        add(&self.lowered_bytes, answered.lowered_bytes);
        add(&self.lifted_bytes, bytes_of(&answered.column.to_data()));
        add(&self.fuel, answered.fuel);
        let memory_bytes = answered.memory_bytes as u64;
        self.memory_bytes_max
            .fetch_max(memory_bytes, Ordering::Relaxed);
    }

    fn take(&self, definition: Definition) -> Measured {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let time = |step: Step| Duration::from_nanos(take(&self.nanos[step as usize]));
        Measured {
            definition,
            calls: take(&self.calls),
            rows: take(&self.rows),
            lower: time(Step::Lower),
            guest: time(Step::Guest),
            lift: time(Step::Lift),
            reset: time(Step::Reset),
            lowered_bytes: take(&self.lowered_bytes),
            lifted_bytes: take(&self.lifted_bytes),
            fuel: take(&self.fuel),
            memory_bytes_max: take(&self.memory_bytes_max),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// The bytes of a column's buffers, with those of its children.
fn bytes_of(column: &ArrayData) -> u64 {
    let buffers = column.buffers().iter().map(|buffer| buffer.len() as u64);
    let nulls = column
        .nulls()
        .map_or(0, |nulls| nulls.buffer().len() as u64);
    let children = column.child_data().iter().map(bytes_of);
    buffers.sum::<u64>() + nulls + children.sum::<u64>()
}
