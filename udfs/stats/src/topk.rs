//! The most frequent texts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use fusebox_sdk::{Row, udaf};
use twox_hash::XxHash64;

/// Maximum number of texts that are searched linearly.
const SCANNED_MAX: usize = 8;

/// The `k` most frequent texts, the most frequent first, and texts of equal
/// frequency in the order of their bytes; null if there are none.
///
/// Counts are exact, so the result does not depend on the order of the texts or
/// on their division among states: a sketch of bounded size would drop other
/// texts in another order. The price is memory for every distinct text, its
/// bytes and some 40 to 80 more, and fuel: merging two states is the work of
/// one row, and takes some 1000 units for every distinct text, twice as much as
/// the result. So a group of many thousands of texts needs a larger
/// `fuel_per_row`. If the limits of the function do not suffice, the query
/// fails; it never returns an inexact result.
#[derive(Clone, Debug, Default, PartialEq, Row)]
pub struct TopkStr {
    /// Number of texts to return, or 0 before the first row.
    pub k: i64,
    /// The distinct texts, concatenated.
    pub texts: String,
    /// The end of each text in `texts`.
    pub ends: Vec<u64>,
    /// The number of occurrences of each text.
    pub counts: Vec<i64>,
    /// The hash of each text.
    pub hashes: Vec<u32>,
    /// A hash table whose size is a power of two. A slot is 0 or the number of
    /// a text, from 1. Empty if there are few texts.
    pub slots: Vec<u32>,
    /// Number of texts without occurrences.
    pub gone: u32,
}

