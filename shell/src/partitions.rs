//! Partitions of a result in their order, which is that of files and of queries of a `UNION`.
//!
//! DataFusion merges partitions as they are ready: the first rows of a file would be those of its
//! middle. Here each partition is read by a task of its own. Of a result that is shown in part,
//! the task keeps the first and last rows; else it runs ahead by a few batches. No partition takes
//! files of another: a scan whose partitions are balanced while they run has no order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::sample::Ends;

/// Batches by which a partition runs ahead of those before it.
const AHEAD: usize = 2;

/// Executes a plan, and returns its partitions one after the other.
///
/// A repartitioning buffers what its slowest reader has not taken, without a bound: behind one,
/// partitions come as they are ready.
///
/// # Errors
///
/// That of the plan.
pub(crate) fn partitions_in_order(
    plan: &Arc<dyn ExecutionPlan>,
    context: TaskContext,
) -> Result<SendableRecordBatchStream> {
    let partitions = plan.output_partitioning().partition_count();
    if partitions < 2 || is_repartitioned(plan) {
        return execute_stream(Arc::clone(plan), Arc::new(context));
    }
    let context = with_own_files(context);
    let streams = (0..partitions).map(|partition| {
        let mut stream = plan.execute(partition, Arc::clone(&context))?;
        let mut ahead = RecordBatchReceiverStream::builder(plan.schema(), AHEAD);
        let sender = ahead.tx();
        ahead.spawn(async move {
            while let Some(batch) = stream.next().await {
                let is_last = batch.is_err();
                // The receiver is gone when the statement was cancelled.
                if sender.send(batch).await.is_err() || is_last {
                    break;
                }
            }
            Ok(())
        });
        Ok(ahead.build())
    });
    let streams: Vec<_> = streams.collect::<Result<_>>()?;
    let batches = stream::iter(streams).flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(
        plan.schema(),
        batches,
    )))
}

/// Returns a context in which each partition of a scan reads its own files and parts of files,
/// which are in order, and none that another has not begun.
fn with_own_files(context: TaskContext) -> Arc<TaskContext> {
    let mut config = context.session_config().clone();
    let options = config.options_mut();
    options.execution.enable_file_stream_work_stealing = false;
    Arc::new(context.with_session_config(config))
}

fn is_repartitioned(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut plans = vec![plan];
    while let Some(plan) = plans.pop() {
        if plan.name() == "RepartitionExec" {
            return true;
        }
        plans.extend(plan.children());
    }
    false
}

/// Executes a plan, and returns the first and last `kept` rows of each partition. Counts the rows
/// between them in `omitted`.
///
/// # Errors
///
/// That of the plan.
pub(crate) fn ends_of_partitions(
    plan: &Arc<dyn ExecutionPlan>,
    context: TaskContext,
    kept: usize,
    omitted: Arc<AtomicUsize>,
) -> Result<SendableRecordBatchStream> {
    let partitions = plan.output_partitioning().partition_count();
    if partitions < 2 {
        return execute_stream(Arc::clone(plan), Arc::new(context));
    }
    let context = with_own_files(context);
    let tasks = (0..partitions).map(|partition| {
        let stream = plan.execute(partition, Arc::clone(&context))?;
        let task = SpawnedTask::spawn(ends(stream, kept));
        Ok(async move {
            let ended = task.join_unwind().await;
            ended.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
        })
    });
    let tasks: Vec<_> = tasks.collect::<Result<_>>()?;
    let batches = async move {
        let mut batches: Vec<Result<RecordBatch>> = Vec::new();
        // The first error of any partition is that of the result.
        for ends in try_join_all(tasks).await? {
            omitted.fetch_add(ends.omitted(), Ordering::Relaxed);
            batches.extend(ends.into_batches().map(Ok));
        }
        Ok::<_, DataFusionError>(stream::iter(batches))
    };
    let batches = stream::once(batches).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(
        plan.schema(),
        batches,
    )))
}

