//! Resource limits, their ranges, and the options that set them.

use std::fmt;
use std::ops::RangeInclusive;

use crate::kind::Kind;
use crate::statement_error::StatementError;

/// Resource limits of one function. Every limit is finite.
///
/// Each is an option of `WITH (…)` and `ALTER FUNCTION … SET (…)`; its name and
/// range are given below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Fuel of one row, about one unit per Wasm instruction. Rows that the guest
    /// begins and ends have separate fuel; rows of other guests share the sum.
    ///
    /// Aggregate functions: of each row updated, merged or retracted, and of each
    /// group evaluated; states that grow have more, in proportion to the bytes that the
    /// aggregate took in. Window functions: of each row; the rows of a whole
    /// partition share the sum, up to 2³². Table functions: of each row produced.
    ///
    /// `fuel_per_row`, from 1 to 2⁶¹ − 1.
    pub fuel_per_row: u64,
    /// Overhead fuel of one call: allocation of the arena, and the guest's work
    /// outside rows. A guest in Rust stays far below the minimum.
    ///
    /// `fuel_per_call`, from 10,000 to 2⁶¹ − 1.
    pub fuel_per_call: u64,
    /// Fuel of the initialisation of one instance: its start function and
    /// `_initialize`, and 1,024 units for each page of its
    /// initial memory. Once for an instance, before its baseline; no call pays for it.
    ///
    /// `fuel_init`, from 100,000 to 4,000,000,000.
    pub fuel_init: u64,
    /// Linear memory in bytes. `memory.grow` beyond it returns -1. A batch that
    /// comes near the limit is called again in halves, so that each row has the
    /// memory it would have alone.
    ///
    /// Charged to the query's memory pool during a call. Idle instances are charged to
    /// the runtime, which bounds them; only those of at most 4 MiB are kept.
    ///
    /// Aggregate functions have a [larger default](Self::AGGREGATE_MEMORY_BYTES_MAX)
    /// because they hold the states of all groups of a partition. DataFusion
    /// charges their size to the pool between batches; where the pool refuses, it
    /// spills the states if it can, and the instance is discarded.
    ///
    /// `memory`, from 64 KiB to 4 GiB.
    pub memory_bytes_max: u64,
    /// Stack of the guest in bytes, as counted by the instrumentation.
    ///
    /// `stack`, from 4 KiB to 512 KiB.
    pub stack_bytes_max: u64,
    /// Result bytes of one row. A batch whose result is larger is called again in
    /// halves.
    ///
    /// `result_bytes`, from 1 KiB to 2 GiB.
    pub result_bytes_max: u64,
    /// Concurrent calls. A further call fails without waiting.
    ///
    /// `instances`, from 1 to 10,000.
    pub instances_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_row: 1_000_000,
            fuel_per_call: 500_000,
            fuel_init: 1_000_000_000,
            memory_bytes_max: 64 << 20,
            stack_bytes_max: 256 << 10,
            result_bytes_max: 64 << 20,
            instances_max: 1024,
        }
    }
}

impl Limits {
    /// Default linear memory of an aggregate function in bytes: enough for the
    /// states of some ten million groups.
    pub const AGGREGATE_MEMORY_BYTES_MAX: u64 = 1 << 30;

    /// Highest value of every limit.
    pub const MAX: Self = Self {
        fuel_per_row: FUEL_MAX,
        fuel_per_call: FUEL_MAX,
        fuel_init: FUEL_INIT_MAX,
        memory_bytes_max: 4 << 30,
        stack_bytes_max: 512 << 10,
        result_bytes_max: 2 << 30,
        instances_max: 10_000,
    };

    /// Ceilings of a session whose embedder states none: ten times the default fuel of rows
    /// and calls, four times that of initialisation, the
    /// default linear memory of aggregate functions, twice the default stack and four times
    /// the default result.
    pub const DEFAULT_MAX: Self = Self {
        fuel_per_row: 10_000_000,
        fuel_per_call: 5_000_000,
        fuel_init: FUEL_INIT_MAX,
        memory_bytes_max: Self::AGGREGATE_MEMORY_BYTES_MAX,
        stack_bytes_max: 512 << 10,
        result_bytes_max: 256 << 20,
        instances_max: 1024,
    };

