//! Days, times of day, durations and intervals.

use std::fmt;

/// Seconds in a day.
pub(crate) const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Nanoseconds in a second.
pub(crate) const SECOND_NANOSECONDS: i64 = 1_000_000_000;

/// Nanoseconds in a day.
const DAY_NANOSECONDS: i64 = DAY_SECONDS * SECOND_NANOSECONDS;

/// Days in the 400 years after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// A day of the Gregorian calendar, without a time zone: `DATE`.
///
/// The calendar is proleptic, and the year before 1 is 0.
///
/// ```
/// use fusebox_sdk::Date;
///
/// let leap_day = Date::from_ymd(2024, 2, 29).unwrap();
/// assert_eq!((leap_day.year(), leap_day.month(), leap_day.day()), (2024, 2, 29));
/// assert_eq!(Date::from_days(leap_day.days() + 1).to_string(), "2024-03-01");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Date(i32);

impl Date {
    /// Creates a date from the number of days since 1 January 1970.
    #[inline]
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Creates a date from a year, a month and a day of the month; none if the
    /// date does not exist or is more than some five million years away.
    pub const fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if month < 1 || month > 12 || day < 1 || day > month_days(year, month) {
            return None;
        }
        // Years that begin in March, so that the leap day is the last.
        let since_march = (month + 9) % 12;
        let year = year as i64 - (month <= 2) as i64;
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = ((153 * since_march + 2) / 5 + day - 1) as i64;
        let day_of_era = year * 365 + year / 4 - year / 100 + day_of_year;
        let days = era * ERA_DAYS + day_of_era - EPOCH_DAYS;
        if days < i32::MIN as i64 || days > i32::MAX as i64 {
            return None;
        }
        Some(Self(days as i32))
    }

    /// Returns the days since 1 January 1970.
    #[inline]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Returns the year.
    pub const fn year(self) -> i32 {
        self.to_ymd().0
    }

    /// Returns the month, from 1.
    pub const fn month(self) -> u32 {
        self.to_ymd().1
    }

    /// Returns the day of the month, from 1.
    pub const fn day(self) -> u32 {
        self.to_ymd().2
    }

    /// Returns the day of the week, from 1 for Monday to 7 for Sunday.
    pub const fn weekday(self) -> u32 {
        // The epoch was a Thursday.
        (self.0 as i64 + 3).rem_euclid(7) as u32 + 1
    }

    /// Returns the year, the month and the day of the month.
    pub const fn to_ymd(self) -> (i32, u32, u32) {
        let days = self.0 as i64 + EPOCH_DAYS;
        let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
        let since_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * since_march + 2) / 5 + 1;
        let month = if since_march < 10 {
            since_march + 3
        } else {
            since_march - 9
        };
        let year = era * 400 + year + (month <= 2) as i64;
        (year as i32, month as u32, day as u32)
    }
}

/// Returns the number of days of a month.
const fn month_days(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Formats a date as ISO 8601: `2024-02-29`, with a sign outside of the years 0
/// to 9999.
impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_ymd();
        match year {
            0..=9999 => write!(formatter, "{year:04}-{month:02}-{day:02}"),
            _ => write!(formatter, "{year:+05}-{month:02}-{day:02}"),
        }
    }
}

/// A time of day, without a time zone, in nanoseconds: `TIME`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Time(i64);

impl Time {
    /// Creates a time from the nanoseconds since midnight; none if they are
    /// negative or a day or more.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Option<Self> {
        if nanoseconds >= 0 && nanoseconds < DAY_NANOSECONDS {
            Some(Self(nanoseconds))
        } else {
            None
        }
    }

    /// Creates a time from an hour to 23, a minute and a second to 59, and
    /// nanoseconds below a second; none if a part is out of range.
    pub const fn from_hms(hour: u32, minute: u32, second: u32, nanosecond: u32) -> Option<Self> {
        let is_time = hour < 24 && minute < 60 && second < 60;
        if !is_time || nanosecond as i64 >= SECOND_NANOSECONDS {
            return None;
        }
        let seconds = ((hour * 60 + minute) * 60 + second) as i64;
        Some(Self(seconds * SECOND_NANOSECONDS + nanosecond as i64))
    }

    /// Takes a lowered value, which the host guarantees to be in range.
    #[inline]
    pub(crate) const fn from_host(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Returns the nanoseconds since midnight.
    #[inline]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Returns the hour, to 23.
    pub const fn hour(self) -> u32 {
        (self.0 / (3600 * SECOND_NANOSECONDS)) as u32
    }

    /// Returns the minute of the hour.
    pub const fn minute(self) -> u32 {
        (self.0 / (60 * SECOND_NANOSECONDS) % 60) as u32
    }

    /// Returns the second of the minute.
    pub const fn second(self) -> u32 {
        (self.0 / SECOND_NANOSECONDS % 60) as u32
    }

    /// Returns the nanosecond of the second.
    pub const fn nanosecond(self) -> u32 {
        (self.0 % SECOND_NANOSECONDS) as u32
    }
}

/// Formats a time as ISO 8601: `12:30:00`, with 3, 6 or 9 decimals of the
/// second as needed.
impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.hour(), self.minute(), self.second());
        write!(formatter, "{hour:02}:{minute:02}:{second:02}")?;
        match self.nanosecond() {
            0 => Ok(()),
            rest if rest % 1_000_000 == 0 => write!(formatter, ".{:03}", rest / 1_000_000),
            rest if rest % 1_000 == 0 => write!(formatter, ".{:06}", rest / 1_000),
            rest => write!(formatter, ".{rest:09}"),
        }
    }
}

