//! Conversions from and to `jiff`.

use jiff::civil;
use jiff::{SignedDuration, Span};

use crate::calendar::{Date, Duration, Interval, OutOfRange, SECOND_NANOSECONDS, Time};
use crate::timestamp::{Timestamp, TimestampTz, Unit};

impl From<civil::Date> for Date {
    fn from(date: civil::Date) -> Self {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        Self::from_ymd(date.year().into(), month.into(), day.into())
            .expect("a date of theirs is in the calendar")
    }
}

impl TryFrom<Date> for civil::Date {
    type Error = OutOfRange;

    fn try_from(date: Date) -> Result<Self, OutOfRange> {
        let (year, month, day) = date.to_ymd();
        let year = year.try_into().map_err(|_| OutOfRange)?;
        Self::new(year, month as i8, day as i8).map_err(|_| OutOfRange)
    }
}

impl From<civil::Time> for Time {
    fn from(time: civil::Time) -> Self {
        let [hour, minute, second] = [time.hour(), time.minute(), time.second()];
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        Self::from_host(seconds * SECOND_NANOSECONDS + i64::from(time.subsec_nanosecond()))
    }
}

/// Fails for a value of a column that is not a time of day.
impl TryFrom<Time> for civil::Time {
    type Error = OutOfRange;

    fn try_from(time: Time) -> Result<Self, OutOfRange> {
        let time = Time::from_nanoseconds(time.nanoseconds()).ok_or(OutOfRange)?;
        let [hour, minute, second] =
            [time.hour(), time.minute(), time.second()].map(|part| part as i8);
        Self::new(hour, minute, second, time.nanosecond() as i32).map_err(|_| OutOfRange)
    }
}

/// Fails out of the range of the unit. Truncates to the unit.
impl<U: Unit> TryFrom<civil::DateTime> for Timestamp<U> {
    type Error = OutOfRange;

    fn try_from(timestamp: civil::DateTime) -> Result<Self, OutOfRange> {
        Self::at(timestamp.date().into(), timestamp.time().into()).ok_or(OutOfRange)
    }
}

impl<U: Unit> TryFrom<Timestamp<U>> for civil::DateTime {
    type Error = OutOfRange;

    fn try_from(timestamp: Timestamp<U>) -> Result<Self, OutOfRange> {
        let date = timestamp.date().ok_or(OutOfRange)?;
        Ok(Self::from_parts(
            date.try_into()?,
            timestamp.time().try_into()?,
        ))
    }
}

impl TryFrom<jiff::Timestamp> for TimestampTz {
    type Error = OutOfRange;

    fn try_from(timestamp: jiff::Timestamp) -> Result<Self, OutOfRange> {
        let nanoseconds = timestamp.as_nanosecond().try_into();
        nanoseconds
            .map(Self::from_nanoseconds)
            .map_err(|_| OutOfRange)
    }
}

impl From<TimestampTz> for jiff::Timestamp {
    fn from(timestamp: TimestampTz) -> Self {
        Self::from_nanosecond(timestamp.nanoseconds().into())
            .expect("their years go from -9999 to 9999")
    }
}

impl TryFrom<SignedDuration> for Duration {
    type Error = OutOfRange;

    fn try_from(span: SignedDuration) -> Result<Self, OutOfRange> {
        let nanoseconds = span.as_nanos().try_into();
        nanoseconds
            .map(Self::from_nanoseconds)
            .map_err(|_| OutOfRange)
    }
}

impl From<Duration> for SignedDuration {
    fn from(span: Duration) -> Self {
        Self::from_nanos(span.nanoseconds())
    }
}

/// A year becomes twelve months, a week seven days, and all units shorter than
/// a day nanoseconds.
impl TryFrom<Span> for Interval {
    type Error = OutOfRange;

