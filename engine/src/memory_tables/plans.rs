//! Limit of the plans that a session keeps: of views and prepared statements, and the columns of
//! tables.
//!
//! A view within a view is a plan again, so that a few short statements could keep gigabytes.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{DdlStatement, Expr, LogicalPlan};
use fusebox_definition::StatementError;

/// Bytes of a node of a plan, of a column of its schema, and of a node of an expression besides
/// names and constants, as measured over views of joins.
const NODE_BYTES: u64 = 1_000;
const COLUMN_BYTES: u64 = 150;
const EXPRESSION_BYTES: u64 = 300;

/// Bytes of the names in a plan for each byte of its text.
const NAMES_OF_TEXT: u64 = 3;

/// Plans that a session keeps.
#[derive(Debug)]
pub(crate) struct KeptPlans {
    bytes_max: u64,
    plans: Arc<Mutex<Plans>>,
}

#[derive(Debug, Default)]
struct Plans {
    /// Views and tables, with the bytes of their plans, while they are there.
    relations: Vec<(Weak<dyn TableProvider>, u64)>,
    /// Bytes of the other plans: of prepared statements, and of relations that are being created.
    reserved: u64,
}

/// Bytes of a plan, which count until this is dropped.
#[derive(Debug)]
pub(crate) struct ReservedPlan {
    plans: Arc<Mutex<Plans>>,
    bytes: u64,
}

impl KeptPlans {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            plans: Arc::default(),
        }
    }

    /// Counts a plan from now on, or refuses it above the limit. Clones of a session may count
    /// plans at the same time: they stay below the limit together.
    ///
    /// # Errors
    ///
    /// [`StatementError::CatalogFull`].
    pub(crate) fn reserve(&self, bytes: u64) -> std::result::Result<ReservedPlan, StatementError> {
        let mut plans = lock(&self.plans);
        let total = plans.kept().saturating_add(bytes);
        if total > self.bytes_max {
            return Err(StatementError::CatalogFull {
                contents: format!("plans of {total} bytes"),
                limit: "plan_bytes_max",
                max: self.bytes_max.to_string(),
            });
        }
        plans.reserved += bytes;
        Ok(ReservedPlan {
            plans: Arc::clone(&self.plans),
            bytes,
        })
    }
}

impl Plans {
    /// Returns the bytes of all plans, once relations that are gone are forgotten.
    fn kept(&mut self) -> u64 {
        self.relations
            .retain(|(relation, _)| relation.strong_count() > 0);
        let relations = self.relations.iter().map(|(_, bytes)| *bytes);
        relations.fold(self.reserved, u64::saturating_add)
    }
}

impl ReservedPlan {
    /// Counts the plan as long as its view or table is there.
    pub(crate) fn watch(mut self, relation: &Arc<dyn TableProvider>) {
        let relation = Arc::downgrade(relation);
        let mut plans = lock(&self.plans);
        // A statement with IF NOT EXISTS may have created nothing.
        if !plans.relations.iter().any(|(one, _)| one.ptr_eq(&relation)) {
            let bytes = mem::take(&mut self.bytes);
            plans.reserved -= bytes;
            plans.relations.push((relation, bytes));
        }
    }
}

impl Drop for ReservedPlan {
    fn drop(&mut self) {
        lock(&self.plans).reserved -= self.bytes;
    }
}

fn lock(plans: &Mutex<Plans>) -> MutexGuard<'_, Plans> {
    plans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Estimates the bytes that a view or table keeps besides its rows.
pub(crate) fn relation_bytes(statement: &DdlStatement) -> u64 {
    match statement {
        DdlStatement::CreateView(view) => {
            // The text has the names of relations that the plan repeats.
            let text = view.definition.as_ref().map_or(0, String::len) as u64;
            plan_bytes(&view.input).saturating_add(NAMES_OF_TEXT * text)
        }
        DdlStatement::CreateMemoryTable(table) => {
            let defaults = table.column_defaults.iter();
            let defaults = defaults.map(|(_, default)| expression_bytes(default));
            schema_bytes(table.input.schema()) + defaults.sum::<u64>()
        }
        DdlStatement::CreateExternalTable(table) => {
            let defaults = table.column_defaults.values().map(expression_bytes);
            schema_bytes(&table.schema) + defaults.sum::<u64>()
        }
        _ => 0,
    }
}

/// Estimates the bytes of a plan, with those of its subqueries.
pub(crate) fn plan_bytes(plan: &LogicalPlan) -> u64 {
    let mut bytes = 0;
    let visited = plan.apply_with_subqueries(|node| {
        bytes += NODE_BYTES + schema_bytes(node.schema());
        node.apply_expressions(|expr| {
            bytes += expression_bytes(expr);
            Ok(TreeNodeRecursion::Continue)
        })
    });
    visited.map_or(u64::MAX, |_| bytes)
}

fn schema_bytes(schema: &DFSchema) -> u64 {
    let names = schema.fields().iter().map(|field| field.name().len());
    COLUMN_BYTES * schema.fields().len() as u64 + names.sum::<usize>() as u64
}

fn expression_bytes(expr: &Expr) -> u64 {
    let mut bytes = 0;
    let visited: Result<_> = expr.apply(|node| {
        bytes += EXPRESSION_BYTES
            + match node {
                Expr::Literal(value, _) => value.size() as u64,
                Expr::Column(column) => column.name.len() as u64,
                Expr::Alias(alias) => alias.name.len() as u64,
                _ => 0,
            };
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_or(u64::MAX, |_| bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use arrow::datatypes::Schema;
    use datafusion::datasource::empty::EmptyTable;

    use super::*;

    const THREADS: usize = 16;

    /// Executes `work` on all threads at once, and returns those results that there are.
    fn at_once<T: Send>(work: impl Fn() -> Option<T> + Sync) -> Vec<T> {
        let barrier = Barrier::new(THREADS);
        thread::scope(|scope| {
            let threads = (0..THREADS).map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    work()
                })
            });
            let threads: Vec<_> = threads.collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results.flatten().collect()
        })
    }

    fn relation() -> Arc<dyn TableProvider> {
        Arc::new(EmptyTable::new(Arc::new(Schema::empty())))
    }

    #[test]
    fn plans_of_threads_stay_below_the_limit_together() {
        let plans = KeptPlans::new(59);
        for _ in 0..200 {
            let reserved = at_once(|| plans.reserve(10).ok());
            assert_eq!(reserved.len(), 5);
            assert!(plans.reserve(10).is_err());
            assert!(plans.reserve(9).is_ok());
        }
        // All are dropped.
        assert!(plans.reserve(59).is_ok());
    }

    #[test]
    fn relations_of_threads_stay_below_the_limit_together() {
        let plans = KeptPlans::new(59);
        for _ in 0..200 {
            let relations = at_once(|| {
                let reserved = plans.reserve(10).ok()?;
                let relation = relation();
                reserved.watch(&relation);
                Some(relation)
            });
            assert_eq!(relations.len(), 5);
            assert!(plans.reserve(10).is_err());
        }
        assert!(plans.reserve(59).is_ok());
    }

    #[test]
    fn relation_that_was_there_before_counts_once() {
        let plans = KeptPlans::new(30);
        let relation = relation();
        for _ in 0..2 {
            plans.reserve(10).unwrap().watch(&relation);
        }
        assert!(plans.reserve(21).is_err());
        assert!(plans.reserve(20).is_ok());
        drop(relation);
        assert!(plans.reserve(30).is_ok());
    }
}
