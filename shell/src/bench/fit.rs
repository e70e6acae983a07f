//! What a call costs whatever its rows, told apart from what each row costs.

/// A line through times over rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// In nanoseconds.
    pub(super) fixed: f64,
    pub(super) per_row: f64,
}

/// The line that is closest to `(rows, nanoseconds)`, as a part of each time: a
/// tenth too much is as bad for one row as for thousands. None without points.
pub(super) fn line(points: &[(usize, f64)]) -> Option<Line> {
    let mut sums = [0.0; 5];
    for (rows, time) in points
        .iter()
        .map(|(rows, time)| (*rows as f64, time.max(1.0)))
    {
        let weight = 1.0 / (time * time);
        let terms = [1.0, rows, time, rows * rows, rows * time];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += weight * term;
        }
    }
    let [one, rows, time, rows_rows, rows_time] = sums;
    let determinant = one * rows_rows - rows * rows;
    // With all points at one number of rows, it is all fixed.
    if points.is_empty() {
        return None;
    }
    if points.iter().all(|(rows, _)| *rows == points[0].0) {
        return Some(Line {
            fixed: time / one,
            per_row: 0.0,
        });
    }
    let per_row = (one * rows_time - rows * time) / determinant;
    let fixed = (time - per_row * rows) / one;
    // Neither can be less than nothing; where noise says so, the other is all.
    Some(match (fixed < 0.0, per_row < 0.0) {
        (true, _) => Line {
            fixed: 0.0,
            per_row: rows_time / rows_rows,
        },
        (_, true) => Line {
            fixed: time / one,
            per_row: 0.0,
        },
        _ => Line { fixed, per_row },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_through_points_on_a_line_is_that_line() {
        let points = [1, 8, 64, 512, 4_096].map(|rows| (rows, 900.0 + 2.5 * rows as f64));
        let found = line(&points).unwrap();
        assert!((found.fixed - 900.0).abs() < 1e-3, "{found:?}");
        assert!((found.per_row - 2.5).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn noise_of_large_calls_does_not_drown_what_small_ones_cost() {
        let points = [(1, 1_000.0), (64, 1_064.0), (8_192, 10_000.0)];
        let found = line(&points).unwrap();
        assert!((900.0..1_100.0).contains(&found.fixed), "{found:?}");
        assert!((0.9..1.2).contains(&found.per_row), "{found:?}");
    }

    #[test]
    fn nothing_costs_less_than_nothing() {
        let falling = line(&[(1, 100.0), (10, 50.0)]).unwrap();
        assert_eq!(falling.per_row, 0.0);
        let steep = line(&[(1, 1.0), (2, 100.0)]).unwrap();
        assert_eq!(steep.fixed, 0.0);
        assert!(steep.per_row > 0.0);
    }

    #[test]
    fn times_of_one_number_of_rows_are_all_fixed() {
        let fixed = Line {
            fixed: 70.0,
            per_row: 0.0,
        };
        assert_eq!(line(&[(1, 70.0)]), Some(fixed));
        assert_eq!(line(&[]), None);
    }
}
