//! Bundled functions: integers.
//!
//! One source, compiled to Wasm and natively. An undefined result, or one out
//! of range, is an error and never wraps around.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;

/// Returns the number of steps of the Collatz sequence from `n` to 1.
///
/// A step halves an even number, and maps an odd one to 3n + 1: L. Collatz, "On
/// the motivation and origin of the (3n + 1)-problem" (1986); the counts are
/// sequence A006577 of the OEIS.
///
/// # Errors
///
/// If `n` is less than 1, or the sequence leaves the range of BIGINT.
#[udf]
pub fn collatz_steps(n: i64) -> Result<i64, &'static str> {
    if n < 1 {
        return Err("n is less than 1");
    }
    let mut number = n;
    let mut steps = 0;
    while number != 1 {
        number = if number % 2 == 0 {
            number / 2
        } else {
            let tripled = number
                .checked_mul(3)
                .and_then(|tripled| tripled.checked_add(1));
            tripled.ok_or("the sequence leaves the range of BIGINT")?
        };
        steps += 1;
    }
    Ok(steps)
}

/// Returns `base` to the power of `exponent`, modulo `modulus`: from 0 to
/// `modulus` - 1, also for a negative `base`.
///
/// Squares and multiplies from the exponent's lowest bit up: D. E. Knuth, "The
/// Art of Computer Programming", volume 2, algorithm 4.6.3 A.
///
/// # Errors
///
/// If `exponent` is negative, or `modulus` is less than 1.
#[udf]
pub fn mod_pow(base: i64, exponent: i64, modulus: i64) -> Result<i64, &'static str> {
    let mut exponent = u64::try_from(exponent).map_err(|_| "the exponent is negative")?;
    if modulus < 1 {
        return Err("the modulus is less than 1");
    }
    let modulo = Modulo::new(modulus.unsigned_abs());
    let mut square = base.rem_euclid(modulus).unsigned_abs();
    let mut power = 1 % modulus.unsigned_abs();
    loop {
        if exponent % 2 == 1 {
            power = modulo.product(power, square);
        }
        exponent /= 2;
        if exponent == 0 {
            return Ok(power as i64);
        }
        square = modulo.product(square, square);
    }
}

/// Remainders of products, without a division for each: N. Möller and T.
/// Granlund, "Improved Division by Invariant Integers" (2011), algorithm 4.
struct Modulo {
    /// The modulus, shifted until its highest bit is set.
    divisor: u64,
    shift: u32,
    /// (2¹²⁸ - 1) / divisor - 2⁶⁴.
    reciprocal: u64,
}

impl Modulo {
    /// Precomputes the reciprocal of a modulus above 0.
    fn new(modulus: u64) -> Self {
        let shift = modulus.leading_zeros();
        let divisor = modulus << shift;
        Self {
            divisor,
            shift,
            reciprocal: reciprocal(divisor),
        }
    }

    /// Returns `a * b` modulo the modulus, which is larger than both.
    #[inline]
    fn product(&self, a: u64, b: u64) -> u64 {
        let (low, high) = wide_product(a << self.shift, b);
        let (quotient_low, quotient) = wide_product(self.reciprocal, high);
        let (quotient_low, carry) = quotient_low.overflowing_add(low);
        let quotient = quotient
            .wrapping_add(high)
            .wrapping_add(u64::from(carry))
            .wrapping_add(1);
        let mut remainder = low.wrapping_sub(quotient.wrapping_mul(self.divisor));
        if remainder > quotient_low {
            remainder = remainder.wrapping_add(self.divisor);
        }
        if remainder >= self.divisor {
            remainder -= self.divisor;
        }
        remainder >> self.shift
    }
}

/// Returns the quotient of 2¹²⁸ - 1 - 2⁶⁴ d by d, whose highest bit is set, in
/// two digits of 32 bits: D. E. Knuth, "The Art of Computer Programming",
/// volume 2, algorithm 4.3.1 D.
#[inline]
fn reciprocal(d: u64) -> u64 {
    const DIGIT: u64 = u32::MAX as u64;
    let (d1, d0) = (d >> 32, d & DIGIT);
    let digit = |rest: u64| {
        let (mut quotient, mut left) = (rest / d1, rest % d1);
        // At most two corrections are needed.
        while quotient > DIGIT || quotient * d0 > (left << 32 | DIGIT) {
            quotient -= 1;
            left += d1;
            if left > DIGIT {
                break;
            }
        }
        quotient
    };
    let high = digit(!d);
    let rest = (!d << 32 | DIGIT).wrapping_sub(high.wrapping_mul(d));
    high << 32 | digit(rest)
}

/// Returns the low and the high half of a product.
#[inline]
fn wide_product(a: u64, b: u64) -> (u64, u64) {
    // Without wide arithmetic, Wasm has no instruction for it, and the compiler
    // calls a slower, more general function.
    if cfg!(target_arch = "wasm32") {
        return product_by_halves(a, b);
    }
    let product = u128::from(a) * u128::from(b);
    (product as u64, (product >> 64) as u64)
}

