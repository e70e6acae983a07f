//! Tables of random rows, the same in every run.
//!
//! Most values are small and few are large, so that a function's dearest row is
//! seldom the one that is looked at first.

use std::iter;
use std::sync::Arc;

use arrow::array::{
    BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::SchemaRef;

/// What the rows of a table look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) rows: usize,
    /// Nulls among 16 rows.
    pub(super) nulls: u64,
    /// The longest text, in characters, is below this power of two.
    pub(super) characters_log2: u64,
    /// The largest number is below this power of two.
    pub(super) numbers_log2: u64,
}

impl Table {
    /// The columns `n` and `m`, whole numbers of which `n` is not negative; `x`
    /// and `y`, latitude and longitude; `t` and `u`, texts; `b`, bytes.
    pub(super) fn rows(self, seed: u64) -> RecordBatch {
        let mut random = Random(seed);
        let numbers: Int64Array = self.column(&mut random, |random| {
            random.skewed(self.numbers_log2) as i64
        });
        let signed: Int64Array = self.column(&mut random, |random| {
            let number = random.skewed(40) as i64;
            if random.below(2) == 0 {
                number
            } else {
                -number
            }
        });
        let latitudes: Float64Array = self.column(&mut random, |random| random.within(90.0));
        let longitudes: Float64Array = self.column(&mut random, |random| random.within(180.0));
        let text = |random: &mut Random| random.text(self.characters_log2);
        let texts: StringArray = self.column(&mut random, text);
        let words: StringViewArray = self.column(&mut random, |random| random.text(6));
        let bytes: BinaryArray = self.column(&mut random, |random| text(random).into_bytes());
        RecordBatch::try_from_iter([
            ("n", Arc::new(numbers) as _),
            ("m", Arc::new(signed) as _),
            ("x", Arc::new(latitudes) as _),
            ("y", Arc::new(longitudes) as _),
            ("t", Arc::new(texts) as _),
            ("u", Arc::new(words) as _),
            ("b", Arc::new(bytes) as _),
        ])
        .expect("every column has so many rows")
    }

    fn column<V, C: FromIterator<Option<V>>>(
        self,
        random: &mut Random,
        value: impl Fn(&mut Random) -> V,
    ) -> C {
        let value = || {
            let value = value(random);
            (random.below(16) >= self.nulls).then_some(value)
        };
        iter::repeat_with(value).take(self.rows).collect()
    }
}

/// The rows in batches of a size, dealt out to so many partitions.
pub(crate) fn deal(
    rows: &RecordBatch,
    (partitions, batch_size): (usize, usize),
) -> (SchemaRef, Vec<Vec<RecordBatch>>) {
    let mut hands = vec![Vec::new(); partitions];
    for (n, first) in (0..rows.num_rows()).step_by(batch_size).enumerate() {
        let length = batch_size.min(rows.num_rows() - first);
        hands[n % partitions].push(rows.slice(first, length));
    }
    (rows.schema(), hands)
}

/// Numbers that look random.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A number of so many bits at most, as likely of one length as of another.
    fn skewed(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        let number = self.below(1 << 20) << 20 | self.below(1 << 20);
        number & ((1 << bits) - 1)
    }

    fn within(&mut self, limit: f64) -> f64 {
        (self.below(2_000_001) as f64 / 1_000_000.0 - 1.0) * limit
    }

    fn text(&mut self, characters_log2: u64) -> String {
        const CHARACTERS: [char; 16] = [
            'a', 'b', 'c', 'D', 'E', '1', '2', '3', ' ', ' ', '-', 'ä', 'ß', 'ő', '字', '🦀',
        ];
        let characters = self.skewed(characters_log2);
        // A few texts are of digits alone, as some functions want them.
        let end = if self.below(4) == 0 { 3 } else { 16 };
        let character = || {
            let one = self.below(end) as usize;
            CHARACTERS[if end == 3 { one + 5 } else { one }]
        };
        iter::repeat_with(character)
            .take(characters as usize)
            .collect()
    }
}
