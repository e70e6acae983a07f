//! Tables, columns and filters of a plan, before it is optimized.

use std::collections::HashMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::{Copies, Size};

/// Counts of a plan.
#[derive(Default)]
pub(super) struct PlanCounts {
    pub(super) size: Size,
    /// Nodes by which filters grow, if the columns of subqueries in them are replaced by their
    /// expressions.
    pub(super) filter_growth: u64,
    /// Nodes of filters that are copied to the inputs of unions.
    pub(super) copied_nodes: u64,
    /// Expressions of the columns of the queries around a subquery.
    outer: Named,
}

/// Columns of a plan.
#[derive(Clone)]
struct Columns {
    /// Nodes of the expression that each stands for; `None` if each has one.
    weights: Option<Vec<u64>>,
    /// Inputs of unions to which a filter is copied.
    inputs: u64,
}

/// Nodes of the expressions of columns that have more than one, by name.
type Named = HashMap<String, u64>;

impl PlanCounts {
    /// Counts a plan, with its subqueries.
    ///
    /// # Errors
    ///
    /// None but those of visiting a plan.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut counts = Self {
            size: plan_size(plan)?,
            ..Self::default()
        };
        counts.columns(plan)?;
        Ok(counts)
    }

    /// Returns the columns of a plan, and counts the growth of filters.
    fn columns(&mut self, plan: &LogicalPlan) -> Result<Columns> {
        let (mut named, mut inputs) = (Named::new(), Vec::new());
        for input in plan.inputs() {
            let columns = self.columns(input)?;
            add_named(&mut named, &columns, input.schema());
            inputs.push(columns);
        }
        self.subqueries(plan, &named)?;
        let copies = inputs.iter().map(|columns| columns.inputs);
        let copies = match plan {
            LogicalPlan::Union(_) => copies.fold(0, u64::saturating_add),
            _ => copies.max().unwrap_or(1),
        };
        self.filters(plan, &named, copies);
        Ok(Columns {
            weights: self.weights(plan, &named, inputs),
            inputs: copies,
        })
    }

    /// Counts the filters of the subqueries in the expressions of a node.
    fn subqueries(&mut self, node: &LogicalPlan, named: &Named) -> Result<()> {
        let around = self.outer.clone();
        for (name, weight) in named {
            let known = self.outer.entry(name.clone()).or_insert(1);
            *known = *weight.max(known);
        }
        node.apply_subqueries(|subquery| {
            self.columns(subquery)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.outer = around;
        Ok(())
    }

    /// Counts the filters of a node: those of the query, and those that joins and sorts make of
    /// their keys.
    fn filters(&mut self, node: &LogicalPlan, named: &Named, copies: u64) {
        match node {
            LogicalPlan::Filter(filter) => self.add_filter(&filter.predicate, named, copies),
            LogicalPlan::Join(join) => {
                let keys = join.on.iter().flat_map(|(left, right)| [left, right]);
                for filter in keys.chain(&join.filter) {
                    self.add_filter(filter, named, copies);
                }
            }
            LogicalPlan::Sort(sort) => {
                for key in &sort.expr {
                    self.add_filter(&key.expr, named, copies);
                }
            }
            _ => {}
        }
    }

    fn add_filter(&mut self, filter: &Expr, named: &Named, copies: u64) {
        let nodes = self.nodes(filter, named);
        let written = Self::default().nodes(filter, &Named::new());
        let growth = nodes.saturating_sub(written);
        self.filter_growth = self.filter_growth.saturating_add(growth);
        let copied = nodes.saturating_mul(copies - 1);
        self.copied_nodes = self.copied_nodes.saturating_add(copied);
    }

    /// Returns the nodes of the expression that each column of a node stands for.
    fn weights(
        &self,
        node: &LogicalPlan,
        named: &Named,
        mut inputs: Vec<Columns>,
    ) -> Option<Vec<u64>> {
        let columns = node.schema().fields().len();
        let weights = match node {
            LogicalPlan::Projection(projection) => self.list(&projection.expr, named),
            LogicalPlan::Aggregate(aggregate) => self.list(&aggregate.group_expr, named),
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                self.list(&distinct.select_expr, named)
            }
            LogicalPlan::Union(_) => {
                let mut largest = vec![1; columns];
                for weights in inputs.iter().filter_map(|input| input.weights.as_ref()) {
                    let both = largest.iter_mut().zip(weights);
                    both.for_each(|(largest, weight)| *largest = *weight.max(largest));
                }
                Some(largest)
            }
            // The columns of the input, maybe under another name, and some after them.
            LogicalPlan::SubqueryAlias(_) | LogicalPlan::Window(_) => inputs.pop()?.weights,
            _ if named.is_empty() => None,
            _ => {
                let fields = node.schema().fields().iter();
                let weights = fields.map(|field| named.get(field.name()).copied().unwrap_or(1));
                Some(weights.collect())
            }
        };
        let mut weights = weights?;
        weights.resize(columns, 1);
        weights.iter().any(|weight| *weight > 1).then_some(weights)
    }

    fn list(&self, list: &[Expr], named: &Named) -> Option<Vec<u64>> {
        let weights = list.iter().map(|expr| match expr {
            Expr::Alias(alias) => self.nodes(&alias.expr, named),
            expr => self.nodes(expr, named),
        });
        Some(weights.collect())
    }

    /// Returns the nodes of an expression, once the columns in it are replaced.
    fn nodes(&self, expr: &Expr, named: &Named) -> u64 {
        match expr {
            Expr::Column(column) => named.get(&column.name).copied().unwrap_or(1),
            Expr::OuterReferenceColumn(_, column) => {
                self.outer.get(&column.name).copied().unwrap_or(1)
            }
            expr => {
                let mut operands = Vec::new();
                let visited = expr.apply_children(|operand| {
                    operands.push(self.nodes(operand, named));
                    Ok(TreeNodeRecursion::Continue)
                });
                visited.expect("the closure does not fail");
                match expr {
                    Expr::Between(_) => Copies::between(&operands),
                    Expr::ScalarFunction(call) => Copies::of_function(call.name()).nodes(&operands),
                    _ => Copies::NONE.nodes(&operands),
                }
            }
        }
    }
}

/// Adds the columns of a schema that stand for expressions. Two of a name differ in their table:
/// the larger one counts.
fn add_named(named: &mut Named, columns: &Columns, schema: &DFSchema) {
    let weights = columns.weights.iter().flatten();
    for (field, weight) in schema.fields().iter().zip(weights) {
        if *weight > 1 {
            let known = named.entry(field.name().clone()).or_insert(1);
            *known = *weight.max(known);
        }
    }
}

/// Counts the tables, columns and expressions of a plan, with those of subqueries and views.
///
/// # Errors
///
/// None but those of visiting a plan.
pub(super) fn plan_size(plan: &LogicalPlan) -> Result<Size> {
    let counts = PlanCounts::default();
    let mut size = Size::default();
    plan.apply_with_subqueries(|node| {
        let view = match node {
            LogicalPlan::TableScan(scan) => scan.source.get_logical_plan(),
            _ => None,
        };
        if let Some(view) = view {
            size.add(plan_size(&view)?);
            return Ok(TreeNodeRecursion::Continue);
        }
        let mut nodes = 0_u64;
        node.apply_expressions(|expr| {
            nodes = nodes.saturating_add(counts.nodes(expr, &Named::new()));
            Ok(TreeNodeRecursion::Continue)
        })?;
        size.add(Size {
            tables: node.inputs().is_empty().into(),
            columns: node.schema().fields().len() as u64,
            nodes,
            names: 0,
        });
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(size)
}
