//! What a function may use: every limit, what it may be, and the option that
//! sets it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::{Refusal, Size};

/// What a function may use. There is no "unlimited".
///
/// Each one is an option of `WITH (…)` and `ALTER FUNCTION … SET (…)`, named
/// below with what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Fuel, about one unit per Wasm instruction, for each row of a batch. Rows
    /// that the guest announces have their own; those of a guest that does not
    /// share what they have together.
    ///
    /// Of an aggregate, each row that it takes in, merges or takes back has so
    /// much, and each group that it answers for; of a window function each row,
    /// and of one over whole partitions all rows together so much each, up to
    /// 2³²; of a table function each row that it yields.
    ///
    /// `fuel_per_row`, from 1 to 2⁶¹ − 1.
    pub fuel_per_row: u64,
    /// Fuel for what is not a row: the arena, the bookkeeping of a batch.
    ///
    /// `fuel_per_call`, from 10,000, which the bookkeeping of a guest in Rust
    /// does not come near, to 2⁶¹ − 1.
    pub fuel_per_call: u64,
    /// Linear memory, in bytes. Growing past it fails inside the guest. A batch
    /// that comes near it is asked again in halves, so that a row has what it
    /// would have alone.
    ///
    /// The query's memory pool pays for it while a call has it. Nobody pays
    /// for an instance that waits for its next call; only those of at most
    /// 4 MiB are kept.
    ///
    /// An aggregate function has [more](Self::AGGREGATE_MEMORY_BYTES_MAX), since
    /// it holds the states of all groups of a partition at once. DataFusion is
    /// told its size between batches and charges the pool; where that refuses,
    /// it writes the states to disk if it can, and the instance is given up.
    ///
    /// `memory`, from 64 KiB to 4 GiB.
    pub memory_bytes_max: u64,
    /// The stack of a recursion, in bytes, as the guest's own count has them.
    ///
    /// `stack`, from 4 KiB to 512 KiB.
    pub stack_bytes_max: u64,
    /// What a call may answer for one row, in bytes: a batch that answers more
    /// is asked again in halves.
    ///
    /// `result_bytes`, from 1 KiB to 2 GiB.
    pub result_bytes_max: u64,
    /// Calls at work at once. One more fails; it never waits.
    ///
    /// `instances`, from 1 to 10,000.
    pub instances_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_row: 1_000_000,
            fuel_per_call: 500_000,
            memory_bytes_max: 64 << 20,
            stack_bytes_max: 256 << 10,
            result_bytes_max: 64 << 20,
            instances_max: 1024,
        }
    }
}

impl Limits {
    /// The linear memory of an aggregate function that is given none, in bytes:
    /// enough for the states of some ten million groups.
    pub const AGGREGATE_MEMORY_BYTES_MAX: u64 = 1 << 30;

    /// Every limit at the highest value that it may have.
    pub const WIDEST: Self = Self {
        fuel_per_row: FUEL_MAX,
        fuel_per_call: FUEL_MAX,
        memory_bytes_max: 4 << 30,
        stack_bytes_max: 512 << 10,
        result_bytes_max: 2 << 30,
        instances_max: 10_000,
    };

    /// The lower of each two limits.
    pub(crate) fn at_most(mut self, other: Self) -> Self {
        for limit in &LIMITS {
            let lower = limit.of(self).min(limit.of(other));
            *(limit.field)(&mut self) = lower;
        }
        self
    }

    /// Whether each is something that it may be.
    pub(crate) fn are_in_range(self) -> bool {
        LIMITS
            .iter()
            .all(|limit| limit.range.contains(&limit.of(self)))
    }

    /// Refuses limits of which one exceeds its ceiling.
    pub(crate) fn check(self, ceilings: Self) -> Result<(), Refusal> {
        let exceeds = |limit: &&Limit| limit.of(self) > limit.of(ceilings);
        match LIMITS.iter().find(exceeds) {
            None => Ok(()),
            Some(limit) => Err(Refusal::Ceiling {
                option: limit.option,
                value: limit.print(self),
                ceiling: limit.print(ceilings),
            }),
        }
    }
}

/// A guest takes fuel from its counter without looking at every step: what two
/// of these add up to leaves room on both sides of zero.
const FUEL_MAX: u64 = i64::MAX as u64 / 4;

/// One of the [`Limits`].
pub(crate) struct Limit {
    /// The option that sets it.
    pub(crate) option: &'static str,
    unit: Unit,
    range: RangeInclusive<u64>,
    field: fn(&mut Limits) -> &mut u64,
}

enum Unit {
    Count,
    Bytes,
}

/// All limits, in the order in which they are printed.
pub(crate) static LIMITS: [Limit; 6] = [
    Limit {
        option: "fuel_per_row",
        unit: Unit::Count,
        range: 1..=Limits::WIDEST.fuel_per_row,
        field: |limits| &mut limits.fuel_per_row,
    },
    Limit {
        option: "fuel_per_call",
        unit: Unit::Count,
        range: 10_000..=Limits::WIDEST.fuel_per_call,
        field: |limits| &mut limits.fuel_per_call,
    },
    Limit {
        option: "memory",
        unit: Unit::Bytes,
        range: 64 << 10..=Limits::WIDEST.memory_bytes_max,
        field: |limits| &mut limits.memory_bytes_max,
    },
    Limit {
        option: "stack",
        unit: Unit::Bytes,
        range: 4 << 10..=Limits::WIDEST.stack_bytes_max,
        field: |limits| &mut limits.stack_bytes_max,
    },
    Limit {
        option: "result_bytes",
        unit: Unit::Bytes,
        range: 1 << 10..=Limits::WIDEST.result_bytes_max,
        field: |limits| &mut limits.result_bytes_max,
    },
    Limit {
        option: "instances",
        unit: Unit::Count,
        range: 1..=Limits::WIDEST.instances_max,
        field: |limits| &mut limits.instances_max,
    },
];

impl Limit {
    /// Sets it to what `text` says; fails with what was expected.
    pub(crate) fn set(&self, limits: &mut Limits, text: &str) -> Result<(), String> {
        let value = match self.unit {
            Unit::Count => text.parse().ok(),
            Unit::Bytes => size(text),
        };
        let value = value.filter(|value| self.range.contains(value));
        *(self.field)(limits) = value.ok_or_else(|| self.expected())?;
        Ok(())
    }

    /// Its value as it stands in a statement.
    pub(crate) fn print(&self, limits: Limits) -> String {
        match self.unit {
            Unit::Count => self.of(limits).to_string(),
            Unit::Bytes => format!("'{}'", Size(self.of(limits))),
        }
    }

    fn of(&self, mut limits: Limits) -> u64 {
        *(self.field)(&mut limits)
    }

    fn expected(&self) -> String {
        let (min, max) = (*self.range.start(), *self.range.end());
        match self.unit {
            Unit::Count => format!("a whole number from {min} to {max}"),
            Unit::Bytes => {
                let (min, max) = (Size(min), Size(max));
                format!("a size as '64MB', from {min} to {max}")
            }
        }
    }
}

/// The units of PostgreSQL, which are powers of 1024, and their IEC names.
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
