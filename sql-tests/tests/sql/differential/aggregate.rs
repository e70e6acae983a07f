//! Aggregate functions: grouped, spilled, with skipped partial aggregation, and over
//! a million groups.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{self, ExecutionPlan};
use fusebox::Session;
use fusebox_sql_tests::ExecutionConfig;
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use super::check_pairs;
use crate::sessions::{CONFIGS, TestResult, collect, collect_integer, with_natives};

pub(super) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![
        trial!(runtime, aggregates_over_flights_equal_native_code),
        trial!(runtime, aggregates_over_random_rows_equal_native_code),
        trial!(runtime, spilled_aggregates_equal_native_code),
        trial!(
            runtime,
            aggregates_without_partial_aggregation_equal_native_code
        ),
        trial!(runtime, aggregates_over_a_million_groups_equal_native_code),
        trial!(runtime, exact_sum_does_not_depend_on_partitions_or_batches),
    ]
}

/// Each aggregate beside its native version.
const AGGREGATES: &str = "
    geomean(x), native_geomean(x),
    weighted_avg(x, w), native_weighted_avg(x, w),
    exact_sum(x), native_exact_sum(x),
    approx_distinct_hll(t), native_approx_distinct_hll(t),
    topk_str(t, 3), native_topk_str(t, 3),
    geomean(x) FILTER (WHERE w > 500), native_geomean(x) FILTER (WHERE w > 500)";

/// Pairs in [`AGGREGATES`].
const PAIRS: usize = 6;

const FLIGHTS: &str =
    "(SELECT origin AS g, air_time AS x, distance::DOUBLE AS w, dest AS t FROM flights)";

const FLIGHTS_OF_ONE_DAY: &str = "
    (SELECT origin AS g, air_time AS x, distance::DOUBLE AS w, dest AS t
     FROM flights WHERE day = 3)";

/// Tests whether a config has so small batches that all rows would take too long.
fn has_small_batches(config: ExecutionConfig) -> bool {
    config.batch_size < 10
}

async fn aggregates_over_flights_equal_native_code() -> TestResult {
    for config in CONFIGS {
        let rows = match has_small_batches(config) {
            true => FLIGHTS_OF_ONE_DAY,
            false => FLIGHTS,
        };
        let session = with_natives(config, None).await?;
        let context = config.to_string();
        let sql = format!("SELECT g, {AGGREGATES} FROM {rows} GROUP BY g");
        check_pairs(&collect(&session, &sql).await?, PAIRS, 3, &context)?;
        let sql = format!("SELECT {AGGREGATES} FROM {rows}");
        check_pairs(&collect(&session, &sql).await?, PAIRS, 1, &context)?;
    }
    Ok(())
}

/// Pseudo-random rows with nulls, in groups of very different sizes.
const RANDOM: &str = "(
    SELECT (value * 7919) % 13 * ((value * 31) % 17) AS g,
           CASE WHEN value % 11 > 1 THEN ((value * 2654435761) % 1000003 + 1) / 1000.0 END AS x,
           CASE WHEN value % 7 > 0 THEN ((value * 40503) % 1009)::DOUBLE END AS w,
           CASE WHEN value % 5 > 0 THEN ((value * 65537) % 257)::VARCHAR END AS t
    FROM range(0, 30000))";

async fn aggregates_over_random_rows_equal_native_code() -> TestResult {
    for config in CONFIGS {
        let session = with_natives(config, None).await?;
        let rows = match has_small_batches(config) {
            true => RANDOM.replace("30000", "2000"),
            false => RANDOM.to_owned(),
        };
        let groups = format!("SELECT count(DISTINCT g) FROM {rows}");
        let groups = collect_integer(&session, &groups).await? as usize;
        let sql = format!("SELECT g, {AGGREGATES} FROM {rows} GROUP BY g");
        let batches = collect(&session, &sql).await?;
        check_pairs(&batches, PAIRS, groups, &config.to_string())?;
    }
    Ok(())
}