/// Reads a partition.
async fn ends(mut stream: SendableRecordBatchStream, kept: usize) -> Result<Ends> {
    let mut ends = Ends::new(kept, kept);
    while let Some(batch) = stream.next().await {
        ends.add(&batch?)?;
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

    use super::*;

    /// Returns the numbers of a query of tables in CSV, which are given by name and folder. Of them,
    /// `kept` are kept; returns how many were left out too.
    fn numbers_of(
        tables: &[(&str, &str)],
        sql: &str,
        kept: Option<usize>,
    ) -> Result<(Vec<i64>, usize)> {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(async {
            let config = SessionConfig::new()
                .with_target_partitions(4)
                .with_batch_size(7);
            let context = SessionContext::new_with_config(config);
            for (name, folder) in tables {
                let options = CsvReadOptions::new();
                context.register_csv(*name, *folder, options).await?;
            }
            let frame = context.sql(sql).await?;
            let tasks = frame.task_ctx();
            let plan = frame.create_physical_plan().await?;
            let omitted = Arc::new(AtomicUsize::new(0));
            let stream = match kept {
                Some(kept) => ends_of_partitions(&plan, tasks, kept, Arc::clone(&omitted))?,
                None => partitions_in_order(&plan, tasks)?,
            };
            let batches: Vec<RecordBatch> = stream.try_collect().await?;
            let mut numbers = Vec::new();
            for batch in &batches {
                numbers.extend(batch.column(0).as_primitive::<Int64Type>().values());
            }
            Ok((numbers, omitted.load(Ordering::Relaxed)))
        })
    }

    fn numbers(sql: &str, kept: Option<usize>) -> Result<(Vec<i64>, usize)> {
        numbers_of(&[], sql, kept)
    }

    #[test]
    fn files_come_in_the_order_of_their_names() {
        const ROWS: i64 = 100;
        let folder = tempfile::tempdir().unwrap();
        // Two for each partition, with more rows than a partition runs ahead.
        for file in 0..8 {
            let rows = (ROWS * file..ROWS * (file + 1)).map(|row| format!("{row}\n"));
            let text = format!("n\n{}", rows.collect::<String>());
            std::fs::write(folder.path().join(format!("{file}.csv")), text).unwrap();
        }
        let path = format!("{}/", folder.path().display());
        for kept in [None, Some(8 * ROWS as usize)] {
            let found = numbers_of(&[("t", path.as_str())], "SELECT n FROM t", kept);
            let (all, omitted) = found.unwrap();
            assert_eq!((all, omitted), ((0..8 * ROWS).collect(), 0));
        }
    }

    #[test]
    fn rows_come_in_the_order_of_the_partitions() {
        let sql = "SELECT value FROM range(0, 100) UNION ALL SELECT 7 UNION ALL
                   SELECT value FROM range(200, 230)";
        for kept in [None, Some(100)] {
            let (all, omitted) = numbers(sql, kept).unwrap();
            let expected: Vec<i64> = (0..100).chain([7]).chain(200..230).collect();
            assert_eq!((all, omitted), (expected, 0));
        }
        let (ends, omitted) = numbers(sql, Some(3)).unwrap();
        let expected = [0, 1, 2, 97, 98, 99, 7, 200, 201, 202, 227, 228, 229];
        assert_eq!((&ends[..], omitted), (&expected[..], 94 + 24));
    }

    #[test]
    fn an_error_of_a_partition_is_that_of_the_result() {
        let sql = "SELECT value FROM range(0, 100000000000000) UNION ALL
                   SELECT 1 / (value - 3) FROM range(0, 5)";
        let error = numbers(sql, Some(3)).unwrap_err();
        assert!(error.to_string().contains("Divide by zero"), "{error}");
        let sql = "SELECT value FROM range(0, 1000) UNION ALL
                   SELECT 1 / (value - 3) FROM range(0, 5)";
        let error = numbers(sql, None).unwrap_err();
        assert!(error.to_string().contains("Divide by zero"), "{error}");
    }
}
