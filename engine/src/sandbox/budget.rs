//! What calls may burn, and how many rows they are about.

use fusebox_abi::{BOUNDED_BOOK_FUEL_PER_ROW, TOGETHER_SHARE};
use fusebox_instrument::Rows;

use crate::definition::Limits;

/// What a call may burn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) fuel_per_row: u64,
    pub(crate) fuel_per_call: u64,
    /// How deep the guest may recurse, in bytes as its own count has them.
    pub(crate) stack_bytes_max: u64,
    /// Whether rows may burn together as much as in a wide call.
    pub(crate) is_wide: bool,
    pub(crate) announced: Announced,
}

/// How rows are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// Each that can go on for long.
    Needed,
    /// Some at once, which share what one may burn.
    Together,
    /// Each, so that it is known which one is stopped.
    Each,
}

/// What the rows of one call may burn together, unless one alone may burn more.
///
/// The host looks up between calls, to see whether the query was cancelled, so
/// a call must end soon whatever the guest does. The dearest code that is known
/// follows pointers through memory that is in no cache: 39 ns for a unit of
/// fuel were measured. With the limits of [`Limits::default`], a call has some
/// 2.5 million units at most, or 100 ms.
const FUEL_GRANTED: u64 = 1_000_000;

/// What announced rows may burn together, with what keeping their book takes,
/// unless that is not enough for one of them.
const ANNOUNCED_FUEL_GRANTED: u64 = 1_750_000;

/// What the rows of one call may burn together where they are bounded, and none
/// can take from the others: with what is for the call, 2.5 million units, which
/// are below 100 ms too.
const BOUNDED_FUEL_GRANTED: u64 = 2_000_000;

/// How many times as much rows have in a wide call, each with fuel of its own,
/// in [a memory](WIDE_MEMORY_BYTES_MAX) that caches hold: there the same code
/// took 8 ns for a unit, 25 for a load.
const WIDE: u64 = 4;

/// How much memory a guest has in a wide call, at most. One that asks for more
/// is called again, for as much as others.
pub(super) const WIDE_MEMORY_BYTES_MAX: usize = 2 << 20;

/// What a row is certain to find beside what it may burn itself.
const FUEL_BESIDE: u64 = FUEL_GRANTED / 2;

/// The least that rows share: what some cheap ones burn together, and so much
/// more than what it takes to announce and settle one that it does not show.
const TOGETHER_FUEL_MIN: u64 = 4 << 10;

/// The most rows of a call: what a batch of DataFusion's has.
const ROWS_MAX: u64 = 8_192;

/// The most rows of a call where they share a tank, or are announced and not
/// bounded in one that is not wide: their book is paid for whatever they burn.
pub(super) const ROWS_NARROW_MAX: u64 = 4_096;

impl Budget {
    /// What announced rows may burn together, and their book with them, of which
    /// each row brings so much. That of the one that is going on is included: a
    /// row begins only where there is as much as it may burn.
    pub(super) fn fuel_announced(self, rows: u32, book_fuel_per_row: u64) -> u64 {
        let book = book_fuel_per_row.saturating_mul(rows.into());
        let least = self.fuel_per_row.saturating_add(FUEL_BESIDE);
        let granted = ANNOUNCED_FUEL_GRANTED.saturating_mul(self.times());
        granted.max(least.saturating_add(book))
    }

    /// What rows have that are announced together, if there is enough in it that
    /// they need not be told apart.
    pub(super) fn fuel_together(self) -> Option<u64> {
        let shared = self.fuel_per_row / TOGETHER_SHARE;
        (shared >= TOGETHER_FUEL_MIN).then_some(shared)
    }

    fn times(self) -> u64 {
        if self.is_wide { WIDE } else { 1 }
    }

    /// How many rows that burn as much as they may, a call may be about.
    pub(super) fn rows_within(self) -> u64 {
        (FUEL_GRANTED / self.fuel_per_row.max(1)).clamp(1, ROWS_NARROW_MAX)
    }

    /// How many rows that burn so much at most, a call may be about.
    fn bounded_rows_within(self, fuel: u64) -> u64 {
        let fuel = fuel.saturating_add(BOUNDED_BOOK_FUEL_PER_ROW);
        (BOUNDED_FUEL_GRANTED.saturating_mul(self.times()) / fuel).clamp(1, ROWS_MAX)
    }

    /// The most rows that a call may be about.
    pub(super) fn rows_max(self, kind: Rows) -> u64 {
        match kind {
            Rows::Bounded { fuel, .. } => self.bounded_rows_within(fuel),
            Rows::Announced { .. } if self.is_wide => ROWS_MAX,
            Rows::Announced { .. } | Rows::Shared => ROWS_NARROW_MAX,
        }
    }

    /// What so many rows and their call have.
    pub(super) fn fuel_of(self, rows: u32) -> u64 {
        let fuel = self.fuel_per_row.saturating_mul(rows.into());
        fuel.saturating_add(self.fuel_per_call)
    }

    /// What a call may burn of a tank that its rows share.
    pub(super) fn fuel_shared(self) -> u64 {
        FUEL_GRANTED.max(self.fuel_per_row.saturating_add(self.fuel_per_call))
    }
}

impl From<Limits> for Budget {
    fn from(limits: Limits) -> Self {
        Self {
            fuel_per_row: limits.fuel_per_row,
            fuel_per_call: limits.fuel_per_call,
            stack_bytes_max: limits.stack_bytes_max,
            is_wide: false,
            announced: Announced::Needed,
        }
    }
}
