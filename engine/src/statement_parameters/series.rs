//! Parameters of `generate_series` and `range`.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{FunctionArg, FunctionArgExpr, TableFactor, VisitMut, VisitorMut};

use super::{literal, number};

/// Replaces parameters of series by integers of 64 bits, and by nulls without a type: DataFusion
/// takes no others there, and clients state the type that their number needs.
///
/// # Errors
///
/// [`Error::Query`] if there is no literal of a value.
pub(super) fn widen_series(
    statement: &mut DfStatement,
    values: &[Option<ScalarValue>],
) -> Result<()> {
    let mut series = Series(values);
    let visited = match statement {
        DfStatement::Statement(statement) => statement.visit(&mut series),
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut series),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => return widen_series(&mut explain.statement, values),
        _ => ControlFlow::Continue(()),
    };
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Visitor of calls of series, with the values of parameters.
struct Series<'a>(&'a [Option<ScalarValue>]);

impl VisitorMut for Series<'_> {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table {
            name,
            args: Some(arguments),
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        let called = name.to_string().to_lowercase();
        if !["generate_series", "range"].contains(&called.as_str()) {
            return ControlFlow::Continue(());
        }
        for argument in &mut arguments.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                continue;
            };
            let value = number(expr).and_then(|number| self.0.get(number - 1)?.as_ref());
            let Some(value) = value.filter(|value| value.data_type().is_integer()) else {
                continue;
            };
            let widened = match value.is_null() {
                true => Ok(ScalarValue::Null),
                false => value.cast_to(&DataType::Int64),
            };
            let widened = widened.map_err(|error| Error::Query(Box::new(error)));
            match widened.and_then(|value| literal(&value)) {
                Ok(literal) => *expr = literal,
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}