    fn try_from(span: Span) -> Result<Self, OutOfRange> {
        let months = i64::from(span.get_years()) * 12 + i64::from(span.get_months());
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let seconds = i128::from(span.get_hours()) * 3600
            + i128::from(span.get_minutes()) * 60
            + i128::from(span.get_seconds());
        let milliseconds = seconds * 1000 + i128::from(span.get_milliseconds());
        let microseconds = milliseconds * 1000 + i128::from(span.get_microseconds());
        let nanoseconds = microseconds * 1000 + i128::from(span.get_nanoseconds());
        Ok(Self {
            months: months.try_into().map_err(|_| OutOfRange)?,
            days: days.try_into().map_err(|_| OutOfRange)?,
            nanoseconds: nanoseconds.try_into().map_err(|_| OutOfRange)?,
        })
    }
}

/// Also fails if the parts have different signs, which a span cannot.
impl TryFrom<Interval> for Span {
    type Error = OutOfRange;

    fn try_from(interval: Interval) -> Result<Self, OutOfRange> {
        let Interval {
            months,
            days,
            nanoseconds,
        } = interval;
        let signs = [months.signum(), days.signum(), nanoseconds.signum() as i32];
        if signs.contains(&1) && signs.contains(&-1) {
            return Err(OutOfRange);
        }
        let span = Self::new().try_months(months);
        let span = span.and_then(|span| span.try_days(days));
        let span = span.and_then(|span| span.try_nanoseconds(nanoseconds));
        span.map_err(|_| OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::timestamp::Microsecond;

    #[test]
    fn dates_and_times_convert_both_ways() {
        let mut dates = 0;
        for days in (-5_000_000..5_000_000).step_by(101) {
            let date = Date::from_days(days);
            let Ok(theirs) = civil::Date::try_from(date) else {
                assert!(date.year().abs() > 9999);
                continue;
            };
            dates += 1;
            assert_eq!(Date::from(theirs), date);
            let time = Time::from_nanoseconds(i64::from(days).rem_euclid(86_399) * 1_000_000_000);
            let timestamp: Timestamp<Microsecond> = Timestamp::at(date, time.unwrap()).unwrap();
            let theirs = civil::DateTime::try_from(timestamp).unwrap();
            assert_eq!(Timestamp::try_from(theirs), Ok(timestamp));
            if date.year() >= 0 {
                assert_eq!(theirs.to_string(), timestamp.to_string());
            }
        }
        assert!(dates > 10_000);
    }

    #[test]
    fn nanoseconds_round_trip() {
        for nanoseconds in [i64::MIN, -1, 0, 1_709_209_800_000_000_001, i64::MAX] {
            let timestamp = TimestampTz::from_nanoseconds(nanoseconds);
            assert_eq!(jiff::Timestamp::from(timestamp).try_into(), Ok(timestamp));
            let span = Duration::from_nanoseconds(nanoseconds);
            assert_eq!(SignedDuration::from(span).try_into(), Ok(span));
            if let Some(time) = Time::from_nanoseconds(nanoseconds) {
                assert_eq!(Time::from(civil::Time::try_from(time).unwrap()), time);
            }
        }
        assert_eq!(TimestampTz::try_from(jiff::Timestamp::MAX), Err(OutOfRange));
        assert_eq!(civil::Time::try_from(Time::from_host(-1)), Err(OutOfRange));
    }

    #[test]
    fn interval_converts_to_a_span_of_one_sign() {
        let interval = Interval {
            months: 14,
            days: 3,
            nanoseconds: i64::MAX,
        };
        let span = Span::try_from(interval).unwrap();
        assert_eq!(Interval::try_from(span), Ok(interval));
        let span = Span::new().years(-1).months(-2).weeks(-1).hours(-25);
        let interval = Interval {
            months: -14,
            days: -7,
            nanoseconds: -25 * 3600 * SECOND_NANOSECONDS,
        };
        assert_eq!(Interval::try_from(span), Ok(interval));
        let mixed = Interval {
            months: 1,
            days: -1,
            nanoseconds: 0,
        };
        assert_eq!(Span::try_from(mixed).unwrap_err(), OutOfRange);
    }
}
