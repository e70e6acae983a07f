//! Conditions whose parts guard each other, in plans that are executed: a row that one part excludes
//! is no reason to fail.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{PhysicalExpr, conjunction, conjunction_opt};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::guarded::{self, Guarded, connective, parts};

/// Returns true if arithmetic of an expression is guarded: it may fail, and nothing in it is volatile,
/// since a guarded expression may be evaluated again.
fn may_fail(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    Ok(!is_volatile(expr) && guarded::may_fail(expr, schema)?)
}

/// Guards the arithmetic of conditions.
///
/// It runs after the rule that puts operators back and before DataFusion's: they see the parts of a
/// filter, and take projections into scans of files.
#[derive(Debug)]
pub(super) struct GuardedConditions;

impl PhysicalOptimizerRule for GuardedConditions {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match with_guards(node.as_ref())? {
                Some(changed) => Transformed::yes(changed),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "guarded_conditions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns a node with guards; `None` for one that needs none.
fn with_guards(node: &dyn ExecutionPlan) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        return projected(projection);
    }
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        let Some(predicate) = condition(filter.predicate(), &filter.input().schema())? else {
            return Ok(None);
        };
        let builder = FilterExecBuilder::from(filter).with_predicate(predicate);
        return Ok(Some(Arc::new(builder.build()?)));
    }
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        let Some(filter) = join_filter(join.filter())? else {
            return Ok(None);
        };
        let builder = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter));
        return Ok(Some(Arc::new(builder.build()?)));
    }
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        let Some(filter) = join_filter(join.filter())? else {
            return Ok(None);
        };
        let changed = join.builder().with_filter(Some(filter)).build()?;
        return Ok(Some(Arc::new(changed)));
    }
    match node.downcast_ref::<AggregateExec>() {
        Some(aggregate) => aggregated(aggregate),
        None => Ok(None),
    }
}

fn projected(projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let input = projection.input();
    let (mut exprs, mut is_changed) = (Vec::new(), false);
    for projected in projection.expr() {
        let expr = with_guarded_parts(&projected.expr, &input.schema())?;
        is_changed |= expr.transformed;
        exprs.push(ProjectionExpr::new(expr.data, projected.alias.clone()));
    }
    if !is_changed {
        return Ok(None);
    }
    let (input, schema) = (Arc::clone(input), projection.schema());
    let changed = ProjectionExec::try_new_with_schema_metadata(exprs, input, &schema)?;
    Ok(Some(Arc::new(changed)))
}

/// Returns the filter of a join as one guarded condition. DataFusion computes its parts below the
/// join, and would do so for each guard.
fn join_filter(filter: Option<&JoinFilter>) -> Result<Option<JoinFilter>> {
    let Some(filter) = filter else {
        return Ok(None);
    };
    let (condition, schema) = (filter.expression(), filter.schema());
    if connective(condition).is_none() || !may_fail(condition, schema)? {
        return Ok(None);
    }
    let guarded = Guarded::parts(Arc::clone(condition), true);
    let columns = filter.column_indices().to_vec();
    Ok(Some(JoinFilter::new(guarded, columns, Arc::clone(schema))))
}

/// Returns an aggregation whose arguments are guarded by the conditions of their functions.
fn aggregated(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let schema = aggregate.input_schema();
    let (mut functions, mut is_changed) = (Vec::new(), false);
    let filters = aggregate.filter_expr().iter();
    for (function, filter) in aggregate.aggr_expr().iter().zip(filters) {
        let changed = with_guarded_arguments(function, filter.as_ref(), &schema)?;
        is_changed |= changed.is_some();
        functions.push(changed.map_or_else(|| Arc::clone(function), Arc::new));
    }
    Ok(match is_changed {
        true => Some(Arc::new(aggregate.with_new_aggr_exprs(functions))),
        false => None,
    })
}

fn with_guarded_arguments(
    function: &AggregateFunctionExpr,
    filter: Option<&Arc<dyn PhysicalExpr>>,
    schema: &Schema,
) -> Result<Option<AggregateFunctionExpr>> {
    // DataFusion would forget which ones it has reversed.
    if function.is_reversed() || !function.order_bys().is_empty() {
        return Ok(None);
    }
    let filter = filter.filter(|filter| !is_volatile(filter));
    let (mut arguments, mut is_changed) = (Vec::new(), false);
    for argument in function.expressions() {
        let argument = with_guarded_parts(&argument, schema)?;
        is_changed |= argument.transformed;
        arguments.push(match filter {
            Some(filter) if may_fail(&argument.data, schema)? => {
                is_changed = true;
                Guarded::by(Arc::clone(filter), argument.data, false)
            }
            _ => argument.data,
        });
    }
    Ok(match is_changed {
        true => function.with_new_expressions(arguments, Vec::new()),
        false => None,
    })
}

