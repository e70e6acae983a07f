//! Optimizer rules that end with their statement.
//!
//! Rules evaluate functions, some with options of their own, and take long for large plans. Each
//! rule of a context is therefore called through a [`ScopedRule`]: functions find the scope of the
//! statement, and a statement that was cancelled, or whose time is over, is optimized no further.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use fusebox_runtime::Error;

use super::current::with_optimized_options;
use super::query_options::QueryScope;

/// Calls each optimizer rule of a context through a [`ScopedRule`].
pub(crate) fn add_scopes_to_rules(builder: &mut SessionStateBuilder) {
    if let Some(optimizer) = builder.optimizer() {
        let rules = std::mem::take(&mut optimizer.rules).into_iter();
        optimizer.rules = rules.map(|rule| Arc::new(ScopedRule(rule)) as _).collect();
    }
}

/// Rule that ends with its statement.
#[derive(Debug)]
struct ScopedRule(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for ScopedRule {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    /// Called for each node of a plan, unless the rule goes through the plan itself.
    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let options = config.options();
        QueryScope::check(&options)?;
        let rewritten =
            with_optimized_options(Arc::clone(&options), || self.0.rewrite(plan, config));
        rewritten.map_err(|error| match Error::find_in(&error) {
            // The end of its time cancels it too, and has an error of its own.
            Some(Error::Cancelled) => QueryScope::check(&options).err().unwrap_or(error),
            _ => error,
        })
    }
}
