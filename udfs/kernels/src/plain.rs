//! Functions that need only the standard library, each dominated by one
//! feature: one operation, a loop, floats, vectors, text, calls, indirect
//! calls.

use fusebox_sdk::udf;

/// Adds two numbers: one operation, so that the overhead of a row dominates.
#[udf]
#[inline]
pub fn add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

/// Returns the greatest common divisor: a loop of divisions.
#[udf]
#[inline]
pub fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

/// Evaluates a polynomial of degree 8 by Horner's rule: floats without a loop.
#[udf]
#[inline]
pub fn polynomial(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [1.0, -0.5, 0.25, 3.0, -2.0, 0.125, 1.5, -1.0, 0.75];
    COEFFICIENTS
        .iter()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Evaluates a polynomial for each `f32` of a vector and adds up the results
/// four lanes at a time: floats in a loop over vectors.
#[udf]
pub fn vector_sum(vector: &[u8]) -> f64 {
    let mut sums = [0.0_f32; 4];
    for lanes in vector.as_chunks::<16>().0 {
        let lanes = lanes.as_chunks::<4>().0;
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            let x = f32::from_le_bytes(*lane);
            *sum += ((0.5 * x - 1.25) * x + 2.0) * x + 0.75;
        }
    }
    sums.iter().map(|sum| f64::from(*sum)).sum()
}

/// Returns the 64-bit FNV-1a hash: a multiplication for each byte of a text.
#[udf]
#[inline]
pub fn fnv1a(text: &str) -> i64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    text.bytes().fold(OFFSET_BASIS, step) as i64
}

/// Converts a text to upper case: an allocation of a text.
#[udf]
pub fn upper(text: &str) -> String {
    text.to_uppercase()
}

/// Returns a Fibonacci number by its definition: calls.
#[udf]
pub fn fibonacci(n: i64) -> i64 {
    if n < 2 {
        return n;
    }
    fibonacci(n - 1) + fibonacci(n - 2)
}

/// Runs a program of one instruction for each four bits of `code`: indirect
/// calls.
#[udf]
pub fn dispatch(code: i64) -> i64 {
    const INSTRUCTIONS: [fn(i64) -> i64; 16] = [
        |x| x.wrapping_add(1),
        |x| x.wrapping_sub(3),
        |x| x.wrapping_mul(5),
        |x| x ^ 0x5555,
        |x| x.rotate_left(7),
        |x| !x,
        |x| x >> 1,
        |x| x << 2,
        |x| x.wrapping_neg(),
        |x| x | 0x101,
        |x| x & 0xffff_ffff,
        |x| x.swap_bytes(),
        |x| x.wrapping_mul(x),
        |x| x.wrapping_add(0x1234_5678),
        |x| x ^ (x >> 17),
        |x| x.rotate_right(3),
    ];
    let mut x = code;
    for step in 0..16 {
        let instruction = (code >> (4 * step)) & 15;
        x = INSTRUCTIONS[instruction as usize](x);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_return_known_values() {
        assert_eq!(add(i64::MAX, 1), i64::MIN);
        assert_eq!(gcd(-48, 180), 12);
        assert_eq!(polynomial(0.0), 0.75);
        assert_eq!(polynomial(1.0), 3.125);
        assert_eq!(vector_sum(&1.0_f32.to_le_bytes().repeat(8)), 16.0);
        assert_eq!(fnv1a("a") as u64, 0xaf63_dc4c_8601_ec8c);
        assert_eq!(upper("straße"), "STRASSE");
        assert_eq!(fibonacci(20), 6765);
        assert_eq!(dispatch(0), 16);
    }
}
