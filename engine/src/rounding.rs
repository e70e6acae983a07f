//! Analyzer rule that rounds in casts to integers, as PostgreSQL and DuckDB do; Arrow's cast cuts
//! the fraction.

// The function that rounds.
mod function;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, TryCast};
use datafusion::optimizer::AnalyzerRule;

use function::{Ties, is_rounded, rounded, rounded_array};

/// Adds the rule to the state of a session, after the one that casts what is inserted.
pub(crate) fn add_rule(builder: &mut SessionStateBuilder) {
    if let Some(analyzer) = builder.analyzer() {
        analyzer.rules.push(Arc::new(RoundingCasts));
    }
}

/// Rounds a constant that is cast to a type.
pub(crate) fn rounded_value(value: ScalarValue, data_type: &DataType) -> Result<ScalarValue> {
    if !data_type.is_integer() || !has_fraction(&value.data_type()) {
        return Ok(value);
    }
    let rounded = rounded_array(&value.to_array()?, Ties::AwayFromZero)?;
    ScalarValue::try_from_array(&rounded, 0)
}

/// Rounds numbers that are cast to integers, with ties to the even number, as the processor does.
/// Decimals are rounded with ties away from zero, and so are constants, which are decimals in other
/// systems.
#[derive(Debug)]
struct RoundingCasts;

impl AnalyzerRule for RoundingCasts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(round_casts).data()
    }

    fn name(&self) -> &'static str {
        "rounding_casts"
    }
}

/// Rounds in the casts of a node. Columns keep their names, which have no casts, but for those of
/// calls with an order or a filter.
fn round_casts(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut may_round = false;
    node.apply_expressions(|expr| {
        may_round |= expr.exists(|expr| Ok(cast_to_integer(expr).is_some()))?;
        Ok(match may_round {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    if !may_round {
        return Ok(Transformed::no(node));
    }
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let rounded = expr.transform_up(|expr| Ok(round_cast(expr, &schema)))?;
        Ok(match rounded.transformed {
            true => rounded.update_data(|expr| name.restore(expr)),
            false => rounded,
        })
    })
}

/// Returns the value that an expression casts to an integer.
fn cast_to_integer(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            field.data_type().is_integer().then_some(expr.as_ref())
        }
        _ => None,
    }
}

fn round_cast(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let ties = cast_to_integer(&expr).and_then(|value| ties(value, schema));
    let Some(ties) = ties else {
        return Transformed::no(expr);
    };
    if let Expr::Cast(Cast { expr: value, .. }) | Expr::TryCast(TryCast { expr: value, .. }) =
        &mut expr
    {
        **value = rounded(std::mem::take(value.as_mut()), ties);
    }
    Transformed::yes(expr)
}

/// Returns how a value is rounded; `None` for one that has no fraction.
fn ties(value: &Expr, schema: &DFSchema) -> Option<Ties> {
    // A plan is analyzed again where it is a part of another one.
    if is_rounded(value) {
        return None;
    }
    let data_type = value.get_type(schema).ok()?;
    has_fraction(&data_type).then_some(match (value, data_type) {
        (Expr::Literal(..), _) => Ties::AwayFromZero,
        (_, data_type) if data_type.is_decimal() => Ties::AwayFromZero,
        _ => Ties::ToEven,
    })
}

/// Returns true if numbers of a type may have fractions.
fn has_fraction(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale > 0,
        other => other.is_floating(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::{cast, col, lit, table_scan, try_cast};

    use super::*;

    #[test]
    fn fractions_that_are_cast_to_integers_are_rounded_once() {
        let schema = Schema::new(vec![
            Field::new("x", DataType::Float64, true),
            Field::new("d", DataType::Decimal128(5, 2), true),
            Field::new("w", DataType::Decimal128(5, 0), true),
            Field::new("n", DataType::Int64, true),
        ]);
        let exprs = vec![
            cast(col("x"), DataType::Int32),
            try_cast(col("d"), DataType::Int64),
            cast(lit(2.5), DataType::UInt8),
            cast(col("w"), DataType::Int8),
            cast(col("n"), DataType::Int16),
            cast(col("x"), DataType::Float32).alias("f"),
        ];
        let scan = table_scan(Some("t"), &schema, None).unwrap();
        let plan = scan.project(exprs).unwrap().build().unwrap();
        let options = ConfigOptions::new();
        let rounded = RoundingCasts.analyze(plan.clone(), &options).unwrap();
        assert_eq!(rounded.schema(), plan.schema());
        let names = |plan: &LogicalPlan| -> Vec<String> {
            let exprs = plan.expressions();
            exprs.iter().map(|e| e.schema_name().to_string()).collect()
        };
        assert_eq!(names(&rounded), names(&plan));
        let texts: Vec<_> = rounded
            .expressions()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "CAST(rounded(t.x) AS Int32)",
                "TRY_CAST(rounded(t.d) AS Int64)",
                "CAST(rounded(Float64(2.5)) AS UInt8)",
                "CAST(t.w AS Int8)",
                "CAST(t.n AS Int16)",
                "CAST(t.x AS Float32) AS f",
            ]
        );
        let again = RoundingCasts.analyze(rounded.clone(), &options).unwrap();
        assert_eq!(again, rounded);
    }

    #[test]
    fn constants_are_rounded_for_integers_alone() {
        let value = ScalarValue::Float64(Some(2.5));
        let rounded = rounded_value(value.clone(), &DataType::Int32).unwrap();
        assert_eq!(rounded, ScalarValue::Float64(Some(3.0)));
        let same = rounded_value(value.clone(), &DataType::Float32).unwrap();
        assert_eq!(same, value);
        let text = ScalarValue::from("2.5");
        assert_eq!(rounded_value(text.clone(), &DataType::Int32).unwrap(), text);
    }
}
