//! Analyzer rule that replaces and hoists volatile expressions which DataFusion would copy.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::functions::core::{coalesce, nvl};
use datafusion::logical_expr::expr::{Alias, InList, ScalarFunction, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, DistinctOn, Expr, LogicalPlan, Projection, ScalarUDF,
};
use datafusion::optimizer::AnalyzerRule;

use super::functions::{Between, Coalesce, Opaque};
use super::{is_volatile_node, is_volatile_plan};

/// Prefix of the names of hoisted expressions.
const HOISTED: &str = "__volatile";

/// Replaces what evaluates a volatile argument twice, and computes volatile keys of sorts,
/// windows and ordered aggregates in a projection below: they are evaluated for the sort, for
/// each merge and for the function itself.
///
/// It runs last, when types have been coerced.
#[derive(Debug)]
pub(super) struct VolatileOnce;

impl AnalyzerRule for VolatileOnce {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if !is_volatile_plan(&plan)? {
            return Ok(plan);
        }
        let mut replacer = Replacer::default();
        plan.transform_up_with_subqueries(|node| match is_volatile_node(&node)? {
            true => replacer.node(node).and_then(hoist).map(Transformed::yes),
            false => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "volatile_once"
    }
}

/// Replaces expressions that evaluate an argument twice.
#[derive(Default)]
struct Replacer {
    /// Expressions of the plan that were made opaque.
    opaque: usize,
}

impl Replacer {
    fn node(&mut self, node: LogicalPlan) -> Result<LogicalPlan> {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            if !expr.is_volatile() {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            let replaced = expr.transform_up(|expr| Ok(self.expression(expr)))?;
            Ok(replaced.update_data(|expr| name.restore(expr)))
        })
        .data()
    }

    fn expression(&mut self, expr: Expr) -> Transformed<Expr> {
        match expr {
            Expr::Between(between) if between.expr.is_volatile() => {
                let args = vec![*between.expr, *between.low, *between.high];
                let call = ScalarUDF::new_from_impl(Between::new()).call(args);
                Transformed::yes(match between.negated {
                    true => Expr::Not(Box::new(call)),
                    false => call,
                })
            }
            Expr::ScalarFunction(call) if is_coalesce(&call) => {
                let once = Coalesce::new(call.func);
                Transformed::yes(ScalarUDF::new_from_impl(once).call(call.args))
            }
            Expr::BinaryExpr(compared) if compared.op.supports_propagation() => {
                let BinaryExpr { left, op, right } = compared;
                let (left, right) = (self.opaque(left), self.opaque(right));
                let is_changed = left.transformed || right.transformed;
                let expr = Expr::BinaryExpr(BinaryExpr::new(left.data, op, right.data));
                Transformed::new_transformed(expr, is_changed)
            }
            Expr::InList(within) => self
                .opaque(within.expr)
                .update_data(|expr| Expr::InList(InList::new(expr, within.list, within.negated))),
            other => Transformed::no(other),
        }
    }

    /// Makes a volatile operand of a comparison opaque.
    fn opaque(&mut self, expr: Box<Expr>) -> Transformed<Box<Expr>> {
        let is_opaque = match expr.as_ref() {
            Expr::ScalarFunction(call) => call.func.name() == Opaque::NAME,
            _ => false,
        };
        if is_opaque || !expr.is_volatile() {
            return Transformed::no(expr);
        }
        self.opaque += 1;
        let call = ScalarUDF::new_from_impl(Opaque::new(self.opaque)).call(vec![*expr]);
        Transformed::yes(Box::new(call))
    }
}

fn is_coalesce(call: &ScalarFunction) -> bool {
    let is_copied = call.func == coalesce() || call.func == nvl();
    let (_, copied) = call.args.split_last().unwrap_or((&Expr::default(), &[]));
    is_copied && copied.iter().any(Expr::is_volatile)
}

/// Computes the volatile keys of a node in a projection below it, where they would be
/// evaluated for each use.
fn hoist(node: LogicalPlan) -> Result<LogicalPlan> {
    let mut hoisted = Hoisted::default();
    let names = NamePreserver::new(&node);
    let expression = |expr: Expr, hoisted: &mut Hoisted| {
        let name = names.save(&expr);
        hoisted.function(expr).map(|expr| name.restore(expr))
    };
    let rewritten = match node {
        LogicalPlan::Sort(mut sort) => {
            hoisted.sort_keys(&mut sort.expr);
            LogicalPlan::Sort(sort)
        }
        LogicalPlan::Window(mut window) => {
            let exprs = window.window_expr.into_iter();
            let exprs = exprs.map(|expr| expression(expr, &mut hoisted));
            window.window_expr = exprs.collect::<Result<_>>()?;
            LogicalPlan::Window(window)
        }
        LogicalPlan::Aggregate(mut aggregate) => {
            let exprs = aggregate.aggr_expr.into_iter();
            let exprs = exprs.map(|expr| expression(expr, &mut hoisted));
            aggregate.aggr_expr = exprs.collect::<Result<_>>()?;
            LogicalPlan::Aggregate(aggregate)
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) => return hoisted.distinct_on(distinct),
        LogicalPlan::Filter(_) | LogicalPlan::Projection(_) => {
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let replaced = hoisted.set_comparisons(expr)?;
                Ok(replaced.update_data(|expr| name.restore(expr)))
            })?
            .data
        }
        other => return Ok(other),
    };
    if hoisted.exprs.is_empty() {
        return Ok(rewritten);
    }
    let schema = Arc::clone(rewritten.schema());
    let input = hoisted.project(rewritten.inputs()[0].clone())?;
    let passes_columns = !matches!(
        rewritten,
        LogicalPlan::Aggregate(_) | LogicalPlan::Projection(_)
    );
    let above = rewritten.with_new_exprs(rewritten.expressions(), vec![input])?;
    if !passes_columns {
        return Ok(above);
    }
    // The keys are not among the columns of the result.
    let columns = schema.columns().into_iter().map(Expr::Column);
    let projection = Projection::try_new(columns.collect(), Arc::new(above))?;
    Ok(LogicalPlan::Projection(projection))
}

