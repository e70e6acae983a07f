//! Guards around DataFusion's rules that evaluate constants, whose results would be wrapped.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::arithmetic::{is_binary, is_checked};
use super::conversion::{any_expression, check_node, restore_node};

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Puts a guard around a rule that needs one.
pub(super) fn guarded(rule: Rule) -> Rule {
    match rule.name() {
        "simplify_expressions" => Arc::new(CheckedSimplification(rule)),
        "scalar_subquery_to_join" => Arc::new(CheckedDecorrelation(rule)),
        _ => rule,
    }
}

/// Simplification with functions in place of operators over integers, which fail where a constant
/// is out of range. The rule leaves such a constant to the execution, which may not need it.
#[derive(Debug)]
struct CheckedSimplification(Rule);

impl OptimizerRule for CheckedSimplification {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let checked = check_node(plan, is_binary)?.data;
        if !any_expression(&checked, is_checked)? {
            return self.0.rewrite(checked, config);
        }
        let simplified = self.0.rewrite(checked, config)?;
        let restored = restore_node(simplified.data)?.data;
        // The sums of `a + 1` and `a + 2` become one, which needs the operators. There is no
        // constant left to evaluate.
        if !matches!(restored, LogicalPlan::Aggregate(_)) {
            return Ok(Transformed::new_transformed(
                restored,
                simplified.transformed,
            ));
        }
        let again = self.0.rewrite(restored, config)?;
        let is_transformed = simplified.transformed || again.transformed;
        Ok(Transformed::new_transformed(again.data, is_transformed))
    }
}

/// Decorrelation of subqueries, which evaluates their aggregates over no rows, with functions in
/// place of operators over integers. The next simplification puts the operators back.
#[derive(Debug)]
struct CheckedDecorrelation(Rule);

impl OptimizerRule for CheckedDecorrelation {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let is_decorrelated = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Projection(_));
        let plan = match is_decorrelated {
            true => plan.map_subqueries(check_subquery)?.data,
            false => plan,
        };
        let rewritten = self.0.rewrite(plan, config)?;
        // Those that are left are not simplified again.
        match is_decorrelated {
            true => rewritten.transform_data(|plan| plan.map_subqueries(restore_subquery)),
            false => Ok(rewritten),
        }
    }
}

fn restore_subquery(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_up_with_subqueries(restore_node)
}

fn check_subquery(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match &plan {
        LogicalPlan::Subquery(subquery) if !subquery.outer_ref_columns.is_empty() => {
            plan.transform_up_with_subqueries(|node| check_node(node, is_binary))
        }
        _ => Ok(Transformed::no(plan)),
    }
}
