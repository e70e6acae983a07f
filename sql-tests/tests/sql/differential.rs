//! Differential tests: guest functions against the same Rust compiled natively.
//!
//! If both are functions of one query, they get the same rows in the same batches,
//! merge the same states, and must give the same bits.

mod aggregate;
mod scalar;
mod table;
mod window;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use sqllogictest::harness::Trial;
use tokio::runtime::Runtime;

use crate::sessions::{TestResult, row_count};

pub(crate) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    let mut trials = scalar::trials(runtime);
    trials.extend(aggregate::trials(runtime));
    trials.extend(window::trials(runtime));
    trials.extend(table::trials(runtime));
    trials
}

/// Checks that a result has `rows` rows, and that its last `2 * pairs` columns are
/// equal in pairs of neighbours.
fn check_pairs(batches: &[RecordBatch], pairs: usize, rows: usize, context: &str) -> TestResult {
    for batch in batches {
        let columns = batch.columns();
        for pair in columns[columns.len() - 2 * pairs..].chunks(2) {
            if let Some(row) = first_difference(&pair[0], &pair[1]) {
                return Err(format!("{context}: row {row} of {batch:?}").into());
            }
        }
    }
    match row_count(batches) {
        found if found == rows => Ok(()),
        found => Err(format!("{context}: expected {rows} rows, found {found}").into()),
    }
}

/// Returns the first row in which two columns differ in any bit.
fn first_difference(a: &ArrayRef, b: &ArrayRef) -> Option<usize> {
    assert_eq!(a.data_type(), b.data_type());
    if a.to_data() == b.to_data() {
        return None;
    }
    (0..a.len()).find(|row| a.slice(*row, 1).to_data() != b.slice(*row, 1).to_data())
}
