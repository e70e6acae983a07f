//! Calls in a form that no optimizer rule rewrites.

use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AggregateFunctionSimplification;
use datafusion::logical_expr::{Expr, lit};

/// Functions that DataFusion's rule takes for its own, by their name.
const COMPOSED: [&str; 3] = ["sum", "min", "max"];

/// Returns a simplification that adds `FILTER (WHERE true)` to calls that DataFusion would
/// rewrite into calls of another meaning.
///
/// Its rule `single_distinct_aggregation_to_group_by` replaces `f(DISTINCT x)` by `f(x)` over
/// groups of `x`, whose order differs from run to run, and `sum(x)` by a `sum` of sums. It
/// leaves calls with a filter alone. Printed or serialised, such a call has the same meaning.
pub(super) fn keep_meaning() -> AggregateFunctionSimplification {
    Box::new(|mut call: AggregateFunction, _| {
        let name = call.func.name();
        let is_composed = COMPOSED
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name));
        if call.params.filter.is_none() && (call.params.distinct || is_composed) {
            call.params.filter = Some(Box::new(lit(true)));
        }
        Ok(Expr::AggregateFunction(call))
    })
}
