//! DELETE, UPDATE and TRUNCATE.
//!
//! DataFusion 55.2 gives a table the filters that its optimizer leaves, and so loses those that it
//! rewrites: `DELETE … WHERE false` deletes all rows, and a subquery is forgotten. Here, a query over
//! the table with the number of each row finds the rows, and new values, as SELECT would.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{BatchCoalescer, concat_batches, filter_record_batch, interleave};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result as DfResult};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, provider_as_source, source_as_provider};
use datafusion::execution::context::SessionState;
use datafusion::execution::memory_pool::{MemoryPool, MemoryReservation};
use datafusion::logical_expr::{
    DmlStatement, Expr, LogicalPlan, LogicalPlanBuilder, TableSource, WriteOp,
};
use fusebox_runtime::{Error, Result};
use tokio::sync::OwnedRwLockWriteGuard;

use super::updated_keys::{check_updated, keys_of};
use super::{Session, query};
use crate::stored_table::{StoredTable, collect_rows};

/// Column with the number of a row.
const ROW: &str = "__fusebox_row";

/// Times that a change is computed, if others keep changing the table.
const TRIES_MAX: usize = 100;

/// Rows that a statement chooses.
struct Chosen {
    numbers: Vec<u64>,
    /// Their new values, for UPDATE.
    values: Option<RecordBatch>,
    /// The memory of the new values.
    _reservation: MemoryReservation,
}

/// Returns the statement if a plan deletes or updates rows of a table in memory or of the catalog.
pub(super) fn row_change(plan: &LogicalPlan) -> Option<&DmlStatement> {
    change_of(plan).map(|(dml, _)| dml)
}

/// Makes a change that is explained harmless: planning the change of a table in memory executes it.
///
/// For a table of the catalog, the plan is that of the query that finds its rows; for one in memory,
/// DataFusion's own over a table without rows.
pub(super) fn explained(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Explain(mut explain) => {
            // A change may be within: of a statement that is prepared, for example.
            let plan = Arc::unwrap_or_clone(explain.plan);
            let plan = plan.transform_down(harmless).map_err(query)?;
            explain.plan = Arc::new(plan.data);
            Ok(LogicalPlan::Explain(explain))
        }
        LogicalPlan::Analyze(analyze) => {
            let is_change = |plan: &LogicalPlan| Ok(change_of(plan).is_some());
            match analyze.input.exists(is_change).map_err(query)? {
                false => Ok(LogicalPlan::Analyze(analyze)),
                true => {
                    let message =
                        "EXPLAIN ANALYZE of a change of rows: explain the query of its WHERE";
                    Err(query(DataFusionError::NotImplemented(message.to_owned())))
                }
            }
        }
        other => Ok(other),
    }
}

/// Replaces a change by what can be planned without being made.
fn harmless(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let Some((dml, target)) = change_of(&plan) else {
        return Ok(Transformed::no(plan));
    };
    let plan = match target.is::<StoredTable>() {
        true => dml.input.as_ref().clone(),
        false => {
            let mut dml = dml.clone();
            dml.target = without_rows(&target)?;
            LogicalPlan::Dml(dml)
        }
    };
    Ok(Transformed::new(plan, true, TreeNodeRecursion::Jump))
}

/// Returns the statement if a plan deletes or updates rows of a table, and the table.
fn change_of(plan: &LogicalPlan) -> Option<(&DmlStatement, Arc<dyn TableProvider>)> {
    let LogicalPlan::Dml(dml) = plan else {
        return None;
    };
    let is_change = matches!(
        dml.op,
        WriteOp::Delete | WriteOp::Update | WriteOp::Truncate
    );
    let target = source_as_provider(&dml.target).ok()?;
    let has_rows = target.is::<StoredTable>() || target.is::<MemTable>();
    (is_change && has_rows).then_some((dml, target))
}

/// Returns a table of the same columns.
fn without_rows(table: &Arc<dyn TableProvider>) -> DfResult<Arc<dyn TableSource>> {
    let table = MemTable::try_new(table.schema(), vec![Vec::new()])?;
    Ok(provider_as_source(Arc::new(table)))
}

