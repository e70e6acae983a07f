//! Pseudorandom numbers.

/// Returns the pseudorandom number of a row in the sequence `salt`: the same in every
/// run, uniform over 56 bits.
pub fn random(row: usize, salt: u64) -> u64 {
    let mixed = (row as u64 ^ salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

pub(crate) fn below(rows: usize, salt: u64, limit: u64) -> Vec<i64> {
    let value = |row| (random(row, salt) % limit) as i64;
    (0..rows).map(value).collect()
}

pub(crate) fn doubles(rows: usize, salt: u64, least: f64, range: f64) -> Vec<f64> {
    let value = |row| least + (random(row, salt) % 1_000_003) as f64 / 1_000_003.0 * range;
    (0..rows).map(value).collect()
}

/// Returns latitude and longitude of `rows` pairs of points, in degrees.
pub(crate) fn coordinates(rows: usize) -> [Vec<f64>; 4] {
    // Multiples of an irrational number modulo 1 are equidistributed.
    let spread = |start: f64, range: f64| -> Vec<f64> {
        let part = |row: usize| (start + row as f64 * 0.618_033_988_749_895).fract();
        (0..rows).map(|row| (part(row) - 0.5) * range).collect()
    };
    [
        spread(0.1, 180.0),
        spread(0.2, 360.0),
        spread(0.4, 180.0),
        spread(0.7, 360.0),
    ]
}
