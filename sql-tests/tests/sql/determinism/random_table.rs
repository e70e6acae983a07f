//! Tables of pseudo-random rows, equal in every run.
//!
//! Most values are small and a few are large, so that the most expensive row of a
//! function is rarely the first.

use std::iter;
use std::sync::Arc;

use arrow::array::{
    BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::SchemaRef;
use fusebox_sql_tests::ExecutionConfig;

use crate::rng::Rng;

/// The size of a table, and of its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct RandomTable {
    pub(super) name: &'static str,
    pub(super) rows: usize,
    /// Expected nulls of a column in 16 rows.
    pub(super) nulls: u64,
    /// Texts have fewer characters than this power of two.
    pub(super) characters_log2: u64,
    /// Numbers are below this power of two.
    pub(super) numbers_log2: u64,
}

impl RandomTable {
    /// Generates the columns `n` (integers from 0), `m` (integers), `x` and `y`
    /// (latitudes and longitudes), `t` and `u` (texts, as `Utf8` and `Utf8View`) and
    /// `b` (bytes).
    pub(super) fn generate(self, seed: u64) -> RecordBatch {
        let mut rng = Rng(seed);
        let numbers: Int64Array = self.column(&mut rng, |rng| rng.skewed(self.numbers_log2) as i64);
        let signed: Int64Array = self.column(&mut rng, |rng| {
            let number = rng.skewed(40) as i64;
            if rng.below(2) == 0 { number } else { -number }
        });
        let latitudes: Float64Array = self.column(&mut rng, |rng| rng.within(90.0));
        let longitudes: Float64Array = self.column(&mut rng, |rng| rng.within(180.0));
        let long_text = |rng: &mut Rng| text(rng, self.characters_log2);
        let texts: StringArray = self.column(&mut rng, long_text);
        let words: StringViewArray = self.column(&mut rng, |rng| text(rng, 6));
        let bytes: BinaryArray = self.column(&mut rng, |rng| long_text(rng).into_bytes());
        RecordBatch::try_from_iter([
            ("n", Arc::new(numbers) as _),
            ("m", Arc::new(signed) as _),
            ("x", Arc::new(latitudes) as _),
            ("y", Arc::new(longitudes) as _),
            ("t", Arc::new(texts) as _),
            ("u", Arc::new(words) as _),
            ("b", Arc::new(bytes) as _),
        ])
        .expect("all columns have the same length")
    }

    fn column<V, C: FromIterator<Option<V>>>(
        self,
        rng: &mut Rng,
        value: impl Fn(&mut Rng) -> V,
    ) -> C {
        let value = || {
            let value = value(rng);
            (rng.below(16) >= self.nulls).then_some(value)
        };
        iter::repeat_with(value).take(self.rows).collect()
    }
}

fn text(rng: &mut Rng, characters_log2: u64) -> String {
    const CHARACTERS: [char; 16] = [
        'a', 'b', 'c', 'D', 'E', '1', '2', '3', ' ', ' ', '-', 'ä', 'ß', 'ő', '字', '🦀',
    ];
    let characters = rng.skewed(characters_log2);
    // A quarter of the texts have digits only, which some functions require.
    let end = if rng.below(4) == 0 { 3 } else { 16 };
    let character = || {
        let one = rng.below(end) as usize;
        CHARACTERS[if end == 3 { one + 5 } else { one }]
    };
    iter::repeat_with(character)
        .take(characters as usize)
        .collect()
}

/// Splits rows into batches, which go to the partitions in turn.
pub(super) fn split(
    rows: &RecordBatch,
    config: ExecutionConfig,
) -> (SchemaRef, Vec<Vec<RecordBatch>>) {
    let mut partitions = vec![Vec::new(); config.partitions];
    let starts = (0..rows.num_rows()).step_by(config.batch_size);
    for (number, start) in starts.enumerate() {
        let length = config.batch_size.min(rows.num_rows() - start);
        partitions[number % config.partitions].push(rows.slice(start, length));
    }
    (rows.schema(), partitions)
}
