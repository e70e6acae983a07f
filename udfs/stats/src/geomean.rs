//! The geometric mean.

use fusebox_sdk::{Row, udaf};

/// The geometric mean: the *n*-th root of the product of *n* values, null if
/// there are none.
///
/// As in SciPy's `gmean`, a zero makes the mean 0, and a negative number or NaN
/// makes it NaN, since it has no logarithm. Infinity makes it infinity, or NaN
/// together with a zero.
///
/// It is the exponential of the mean of the logarithms, so that no product
/// overflows. The rounding error of the sum of *n* logarithms, none beyond 745,
/// is less than *n* × 745 × 2⁻⁵³ of the mean; retracted values count in *n*
/// too, and leave no other trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Row)]
pub struct Geomean {
    /// The sum of the logarithms of the positive, finite values.
    pub sum: f64,
    /// Number of values of any kind.
    pub count: i64,
    /// Number of values that are zero.
    pub zeros: i64,
    /// Number of values that are infinite.
    pub infinities: i64,
    /// Number of values without a logarithm.
    pub nans: i64,
}

#[udaf]
impl Geomean {
    /// Adds a value.
    #[inline]
    pub fn update(&mut self, value: f64) {
        let log = libm::log(value);
        self.count += 1;
        if log.is_finite() {
            self.sum += log;
        } else {
            self.count_special(log, 1);
        }
    }

    /// Removes a value that was added before.
    #[inline]
    pub fn retract(&mut self, value: f64) {
        let log = libm::log(value);
        self.count -= 1;
        if log.is_finite() {
            self.sum -= log;
        } else {
            self.count_special(log, -1);
        }
        // Without values there is no rounding error either.
        if self.count == 0 {
            self.sum = 0.0;
        }
    }

    /// Adds the values of another state.
    #[inline]
    pub fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
        self.zeros += other.zeros;
        self.infinities += other.infinities;
        self.nans += other.nans;
    }

    /// Returns the mean of the values.
    #[inline]
    pub fn finish(&self) -> Option<f64> {
        let has_zero = self.zeros > 0;
        let is_infinite = self.infinities > 0;
        match () {
            () if self.count == 0 => None,
            () if self.nans > 0 || (has_zero && is_infinite) => Some(f64::NAN),
            () if has_zero => Some(0.0),
            () if is_infinite => Some(f64::INFINITY),
            () => Some(libm::exp(self.sum / self.count as f64)),
        }
    }

    /// Counts a value whose logarithm is not finite, or removes it from the
    /// count.
    #[inline]
    fn count_special(&mut self, log: f64, by: i64) {
        if log.is_nan() {
            self.nans += by;
        } else if log < 0.0 {
            self.zeros += by;
        } else {
            self.infinities += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn state(values: &[f64]) -> Geomean {
        let mut state = Geomean::default();
        values.iter().for_each(|value| state.update(*value));
        state
    }

    fn mean(values: &[f64]) -> Option<f64> {
        state(values).finish()
    }

    #[track_caller]
    fn check(values: &[f64], expected: f64) {
        let actual = mean(values).unwrap();
        assert!(
            (actual - expected).abs() <= expected * 1e-15 * values.len() as f64,
            "{actual}"
        );
    }

    #[test]
    fn mean_is_the_root_of_the_product() {
        check(&[4.0, 9.0], 6.0);
        check(&[1.0, 10.0, 100.0], 10.0);
        check(&[7.5], 7.5);
        // The example of SciPy's documentation.
        check(
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            3.380_015_159_141_296_3,
        );
    }

    #[test]
    fn product_may_be_out_of_the_range_of_double() {
        assert!((mean(&[1e300; 100]).unwrap() / 1e300 - 1.0).abs() < 1e-11);
        let least = f64::from_bits(1);
        assert_eq!(mean(&[least; 100]), Some(least));
    }

    #[test]
    fn mean_of_no_values_is_null() {
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn zero_makes_the_mean_zero() {
        assert_eq!(mean(&[3.0, 0.0]), Some(0.0));
        assert_eq!(mean(&[-0.0, 3.0]).map(f64::to_bits), Some(0));
    }

    #[test]
    fn negative_number_makes_the_mean_nan() {
        for values in [
            [-1.0, -1.0],
            [0.0, -1.0],
            [f64::NAN, 1.0],
            [0.0, f64::INFINITY],
            [f64::NEG_INFINITY, f64::INFINITY],
        ] {
            assert!(mean(&values).unwrap().is_nan(), "{values:?}");
        }
        assert_eq!(mean(&[2.0, f64::INFINITY]), Some(f64::INFINITY));
    }

    #[test]
    fn retracted_value_leaves_no_trace() {
        let mut state = state(&[5.0]);
        let specials = [0.0, -3.0, f64::NAN, f64::INFINITY, f64::MAX];
        specials.iter().for_each(|value| state.update(*value));
        specials.iter().for_each(|value| state.retract(*value));
        assert!((state.finish().unwrap() - 5.0).abs() < 1e-12);
        state.retract(5.0);
        assert_eq!(state, Geomean::default());
    }

    fn any_value() -> impl Strategy<Value = f64> {
        let special = prop::sample::select(vec![0.0, -1.0, f64::NAN, f64::INFINITY]);
        prop_oneof![40 => 1e-300..1e300, 1 => special]
    }

    fn same(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => {
                a == b || (a.is_nan() && b.is_nan()) || (a / b - 1.0).abs() < 1e-10
            }
            _ => a == b,
        }
    }

    proptest! {
        #[test]
        fn merging_is_adding(values: Vec<(u8, f64)>, specials in prop::collection::vec(any_value(), 0..30)) {
            let mut values: Vec<_> = values.iter().map(|(place, value)| (*place, value.abs())).collect();
            values.extend(specials.iter().map(|value| (value.to_bits() as u8, *value)));
            let mut parts = [Geomean::default(); 4];
            for (place, value) in &values {
                parts[usize::from(*place % 4)].update(*value);
            }
            let [mut a, b, mut c, d] = parts;
            a.merge(b);
            c.merge(d);
            a.merge(c);
            let values: Vec<_> = values.iter().map(|(_, value)| *value).collect();
            prop_assert!(same(a.finish(), mean(&values)));
            prop_assert_eq!(a.count, values.len() as i64);
        }

        #[test]
        fn window_that_slides_has_the_mean_of_what_is_in_it(
            values in prop::collection::vec(any_value(), 1..300),
            length in 1..20_usize,
        ) {
            let mut sliding = Geomean::default();
            for end in 0..values.len() {
                sliding.update(values[end]);
                if end >= length {
                    sliding.retract(values[end - length]);
                }
                let window = &values[(end + 1).saturating_sub(length)..=end];
                prop_assert!(same(sliding.finish(), mean(window)));
            }
        }
    }
}
