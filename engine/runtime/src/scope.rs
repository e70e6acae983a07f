//! Scope of one execution: cancellation, memory accounting, calibration and statistics.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use fusebox_definition::{Definition, Reuse};

use crate::notices::{CallStatistics, FailureCause, FunctionStatistics, GuestMessage, Notices};
use crate::reuse::Sites;
use crate::sandbox::{Calibration, CallLog, Cancellation, MemoryReservation, Pin};

/// Opens reservations of host memory for the calls of an execution.
pub trait MemoryBroker: Send + Sync {
    /// Opens an empty reservation for a call of `function`.
    fn open(&self, function: &str) -> Box<dyn MemoryReservation>;
}

/// Broker that grants every reservation.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnlimitedMemory;

impl MemoryBroker for UnlimitedMemory {
    fn open(&self, _function: &str) -> Box<dyn MemoryReservation> {
        Box::new(Self)
    }
}

impl MemoryReservation for UnlimitedMemory {
    fn try_grow(&self, _bytes: usize) -> bool {
        true
    }

    fn shrink(&self, _bytes: usize) {}
}

/// One function in one execution.
pub(crate) struct FunctionExecution {
    name: String,
    pub(crate) calibration: Calibration,
    pub(crate) statistics: CallStatistics,
    pub(crate) sites: Sites,
}

/// Maximum number of functions that a scope keeps.
const FUNCTIONS_MAX: usize = 256;

/// State of one execution of a plan, or of one use of the library: the calls within it
/// share cancellation, memory accounting and the sizes of batches.
pub struct Scope {
    cancellation: Cancellation,
    memory: Arc<dyn MemoryBroker>,
    batch_bytes_max: u64,
    time_zone: Option<Arc<str>>,
    timestamp: i64,
    reuse: Reuse,
    notices: Arc<Notices>,
    /// Functions that were called, by their identity.
    functions: Mutex<Vec<(u64, Arc<FunctionExecution>)>>,
    /// Pins of functions that keep state, by the identity of the function; `None` outside
    /// of executions.
    pins: Option<Arc<Mutex<HashMap<u64, Pin>>>>,
}

impl Scope {
    /// Maximum bytes of one batch of results unless given: 256 MiB.
    pub const BATCH_BYTES_MAX: u64 = 256 << 20;

    /// Time of the statement unless given, in nanoseconds since 1970: 2000-01-01.
    pub const TIMESTAMP: i64 = 946_684_800_000_000_000;

    /// Creates a scope.
    pub fn new(cancellation: Cancellation, memory: Arc<dyn MemoryBroker>) -> Self {
        Self {
            cancellation,
            memory,
            batch_bytes_max: Self::BATCH_BYTES_MAX,
            time_zone: None,
            timestamp: Self::TIMESTAMP,
            reuse: Reuse::Auto,
            notices: Arc::default(),
            functions: Mutex::default(),
            pins: Some(Arc::default()),
        }
    }

    /// Creates a scope of calls that belong to no execution, which may last as long as the
    /// process: between two calls, a volatile function may lose its state.
    pub fn detached(memory: Arc<dyn MemoryBroker>) -> Self {
        Self {
            pins: None,
            ..Self::new(Cancellation::default(), memory)
        }
    }

