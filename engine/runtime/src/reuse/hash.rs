//! Hashes of keys, equal in every process.
//!
//! Their multipliers are known, so columns can be made whose keys collide. The map bounds
//! what a collision costs.

/// Digits of π.
const PI: [u64; 4] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
];

/// Multiplies two words, and folds both halves of the product.
#[inline]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Returns the hash of two words and a tag.
#[inline]
pub(super) fn of_words([a, b]: [u64; 2], tag: u32) -> u64 {
    folded(a ^ PI[0], b ^ PI[1] ^ (u64::from(tag) << 56))
}

/// Returns the hash of bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = PI[2] ^ bytes.len() as u64;
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        hash = of_chunk(hash, *chunk);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    of_chunk(hash, last)
}

#[inline]
fn of_chunk(hash: u64, chunk: [u8; 16]) -> u64 {
    let chunk = u128::from_le_bytes(chunk);
    let [low, high] = [chunk as u64, (chunk >> 64) as u64];
    folded(low ^ hash, high ^ PI[3]).wrapping_add(hash)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn hashes_of_like_keys_differ_in_the_bits_that_choose_slots() {
        let mask = (1 << 16) - 1;
        let numbers: HashSet<u64> = (0..1_000)
            .map(|n| of_words([n << 20, 0], 0) & mask)
            .collect();
        assert!(numbers.len() > 950, "{}", numbers.len());
        let texts: HashSet<u64> = (0..1_000)
            .map(|n| of_bytes(format!("a text of some length, number {n}").as_bytes()) & mask)
            .collect();
        assert!(texts.len() > 950, "{}", texts.len());
    }

    #[test]
    fn every_bit_and_the_length_change_the_hash() {
        let bytes = [7_u8; 37];
        let hash = of_bytes(&bytes);
        for bit in 0..37 * 8 {
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(of_bytes(&other), hash, "{bit}");
        }
        assert_ne!(of_bytes(&[0; 4]), of_bytes(&[0; 5]));
        assert_ne!(of_words([3, 4], 0), of_words([3, 4], 1));
    }
}
