//! The pseudorandom number generator.

/// SplitMix64: a sequence determined by its seed.
pub(in crate::bench) struct Random(u64);

impl Random {
    pub(in crate::bench) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in crate::bench) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Returns a number in `0..end`; 0 if the range is empty.
    pub(in crate::bench) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a number in `low..=high`.
    pub(super) fn between(&mut self, low: i128, high: i128) -> i128 {
        let span = high.saturating_sub(low).max(0) as u128;
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        low + (bits % span.saturating_add(1)) as i128
    }

    /// Returns a number in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a length from half of the mean to one and a half of it.
    pub(super) fn length(&mut self, mean: usize) -> usize {
        let least = mean / 2;
        least + self.below((2 * (mean - least) + 1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_within_their_bounds_and_reach_them() {
        let mut random = Random::new(1);
        let below: Vec<u64> = (0..1_000).map(|_| random.below(10)).collect();
        assert_eq!(below.iter().min(), Some(&0));
        assert_eq!(below.iter().max(), Some(&9));
        let between: Vec<i128> = (0..1_000).map(|_| random.between(-2, 2)).collect();
        assert_eq!(between.iter().min(), Some(&-2));
        assert_eq!(between.iter().max(), Some(&2));
        let lengths: Vec<usize> = (0..1_000).map(|_| random.length(5)).collect();
        assert_eq!(lengths.iter().min(), Some(&2));
        assert_eq!(lengths.iter().max(), Some(&8));
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&random.unit())));
        assert_eq!((random.below(0), random.length(0)), (0, 0));
        assert_eq!(random.between(7, 7), 7);
        let widest = random.between(i128::MIN, i128::MAX);
        assert!(widest < i128::MAX);
    }
}
