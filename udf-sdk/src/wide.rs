//! Numbers of 256 bits, for products and quotients of decimals.

/// An unsigned number: `high` × 2¹²⁸ + `low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wide {
    high: u128,
    low: u128,
}

const LOW: u128 = u64::MAX as u128;

impl Wide {
    /// Returns the product of two numbers.
    pub(crate) const fn product(a: u128, b: u128) -> Self {
        let (a_high, a_low, b_high, b_low) = (a >> 64, a & LOW, b >> 64, b & LOW);
        let low = a_low * b_low;
        let middle = a_high * b_low + (low >> 64);
        let other = a_low * b_high + (middle & LOW);
        Self {
            high: a_high * b_high + (middle >> 64) + (other >> 64),
            low: other << 64 | low & LOW,
        }
    }

    /// Returns the product with a number; none if it has more than 256 bits.
    pub(crate) const fn times(self, factor: u128) -> Option<Self> {
        let low = Self::product(self.low, factor);
        let high = Self::product(self.high, factor);
        match high.low.checked_add(low.high) {
            Some(sum) if high.high == 0 => Some(Self {
                high: sum,
                low: low.low,
            }),
            _ => None,
        }
    }

    /// Returns the quotient by a number other than 0, and the remainder.
    pub(crate) const fn divided(self, divisor: u128) -> (Self, u128) {
        if self.high == 0 {
            let low = self.low / divisor;
            return (Self { high: 0, low }, self.low % divisor);
        }
        let (high, mut rest) = (self.high / divisor, self.high % divisor);
        let (mut low, mut bit) = (0, 128);
        while bit > 0 {
            bit -= 1;
            let is_over = rest >> 127 == 1;
            rest = rest << 1 | self.low >> bit & 1;
            low <<= 1;
            if is_over || rest >= divisor {
                rest = rest.wrapping_sub(divisor);
                low |= 1;
            }
        }
        (Self { high, low }, rest)
    }

    /// Returns the number, if it has no more than 128 bits.
    pub(crate) const fn narrow(self) -> Option<u128> {
        match self.high {
            0 => Some(self.low),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotient_times_divisor_and_remainder_is_the_number() {
        let mut state = 1_u128;
        let mut random = || {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 1;
            let shift = (state >> 90) as u32 % 128;
            (state ^ state >> 61) >> shift
        };
        let mut wide = 0;
        for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
            let (a, b, divisor) = (random(), random(), random().max(1));
            let product = Wide::product(a, b);
            wide += usize::from(product.narrow().is_none());
            assert_eq!(product.narrow(), a.checked_mul(b));
            let (quotient, rest) = product.divided(divisor);
            assert!(rest < divisor);
            let back = quotient.times(divisor).unwrap();
            let (low, carry) = back.low.overflowing_add(rest);
            let high = back.high + u128::from(carry);
            assert_eq!(Wide { high, low }, product);
            let exact = product.divided(a.max(1)).0.narrow();
            assert!(a == 0 || exact == Some(b));
        }
        assert!(wide > 5);
    }
}
