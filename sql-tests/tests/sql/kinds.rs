//! Aggregate, window and table functions against their native twins: in one
//! query, so that both get the same rows in the same batches, merge the same
//! states, and must answer with the same bits.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Paths, Session};
use fusebox_sql_tests::workspace;
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

mod states;

pub(crate) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    let mut trials = vec![
        trial!(runtime, aggregates_of_flights_are_those_of_their_twins),
        trial!(runtime, aggregates_of_random_rows_are_those_of_their_twins),
        trial!(runtime, aggregates_that_spill_are_those_of_their_twins),
        trial!(
            runtime,
            rows_that_are_groups_of_their_own_are_those_of_their_twins
        ),
        trial!(runtime, million_groups_are_those_of_their_twins),
        trial!(runtime, windows_of_flights_are_those_of_their_twins),
        trial!(runtime, moving_frames_are_those_of_their_twins),
        trial!(runtime, series_is_that_of_its_twin),
        trial!(runtime, exact_sum_does_not_depend_on_partitions),
    ];
    trials.extend(states::trials(runtime));
    trials
}

type Outcome = Result<(), Failed>;

/// What a query runs in.
#[derive(Clone, Copy, Debug)]
struct Setting {
    partitions: usize,
    batch_size: usize,
    memory_bytes: Option<usize>,
}

const SETTINGS: [Setting; 5] = [
    Setting::new(1, 8192),
    Setting::new(2, 1024),
    Setting::new(8, 100),
    Setting::new(2, 7),
    Setting::new(3, 1),
];

impl Setting {
    const fn new(partitions: usize, batch_size: usize) -> Self {
        Self {
            partitions,
            batch_size,
            memory_bytes: None,
        }
    }

    /// A session with the functions of the modules `stats` and `kinds`, and the
    /// native twins.
    async fn session(self) -> Result<Session, Failed> {
        let config = SessionConfig::new()
            .with_target_partitions(self.partitions)
            .with_batch_size(self.batch_size);
        let mut environment = RuntimeEnvBuilder::new();
        if let Some(bytes) = self.memory_bytes {
            environment = environment.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
        }
        let context = SessionContext::new_with_config_rt(config, environment.build_arc()?);
        native::register(&context);
        let session = Session::builder()
            .context(context)
            .paths(Paths::under(workspace())?)
            .build()?;
        let data = workspace().join("data/nycflights13/flights-2013-01.parquet");
        let text = format!(
            "CREATE MODULE stats LANGUAGE WASM FROM 'target/guests/stats.wasm';
             CREATE MODULE kinds LANGUAGE WASM FROM 'target/guests/kinds.wasm';
             IMPORT FUNCTIONS FROM MODULE stats;
             IMPORT FUNCTIONS FROM MODULE kinds LIKE 'c%';
             CREATE EXTERNAL TABLE flights STORED AS PARQUET LOCATION '{}';",
            data.display()
        );
        for statement in session.statements(&text) {
            session.execute(statement?).await?;
        }
        Ok(session)
    }
}

async fn batches(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Failed> {
    Ok(session.sql(sql).await?.collect().await?)
}

/// Checks that the columns of a result are equal in pairs, the last two, the two
/// before and so on, for `rows` rows.
fn check_pairs(batches: &[RecordBatch], pairs: usize, rows: usize, what: &str) -> Outcome {
    let mut found = 0;
    for batch in batches {
        let columns = batch.columns();
        for pair in columns[columns.len() - 2 * pairs..].chunks(2) {
            if let Some(row) = first_difference(&pair[0], &pair[1]) {
                return Err(format!("{what}: row {row} of {batch:?}").into());
            }
        }
        found += batch.num_rows();
    }
    match found == rows {
        true => Ok(()),
        false => Err(format!("{what}: {found} rows of {rows}").into()),
    }
}

/// The first row in which two columns differ, to the bit.
fn first_difference(a: &ArrayRef, b: &ArrayRef) -> Option<usize> {
    assert_eq!(a.data_type(), b.data_type());
    if a.to_data() == b.to_data() {
        return None;
    }
    (0..a.len()).find(|row| a.slice(*row, 1).to_data() != b.slice(*row, 1).to_data())
}

/// Each aggregate beside its twin.
const AGGREGATES: &str = "
    geomean(x), native_geomean(x),
    weighted_avg(x, w), native_weighted_avg(x, w),
    exact_sum(x), native_exact_sum(x),
    approx_distinct_hll(t), native_approx_distinct_hll(t),
    topk_str(t, 3), native_topk_str(t, 3),
    geomean(x) FILTER (WHERE w > 500), native_geomean(x) FILTER (WHERE w > 500)";

const PAIRS: usize = 6;

const OF_FLIGHTS: &str =
    "(SELECT origin AS g, air_time AS x, distance::DOUBLE AS w, dest AS t FROM flights)";

async fn aggregates_of_flights_are_those_of_their_twins() -> Outcome {
    for setting in SETTINGS {
        // A row at a time is slow, and a day is enough for it.
        let rows = match setting.batch_size {
            1 | 7 => {
                "(SELECT origin AS g, air_time AS x, distance::DOUBLE AS w, dest AS t
                       FROM flights WHERE day = 3)"
            }
            _ => OF_FLIGHTS,
        };
        let session = setting.session().await?;
        let sql = format!("SELECT g, {AGGREGATES} FROM {rows} GROUP BY g");
        check_pairs(
            &batches(&session, &sql).await?,
            PAIRS,
            3,
            &format!("{setting:?}"),
        )?;
        let sql = format!("SELECT {AGGREGATES} FROM {rows}");
        check_pairs(
            &batches(&session, &sql).await?,
            PAIRS,
            1,
            &format!("{setting:?}"),
        )?;
    }
    Ok(())
}

