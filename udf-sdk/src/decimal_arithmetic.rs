//! Products, quotients and rounding of decimals.

use crate::decimal::Decimal;
use crate::wide::Wide;

/// The power of ten that every number of a decimal is less than.
const DIGITS_MAX: u32 = 38;

impl<const P: u8, const S: i8> Decimal<P, S> {
    /// Returns the product in another type, rounded half away from zero; none if it
    /// has too many digits.
    ///
    /// ```
    /// use fusebox_sdk::Decimal;
    ///
    /// let price = Decimal::<10, 2>::new(19_99).unwrap();
    /// let factor = Decimal::<5, 4>::new(1_0750).unwrap();
    /// assert_eq!(price.multiply(factor), Decimal::<10, 2>::new(21_49));
    /// ```
    pub const fn multiply<const P2: u8, const S2: i8, const P3: u8, const S3: i8>(
        self,
        other: Decimal<P2, S2>,
    ) -> Option<Decimal<P3, S3>> {
        let (a, b) = (self.unscaled(), other.unscaled());
        let product = Wide::product(a.unsigned_abs(), b.unsigned_abs());
        let less = S as i32 + S2 as i32 - S3 as i32;
        let rounded = if less > 0 {
            shifted_down(product, less.unsigned_abs())
        } else {
            shifted_up(product, less.unsigned_abs())
        };
        signed(rounded, (a < 0) != (b < 0))
    }

    /// Returns the quotient in another type, rounded half away from zero; none if the
    /// divisor is 0 or the quotient has too many digits.
    ///
    /// ```
    /// use fusebox_sdk::Decimal;
    ///
    /// let total = Decimal::<10, 2>::new(100_00).unwrap();
    /// let pieces = Decimal::<3, 0>::new(7).unwrap();
    /// assert_eq!(total.divide(pieces), Decimal::<12, 4>::new(14_2857));
    /// ```
    pub const fn divide<const P2: u8, const S2: i8, const P3: u8, const S3: i8>(
        self,
        divisor: Decimal<P2, S2>,
    ) -> Option<Decimal<P3, S3>> {
        let (a, b) = (self.unscaled(), divisor.unscaled());
        if b == 0 {
            return None;
        }
        let more = S3 as i32 - S as i32 + S2 as i32;
        let quotient = ratio(a.unsigned_abs(), b.unsigned_abs(), more);
        signed(quotient, (a < 0) != (b < 0))
    }

    /// Returns so many percent of the number, rounded half away from zero; none if it
    /// has too many digits.
    ///
    /// ```
    /// use fusebox_sdk::Decimal;
    ///
    /// let net = Decimal::<10, 2>::new(19_90).unwrap();
    /// let vat = Decimal::<3, 1>::new(7_5).unwrap();
    /// assert_eq!(net.percent(vat), Decimal::new(1_49));
    /// ```
    pub const fn percent<const P2: u8, const S2: i8>(
        self,
        percent: Decimal<P2, S2>,
    ) -> Option<Self> {
        let (a, b) = (self.unscaled(), percent.unscaled());
        let product = Wide::product(a.unsigned_abs(), b.unsigned_abs());
        let less = S2 as i32 + 2;
        let rounded = if less > 0 {
            shifted_down(product, less.unsigned_abs())
        } else {
            shifted_up(product, less.unsigned_abs())
        };
        signed(rounded, (a < 0) != (b < 0))
    }

    /// Returns the number rounded to so many digits after the point, or before it if
    /// `digits` is negative, half away from zero; none if it then has too many digits.
    ///
    /// ```
    /// use fusebox_sdk::Decimal;
    ///
    /// let price = Decimal::<10, 2>::new(1_995).unwrap();
    /// assert_eq!(price.round(1), Decimal::new(2_000));
    /// assert_eq!(price.round(-1), Decimal::new(2_000));
    /// assert_eq!(price.round(5), Some(price));
    /// ```
    pub const fn round(self, digits: i8) -> Option<Self> {
        let less = S as i32 - digits as i32;
        if less <= 0 {
            return Some(self);
        }
        let less = less.unsigned_abs();
        let unscaled = self.unscaled();
        let magnitude = Wide::product(unscaled.unsigned_abs(), 1);
        let rounded = match shifted_down(magnitude, less) {
            Some(0) => Some(0),
            Some(rounded) => shifted_up(Wide::product(rounded, 1), less),
            None => None,
        };
        signed(rounded, unscaled < 0)
    }

