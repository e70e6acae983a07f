//! Conversions from and to `chrono`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

use crate::calendar::{Date, Duration, OutOfRange, SECOND_NANOSECONDS, Time};
use crate::timestamp::{Timestamp, TimestampTz, Unit};

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self::from_days(date.to_epoch_days())
    }
}

impl TryFrom<Date> for NaiveDate {
    type Error = OutOfRange;

    fn try_from(date: Date) -> Result<Self, OutOfRange> {
        Self::from_epoch_days(date.days()).ok_or(OutOfRange)
    }
}

/// Fails in a leap second.
impl TryFrom<NaiveTime> for Time {
    type Error = OutOfRange;

    fn try_from(time: NaiveTime) -> Result<Self, OutOfRange> {
        Self::from_hms(time.hour(), time.minute(), time.second(), time.nanosecond())
            .ok_or(OutOfRange)
    }
}

/// Fails for a value of a column that is not a time of day.
impl TryFrom<Time> for NaiveTime {
    type Error = OutOfRange;

    fn try_from(time: Time) -> Result<Self, OutOfRange> {
        let seconds = time.nanoseconds().div_euclid(SECOND_NANOSECONDS);
        let rest = time.nanoseconds().rem_euclid(SECOND_NANOSECONDS);
        let seconds = seconds.try_into().map_err(|_| OutOfRange)?;
        Self::from_num_seconds_from_midnight_opt(seconds, rest as u32).ok_or(OutOfRange)
    }
}

/// Fails in a leap second, and out of the range of the unit. Truncates to the
/// unit.
impl<U: Unit> TryFrom<NaiveDateTime> for Timestamp<U> {
    type Error = OutOfRange;

    fn try_from(timestamp: NaiveDateTime) -> Result<Self, OutOfRange> {
        Self::at(timestamp.date().into(), timestamp.time().try_into()?).ok_or(OutOfRange)
    }
}

impl<U: Unit> TryFrom<Timestamp<U>> for NaiveDateTime {
    type Error = OutOfRange;

    fn try_from(timestamp: Timestamp<U>) -> Result<Self, OutOfRange> {
        let date = timestamp.date().ok_or(OutOfRange)?;
        Ok(Self::new(date.try_into()?, timestamp.time().try_into()?))
    }
}

impl TryFrom<DateTime<Utc>> for TimestampTz {
    type Error = OutOfRange;

    fn try_from(timestamp: DateTime<Utc>) -> Result<Self, OutOfRange> {
        let nanoseconds = timestamp.timestamp_nanos_opt().ok_or(OutOfRange)?;
        Ok(Self::from_nanoseconds(nanoseconds))
    }
}

impl From<TimestampTz> for DateTime<Utc> {
    fn from(timestamp: TimestampTz) -> Self {
        Self::from_timestamp_nanos(timestamp.nanoseconds())
    }
}

impl TryFrom<TimeDelta> for Duration {
    type Error = OutOfRange;

    fn try_from(span: TimeDelta) -> Result<Self, OutOfRange> {
        let nanoseconds = span.num_nanoseconds().ok_or(OutOfRange)?;
        Ok(Self::from_nanoseconds(nanoseconds))
    }
}

impl From<Duration> for TimeDelta {
    fn from(span: Duration) -> Self {
        Self::nanoseconds(span.nanoseconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::timestamp::{Millisecond, Second};

    #[test]
    fn dates_and_times_convert_both_ways() {
        let mut dates = 0;
        for days in (-90_000_000..95_000_000).step_by(9_973) {
            let date = Date::from_days(days);
            let time = Time::from_nanoseconds(i64::from(days).rem_euclid(86_399) * 1_000_000_007);
            let Ok(theirs) = NaiveDate::try_from(date) else {
                assert!(date.year().abs() > 262_000);
                continue;
            };
            dates += 1;
            assert_eq!(Date::from(theirs), date);
            let time = time.unwrap();
            let timestamp: Timestamp<Second> = Timestamp::at(date, time).unwrap();
            let theirs = NaiveDateTime::try_from(timestamp).unwrap();
            assert_eq!(Timestamp::try_from(theirs), Ok(timestamp));
            assert_eq!(timestamp.time().hour(), theirs.time().hour());
            if (0..=9999).contains(&date.year()) {
                assert_eq!(timestamp.to_string(), format!("{theirs:?}"));
            }
        }
        assert!(dates > 10_000);
    }

    #[test]
    fn values_that_the_other_type_cannot_hold_are_out_of_range() {
        let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
        assert_eq!(Time::try_from(leap), Err(OutOfRange));
        for nanoseconds in [-1, 86_400 * SECOND_NANOSECONDS] {
            assert_eq!(
                NaiveTime::try_from(Time::from_host(nanoseconds)),
                Err(OutOfRange)
            );
        }
        let far: Timestamp<Millisecond> = Timestamp::from_count(i64::MAX);
        assert_eq!(NaiveDateTime::try_from(far), Err(OutOfRange));
        assert_eq!(
            TimestampTz::try_from(DateTime::<Utc>::MAX_UTC),
            Err(OutOfRange)
        );
        assert_eq!(Duration::try_from(TimeDelta::MAX), Err(OutOfRange));
    }

    #[test]
    fn nanoseconds_round_trip() {
        for nanoseconds in [i64::MIN, -1, 0, 1_709_209_800_000_000_001, i64::MAX] {
            let timestamp = TimestampTz::from_nanoseconds(nanoseconds);
            assert_eq!(DateTime::<Utc>::from(timestamp).try_into(), Ok(timestamp));
            let span = Duration::from_nanoseconds(nanoseconds);
            assert_eq!(TimeDelta::from(span).try_into(), Ok(span));
        }
    }
}
