//! Limit of the plans that a session keeps: of views and prepared statements, and the columns of
//! tables.
//!
//! A view within a view is a plan again, so that a few short statements could keep gigabytes.

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
    plans: Mutex<Plans>,
}

#[derive(Debug, Default)]
struct Plans {
    /// Views and tables, with the bytes of their plans, while they are there.
    relations: Vec<(Weak<dyn TableProvider>, u64)>,
    /// Bytes of prepared statements.
    prepared: u64,
}

impl KeptPlans {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            plans: Mutex::default(),
        }
    }

    /// Refuses a plan above the limit.
    ///
    /// # Errors
    ///
    /// [`StatementError::CatalogFull`].
    pub(crate) fn check(&self, added: u64) -> std::result::Result<(), StatementError> {
        let mut plans = self.plans();
        plans
            .relations
            .retain(|(relation, _)| relation.strong_count() > 0);
        let relations = plans.relations.iter().map(|(_, bytes)| *bytes);
        let kept = relations.fold(plans.prepared, u64::saturating_add);
        let bytes = kept.saturating_add(added);
        match bytes > self.bytes_max {
            true => Err(StatementError::CatalogFull {
                contents: format!("plans of {bytes} bytes"),
                limit: "plan_bytes_max",
                max: self.bytes_max.to_string(),
            }),
            false => Ok(()),
        }
    }

    /// Counts the plan of a view or table, as long as it is there.
    pub(crate) fn watch(&self, relation: &Arc<dyn TableProvider>, bytes: u64) {
        let relation = Arc::downgrade(relation);
        let mut plans = self.plans();
        // A statement with IF NOT EXISTS may have created nothing.
        if !plans.relations.iter().any(|(one, _)| one.ptr_eq(&relation)) {
            plans.relations.push((relation, bytes));
        }
    }

    /// Counts the plan of a statement that is prepared.
    pub(crate) fn prepare(&self, bytes: u64) {
        self.plans().prepared += bytes;
    }

    /// Counts no longer the plan of a prepared statement.
    pub(crate) fn deallocate(&self, bytes: u64) {
        self.plans().prepared -= bytes;
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
