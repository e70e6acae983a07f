//! An approximate count of distinct texts.

use std::cmp::Ordering;

use fusebox_sdk::{Row, udaf};
use twox_hash::XxHash64;

/// Number of bits of a hash that select a register.
const INDEX_BITS: u32 = 14;

/// Number of registers.
const REGISTERS: usize = 1 << INDEX_BITS;

/// Number of bits of a hash that determine a rank.
const RANK_BITS: usize = (u64::BITS - INDEX_BITS) as usize;

/// Size of a register in the short form, in bytes: 14 bits of index, 6 of rank.
const ENTRY_BYTES: usize = 3;

/// Maximum number of registers in the short form: a quarter of the bytes of the
/// long form.
const ENTRIES_MAX: usize = REGISTERS / 4 / ENTRY_BYTES;

/// The approximate number of distinct texts, 0 if there are none.
///
/// A HyperLogLog of 2¹⁴ registers: its standard error is 1.04 / √2¹⁴, which is
/// 0.8 %, and much less for few texts. The result has the same bits for any
/// order of the texts and any division among states. It is the estimate that O.
/// Ertl derives in "New cardinality estimation algorithms for HyperLogLog
/// sketches" (2017, arXiv:1702.01284), algorithm 6, which is unbiased from 0 to
/// 2⁶⁴ and needs no correction tables. Texts are hashed with XXH64, with seed
/// 0.
///
/// A state takes 3 bytes for each register in use and 16 KiB at most.
#[derive(Clone, Debug, Default, PartialEq, Row)]
pub struct ApproxDistinctHll {
    /// Short form: the registers that are not 0, in ascending order, each as
    /// its index × 64 + its rank, in three bytes, the highest first. Long form:
    /// the ranks of all 2¹⁴ registers.
    pub registers: Vec<u8>,
}

#[udaf]
impl ApproxDistinctHll {
    /// Adds a text.
    pub fn update(&mut self, text: &str) {
        let hash = XxHash64::oneshot(0, text.as_bytes());
        let index = (hash >> RANK_BITS) as usize;
        // A bit after the last one bounds the number of zeros.
        let rest = hash << INDEX_BITS | 1 << (INDEX_BITS - 1);
        self.raise(index, rest.leading_zeros() as u8 + 1);
    }

    /// Adds the texts of another state.
    pub fn merge(&mut self, mut other: Self) {
        if other.is_long() && !self.is_long() {
            std::mem::swap(self, &mut other);
        }
        if other.is_long() {
            for (register, rank) in self.registers.iter_mut().zip(&other.registers) {
                *register = (*register).max(*rank);
            }
        } else if self.is_long() {
            for entry in other.entries() {
                let (index, rank) = parts(entry);
                self.raise(index, rank);
            }
        } else {
            self.merge_short(&other);
        }
    }

    /// Merges the registers of two short forms in one pass: inserting each
    /// would move the following registers every time.
    fn merge_short(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.registers.len() + other.registers.len());
        let (mut ours, mut theirs) = (self.entries().peekable(), other.entries().peekable());
        loop {
            let entry = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) => match parts(*a).0.cmp(&parts(*b).0) {
                    Ordering::Less => ours.next(),
                    Ordering::Equal => ours.next().max(theirs.next()),
                    Ordering::Greater => theirs.next(),
                },
                (Some(_), None) => ours.next(),
                (None, _) => theirs.next(),
            };
            match entry {
                Some(entry) => merged.extend_from_slice(&entry),
                None => break,
            }
        }
        drop((ours, theirs));
        self.registers = merged;
        if self.registers.len() > ENTRIES_MAX * ENTRY_BYTES {
            self.lengthen();
        }
    }

    /// Returns the approximate number of distinct texts added.
    pub fn finish(&self) -> i64 {
        // Number of registers of each rank.
        let mut counts = [0_u32; 64];
        if self.is_long() {
            for rank in &self.registers {
                counts[usize::from(rank % 64)] += 1;
            }
        } else {
            counts[0] = REGISTERS as u32;
            for entry in self.entries() {
                counts[0] -= 1;
                counts[usize::from(parts(entry).1)] += 1;
            }
        }
        estimate(&counts).round() as i64
    }

    fn is_long(&self) -> bool {
        self.registers.len() == REGISTERS
    }

    /// Iterates over the registers of the short form.
    fn entries(&self) -> impl Iterator<Item = [u8; ENTRY_BYTES]> {
        self.registers.as_chunks().0.iter().copied()
    }

    /// Raises the rank of a register to at least `rank`.
    fn raise(&mut self, index: usize, rank: u8) {
        if self.is_long() {
            let register = &mut self.registers[index];
            *register = (*register).max(rank);
            return;
        }
        let (entries, _) = self.registers.as_chunks_mut::<ENTRY_BYTES>();
        let has_room = entries.len() < ENTRIES_MAX;
        let place = entries.partition_point(|entry| parts(*entry).0 < index);
        let number = (index << 6 | usize::from(rank)) as u32;
        let [_, entry @ ..] = number.to_be_bytes();
        match entries.get_mut(place) {
            Some(old) if parts(*old).0 == index => *old = entry.max(*old),
            _ if has_room => {
                let place = place * ENTRY_BYTES;
                self.registers.splice(place..place, entry);
            }
            _ => {
                self.lengthen();
                self.raise(index, rank);
            }
        }
    }

    fn lengthen(&mut self) {
        let mut ranks = vec![0; REGISTERS];
        for entry in self.entries() {
            let (index, rank) = parts(entry);
            ranks[index] = rank;
        }
        self.registers = ranks;
    }
}

