//! Decimal numbers of up to 38 digits.

use std::fmt;
use std::ops::Neg;
use std::str::FromStr;

/// A number of up to `P` decimal digits, `S` of them after the point:
/// `DECIMAL(P, S)`, with `P` at most 38.
///
/// Its representation is the *unscaled* number: 12.34 is 1234 in `Decimal<4,
/// 2>`. Numbers of one type compare and add up exactly.
///
/// ```
/// use fusebox_sdk::Decimal;
///
/// let price: Decimal<10, 2> = "19.90".parse().unwrap();
/// let twice = price.checked_add(price).unwrap();
/// assert_eq!(twice.to_string(), "39.80");
/// assert_eq!(twice.unscaled(), 3980);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Decimal<const P: u8, const S: i8>(i128);

/// An error of parsing a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDecimalError(pub(crate) &'static str);

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for ParseDecimalError {}

impl<const P: u8, const S: i8> Decimal<P, S> {
    /// Maximum number of digits.
    pub const PRECISION: u8 = P;

    /// Number of digits after the point; a negative scale is a number of zeros
    /// before it.
    pub const SCALE: i8 = S;

    /// The least unscaled number with too many digits.
    const LIMIT: i128 = {
        assert!(1 <= P && P <= 38, "a DECIMAL has 1 to 38 digits");
        assert!(
            S <= P as i8,
            "a DECIMAL has no more digits after the point than in all"
        );
        assert!(S >= -38, "a DECIMAL has at most 38 zeros before the point");
        10_i128.pow(P as u32)
    };

    /// The largest number.
    pub const MAX: Self = Self(Self::LIMIT - 1);

    /// The smallest number.
    pub const MIN: Self = Self(1 - Self::LIMIT);

    /// Creates the number `unscaled` × 10<sup>-S</sup>; none if it has more
    /// than `P` digits.
    #[inline]
    pub const fn new(unscaled: i128) -> Option<Self> {
        if unscaled < Self::LIMIT && unscaled > -Self::LIMIT {
            Some(Self(unscaled))
        } else {
            None
        }
    }

    /// Takes a lowered value, which the host guarantees to be in range.
    #[inline]
    pub(crate) const fn from_host(unscaled: i128) -> Self {
        Self(unscaled)
    }

    /// Returns the number × 10<sup>S</sup>.
    #[inline]
    pub const fn unscaled(self) -> i128 {
        self.0
    }

    /// Returns the sum; none if it has too many digits.
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::new(sum),
            None => None,
        }
    }

    /// Returns the difference; none if it has too many digits.
    #[inline]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Self::new(difference),
            None => None,
        }
    }

    /// Returns the product with an integer; none if it has too many digits.
    #[inline]
    pub const fn checked_mul(self, factor: i64) -> Option<Self> {
        match self.0.checked_mul(factor as i128) {
            Some(product) => Self::new(product),
            None => None,
        }
    }

    /// Returns the nearest number of another type, rounding half away from zero
    /// as SQL's `CAST` does; none if it has too many digits.
    ///
    /// ```
    /// # use fusebox_sdk::Decimal;
    /// let price = Decimal::<10, 2>::new(1995).unwrap();
    /// assert_eq!(price.rescale::<4, 1>(), Decimal::new(200));
    /// assert_eq!(price.rescale::<4, 3>(), None);
    /// ```
    pub const fn rescale<const TO_P: u8, const TO_S: i8>(self) -> Option<Decimal<TO_P, TO_S>> {
        Decimal::from_scaled(self.0, S)
    }

    /// Returns the number nearest to `unscaled` × 10<sup>-`scale`</sup>, rounding half away
    /// from zero; none if it has too many digits.
    pub(crate) const fn from_scaled(unscaled: i128, scale: i8) -> Option<Self> {
        let more = S as i32 - scale as i32;
        let rescaled = match 10_i128.checked_pow(more.unsigned_abs()) {
            Some(power) if more >= 0 => unscaled.checked_mul(power),
            Some(power) => {
                let (quotient, rest) = (unscaled / power, unscaled % power);
                let is_away = rest.unsigned_abs() >= power.unsigned_abs().div_ceil(2);
                Some(quotient + if is_away { unscaled.signum() } else { 0 })
            }
            // 10 to that power overflows: the product is 0 only for 0, and the
            // quotient is 0.
            None if more < 0 || unscaled == 0 => Some(0),
            None => None,
        };
        match rescaled {
            Some(rescaled) => Self::new(rescaled),
            None => None,
        }
    }

    /// Converts the number to a `DOUBLE`, the nearest one or one next to it.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 10_f64.powi(S.into())
    }

    /// Appends a digit; fails if that is one too many.
    fn with_digit(unscaled: i128, digit: i128) -> Result<i128, ParseDecimalError> {
        let shifted = unscaled.checked_mul(10).map(|shifted| shifted + digit);
        let shifted = shifted.filter(|shifted| *shifted < Self::LIMIT);
        shifted.ok_or(ParseDecimalError(DIGITS))
    }

    /// Converts an integer; none if it has too many digits or, for a negative
    /// scale, too few trailing zeros.
    const fn from_whole(number: i128) -> Option<Self> {
        let power = 10_i128.pow(S.unsigned_abs() as u32);
        if S >= 0 {
            match number.checked_mul(power) {
                Some(unscaled) => Self::new(unscaled),
                None => None,
            }
        } else if number % power == 0 {
            Self::new(number / power)
        } else {
            None
        }
    }
}

