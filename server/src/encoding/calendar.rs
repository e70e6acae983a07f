//! Dates and times of the proleptic Gregorian calendar, of any year.

use std::fmt::{self, Display, Write};

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Days from 1970 to 2000, where PostgreSQL counts from.
pub(crate) const EPOCH_DAYS: i32 = 10_957;

/// Microseconds from 1970 to 2000.
pub(crate) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY_MICROS;

/// Date by the days since 1970, as PostgreSQL writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date(pub(crate) i64);

/// Time of a day by microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) i64);

/// Date and time by microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timestamp {
    pub(crate) micros: i64,
    /// Seconds east of UTC, printed if there is a time zone.
    pub(crate) offset: Option<i32>,
}

/// Interval of months, days and microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

impl Date {
    /// Returns year, month and day; the year 0 is 1 BC.
    fn civil(self) -> (i64, i64, i64) {
        // Eras of 400 years begin in March, so that the leap day is the last one of a year.
        let days = self.0 + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year + era * 400 + i64::from(month <= 2), month, day)
    }

    fn write(self, f: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
        let (year, month, day) = self.civil();
        let is_bc = year <= 0;
        let year = if is_bc { 1 - year } else { year };
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        Ok(is_bc)
    }
}

impl Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.write(f)? {
            true => f.write_str(" BC"),
            false => Ok(()),
        }
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let (minutes, hours) = (seconds / 60, seconds / 3_600);
        write!(f, "{hours:02}:{:02}:{:02}", minutes % 60, seconds % 60)?;
        match micros {
            0 => Ok(()),
            _ => f.write_str(format!(".{micros:06}").trim_end_matches('0')),
        }
    }
}

impl Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset.unwrap_or(0);
        let local = i128::from(self.micros) + i128::from(offset) * 1_000_000;
        let days = local.div_euclid(DAY_MICROS.into()) as i64;
        let time = local.rem_euclid(DAY_MICROS.into()) as i64;
        let is_bc = Date(days).write(f)?;
        write!(f, " {}", Time(time))?;
        if self.offset.is_some() {
            let sign = if offset < 0 { '-' } else { '+' };
            let seconds = offset.unsigned_abs();
            write!(f, "{sign}{:02}", seconds / 3_600)?;
            let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
            if minutes > 0 || seconds > 0 {
                write!(f, ":{minutes:02}")?;
            }
            if seconds > 0 {
                write!(f, ":{seconds:02}")?;
            }
        }
        if is_bc { f.write_str(" BC") } else { Ok(()) }
    }
}

impl Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        let mut after_negative = false;
        let units = [
            (self.months / 12, "year"),
            (self.months % 12, "mon"),
            (self.days, "day"),
        ];
        for (count, unit) in units.into_iter().filter(|(count, _)| *count != 0) {
            if !is_first {
                f.write_char(' ')?;
            }
            let sign = if after_negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "{sign}{count} {unit}{plural}")?;
            after_negative = count < 0;
            is_first = false;
        }
        if self.micros == 0 && !is_first {
            return Ok(());
        }
        if !is_first {
            f.write_char(' ')?;
        }
        match self.micros < 0 {
            true => f.write_char('-')?,
            false if after_negative => f.write_char('+')?,
            false => {}
        }
        let micros = self.micros.unsigned_abs();
        Time(i64::try_from(micros).unwrap_or(i64::MAX)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_postgresql() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (-719_162, "0001-01-01"),
            (-719_163, "0001-12-31 BC"),
            (2_932_897, "10000-01-01"),
        ] {
            assert_eq!(Date(days).to_string(), expected);
        }
    }

    #[test]
    fn timestamps_have_offsets_and_no_zeros_at_the_end() {
        let print = |micros, offset| Timestamp { micros, offset }.to_string();
        assert_eq!(print(0, None), "1970-01-01 00:00:00");
        assert_eq!(print(-1, None), "1969-12-31 23:59:59.999999");
        assert_eq!(print(1_500_000, Some(0)), "1970-01-01 00:00:01.5+00");
        assert_eq!(print(0, Some(-12_600)), "1969-12-31 20:30:00-03:30");
        assert_eq!(print(0, Some(3_208)), "1970-01-01 00:53:28+00:53:28");
    }

    #[test]
    fn intervals_are_those_of_postgresql() {
        for (months, days, micros, expected) in [
            (0, 0, 0, "00:00:00"),
            (14, 1, 0, "1 year 2 mons 1 day"),
            (0, 3, 14_706_789_000, "3 days 04:05:06.789"),
            (-1, 2, -1_000_000, "-1 mons +2 days -00:00:01"),
            (0, -1, 1_000_000, "-1 days +00:00:01"),
            (0, 0, -360_000_000_000, "-100:00:00"),
        ] {
            let interval = Interval {
                months,
                days,
                micros,
            };
            assert_eq!(interval.to_string(), expected);
        }
    }
}
