//! Timestamps, and their units.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use crate::calendar::{DAY_SECONDS, Date, SECOND_NANOSECONDS, Time};

/// The unit of a [`Timestamp`]. There are four.
pub trait Unit: sealed::Unit + 'static {
    /// Number of units in a second.
    const PER_SECOND: i64;

    /// The SQL type of a [`Timestamp`] in this unit.
    #[doc(hidden)]
    const SQL: &'static str;
}

mod sealed {
    pub trait Unit {}
}

macro_rules! units {
    ($($(#[$doc:meta])* $unit:ident $per_second:literal $sql:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $unit {}

        impl sealed::Unit for $unit {}

        impl Unit for $unit {
            const PER_SECOND: i64 = $per_second;
            const SQL: &'static str = $sql;
        }
    )*};
}
units! {
    /// Seconds: `TIMESTAMP(0)`.
    Second 1 "TIMESTAMP(0)";
    /// Milliseconds: `TIMESTAMP(3)`.
    Millisecond 1_000 "TIMESTAMP(3)";
    /// Microseconds: `TIMESTAMP(6)`.
    Microsecond 1_000_000 "TIMESTAMP(6)";
    /// Nanoseconds: `TIMESTAMP`.
    Nanosecond 1_000_000_000 "TIMESTAMP";
}

/// A date and a time of day, without a time zone: `TIMESTAMP`, or in another
/// unit `TIMESTAMP(0)`, `TIMESTAMP(3)`, `TIMESTAMP(6)`.
///
/// ```
/// use fusebox_sdk::{Date, Microsecond, Time, Timestamp};
///
/// let date = Date::from_ymd(2024, 2, 29).unwrap();
/// let time = Time::from_hms(12, 30, 0, 0).unwrap();
/// let lunch: Timestamp<Microsecond> = Timestamp::at(date, time).unwrap();
/// assert_eq!(lunch.to_string(), "2024-02-29T12:30:00");
/// assert_eq!(lunch.count(), 1_709_209_800_000_000);
/// ```
#[repr(transparent)]
pub struct Timestamp<U: Unit = Nanosecond> {
    count: i64,
    unit: PhantomData<U>,
}

impl<U: Unit> Timestamp<U> {
    /// Creates a timestamp from the units since 1970-01-01T00:00:00.
    #[inline]
    pub const fn from_count(count: i64) -> Self {
        let unit = PhantomData;
        Self { count, unit }
    }

    /// Creates a timestamp from a date and a time, truncated to the unit; none
    /// if that is out of range. Nanoseconds range from 1677 to 2262.
    pub const fn at(date: Date, time: Time) -> Option<Self> {
        let second = date.days() as i128 * DAY_SECONDS as i128;
        let unit_nanoseconds = SECOND_NANOSECONDS / U::PER_SECOND;
        let count =
            second * U::PER_SECOND as i128 + (time.nanoseconds() / unit_nanoseconds) as i128;
        if count < i64::MIN as i128 || count > i64::MAX as i128 {
            return None;
        }
        Some(Self::from_count(count as i64))
    }

    /// Returns the units since 1970-01-01T00:00:00.
    #[inline]
    pub const fn count(self) -> i64 {
        self.count
    }

    /// Returns the date; none if it is more than five million years away, which
    /// only seconds and milliseconds reach.
    pub fn date(self) -> Option<Date> {
        let days = self.count.div_euclid(DAY_SECONDS * U::PER_SECOND);
        days.try_into().ok().map(Date::from_days)
    }

    /// Returns the time of day.
    pub const fn time(self) -> Time {
        let count = self.count.rem_euclid(DAY_SECONDS * U::PER_SECOND);
        Time::from_host(count * (SECOND_NANOSECONDS / U::PER_SECOND))
    }

    /// Converts the timestamp to another unit, rounding towards the past; none
    /// if it is out of range.
    pub const fn to_unit<T: Unit>(self) -> Option<Timestamp<T>> {
        let count = if T::PER_SECOND >= U::PER_SECOND {
            self.count.checked_mul(T::PER_SECOND / U::PER_SECOND)
        } else {
            Some(self.count.div_euclid(U::PER_SECOND / T::PER_SECOND))
        };
        match count {
            Some(count) => Some(Timestamp::from_count(count)),
            None => None,
        }
    }
}

// Not derived: derives would require the same traits of the unit.

impl<U: Unit> Clone for Timestamp<U> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<U: Unit> Copy for Timestamp<U> {}

impl<U: Unit> Default for Timestamp<U> {
    #[inline]
    fn default() -> Self {
        Self::from_count(0)
    }
}

impl<U: Unit> PartialEq for Timestamp<U> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count
    }
}

