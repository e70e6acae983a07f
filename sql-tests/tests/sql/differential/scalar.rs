//! Scalar functions, compared value by value with calls of the native function.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use fusebox_sql_tests::ExecutionConfig;
use sqllogictest::harness::Trial;
use tokio::runtime::Runtime;

use crate::sessions::{TestResult, collect, with_scalars};

pub(super) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![
        trial!(runtime, haversine_km_is_bit_identical_to_native_code),
        trial!(runtime, text_functions_equal_native_code),
        trial!(runtime, integer_functions_equal_native_code),
    ]
}

async fn haversine_km_is_bit_identical_to_native_code() -> TestResult {
    let session = with_scalars(ExecutionConfig::new(2, 8192)).await?;
    let sql = "SELECT a.lat, a.lon, b.lat, b.lon, haversine_km(a.lat, a.lon, b.lat, b.lon)
               FROM airports a CROSS JOIN (SELECT * FROM airports LIMIT 50) b";
    let mut rows = 0;
    for batch in collect(&session, sql).await? {
        let column = |n: usize| batch.column(n).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let value = |n: usize| column(n).value(row);
            let native = geo::haversine_km(value(0), value(1), value(2), value(3));
            assert_eq!(value(4).to_bits(), native.to_bits(), "row {row}");
            rows += 1;
        }
    }
    assert_eq!(rows, 1458 * 50);
    Ok(())
}

async fn text_functions_equal_native_code() -> TestResult {
    let session = with_scalars(ExecutionConfig::new(2, 1000)).await?;
    let sql = "SELECT arrow_cast(a.name, 'Utf8View'), arrow_cast(b.name, 'Utf8View'),
                      jaro_winkler(a.name, b.name), slug(a.name)
               FROM airports a CROSS JOIN (SELECT * FROM airports LIMIT 20) b";
    let mut rows = 0;
    for batch in collect(&session, sql).await? {
        let text = |n: usize| batch.column(n).as_string_view();
        let similarity = batch.column(2).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let (a, b) = (text(0).value(row), text(1).value(row));
            let native = text::jaro_winkler(a, b);
            assert_eq!(
                similarity.value(row).to_bits(),
                native.to_bits(),
                "{a}, {b}"
            );
            assert_eq!(text(3).value(row), text::slug(a));
            rows += 1;
        }
    }
    assert_eq!(rows, 1458 * 20);
    Ok(())
}

async fn integer_functions_equal_native_code() -> TestResult {
    let session = with_scalars(ExecutionConfig::new(2, 1000)).await?;
    let sql = "SELECT value, collatz_steps(value), checked_div(1000000, value)
               FROM range(1, 20000)";
    let mut rows = 0;
    for batch in collect(&session, sql).await? {
        let column = |n: usize| batch.column(n).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let n = column(0).value(row);
            assert_eq!(column(1).value(row), math::collatz_steps(n)?);
            assert_eq!(column(2).value(row), math::checked_div(1_000_000, n)?);
            rows += 1;
        }
    }
    assert_eq!(rows, 19_999);
    Ok(())
}