impl<const P: u8, const S: i8> TryFrom<i64> for Decimal<P, S> {
    type Error = ParseDecimalError;

    fn try_from(number: i64) -> Result<Self, ParseDecimalError> {
        Self::from_whole(number.into()).ok_or(ParseDecimalError(DIGITS))
    }
}

impl<const P: u8, const S: i8> Neg for Decimal<P, S> {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.wrapping_neg())
    }
}

/// A decimal number whose scale only the host knows: `DECIMAL(*)`.
///
/// An argument takes a decimal of any precision and scale. All such arguments
/// of a call, and the result if it is one, have the same scale, so that integer
/// arithmetic is enough:
///
/// ```
/// use fusebox_sdk::{AnyDecimal, udf};
///
/// /// The larger of two prices, with two or four digits after the point.
/// #[udf]
/// fn dearer(a: AnyDecimal, b: AnyDecimal) -> AnyDecimal {
///     a.max(b)
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct AnyDecimal(i128);

impl AnyDecimal {
    /// Creates the number `unscaled` × 10<sup>-S</sup>, with the scale S of the
    /// call. The host rejects a result with more digits than its type has.
    #[inline]
    pub const fn new(unscaled: i128) -> Self {
        Self(unscaled)
    }

    /// Returns the number × 10<sup>S</sup>.
    #[inline]
    pub const fn unscaled(self) -> i128 {
        self.0
    }
}

pub(crate) const DIGITS: &str = "the number has too many digits";
const FORM: &str = "this is no decimal number";

/// Formats a number with all digits of its scale, as SQL does: `1.50`.
impl<const P: u8, const S: i8> fmt::Display for Decimal<P, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::try_from(S).unwrap_or(0);
        let zeros = if self.0 == 0 {
            0
        } else {
            usize::try_from(-i32::from(S)).unwrap_or(0)
        };
        let unscaled = self.0.unsigned_abs();
        // With at least one digit before the point.
        let mut text = format!("{unscaled:0>width$}", width = scale + 1);
        text.extend(std::iter::repeat_n('0', zeros));
        if scale > 0 {
            text.insert(text.len() - scale, '.');
        }
        formatter.pad_integral(self.0 >= 0, "", &text)
    }
}

