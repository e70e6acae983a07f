//! Tables, columns and filters of a plan, before it is optimized.

use std::collections::HashMap;
use std::iter;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::Size;

/// Counts of a plan.
#[derive(Default)]
pub(super) struct PlanCounts {
    pub(super) size: Size,
    /// Nodes by which filters grow, if the columns of subqueries in them are replaced by their
    /// expressions.
    pub(super) filter_growth: u64,
}

impl PlanCounts {
    /// Counts a plan, with its subqueries.
    ///
    /// # Errors
    ///
    /// None but those of the closures, which do not fail.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut counts = Self {
            size: size(plan)?,
            filter_growth: 0,
        };
        counts.weights(plan)?;
        Ok(counts)
    }

    /// Returns the nodes of the expression that each column of a plan stands for, and counts the
    /// growth of filters.
    fn weights(&mut self, plan: &LogicalPlan) -> Result<Weights> {
        plan.apply_subqueries(|subquery| {
            self.weights(subquery)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.named_weights(&projection.input)?;
                list_weights(&projection.expr, &input)
            }
            LogicalPlan::Filter(filter) => {
                let weights = self.weights(&filter.input)?;
                let named = Named::new(&weights, filter.input.schema());
                self.add_filter(&filter.predicate, &named);
                weights
            }
            LogicalPlan::Join(join) => {
                let left = self.weights(&join.left)?;
                let right = self.weights(&join.right)?;
                let (left_schema, right_schema) = (join.left.schema(), join.right.schema());
                if let Some(filter) = &join.filter {
                    let mut named = Named::new(&left, left_schema);
                    named.0.extend(Named::new(&right, right_schema).0);
                    self.add_filter(filter, &named);
                }
                let lengths = [left_schema.fields().len(), right_schema.fields().len()];
                joined(left, right, lengths, plan.schema().fields().len())
            }
            LogicalPlan::Aggregate(aggregate) => {
                let input = self.named_weights(&aggregate.input)?;
                let columns = plan.schema().fields().len();
                resized(list_weights(&aggregate.group_expr, &input), columns)
            }
            LogicalPlan::Window(window) => {
                let weights = self.weights(&window.input)?;
                resized(weights, plan.schema().fields().len())
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                let input = self.named_weights(&distinct.input)?;
                list_weights(&distinct.select_expr, &input)
            }
            LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Distinct(_) => {
                let mut weights = Weights::default();
                for input in plan.inputs() {
                    weights = self.weights(input)?;
                }
                weights
            }
            LogicalPlan::Union(union) => {
                let columns = plan.schema().fields().len();
                let mut sum: Weights = Some(vec![0; columns]);
                for input in &union.inputs {
                    let weights = resized(self.weights(input)?, columns);
                    let ones = || vec![1; columns];
                    let both = sum.iter_mut().flatten().zip(weights.unwrap_or_else(ones));
                    both.for_each(|(sum, weight)| *sum = sum.saturating_add(weight));
                }
                sum
            }
            other => {
                for input in other.inputs() {
                    self.weights(input)?;
                }
                None
            }
        })
    }

    fn named_weights<'a>(&mut self, plan: &'a LogicalPlan) -> Result<Named<'a>> {
        let weights = self.weights(plan)?;
        Ok(Named::new(&weights, plan.schema()))
    }

    fn add_filter(&mut self, filter: &Expr, input: &Named<'_>) {
        self.filter_growth = self.filter_growth.saturating_add(input.growth(filter));
    }
}

/// Nodes of the expressions of columns; `None` if each has one.
type Weights = Option<Vec<u64>>;

/// Nodes of the expressions of columns that have more than one, by name.
struct Named<'a>(HashMap<&'a str, u64>);

impl<'a> Named<'a> {
    fn new(weights: &Weights, schema: &'a DFSchema) -> Self {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let mut named = HashMap::new();
        for (name, weight) in names.zip(weights.iter().flatten().copied()) {
            if weight > 1 {
                // Two columns of a name differ in their table: the larger one counts.
                let known = named.entry(name).or_insert(weight);
                *known = weight.max(*known);
            }
        }
        Self(named)
    }

    /// Returns the nodes by which an expression grows.
    fn growth(&self, expr: &Expr) -> u64 {
        let mut growth = 0_u64;
        if !self.0.is_empty() {
            visit(expr, |node| {
                if let Expr::Column(column) = node {
                    let weight = self.0.get(column.name.as_str()).copied().unwrap_or(1);
                    growth = growth.saturating_add(weight - 1);
                }
            });
        }
        growth
    }
}

/// Returns the nodes of expressions, once the columns in them are replaced.
fn list_weights(list: &[Expr], input: &Named<'_>) -> Weights {
    let weights = list.iter().map(|expr| {
        let expr = match expr {
            Expr::Alias(alias) => &alias.expr,
            other => other,
        };
        let mut nodes = 0_u64;
        visit(expr, |_| nodes += 1);
        nodes.saturating_add(input.growth(expr))
    });
    let weights: Vec<_> = weights.collect();
    weights.iter().any(|weight| *weight > 1).then_some(weights)
}

fn visit(expr: &Expr, mut see: impl FnMut(&Expr)) {
    let visited = expr.apply(|node| {
        see(node);
        Ok(TreeNodeRecursion::Continue)
    });
    visited.expect("the closure does not fail");
}

/// Returns the weights of the columns of a join, of which there are so many.
fn joined(left: Weights, right: Weights, lengths: [usize; 2], columns: usize) -> Weights {
    if columns == lengths[1] && columns != lengths[0] {
        return right;
    }
    if left.is_none() && right.is_none() {
        return None;
    }
    let mut weights = left.unwrap_or_else(|| vec![1; lengths[0]]);
    weights.extend(right.unwrap_or_else(|| vec![1; lengths[1]]));
    resized(Some(weights), columns)
}

/// Returns the weights of so many columns: those that are not known have one node.
fn resized(weights: Weights, columns: usize) -> Weights {
    weights.map(|weights| {
        let weights = weights.into_iter().chain(iter::repeat(1));
        weights.take(columns).collect()
    })
}

/// Counts the tables and columns of a plan, with those of subqueries and views.
fn size(plan: &LogicalPlan) -> Result<Size> {
    let mut size = Size::default();
    plan.apply_with_subqueries(|node| {
        let view = match node {
            LogicalPlan::TableScan(scan) => scan.source.get_logical_plan(),
            _ => None,
        };
        size.add(match view {
            Some(view) => self::size(&view)?,
            None => Size {
                tables: node.inputs().is_empty().into(),
                columns: node.schema().fields().len() as u64,
            },
        });
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(size)
}
