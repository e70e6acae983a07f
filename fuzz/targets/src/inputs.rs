//! Inputs mutated from a corpus, the same in every run.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use fusebox_testing::SplitMix64;

use crate::target::{Outcome, Target};

/// Longest input, as libFuzzer's default.
const BYTES_MAX: usize = 4_096;

/// Numbers at the ends of ranges.
const NUMBERS: [i64; 12] = [
    0,
    1,
    -1,
    2,
    127,
    255,
    1 << 16,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    i64::MAX,
    i64::MIN,
];

/// Returns the folder `fuzz`.
pub fn fuzz_folder() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.expect("the crate is in `fuzz`").to_owned()
}

/// Reads the corpus of a target, sorted by name.
///
/// # Panics
///
/// If a file cannot be read.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = fuzz_folder().join("corpus").join(name);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    files.sort();
    let read = |path: &PathBuf| fs::read(path).expect("a file of the corpus");
    files.iter().map(read).collect()
}

/// An endless sequence of inputs, mutated from a corpus.
#[derive(Debug)]
pub struct Inputs {
    corpus: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    random: SplitMix64,
}

impl Inputs {
    /// Begins the sequence of a target and a seed.
    pub fn new(name: &str, seed: u64) -> Self {
        let dictionary = fuzz_folder().join("dictionaries").join("sql.dict");
        let dictionary = match name {
            "declarations" | "statements" => fs::read_to_string(dictionary).unwrap_or_default(),
            _ => String::new(),
        };
        Self {
            corpus: corpus(name),
            words: dictionary.lines().filter_map(word).collect(),
            random: SplitMix64(seed),
        }
    }

    fn corpus_input(&mut self) -> Option<Vec<u8>> {
        let count = self.corpus.len();
        (count > 0).then(|| self.corpus[self.random.below(count)].clone())
    }

    fn random_bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.random.next_u64() as u8).collect()
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let end = (at + 1 + self.random.below(16)).min(input.len());
        match self.random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            1 if at < input.len() => input[at] = self.random.next_u64() as u8,
            2 => {
                let number = NUMBERS[self.random.below(NUMBERS.len())].to_le_bytes();
                let width = 1 << self.random.below(4);
                let end = (at + width).min(input.len());
                input.splice(at..end, number[..width].iter().copied());
            }
            3 => drop(input.drain(at..end)),
            4 => {
                let repeated = input[at..end].to_vec();
                let times = 1 + self.random.below(8);
                input.splice(at..at, repeated.repeat(times));
            }
            5 => {
                let count = 1 + self.random.below(8);
                let bytes = self.random_bytes(count);
                input.splice(at..at, bytes);
            }
            6 => {
                if let Some(other) = self.corpus_input() {
                    let from = self.random.below(other.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
            }
            _ if !self.words.is_empty() => {
                let word = self.words[self.random.below(self.words.len())].clone();
                input.splice(at..if self.random.one_in(2) { end } else { at }, word);
            }
            _ => {}
        }
    }
}

impl Iterator for Inputs {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let random = match self.random.one_in(8) {
            true => None,
            false => self.corpus_input(),
        };
        let mut input = random.unwrap_or_else(|| {
            let count = self.random.below(BYTES_MAX);
            self.random_bytes(count)
        });
        for _ in 0..=self.random.below(6) {
            self.mutate(&mut input);
        }
        input.truncate(BYTES_MAX);
        Some(input)
    }
}

/// Reads a line of libFuzzer's dictionaries: a quoted word, with bytes as `\xAB`.
fn word(line: &str) -> Option<Vec<u8>> {
    let quoted = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\").into())
}

/// Runs a target on one input. If it panics, the input is written to `folder`, so that
/// it can be added to the corpus, and the panic continues.
pub fn replay(target: &Target, input: &[u8], folder: &Path) -> Outcome {
    let run = AssertUnwindSafe(|| (target.run)(input));
    catch_unwind(run).unwrap_or_else(|panic| {
        let name = fusebox_definition::Digest::of(input).to_string();
        let path = folder.join(format!("{}-{}", target.name, &name[..16]));
        let written = fs::write(&path, input);
        eprintln!("{}: {written:?} {}", target.name, path.display());
        resume_unwind(panic)
    })
}
