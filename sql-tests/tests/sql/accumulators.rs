//! Accumulators of guests: called as DataFusion calls them, and in queries that are
//! cancelled or fail.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::expressions::col;
use datafusion::prelude::SessionContext;
use fusebox::{Engine, Session};
use fusebox_sql_tests::{ExecutionConfig, privileges};
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use crate::rng::Rng;
use crate::sessions::{TestResult, collect_integer, with_natives};

pub(crate) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![
        trial!(runtime, cancelling_a_query_stops_its_aggregates),
        trial!(
            runtime,
            factory_creates_functions_of_every_kind_in_a_plain_context
        ),
        trial!(
            runtime,
            groups_may_be_updated_in_any_order_and_emitted_in_parts
        ),
        trial!(runtime, group_index_out_of_range_is_an_error),
        trial!(runtime, growing_states_work_at_the_default_limits),
        trial!(runtime, failed_aggregates_release_instances_and_memory),
    ]
}

async fn cancelling_a_query_stops_its_aggregates() -> TestResult {
    let session = with_natives(ExecutionConfig::new(2, 8192), None).await?;
    for sql in [
        "SELECT checked_sum(value % 7) FROM range(0, 100000000000)",
        "SELECT value % 5, exact_sum(value) FROM range(0, 100000000000) GROUP BY 1",
    ] {
        let frame = session.sql(sql).await?;
        let query = tokio::spawn(frame.collect());
        tokio::time::sleep(Duration::from_millis(100)).await;
        session.cancel();
        let error = query.await?.unwrap_err().to_string();
        assert!(error.contains("cancelled"), "{error}");
    }
    // Queries that begin later are not cancelled.
    let sum = collect_integer(&session, "SELECT checked_sum(value) FROM range(0, 10)").await?;
    assert_eq!(sum, 45);
    Ok(())
}

async fn growing_states_work_at_the_default_limits() -> TestResult {
    for partitions in [1, 4] {
        let session = with_natives(ExecutionConfig::new(partitions, 8192), None).await?;
        for statement in [
            "CREATE MODULE authors LANGUAGE WASM FROM 'target/guests/authors.wasm'",
            "IMPORT FUNCTIONS FROM MODULE authors",
            "CREATE EXTERNAL TABLE year_flights STORED AS PARQUET \
             LOCATION 'data/nycflights13/flights.parquet'",
        ] {
            session.sql(statement).await?.collect().await?;
        }
        // The right answers are those of DataFusion's own functions.
        for sql in [
            "SELECT mode(tailnum) = (SELECT tailnum FROM year_flights WHERE tailnum IS NOT NULL \
             GROUP BY tailnum ORDER BY count(*) DESC, tailnum LIMIT 1) FROM year_flights",
            "SELECT middle(value) = 499999 FROM range(0, 1000000)",
            "SELECT middle(value % 1009) = 504 FROM range(0, 3000000)",
            "SELECT bool_and(middle < 3) FROM (SELECT middle(value % 3) AS middle \
             FROM range(0, 1000000) GROUP BY value % 100000)",
            "SELECT length(mode(repeat('x', 1000 + value % 100))) = 1000 FROM range(0, 1000)",
        ] {
            let batches = session.sql(sql).await?.collect().await;
            let batches = batches.map_err(|error| format!("{sql}: {error}"))?;
            assert!(batches[0].column(0).as_boolean().value(0), "{sql}");
        }
    }
    Ok(())
}

async fn factory_creates_functions_of_every_kind_in_a_plain_context() -> TestResult {
    let engine = Engine::builder().privileges(privileges());
    let factory = Arc::new(engine.build()?.function_factory());
    let context = SessionContext::new().with_function_factory(factory);
    for function in [
        "checked_sum(BIGINT) RETURNS BIGINT LANGUAGE WASM AS 'target/guests/kinds.wasm'",
        "smooth(DOUBLE, DOUBLE) LANGUAGE WASM AS 'target/guests/kinds.wasm#ema'",
        "numbers(BIGINT, BIGINT, BIGINT) LANGUAGE WASM AS 'target/guests/kinds.wasm#numbers'",
    ] {
        context.sql(&format!("CREATE FUNCTION {function}")).await?;
    }
    let sql = "SELECT checked_sum(value), max(s)
               FROM (SELECT value, smooth(value, 1) OVER (ORDER BY value) AS s
                     FROM numbers(1, 100, 1))";
    let batches = context.sql(sql).await?.collect().await?;
    let sum = batches[0].column(0).as_primitive::<Int64Type>().value(0);
    let last = batches[0].column(1).as_primitive::<Float64Type>().value(0);
    assert_eq!((sum, last), (5050, 100.0));
    Ok(())
}

/// Creates the groups accumulator of `checked_sum`, as a plan of DataFusion does.
fn checked_sum_accumulator(session: &Session) -> Result<Box<dyn GroupsAccumulator>, Failed> {
    let state = session.context().state();
    let sum = &state.aggregate_functions()["checked_sum"];
    let field = Arc::new(Field::new("v", DataType::Int64, true));
    let schema = Schema::new(vec![Arc::clone(&field)]);
    let args = AccumulatorArgs {
        return_field: Arc::clone(&field),
        schema: &schema,
        ignore_nulls: false,
        order_bys: &[],
        is_reversed: false,
        name: "checked_sum",
        is_distinct: false,
        exprs: &[col("v", &schema)?],
        expr_fields: &[field],
    };
    Ok(sum.create_groups_accumulator(args)?)
}