#[udaf]
impl TopkStr {
    /// Adds a text.
    ///
    /// # Errors
    ///
    /// If `k` is less than 1, or differs from that of earlier rows.
    pub fn update(&mut self, text: &str, k: i64) -> Result<(), &'static str> {
        if k < 1 {
            return Err("k is less than 1");
        }
        self.agree(k)?;
        self.add(text, hash(text), 1);
        Ok(())
    }

    /// Removes a text that was added before.
    ///
    /// # Errors
    ///
    /// If `k` differs from that of earlier rows.
    pub fn retract(&mut self, text: &str, k: i64) -> Result<(), &'static str> {
        self.agree(k)?;
        let index = self
            .find(text, hash(text))
            .ok_or("the text was never added")?;
        self.counts[index] -= 1;
        if self.counts[index] > 0 {
            return Ok(());
        }
        self.gone += 1;
        let gone = self.gone as usize;
        if gone > SCANNED_MAX && gone > self.counts.len() / 2 {
            self.forget_gone();
        }
        Ok(())
    }

    /// Adds the texts of another state.
    ///
    /// # Errors
    ///
    /// If the other state has another `k`.
    pub fn merge(&mut self, mut other: Self) -> Result<(), &'static str> {
        if other.k == 0 {
            return Ok(());
        }
        self.agree(other.k)?;
        if other.counts.len() > self.counts.len() {
            std::mem::swap(self, &mut other);
        }
        for (index, count) in other.occurring() {
            self.add(other.text(index), other.hashes[index], count);
        }
        Ok(())
    }

    /// Returns the most frequent texts.
    pub fn finish(&self) -> Option<Vec<String>> {
        let k = usize::try_from(self.k).unwrap_or(usize::MAX);
        // The most frequent texts so far; the heap returns the least frequent
        // of them.
        let mut top = BinaryHeap::new();
        for (index, count) in self.occurring() {
            let next = (Reverse(count), self.text(index));
            if top.len() < k {
                top.push(next);
            } else if let Some(mut last) = top.peek_mut()
                && next < *last
            {
                *last = next;
            }
        }
        let top = top.into_sorted_vec();
        let texts = top.iter().map(|(_, text)| (*text).to_owned());
        (!top.is_empty()).then(|| texts.collect())
    }

    fn agree(&mut self, k: i64) -> Result<(), &'static str> {
        if self.k != k && self.k != 0 {
            return Err("k is not the same in all rows of a group");
        }
        self.k = k;
        Ok(())
    }

    fn add(&mut self, text: &str, hash: u32, count: i64) {
        if let Some(index) = self.find(text, hash) {
            self.gone -= u32::from(self.counts[index] == 0);
            self.counts[index] += count;
        } else {
            self.insert(text, hash, count);
        }
    }

    // A separate function, so that finding a text does not pay for it.
    #[inline(never)]
    fn insert(&mut self, text: &str, hash: u32, count: i64) {
        self.push(text, hash, count);
        let texts = self.counts.len();
        // At most half of the slots are used.
        if texts * 2 > self.slots.len() && texts > SCANNED_MAX {
            self.index();
        } else if !self.slots.is_empty() {
            self.take_slot(texts - 1);
        }
    }

    fn push(&mut self, text: &str, hash: u32, count: i64) {
        self.texts.push_str(text);
        self.ends.push(self.texts.len() as u64);
        self.counts.push(count);
        self.hashes.push(hash);
    }

    /// Returns the index of a text.
    fn find(&self, text: &str, hash: u32) -> Option<usize> {
        let is_at =
            |index: &usize| self.hashes[*index] == hash && self.bytes(*index) == text.as_bytes();
        if self.slots.is_empty() {
            return (0..self.counts.len()).find(is_at);
        }
        let mut slot = hash as usize & (self.slots.len() - 1);
        while self.slots[slot] != 0 {
            let index = self.slots[slot] as usize - 1;
            if is_at(&index) {
                return Some(index);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    fn text(&self, index: usize) -> &str {
        &self.texts[self.range(index)]
    }

    /// Returns the bytes of a text, without checking character boundaries.
    fn bytes(&self, index: usize) -> &[u8] {
        &self.texts.as_bytes()[self.range(index)]
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[index] as usize
    }

    fn take_slot(&mut self, index: usize) {
        let mut slot = self.hashes[index] as usize & (self.slots.len() - 1);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = index as u32 + 1;
    }

    /// Rebuilds the hash table, with space for twice as many texts.
    fn index(&mut self) {
        let texts = self.counts.len();
        self.slots.clear();
        if texts > SCANNED_MAX {
            self.slots.resize((texts * 4).next_power_of_two(), 0);
            (0..texts).for_each(|index| self.take_slot(index));
        }
    }

    /// Iterates over the texts with occurrences, and their counts.
    fn occurring(&self) -> impl Iterator<Item = (usize, i64)> {
        let counts = self.counts.iter().copied().enumerate();
        counts.filter(|(_, count)| *count > 0)
    }

    /// Removes texts without occurrences.
    fn forget_gone(&mut self) {
        let mut kept = Self::default();
        for (index, count) in self.occurring() {
            kept.push(self.text(index), self.hashes[index], count);
        }
        kept.k = self.k;
        kept.index();
        *self = kept;
    }
}

fn hash(text: &str) -> u32 {
    XxHash64::oneshot(0, text.as_bytes()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::{BTreeMap, VecDeque};

    use proptest::prelude::*;

    fn state<'t>(texts: impl IntoIterator<Item = &'t str>, k: i64) -> TopkStr {
        let mut state = TopkStr::default();
        for text in texts {
            state.update(text, k).unwrap();
        }
        state
    }

    fn top<'t>(texts: impl IntoIterator<Item = &'t str>, k: i64) -> Vec<String> {
        state(texts, k).finish().unwrap_or_default()
    }

    /// Computes the same with a map that is sorted as a whole.
    fn oracle<'t>(texts: impl IntoIterator<Item = &'t str>, k: usize) -> Vec<String> {
        let mut counts = BTreeMap::new();
        for text in texts {
            *counts.entry(text).or_insert(0_i64) += 1;
        }
        let mut texts: Vec<_> = counts.into_iter().collect();
        texts.sort_by_key(|(_, count)| Reverse(*count));
        texts
            .iter()
            .take(k)
            .map(|(text, _)| (*text).to_owned())
            .collect()
    }

    #[test]
    fn most_frequent_texts_come_first() {
        let texts = ["b", "a", "c", "b", "c", "b"];
        assert_eq!(top(texts, 2), ["b", "c"]);
        assert_eq!(top(texts, 9), ["b", "c", "a"]);
    }

    #[test]
    fn equally_frequent_texts_are_in_byte_order() {
        assert_eq!(top(["é", "z", "", "Z", "a"], 4), ["", "Z", "a", "z"]);
    }

    #[test]
    fn no_texts_have_no_result() {
        assert_eq!(TopkStr::default().finish(), None);
        let mut state = state(["a"], 1);
        state.retract("a", 1).unwrap();
        assert_eq!(state.finish(), None);
    }

    #[test]
    fn k_must_be_positive_and_the_same_in_all_rows() {
        assert!(TopkStr::default().update("a", 0).is_err());
        assert!(TopkStr::default().update("a", i64::MIN).is_err());
        assert!(state(["a"], 2).update("a", 3).is_err());
        assert!(state(["a"], 2).merge(state(["a"], 3)).is_err());
        assert_eq!(state(["a"], 2).merge(TopkStr::default()), Ok(()));
        assert_eq!(TopkStr::default().merge(state(["a"], 3)), Ok(()));
        assert_eq!(top(["a"], i64::MAX), ["a"]);
    }

    #[test]
    fn many_texts_are_distinguished() {
        let texts: Vec<_> = (0..20_000).map(|n| (n * n % 10_007).to_string()).collect();
        let texts = || texts.iter().map(String::as_str);
        let mut halves = state(texts().take(9_000), 500);
        halves.merge(state(texts().skip(9_000), 500)).unwrap();
        assert_eq!(halves.finish(), Some(oracle(texts(), 500)));
    }

    #[test]
    fn sliding_window_keeps_only_the_texts_in_it() {
        let mut sliding = TopkStr::default();
        for n in 0..10_000_u32 {
            sliding.update(&n.to_string(), 3).unwrap();
            if n >= 50 {
                sliding.retract(&(n - 50).to_string(), 3).unwrap();
            }
        }
        assert!(sliding.counts.len() <= 110, "{}", sliding.counts.len());
        assert!(sliding.slots.len() <= 512, "{}", sliding.slots.len());
    }

    fn any_texts() -> impl Strategy<Value = Vec<(usize, String)>> {
        let text = prop_oneof!["[a-c]{0,2}", "[a-zé]{0,3}"];
        prop::collection::vec((0..4_usize, text), 0..400)
    }

    proptest! {
        #[test]
        fn merging_is_adding(texts in any_texts(), k in 1..20_usize) {
            let mut parts: [TopkStr; 4] = Default::default();
            for (place, text) in &texts {
                parts[*place].update(text, k as i64).unwrap();
            }
            let [mut a, b, mut c, d] = parts;
            c.merge(b).unwrap();
            a.merge(d).unwrap();
            a.merge(c).unwrap();
            let texts = texts.iter().map(|(_, text)| text.as_str());
            prop_assert_eq!(a.finish().unwrap_or_default(), oracle(texts, k));
        }

        #[test]
        fn window_that_slides_has_the_texts_that_are_in_it(
            texts in any_texts(),
            length in 1..100_usize,
        ) {
            let mut sliding = TopkStr::default();
            let mut window = VecDeque::new();
            for (_, text) in &texts {
                sliding.update(text, 5).unwrap();
                window.push_back(text.as_str());
                if window.len() > length {
                    sliding.retract(window.pop_front().unwrap(), 5).unwrap();
                }
                let expected = oracle(window.iter().copied(), 5);
                prop_assert_eq!(sliding.finish().unwrap_or_default(), expected);
            }
        }
    }
}
