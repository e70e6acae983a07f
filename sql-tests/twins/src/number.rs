//! Numeric functions.

use fusebox_sdk::{AnyDecimal, F16, udf};

macro_rules! absolute {
    ($($function:ident: $number:ty, $array:literal;)*) => {$(
        /// Returns the absolute value of `number`.
        ///
        /// # Errors
        ///
        /// If `number` is the minimum of its type.
        #[udf(name = "abs")]
        pub fn $function(number: $number) -> Result<$number, String> {
            let absolute = number.checked_abs();
            absolute.ok_or_else(|| format!("{} overflow on abs({number})", $array))
        }
    )*};
}
absolute! {
    abs_tinyint: i8, "Int8Array";
    abs_smallint: i16, "Int16Array";
    abs_int: i32, "Int32Array";
    abs_bigint: i64, "Int64Array";
}

macro_rules! unchanged {
    ($($function:ident: $number:ty;)*) => {$(
        /// Returns `number`, which is unsigned.
        #[udf(name = "abs")]
        pub fn $function(number: $number) -> $number {
            number
        }
    )*};
}
unchanged! {
    abs_tinyint_unsigned: u8;
    abs_smallint_unsigned: u16;
    abs_int_unsigned: u32;
    abs_bigint_unsigned: u64;
}

/// Returns the absolute value of `number`.
#[udf(name = "abs")]
pub fn abs_float16(number: F16) -> F16 {
    F16::from_bits(number.to_bits() & 0x7fff)
}

/// Returns the absolute value of `number`.
#[udf(name = "abs")]
pub fn abs_float(number: f32) -> f32 {
    number.abs()
}

/// Returns the absolute value of `number`.
#[udf(name = "abs")]
pub fn abs_double(number: f64) -> f64 {
    number.abs()
}

/// Returns the absolute value of `number`.
#[udf(name = "abs")]
pub fn abs_decimal(number: AnyDecimal) -> AnyDecimal {
    AnyDecimal::new(number.unscaled().wrapping_abs())
}

/// Returns the square root of `number`.
///
/// # Errors
///
/// If `number` is negative.
#[udf(name = "sqrt")]
pub fn sqrt_float(number: f32) -> Result<f32, &'static str> {
    match number < 0.0 {
        true => Err(NO_ROOT),
        false => Ok(number.sqrt()),
    }
}

/// Returns the square root of `number`.
///
/// # Errors
///
/// If `number` is negative.
#[udf(name = "sqrt")]
pub fn sqrt_double(number: f64) -> Result<f64, &'static str> {
    match number < 0.0 {
        true => Err(NO_ROOT),
        false => Ok(number.sqrt()),
    }
}

const NO_ROOT: &str = "cannot take square root of a negative number";

/// Returns `base` to the power of `exponent`.
///
/// # Errors
///
/// If `base` is zero and `exponent` is negative.
#[udf]
pub fn power(base: f64, exponent: f64) -> Result<f64, &'static str> {
    if base == 0.0 && exponent < 0.0 {
        return Err("zero raised to a negative power is undefined");
    }
    Ok(base.powf(exponent))
}

/// Returns the greatest common divisor, which is 0 for two zeros.
///
/// # Errors
///
/// If the divisor is 2⁶³.
#[udf(name = "gcd")]
pub fn gcd_bigint(a: i64, b: i64) -> Result<i64, String> {
    let divisor = divisor(a.unsigned_abs().into(), b.unsigned_abs().into());
    i64::try_from(divisor).map_err(|_| format!("Signed integer overflow in GCD({a}, {b})"))
}

/// Returns the greatest common divisor, which is 0 for two zeros.
#[udf(name = "gcd")]
pub fn gcd_decimal(a: AnyDecimal, b: AnyDecimal) -> AnyDecimal {
    let (a, b) = (a.unscaled(), b.unscaled());
    // 38 digits need at most 127 bits, so the divisor fits into an i128.
    AnyDecimal::new(divisor(a.unsigned_abs(), b.unsigned_abs()) as i128)
}