    /// Returns the default limits of a kind of function.
    pub fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Aggregate => Self {
                memory_bytes_max: Self::AGGREGATE_MEMORY_BYTES_MAX,
                ..Self::default()
            },
            Kind::Scalar | Kind::Window | Kind::Table => Self::default(),
        }
    }

    /// Returns the lower of each two limits.
    #[must_use]
    pub fn at_most(mut self, other: Self) -> Self {
        for limit in &LIMITS {
            let lower = limit.of(self).min(limit.of(other));
            *(limit.field)(&mut self) = lower;
        }
        self
    }

    /// Iterates over the limits with the names of their options and their units: `fuel`,
    /// `bytes` or `calls`.
    pub fn values(self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let value = move |limit: &Limit| (limit.option, limit.unit.name(), limit.of(self));
        LIMITS.iter().map(value)
    }

    /// Returns true if every limit is in its range.
    pub fn are_in_range(self) -> bool {
        self.check_ranges().is_ok()
    }

    /// Checks that every limit is in its range.
    ///
    /// # Errors
    ///
    /// [`StatementError::OptionValue`] for the first that is not.
    pub fn check_ranges(self) -> Result<(), StatementError> {
        let is_beyond = |limit: &&Limit| !limit.range.contains(&limit.of(self));
        match LIMITS.iter().find(is_beyond) {
            None => Ok(()),
            Some(limit) => Err(StatementError::OptionValue {
                name: limit.option.to_owned(),
                expected: limit.expected(),
                found: limit.print(self),
            }),
        }
    }

    /// Checks that no limit exceeds its ceiling.
    ///
    /// # Errors
    ///
    /// [`StatementError::Ceiling`] for the first that does.
    pub fn check(self, ceilings: Self) -> Result<(), StatementError> {
        let exceeds = |limit: &&Limit| limit.of(self) > limit.of(ceilings);
        match LIMITS.iter().find(exceeds) {
            None => Ok(()),
            Some(limit) => Err(StatementError::Ceiling {
                option: limit.option,
                value: limit.print(self),
                ceiling: limit.print(ceilings),
            }),
        }
    }
}

/// Highest amount of fuel. Instrumented code subtracts before it checks, so the sum
/// of two amounts must leave headroom on both sides of zero.
const FUEL_MAX: u64 = i64::MAX as u64 / 4;

/// Highest fuel of an initialisation: threads that create functions are shared, and an
/// initialisation does not begin rows, where calls are cancelled.
const FUEL_INIT_MAX: u64 = 4_000_000_000;

/// Number of bytes, printed as the options state them: `64MB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl Size {
    /// Parses a number of bytes with an optional unit, as `64MB`.
    pub fn parse(text: &str) -> Option<Self> {
        size(text).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GB", 30), ("MB", 20), ("kB", 10)];
        let unit = units
            .iter()
            .find(|(_, shift)| self.0.is_multiple_of(1 << shift));
        let (unit, shift) = unit.unwrap_or(&("B", 0));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

/// One of the [`Limits`].
pub(crate) struct Limit {
    /// Name of its option.
    pub(crate) option: &'static str,
    unit: Unit,
    range: RangeInclusive<u64>,
    field: fn(&mut Limits) -> &mut u64,
}

#[derive(Clone, Copy)]
enum Unit {
    Fuel,
    Bytes,
    Calls,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Bytes => "bytes",
            Self::Calls => "calls",
        }
    }
}

/// All limits, in the order of printing.
pub(crate) static LIMITS: [Limit; 7] = [
    Limit {
        option: "fuel_per_row",
        unit: Unit::Fuel,
        range: 1..=Limits::MAX.fuel_per_row,
        field: |limits| &mut limits.fuel_per_row,
    },
    Limit {
        option: "fuel_per_call",
        unit: Unit::Fuel,
        range: 10_000..=Limits::MAX.fuel_per_call,
        field: |limits| &mut limits.fuel_per_call,
    },
    Limit {
        option: "fuel_init",
        unit: Unit::Fuel,
        range: 100_000..=Limits::MAX.fuel_init,
        field: |limits| &mut limits.fuel_init,
    },
    Limit {
        option: "memory",
        unit: Unit::Bytes,
        range: 64 << 10..=Limits::MAX.memory_bytes_max,
        field: |limits| &mut limits.memory_bytes_max,
    },
    Limit {
        option: "stack",
        unit: Unit::Bytes,
        range: 4 << 10..=Limits::MAX.stack_bytes_max,
        field: |limits| &mut limits.stack_bytes_max,
    },
    Limit {
        option: "result_bytes",
        unit: Unit::Bytes,
        range: 1 << 10..=Limits::MAX.result_bytes_max,
        field: |limits| &mut limits.result_bytes_max,
    },
    Limit {
        option: "instances",
        unit: Unit::Calls,
        range: 1..=Limits::MAX.instances_max,
        field: |limits| &mut limits.instances_max,
    },
];

