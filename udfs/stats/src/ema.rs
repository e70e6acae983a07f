//! The exponential moving average.

use fusebox_sdk::udwf;

/// The exponential moving average: the first value itself, and from then on
/// `alpha` × value + (1 - `alpha`) × the previous average.
///
/// As in pandas' `ewm(alpha, adjust=False, ignore_na=True)`, a null is skipped:
/// its row has no average, and the next row continues from the previous
/// average. If `alpha` is not above 0 and at most 1, the average is NaN from
/// then on: checking for an error would cost every row more than the average
/// does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ema {
    /// The average of the previous row.
    average: Option<f64>,
}

#[udwf]
impl Ema {
    /// Returns the average with the next value, of weight `alpha`.
    #[inline]
    pub fn next(&mut self, value: f64, alpha: f64) -> f64 {
        let average = match self.average {
            _ if !(alpha > 0.0 && alpha <= 1.0) => f64::NAN,
            Some(average) => alpha * value + (1.0 - alpha) * average,
            None => value,
        };
        self.average = Some(average);
        average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn averages(values: &[f64], alpha: f64) -> Vec<f64> {
        let mut ema = Ema::default();
        values.iter().map(|value| ema.next(*value, alpha)).collect()
    }

    #[test]
    fn average_follows_the_values() {
        assert_eq!(averages(&[1.0, 2.0, 4.0], 0.5), [1.0, 1.5, 2.75]);
        assert_eq!(averages(&[8.0, 0.0, 0.0], 0.25), [8.0, 6.0, 4.5]);
        assert_eq!(averages(&[3.0, 5.0, 7.0], 1.0), [3.0, 5.0, 7.0]);
    }

    #[test]
    fn alpha_out_of_range_makes_the_average_nan() {
        for alpha in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY] {
            let mut ema = Ema::default();
            assert!(ema.next(1.0, alpha).is_nan(), "{alpha}");
            assert!(ema.next(1.0, 0.5).is_nan(), "{alpha}");
        }
        assert_eq!(Ema::default().next(1.0, f64::MIN_POSITIVE), 1.0);
    }

    proptest! {
        // The weights that the recurrence gives to the values, written out.
        #[test]
        fn average_is_a_weighted_one(
            values in prop::collection::vec(-1e3..1e3_f64, 1..50),
            alpha in 0.01..1.0_f64,
        ) {
            let last = values.len() - 1;
            let weight = |index: usize| match index {
                0 => (1.0 - alpha).powi(last as i32),
                _ => alpha * (1.0 - alpha).powi((last - index) as i32),
            };
            let expected: f64 = (0..=last).map(|index| weight(index) * values[index]).sum();
            let actual = averages(&values, alpha)[last];
            prop_assert!((actual - expected).abs() < 1e-9);
        }
    }
}
