//! Expressions of plans with functions in place of operators over integers, and the reverse.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use super::arithmetic::{checked, is_checked, unchecked};

/// Replaces the operators over integers of a node for which `is_replaced` returns true.
///
/// Columns keep their names, so that the schema of the node stays. Names of calls that show an order
/// or a filter would change.
pub(super) fn check_node(
    node: LogicalPlan,
    is_replaced: fn(&Expr) -> bool,
) -> Result<Transformed<LogicalPlan>> {
    if !any_expression(&node, is_replaced)? {
        return Ok(Transformed::no(node));
    }
    let schema = expression_schema(&node)?;
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let checked = expr.transform_up(|expr| match is_replaced(&expr) {
            true => check_expression(expr, &schema),
            false => Ok(Transformed::no(expr)),
        })?;
        Ok(match checked.transformed {
            true => checked.update_data(|expr| name.restore(expr)),
            false => checked,
        })
    })
}

/// Replaces an operator over integers, whose operands are over columns of `schema`.
pub(super) fn check_expression(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(checked(expr, |operand| operand.get_type(schema).ok()))
}

/// Puts back the operators of a node, but for those of constants, which failed when they were
/// evaluated.
pub(super) fn restore_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !any_expression(&node, is_checked)? {
        return Ok(Transformed::no(node));
    }
    node.map_expressions(|expr| {
        let restored =
            expr.transform_up(|expr| match is_checked(&expr) && !is_constant(&expr)? {
                true => unchecked(expr),
                false => Ok(Transformed::no(expr)),
            })?;
        Ok(match restored.transformed {
            true => restored.update_data(without_own_name),
            false => restored,
        })
    })
}

/// Returns a call of an aggregate or window function without an alias that is its own name. It has
/// had one since the names of its order and its filter show functions.
fn without_own_name(expr: Expr) -> Expr {
    match expr {
        Expr::Alias(alias) if is_own_name(&alias) => *alias.expr,
        other => other,
    }
}

fn is_own_name(alias: &Alias) -> bool {
    let call = alias.expr.as_ref();
    matches!(call, Expr::AggregateFunction(_) | Expr::WindowFunction(_))
        && alias.relation.is_none()
        && alias.metadata.is_none()
        && call.schema_name().to_string() == alias.name
}

/// Returns true if an expression of a node, or a part of it, fulfils `is_found`.
pub(super) fn any_expression(node: &LogicalPlan, is_found: fn(&Expr) -> bool) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= expr.exists(|expr| Ok(is_found(expr)))?;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

/// Returns the schema whose columns the expressions of a node name.
fn expression_schema(node: &LogicalPlan) -> Result<DFSchema> {
    match node {
        // Filters of a scan name columns that it does not return.
        LogicalPlan::TableScan(scan) => {
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
        }
        _ => Ok(merge_schema(&node.inputs())),
    }
}

/// Returns true if an expression has one value in all rows, which the optimizer evaluates.
fn is_constant(expr: &Expr) -> Result<bool> {
    let varies = expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::LambdaVariable(_)
                | Expr::Placeholder(_)
                | Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
        ))
    })?;
    Ok(!varies && !expr.is_volatile())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::functions_aggregate::count::count;
    use datafusion::logical_expr::{ExprFunctionExt, LogicalPlanBuilder, col, lit, table_scan};

    use super::super::arithmetic::{is_arithmetic, is_binary};
    use super::*;

    fn projection(exprs: Vec<Expr>) -> LogicalPlan {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("x", DataType::Float64, true),
        ]);
        let scan = table_scan(Some("t"), &schema, None).unwrap();
        scan.project(exprs).unwrap().build().unwrap()
    }

    #[test]
    fn operators_over_integers_are_replaced_and_put_back() {
        let exprs = vec![
            (col("a") + lit(1_i64)) * col("a"),
            col("x") + lit(1.5),
            -col("a"),
        ];
        let plan = projection(exprs);
        let schema = plan.schema().clone();
        let checked = check_node(plan.clone(), is_arithmetic).unwrap();
        assert!(checked.transformed);
        assert_eq!(checked.data.schema(), &schema);
        let texts: Vec<_> = checked
            .data
            .expressions()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "multiply(add(t.a, Int64(1)), t.a)",
                "t.x + Float64(1.5)",
                "negate(t.a)"
            ]
        );
        assert_eq!(restore_node(checked.data).unwrap().data, plan);

        let binary = check_node(plan, is_binary).unwrap().data;
        assert_eq!(binary.expressions()[2].to_string(), "(- t.a)");
    }

    #[test]
    fn operators_over_constants_are_not_put_back() {
        let sum = lit(i64::MAX) + lit(1_i64);
        let plan = projection(vec![sum.clone(), col("a") + sum]);
        let checked = check_node(plan, is_binary).unwrap().data;
        let restored = restore_node(checked).unwrap().data;
        let texts: Vec<_> = restored
            .expressions()
            .iter()
            .map(ToString::to_string)
            .collect();
        let constant = "add(Int64(9223372036854775807), Int64(1))";
        assert_eq!(texts, [constant.to_owned(), format!("t.a + {constant}")]);
    }

    #[test]
    fn calls_keep_names_that_show_their_order() {
        let order = vec![(col("a") * lit(-1_i64)).sort(true, false)];
        let call = count(col("a")).order_by(order).build().unwrap();
        let plan = LogicalPlanBuilder::from(projection(vec![col("a")]));
        let plan = plan.aggregate(Vec::<Expr>::new(), vec![call]).unwrap();
        let plan = plan.build().unwrap();
        let checked = check_node(plan.clone(), is_arithmetic).unwrap();
        assert!(checked.transformed);
        assert_eq!(checked.data.schema(), plan.schema());
        assert_eq!(restore_node(checked.data).unwrap().data, plan);
    }

    #[test]
    fn nodes_without_arithmetic_stay() {
        let plan = projection(vec![col("a").alias("b")]);
        assert!(!check_node(plan.clone(), is_arithmetic).unwrap().transformed);
        let limited = LogicalPlanBuilder::from(plan).limit(0, Some(1)).unwrap();
        let limited = limited.build().unwrap();
        assert!(!check_node(limited, is_arithmetic).unwrap().transformed);
    }
}
