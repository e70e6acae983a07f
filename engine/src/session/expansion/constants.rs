//! Bytes of the constants that the optimizer copies.
//!
//! It puts a constant in place of each column that stands for one, a filter into each input of a
//! union, and operands of some functions into several places.

use std::collections::HashMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::Copies;

/// Bytes of the constants of columns that have some, by name.
type Named = HashMap<String, u64>;

/// Columns of a plan.
struct Columns {
    /// Bytes of the constants in the expression that each stands for; `None` if none has any.
    bytes: Option<Vec<u64>>,
    /// Inputs of unions to which a filter is copied.
    inputs: u64,
}

/// Count of a plan.
#[derive(Default)]
struct Constants {
    copied: u64,
    /// Columns of the queries around a subquery.
    outer: Named,
}

/// Counts the bytes of constants that a plan gets in the optimizer besides those in it.
///
/// # Errors
///
/// None but those of visiting a plan.
pub(super) fn copied_constants(plan: &LogicalPlan) -> Result<u64> {
    let mut constants = Constants::default();
    constants.columns(plan)?;
    Ok(constants.copied)
}

impl Constants {
    /// Returns the columns of a plan, and counts the copies of constants in it.
    fn columns(&mut self, plan: &LogicalPlan) -> Result<Columns> {
        let (mut named, mut inputs) = (Named::new(), Vec::new());
        for input in plan.inputs() {
            let columns = self.columns(input)?;
            add_named(&mut named, &columns, input.schema());
            inputs.push(columns);
        }
        let copies = inputs.iter().map(|columns| columns.inputs);
        let copies = match plan {
            LogicalPlan::Union(_) => copies.fold(0, u64::saturating_add),
            _ => copies.max().unwrap_or(1),
        };
        let is_filter = matches!(plan, LogicalPlan::Filter(_));
        plan.apply_expressions(|expr| {
            let bytes = self.bytes(expr, Some(&named));
            let grown = bytes.saturating_sub(self.bytes(expr, None));
            let filters = match is_filter {
                true => bytes.saturating_mul(copies.saturating_sub(1)),
                false => 0,
            };
            self.copied = self.copied.saturating_add(grown).saturating_add(filters);
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.subqueries(plan, &named)?;
        Ok(Columns {
            bytes: self.of_columns(plan, &named, inputs)?,
            inputs: copies,
        })
    }

    /// Counts the copies in the subqueries in the expressions of a node.
    fn subqueries(&mut self, node: &LogicalPlan, named: &Named) -> Result<()> {
        let around = self.outer.clone();
        for (name, bytes) in named {
            let known = self.outer.entry(name.clone()).or_default();
            *known = *bytes.max(known);
        }
        node.apply_subqueries(|subquery| {
            self.columns(subquery)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        self.outer = around;
        Ok(())
    }

    /// Returns the bytes of the constants in the expression that each column of a node stands for.
    fn of_columns(
        &mut self,
        node: &LogicalPlan,
        named: &Named,
        mut inputs: Vec<Columns>,
    ) -> Result<Option<Vec<u64>>> {
        let list = |list: &[Expr]| {
            let bytes = list.iter().map(|expr| self.bytes(expr, Some(named)));
            bytes.collect::<Vec<_>>()
        };
        let bytes = match node {
            LogicalPlan::Projection(projection) => Some(list(&projection.expr)),
            LogicalPlan::Aggregate(aggregate) => Some(list(&aggregate.group_expr)),
            LogicalPlan::TableScan(scan) => {
                let Some(view) = scan.source.get_logical_plan() else {
                    return Ok(None);
                };
                let all = self.columns(&view)?.bytes;
                match (all, &scan.projection) {
                    (Some(all), Some(read)) => {
                        let read = read.iter().map(|index| all.get(*index).copied());
                        Some(read.map(Option::unwrap_or_default).collect())
                    }
                    (all, _) => all,
                }
            }
            LogicalPlan::Union(_) => {
                let mut largest = vec![0; node.schema().fields().len()];
                for bytes in inputs.iter().filter_map(|input| input.bytes.as_ref()) {
                    let both = largest.iter_mut().zip(bytes);
                    both.for_each(|(largest, bytes)| *largest = *bytes.max(largest));
                }
                Some(largest)
            }
            // The columns of the input, maybe under another name, and some after them.
            LogicalPlan::SubqueryAlias(_) | LogicalPlan::Window(_) => {
                inputs.pop().and_then(|input| input.bytes)
            }
            _ if named.is_empty() => None,
            _ => {
                let fields = node.schema().fields().iter();
                let bytes = fields.map(|field| named.get(field.name()).copied());
                Some(bytes.map(Option::unwrap_or_default).collect())
            }
        };
        Ok(bytes.filter(|bytes| bytes.iter().any(|bytes| *bytes > 0)))
    }

    /// Returns the bytes of the constants in an expression, as they are; or, given columns, with
    /// the constants of these, each as often as the optimizer copies it.
    fn bytes(&self, expr: &Expr, named: Option<&Named>) -> u64 {
        let of_column = |columns: Option<&Named>, name: &str| {
            let bytes = columns.and_then(|columns| columns.get(name));
            bytes.copied().unwrap_or_default()
        };
        match expr {
            Expr::Literal(value, _) => value_bytes(value),
            Expr::Column(column) => of_column(named, &column.name),
            Expr::OuterReferenceColumn(_, column) => {
                of_column(named.map(|_| &self.outer), &column.name)
            }
            expr => {
                let mut operands = Vec::new();
                let visited = expr.apply_children(|operand| {
                    operands.push(self.bytes(operand, named));
                    Ok(TreeNodeRecursion::Continue)
                });
                visited.expect("the closure does not fail");
                let nodes = match expr {
                    Expr::Between(_) if named.is_some() => Copies::between(&operands),
                    Expr::ScalarFunction(call) if named.is_some() => {
                        Copies::of_function(call.name()).nodes(&operands)
                    }
                    _ => Copies::NONE.nodes(&operands),
                };
                // The expression itself is no constant.
                nodes.saturating_sub(1)
            }
        }
    }
}

/// Returns the bytes that a copy of a value has. Arrays are shared.
fn value_bytes(value: &ScalarValue) -> u64 {
    let bytes = match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => text.len(),
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::FixedSizeBinary(_, Some(bytes)) => bytes.len(),
        ScalarValue::Dictionary(_, value) => return value_bytes(value),
        _ => 0,
    };
    bytes as u64
}

/// Adds the columns of a schema that have constants. Two of a name differ in their table: the
/// larger one counts.
fn add_named(named: &mut Named, columns: &Columns, schema: &DFSchema) {
    let bytes = columns.bytes.iter().flatten();
    for (field, bytes) in schema.fields().iter().zip(bytes) {
        if *bytes > 0 {
            let known = named.entry(field.name().clone()).or_default();
            *known = *bytes.max(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn constants_are_counted_as_often_as_they_are_copied() {
        let context = SessionContext::new();
        for sql in [
            "CREATE TABLE t (a VARCHAR, b VARCHAR)",
            "CREATE VIEW v AS SELECT 'abcdefgh' AS x, b FROM t",
        ] {
            context.sql(sql).await.unwrap();
        }
        for (sql, copied) in [
            ("SELECT 'abcdefgh' AS a, 'abcdefgh' AS b", 0),
            ("SELECT a || 'abcdefgh', a FROM t", 0),
            ("SELECT x || x FROM (SELECT 'abcdefgh' AS x FROM t) s", 16),
            ("SELECT x || x, b FROM v", 16),
            ("SELECT b FROM v", 0),
            ("SELECT coalesce('abcdefgh', a) FROM t", 8),
        ] {
            let plan = context.state().create_logical_plan(sql).await.unwrap();
            assert_eq!(copied_constants(&plan).unwrap(), copied, "{sql}");
        }
    }
}