/// Expressions that are computed below a node.
#[derive(Default)]
struct Hoisted {
    exprs: Vec<Expr>,
}

impl Hoisted {
    /// Replaces an expression by a column if it is volatile.
    fn expression(&mut self, expr: &mut Expr) {
        if expr.is_volatile() {
            let name = format!("{HOISTED}_{}", self.exprs.len());
            let column = Expr::Column(Column::new_unqualified(&name));
            self.exprs.push(std::mem::replace(expr, column).alias(name));
        }
    }

    fn sort_keys(&mut self, keys: &mut [Sort]) {
        keys.iter_mut()
            .for_each(|key| self.expression(&mut key.expr));
    }

    /// Replaces the volatile operands of a window function, and of an aggregate function
    /// with a volatile order.
    fn function(&mut self, mut expr: Expr) -> Result<Expr> {
        match &mut expr {
            Expr::Alias(Alias { expr: inner, .. }) => {
                **inner = self.function(std::mem::take(inner.as_mut()))?;
            }
            Expr::WindowFunction(window) => {
                let params = &mut window.params;
                let operands = params.args.iter_mut().chain(&mut params.partition_by);
                let operands = operands.chain(params.filter.iter_mut().map(AsMut::as_mut));
                operands.for_each(|operand| self.expression(operand));
                self.sort_keys(&mut params.order_by);
            }
            Expr::AggregateFunction(aggregate) => {
                let params = &mut aggregate.params;
                if params.order_by.iter().any(|key| key.expr.is_volatile()) {
                    let operands = params.args.iter_mut();
                    let operands = operands.chain(params.filter.iter_mut().map(AsMut::as_mut));
                    operands.for_each(|operand| self.expression(operand));
                    self.sort_keys(&mut params.order_by);
                }
            }
            _ => {}
        }
        Ok(expr)
    }

    /// Replaces the volatile operands of `= ANY (SELECT …)` and the like, which become a
    /// subquery for each outcome of the comparison.
    fn set_comparisons(&mut self, expr: Expr) -> Result<Transformed<Expr>> {
        expr.transform_up(|mut expr| {
            let Expr::SetComparison(comparison) = &mut expr else {
                return Ok(Transformed::no(expr));
            };
            self.expression(&mut comparison.expr);
            Ok(Transformed::yes(expr))
        })
    }

    /// DISTINCT ON becomes an aggregate for each of its columns, with its order. A key that
    /// it and ORDER BY have in common is one.
    fn distinct_on(mut self, mut distinct: DistinctOn) -> Result<LogicalPlan> {
        let names = NamePreserver::new_for_projection();
        for expr in &mut distinct.select_expr {
            let name = names.save(expr);
            self.expression(expr);
            *expr = name.restore(std::mem::take(expr));
        }
        let mut keys: Vec<(Expr, Expr)> = Vec::new();
        let sort = distinct.sort_expr.iter_mut().flatten();
        for key in distinct
            .on_expr
            .iter_mut()
            .chain(sort.map(|sort| &mut sort.expr))
        {
            match keys.iter().find(|(before, _)| before == key) {
                Some((_, column)) => *key = column.clone(),
                None => {
                    let before = key.clone();
                    self.expression(key);
                    keys.push((before, key.clone()));
                }
            }
        }
        let input = match self.exprs.is_empty() {
            true => distinct.input,
            false => Arc::new(self.project(distinct.input.as_ref().clone())?),
        };
        let DistinctOn {
            on_expr,
            select_expr,
            sort_expr,
            ..
        } = distinct;
        let distinct = DistinctOn::try_new(on_expr, select_expr, sort_expr, input)?;
        Ok(LogicalPlan::Distinct(Distinct::On(distinct)))
    }

    /// Returns the projection of the columns of `input` and the expressions.
    fn project(self, input: LogicalPlan) -> Result<LogicalPlan> {
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        let exprs = columns.chain(self.exprs).collect();
        let projection = Projection::try_new(exprs, Arc::new(input))?;
        Ok(LogicalPlan::Projection(projection))
    }
}