impl Session {
    /// Changes the rows of a table, and returns a frame with their number.
    pub(super) async fn change_rows(
        &self,
        dml: &DmlStatement,
        state: &SessionState,
    ) -> Result<DataFrame> {
        let target = source_as_provider(&dml.target).map_err(query)?;
        let keys = keys_of(&target, &self.short_name(&dml.table_name));
        for _ in 0..TRIES_MAX {
            let loaded = load(&target, &self.memory_pool()).await;
            let (version, batches) = loaded.map_err(query)?;
            // The rows of this version are alive until they are replaced.
            let _before = batches.clone();
            let (count, changed) = match dml.op {
                WriteOp::Truncate => (count_of(&batches), Vec::new()),
                _ => {
                    let chosen = self.chosen_rows(dml, &target, &batches, state).await?;
                    if let Some(values) = &chosen.values {
                        let new = (&chosen.numbers[..], values);
                        let pool = self.memory_pool();
                        let checked = check_updated(&keys, dml, &batches, new, &pool).await;
                        checked.map_err(query)?;
                    }
                    changed(&target.schema(), batches, &chosen).map_err(query)?
                }
            };
            if target.is::<MemTable>() && !changed.is_empty() {
                let name = self.short_name(&dml.table_name);
                let checked = self.memory_tables.check_replaced(&name, &target, &changed);
                checked.map_err(query)?;
            }
            if count == 0 || replace(&target, version, changed).await.map_err(query)? {
                self.memory_tables.recount(&target);
                let count_of = Field::new("count", DataType::UInt64, false);
                let count: Arc<dyn Array> = Arc::new(UInt64Array::from(vec![count]));
                let schema = Arc::new(Schema::new(vec![count_of]));
                let batch = RecordBatch::try_new(schema, vec![count]);
                let batch = batch.map_err(|error| query(error.into()))?;
                return self.context.read_batch(batch).map_err(query);
            }
        }
        Err(Error::Catalog(format!(
            "`{}` was not changed, because others changed it {TRIES_MAX} times meanwhile: try again",
            dml.table_name
        )))
    }

    /// Runs the query of a change over rows with their numbers.
    async fn chosen_rows(
        &self,
        dml: &DmlStatement,
        target: &Arc<dyn TableProvider>,
        batches: &[RecordBatch],
        state: &SessionState,
    ) -> Result<Chosen> {
        let numbered = provider_as_source(numbered(&target.schema(), batches).map_err(query)?);
        let plan = numbered_plan(dml, target, &numbered).map_err(query)?;
        let frame = DataFrame::new(state.clone(), plan);
        let stream = frame.execute_stream().await.map_err(query)?;
        let schema = stream.schema();
        let name = self.short_name(&dml.table_name);
        let stream = self.memory_tables.bound_replacement(name, batches, stream);
        let collected = collect_rows(stream, &self.memory_pool()).await;
        let (chosen, reservation) = collected.map_err(query)?;
        // They are copied to one batch, and to those of the table.
        let copied = reservation.try_grow(reservation.size());
        copied.map_err(query)?;
        let chosen = concat_batches(&schema, &chosen).map_err(|error| query(error.into()))?;
        let rows = chosen.column(chosen.num_columns() - 1);
        Ok(Chosen {
            numbers: rows.as_primitive::<UInt64Type>().values().to_vec(),
            values: matches!(dml.op, WriteOp::Update).then_some(chosen),
            _reservation: reservation,
        })
    }
}

/// Returns the query of a change over another source of its table, with the numbers of rows as its
/// last column.
fn numbered_plan(
    dml: &DmlStatement,
    target: &Arc<dyn TableProvider>,
    numbered: &Arc<dyn TableSource>,
) -> DfResult<LogicalPlan> {
    let (exprs, input) = match (&dml.op, dml.input.as_ref()) {
        (WriteOp::Update, LogicalPlan::Projection(projection)) => {
            (projection.expr.clone(), Arc::clone(&projection.input))
        }
        _ => (Vec::new(), Arc::clone(&dml.input)),
    };
    let mut uses = 0;
    let input = Arc::unwrap_or_clone(input).transform_up(|node| match node {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source)?;
            if Arc::as_ptr(&provider).cast::<()>() != Arc::as_ptr(target).cast::<()>() {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            }
            uses += 1;
            let scan = LogicalPlanBuilder::scan(scan.table_name, Arc::clone(numbered), None)?;
            Ok(Transformed::yes(scan.build()?))
        }
        other => Ok(Transformed::yes(other.recompute_schema()?)),
    })?;
    if uses != 1 {
        return Err(DataFusionError::Plan(format!(
            "expected `{}` once in a change of its rows, found it {uses} times: use a subquery",
            dml.table_name
        )));
    }
    let row = Expr::Column(Column::from_name(ROW));
    let exprs = exprs.into_iter().chain([row]);
    LogicalPlanBuilder::from(input.data).project(exprs)?.build()
}

/// Returns a table of rows with their numbers.
fn numbered(schema: &SchemaRef, batches: &[RecordBatch]) -> DfResult<Arc<dyn TableProvider>> {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(ROW, DataType::UInt64, false)));
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let mut first = 0;
    let batches = batches.iter().map(|batch| {
        let rows = first..first + batch.num_rows() as u64;
        first = rows.end;
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from_iter_values(rows)));
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    });
    let batches = batches.collect::<DfResult<Vec<_>>>()?;
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

