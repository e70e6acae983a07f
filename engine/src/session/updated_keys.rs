//! Keys of the rows that UPDATE changes.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan};

use crate::stored_table::StoredTable;
use crate::table_keys::TableKeys;

/// Returns the keys of a table, which messages name `name`.
pub(super) fn keys_of(table: &Arc<dyn TableProvider>, name: &str) -> TableKeys {
    if let Some(stored) = table.downcast_ref::<StoredTable>() {
        return stored.keys().clone();
    }
    let memory = table.downcast_ref::<MemTable>();
    let constraints = memory.and_then(|memory| memory.constraints());
    TableKeys::new(name.to_owned(), constraints)
}

/// Checks the new values of rows, of these numbers: nulls, and keys if an assignment changes them.
///
/// # Errors
///
/// A refusal of a null or of a key that two rows would have; an exhausted pool.
pub(super) async fn check_updated(
    keys: &TableKeys,
    dml: &DmlStatement,
    before: &[RecordBatch],
    (numbers, values): (&[u64], &RecordBatch),
    pool: &Arc<dyn MemoryPool>,
) -> Result<()> {
    let schema = dml.target.schema();
    keys.check_nulls(&schema, values)?;
    if keys.is_empty() || !assigns(dml, keys, &schema) {
        return Ok(());
    }
    let mut changed = HashSet::with_capacity(numbers.len());
    // A row that a join chooses twice has the values of the first.
    let is_first: BooleanArray = numbers.iter().map(|n| Some(changed.insert(*n))).collect();
    let added = [filter_record_batch(values, &is_first)?];
    let added = keys.of_added(&schema, &added, pool).await?;
    let mut first = 0;
    let left = before.iter().map(|batch| {
        let rows = first..first + batch.num_rows() as u64;
        first = rows.end;
        let is_left: BooleanArray = rows.map(|row| Some(!changed.contains(&row))).collect();
        Ok(filter_record_batch(batch, &is_left)?)
    });
    let left = left.collect::<Result<Vec<_>>>()?;
    Arc::new(added).compare_all(left).await
}

/// Returns true if a statement assigns a column of a key.
fn assigns(dml: &DmlStatement, keys: &TableKeys, schema: &Schema) -> bool {
    let LogicalPlan::Projection(projection) = dml.input.as_ref() else {
        return true;
    };
    keys.columns().into_iter().any(|index| {
        let name = schema.field(index).name();
        // A column that is not assigned is that of the table, and of no other.
        let is_unique = || {
            let named = projection.input.schema();
            named.fields_with_unqualified_name(name).len() == 1
        };
        let expr = projection.expr.get(index).map(|expr| match expr {
            Expr::Alias(alias) => alias.expr.as_ref(),
            expr => expr,
        });
        !matches!(expr, Some(Expr::Column(column)) if column.name == *name && is_unique())
    })
}