async fn groups_may_be_updated_in_any_order_and_emitted_in_parts() -> TestResult {
    let session = with_natives(ExecutionConfig::new(1, 8192), None).await?;
    let mut rng = Rng(11);
    let mut below = |end: usize| rng.below(end as u64) as usize;
    for _ in 0..20 {
        let mut sums = checked_sum_accumulator(&session)?;
        // The expected sum of each group that was not emitted yet.
        let mut expected: Vec<i64> = Vec::new();
        let mut merged: Vec<ArrayRef> = Vec::new();
        for _ in 0..12 {
            let groups = expected.len().max(1) + below(3000);
            expected.resize(groups, 0);
            let rows = 1 + below(9000);
            let indices: Vec<usize> = (0..rows).map(|_| below(groups)).collect();
            let values: Int64Array = (0..rows)
                .map(|row| (row % 7 > 0).then(|| below(1000) as i64 - 500))
                .collect();
            let filter: BooleanArray = (0..rows)
                .map(|row| (row % 5 > 0).then(|| below(2) == 0))
                .collect();
            let filter = (below(2) == 0).then_some(filter);
            for (row, group) in indices.iter().enumerate() {
                let passes = filter
                    .as_ref()
                    .is_none_or(|f| f.is_valid(row) && f.value(row));
                if passes && values.is_valid(row) {
                    expected[*group] += values.value(row);
                }
            }
            let values: ArrayRef = Arc::new(values);
            sums.update_batch(&[values], &indices, filter.as_ref(), groups)?;
            let first = below(groups / 2 + 1);
            let front: Vec<i64> = expected.drain(..first).collect();
            let emitted = match below(2) {
                0 => sums.evaluate(EmitTo::First(first))?,
                _ => sums.state(EmitTo::First(first))?.remove(0),
            };
            assert_eq!(emitted.as_primitive::<Int64Type>().values(), &front[..]);
            merged.push(emitted);
        }
        let size = sums.size();
        let all = sums.evaluate(EmitTo::All)?;
        assert_eq!(all.as_primitive::<Int64Type>().values(), &expected[..]);
        assert!(sums.size() < size / 2, "{} of {size}", sums.size());
        // Emitted states are merged again, each batch into one group.
        let states = merged.iter().enumerate();
        for (group, state) in states {
            let groups = vec![group; state.len()];
            sums.merge_batch(&[Arc::clone(state)], &groups, merged.len())?;
        }
        let all = sums.evaluate(EmitTo::All)?;
        let total = |state: &ArrayRef| state.as_primitive::<Int64Type>().values().iter().sum();
        let totals: Vec<i64> = merged.iter().map(total).collect();
        assert_eq!(all.as_primitive::<Int64Type>().values(), &totals[..]);
    }
    Ok(())
}

async fn group_index_out_of_range_is_an_error() -> TestResult {
    let session = with_natives(ExecutionConfig::new(1, 8192), None).await?;
    for (group, groups) in [(5, 5), (usize::MAX, 5), (0, usize::MAX), (1 << 40, 1 << 41)] {
        let mut sums = checked_sum_accumulator(&session)?;
        let value: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let error = sums
            .update_batch(&[value], &[group], None, groups)
            .unwrap_err();
        assert!(error.to_string().contains("group"), "{error}");
    }
    Ok(())
}

async fn failed_aggregates_release_instances_and_memory() -> TestResult {
    let session = with_natives(ExecutionConfig::new(8, 100), None).await?;
    for limits in [
        "checked_sum SET (instances = 30)",
        "collect_sorted SET (instances = 30, fuel_per_row = 100)",
    ] {
        session.sql(&format!("ALTER FUNCTION {limits}")).await?;
    }
    for _ in 0..40 {
        let failing = "SELECT value % 9, checked_sum(9223372036854775807 - value % 2)
                       FROM range(0, 3000) GROUP BY value % 9";
        let error = session.sql(failing).await?.collect().await.unwrap_err();
        assert!(
            error.to_string().contains("the sum is not a BIGINT"),
            "{error}"
        );
        // Running out of fuel discards the instance.
        let endless =
            "SELECT value % 9, collect_sorted(value) FROM range(0, 30000) GROUP BY value % 9";
        let error = session.sql(endless).await?.collect().await.unwrap_err();
        assert!(error.to_string().contains("ran out of fuel"), "{error}");
    }
    let sql = "SELECT checked_sum(value) FROM range(0, 1000)";
    assert_eq!(collect_integer(&session, sql).await?, 499_500);
    // Other partitions of a failed query end a little later.
    let pool = &session.context().runtime_env().memory_pool;
    for _ in 0..100 {
        if pool.reserved() == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{} bytes are still reserved", pool.reserved()).into())
}