/// A duration in nanoseconds, independent of the calendar:
/// `ARROW('Duration(ns)')`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Duration(i64);

impl Duration {
    /// Creates a duration of so many nanoseconds.
    #[inline]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Returns the nanoseconds.
    #[inline]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }
}

/// Fails beyond some 292 years.
impl TryFrom<std::time::Duration> for Duration {
    type Error = OutOfRange;

    fn try_from(span: std::time::Duration) -> Result<Self, OutOfRange> {
        let nanoseconds = span.as_nanos().try_into();
        nanoseconds.map(Self).map_err(|_| OutOfRange)
    }
}

/// Fails if the duration is negative.
impl TryFrom<Duration> for std::time::Duration {
    type Error = OutOfRange;

    fn try_from(span: Duration) -> Result<Self, OutOfRange> {
        let nanoseconds = span.0.try_into();
        nanoseconds.map(Self::from_nanos).map_err(|_| OutOfRange)
    }
}

/// A span of calendar time and clock time: `INTERVAL`.
///
/// A month has no fixed number of days, nor a day of hours, so the three parts
/// are independent; two intervals are equal if all parts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Interval {
    /// Whole months, twelve to the year.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// Nanoseconds, which may be more than a day.
    pub nanoseconds: i64,
}

impl Interval {
    /// Creates an interval from its 16 bytes, as a little-endian number.
    #[inline]
    pub(crate) const fn from_bits(bits: u128) -> Self {
        Self {
            months: bits as i32,
            days: (bits >> 32) as i32,
            nanoseconds: (bits >> 64) as i64,
        }
    }
}

/// An error of a conversion: the value is out of the range of the target type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the value is out of range")
    }
}

impl std::error::Error for OutOfRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_days_of_the_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_897, "+10000-01-01"),
            (i32::MAX, "+5881580-07-11"),
            (i32::MIN, "-5877641-06-23"),
        ] {
            assert_eq!(Date::from_days(days).to_string(), text);
        }
    }

    #[test]
    fn every_day_round_trips_and_follows_the_previous_one() {
        let mut before = Date::from_days(-800_000).to_ymd();
        for days in -799_999..800_000 {
            let date = Date::from_days(days);
            let (year, month, day) = date.to_ymd();
            assert_eq!(Date::from_ymd(year, month, day), Some(date));
            let is_next = match before {
                (y, m, d) if d < month_days(y, m) => (y, m, d + 1),
                (y, 12, _) => (y + 1, 1, 1),
                (y, m, _) => (y, m + 1, 1),
            };
            assert_eq!((year, month, day), is_next);
            before = is_next;
        }
        for days in [i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX] {
            let (year, month, day) = Date::from_days(days).to_ymd();
            assert_eq!(Date::from_ymd(year, month, day).unwrap().days(), days);
        }
    }

    #[test]
    fn date_that_does_not_exist_is_none() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 0, 1),
            (2024, 13, 1),
            (2024, 4, 31),
            (2024, 1, 0),
            (5_881_580, 7, 12),
            (i32::MAX, 1, 1),
            (i32::MIN, 1, 1),
        ] {
            assert_eq!(Date::from_ymd(year, month, day), None);
        }
        assert_eq!(Date::from_ymd(2024, 7, 14).unwrap().weekday(), 7);
        assert_eq!(Date::from_ymd(1969, 12, 29).unwrap().weekday(), 1);
    }

    #[test]
    fn time_round_trips_through_its_parts() {
        let time = Time::from_hms(23, 59, 58, 7_000_000).unwrap();
        assert_eq!((time.hour(), time.minute(), time.second()), (23, 59, 58));
        assert_eq!(
            (time.nanosecond(), time.to_string()),
            (7_000_000, "23:59:58.007".to_owned())
        );
        assert_eq!(Time::from_nanoseconds(time.nanoseconds()), Some(time));
        assert_eq!(
            Time::from_hms(0, 0, 1, 1).unwrap().to_string(),
            "00:00:01.000000001"
        );
        assert_eq!(Time::from_hms(1, 0, 0, 0).unwrap().to_string(), "01:00:00");
        for nanoseconds in [-1, DAY_NANOSECONDS] {
            assert_eq!(Time::from_nanoseconds(nanoseconds), None);
        }
        for (hour, minute, second, nanosecond) in [
            (24, 0, 0, 0),
            (0, 60, 0, 0),
            (0, 0, 60, 0),
            (0, 0, 0, 1_000_000_000),
        ] {
            assert_eq!(Time::from_hms(hour, minute, second, nanosecond), None);
        }
    }

    #[test]
    fn duration_converts_to_that_of_the_standard_library() {
        let minute = std::time::Duration::from_secs(60);
        let span = Duration::try_from(minute).unwrap();
        assert_eq!(span.nanoseconds(), 60 * SECOND_NANOSECONDS);
        assert_eq!(std::time::Duration::try_from(span), Ok(minute));
        assert!(std::time::Duration::try_from(Duration::from_nanoseconds(-1)).is_err());
        assert!(Duration::try_from(std::time::Duration::MAX).is_err());
    }
}
