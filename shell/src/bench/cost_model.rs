//! Fixed cost of a call and cost of a row, fitted to times of calls.

/// Time of a call as a linear function of its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CostModel {
    /// Fixed cost of a call, in nanoseconds.
    pub(super) fixed_ns: f64,
    /// Cost of a row, in nanoseconds.
    pub(super) row_ns: f64,
}

/// Fits the model to points `(rows, nanoseconds)`; returns `None` without points.
///
/// The fit minimises the sum of squared relative errors: an error of a tenth has the
/// same weight at one row as at thousands.
pub(super) fn fit(points: &[(usize, f64)]) -> Option<CostModel> {
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
    // Points at a single number of rows do not determine a slope.
    if points.is_empty() {
        return None;
    }
    if points.iter().all(|(rows, _)| *rows == points[0].0) {
        return Some(CostModel {
            fixed_ns: time / one,
            row_ns: 0.0,
        });
    }
    let per_row = (one * rows_time - rows * time) / determinant;
    let fixed = (time - per_row * rows) / one;
    // Costs are not negative. If noise makes one negative, it is set to zero.
    Some(match (fixed < 0.0, per_row < 0.0) {
        (true, _) => CostModel {
            fixed_ns: 0.0,
            row_ns: rows_time / rows_rows,
        },
        (_, true) => CostModel {
            fixed_ns: time / one,
            row_ns: 0.0,
        },
        _ => CostModel {
            fixed_ns: fixed,
            row_ns: per_row,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_are_fitted_exactly() {
        let points = [1, 8, 64, 512, 4_096].map(|rows| (rows, 900.0 + 2.5 * rows as f64));
        let found = fit(&points).unwrap();
        assert!((found.fixed_ns - 900.0).abs() < 1e-3, "{found:?}");
        assert!((found.row_ns - 2.5).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn noise_of_large_calls_does_not_hide_the_fixed_cost() {
        let points = [(1, 1_000.0), (64, 1_064.0), (8_192, 10_000.0)];
        let found = fit(&points).unwrap();
        assert!((900.0..1_100.0).contains(&found.fixed_ns), "{found:?}");
        assert!((0.9..1.2).contains(&found.row_ns), "{found:?}");
    }

    #[test]
    fn fitted_costs_are_not_negative() {
        let falling = fit(&[(1, 100.0), (10, 50.0)]).unwrap();
        assert_eq!(falling.row_ns, 0.0);
        let steep = fit(&[(1, 1.0), (2, 100.0)]).unwrap();
        assert_eq!(steep.fixed_ns, 0.0);
        assert!(steep.row_ns > 0.0);
    }

    #[test]
    fn times_at_one_number_of_rows_are_fixed_cost() {
        let fixed = CostModel {
            fixed_ns: 70.0,
            row_ns: 0.0,
        };
        assert_eq!(fit(&[(1, 70.0)]), Some(fixed));
        assert_eq!(fit(&[]), None);
    }
}
