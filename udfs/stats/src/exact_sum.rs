//! A sum without rounding errors.

use fusebox_sdk::{Row, udaf};

/// Number of bits from one chunk to the next. The upper half of a chunk holds
/// carries that are not yet propagated.
const CHUNK_BITS: u32 = 32;

/// The lower half of a chunk.
const CHUNK_MASK: i64 = 0xffff_ffff;

/// Bits of a DOUBLE below its exponent.
const FRACTION_BITS: u32 = 52;

/// The exponent of infinity and NaN.
const EXPONENT_MAX: u64 = 0x7ff;

/// Number of values that may be added before carries are propagated. Each adds
/// less than 2⁵² to a chunk, so 2000 of them and a carry stay below 2⁶³.
const PENDING_MAX: u32 = 2000;

/// The sum of the values, computed without rounding and rounded once, to the
/// nearest DOUBLE, ties to even; null if there are none.
///
/// It has the same bits for any order of the values and any division among
/// states, retracting values is exact, and it is finite if the sum is, whatever
/// partial sums would be. With infinities of one sign it is that infinity; with
/// both it is NaN, and so it is with a NaN. It is negative zero if all values
/// are.
///
/// The state is the small superaccumulator of R. M. Neal, "Fast exact summation
/// using small and large superaccumulators" (2015, arXiv:1505.05571), which
/// holds only the chunks that the values reach: 2 to 67 numbers.
#[derive(Clone, Debug, Default, PartialEq, Row)]
pub struct ExactSum {
    /// Digits of the sum of the finite values, in base 2³², the lowest first.
    pub chunks: Vec<i64>,
    /// The index of the first chunk, if index 0 has the weight 2⁻¹⁰⁷⁴, the
    /// least DOUBLE.
    pub lowest: u32,
    /// Number of values added to chunks since carries were last propagated.
    pub pending: u32,
    /// Number of values of any kind.
    pub count: i64,
    /// Number of values that are negative zero.
    pub negative_zeros: i64,
    /// Number of values that are infinity.
    pub infinities: i64,
    /// Number of values that are negative infinity.
    pub negative_infinities: i64,
    /// Number of values that are NaN.
    pub nans: i64,
}

#[udaf]
impl ExactSum {
    /// Adds a value.
    #[inline]
    pub fn update(&mut self, value: f64) {
        self.change::<1>(value);
    }

    /// Removes a value that was added before.
    #[inline]
    pub fn retract(&mut self, value: f64) {
        self.change::<-1>(value);
    }

    /// Adds the values of another state.
    pub fn merge(&mut self, mut other: Self) {
        self.count += other.count;
        self.negative_zeros += other.negative_zeros;
        self.infinities += other.infinities;
        self.negative_infinities += other.negative_infinities;
        self.nans += other.nans;
        if other.chunks.is_empty() {
            return;
        }
        // With carries propagated, its chunks are no larger than what one value
        // adds.
        other.carry();
        let start = self.reach(other.lowest, other.chunks.len());
        for (chunk, more) in self.chunks[start..].iter_mut().zip(&other.chunks) {
            *chunk += more;
        }
        self.count_pending();
    }

    /// Returns the sum of the values.
    pub fn finish(&self) -> Option<f64> {
        match (self.infinities > 0, self.negative_infinities > 0) {
            _ if self.count == 0 => None,
            _ if self.nans > 0 => Some(f64::NAN),
            (true, true) => Some(f64::NAN),
            (true, false) => Some(f64::INFINITY),
            (false, true) => Some(f64::NEG_INFINITY),
            (false, false) if self.negative_zeros == self.count => Some(-0.0),
            (false, false) => Some(self.rounded()),
        }
    }

    #[inline]
    fn change<const SIGN: i64>(&mut self, value: f64) {
        self.count += SIGN;
        let bits = value.to_bits();
        let exponent = bits >> FRACTION_BITS & EXPONENT_MAX;
        if exponent == EXPONENT_MAX || bits << 1 == 0 {
            return self.change_special(value, SIGN);
        }
        // The value is `fraction` × 2^`shift` × 2⁻¹⁰⁷⁴.
        let is_normal = u64::from(exponent > 0);
        let fraction = bits & ((1 << FRACTION_BITS) - 1) | is_normal << FRACTION_BITS;
        let shift = (exponent - is_normal) as u32;
        let (chunk, shift) = (shift / CHUNK_BITS, shift % CHUNK_BITS);
        let low = (fraction << shift) as i64 & CHUNK_MASK;
        let high = (fraction >> (CHUNK_BITS - shift)) as i64;
        let sign = if value < 0.0 { -SIGN } else { SIGN };
        let start = self.reach(chunk, 2);
        if let [first, second, ..] = &mut self.chunks[start..] {
            *first += sign * low;
            *second += sign * high;
        }
        self.count_pending();
    }

    /// Counts a value that is not added to chunks.
    #[cold]
    fn change_special(&mut self, value: f64, by: i64) {
        if value.is_nan() {
            self.nans += by;
        } else if value == f64::INFINITY {
            self.infinities += by;
        } else if value == f64::NEG_INFINITY {
            self.negative_infinities += by;
        } else if value.is_sign_negative() {
            self.negative_zeros += by;
        }
    }

