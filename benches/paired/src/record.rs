//! Results as lines of JSON.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sampling::PairedTimes;

/// Environment variable with the path of the file that records are appended to.
/// Unset: no records are written.
const RECORDS: &str = "FUSEBOX_BENCH_RECORDS";

/// One result: a line of JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Kind of measurement, which determines the meaning of the other fields:
    /// `call`, `query`, `phases`, …
    pub bench: String,
    /// FunctionMetrics function, or other subject of the measurement.
    pub kernel: String,
    /// Engine that runs it: `fusebox`, a peer, or a variant of one of them.
    pub engine: String,
    /// Queried table, phase of a call, or kind of start.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Rows of a call or of a table.
    pub rows: u64,
    /// Percentage of nulls in the first argument.
    pub nulls: u64,
    /// Number of worker threads.
    pub threads: u64,
    /// Time of one call, or of one run of the subject, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns: Option<f64>,
    /// Time of the baseline, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ns: Option<f64>,
    /// Median of the ratios of time to baseline within each round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Lower end of the 95 % confidence interval of `ratio`, or of `ns` where
    /// there is no ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of that interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Size in memory or of a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<f64>,
}

impl Record {
    /// Creates a record of a kernel, run by Fusebox on one thread.
    pub fn new(bench: &str, kernel: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            kernel: kernel.to_owned(),
            engine: "fusebox".to_owned(),
            threads: 1,
            ..Self::default()
        }
    }

    /// Sets times, ratio and interval.
    pub fn with(self, times: &PairedTimes) -> Self {
        Self {
            ns: Some(times.ns),
            base_ns: Some(times.base_ns),
            ratio: Some(times.ratio),
            low: Some(times.low),
            high: Some(times.high),
            ..self
        }
    }

    /// Appends the record to the file that the environment names, if any.
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
        // A single write, so that a bench that is killed leaves no partial line.
        file.write_all(line.as_bytes())
    }

    /// Parses records, one a line. Blank lines are skipped.
    ///
    /// # Errors
    ///
    /// If a line is not a record; the message has its number.
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
        let times = PairedTimes {
            base_ns: 2.0,
            ns: 3.0,
            ratio: 1.5,
            low: 1.4,
            high: 1.6,
        };
        let records = [
            Record::new("call", "add").with(&times),
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
    fn the_error_of_an_invalid_line_has_its_number() {
        let error = Record::read("{}\n\n{\"bench\": 1}\n").unwrap_err();
        assert!(error.starts_with("line 3: "), "{error}");
    }
}
