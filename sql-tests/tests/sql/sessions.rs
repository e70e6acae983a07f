//! Sessions with the bundled functions and the flights, and the results of their
//! queries.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;
use fusebox::Session;
use fusebox_sql_tests::{ExecutionConfig, privileges, session, workspace_root};
use sqllogictest::harness::Failed;

/// The result of a test.
pub(crate) type TestResult = Result<(), Failed>;

/// Execution configs from large batches in one partition to batches of one row.
pub(crate) const CONFIGS: [ExecutionConfig; 5] = [
    ExecutionConfig::new(1, 8192),
    ExecutionConfig::new(2, 1024),
    ExecutionConfig::new(8, 100),
    ExecutionConfig::new(2, 7),
    ExecutionConfig::new(3, 1),
];

/// Opens a session with the scalar functions of `geo`, `text` and `math`, and the
/// tables `flights` (the year 2013) and `airports`.
pub(crate) async fn with_scalars(config: ExecutionConfig) -> Result<Session, Failed> {
    let session = session(config);
    let data = workspace_root().join("data/nycflights13");
    let data = data.display();
    let statements = format!(
        "CREATE MODULE geo LANGUAGE WASM FROM 'target/guests/geo.wasm';
         CREATE MODULE text LANGUAGE WASM FROM 'target/guests/text.wasm';
         CREATE MODULE math LANGUAGE WASM FROM 'target/guests/math.wasm';
         IMPORT FUNCTIONS FROM MODULE geo;
         IMPORT FUNCTIONS FROM MODULE text;
         IMPORT FUNCTIONS FROM MODULE math;
         CREATE EXTERNAL TABLE flights STORED AS PARQUET LOCATION '{data}/flights.parquet';
         CREATE EXTERNAL TABLE airports STORED AS CSV LOCATION '{data}/airports.csv'
             OPTIONS ('format.has_header' 'true');"
    );
    execute_all(&session, &statements).await?;
    Ok(session)
}

/// Opens a session with the aggregate, window and table functions of `stats` and
/// `kinds`, the same functions compiled natively, and the table `flights` (January
/// 2013). Without `memory_bytes`, memory is not limited.
pub(crate) async fn with_natives(
    config: ExecutionConfig,
    memory_bytes: Option<usize>,
) -> Result<Session, Failed> {
    let mut environment = RuntimeEnvBuilder::new();
    if let Some(bytes) = memory_bytes {
        environment = environment.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
    }
    let context =
        SessionContext::new_with_config_rt(config.session_config(), environment.build_arc()?);
    native::register(&context);
    let session = Session::builder()
        .context(context)
        .privileges(privileges())
        .build()?;
    let data = workspace_root().join("data/nycflights13/flights-2013-01.parquet");
    let statements = format!(
        "CREATE MODULE stats LANGUAGE WASM FROM 'target/guests/stats.wasm';
         CREATE MODULE kinds LANGUAGE WASM FROM 'target/guests/kinds.wasm';
         IMPORT FUNCTIONS FROM MODULE stats;
         IMPORT FUNCTIONS FROM MODULE kinds LIKE 'c%';
         CREATE EXTERNAL TABLE flights STORED AS PARQUET LOCATION '{}';",
        data.display()
    );
    execute_all(&session, &statements).await?;
    Ok(session)
}

/// Executes statements, separated by semicolons.
pub(crate) async fn execute_all(session: &Session, statements: &str) -> TestResult {
    for statement in session.statements(statements) {
        session.execute(statement?).await?;
    }
    Ok(())
}

/// Collects the result of a query.
pub(crate) async fn collect(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Failed> {
    Ok(session.sql(sql).await?.collect().await?)
}

/// Returns the only value of a query's result, a BIGINT.
pub(crate) async fn collect_integer(session: &Session, sql: &str) -> Result<i64, Failed> {
    let batches = collect(session, sql).await?;
    let batches: Vec<_> = batches.iter().filter(|b| b.num_rows() > 0).collect();
    match batches.as_slice() {
        [batch]
            if batch.num_rows() == 1 && batch.num_columns() == 1 && batch.column(0).is_valid(0) =>
        {
            Ok(batch.column(0).as_primitive::<Int64Type>().value(0))
        }
        _ => Err(format!("{sql}: expected one value, found {batches:?}").into()),
    }
}

/// Counts the rows of a result.
pub(crate) fn row_count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}