    /// Extends the chunks to one of a given index, and returns its position.
    #[inline]
    fn reach(&mut self, first: u32, length: usize) -> usize {
        let start = first.wrapping_sub(self.lowest) as usize;
        if start < self.chunks.len() && length <= self.chunks.len() - start {
            return start;
        }
        self.extend(first, length)
    }

    #[cold]
    fn extend(&mut self, first: u32, length: usize) -> usize {
        if self.chunks.is_empty() {
            self.lowest = first;
        }
        let before = self.lowest.saturating_sub(first) as usize;
        self.chunks.splice(..0, std::iter::repeat_n(0, before));
        self.lowest -= before as u32;
        let start = (first - self.lowest) as usize;
        let chunks = self.chunks.len().max(start + length);
        self.chunks.resize(chunks, 0);
        start
    }

    #[inline]
    fn count_pending(&mut self) {
        self.pending += 1;
        if self.pending >= PENDING_MAX {
            self.carry();
        }
    }

    /// Propagates carries, after which all chunks but the last are from 0 to
    /// below 2³², and the last has the sign of the sum.
    #[cold]
    fn carry(&mut self) {
        let mut carry = 0;
        for chunk in &mut self.chunks {
            *chunk += carry;
            carry = *chunk >> CHUNK_BITS;
            *chunk &= CHUNK_MASK;
        }
        match (carry, self.chunks.last_mut()) {
            (0, _) => {}
            // The sign stays in the last chunk, or each carry would add a
            // chunk.
            (-1, Some(last)) => *last -= 1 << CHUNK_BITS,
            _ => self.chunks.push(carry),
        }
        self.pending = 1;
    }

    /// Returns the sum of the chunks, rounded.
    fn rounded(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let is_negative = sum.chunks.last().is_some_and(|last| *last < 0);
        if is_negative {
            sum.chunks.iter_mut().for_each(|chunk| *chunk = -*chunk);
            sum.carry();
        }
        let magnitude = sum.magnitude();
        if is_negative { -magnitude } else { magnitude }
    }

