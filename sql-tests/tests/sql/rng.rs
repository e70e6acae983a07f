//! A pseudo-random number generator.

/// A linear congruential generator, with its state. Equal seeds give equal numbers.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Returns a number of at most `bits` bits, with every length equally likely.
    pub(crate) fn skewed(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        let number = self.below(1 << 20) << 20 | self.below(1 << 20);
        number & ((1 << bits) - 1)
    }

    /// Returns a number from `-limit` to `limit`.
    pub(crate) fn within(&mut self, limit: f64) -> f64 {
        (self.below(2_000_001) as f64 / 1_000_000.0 - 1.0) * limit
    }
}
