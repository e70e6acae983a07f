//! The weighted arithmetic mean.

use fusebox_sdk::{Row, udaf};

/// The weighted mean: the sum of value × weight, divided by the sum of the
/// weights; null if there are no rows.
///
/// As in R's `weighted.mean`, weights need not add up to 1, a row of weight 0
/// does not count, whatever its value, and the mean is NaN if the weights add
/// up to 0. A weight that is not finite makes it NaN too, as does a NaN; an
/// infinite value makes it infinite, or NaN together with its opposite.
///
/// Each product is rounded. Sums have compensation terms for rounding errors
/// (D. E. Knuth, "The Art of Computer Programming", volume 2, theorem 4.2.2 B),
/// some 106 bits in all, so that retracting large values restores small ones.
/// Sums out of the range of DOUBLE give NaN or infinity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Row)]
pub struct WeightedAvg {
    /// The sum of the finite products value × weight.
    pub sum: f64,
    /// The rounding error of the sum.
    pub sum_rest: f64,
    /// The sum of the weights of finite products.
    pub weight: f64,
    /// The rounding error of the weight.
    pub weight_rest: f64,
    /// Number of rows of any kind.
    pub count: i64,
    /// Number of products that are infinity.
    pub infinities: i64,
    /// Number of products that are negative infinity.
    pub negative_infinities: i64,
    /// Number of products that are NaN, and of weights that are not finite.
    pub nans: i64,
}

#[udaf]
impl WeightedAvg {
    /// Adds a row.
    #[inline]
    pub fn update(&mut self, value: f64, weight: f64) {
        self.change(value, weight, 1.0, 1);
    }

    /// Removes a row that was added before.
    #[inline]
    pub fn retract(&mut self, value: f64, weight: f64) {
        self.change(value, weight, -1.0, -1);
        // Without rows there is no rounding error either.
        if self.count == 0 {
            *self = Self::default();
        }
    }

    /// Adds the rows of another state.
    #[inline]
    pub fn merge(&mut self, other: Self) {
        add(&mut self.sum, &mut self.sum_rest, other.sum);
        self.sum_rest += other.sum_rest;
        add(&mut self.weight, &mut self.weight_rest, other.weight);
        self.weight_rest += other.weight_rest;
        self.count += other.count;
        self.infinities += other.infinities;
        self.negative_infinities += other.negative_infinities;
        self.nans += other.nans;
    }

    /// Returns the mean of the rows.
    #[inline]
    pub fn finish(&self) -> Option<f64> {
        let weight = self.weight + self.weight_rest;
        match (self.infinities > 0, self.negative_infinities > 0) {
            _ if self.count == 0 => None,
            _ if self.nans > 0 => Some(f64::NAN),
            (true, true) => Some(f64::NAN),
            // With the sign that a negative sum of weights gives it.
            (true, false) => Some(f64::INFINITY / weight),
            (false, true) => Some(f64::NEG_INFINITY / weight),
            (false, false) => Some((self.sum + self.sum_rest) / weight),
        }
    }

    #[inline]
    fn change(&mut self, value: f64, weight: f64, sign: f64, by: i64) {
        let product = if weight == 0.0 { 0.0 } else { value * weight };
        self.count += by;
        if !weight.is_finite() || product.is_nan() {
            self.nans += by;
            return;
        }
        add(&mut self.weight, &mut self.weight_rest, sign * weight);
        if product.is_finite() {
            add(&mut self.sum, &mut self.sum_rest, sign * product);
        } else if product > 0.0 {
            self.infinities += by;
        } else {
            self.negative_infinities += by;
        }
    }
}

