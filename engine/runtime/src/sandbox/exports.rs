//! Exports of a module, and what the host knows of them.

use std::sync::Arc;

use fusebox_instrument::RowFuel;

use super::sampler::Sampler;
use super::watchdog::Watchdog;

/// Exports of a module that an instance of one function uses.
#[derive(Clone)]
pub(crate) struct Exports {
    /// Names of the operations, and the fuel rules of their rows.
    pub(crate) operations: Vec<(String, RowFuel)>,
    /// Number of mutable globals to restore by a reset; `None` if a reset is impossible.
    pub(crate) globals: Option<usize>,
    /// Sampling profiler.
    pub(crate) sampler: Option<Arc<Sampler>>,
    /// Watchdog of a polled module.
    pub(crate) watchdog: Option<Arc<Watchdog>>,
    /// True if fuel is counted.
    pub(crate) is_metered: bool,
    /// Traits of the driver.
    pub(crate) driver: DriverTraits,
}

/// Traits of the driver that a module is linked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct DriverTraits {
    /// True if the clock begins at the time of the statement: an export of the driver sets it.
    pub(crate) has_clock: bool,
    /// True if no call without null arguments depends on what earlier calls left in memory.
    pub(crate) is_free_of_memory: bool,
}

impl Exports {
    /// Returns true if any operation begins rows.
    pub(super) fn meter_rows(&self) -> bool {
        let mut operations = self.operations.iter();
        operations.any(|(_, rows)| *rows != RowFuel::Shared)
    }
}
