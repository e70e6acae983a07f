//! Native stack of planning, and the depth of plans.
//!
//! DataFusion recurses over expressions and plans. The depth of a statement is bounded by its
//! text; a view adds the depth of its own plan to each statement that names it.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{
    DdlStatement, Expr, LogicalPlan, SetVariable, Statement as DfStatement,
};
use fusebox_definition::statement::RECURSION_LIMIT_MAX;
use fusebox_runtime::{Error, Result};

/// Stack in bytes on which a deep statement is planned, the costliest step for a given depth:
/// a subquery takes some 50 KiB.
const PLANNING_BYTES: usize = 32 << 20;

/// Depth of a statement that any stack suffices for.
const SHALLOW_MAX: u32 = 64;

/// Maximum depth of the plan of a view, in the units of a statement's. Together with a
/// statement of maximum depth, a thread of 2 MiB runs it.
const VIEW_DEPTH_MAX: u32 = 400;

/// Units of a plan node.
const NODE: u32 = 4;
/// Units of an expression.
const EXPRESSION: u32 = 2;

/// Future that plans a statement on a stack that suffices for its depth.
pub(crate) struct Planning<F> {
    planning: Pin<Box<F>>,
    is_shallow: bool,
}

impl<F> Planning<F> {
    pub(crate) fn new(depth: u32, planning: F) -> Self {
        Self {
            planning: Box::pin(planning),
            is_shallow: depth <= SHALLOW_MAX,
        }
    }
}

impl<F: Future> Future for Planning<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let is_shallow = self.is_shallow;
        let planning = self.planning.as_mut();
        if is_shallow {
            return planning.poll(context);
        }
        stacker::maybe_grow(PLANNING_BYTES, PLANNING_BYTES, || planning.poll(context))
    }
}

/// Checks a plan for what would make later plans too deep: a view, or a setting.
///
/// # Errors
///
/// [`Error::Query`] for a view that is too deep, and for a recursion limit above
/// [`RECURSION_LIMIT_MAX`].
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<()> {
    let refused = match plan {
        LogicalPlan::Statement(DfStatement::SetVariable(set)) => refused_setting(set),
        LogicalPlan::Ddl(DdlStatement::CreateView(view)) => {
            (plan_depth(&view.input) > VIEW_DEPTH_MAX).then(|| {
                format!(
                    "expected view `{}` of at most {VIEW_DEPTH_MAX} levels of operators, joins and \
                     subqueries, those of the views in it included, found more; create a table of \
                     a part of it",
                    view.name
                )
            })
        }
        _ => None,
    };
    match refused {
        None => Ok(()),
        Some(message) => Err(Error::Query(Box::new(DataFusionError::Plan(message)))),
    }
}

fn refused_setting(set: &SetVariable) -> Option<String> {
    const NAME: &str = "datafusion.sql_parser.recursion_limit";
    let limit = set.value.trim().parse::<u128>().ok()?;
    let is_refused = set.variable.eq_ignore_ascii_case(NAME) && limit > RECURSION_LIMIT_MAX as u128;
    is_refused.then(|| {
        format!(
            "expected {NAME} of at most {RECURSION_LIMIT_MAX}, found {limit}: a statement that is \
             nested deeper could overflow the native stack; divide the statement"
        )
    })
}

/// Returns the depth of a plan, with that of the views in it.
fn plan_depth(plan: &LogicalPlan) -> u32 {
    let mut deepest = 0;
    let mut plans = vec![(plan, NODE)];
    while let Some((plan, depth)) = plans.pop() {
        deepest = deepest.max(depth);
        plans.extend(plan.inputs().into_iter().map(|input| (input, depth + NODE)));
        if let LogicalPlan::TableScan(scan) = plan {
            match scan.source.get_logical_plan() {
                None => {}
                Some(Cow::Borrowed(view)) => plans.push((view, depth + NODE)),
                Some(Cow::Owned(view)) => deepest = deepest.max(depth + plan_depth(&view)),
            }
        }
        let visited = plan.apply_expressions(|expression| {
            deepest = deepest.max(depth + expression_depth(expression));
            Ok(TreeNodeRecursion::Continue)
        });
        visited.expect("the closure does not fail");
    }
    deepest
}

/// Returns the depth of an expression, with that of its subqueries.
fn expression_depth(expression: &Expr) -> u32 {
    let mut deepest = 0;
    let mut expressions = vec![(expression, EXPRESSION)];
    while let Some((expression, depth)) = expressions.pop() {
        let subquery = match expression {
            Expr::ScalarSubquery(subquery) => Some(subquery),
            Expr::Exists(exists) => Some(&exists.subquery),
            Expr::InSubquery(within) => Some(&within.subquery),
            Expr::SetComparison(comparison) => Some(&comparison.subquery),
            _ => None,
        };
        let within = subquery.map_or(0, |subquery| plan_depth(&subquery.subquery));
        deepest = deepest.max(depth + within);
        let visited = expression.apply_children(|child| {
            expressions.push((child, depth + EXPRESSION));
            Ok(TreeNodeRecursion::Continue)
        });
        visited.expect("the closure does not fail");
    }
    deepest
}