/// Parses an optional sign, and digits with an optional point before, between
/// or after them. Fails if the type cannot hold the number exactly.
impl<const P: u8, const S: i8> FromStr for Decimal<P, S> {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        let (is_negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let point = digits.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = match point {
            Some(point) => (&digits[..point], &digits[point + 1..]),
            None => (digits, &[][..]),
        };
        let mut all = whole.iter().chain(fraction);
        if digits.len() == usize::from(point.is_some()) || !all.all(u8::is_ascii_digit) {
            return Err(ParseDecimalError(FORM));
        }
        // Place 0 is that of the units. All digits beyond the scale must be
        // zero.
        let places = (0..whole.len() as i64)
            .rev()
            .chain((1..).map(|place: i64| -place));
        let last = -i64::from(S);
        let mut unscaled = 0_i128;
        let mut place_seen = i64::MAX;
        for (place, digit) in places.zip(whole.iter().chain(fraction)) {
            let digit = i128::from(digit - b'0');
            if place < last {
                if digit != 0 {
                    return Err(ParseDecimalError(DIGITS));
                }
                continue;
            }
            place_seen = place;
            unscaled = Self::with_digit(unscaled, digit)?;
        }
        // Trailing zeros that the text leaves out.
        while unscaled != 0 && place_seen > last {
            place_seen -= 1;
            unscaled = Self::with_digit(unscaled, 0)?;
        }
        Ok(Self(if is_negative { -unscaled } else { unscaled }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Price = Decimal<6, 2>;

    #[track_caller]
    fn check<const P: u8, const S: i8>(text: &str, expected: Result<(i128, &str), &'static str>) {
        let read = text.parse::<Decimal<P, S>>();
        let read = read.map(|number| (number.unscaled(), number.to_string()));
        let expected = expected.map(|(unscaled, text)| (unscaled, text.to_owned()));
        assert_eq!(read, expected.map_err(ParseDecimalError), "{text}");
    }

    #[test]
    fn formatted_decimals_parse_back() {
        check::<6, 2>("12.34", Ok((1234, "12.34")));
        check::<6, 2>("-0.05", Ok((-5, "-0.05")));
        check::<6, 2>("+7", Ok((700, "7.00")));
        check::<6, 2>(".5", Ok((50, "0.50")));
        check::<6, 2>("5.", Ok((500, "5.00")));
        check::<6, 2>("0000000001.5000000", Ok((150, "1.50")));
        check::<6, 2>("-0", Ok((0, "0.00")));
        check::<3, 3>("0.125", Ok((125, "0.125")));
        check::<3, -2>("12300", Ok((123, "12300")));
        check::<3, -2>("0", Ok((0, "0")));
        check::<38, 0>(&"9".repeat(38), Ok((10_i128.pow(38) - 1, &"9".repeat(38))));
    }

    #[test]
    fn text_that_the_type_cannot_hold_exactly_is_an_error() {
        check::<6, 2>("9999.99", Ok((999_999, "9999.99")));
        check::<6, 2>("10000", Err(DIGITS));
        check::<6, 2>("1.005", Err(DIGITS));
        check::<3, -2>("12345", Err(DIGITS));
        check::<3, -2>("100000", Err(DIGITS));
        check::<38, 0>(&"9".repeat(39), Err(DIGITS));
        check::<38, 38>(&"9".repeat(80), Err(DIGITS));
        for text in ["", "-", ".", "+.", "1e3", "1.2.3", "--1", " 1", "1 ", "½"] {
            check::<6, 2>(text, Err(FORM));
        }
    }

    #[test]
    fn sum_with_too_many_digits_is_none() {
        let cent = Price::new(1).unwrap();
        assert_eq!(Price::MAX.checked_add(cent), None);
        assert_eq!(Price::MAX.checked_sub(cent).unwrap().to_string(), "9999.98");
        assert_eq!(Price::MIN.checked_sub(cent), None);
        assert_eq!(-Price::MAX, Price::MIN);
        assert_eq!(cent.checked_mul(-999_999), Some(Price::MIN));
        assert_eq!(cent.checked_mul(1_000_000), None);
        assert_eq!(Decimal::<38, 0>::MAX.checked_add(Decimal::MAX), None);
    }

    #[test]
    fn rescaling_rounds_away_from_zero() {
        let rounded = |unscaled| {
            Price::new(unscaled)
                .unwrap()
                .rescale::<4, 0>()
                .unwrap()
                .unscaled()
        };
        assert_eq!([149, 150, -149, -150].map(rounded), [1, 2, -1, -2]);
        assert_eq!(Price::MAX.rescale::<4, 0>(), None);
        assert_eq!(
            Price::MAX.rescale::<38, 34>().unwrap().to_string().len(),
            39
        );
        assert_eq!(Price::MAX.rescale::<38, 35>(), None);
        let small = Decimal::<38, 38>::MAX;
        assert_eq!(small.rescale::<5, -38>().unwrap().unscaled(), 0);
        assert_eq!(small.rescale::<5, 0>().unwrap().unscaled(), 1);
        assert_eq!(Decimal::<1, -38>::MAX.rescale::<38, 38>(), None);
        assert_eq!(
            Decimal::<1, -38>::default().rescale::<38, 38>(),
            Decimal::new(0)
        );
    }

    #[test]
    fn integer_converts_to_a_decimal_if_it_fits() {
        assert_eq!(Price::try_from(-12), Ok(Decimal(-1200)));
        assert_eq!(Price::try_from(10_000), Err(ParseDecimalError(DIGITS)));
        assert_eq!(Decimal::<3, -2>::try_from(1200), Ok(Decimal(12)));
        assert!(Decimal::<3, -2>::try_from(1250).is_err());
        assert_eq!(Price::new(-1250).unwrap().to_f64(), -12.5);
    }

    #[test]
    fn every_number_round_trips_through_its_text() {
        let mut state = 1_u128;
        for _ in 0..10_000 {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 1;
            let unscaled = state as i128 >> (state >> 64 & 63);
            let number = Decimal::<38, 9>::new(unscaled % 10_i128.pow(38)).unwrap();
            assert_eq!(number.to_string().parse(), Ok(number));
            let number = Decimal::<20, -5>::new(unscaled % 10_i128.pow(20)).unwrap();
            assert_eq!(number.to_string().parse(), Ok(number));
        }
    }
}
