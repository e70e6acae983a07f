//! What calls may burn, and how many rows they are about.

use fusebox_abi::{BOUNDED_OVERHEAD_FUEL_PER_ROW, OVERHEAD_FUEL_RESERVE, ROW_GROUP_FUEL_SHARE};

use crate::definition::Limits;

/// What a call may burn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) fuel_per_row: u64,
    pub(crate) fuel_per_call: u64,
    /// How deep the guest may recurse, in bytes as its own count has them.
    pub(crate) stack_bytes_max: u64,
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

/// What rows may burn together before the host looks up, to see whether the
/// query was cancelled, unless one alone may burn more.
///
/// It looks between calls, and where a row begins and the tank is low. Until
/// then the guest can do whatever it likes. The dearest code that is known
/// follows pointers through memory that is in no cache: 39 ns for a unit of
/// fuel were measured. With the limits of [`Limits::default`], a guest has some
/// 2.6 million units at most, with what is for the book of a call, or 100 ms, and
/// what the bytes of its arguments bring.
const FUEL_GRANTED: u64 = 1_000_000;

/// The same where rows are bounded and none is announced, so that the host looks
/// between calls alone: a third of a second at worst, for a batch of the dearest
/// rows that fit. Such rows take some nanoseconds for a hundred units, and every
/// call more shows.
const BOUNDED_FUEL_GRANTED: u64 = 8_000_000;

/// The least that rows share: what some cheap ones burn together, and so much
/// more than what it takes to announce and settle one that it does not show.
const TOGETHER_FUEL_MIN: u64 = 4 << 10;

/// The most rows of a call: what a batch of DataFusion's has.
pub(super) const ROWS_MAX: u64 = 8_192;

/// The most rows of a call that may have to be made again with fewer, or cannot
/// be made again; or whose answers may be of any size, so that memory for them
/// that was made ready is seldom too small.
pub(super) const ROWS_NARROW_MAX: u64 = 4_096;

/// What is added to what a call may burn, where a row begins that may burn so
/// much and little more is left.
pub(super) fn refill(fuel_per_row: u64) -> u64 {
    FUEL_GRANTED
        .max(fuel_per_row)
        .saturating_add(OVERHEAD_FUEL_RESERVE)
}

impl Budget {
    /// What a call has at first for announced rows, and for their book, to which
    /// each of them brings so much. It gets more where that is not enough.
    pub(super) fn fuel_announced(self, rows: u32, book_fuel_per_row: u64) -> u64 {
        let book = book_fuel_per_row.saturating_mul(rows.into());
        refill(self.fuel_per_row).saturating_add(book)
    }

    /// What rows have that are announced together, if there is enough in it that
    /// they need not be told apart.
    pub(super) fn fuel_together(self) -> Option<u64> {
        let shared = self.fuel_per_row / ROW_GROUP_FUEL_SHARE;
        (shared >= TOGETHER_FUEL_MIN).then_some(shared)
    }

    /// How many rows that burn as much as they may, a call may be about.
    pub(super) fn rows_within(self) -> u64 {
        (FUEL_GRANTED / self.fuel_per_row.max(1)).clamp(1, ROWS_NARROW_MAX)
    }

    /// How many rows that burn so much at most, a call may be about without
    /// announcing them.
    pub(super) fn bounded_rows_within(self, fuel: u64) -> u64 {
        let fuel = fuel.saturating_add(BOUNDED_OVERHEAD_FUEL_PER_ROW);
        (BOUNDED_FUEL_GRANTED / fuel).clamp(1, ROWS_MAX)
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
            announced: Announced::Needed,
        }
    }
}
