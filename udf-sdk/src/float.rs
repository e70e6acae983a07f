//! 16-bit floating-point numbers, which stable Rust does not have.

use std::cmp::Ordering;
use std::fmt;

/// A 16-bit floating-point number: Arrow's `Float16`, IEEE 754's binary16.
///
/// To calculate, convert it to `f32`, which is exact.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct F16(u16);

impl F16 {
    /// Creates a number from its bits.
    #[inline]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Returns the bits of the number.
    #[inline]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// Returns the number nearest to `value`, ties to even; infinity from 65520
    /// on. A NaN stays a NaN.
    pub const fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = (bits >> 16) as u16 & 0x8000;
        let magnitude = bits & 0x7fff_ffff;
        if magnitude > 0x7f80_0000 {
            // The highest bits of its payload, and the quiet bit.
            return Self(sign | 0x7e00 | (magnitude >> 13) as u16 & 0x1ff);
        }
        // The rest of the fraction in 2 bits: half a unit, and a sticky bit.
        let (kept, rest, half) = if magnitude >= 0x3880_0000 {
            // The exponent's bias is 15 instead of 127.
            let rebiased = magnitude - (112 << 23);
            (rebiased >> 13, rebiased & 0x1fff, 0x1000)
        } else {
            // Subnormal: units of 2^-24.
            let exponent = magnitude >> 23;
            let dropped = 126_u32.saturating_sub(exponent);
            if dropped > 24 {
                return Self(sign);
            }
            let fraction = magnitude & 0x007f_ffff | 0x0080_0000;
            let rest = fraction & ((1 << dropped) - 1);
            (fraction >> dropped, rest, 1 << (dropped - 1))
        };
        let is_up = rest > half || (rest == half && kept & 1 == 1);
        let rounded = kept + is_up as u32;
        Self(
            sign | if rounded > 0x7c00 {
                0x7c00
            } else {
                rounded as u16
            },
        )
    }

    /// Converts the number to 32 bits, exactly.
    pub const fn to_f32(self) -> f32 {
        let sign = (self.0 as u32 & 0x8000) << 16;
        let exponent = self.0 as u32 >> 10 & 0x1f;
        let fraction = self.0 as u32 & 0x3ff;
        match exponent {
            0 => {
                // Units of 2^-24, exact in 32 bits.
                let magnitude = fraction as f32 * f32::from_bits(103 << 23);
                f32::from_bits(sign | magnitude.to_bits())
            }
            0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
            _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
        }
    }
}

impl From<F16> for f32 {
    fn from(value: F16) -> Self {
        value.to_f32()
    }
}

impl From<F16> for f64 {
    fn from(value: F16) -> Self {
        value.to_f32().into()
    }
}

impl From<f32> for F16 {
    fn from(value: f32) -> Self {
        Self::from_f32(value)
    }
}

impl PartialEq for F16 {
    fn eq(&self, other: &Self) -> bool {
        self.to_f32() == other.to_f32()
    }
}

impl PartialOrd for F16 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.to_f32().partial_cmp(&other.to_f32())
    }
}

impl fmt::Display for F16 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(formatter)
    }
}

impl fmt::Debug for F16 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_round_trips_through_f32() {
        for bits in 0..=u16::MAX {
            let number = F16::from_bits(bits);
            let back = F16::from_f32(number.to_f32());
            if number.to_f32().is_nan() {
                assert_eq!(back.to_bits(), bits | 0x200, "a NaN is made quiet");
            } else {
                assert_eq!(back.to_bits(), bits);
            }
        }
    }

    #[test]
    fn numbers_have_the_bits_of_the_standard() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 2_f32.powi(-14)),
            (0x03ff, 1023.0 * 2_f32.powi(-24)),
            (0x0001, 2_f32.powi(-24)),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(F16::from_bits(bits).to_f32(), value, "{bits:x}");
        }
        assert!(F16::from_bits(0x8000).to_f32().is_sign_negative());
        assert_eq!(F16::from_bits(0xfc00).to_f32(), f32::NEG_INFINITY);
    }

    /// Values between neighbours round to the nearer one, ties to even.
    #[test]
    fn conversion_rounds_to_the_nearest_number() {
        for bits in 0..0x7bff_u16 {
            let [low, high] = [bits, bits + 1].map(|bits| F16::from_bits(bits).to_f32());
            // Exact: 12 bits of fraction.
            let middle = low + (high - low) / 2.0;
            let even = if bits % 2 == 0 { bits } else { bits + 1 };
            for (value, expected) in [
                (middle, even),
                (middle.next_down(), bits),
                (middle.next_up(), bits + 1),
            ] {
                assert_eq!(F16::from_f32(value).to_bits(), expected, "{value:e}");
                assert_eq!(F16::from_f32(-value).to_bits(), expected | 0x8000);
            }
        }
    }

    #[test]
    fn number_out_of_range_becomes_infinite() {
        assert_eq!(F16::from_f32(65520_f32.next_down()).to_bits(), 0x7bff);
        for value in [65520.0, 1e10, f32::MAX, f32::INFINITY] {
            assert_eq!(F16::from_f32(value).to_bits(), 0x7c00);
        }
        assert_eq!(F16::from_f32(f32::MIN_POSITIVE).to_bits(), 0);
    }
}