    /// Returns the number without its sign.
    pub const fn abs(self) -> Self {
        match Self::new(self.unscaled().abs()) {
            Some(magnitude) => magnitude,
            None => Self::MAX,
        }
    }
}

/// Returns `number` × 10<sup>`digits`</sup>; none if it has more than 128 bits.
const fn shifted_up(number: Wide, digits: u32) -> Option<u128> {
    match number.narrow() {
        Some(0) => Some(0),
        Some(number) => match 10_u128.checked_pow(digits) {
            Some(power) => number.checked_mul(power),
            None => None,
        },
        None => None,
    }
}

/// Returns `number` ÷ 10<sup>`digits`</sup>, rounded half up, of a number of less than
/// 76 digits; none if the result has more than 128 bits. `digits` is not 0.
const fn shifted_down(number: Wide, digits: u32) -> Option<u128> {
    if digits > 2 * DIGITS_MAX {
        return Some(0);
    }
    // The last division decides: the divisor is even, so less than half of it and
    // any earlier remainder are less than half.
    let (first, last) = if digits > DIGITS_MAX {
        (digits - DIGITS_MAX, DIGITS_MAX)
    } else {
        (0, digits)
    };
    let (number, _) = number.divided(10_u128.pow(first));
    rounded(number, 10_u128.pow(last))
}

/// Returns `number` ÷ `divisor`, rounded half up; none if it has more than 128 bits.
const fn rounded(number: Wide, divisor: u128) -> Option<u128> {
    let (quotient, rest) = number.divided(divisor);
    match quotient.narrow() {
        Some(quotient) if rest >= divisor - rest => quotient.checked_add(1),
        quotient => quotient,
    }
}

/// Returns `a` × 10<sup>`more`</sup> ÷ `b`, rounded half up; none if it has more than
/// 128 bits.
const fn ratio(a: u128, b: u128, more: i32) -> Option<u128> {
    if a == 0 {
        return Some(0);
    }
    let digits = more.unsigned_abs();
    if more < 0 {
        // A divisor of more than 128 bits is more than twice any decimal.
        let power = match 10_u128.checked_pow(digits) {
            Some(power) => power,
            None => return Some(0),
        };
        return match b.checked_mul(power) {
            Some(divisor) => rounded(Wide::product(a, 1), divisor),
            None => Some(0),
        };
    }
    if digits > 2 * DIGITS_MAX {
        return None;
    }
    let (first, last) = if digits > DIGITS_MAX {
        (DIGITS_MAX, digits - DIGITS_MAX)
    } else {
        (digits, 0)
    };
    match Wide::product(a, 10_u128.pow(first)).times(10_u128.pow(last)) {
        Some(number) => rounded(number, b),
        None => None,
    }
}

