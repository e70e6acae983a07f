//! Window functions, and aggregates in moving frames.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use fusebox_sql_tests::ExecutionConfig;
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use super::{check_pairs, first_difference};
use crate::sessions::{CONFIGS, TestResult, collect, collect_integer, row_count, with_natives};

pub(super) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![
        trial!(runtime, window_functions_over_flights_equal_native_code),
        trial!(runtime, moving_frames_equal_native_code),
    ]
}

async fn window_functions_over_flights_equal_native_code() -> TestResult {
    for config in CONFIGS {
        let session = with_natives(config, None).await?;
        let sql = "SELECT ema(dep_delay, 0.1) OVER w, native_ema(dep_delay, 0.1) OVER w,
                          sessionize(time_hour, INTERVAL '2 hours') OVER w,
                          native_sessionize(time_hour, INTERVAL '2 hours') OVER w
                   FROM flights WHERE day < 4
                   WINDOW w AS (PARTITION BY carrier, origin ORDER BY time_hour, flight, tailnum)";
        let count = "SELECT count(*) FROM flights WHERE day < 4";
        let rows = collect_integer(&session, count).await? as usize;
        let batches = collect(&session, sql).await?;
        check_pairs(&batches, 2, rows, &config.to_string())?;
    }
    Ok(())
}

/// Every unit and bound of a frame.
const FRAMES: [&str; 8] = [
    "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 2 FOLLOWING AND 4 FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN 5 PRECEDING AND 5 FOLLOWING",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
];

async fn moving_frames_equal_native_code() -> TestResult {
    for config in [ExecutionConfig::new(1, 8192), ExecutionConfig::new(2, 7)] {
        let session = with_natives(config, None).await?;
        for frame in FRAMES {
            let sql = format!(
                "SELECT exact_sum(x) OVER w, native_exact_sum(x) OVER w,
                        checked_sum(v) OVER w, sum(v) OVER w,
                        chain(v::VARCHAR, '-') OVER w, array_to_string(array_agg(v) OVER w, '-')
                 FROM (SELECT value AS v, value / 3.0 AS x, value % 5 AS g FROM range(0, 300))
                 WINDOW w AS (PARTITION BY g ORDER BY v {frame})"
            );
            // DataFusion's functions are null over an empty frame, those of the guest are
            // not.
            let sql = format!(
                "SELECT a, b, coalesce(c, 0), coalesce(d, 0), coalesce(e, ''), coalesce(f, '')
                 FROM ({sql}) AS t(a, b, c, d, e, f)"
            );
            let batches = collect(&session, &sql).await?;
            for batch in &batches {
                let column = |index: usize| -> Result<ArrayRef, Failed> {
                    let target = match index {
                        0 | 1 => DataType::Float64,
                        2 | 3 => DataType::Int64,
                        _ => DataType::Utf8,
                    };
                    Ok(cast(batch.column(index), &target)?)
                };
                for index in [0, 2, 4] {
                    let (guest, native) = (column(index)?, column(index + 1)?);
                    if let Some(row) = first_difference(&guest, &native) {
                        return Err(format!("{frame}: row {row} of {batch:?}").into());
                    }
                }
            }
            assert_eq!(row_count(&batches), 300, "{frame}");
        }
    }
    Ok(())
}
