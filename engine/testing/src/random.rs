//! Deterministic pseudorandom numbers.

/// The SplitMix64 generator, with the given state.
///
/// Equal seeds give equal sequences on every machine, which makes a column
/// reproducible from one number.
#[derive(Clone, Debug)]
pub struct SplitMix64(
    /// The state; initially the seed.
    pub u64,
);

impl SplitMix64 {
    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Returns a number below `end`.
    ///
    /// # Panics
    ///
    /// If `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }

    /// Returns true with a probability of 1 in `number`.
    ///
    /// # Panics
    ///
    /// If `number` is 0.
    pub fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_is_that_of_the_reference_implementation() {
        let mut random = SplitMix64(1_234_567);
        let drawn = [(); 3].map(|()| random.next_u64());
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn numbers_are_below_their_bound_and_reach_it() {
        let mut random = SplitMix64(1);
        let drawn: Vec<usize> = (0..1_000).map(|_| random.below(10)).collect();
        assert_eq!(drawn.iter().min(), Some(&0));
        assert_eq!(drawn.iter().max(), Some(&9));
    }
}
