//! Integers that are out of range: an error, where DataFusion's operators `+ - *`, its negation
//! and its `sum` wrap.
//!
//! Plans have the operators while they are optimized, and functions in their place when they are
//! executed, and where the optimizer evaluates constants.

// Guards around rules that evaluate constants.
mod folding;

// Expressions of plans with functions in place of operators.
mod conversion;

// Operators that fail, in plans that are executed.
mod operators;

// Conditions whose parts guard each other, in these plans.
mod conditions;

// The expression that is guarded.
mod guarded;

// The function that is an operator.
mod arithmetic;

// The aggregate function.
mod sums;

// Accumulators of sums.
mod totals;

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use arithmetic::is_arithmetic;
use conditions::GuardedConditions;
use conversion::{any_expression, check_expression, check_node};
use folding::guarded;
use operators::CheckedOperators;
use sums::{checked_sum, is_sum};

/// Adds the rules to the state of a session.
pub(crate) fn add_rules(builder: &mut SessionStateBuilder) {
    if let Some(optimizer) = builder.optimizer() {
        let rules = std::mem::take(&mut optimizer.rules);
        optimizer.rules = rules.into_iter().map(guarded).collect();
    }
    if let Some(optimizer) = builder.physical_optimizers() {
        optimizer.rules.insert(0, Arc::new(CheckedOperators));
        optimizer.rules.insert(1, Arc::new(GuardedConditions));
    }
}

/// Returns an optimized plan whose integers are checked when it is executed.
///
/// # Errors
///
/// Any error of the changed plan.
pub(crate) fn check_integers(plan: &LogicalPlan) -> Result<Cow<'_, LogicalPlan>> {
    // It executes nothing, and shows the plan with its operators.
    if matches!(plan, LogicalPlan::Explain(_)) {
        return Ok(Cow::Borrowed(plan));
    }
    let mut is_wrapping = false;
    plan.apply_with_subqueries(|node| {
        is_wrapping = is_wrapping || any_expression(node, wraps)?;
        Ok(match is_wrapping {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    if !is_wrapping {
        return Ok(Cow::Borrowed(plan));
    }
    let checked = plan.clone().transform_up_with_subqueries(|node| {
        let checked = check_node(node, is_arithmetic)?;
        let sums = check_sums(checked.data)?;
        let is_changed = checked.transformed || sums.transformed;
        Ok(Transformed::new_transformed(sums.data, is_changed))
    });
    checked.data().map(Cow::Owned)
}

/// Returns an expression without columns whose integers are checked.
///
/// # Errors
///
/// Any error of the changed expression.
pub(crate) fn check_constant(expr: Expr) -> Result<Expr> {
    let schema = DFSchema::empty();
    expr.transform_up(|expr| match is_arithmetic(&expr) {
        true => check_expression(expr, &schema),
        false => Ok(Transformed::no(expr)),
    })
    .data()
}

fn wraps(expr: &Expr) -> bool {
    is_arithmetic(expr) || is_sum(expr)
}

fn check_sums(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !any_expression(&node, is_sum)? {
        return Ok(Transformed::no(node));
    }
    node.map_expressions(|expr| {
        expr.transform_up(|expr| {
            Ok(match is_sum(&expr) {
                true => Transformed::yes(checked_sum(expr)),
                false => Transformed::no(expr),
            })
        })
    })
}