/// Returns the condition of a filter, whose parts with arithmetic are guarded by the others; `None`
/// if there is nothing to guard.
///
/// The others stay as they are, at their places.
fn condition(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let (mut guards, mut fallible, mut first) = (Vec::new(), Vec::new(), 0);
    let conjuncts = parts(expr, Operator::And);
    let mut safe = Vec::new();
    for part in conjuncts {
        if may_fail(part, schema)? {
            if fallible.is_empty() {
                first = safe.len();
            }
            fallible.push(Arc::clone(part));
        } else {
            if !is_volatile(part) {
                guards.push(Arc::clone(part));
            }
            safe.push(Arc::clone(part));
        }
    }
    if fallible.is_empty() {
        return Ok(None);
    }
    let is_single = fallible.len() == 1;
    let value = conjunction(fallible);
    let value = match conjunction_opt(guards) {
        Some(guard) => Guarded::by(guard, value, true),
        None if !is_single || connective(&value).is_some() => Guarded::parts(value, true),
        None => {
            let value = with_guarded_parts(&value, schema)?;
            if !value.transformed {
                return Ok(None);
            }
            value.data
        }
    };
    safe.insert(first, value);
    Ok(Some(conjunction(safe)))
}

/// Returns an expression whose conditions with arithmetic are guarded, those within others
/// excepted.
fn with_guarded_parts(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    Arc::clone(expr).transform_down(|expr| {
        if connective(&expr).is_none() || !may_fail(&expr, schema)? {
            return Ok(Transformed::no(expr));
        }
        let guarded = Guarded::parts(expr, false);
        Ok(Transformed::new(guarded, true, TreeNodeRecursion::Jump))
    })
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};
    use datafusion::physical_expr::ScalarFunctionExpr;
    use datafusion::physical_expr::expressions::{binary, cast, col, lit};

    use super::*;

    /// Volatile functions are called once for each row.
    #[test]
    fn volatile_conditions_are_not_guarded() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let a = col("a", &schema).unwrap();
        let random: Arc<dyn PhysicalExpr> = Arc::new(ScalarFunctionExpr::new(
            "random",
            datafusion::functions::math::random(),
            Vec::new(),
            Arc::new(Field::new("random", DataType::Float64, false)),
            Arc::new(ConfigOptions::new()),
        ));
        let random = cast(random, &schema, DataType::Int64).unwrap();
        let less = |left, number: i64| binary(left, Operator::Lt, lit(number), &schema).unwrap();
        let small = less(Arc::clone(&a), 100);
        let product = |left| binary(left, Operator::Multiply, Arc::clone(&a), &schema).unwrap();
        for (factor, is_guarded) in [(Arc::clone(&a), true), (random, false)] {
            let product = less(product(factor), 50);
            let both = conjunction([Arc::clone(&small), Arc::clone(&product)]);
            let condition = condition(&both, &schema).unwrap();
            assert_eq!(condition.is_some(), is_guarded);
            let either = binary(Arc::clone(&small), Operator::Or, product, &schema).unwrap();
            let either = with_guarded_parts(&either, &schema).unwrap();
            assert_eq!(either.transformed, is_guarded);
        }
    }

    #[test]
    fn parts_with_arithmetic_are_guarded_at_their_places() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let less = |left: Arc<dyn PhysicalExpr>, number: i64| {
            binary(left, Operator::Lt, lit(number), &schema).unwrap()
        };
        let a = col("a", &schema).unwrap();
        let square = binary(Arc::clone(&a), Operator::Multiply, Arc::clone(&a), &schema);
        let (small, square) = (less(a, 100), less(square.unwrap(), 50));
        let both = conjunction([Arc::clone(&square), Arc::clone(&small)]);
        let changed = condition(&both, &schema).unwrap().unwrap();
        assert_eq!(changed.to_string(), both.to_string());
        let guarded = Guarded::by(Arc::clone(&small), Arc::clone(&square), true);
        assert_eq!(parts(&changed, Operator::And), [&guarded, &small]);

        let either: Arc<dyn PhysicalExpr> = binary(
            Arc::clone(&square),
            Operator::Or,
            Arc::clone(&small),
            &schema,
        )
        .unwrap();
        let changed = condition(&either, &schema).unwrap().unwrap();
        assert_eq!(&changed, &Guarded::parts(either, true));

        for other in [conjunction([Arc::clone(&small), small]), square] {
            assert!(condition(&other, &schema).unwrap().is_none());
        }
    }
}
