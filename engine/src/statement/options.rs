//! The options of `WITH (…)` and `ALTER FUNCTION … SET (…)`.

use crate::definition::Limits;
use crate::error::Refusal;

/// Options as the statement gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options(pub(super) Vec<(String, String)>);

const KNOWN: &str = "fuel_per_row, fuel_per_call and memory";

const COUNT: &str = "a whole number above 0";

const SIZE: &str = "a size as '64MB', from 64kB to 4GB";

/// A page of Wasm memory, in bytes, and what 32-bit addresses reach.
const MEMORY_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 30;

impl Options {
    /// The limits with these options set.
    pub(crate) fn set(&self, mut limits: Limits) -> Result<Limits, Refusal> {
        for (name, value) in &self.0 {
            let wrong = |expected| Refusal::OptionValue {
                name: name.clone(),
                expected,
                found: format!("'{value}'"),
            };
            match name.as_str() {
                "fuel_per_row" => limits.fuel_per_row = count(value).ok_or_else(|| wrong(COUNT))?,
                "fuel_per_call" => {
                    limits.fuel_per_call = count(value).ok_or_else(|| wrong(COUNT))?;
                }
                "memory" => {
                    limits.memory_bytes_max = size(value)
                        .filter(|bytes| MEMORY_BYTES.contains(bytes))
                        .ok_or_else(|| wrong(SIZE))?;
                }
                _ => {
                    return Err(Refusal::Option {
                        name: name.clone(),
                        known: KNOWN,
                    });
                }
            }
        }
        Ok(limits)
    }
}

/// The options that give `limits` back, whatever the defaults are.
pub(crate) fn print(limits: Limits) -> String {
    format!(
        "fuel_per_row = {}, fuel_per_call = {}, memory = '{}'",
        limits.fuel_per_row,
        limits.fuel_per_call,
        print_size(limits.memory_bytes_max)
    )
}

fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|count| *count > 0)
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

fn print_size(bytes: u64) -> String {
    let (unit, shift) = UNITS
        .iter()
        .find(|(_, shift)| bytes.is_multiple_of(1 << shift))
        .expect("every number is a multiple of 1");
    format!("{}{unit}", bytes >> shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Limits, Refusal> {
        Options(vec![(name.to_owned(), value.to_owned())]).set(Limits::default())
    }

    #[test]
    fn sizes_are_powers_of_1024_as_in_postgresql() {
        for (text, bytes) in [
            ("64kB", 64 << 10),
            ("1MB", 1 << 20),
            ("1 MiB", 1 << 20),
            ("4GB", 4 << 30),
            ("65536", 65_536),
        ] {
            assert_eq!(
                set("memory", text).unwrap().memory_bytes_max,
                bytes,
                "{text}"
            );
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for (name, value) in [
            ("memory", "63kB"),
            ("memory", "4294967297"),
            ("memory", "99999999999GB"),
            ("memory", "MB"),
            ("memory", "-1MB"),
            ("fuel_per_row", "0"),
            ("fuel_per_row", "1.5"),
            ("fuel_per_call", "18446744073709551616"),
            ("fuel", "1"),
        ] {
            assert!(set(name, value).is_err(), "{name} = {value}");
        }
    }

    #[test]
    fn sizes_print_in_the_largest_unit_that_is_exact() {
        for (bytes, text) in [(64 << 20, "64MB"), (65_537, "65537B"), (4 << 30, "4GB")] {
            assert_eq!(print_size(bytes), text);
            assert_eq!(size(text), Some(bytes));
        }
    }
}