impl<U: Unit> Eq for Timestamp<U> {}

impl<U: Unit> PartialOrd for Timestamp<U> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<U: Unit> Ord for Timestamp<U> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.count.cmp(&other.count)
    }
}

impl<U: Unit> Hash for Timestamp<U> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.count.hash(state);
    }
}

/// Formats a timestamp as ISO 8601: `2024-02-29T12:30:00`. A date too far away
/// is formatted as the number of days.
impl<U: Unit> fmt::Display for Timestamp<U> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(formatter, "{date}T{}", self.time()),
            None => {
                let days = self.count.div_euclid(DAY_SECONDS * U::PER_SECOND);
                write!(formatter, "{days} days T{}", self.time())
            }
        }
    }
}

impl<U: Unit> fmt::Debug for Timestamp<U> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A point in time, in nanoseconds: `TIMESTAMP WITH TIME ZONE`.
///
/// Arguments are in UTC, so that [`utc`](Self::utc) returns their date and time
/// of day.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TimestampTz(i64);

impl TimestampTz {
    /// Creates a point in time from the nanoseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Creates a point in time from a date and a time of day in UTC.
    #[inline]
    pub const fn from_utc(timestamp: Timestamp) -> Self {
        Self(timestamp.count)
    }

    /// Returns the nanoseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Returns the date and time of day in UTC.
    #[inline]
    pub const fn utc(self) -> Timestamp {
        Timestamp::from_count(self.0)
    }
}

/// Formats a point in time as ISO 8601: `2024-02-29T12:30:00Z`.
impl fmt::Display for TimestampTz {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}Z", self.utc())
    }
}

impl fmt::Debug for TimestampTz {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_day_is_positive_before_the_epoch() {
        let timestamp: Timestamp<Millisecond> = Timestamp::from_count(-1);
        assert_eq!(timestamp.to_string(), "1969-12-31T23:59:59.999");
        assert_eq!(
            Timestamp::at(timestamp.date().unwrap(), timestamp.time()),
            Some(timestamp)
        );
        assert_eq!(timestamp.to_unit::<Second>().unwrap().count(), -1);
        assert_eq!(
            timestamp.to_unit::<Nanosecond>().unwrap().count(),
            -1_000_000
        );
        assert_eq!(
            TimestampTz::from_nanoseconds(-1).to_string(),
            "1969-12-31T23:59:59.999999999Z"
        );
    }

    #[test]
    fn conversion_out_of_the_range_of_the_unit_is_none() {
        let last: Timestamp = Timestamp::from_count(i64::MAX);
        assert_eq!(last.to_string(), "2262-04-11T23:47:16.854775807");
        let day_after = Date::from_ymd(2262, 4, 12).unwrap();
        assert_eq!(
            Timestamp::<Nanosecond>::at(day_after, Time::default()),
            None
        );
        assert!(Timestamp::<Microsecond>::at(day_after, Time::default()).is_some());
        let far: Timestamp<Second> = Timestamp::from_count(i64::MIN);
        assert_eq!((far.date(), far.to_unit::<Millisecond>()), (None, None));
        assert_eq!(far.to_string(), "-106751991167301 days T08:29:52");
    }

    #[test]
    fn every_timestamp_round_trips_through_date_and_time() {
        fn check<U: Unit>(count: i64) {
            let timestamp: Timestamp<U> = Timestamp::from_count(count);
            if let Some(date) = timestamp.date() {
                assert_eq!(Timestamp::at(date, timestamp.time()), Some(timestamp));
            }
        }
        let mut state = 1_u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            let count = state as i64 >> (state >> 32 & 31);
            check::<Second>(count);
            check::<Millisecond>(count);
            check::<Microsecond>(count);
            check::<Nanosecond>(count);
        }
    }
}