/// Returns the index and the rank of a register.
fn parts([high, middle, low]: [u8; ENTRY_BYTES]) -> (usize, u8) {
    let number = u32::from_be_bytes([0, high, middle, low]) as usize;
    (number >> 6 & (REGISTERS - 1), low & 63)
}

/// Estimates the number of distinct hashes from the number of registers of each
/// rank.
fn estimate(counts: &[u32; 64]) -> f64 {
    let registers = REGISTERS as f64;
    let full = f64::from(counts[RANK_BITS + 1]);
    let mut sum = registers * tau(1.0 - full / registers);
    for count in counts[1..=RANK_BITS].iter().rev() {
        sum = 0.5 * (sum + f64::from(*count));
    }
    sum += registers * sigma(f64::from(counts[0]) / registers);
    registers * registers / (2.0 * std::f64::consts::LN_2 * sum)
}

/// Corrects for empty registers: x + Σ 2ᵏ⁻¹ x^2ᵏ, for k from 1, which converges
/// within some 20 steps or is infinite.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut scale, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let next = sum + power * scale;
        if next == sum {
            return sum;
        }
        sum = next;
        scale *= 2.0;
    }
}

/// Corrects for saturated registers: (1 - x - Σ 2⁻ᵏ (1 - x^2⁻ᵏ)²) / 3, for k
/// from 1, which converges within some 30 steps.
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut scale, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        scale *= 0.5;
        let next = sum - (1.0 - root) * (1.0 - root) * scale;
        if next == sum {
            return sum / 3.0;
        }
        sum = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn state(texts: impl IntoIterator<Item = u32>) -> ApproxDistinctHll {
        let mut state = ApproxDistinctHll::default();
        texts
            .into_iter()
            .for_each(|n| state.update(&format!("text {n}")));
        state
    }

    #[test]
    fn no_texts_are_counted_as_zero() {
        assert_eq!(state([]).finish(), 0);
    }

    #[test]
    fn few_texts_are_counted_exactly() {
        for n in [1, 2, 3, 10, 50] {
            assert_eq!(state(0..n).finish(), i64::from(n));
            assert_eq!(state((0..n).chain(0..n)).finish(), i64::from(n));
        }
    }

    // For increasing numbers of texts, from the short to the long form and
    // beyond the number of registers: 1.2 % is one and a half standard errors.
    #[test]
    fn error_is_within_the_theoretical_bound() {
        let mut state = ApproxDistinctHll::default();
        let mut squares = 0.0;
        let mut checks = 0.0;
        for n in 1..=300_000_u32 {
            state.update(&format!("flight {n}"));
            if n % 1000 == 0 {
                let error = state.finish() as f64 / f64::from(n) - 1.0;
                assert!(error.abs() < 0.016, "{error} at {n}");
                squares += error * error;
                checks += 1.0;
            }
        }
        assert!((squares / checks).sqrt() < 0.012);
    }

    #[test]
    fn error_is_small_on_average() {
        let mut squares = 0.0;
        for seed in 0..60 {
            let mut state = ApproxDistinctHll::default();
            (0..20_000).for_each(|n| state.update(&format!("{seed}/{n}")));
            let error = state.finish() as f64 / 20_000.0 - 1.0;
            squares += error * error;
        }
        let error = (squares / 60.0).sqrt();
        assert!((0.004..0.0104).contains(&error), "{error}");
    }

    #[test]
    fn saturated_registers_are_corrected_for() {
        let mut counts = [0; 64];
        counts[RANK_BITS + 1] = REGISTERS as u32;
        assert!(estimate(&counts).is_infinite());
        counts[RANK_BITS + 1] = REGISTERS as u32 / 2;
        counts[RANK_BITS] = REGISTERS as u32 / 2;
        // Half of the registers have a rank of some 2⁵⁰ hashes.
        let expected = 2.0_f64.powi(64);
        assert!(
            (0.5..2.0).contains(&(estimate(&counts) / expected)),
            "{}",
            estimate(&counts)
        );
    }

    // XXH64 of the empty text and of "a", as specified.
    #[test]
    fn hash_is_xxh64() {
        assert_eq!(XxHash64::oneshot(0, b""), 0xef46_db37_51d8_e999);
        assert_eq!(XxHash64::oneshot(0, b"a"), 0xd24e_c4f1_a98c_6e5b);
    }

    #[test]
    fn short_form_is_short_and_ordered() {
        let state = state(0..1000);
        assert!(state.registers.len() <= 3000);
        let entries: Vec<_> = state.entries().map(|entry| parts(entry).0).collect();
        assert!(entries.is_sorted_by(|a, b| a < b));
        assert!(!state.is_long());
    }

    proptest! {
        #[test]
        fn merging_is_adding(
            texts in prop::collection::vec((0..4_usize, 0..100_000_u32), 0..6000),
            is_much in any::<[bool; 4]>(),
        ) {
            let mut parts: [ApproxDistinctHll; 4] = Default::default();
            let mut all = ApproxDistinctHll::default();
            for (place, n) in &texts {
                // The parts are in different forms.
                if is_much[*place] || *n < 5000 {
                    let text = n.to_string();
                    parts[*place].update(&text);
                    all.update(&text);
                }
            }
            let [mut a, b, mut c, d] = parts;
            c.merge(b);
            a.merge(d);
            c.merge(a);
            prop_assert_eq!(c.finish(), all.finish());
            prop_assert_eq!(c, all);
        }
    }
}
