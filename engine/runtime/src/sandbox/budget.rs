//! Fuel of calls, and the number of their rows.

use fusebox_abi::{BOUNDED_OVERHEAD_FUEL_PER_ROW, OVERHEAD_FUEL_RESERVE, ROW_GROUP_FUEL_SHARE};
use fusebox_definition::Limits;
use fusebox_instrument::weights::FUEL_PER_PAGE;

/// Fuel and stack of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) fuel_per_row: u64,
    pub(crate) fuel_per_call: u64,
    /// Fuel of the initialisation of an instance.
    pub(crate) fuel_init: u64,
    /// Maximum stack in bytes, as counted by the instrumentation.
    pub(crate) stack_bytes_max: u64,
    pub(crate) metering: RowMetering,
}

/// Granularity of metering within a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowMetering {
    /// Each row that is not statically bounded.
    Auto,
    /// Groups of rows that share the fuel of a part of one row.
    Grouped,
    /// Each row, so that an error names it.
    PerRow,
}

/// Fuel granted between two checks for cancellation, in units, unless one row may
/// burn more.
///
/// The host checks between calls, and where a row begins and fuel is low. With
/// [`Limits::default`], a guest has some 2.6 million units including overhead, and what
/// the bytes of its arguments add: 65 ms of code of 25 ns per unit, which the bench
/// `unit_cost` finds to be the most expensive.
const FUEL_GRANTED: u64 = 1_000_000;

/// The same for statically bounded rows that are not begun, where the host checks
/// between calls only: 150 ms at 25 ns per unit. Such rows take some nanoseconds per
/// hundred units, so that every further call is measurable.
const BOUNDED_FUEL_GRANTED: u64 = 6_000_000;

/// Maximum fuel of rows that must be done in one call, in units.
const WHOLE_FUEL_MAX: u64 = 1 << 32;

/// Maximum fuel of a row and its call, in units, that is granted to code that cannot be
/// cancelled while it burns it: 100 ms at 25 ns per unit. A function with more
/// is compiled with polling.
const UNPOLLED_FUEL_MAX: u64 = 4_000_000;

/// Minimum fuel of a row group: some cheap rows, and enough that beginning and
/// ending one row does not matter.
const GROUP_FUEL_MIN: u64 = 4 << 10;

/// Maximum rows of a call: DataFusion's default batch size.
pub(super) const ROWS_MAX: u64 = 8_192;

/// Maximum rows of a call that cannot be repeated, or may have to be repeated with
/// fewer rows; or whose results are of variable size, so that preallocated memory is
/// seldom too small.
pub(super) const ROWS_NARROW_MAX: u64 = 4_096;

/// Size of a Wasm page in bytes, as a power of two.
const PAGE_BYTES_LOG2: u32 = 16;

/// Returns the fuel added where a row of `fuel_per_row` begins and little is left.
pub(super) fn refill(fuel_per_row: u64) -> u64 {
    FUEL_GRANTED
        .max(fuel_per_row)
        .saturating_add(OVERHEAD_FUEL_RESERVE)
}

/// Returns the fuel of the first touches of `bytes` bytes of memory, or of restoring them.
pub(super) fn page_fuel(bytes: usize) -> u64 {
    (bytes >> PAGE_BYTES_LOG2) as u64 * FUEL_PER_PAGE
}

impl Budget {
    /// Returns true if one row or call may run for long, so that it must be cancellable.
    pub(crate) fn needs_polling(self) -> bool {
        self.fuel_per_row.saturating_add(self.fuel_per_call) > UNPOLLED_FUEL_MAX
    }

    /// Returns the budget of a call whose `rows` rows share their fuel.
    pub(crate) fn shared(self, rows: usize) -> Self {
        self.shared_within(rows, WHOLE_FUEL_MAX)
    }

    /// Returns the budget of a call whose `rows` rows share their fuel, and which cannot be
    /// cancelled.
    pub(crate) fn shared_unpolled(self, rows: usize) -> Self {
        self.shared_within(rows, UNPOLLED_FUEL_MAX)
    }

    /// Returns the budget of `rows` rows, `fuel_max` at most unless one row may burn more.
    fn shared_within(self, rows: usize, fuel_max: u64) -> Self {
        let fuel = self.fuel_per_row.saturating_mul(rows as u64);
        Self {
            fuel_per_row: fuel.min(fuel_max.max(self.fuel_per_row)),
            ..self
        }
    }

    /// Returns true if `rows` rows may together burn more than is granted at once.
    pub(crate) fn exceeds_grant(self, rows: usize) -> bool {
        self.fuel_per_row.saturating_mul(rows as u64) > FUEL_GRANTED
    }

    /// Returns the initial fuel of a call whose rows are metered, with
    /// `overhead_fuel_per_row` for each. Refills follow where it is not enough.
    pub(super) fn fuel_metered(self, rows: u32, overhead_fuel_per_row: u64) -> u64 {
        let overhead = overhead_fuel_per_row.saturating_mul(rows.into());
        refill(self.fuel_per_row).saturating_add(overhead)
    }

    /// Returns the fuel of a row group, if it is enough to group rows.
    pub(super) fn fuel_per_group(self) -> Option<u64> {
        let shared = self.fuel_per_row / ROW_GROUP_FUEL_SHARE;
        (shared >= GROUP_FUEL_MIN).then_some(shared)
    }

    /// Returns the maximum rows of a call if each burns `fuel_per_row`.
    pub(super) fn rows_within(self) -> u64 {
        (FUEL_GRANTED / self.fuel_per_row.max(1)).clamp(1, ROWS_NARROW_MAX)
    }

    /// Returns the maximum rows of a call whose rows are bounded by `fuel` each.
    pub(super) fn bounded_rows_within(self, fuel: u64) -> u64 {
        let fuel = fuel.saturating_add(BOUNDED_OVERHEAD_FUEL_PER_ROW);
        (BOUNDED_FUEL_GRANTED / fuel).clamp(1, ROWS_MAX)
    }

    /// Returns the fuel of `rows` rows and their call.
    pub(super) fn fuel_of(self, rows: u32) -> u64 {
        let fuel = self.fuel_per_row.saturating_mul(rows.into());
        fuel.saturating_add(self.fuel_per_call)
    }

    /// Returns the maximum fuel of a call whose rows share it.
    pub(super) fn fuel_shared(self) -> u64 {
        FUEL_GRANTED.max(self.fuel_per_row.saturating_add(self.fuel_per_call))
    }
}

impl From<Limits> for Budget {
    fn from(limits: Limits) -> Self {
        Self {
            fuel_per_row: limits.fuel_per_row,
            fuel_per_call: limits.fuel_per_call,
            fuel_init: limits.fuel_init,
            stack_bytes_max: limits.stack_bytes_max,
            metering: RowMetering::Auto,
        }
    }
}
