//! Sessions between gaps.

use fusebox_sdk::{Interval, Timestamp, udwf};

/// Nanoseconds in a day.
const DAY_NANOSECONDS: i64 = 24 * 60 * 60 * 1_000_000_000;

/// Numbers sessions from 1 on: a new one begins if more than `gap` has passed
/// since the previous row.
///
/// Rows are ordered by their timestamps, ascending or descending: `OVER
/// (PARTITION BY … ORDER BY ts)`. A row with a null is skipped and belongs to
/// no session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sessionize {
    /// The timestamp of the previous row.
    before: Option<Timestamp>,
    /// True if timestamps have decreased so far, false if they have increased;
    /// none if they have not differed.
    is_falling: Option<bool>,
    /// The session of the previous row.
    session: i64,
}

#[udwf]
impl Sessionize {
    /// Returns the session of the next row.
    ///
    /// # Errors
    ///
    /// If timestamps both increase and decrease, or if `gap` is negative or has
    /// months, which have no fixed length; a day has 24 hours.
    #[inline]
    pub fn next(&mut self, ts: Timestamp, gap: Interval) -> Result<i64, &'static str> {
        if gap.months != 0 {
            return Err("a gap in months has no fixed length");
        }
        // A gap beyond 292 years saturates, since timestamps are not further
        // apart.
        let gap = i64::from(gap.days)
            .saturating_mul(DAY_NANOSECONDS)
            .saturating_add(gap.nanoseconds);
        let gap = u64::try_from(gap).map_err(|_| "the gap is negative")?;
        if let Some(before) = self.before
            && before != ts
        {
            let is_falling = ts < before;
            if self.is_falling.is_some_and(|was| was != is_falling) {
                return Err("the rows are not in the order of their timestamps");
            }
            self.is_falling = Some(is_falling);
            self.session += i64::from(before.count().abs_diff(ts.count()) > gap);
        }
        self.session = self.session.max(1);
        self.before = Some(ts);
        Ok(self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000_000;

    fn interval(months: i32, days: i32, nanoseconds: i64) -> Interval {
        Interval {
            months,
            days,
            nanoseconds,
        }
    }

    fn sessions(counts: &[i64], gap: Interval) -> Result<Vec<i64>, &'static str> {
        let mut state = Sessionize::default();
        let counts = counts.iter().copied().map(Timestamp::from_count);
        counts.map(|ts| state.next(ts, gap)).collect()
    }

    #[test]
    fn session_ends_with_more_than_the_gap() {
        let half_hour = interval(0, 0, 30 * MINUTE);
        let counts = [
            0,
            30 * MINUTE,
            60 * MINUTE,
            90 * MINUTE + 1,
            90 * MINUTE + 1,
        ];
        assert_eq!(sessions(&counts, half_hour), Ok(vec![1, 1, 1, 2, 2]));
    }

    #[test]
    fn timestamps_may_decrease() {
        let counts = [100, 90, 50, 50, 49];
        let ten = interval(0, 0, 10);
        assert_eq!(sessions(&counts, ten), Ok(vec![1, 1, 2, 2, 2]));
    }

    #[test]
    fn timestamps_that_increase_and_decrease_are_an_error() {
        assert!(sessions(&[1, 2, 1], interval(0, 0, 10)).is_err());
        assert!(sessions(&[2, 2, 1, 2], interval(0, 0, 10)).is_err());
    }

    #[test]
    fn day_has_24_hours_and_a_month_no_length() {
        let day = 24 * 60 * MINUTE;
        assert_eq!(
            sessions(&[0, day, 2 * day + 1], interval(0, 1, 0)),
            Ok(vec![1, 1, 2])
        );
        assert_eq!(
            sessions(&[0, day, 2 * day], interval(0, 1, -1)),
            Ok(vec![1, 2, 3])
        );
        assert!(sessions(&[0], interval(1, 0, 0)).is_err());
        assert!(sessions(&[0], interval(0, 0, -1)).is_err());
        assert!(sessions(&[0], interval(0, -1, MINUTE)).is_err());
    }

    #[test]
    fn gap_may_be_zero_or_unlimited() {
        assert_eq!(sessions(&[5, 5, 6], interval(0, 0, 0)), Ok(vec![1, 1, 2]));
        let ages = interval(0, i32::MAX, i64::MAX);
        assert_eq!(sessions(&[0, i64::MAX], ages), Ok(vec![1, 1]));
        assert_eq!(sessions(&[i64::MIN, i64::MAX], ages), Ok(vec![1, 2]));
    }

    proptest! {
        #[test]
        fn sessions_are_one_more_than_the_breaks(
            mut counts in prop::collection::vec(-1000..1000_i64, 1..100),
            gap in 0..100_i64,
        ) {
            counts.sort_unstable();
            let breaks = counts.windows(2).filter(|pair| pair[1] - pair[0] > gap).count();
            let sessions = sessions(&counts, interval(0, 0, gap)).unwrap();
            prop_assert_eq!(sessions.last(), Some(&(breaks as i64 + 1)));
            prop_assert!(sessions.is_sorted());
        }
    }
}
