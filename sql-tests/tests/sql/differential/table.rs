//! Table functions.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use sqllogictest::harness::Trial;
use tokio::runtime::Runtime;

use crate::sessions::{CONFIGS, TestResult, collect, with_natives};

pub(super) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![trial!(runtime, series_equals_native_code)]
}

async fn series_equals_native_code() -> TestResult {
    for config in CONFIGS {
        let session = with_natives(config, None).await?;
        for (arguments, rows) in [
            ("1, 10, 3", 4),
            ("10, 1, -2", 5),
            ("5, 4, 1", 0),
            ("-3000, 3000, 1", 6001),
        ] {
            let guest = collect(&session, &format!("SELECT * FROM series({arguments})")).await?;
            let native = format!("SELECT * FROM native_series({arguments})");
            let native = collect(&session, &native).await?;
            let numbers = integers(&guest);
            assert_eq!(numbers, integers(&native), "{config}: {arguments}");
            assert_eq!(numbers.len(), rows, "{config}: {arguments}");
        }
    }
    Ok(())
}

/// Returns the values of the first column, a BIGINT.
fn integers(batches: &[RecordBatch]) -> Vec<i64> {
    let columns = batches.iter().map(|batch| batch.column(0));
    let values = columns.map(|column| column.as_primitive::<Int64Type>().values());
    values.flat_map(|values| values.to_vec()).collect()
}