    /// Creates a scope with the same cancellation and memory accounting, for calls that must
    /// not see what others did.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self {
            batch_bytes_max: self.batch_bytes_max,
            time_zone: self.time_zone.clone(),
            timestamp: self.timestamp,
            reuse: self.reuse,
            notices: Arc::clone(&self.notices),
            pins: self.pins.clone(),
            ..Self::new(self.cancellation.clone(), Arc::clone(&self.memory))
        }
    }

    /// Creates the scope of a part of the execution: cancelled with it, and by itself.
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            cancellation: self.cancellation.child(),
            ..self.sibling()
        }
    }

    /// Sets the maximum bytes of one batch of results.
    #[must_use]
    pub fn with_batch_bytes_max(mut self, bytes: u64) -> Self {
        self.batch_bytes_max = bytes;
        self
    }

    /// Sets the place of failed rows and messages of guests.
    #[must_use]
    pub fn with_notices(mut self, notices: Arc<Notices>) -> Self {
        self.notices = notices;
        self
    }

    /// Returns the failed rows and messages of guests.
    pub fn notices(&self) -> &Arc<Notices> {
        &self.notices
    }

    /// Sets the zone in which timestamps without one are read.
    #[must_use]
    pub fn with_time_zone(mut self, time_zone: Option<&str>) -> Self {
        self.time_zone = time_zone.map(Arc::from);
        self
    }

    /// Returns the zone in which timestamps without one are read; UTC unless there is one.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// Sets the time of the statement, in nanoseconds since 1970: that of the guest's clock at the
    /// beginning of each row.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// Returns the time of the statement, in nanoseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Sets the use of earlier answers by all functions; [`Reuse::Auto`] is that of each
    /// function's definition.
    #[must_use]
    pub fn with_reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// Returns the use of earlier answers that is set for all functions.
    pub fn reuse(&self) -> Reuse {
        self.reuse
    }

    /// Returns the maximum bytes of one batch of results.
    pub fn batch_bytes_max(&self) -> u64 {
        self.batch_bytes_max
    }

    /// Returns the token that cancels the calls.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Returns true if the execution was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Returns the sums over the calls so far, by the name of the function.
    pub fn statistics(&self) -> BTreeMap<String, FunctionStatistics> {
        let functions = self.functions.lock();
        let functions = functions.unwrap_or_else(PoisonError::into_inner);
        let mut all: BTreeMap<String, FunctionStatistics> = BTreeMap::new();
        for (_, function) in functions.iter() {
            let sums = all.entry(function.name.clone()).or_default();
            sums.add(&function.statistics.get());
        }
        all
    }

    /// Counts a row of `function` that failed and is null.
    pub(crate) fn count_failed(&self, function: &str, cause: FailureCause) {
        self.notices.count_failed(function, cause);
    }

    /// Adds the messages of a call of `function`, whose rows `row` maps to those of the
    /// batch.
    pub(crate) fn add_messages(&self, function: &str, log: CallLog, row: impl Fn(u64) -> u64) {
        for message in log.messages {
            let message = GuestMessage::new(function, message.row.map(&row), message.text);
            self.notices.add_message(message);
        }
        self.notices.count_dropped(log.dropped);
    }

    /// Opens a reservation for a call of `function`.
    pub(crate) fn open(&self, function: &str) -> Box<dyn MemoryReservation> {
        self.memory.open(function)
    }

    /// Keeps the idle instances of a function, identified by `key`, until the execution
    /// ends.
    pub(crate) fn pin(&self, key: u64, pin: impl FnOnce() -> Pin) {
        if let Some(pins) = &self.pins {
            let mut pins = pins.lock().unwrap_or_else(PoisonError::into_inner);
            pins.entry(key).or_insert_with(pin);
        }
    }

    /// Returns the state of a function in this execution, identified by `key`.
    pub(crate) fn function(
        &self,
        key: u64,
        definition: &Definition,
        rows_max: usize,
    ) -> Arc<FunctionExecution> {
        let functions = self.functions.lock();
        let mut functions = functions.unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = functions.iter().find(|(other, _)| *other == key) {
            return Arc::clone(found);
        }
        // A scope that outlives many functions forgets the oldest.
        if functions.len() == FUNCTIONS_MAX {
            functions.remove(0);
        }
        let registry = self.notices.statistics().map(Arc::as_ref);
        let function = Arc::new(FunctionExecution {
            name: definition.name.clone(),
            calibration: Calibration::new(rows_max),
            statistics: CallStatistics::new(registry, definition),
            sites: Sites::default(),
        });
        functions.push((key, Arc::clone(&function)));
        function
    }
}

/// Scope without cancellation and without memory accounting.
impl Default for Scope {
    fn default() -> Self {
        Self::new(Cancellation::default(), Arc::new(UnlimitedMemory))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
