//! Optimizer rules that evaluate each call of a volatile function once a row.
//!
//! DataFusion 55.2 copies volatile expressions, and moves them to where they are evaluated for
//! other rows. The rules here replace the calls that it would copy, and keep the rules that
//! copy or move from the plans where they would. A test of each states when it can go.

// Replaces and hoists expressions that would be copied.
mod analyzer;

// Functions that evaluate their arguments once.
mod functions;

// Keeps DataFusion's rules from plans that they would change.
mod guards;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use analyzer::VolatileOnce;
use guards::{GuardedProjectionPushdown, guarded};

/// Adds the rules to the state of a session.
pub(crate) fn add_rules(builder: &mut SessionStateBuilder) {
    if let Some(analyzer) = builder.analyzer() {
        analyzer.rules.push(Arc::new(VolatileOnce));
    }
    if let Some(optimizer) = builder.optimizer() {
        let rules = std::mem::take(&mut optimizer.rules);
        optimizer.rules = rules.into_iter().map(guarded).collect();
    }
    if let Some(optimizer) = builder.physical_optimizers() {
        for rule in &mut optimizer.rules {
            if rule.name() == GuardedProjectionPushdown::NAME {
                *rule = Arc::new(GuardedProjectionPushdown::new(Arc::clone(rule)));
            }
        }
    }
}

/// Returns true if a plan evaluates a volatile function.
fn is_volatile_plan(plan: &LogicalPlan) -> Result<bool> {
    let mut is_volatile = false;
    plan.apply_with_subqueries(|node| {
        is_volatile = is_volatile || is_volatile_node(node)?;
        Ok(match is_volatile {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(is_volatile)
}

/// Returns true if an expression of a node itself is volatile.
fn is_volatile_node(node: &LogicalPlan) -> Result<bool> {
    let mut is_volatile = false;
    node.apply_expressions(|expr| {
        is_volatile |= Expr::is_volatile(expr);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_volatile)
}
