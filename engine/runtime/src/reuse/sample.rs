//! Estimates of distinct rows from samples.

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take;

use super::hash;
use super::key_columns::plain;
use super::row_keys::{KeyCosts, Keys, RowKeys, with_keys};

/// Blocks of rows in a sample, and their rows. A prefix of a batch would mislead: rows that
/// were written together are alike or unlike together.
const BLOCKS: usize = 32;
const BLOCK_ROWS: usize = 16;

/// Slots for the hashes of a sample.
const SLOTS: usize = 4 * BLOCKS * BLOCK_ROWS;

/// Distinct rows of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    rows: usize,
    distinct: usize,
    /// Distinct rows that the sample has once, and twice.
    once: usize,
    twice: usize,
    /// Rows whose keys are no words.
    long: usize,
    key_costs: KeyCosts,
}

impl Sample {
    /// Takes a sample of rows of these columns; `None` if their keys are unknown.
    pub(super) fn of(columns: &[ArrayRef], rows: usize) -> Result<Option<Self>, ArrowError> {
        let places = places(rows);
        let taken = columns.iter().map(|column| match &places {
            Some(places) => plain(&take(column, places, None)?),
            None => plain(column),
        });
        let taken: Vec<_> = taken.collect::<Result<_, _>>()?;
        let rows = places.map_or(rows, |places| places.len());
        let sampled = |keys: &Keys<'_>| {
            let costs = keys.costs();
            with_keys!(keys, keys => sample(keys, rows, costs))
        };
        Ok(Keys::of(&taken).as_ref().map(sampled))
    }

    /// Estimates the number of distinct rows among `rows`: the number of kinds by Chao1, of
    /// which `rows` rows have not all.
    pub(super) fn distinct_among(&self, rows: usize) -> f64 {
        let (once, twice) = (self.once as f64, self.twice as f64);
        let unseen = once * (once - 1.0) / (2.0 * (twice + 1.0));
        let kinds = self.distinct as f64 + unseen.max(0.0);
        let rows = rows as f64;
        match self.rows as f64 >= rows {
            true => self.distinct as f64,
            false => (kinds * rows / (kinds + rows)).max(self.distinct as f64),
        }
    }

    /// Returns the costs of keys of these columns.
    pub(super) fn key_costs(&self) -> KeyCosts {
        self.key_costs
    }

    /// Returns the share of rows whose keys are no words.
    pub(super) fn long_share(&self) -> f64 {
        self.long as f64 / self.rows.max(1) as f64
    }
}

/// Returns the rows of a sample of `rows` rows; `None` if it has them all.
fn places(rows: usize) -> Option<UInt32Array> {
    if rows <= BLOCKS * BLOCK_ROWS {
        return None;
    }
    let stride = rows / BLOCKS;
    let block = |block: usize| {
        // At other places within each stride, so that no period of the rows is met.
        let spread = stride - BLOCK_ROWS + 1;
        let offset = hash::of_words([block as u64, 0], 0) % spread as u64;
        let first = block * stride + offset as usize;
        first as u32..(first + BLOCK_ROWS) as u32
    };
    Some(UInt32Array::from_iter_values((0..BLOCKS).flat_map(block)))
}

fn sample(keys: &impl RowKeys, rows: usize, key_costs: KeyCosts) -> Sample {
    let mut seen = Seen {
        counts: vec![(0, 0); SLOTS],
        scratch: Vec::new(),
        sample: Sample {
            rows,
            distinct: 0,
            once: 0,
            twice: 0,
            long: 0,
            key_costs,
        },
    };
    (0..rows).for_each(|row| seen.add(keys, row));
    seen.sample
}

/// Rows of a sample by their hashes. Those that collide count as equal, which makes the
/// estimate worse and nothing else.
struct Seen {
    counts: Vec<(u64, u32)>,
    scratch: Vec<u8>,
    sample: Sample,
}

impl Seen {
    fn add(&mut self, keys: &impl RowKeys, row: usize) {
        let sample = &mut self.sample;
        let hash = match keys.packed(row) {
            Some(key) => hash::of_words(key.words, key.tag),
            None => {
                sample.long += 1;
                hash::of_bytes(keys.bytes(row, &mut self.scratch).bytes)
            }
        };
        let mut slot = hash as usize % SLOTS;
        // A sample takes a quarter of the slots at most.
        while self.counts[slot].1 > 0 && self.counts[slot].0 != hash {
            slot = (slot + 1) % SLOTS;
        }
        let (place, count) = &mut self.counts[slot];
        *place = hash;
        *count += 1;
        match count {
            1 => {
                sample.distinct += 1;
                sample.once += 1;
            }
            2 => {
                sample.once -= 1;
                sample.twice += 1;
            }
            3 => sample.twice -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;

    use super::*;

    /// Estimates the distinct rows of a column.
    fn estimate(rows: impl Iterator<Item = i64>) -> f64 {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(rows));
        let rows = column.len();
        let sample = Sample::of(&[column], rows).unwrap().unwrap();
        sample.distinct_among(rows)
    }

    #[test]
    fn few_kinds_are_all_seen_and_unique_rows_are_nearly_all_estimated() {
        assert_eq!(estimate((0..8_192).map(|row| row % 7)), 7.0);
        assert_eq!(estimate(0..400), 400.0);
        let unique = estimate(0..8_192);
        assert!((7_500.0..=8_192.0).contains(&unique), "{unique}");
    }

    #[test]
    fn kinds_that_a_prefix_does_not_show_are_estimated() {
        let mut state = 1_u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as i64
        };
        for kinds in [100, 1_000, 3_000] {
            let estimate = estimate((0..8_192).map(|_| random() % kinds));
            let kinds = kinds as f64;
            assert!(
                (0.5 * kinds..1.5 * kinds).contains(&estimate),
                "{kinds} {estimate}"
            );
        }
        // The first rows are unlike each other, and come again.
        let again = estimate((0..8_192).map(|row| row % 1_000));
        assert!((500.0..1_500.0).contains(&again), "{again}");
    }
}
