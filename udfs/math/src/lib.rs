//! Bundled functions: whole numbers.
//!
//! One source, compiled to Wasm and natively. What has no answer, or none that
//! fits, is an error and never wraps around.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;

/// How many steps the Collatz sequence takes from `n` to 1.
///
/// A step halves an even number, and makes 3n + 1 of an odd one: L. Collatz,
/// "On the motivation and origin of the (3n + 1)-problem" (1986); the counts
/// are sequence A006577 of the OEIS.
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

/// `base` to the power of `exponent`, modulo `modulus`: from 0 to
/// `modulus` - 1, also where `base` is negative.
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
    let times = |a: i64, b: i64| {
        // Both are less than the modulus, so the product fits 128 bits, and
        // the remainder 63.
        (i128::from(a) * i128::from(b) % i128::from(modulus)) as i64
    };
    let mut square = base.rem_euclid(modulus);
    let mut power = 1 % modulus;
    while exponent > 0 {
        if exponent % 2 == 1 {
            power = times(power, square);
        }
        square = times(square, square);
        exponent /= 2;
    }
    Ok(power)
}

/// `a` divided by `b`, rounded towards zero as SQL does.
///
/// # Errors
///
/// If `b` is 0, or the quotient is 2⁶³, which BIGINT cannot hold.
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
    fn collatz_steps_are_those_of_the_encyclopedia() {
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
    fn power_is_the_remainder_of_the_whole_power() {
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
    fn power_needs_an_exponent_and_a_modulus_that_make_sense() {
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
    fn quotient_that_does_not_exist_is_an_error() {
        assert!(checked_div(1, 0).is_err());
        assert!(checked_div(i64::MIN, -1).is_err());
    }
}