/// Returns the least common multiple, which is 0 if a number is zero.
///
/// # Errors
///
/// If the multiple does not fit into an `i64`.
#[udf(name = "lcm")]
pub fn lcm_bigint(a: i64, b: i64) -> Result<i64, String> {
    let multiple = multiple(a.into(), b.into()).and_then(|multiple| multiple.try_into().ok());
    multiple.ok_or_else(|| format!("Signed integer overflow in LCM({a}, {b})"))
}

/// Returns the least common multiple, which is 0 if a number is zero.
///
/// # Errors
///
/// If the multiple does not fit into an `i128`.
#[udf(name = "lcm")]
pub fn lcm_decimal(a: AnyDecimal, b: AnyDecimal) -> Result<AnyDecimal, String> {
    let (a, b) = (a.unscaled(), b.unscaled());
    let multiple = multiple(a, b).map(AnyDecimal::new);
    multiple.ok_or_else(|| format!("Signed integer overflow in LCM({a}, {b})"))
}

/// Computes the greatest common divisor by Euclid's algorithm.
fn divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Computes the least common multiple, unless it overflows.
fn multiple(a: i128, b: i128) -> Option<i128> {
    let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
    match divisor(a, b) {
        0 => Some(0),
        divisor => (a / divisor).checked_mul(b)?.try_into().ok(),
    }
}

macro_rules! hexadecimal {
    ($($function:ident: $number:ty as $wide:ty;)*) => {$(
        /// Returns the hexadecimal digits of `number`, extended to 64 bits.
        #[udf(name = "to_hex")]
        pub fn $function(number: $number) -> String {
            format!("{:x}", <$wide>::from(number))
        }
    )*};
}
hexadecimal! {
    to_hex_tinyint: i8 as i64;
    to_hex_smallint: i16 as i64;
    to_hex_int: i32 as i64;
    to_hex_bigint: i64 as i64;
    to_hex_tinyint_unsigned: u8 as u64;
    to_hex_smallint_unsigned: u16 as u64;
    to_hex_int_unsigned: u32 as u64;
    to_hex_bigint_unsigned: u64 as u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_are_sign_extended_to_64_bits() {
        assert_eq!(to_hex_tinyint(-1), "f".repeat(16));
        assert_eq!(to_hex_tinyint_unsigned(255), "ff");
        assert_eq!(to_hex_bigint(0), "0");
    }

    #[test]
    fn absolute_value_of_the_minimum_overflows() {
        assert_eq!(abs_tinyint(-127), Ok(127));
        assert_eq!(
            abs_tinyint(-128).unwrap_err(),
            "Int8Array overflow on abs(-128)"
        );
        assert_eq!(abs_bigint_unsigned(u64::MAX), u64::MAX);
        assert_eq!(abs_float16(F16::from_f32(-0.0)).to_bits(), 0);
    }

    #[test]
    fn divisors_and_multiples_are_positive_or_overflow() {
        assert_eq!(gcd_bigint(-12, 18), Ok(6));
        assert_eq!(gcd_bigint(0, 0), Ok(0));
        assert_eq!(gcd_bigint(i64::MIN, 6), Ok(2));
        assert!(gcd_bigint(i64::MIN, 0).is_err());
        assert_eq!(lcm_bigint(-4, 6), Ok(12));
        assert_eq!(lcm_bigint(0, i64::MIN), Ok(0));
        assert!(lcm_bigint(i64::MIN, 1).is_err());
        let of = |a, b| lcm_decimal(AnyDecimal::new(a), AnyDecimal::new(b));
        assert_eq!(of(-40, 60), Ok(AnyDecimal::new(120)));
        assert!(of(i128::MAX, i128::MAX - 1).is_err());
    }

    #[test]
    fn undefined_roots_and_powers_are_errors() {
        assert_eq!(sqrt_double(-0.0), Ok(-0.0));
        assert!(sqrt_double(-1e-9).is_err());
        assert!(sqrt_float(f32::NAN).unwrap().is_nan());
        assert_eq!(power(0.0, 0.0), Ok(1.0));
        assert!(power(-0.0, -1.0).is_err());
    }
}