/// Rows with nulls, in groups of all sizes.
const RANDOM: &str = "(
    SELECT (value * 7919) % 13 * ((value * 31) % 17) AS g,
           CASE WHEN value % 11 > 1 THEN ((value * 2654435761) % 1000003 + 1) / 1000.0 END AS x,
           CASE WHEN value % 7 > 0 THEN ((value * 40503) % 1009)::DOUBLE END AS w,
           CASE WHEN value % 5 > 0 THEN ((value * 65537) % 257)::VARCHAR END AS t
    FROM range(0, 30000))";

async fn aggregates_of_random_rows_are_those_of_their_twins() -> Outcome {
    let groups = "SELECT count(DISTINCT g) FROM ";
    for setting in SETTINGS {
        let session = setting.session().await?;
        let rows = match setting.batch_size {
            1 | 7 => RANDOM.replace("30000", "2000"),
            _ => RANDOM.to_owned(),
        };
        let count = batches(&session, &format!("{groups}{rows}")).await?;
        let count = count[0].column(0).as_primitive::<Int64Type>().value(0) as usize;
        let sql = format!("SELECT g, {AGGREGATES} FROM {rows} GROUP BY g");
        check_pairs(
            &batches(&session, &sql).await?,
            PAIRS,
            count,
            &format!("{setting:?}"),
        )?;
    }
    Ok(())
}

/// What the nodes of a plan have counted together.
fn counted(
    plan: &Arc<dyn ExecutionPlan>,
    count: impl Fn(&MetricsSet) -> Option<usize> + Copy,
) -> usize {
    let own = plan.metrics().and_then(|metrics| count(&metrics));
    let children = plan.children().into_iter();
    own.unwrap_or(0) + children.map(|child| counted(child, count)).sum::<usize>()
}

/// The batches of a query, and its plan.
async fn ran(
    session: &Session,
    sql: &str,
) -> Result<(Vec<RecordBatch>, Arc<dyn ExecutionPlan>), Failed> {
    let frame = session.sql(sql).await?;
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    Ok((collect(Arc::clone(&plan), context).await?, plan))
}

async fn aggregates_that_spill_are_those_of_their_twins() -> Outcome {
    let setting = Setting {
        memory_bytes: Some(24 << 20),
        ..Setting::new(2, 4096)
    };
    let session = setting.session().await?;
    let sql = "SELECT g, geomean(x), native_geomean(x), exact_sum(x), native_exact_sum(x)
               FROM (SELECT value % 60000 AS g, (value % 1013 + 1) / 7.0 AS x
                     FROM range(0, 200000)) GROUP BY g";
    let (batches, plan) = ran(&session, sql).await?;
    check_pairs(&batches, 2, 60_000, "spilling")?;
    match counted(&plan, |metrics| metrics.spill_count()) {
        0 => Err("nothing was spilled".into()),
        _ => Ok(()),
    }
}

async fn rows_that_are_groups_of_their_own_are_those_of_their_twins() -> Outcome {
    let session = Setting::new(2, 8192).session().await?;
    let sql = "SELECT g, geomean(value + 1), native_geomean(value + 1),
                      topk_str(value::VARCHAR, 2) FILTER (WHERE value % 3 > 0),
                      native_topk_str(value::VARCHAR, 2) FILTER (WHERE value % 3 > 0)
               FROM (SELECT value, (value * 7919) % 1000003 AS g FROM range(0, 400000))
               GROUP BY g";
    let (batches, plan) = ran(&session, sql).await?;
    check_pairs(&batches, 2, 400_000, "skipping")?;
    let skipped =
        |metrics: &MetricsSet| Some(metrics.sum_by_name("skipped_aggregation_rows")?.as_usize());
    match counted(&plan, skipped) {
        0 => Err("no partial aggregation was skipped".into()),
        _ => Ok(()),
    }
}