/// Sums a metric over the nodes of a plan.
fn sum_metric(
    plan: &Arc<dyn ExecutionPlan>,
    metric: impl Fn(&MetricsSet) -> Option<usize> + Copy,
) -> usize {
    let own = plan.metrics().and_then(|metrics| metric(&metrics));
    let children = plan.children().into_iter();
    own.unwrap_or(0)
        + children
            .map(|child| sum_metric(child, metric))
            .sum::<usize>()
}

/// Collects the result of a query; returns its plan too, with its metrics.
async fn collect_with_plan(
    session: &Session,
    sql: &str,
) -> Result<(Vec<RecordBatch>, Arc<dyn ExecutionPlan>), Failed> {
    let frame = session.sql(sql).await?;
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let batches = physical_plan::collect(Arc::clone(&plan), context).await?;
    Ok((batches, plan))
}

async fn spilled_aggregates_equal_native_code() -> TestResult {
    let session = with_natives(ExecutionConfig::new(2, 4096), Some(24 << 20)).await?;
    let sql = "SELECT g, geomean(x), native_geomean(x), exact_sum(x), native_exact_sum(x)
               FROM (SELECT value % 60000 AS g, (value % 1013 + 1) / 7.0 AS x
                     FROM range(0, 200000)) GROUP BY g";
    let (batches, plan) = collect_with_plan(&session, sql).await?;
    check_pairs(&batches, 2, 60_000, "spilled")?;
    match sum_metric(&plan, |metrics| metrics.spill_count()) {
        0 => Err("no state was spilled".into()),
        _ => Ok(()),
    }
}

async fn aggregates_without_partial_aggregation_equal_native_code() -> TestResult {
    let session = with_natives(ExecutionConfig::new(2, 8192), None).await?;
    let sql = "SELECT g, geomean(value + 1), native_geomean(value + 1),
                      topk_str(value::VARCHAR, 2) FILTER (WHERE value % 3 > 0),
                      native_topk_str(value::VARCHAR, 2) FILTER (WHERE value % 3 > 0)
               FROM (SELECT value, (value * 7919) % 1000003 AS g FROM range(0, 400000))
               GROUP BY g";
    let (batches, plan) = collect_with_plan(&session, sql).await?;
    check_pairs(&batches, 2, 400_000, "skipped")?;
    let skipped =
        |metrics: &MetricsSet| Some(metrics.sum_by_name("skipped_aggregation_rows")?.as_usize());
    match sum_metric(&plan, skipped) {
        0 => Err("no partial aggregation was skipped".into()),
        _ => Ok(()),
    }
}

async fn aggregates_over_a_million_groups_equal_native_code() -> TestResult {
    let session = with_natives(ExecutionConfig::new(2, 8192), None).await?;
    let sql = "SELECT count(*), sum(CASE WHEN a = b AND c = d THEN 1 ELSE 0 END) FROM (
                   SELECT value / 2 AS g, geomean(value + 1) AS a, native_geomean(value + 1) AS b,
                          weighted_avg(value, 1 + value % 3) AS c,
                          native_weighted_avg(value, 1 + value % 3) AS d
                   FROM range(0, 2000000) GROUP BY g)";
    let counts = collect(&session, sql).await?;
    let counts = counts[0].columns().iter();
    let counts: Vec<_> = counts
        .map(|column| column.as_primitive::<Int64Type>().value(0))
        .collect();
    match counts[..] {
        [1_000_000, 1_000_000] => Ok(()),
        _ => Err(format!("expected 1000000 groups, all equal, found {counts:?}").into()),
    }
}

async fn exact_sum_does_not_depend_on_partitions_or_batches() -> TestResult {
    let sql = "SELECT exact_sum(x), native_exact_sum(x)
               FROM (SELECT CASE value % 3 WHEN 0 THEN 1e300 / (value + 1)
                                           WHEN 1 THEN -1e300 / value ELSE 1.0 / value END AS x
                     FROM range(0, 3000))";
    let mut sums = Vec::new();
    for config in CONFIGS {
        let batches = collect(&with_natives(config, None).await?, sql).await?;
        check_pairs(&batches, 1, 1, &config.to_string())?;
        let sum = batches[0].column(0).as_primitive::<Float64Type>();
        assert!(sum.is_valid(0) && sum.value(0).is_finite(), "{sum:?}");
        sums.push(sum.value(0).to_bits());
    }
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    Ok(())
}
