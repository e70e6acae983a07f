//! Numbers as a table.

use std::iter;

use fusebox_sdk::{Row, udtf};

/// A row of [`series`].
#[derive(Clone, Copy, Debug, PartialEq, Row)]
pub struct SeriesRow {
    /// The number.
    pub value: i64,
}

/// Returns the numbers from `start` to `stop`, `step` apart, up or down; `stop`
/// is included if they reach it, as in PostgreSQL's `generate_series`.
///
/// There are none if `step` leads away from `stop`.
///
/// # Errors
///
/// If `step` is 0.
#[udtf]
pub fn series(
    start: i64,
    stop: i64,
    step: i64,
) -> Result<impl Iterator<Item = SeriesRow>, &'static str> {
    if step == 0 {
        return Err("the step is 0");
    }
    let is_within = move |value: &i64| match step > 0 {
        true => *value <= stop,
        false => *value >= stop,
    };
    // The series also ends at the end of BIGINT.
    let next = move |value: &i64| value.checked_add(step).filter(is_within);
    let values = iter::successors(Some(start).filter(is_within), next);
    Ok(values.map(|value| SeriesRow { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: i64, stop: i64, step: i64, expected: &[i64]) {
        let values = series(start, stop, step).unwrap().map(|row| row.value);
        assert_eq!(values.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn series_includes_its_stop_if_it_reaches_it() {
        check(1, 4, 1, &[1, 2, 3, 4]);
        check(1, 4, 2, &[1, 3]);
        check(4, 1, -3, &[4, 1]);
        check(-1, -2, -1, &[-1, -2]);
        check(5, 5, 7, &[5]);
        check(5, 5, -7, &[5]);
    }

    #[test]
    fn series_away_from_its_stop_is_empty() {
        check(1, 0, 1, &[]);
        check(0, 1, -1, &[]);
    }

    #[test]
    fn series_ends_at_the_end_of_bigint() {
        let (least, most) = (i64::MIN, i64::MAX);
        check(most - 1, most, 1, &[most - 1, most]);
        check(most - 1, most, 2, &[most - 1]);
        check(least + 1, least, -1, &[least + 1, least]);
        check(least, most, most, &[least, -1, most - 1]);
        check(most, least, least, &[most, -1]);
    }

    #[test]
    fn step_of_zero_is_an_error() {
        assert!(series(1, 2, 0).is_err());
        assert!(series(1, 1, 0).is_err());
    }

    #[test]
    fn series_is_computed_lazily() {
        let mut values = series(i64::MIN, i64::MAX, 1).unwrap();
        assert_eq!(values.nth(1000).map(|row| row.value), Some(i64::MIN + 1000));
    }
}
