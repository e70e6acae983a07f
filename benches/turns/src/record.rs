//! A line for each thing measured, in a file.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::turns::Pair;

/// The environment variable that holds the path of the file. Without it there
/// are no records.
const RECORDS: &str = "FUSEBOX_BENCH_RECORDS";

/// One thing that was measured: a line of JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// What kind of measurement it is, which says what the rest means: `call`,
    /// `query`, `split`, …
    pub bench: String,
    /// The function, or what else is measured.
    pub kernel: String,
    /// Who runs it: `fusebox`, a peer, or a variant of one of them.
    pub engine: String,
    /// The table that is queried, the part of a call, the kind of start.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Rows, of a call or of a table.
    pub rows: u64,
    /// How many percent of the first argument's rows are null.
    pub nulls: u64,
    /// How many threads work at once.
    pub threads: u64,
    /// Nanoseconds of one call, or of one of what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns: Option<f64>,
    /// Nanoseconds of what the ratio is to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ns: Option<f64>,
    /// What `ns` is to `base_ns`, as the median of turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The interval that holds the median, of the ratio or else of `ns`, with
    /// 95 %: its lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Its upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Bytes of memory, where that is what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<f64>,
}

impl Record {
    /// A record of a kernel of a bench on one thread, of Fusebox.
    pub fn new(bench: &str, kernel: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            kernel: kernel.to_owned(),
            engine: "fusebox".to_owned(),
            threads: 1,
            ..Self::default()
        }
    }

    /// The record with what a pair took.
    pub fn with(self, pair: &Pair) -> Self {
        Self {
            ns: Some(pair.fusebox),
            base_ns: Some(pair.native),
            ratio: Some(pair.ratio),
            low: Some(pair.low),
            high: Some(pair.high),
            ..self
        }
    }

    /// Appends the record to the file of records, if one is asked for.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn append(&self) {
        if let Some(path) = env::var_os(RECORDS) {
            let appended = self.append_to(Path::new(&path));
            appended.expect("the file of records can be written");
        }
    }

    fn append_to(&self, path: &Path) -> io::Result<()> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // At once, so that no line is half there.
        file.write_all(line.as_bytes())
    }

    /// The records of a file, one a line.
    ///
    /// # Errors
    ///
    /// If a line is none; the message has its number.
    pub fn read(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let record = |(number, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))
        };
        lines.map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let pair = Pair {
            native: 2.0,
            fusebox: 3.0,
            ratio: 1.5,
            low: 1.4,
            high: 1.6,
        };
        let records = [
            Record::new("call", "add").with(&pair),
            Record::new("memory", "per \"instance\""),
        ];
        for record in &records {
            record.append_to(&path).unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(Record::read(&text).unwrap(), records);
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let error = Record::read("{}\n\n{\"bench\": 1}\n").unwrap_err();
        assert!(error.starts_with("line 3: "), "{error}");
    }
}