const fn signed<const P: u8, const S: i8>(
    magnitude: Option<u128>,
    is_negative: bool,
) -> Option<Decimal<P, S>> {
    match magnitude {
        Some(magnitude) if magnitude <= i128::MAX as u128 => {
            let unscaled = magnitude as i128;
            Decimal::new(if is_negative { -unscaled } else { unscaled })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Price = Decimal<10, 2>;

    fn price(unscaled: i128) -> Price {
        Price::new(unscaled).unwrap()
    }

    #[test]
    fn products_round_half_away_from_zero() {
        for (a, b, product) in [
            (150, 50, 75),
            (1, 50, 1),
            (-1, 50, -1),
            (1, 49, 0),
            (-3, -50, 2),
        ] {
            assert_eq!(
                price(a).multiply(price(b)),
                Price::new(product),
                "{a} * {b}"
            );
        }
        let wide = Decimal::<38, 19>::MAX;
        assert_eq!(wide.multiply::<38, 19, 38, 19>(wide), None);
        let one = Decimal::<38, 19>::new(10_i128.pow(19)).unwrap();
        assert_eq!(wide.multiply(one), Some(wide));
        let tiny = Decimal::<38, 38>::new(10_i128.pow(37) * 5).unwrap();
        assert_eq!(tiny.multiply(tiny), Decimal::<38, 2>::new(25));
        assert_eq!(tiny.multiply::<38, 38, 38, -38>(tiny), Decimal::new(0));
        let large = Decimal::<1, -38>::MAX;
        assert_eq!(large.multiply::<38, 38, 38, -37>(tiny), Decimal::new(45));
    }

    #[test]
    fn quotients_round_half_away_from_zero() {
        for (a, b, quotient) in [
            (100, 300, 33),
            (200, 300, 67),
            (-200, 300, -67),
            (1, 200, 1),
            (1, 201, 0),
        ] {
            assert_eq!(price(a).divide(price(b)), Price::new(quotient), "{a} / {b}");
        }
        assert_eq!(price(1).divide::<10, 2, 10, 2>(price(0)), None);
        assert_eq!(Price::MAX.divide::<10, 2, 10, 2>(price(1)), None);
        let max = Decimal::<38, 38>::MAX;
        assert_eq!(
            max.divide::<38, 38, 38, 37>(max),
            Decimal::new(10_i128.pow(37))
        );
        assert_eq!(max.divide::<38, 38, 38, 38>(max), None);
        let small = Decimal::<38, 0>::new(3).unwrap();
        assert_eq!(
            small.divide(Decimal::<38, 0>::MAX),
            Decimal::<38, 38>::new(3)
        );
        assert_eq!(
            small.divide(Decimal::<38, -38>::MAX),
            Decimal::<38, 38>::new(0)
        );
    }

    #[test]
    fn rounding_keeps_the_type() {
        for (digits, rounded) in [
            (3, 1_995),
            (2, 1_995),
            (1, 2_000),
            (0, 2_000),
            (-1, 2_000),
            (-2, 0),
        ] {
            assert_eq!(price(1_995).round(digits), Price::new(rounded), "{digits}");
            assert_eq!(
                price(-1_995).round(digits),
                Price::new(-rounded),
                "{digits}"
            );
        }
        assert_eq!(Price::MAX.round(1), None);
        assert_eq!(Price::MAX.round(i8::MIN), Price::new(0));
        assert_eq!(Decimal::<38, 38>::MAX.round(0), None);
        assert_eq!(price(-5).abs(), price(5));
    }

    #[test]
    fn percentages_are_of_the_number() {
        assert_eq!(price(19_90).percent(price(7_50)), Price::new(1_49));
        assert_eq!(
            price(19_90).percent(Decimal::<3, 0>::new(-100).unwrap()),
            Price::new(-19_90)
        );
        assert_eq!(Price::MAX.percent(Decimal::<3, 0>::new(101).unwrap()), None);
        assert_eq!(
            price(1).percent(Decimal::<1, -2>::new(9).unwrap()),
            Price::new(9)
        );
    }

    #[test]
    fn small_results_are_those_of_integers() {
        for a in (-1000..1000).step_by(7) {
            for b in (-50..50).step_by(3) {
                let exact = f64::from(a) * f64::from(b) / 100.0;
                let product: Price = price(a.into()).multiply(price(b.into())).unwrap();
                assert_eq!(
                    product.unscaled() as f64,
                    exact.abs().round().copysign(exact),
                    "{a} {b}"
                );
                let exact = f64::from(a) * 100.0 / f64::from(b);
                let quotient: Option<Price> = price(a.into()).divide(price(b.into()));
                let quotient = quotient.map(|quotient| quotient.unscaled() as f64);
                assert_eq!(quotient, (b != 0).then(|| exact.round()), "{a} {b}");
            }
        }
    }
}
