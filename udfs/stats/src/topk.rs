//! The most frequent texts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use fusebox_sdk::{Row, udaf};
use twox_hash::XxHash64;

/// Up to how many texts are looked through one after the other.
const SCANNED_MAX: usize = 8;

/// The `k` most frequent texts, the most frequent first, and of equally
/// frequent ones the first by their bytes; null where there are none.
///
/// Counts are exact, so the answer does not depend on the order of the texts
/// and on how they are divided among states: a sketch of bounded size would
/// drop other texts in another order. The price is memory for every different
/// text, its bytes and some 40 to 80 more, and fuel: to merge two states is the
/// work of one row, and takes some 1000 units for every different text, twice
/// what it takes to answer. So a group of many thousands needs a larger
/// `fuel_per_row`. Where the function may not use as much, the query fails; it
/// never answers wrongly.
#[derive(Clone, Debug, Default, PartialEq, Row)]
pub struct TopkStr {
    /// How many texts are wanted, or 0 while nobody has said.
    pub k: i64,
    /// The different texts, one after the other.
    pub texts: String,
    /// Where in `texts` each of them ends.
    pub ends: Vec<u64>,
    /// How often each occurs.
    pub counts: Vec<i64>,
    /// The hash of each.
    pub hashes: Vec<u32>,
    /// A hash table of some power of two, of which each slot is 0 or holds the
    /// number of a text, from 1 on. Empty where there are few texts.
    pub slots: Vec<u32>,
    /// How many of the texts occur no more.
    pub gone: u32,
}

#[udaf]
impl TopkStr {
    /// Adds a text.
    ///
    /// # Errors
    ///
    /// If `k` is less than 1, or another one than in the rows before.
    pub fn update(&mut self, text: &str, k: i64) -> Result<(), &'static str> {
        if k < 1 {
            return Err("k is less than 1");
        }
        self.agree(k)?;
        self.add(text, hash(text), 1);
        Ok(())
    }

    /// Takes a text away that was added before.
    ///
    /// # Errors
    ///
    /// If `k` is another one than in the rows before.
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
    /// If the other wants another number of texts.
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

    /// The most frequent texts.
    pub fn finish(&self) -> Option<Vec<String>> {
        let k = usize::try_from(self.k).unwrap_or(usize::MAX);
        // The top so far, of which the heap gives the last.
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

    // Apart, so that finding a text does not pay for it.
    #[inline(never)]
    fn insert(&mut self, text: &str, hash: u32, count: i64) {
        self.push(text, hash, count);
        let texts = self.counts.len();
        // At most half of the slots are taken.
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

    /// Where a text is among the others.
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

    /// The text without a look at where its characters begin.
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

    /// Builds the table anew, with room for as many texts again.
    fn index(&mut self) {
        let texts = self.counts.len();
        self.slots.clear();
        if texts > SCANNED_MAX {
            self.slots.resize((texts * 4).next_power_of_two(), 0);
            (0..texts).for_each(|index| self.take_slot(index));
        }
    }

    /// Which texts occur, and how often.
    fn occurring(&self) -> impl Iterator<Item = (usize, i64)> {
        let counts = self.counts.iter().copied().enumerate();
        counts.filter(|(_, count)| *count > 0)
    }

    /// Makes room where texts occur no more.
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

    /// The same, by a map that is sorted as a whole.
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
    fn most_frequent_come_first() {
        let texts = ["b", "a", "c", "b", "c", "b"];
        assert_eq!(top(texts, 2), ["b", "c"]);
        assert_eq!(top(texts, 9), ["b", "c", "a"]);
    }

    #[test]
    fn equally_frequent_come_in_the_order_of_their_bytes() {
        assert_eq!(top(["é", "z", "", "Z", "a"], 4), ["", "Z", "a", "z"]);
    }

    #[test]
    fn nothing_has_no_texts() {
        assert_eq!(TopkStr::default().finish(), None);
        let mut state = state(["a"], 1);
        state.retract("a", 1).unwrap();
        assert_eq!(state.finish(), None);
    }

    #[test]
    fn k_is_one_number_of_at_least_one() {
        assert!(TopkStr::default().update("a", 0).is_err());
        assert!(TopkStr::default().update("a", i64::MIN).is_err());
        assert!(state(["a"], 2).update("a", 3).is_err());
        assert!(state(["a"], 2).merge(state(["a"], 3)).is_err());
        assert_eq!(state(["a"], 2).merge(TopkStr::default()), Ok(()));
        assert_eq!(TopkStr::default().merge(state(["a"], 3)), Ok(()));
        assert_eq!(top(["a"], i64::MAX), ["a"]);
    }

    #[test]
    fn many_texts_are_told_apart() {
        let texts: Vec<_> = (0..20_000).map(|n| (n * n % 10_007).to_string()).collect();
        let texts = || texts.iter().map(String::as_str);
        let mut halves = state(texts().take(9_000), 500);
        halves.merge(state(texts().skip(9_000), 500)).unwrap();
        assert_eq!(halves.finish(), Some(oracle(texts(), 500)));
    }

    #[test]
    fn window_that_slides_keeps_the_size_of_what_is_in_it() {
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
