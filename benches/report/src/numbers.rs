//! Numbers with units.

/// Formats a time in nanoseconds with about three significant digits and a unit.
pub(crate) fn time(nanos: f64) -> String {
    let (number, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        ..1e6 => (nanos / 1e3, "µs"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(number))
}

/// Formats a size in bytes with a binary unit.
pub(crate) fn bytes(bytes: f64) -> String {
    let (number, unit) = match bytes {
        ..1024.0 => return format!("{bytes:.0} B"),
        ..1_048_576.0 => (bytes / 1024.0, "KiB"),
        ..1_073_741_824.0 => (bytes / 1_048_576.0, "MiB"),
        _ => (bytes / 1_073_741_824.0, "GiB"),
    };
    format!("{} {unit}", three_digits(number))
}

fn three_digits(number: f64) -> String {
    match number {
        ..10.0 => format!("{number:.2}"),
        ..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Formats a count with thousands separators.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_largest_unit_below_them() {
        for (nanos, expected) in [
            (0.94, "0.94 ns"),
            (999.0, "999 ns"),
            (1_000.0, "1.00 µs"),
            (45_300_000.0, "45.3 ms"),
            (2.5e9, "2.50 s"),
        ] {
            assert_eq!(time(nanos), expected);
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_below_them() {
        for (size, expected) in [
            (1_000.0, "1000 B"),
            (1_024.0, "1.00 KiB"),
            (3.0 * 1_048_576.0, "3.00 MiB"),
        ] {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn counts_have_thousands_separators() {
        for (number, expected) in [(1, "1"), (1_024, "1,024"), (6_001_215, "6,001,215")] {
            assert_eq!(count(number), expected);
        }
    }
}