/// Changes the chosen rows, and counts them.
fn changed(
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
    rows: &Chosen,
) -> DfResult<(u64, Vec<RecordBatch>)> {
    // A row that a join chooses twice has the values of the first.
    let mut chosen: HashMap<u64, usize> = HashMap::with_capacity(rows.numbers.len());
    for (index, row) in rows.numbers.iter().enumerate() {
        chosen.entry(*row).or_insert(index);
    }
    let mut first = 0;
    let mut changed = Vec::with_capacity(batches.len());
    for batch in batches {
        let numbers = first..first + batch.num_rows() as u64;
        first = numbers.end;
        let found: Vec<Option<usize>> = numbers.map(|row| chosen.get(&row).copied()).collect();
        if found.iter().all(Option::is_none) {
            changed.push(batch);
            continue;
        }
        let Some(values) = &rows.values else {
            let kept: BooleanArray = found.iter().map(|found| Some(found.is_none())).collect();
            changed.extend(compacted(filter_record_batch(&batch, &kept)?)?);
            continue;
        };
        let places = found.iter().enumerate();
        let places = places.map(|(row, found)| found.map_or((0, row), |index| (1, index)));
        let places: Vec<_> = places.collect();
        let columns = batch.columns().iter().zip(values.columns());
        let columns = columns.map(|(before, after)| {
            let both: [&dyn Array; 2] = [before.as_ref(), after.as_ref()];
            interleave(&both, &places)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        changed.extend(compacted(RecordBatch::try_new(
            Arc::clone(schema),
            columns,
        )?)?);
    }
    Ok((chosen.len() as u64, changed))
}

/// Copies a batch without the texts that its views no longer show: filters keep them.
fn compacted(batch: RecordBatch) -> DfResult<Option<RecordBatch>> {
    let mut coalescer = BatchCoalescer::new(batch.schema(), batch.num_rows().max(1));
    coalescer.push_batch(batch)?;
    coalescer.finish_buffered_batch()?;
    Ok(coalescer.next_completed_batch())
}

fn count_of(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

/// Reads the rows of a table, with the version of its catalog. Those that are not in memory are
/// charged to a pool.
pub(super) async fn load(
    table: &Arc<dyn TableProvider>,
    pool: &Arc<dyn MemoryPool>,
) -> DfResult<(u64, Vec<RecordBatch>)> {
    if let Some(stored) = table.downcast_ref::<StoredTable>() {
        return stored.load_current(pool).await;
    }
    let mut batches = Vec::new();
    for partition in memory_of(table)?.batches.iter() {
        batches.extend(partition.read().await.iter().cloned());
    }
    Ok((identity(&batches), batches))
}

/// Returns the version of rows in memory, which no others have while these are alive: the columns
/// of others have other addresses.
fn identity<'a>(batches: impl IntoIterator<Item = &'a RecordBatch>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for batch in batches {
        batch.num_rows().hash(&mut hasher);
        for column in batch.columns() {
            Arc::as_ptr(column).cast::<()>().addr().hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Replaces the rows of a table; false if it is not at a version any more.
async fn replace(
    table: &Arc<dyn TableProvider>,
    version: u64,
    batches: Vec<RecordBatch>,
) -> DfResult<bool> {
    if let Some(stored) = table.downcast_ref::<StoredTable>() {
        return stored.replace_current(version, batches).await;
    }
    let Some(mut partitions) = lock_unchanged(table, version).await? else {
        return Ok(false);
    };
    // What was known of the order of the rows holds no more.
    memory_of(table)?.sort_order.lock().clear();
    let mut batches = Some(batches);
    for partition in &mut partitions {
        **partition = batches.take().unwrap_or_default();
    }
    Ok(true)
}

/// Locks the rows of a table in memory; `None` if it has others by now than those of a version,
/// which the caller keeps alive.
pub(super) async fn lock_unchanged(
    table: &Arc<dyn TableProvider>,
    version: u64,
) -> DfResult<Option<Vec<OwnedRwLockWriteGuard<Vec<RecordBatch>>>>> {
    let mut partitions = Vec::new();
    for partition in &memory_of(table)?.batches {
        partitions.push(Arc::clone(partition).write_owned().await);
    }
    let now = identity(partitions.iter().flat_map(|batches| batches.iter()));
    Ok((now == version).then_some(partitions))
}

fn memory_of(table: &Arc<dyn TableProvider>) -> DfResult<&MemTable> {
    let memory = table.downcast_ref::<MemTable>();
    memory.ok_or_else(|| DataFusionError::Internal("the table has no rows".to_owned()))
}
