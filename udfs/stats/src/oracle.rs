//! The correctly rounded sum of floats by a slow method, to test against.

/// Returns the sum of finite values: an integer multiple of 2⁻¹⁰⁷⁴, with limbs
/// in base 2³² and two's complement, is written in decimal with all digits,
/// which the standard library rounds.
pub(crate) fn sum(values: &[f64]) -> f64 {
    const LIMBS: usize = 72;
    let mut total = [0_u32; LIMBS];
    for value in values {
        let bits = value.to_bits();
        let (exponent, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
        let (fraction, shift) = match exponent {
            0 => (fraction, 0),
            _ => (fraction | 1 << 52, exponent as usize - 1),
        };
        let mut carry = 0_i128;
        for (limb, place) in total.iter_mut().zip(0..) {
            let start = place as i64 * 32 - shift as i64;
            let part = match start {
                64.. | ..=-32 => 0,
                0.. => (fraction >> start) as u32,
                _ => (fraction << -start) as u32,
            };
            let part = i128::from(part);
            carry += i128::from(*limb)
                + if value.is_sign_negative() {
                    -part
                } else {
                    part
                };
            *limb = carry as u32;
            carry >>= 32;
        }
    }
    let is_negative = total[LIMBS - 1] >> 31 == 1;
    let mut digits = total.to_vec();
    if is_negative {
        digits.iter_mut().for_each(|limb| *limb = !*limb);
        multiply(&mut digits, 1, 1);
    }
    (0..1074).for_each(|_| multiply(&mut digits, 5, 0));
    let mut decimal = Vec::new();
    while digits.iter().any(|limb| *limb != 0) {
        let mut rest = 0;
        for limb in digits.iter_mut().rev() {
            rest = rest << 32 | u64::from(*limb);
            *limb = (rest / 1_000_000_000) as u32;
            rest %= 1_000_000_000;
        }
        decimal.push(format!("{rest:09}"));
    }
    decimal.reverse();
    let sign = if is_negative { "-" } else { "" };
    format!("{sign}0{}e-1074", decimal.concat())
        .parse()
        .unwrap()
}

fn multiply(digits: &mut Vec<u32>, factor: u64, mut carry: u64) {
    for limb in digits.iter_mut() {
        carry += u64::from(*limb) * factor;
        *limb = carry as u32;
        carry >>= 32;
    }
    if carry > 0 {
        digits.push(carry as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_returns_known_sums() {
        for value in [1.0, -0.1, f64::MAX, f64::MIN, 5e-324, -2.225e-308, 1e22] {
            assert_eq!(sum(&[value]), value);
        }
        assert_eq!(sum(&[0.1, 0.2]), 0.1 + 0.2);
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
    }
}
