//! Analyzer rule that completes texts of timestamps: `2013-12-31 22:00` has no seconds and
//! `2013-1-5` no zeros, which PostgreSQL reads and Arrow's parser refuses.
//!
//! Constants are replaced. Other texts pass through a function that leaves those alone which
//! Arrow's parser reads.

// The function over columns of texts.
mod timestamp_text;

// Texts with all digits.
mod completion;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::functions::datetime::to_timestamp::{
    ToTimestampFunc, ToTimestampMicrosFunc, ToTimestampMillisFunc, ToTimestampNanosFunc,
    ToTimestampSecondsFunc,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, ScalarUDF, TryCast, lit};
use datafusion::optimizer::AnalyzerRule;

use completion::short_time;
pub(crate) use timestamp_text::is_completed_text;
use timestamp_text::{is_timestamp_text, timestamp_text};

/// Adds the rule to the state of a session, after the one that casts what is compared.
pub(crate) fn add_rule(builder: &mut SessionStateBuilder) {
    if let Some(analyzer) = builder.analyzer() {
        analyzer.rules.push(Arc::new(ShortTimes));
    }
}

/// Completes texts that are read as timestamps, where Arrow's parser refuses them.
#[derive(Debug)]
struct ShortTimes;

impl AnalyzerRule for ShortTimes {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let mut may_be_short = false;
            node.apply_expressions(|expr| {
                may_be_short |= has_source(expr)?;
                Ok(match may_be_short {
                    true => TreeNodeRecursion::Stop,
                    false => TreeNodeRecursion::Continue,
                })
            })?;
            if !may_be_short {
                return Ok(Transformed::no(node));
            }
            let names = NamePreserver::new(&node);
            let schema = merge_schema(&node.inputs());
            node.map_expressions(|expr| {
                if !has_source(&expr)? {
                    return Ok(Transformed::no(expr));
                }
                let name = names.save(&expr);
                let completed = expr.transform_up(|expr| Ok(complete(expr, &schema)))?;
                Ok(completed.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "short_times"
    }
}

/// Returns true if an expression reads a timestamp anywhere.
fn has_source(expr: &Expr) -> Result<bool> {
    expr.exists(|expr| Ok(source(expr).is_some()))
}

/// Returns the value that an expression reads as a timestamp.
fn source(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            matches!(field.data_type(), DataType::Timestamp(..)).then_some(expr.as_ref())
        }
        // With more arguments, the others are formats.
        Expr::ScalarFunction(call) if is_to_timestamp(&call.func) => match call.args.as_slice() {
            [value] => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn is_to_timestamp(function: &ScalarUDF) -> bool {
    let function = function.inner();
    function.is::<ToTimestampFunc>()
        || function.is::<ToTimestampSecondsFunc>()
        || function.is::<ToTimestampMillisFunc>()
        || function.is::<ToTimestampMicrosFunc>()
        || function.is::<ToTimestampNanosFunc>()
}

fn complete(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let completed = source(&expr).and_then(|source| completed_source(source, schema));
    let Some(completed) = completed else {
        return Transformed::no(expr);
    };
    match &mut expr {
        Expr::Cast(Cast { expr: source, .. }) | Expr::TryCast(TryCast { expr: source, .. }) => {
            **source = completed;
        }
        Expr::ScalarFunction(call) => call.args = vec![completed],
        _ => {}
    }
    Transformed::yes(expr)
}

/// Returns the completed text in place of one that is read as a timestamp; `None` for one that
/// needs no completion, and for other values.
fn completed_source(source: &Expr, schema: &DFSchema) -> Option<Expr> {
    if let Expr::Literal(value, _) = source {
        return short_time(value.try_as_str()??).map(lit);
    }
    let data_type = match source.get_type(schema).ok()? {
        DataType::Dictionary(_, values) => *values,
        other => other,
    };
    let is_text = matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    // A plan is analyzed again where it is a part of another one.
    (is_text && !is_timestamp_text(source)).then(|| timestamp_text(source.clone()))
}