async fn million_groups_are_those_of_their_twins() -> Outcome {
    let session = Setting::new(2, 8192).session().await?;
    let sql = "SELECT count(*), sum(CASE WHEN a = b AND c = d THEN 1 ELSE 0 END) FROM (
                   SELECT value / 2 AS g, geomean(value + 1) AS a, native_geomean(value + 1) AS b,
                          weighted_avg(value, 1 + value % 3) AS c,
                          native_weighted_avg(value, 1 + value % 3) AS d
                   FROM range(0, 2000000) GROUP BY g)";
    let counted = batches(&session, sql).await?;
    let counted = counted[0].columns().iter();
    let counted: Vec<_> = counted
        .map(|column| column.as_primitive::<Int64Type>().value(0))
        .collect();
    match counted[..] {
        [1_000_000, 1_000_000] => Ok(()),
        _ => Err(format!("{counted:?}").into()),
    }
}

async fn windows_of_flights_are_those_of_their_twins() -> Outcome {
    for setting in SETTINGS {
        let session = setting.session().await?;
        let sql = "SELECT ema(dep_delay, 0.1) OVER w, native_ema(dep_delay, 0.1) OVER w,
                          sessionize(time_hour, INTERVAL '2 hours') OVER w,
                          native_sessionize(time_hour, INTERVAL '2 hours') OVER w
                   FROM flights WHERE day < 4
                   WINDOW w AS (PARTITION BY carrier, origin ORDER BY time_hour, flight, tailnum)";
        let rows = batches(&session, "SELECT count(*) FROM flights WHERE day < 4").await?;
        let rows = rows[0].column(0).as_primitive::<Int64Type>().value(0) as usize;
        check_pairs(
            &batches(&session, sql).await?,
            2,
            rows,
            &format!("{setting:?}"),
        )?;
    }
    Ok(())
}

/// Every kind of bound that a frame can have.
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

async fn moving_frames_are_those_of_their_twins() -> Outcome {
    for setting in [Setting::new(1, 8192), Setting::new(2, 7)] {
        let session = setting.session().await?;
        for frame in FRAMES {
            let sql = format!(
                "SELECT exact_sum(x) OVER w, native_exact_sum(x) OVER w,
                        checked_sum(v) OVER w, sum(v) OVER w,
                        chain(v::VARCHAR, '-') OVER w, array_to_string(array_agg(v) OVER w, '-')
                 FROM (SELECT value AS v, value / 3.0 AS x, value % 5 AS g FROM range(0, 300))
                 WINDOW w AS (PARTITION BY g ORDER BY v {frame})"
            );
            let sql = format!(
                "SELECT a, b, coalesce(c, 0), coalesce(d, 0), coalesce(e, ''), coalesce(f, '')
                 FROM ({sql}) AS t(a, b, c, d, e, f)"
            );
            let batches = batches(&session, &sql).await?;
            for batch in &batches {
                let casts = |index: usize| -> Result<ArrayRef, Failed> {
                    let target = match index {
                        0 | 1 => DataType::Float64,
                        2 | 3 => DataType::Int64,
                        _ => DataType::Utf8,
                    };
                    Ok(arrow::compute::cast(batch.column(index), &target)?)
                };
                for index in [0, 2, 4] {
                    let (ours, theirs) = (casts(index)?, casts(index + 1)?);
                    if let Some(row) = first_difference(&ours, &theirs) {
                        return Err(format!("{frame}: row {row} of {batch:?}").into());
                    }
                }
            }
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, 300, "{frame}");
        }
    }
    Ok(())
}

async fn series_is_that_of_its_twin() -> Outcome {
    for setting in SETTINGS {
        let session = setting.session().await?;
        for arguments in ["1, 10, 3", "10, 1, -2", "5, 4, 1", "-3000, 3000, 1"] {
            let ours = batches(&session, &format!("SELECT * FROM series({arguments})")).await?;
            let native = format!("SELECT * FROM native_series({arguments})");
            let native = batches(&session, &native).await?;
            let numbers = |batches: &[RecordBatch]| -> Vec<i64> {
                let columns = batches.iter().map(|batch| batch.column(0));
                let values = columns.map(|column| column.as_primitive::<Int64Type>().values());
                values.flat_map(|values| values.to_vec()).collect()
            };
            assert_eq!(numbers(&ours), numbers(&native), "{setting:?}: {arguments}");
        }
    }
    Ok(())
}

async fn exact_sum_does_not_depend_on_partitions() -> Outcome {
    let sql = "SELECT exact_sum(CASE value % 3 WHEN 0 THEN 1e300 / (value + 1)
                                     WHEN 1 THEN -1e300 / value ELSE 1.0 / value END)
               FROM range(0, 3000)";
    let mut sums = Vec::new();
    for setting in SETTINGS {
        let batches = batches(&setting.session().await?, sql).await?;
        let sum = batches[0].column(0).as_primitive::<Float64Type>();
        sums.push(sum.value(0).to_bits());
    }
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    Ok(())
}