/// Adds a number to a sum, and the rounding error to its rest.
#[inline]
fn add(sum: &mut f64, rest: &mut f64, number: f64) {
    let rounded = *sum + number;
    let part = rounded - *sum;
    *rest += (*sum - (rounded - part)) + (number - part);
    *sum = rounded;
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn mean(rows: &[(f64, f64)]) -> Option<f64> {
        let mut state = WeightedAvg::default();
        rows.iter().for_each(|row| state.update(row.0, row.1));
        state.finish()
    }

    #[test]
    fn heavy_rows_count_more() {
        assert_eq!(mean(&[(1.0, 3.0), (5.0, 1.0)]), Some(2.0));
        assert_eq!(mean(&[(7.0, 0.25)]), Some(7.0));
        // R's example: grade point averages, 3.453333…
        let grades = [(3.7, 5.0), (3.3, 5.0), (3.5, 4.0), (2.8, 1.0)];
        assert_eq!(mean(&grades), Some(51.8 / 15.0));
    }

    #[test]
    fn mean_of_no_values_is_null() {
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn weights_of_zero_do_not_count() {
        assert!(mean(&[(1.0, 0.0)]).unwrap().is_nan());
        assert!(mean(&[(1.0, 1.0), (2.0, -1.0)]).unwrap().is_infinite());
        for nothing in [5.0, f64::NAN, f64::INFINITY] {
            assert_eq!(mean(&[(nothing, 0.0), (2.0, 1.0)]), Some(2.0));
        }
    }

    #[test]
    fn infinite_value_makes_the_mean_infinite_and_others_nan() {
        let infinity = f64::INFINITY;
        assert_eq!(mean(&[(infinity, 1.0), (1.0, 1.0)]), Some(infinity));
        assert_eq!(mean(&[(-infinity, 1.0), (1.0, 1.0)]), Some(-infinity));
        assert_eq!(mean(&[(infinity, -1.0), (1.0, -1.0)]), Some(infinity));
        for row in [
            (-infinity, 1.0),
            (f64::NAN, 1.0),
            (1.0, infinity),
            (1.0, f64::NAN),
        ] {
            assert!(mean(&[(infinity, 1.0), row]).unwrap().is_nan(), "{row:?}");
        }
    }

    #[test]
    fn retracting_large_values_restores_small_ones() {
        let mut state = WeightedAvg::default();
        let large = [
            (1e200, 1e30),
            (f64::INFINITY, 1.0),
            (f64::NAN, 2.0),
            (1.0, f64::NAN),
        ];
        for (value, weight) in [(1e15, 1.0), large[1], (3.0, 2.0), large[2], large[3]] {
            state.update(value, weight);
        }
        for (value, weight) in [large[1], large[2], large[3], (1e15, 1.0)] {
            state.retract(value, weight);
        }
        assert_eq!(state.finish(), Some(3.0));
        state.retract(3.0, 2.0);
        state.update(large[0].0, large[0].1);
        state.retract(large[0].0, large[0].1);
        assert_eq!(state, WeightedAvg::default());
    }

    proptest! {
        // Integers, whose sums are exact: so must the mean be.
        #[test]
        fn merging_is_adding(rows: Vec<(u8, i32, u8)>) {
            let mut parts = [WeightedAvg::default(); 4];
            let (mut sum, mut weights) = (0_i64, 0_i64);
            for (place, value, weight) in &rows {
                parts[usize::from(*place % 4)].update(f64::from(*value), f64::from(*weight));
                sum += i64::from(*value) * i64::from(*weight);
                weights += i64::from(*weight);
            }
            let [mut a, b, mut c, d] = parts;
            c.merge(d);
            a.merge(b);
            c.merge(a);
            let expected = (!rows.is_empty()).then(|| sum as f64 / weights as f64);
            prop_assert_eq!(c.finish().map(f64::to_bits), expected.map(f64::to_bits));
        }

        #[test]
        fn window_that_slides_has_the_mean_of_what_is_in_it(
            rows in prop::collection::vec((-1e12..1e12_f64, 0.001..1e3_f64), 1..300),
            length in 1..20_usize,
        ) {
            let mut sliding = WeightedAvg::default();
            for end in 0..rows.len() {
                sliding.update(rows[end].0, rows[end].1);
                if end >= length {
                    sliding.retract(rows[end - length].0, rows[end - length].1);
                }
                let expected = mean(&rows[(end + 1).saturating_sub(length)..=end]).unwrap();
                let actual = sliding.finish().unwrap();
                prop_assert!((actual - expected).abs() <= expected.abs() * 1e-14, "{} {}", actual, expected);
            }
        }
    }
}
