//! Conversions from and to `rust_decimal`.

use rust_decimal::Decimal as Theirs;

use crate::decimal::{DIGITS, Decimal, ParseDecimalError};

/// Fails for more digits than theirs has: an unscaled number of 2<sup>96</sup> or more, or more
/// than 28 digits after the point.
impl<const P: u8, const S: i8> TryFrom<Decimal<P, S>> for Theirs {
    type Error = rust_decimal::Error;

    fn try_from(number: Decimal<P, S>) -> Result<Self, rust_decimal::Error> {
        // A negative scale is a number of zeros.
        let zeros = 10_i128.checked_pow(u32::try_from(-i32::from(S)).unwrap_or(0));
        let unscaled = zeros.and_then(|zeros| number.unscaled().checked_mul(zeros));
        let unscaled = unscaled.ok_or(rust_decimal::Error::ExceedsMaximumPossibleValue)?;
        Self::try_from_i128_with_scale(unscaled, u32::try_from(S).unwrap_or(0))
    }
}

/// Rounds half away from zero, as SQL's `CAST` does. Fails for too many digits.
impl<const P: u8, const S: i8> TryFrom<Theirs> for Decimal<P, S> {
    type Error = ParseDecimalError;

    fn try_from(number: Theirs) -> Result<Self, ParseDecimalError> {
        let scale = i8::try_from(number.scale()).unwrap_or(i8::MAX);
        let rescaled = Self::from_scaled(number.mantissa(), scale);
        rescaled.ok_or(ParseDecimalError(DIGITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<const P: u8, const S: i8>(ours: &str, theirs: &str) {
        let number: Decimal<P, S> = ours.parse().unwrap();
        let converted = Theirs::try_from(number).unwrap();
        assert_eq!(converted.to_string(), theirs);
        assert_eq!(Decimal::try_from(converted), Ok(number));
    }

    #[test]
    fn numbers_convert_exactly() {
        check::<10, 2>("19.90", "19.90");
        check::<10, 2>("-0.05", "-0.05");
        check::<3, -2>("12300", "12300");
        check::<28, 28>(
            "0.0000000000000000000000000001",
            "0.0000000000000000000000000001",
        );
        check::<38, 0>(
            "79228162514264337593543950335",
            "79228162514264337593543950335",
        );
    }

    #[test]
    fn numbers_with_too_many_digits_are_errors() {
        let too_large: Decimal<38, 0> = "79228162514264337593543950336".parse().unwrap();
        Theirs::try_from(too_large).unwrap_err();
        Theirs::try_from(Decimal::<38, -38>::MAX).unwrap_err();
        Theirs::try_from(Decimal::<38, 29>::default()).unwrap_err();
        let error = Decimal::<4, 2>::try_from(Theirs::new(10_000, 2)).unwrap_err();
        assert_eq!(error.to_string(), "the number has too many digits");
    }

    #[test]
    fn more_digits_are_rounded_half_away_from_zero() {
        for (theirs, scale, ours) in [
            (1_005, 3, "1.01"),
            (-1_005, 3, "-1.01"),
            (10_049, 4, "1.00"),
        ] {
            let converted = Decimal::<10, 2>::try_from(Theirs::new(theirs, scale)).unwrap();
            assert_eq!(converted.to_string(), ours);
        }
        let hundreds = Decimal::<10, -2>::try_from(Theirs::new(14_950, 0)).unwrap();
        assert_eq!(hundreds.to_string(), "15000");
    }
}