/// Multiplies digit by digit of 32 bits.
#[inline]
fn product_by_halves(a: u64, b: u64) -> (u64, u64) {
    const DIGIT: u64 = u32::MAX as u64;
    let (a0, a1, b0, b1) = (a & DIGIT, a >> 32, b & DIGIT, b >> 32);
    // A product of digits leaves space for adding two more digits.
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 32);
    let other = a0 * b1 + (middle & DIGIT);
    let high = a1 * b1 + (middle >> 32) + (other >> 32);
    (other << 32 | low & DIGIT, high)
}

/// Returns `a` divided by `b`, rounded towards zero as SQL does.
///
/// # Errors
///
/// If `b` is 0, or the quotient is 2⁶³, which is out of the range of BIGINT.
#[udf]
pub fn checked_div(a: i64, b: i64) -> Result<i64, &'static str> {
    if b == 0 {
        return Err("division by zero");
    }
    a.checked_div(b)
        .ok_or("the quotient leaves the range of BIGINT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collatz_steps_agree_with_published_ones() {
        let known = [0, 1, 7, 2, 5, 8, 16, 3, 19, 6, 14, 9, 9, 17, 17, 4, 12, 20];
        for (n, steps) in (1..).zip(known) {
            assert_eq!(collatz_steps(n), Ok(steps), "from {n}");
        }
        assert_eq!(collatz_steps(27), Ok(111));
        assert_eq!(collatz_steps(i64::MAX / 2 + 1), Ok(62));
    }

    #[test]
    fn collatz_sequence_starts_at_one_or_above() {
        assert!(collatz_steps(0).is_err());
        assert!(collatz_steps(i64::MIN).is_err());
    }

    #[test]
    fn collatz_sequence_may_not_leave_bigint() {
        let last_odd_that_fits = (i64::MAX - 1) / 3;
        assert_eq!(last_odd_that_fits % 2, 0);
        assert!(collatz_steps(last_odd_that_fits + 1).is_err());
        assert!(collatz_steps(i64::MAX).is_err());
    }

    #[test]
    fn power_is_the_remainder_of_the_full_power() {
        for base in -7..=7_i64 {
            for exponent in 0..=9 {
                for modulus in 1..=11 {
                    let whole = base.pow(exponent).rem_euclid(modulus);
                    let power = mod_pow(base, exponent.into(), modulus);
                    assert_eq!(power, Ok(whole), "{base} {exponent} {modulus}");
                }
            }
        }
    }

    // Fermat's little theorem, with the largest prime below 2⁶³.
    #[test]
    fn power_does_not_overflow_at_the_largest_modulus() {
        let prime = i64::MAX - 24;
        assert_eq!(mod_pow(3, prime - 1, prime), Ok(1));
        assert_eq!(mod_pow(i64::MIN, prime - 1, prime), Ok(1));
        assert_eq!(mod_pow(-1, i64::MAX, i64::MAX), Ok(i64::MAX - 1));
    }

    #[test]
    fn remainder_of_a_product_agrees_with_128_bit_division() {
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state >> (state >> 58)
        };
        for _ in 0..100_000 {
            let modulus = random().max(1);
            let [a, b] = [random() % modulus, random() % modulus];
            let whole = u128::from(a) * u128::from(b) % u128::from(modulus);
            let product = Modulo::new(modulus).product(a, b);
            assert_eq!(u128::from(product), whole, "{a} {b} {modulus}");
            let divisor = random() | 1 << 63;
            let quotient = (u128::MAX / u128::from(divisor)) as u64;
            assert_eq!(reciprocal(divisor), quotient, "{divisor}");
            let [a, b] = [random(), random()];
            assert_eq!(product_by_halves(a, b), wide_product(a, b), "{a} {b}");
        }
        let largest = Modulo::new(u64::MAX);
        assert_eq!(largest.product(u64::MAX - 1, u64::MAX - 1), 1);
        assert_eq!(Modulo::new(1).product(0, 0), 0);
        assert_eq!(product_by_halves(u64::MAX, u64::MAX), (1, u64::MAX - 1));
        assert_eq!([1 << 63, u64::MAX].map(reciprocal), [u64::MAX, 1]);
    }

    #[test]
    fn invalid_exponent_or_modulus_is_an_error() {
        assert!(mod_pow(2, -1, 7).is_err());
        assert!(mod_pow(2, 1, 0).is_err());
        assert!(mod_pow(2, 1, -7).is_err());
    }

    #[test]
    fn quotient_is_rounded_towards_zero() {
        assert_eq!(checked_div(7, 2), Ok(3));
        assert_eq!(checked_div(-7, 2), Ok(-3));
        assert_eq!(checked_div(i64::MIN, 1), Ok(i64::MIN));
    }

    #[test]
    fn undefined_quotient_is_an_error() {
        assert!(checked_div(1, 0).is_err());
        assert!(checked_div(i64::MIN, -1).is_err());
    }
}