    /// Returns the sum of chunks without carries that is not negative, rounded.
    fn magnitude(&self) -> f64 {
        let Some(last) = self.chunks.iter().rposition(|chunk| *chunk != 0) else {
            return 0.0;
        };
        // The three highest chunks, 96 bits: more than 64 of them are
        // significant, and 53 are needed.
        let chunk = |below: usize| {
            last.checked_sub(below)
                .map_or(0, |index| self.chunks[index])
        };
        let window = (0..3).fold(0_u128, |bits, below| {
            bits << CHUNK_BITS | chunk(below) as u128
        });
        let is_more_below = self.chunks[..last.saturating_sub(2)]
            .iter()
            .any(|chunk| *chunk != 0);
        // The weight of the window's lowest bit, in powers of 2 above or below
        // 2⁻¹⁰⁷⁴.
        let base = (i64::from(self.lowest) + last as i64 - 2) * i64::from(CHUNK_BITS);
        let length = base + i64::from(u128::BITS - window.leading_zeros());
        let exponent = (length - i64::from(FRACTION_BITS) - 1).max(0);
        if exponent as u64 + 1 >= EXPONENT_MAX {
            return f64::INFINITY;
        }
        let cut = exponent - base;
        let fraction = (window >> cut) as u64;
        let half = 1_u128 << (cut - 1);
        let rest = window & (2 * half - 1);
        let is_up = rest > half || (rest == half && (is_more_below || fraction % 2 == 1));
        // A fraction that overflows increments the exponent, up to infinity.
        f64::from_bits(((exponent as u64) << FRACTION_BITS) + fraction + u64::from(is_up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    use crate::oracle::sum as oracle;

    fn state(values: &[f64]) -> ExactSum {
        let mut state = ExactSum::default();
        values.iter().for_each(|value| state.update(*value));
        state
    }

    #[track_caller]
    fn check(values: &[f64], expected: f64) {
        let actual = state(values).finish().unwrap();
        assert_eq!(
            actual.to_bits(),
            expected.to_bits(),
            "{actual:e} of {values:?}"
        );
    }

    #[test]
    fn sum_is_rounded_once() {
        check(&[0.1; 10], 1.0);
        check(&[1e100, 1.0, -1e100], 1.0);
        check(&[1e16, 1.0, 1.0, -1e16], 2.0);
        check(&[f64::MAX, f64::MAX, f64::MIN, f64::MIN, 3.0], 3.0);
        check(&[f64::MAX, f64::MIN, 5e-324], 5e-324);
    }

    // 2⁵³ and its neighbours are 2 apart.
    #[test]
    fn tie_is_rounded_to_even_and_more_than_half_up() {
        let large = 9_007_199_254_740_992.0;
        check(&[large, 1.0], large);
        check(&[large, 2.0, 1.0], large + 4.0);
        check(&[large, 1.0, 5e-324], large + 2.0);
        check(&[large, 1.0, -5e-324], large);
        check(&[-large, -1.0, -1e-200], -large - 2.0);
        check(&[large - 1.0, 0.5], large);
    }

    #[test]
    fn sum_overflows_if_the_rounded_sum_does() {
        let half_step = 2.0_f64.powi(970);
        check(&[f64::MAX, half_step], f64::INFINITY);
        check(&[f64::MAX, half_step, -5e-324], f64::MAX);
        check(&[f64::MIN, -half_step], f64::NEG_INFINITY);
        check(&[f64::MAX; 5000], f64::INFINITY);
    }

    #[test]
    fn sum_may_be_subnormal() {
        let least_normal = f64::MIN_POSITIVE;
        check(&[least_normal, -5e-324], least_normal - 5e-324);
        check(&[least_normal / 2.0, least_normal / 2.0], least_normal);
        check(&[5e-324; 3], 1.5e-323);
        check(&[least_normal, least_normal], 2.0 * least_normal);
    }

    #[test]
    fn infinities_and_nans_add_up_as_in_ieee_754() {
        assert_eq!(state(&[]).finish(), None);
        check(&[-0.0, -0.0], -0.0);
        check(&[-0.0, 0.0], 0.0);
        check(&[1.5, -1.5, -0.0], 0.0);
        check(&[f64::INFINITY, f64::MIN, 1.0], f64::INFINITY);
        check(&[f64::NEG_INFINITY, 1.0], f64::NEG_INFINITY);
        for values in [[f64::INFINITY, f64::NEG_INFINITY], [f64::NAN, 1.0]] {
            assert!(state(&values).finish().unwrap().is_nan());
        }
    }

    #[test]
    fn carries_are_propagated_before_chunks_overflow() {
        let largest = f64::from_bits(0x43ef_ffff_ffff_ffff);
        for value in [largest, -largest] {
            check(&vec![value; 100_000], oracle(&vec![value; 100_000]));
        }
        let mut all = ExactSum::default();
        for _ in 0..5000 {
            all.merge(state(&[-largest; 7]));
        }
        assert_eq!(all.finish(), Some(oracle(&vec![-largest; 35_000])));
        assert!(all.chunks.len() <= 4, "{:?}", all.chunks);
    }

    /// Values that cancel out, have a sum halfway between two numbers, or lie
    /// far apart.
    fn any_values() -> impl Strategy<Value = Vec<f64>> {
        let any_finite = any::<u64>().prop_map(f64::from_bits);
        let power = (any::<bool>(), 1..2046_u64)
            .prop_map(|(sign, exponent)| f64::from_bits(u64::from(sign) << 63 | exponent << 52));
        let near = (-1000..1000_i64, 0..60).prop_map(|(n, bits)| n as f64 * 2.0_f64.powi(bits));
        let tiny = (any::<bool>(), 0..1_u64 << 54)
            .prop_map(|(sign, bits)| f64::from_bits(u64::from(sign) << 63 | bits));
        let value = prop_oneof![any_finite, power, near, tiny];
        let value = value.prop_filter("finite", |value| value.is_finite());
        (prop::collection::vec(value, 1..40), any::<u64>()).prop_map(|(mut values, opposites)| {
            for index in 0..values.len() {
                if opposites >> index & 1 == 1 {
                    values.push(-values[index]);
                }
            }
            values
        })
    }

    proptest! {
        #[test]
        fn sum_is_that_of_the_oracle(values in any_values()) {
            prop_assert_eq!(state(&values).finish().map(|sum| sum + 0.0), Some(oracle(&values) + 0.0));
        }

        #[test]
        fn sum_is_the_same_in_any_order_and_division(
            values in any_values(),
            order: u64,
            places: [u8; 16],
        ) {
            let expected = state(&values).finish().map(f64::to_bits);
            let mut shuffled = values.clone();
            shuffled.sort_by_key(|value| value.to_bits().wrapping_mul(order | 1));
            prop_assert_eq!(state(&shuffled).finish().map(f64::to_bits), expected);

            let mut parts: [ExactSum; 4] = Default::default();
            for (index, value) in values.iter().enumerate() {
                parts[usize::from(places[index % 16] % 4)].update(*value);
            }
            let [mut a, b, mut c, d] = parts;
            a.merge(b);
            c.merge(d);
            c.merge(a);
            prop_assert_eq!(c.finish().map(f64::to_bits), expected);
            prop_assert_eq!(c.count, values.len() as i64);
        }

        #[test]
        fn retracted_value_leaves_no_trace(
            stay in any_values(),
            go in any_values(),
            special in prop::sample::select(vec![1.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        ) {
            let mut sum = ExactSum::default();
            sum.update(special);
            for (a, b) in stay.iter().zip(&go) {
                sum.update(*b);
                sum.update(*a);
            }
            let both = stay.len().min(go.len());
            go[..both].iter().for_each(|value| sum.retract(*value));
            sum.retract(special);
            let expected = state(&stay[..both]);
            prop_assert_eq!(sum.finish().map(f64::to_bits), expected.finish().map(f64::to_bits));
            prop_assert_eq!(sum.count, both as i64);
        }
    }
}