impl Limit {
    /// Sets the limit to the value `text`; the error describes the expected value.
    pub(crate) fn set(&self, limits: &mut Limits, text: &str) -> Result<(), String> {
        let value = match self.unit {
            Unit::Fuel | Unit::Calls => text.parse().ok(),
            Unit::Bytes => size(text),
        };
        let value = value.filter(|value| self.range.contains(value));
        *(self.field)(limits) = value.ok_or_else(|| self.expected())?;
        Ok(())
    }

    /// Formats its value as in a statement.
    pub(crate) fn print(&self, limits: Limits) -> String {
        match self.unit {
            Unit::Fuel | Unit::Calls => self.of(limits).to_string(),
            Unit::Bytes => format!("'{}'", Size(self.of(limits))),
        }
    }

    fn of(&self, mut limits: Limits) -> u64 {
        *(self.field)(&mut limits)
    }

    fn expected(&self) -> String {
        let (min, max) = (*self.range.start(), *self.range.end());
        match self.unit {
            Unit::Fuel | Unit::Calls => format!("a whole number from {min} to {max}"),
            Unit::Bytes => {
                let (min, max) = (Size(min), Size(max));
                format!("a size as '64MB', from {min} to {max}")
            }
        }
    }
}

/// Units of PostgreSQL, which are powers of 1024, and their IEC names.
const UNITS: [(&str, u32); 8] = [
    ("GB", 30),
    ("MB", 20),
    ("kB", 10),
    ("B", 0),
    ("GiB", 30),
    ("MiB", 20),
    ("KiB", 10),
    ("", 0),
];

fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, shift) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024_as_in_postgresql() {
        for (text, bytes) in [
            ("64kB", 64 << 10),
            ("1MB", 1 << 20),
            ("1 MiB", 1 << 20),
            ("4GB", 4 << 30),
            ("65536", 65_536),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["99999999999GB", "MB", "-1MB", "1.5MB", "1PB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_print_in_the_largest_unit_that_is_exact() {
        for (bytes, text) in [(64 << 20, "64MB"), (65_537, "65537B"), (4 << 30, "4GB")] {
            assert_eq!(Size(bytes).to_string(), text);
            assert_eq!(size(text), Some(bytes));
        }
    }

    #[test]
    fn limit_may_be_at_the_ends_of_its_range_and_not_beyond() {
        for limit in &LIMITS {
            let (min, max) = (*limit.range.start(), *limit.range.end());
            for (value, fits) in [(min, true), (max, true), (min - 1, false), (max + 1, false)] {
                let mut limits = Limits::default();
                let set = limit.set(&mut limits, &value.to_string());
                assert_eq!(set.is_ok(), fits, "{} = {value}", limit.option);
                *(limit.field)(&mut limits) = value;
                assert_eq!(limits.are_in_range(), fits, "{} = {value}", limit.option);
            }
        }
        assert!(Limits::default().are_in_range());
    }

    #[test]
    fn default_ceilings_admit_the_defaults_of_every_kind() {
        assert!(Limits::DEFAULT_MAX.are_in_range());
        for kind in [Kind::Scalar, Kind::Aggregate, Kind::Window, Kind::Table] {
            assert!(Limits::of_kind(kind).check(Limits::DEFAULT_MAX).is_ok());
        }
        assert!(Limits::MAX.check(Limits::DEFAULT_MAX).is_err());
    }

    #[test]
    fn limit_may_be_at_its_ceiling_and_not_above() {
        let ceilings = Limits::default();
        assert!(ceilings.check(ceilings).is_ok());
        for limit in &LIMITS {
            let mut limits = ceilings;
            *(limit.field)(&mut limits) += 1;
            assert!(limits.check(ceilings).is_err(), "{}", limit.option);
            assert_eq!(limits.at_most(ceilings), ceilings);
        }
    }
}
