//! Parameters of statements: `$1`, `$2` and so on, replaced by literals before planning.
//!
//! The planner then sees constants, as if they had been written: they are coerced to the types
//! of columns and of parameters of functions, and bound statements of every kind are alike.

// Integers of series.
mod series;

// What a statement grows by.
mod growth;

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::format::ExplainStatementOptions;
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::sql::parser::{CopyToSource, ExplainStatement, Statement as DfStatement};
use datafusion::sql::unparser::expr_to_sql;
use fusebox_definition::statement::FuseboxStatement;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{self, Value, visit_expressions, visit_expressions_mut};

use crate::statement_list::{Parsed, Statement};
use growth::Growth;
use series::widen_series;

/// Maximum number of parameters of a statement, as in PostgreSQL's protocol.
const PARAMETERS_MAX: usize = 65_535;

impl Statement {
    /// Returns the highest number of a parameter `$n`; 0 if there is none.
    pub fn parameters(&self) -> usize {
        let mut highest = 0;
        self.for_each_parameter(|number| highest = highest.max(number));
        highest
    }

    /// Calls a function with the number of each parameter, as often as it is used.
    fn for_each_parameter(&self, mut each: impl FnMut(usize)) {
        let mut note = |expr: &ast::Expr| {
            if let Some(number) = number(expr) {
                each(number);
            }
            ControlFlow::<()>::Continue(())
        };
        let _ = match &self.parsed {
            Parsed::Fusebox(FuseboxStatement::Summarize(query)) => {
                visit_expressions(query.as_ref(), note)
            }
            Parsed::Fusebox(_) => ControlFlow::Continue(()),
            Parsed::DataFusion(statement) => visit(statement, &mut note),
        };
    }

    /// Replaces parameters by literals: `$1` by the first value, and so on. Those of `None` stay.
    ///
    /// A text is a literal without a type, which is coerced to the type that its place expects, as
    /// in PostgreSQL. So is a null of [`DataType::Null`]; other values are cast to their types.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] if there is no literal of a type, and if the statement would grow too much:
    /// a parameter that is used several times is a literal for each. Nothing is replaced then.
    pub fn bind(&mut self, values: &[Option<ScalarValue>]) -> Result<()> {
        let mut growth = Growth::default();
        let mut is_used = vec![false; values.len()];
        self.for_each_parameter(|number| {
            if let Some(Some(value)) = values.get(number - 1) {
                growth.add(value, std::mem::replace(&mut is_used[number - 1], true));
            }
        });
        growth.check()?;
        if let Parsed::DataFusion(statement) = &mut self.parsed {
            widen_series(statement, values)?;
        }
        let replace = |expr: &mut ast::Expr| {
            let value = number(expr).and_then(|number| values.get(number - 1)?.as_ref());
            match value.map(literal) {
                None => ControlFlow::Continue(()),
                Some(Ok(literal)) => {
                    *expr = literal;
                    ControlFlow::Continue(())
                }
                Some(Err(error)) => ControlFlow::Break(error),
            }
        };
        let replaced = match &mut self.parsed {
            Parsed::Fusebox(FuseboxStatement::Summarize(query)) => {
                visit_expressions_mut(query.as_mut(), replace)
            }
            Parsed::Fusebox(_) => ControlFlow::Continue(()),
            Parsed::DataFusion(statement) => visit_mut(statement, &mut { replace }),
        };
        match replaced {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }

    /// Makes a statement that explains this one, and so plans it without effect; `None` for
    /// statements that DataFusion does not plan.
    pub(crate) fn into_explain(self) -> Option<Self> {
        let Parsed::DataFusion(statement) = self.parsed else {
            return None;
        };
        let explain = ExplainStatement {
            options: ExplainStatementOptions::default(),
            statement,
        };
        Some(Self {
            parsed: Parsed::DataFusion(Box::new(DfStatement::Explain(explain))),
            depth: self.depth,
        })
    }
}

/// Visits the expressions of a statement.
fn visit<E>(
    statement: &DfStatement,
    note: &mut impl FnMut(&ast::Expr) -> ControlFlow<E>,
) -> ControlFlow<E> {
    match statement {
        DfStatement::Statement(statement) => visit_expressions(statement.as_ref(), note),
        DfStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => visit_expressions(query.as_ref(), note),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => visit(&explain.statement, note),
        _ => ControlFlow::Continue(()),
    }
}

/// Visits the expressions of a statement, each after those within it.
fn visit_mut<E>(
    statement: &mut DfStatement,
    replace: &mut impl FnMut(&mut ast::Expr) -> ControlFlow<E>,
) -> ControlFlow<E> {
    match statement {
        DfStatement::Statement(statement) => visit_expressions_mut(statement.as_mut(), replace),
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => visit_expressions_mut(query.as_mut(), replace),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => visit_mut(&mut explain.statement, replace),
        _ => ControlFlow::Continue(()),
    }
}

/// Returns the number of a parameter, from 1.
fn number(expr: &ast::Expr) -> Option<usize> {
    let ast::Expr::Value(value) = expr else {
        return None;
    };
    let Value::Placeholder(name) = &value.value else {
        return None;
    };
    let number = name.strip_prefix('$')?.parse().ok()?;
    (1..=PARAMETERS_MAX).contains(&number).then_some(number)
}

/// Writes a value as SQL.
fn literal(value: &ScalarValue) -> Result<ast::Expr> {
    let data_type = value.data_type();
    let is_text = matches!(
        data_type,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    let is_binary = matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    );
    let is_time = matches!(data_type, DataType::Time32(_) | DataType::Time64(_));
    let is_list = matches!(data_type, DataType::List(_) | DataType::LargeList(_));
    let expr = match value {
        // DataFusion writes no cast to such types.
        value if value.is_null() && is_binary => return Ok(null_of(ast::DataType::Bytea)),
        value if value.is_null() && is_list => {
            return Ok(null_of(list_type(&data_type)?));
        }
        value if value.is_null() && is_time => {
            let without_zone = ast::TimezoneInfo::None;
            return Ok(null_of(ast::DataType::Time(None, without_zone)));
        }
        value if value.is_null() && is_text => lit(ScalarValue::Null),
        value if value.is_null() => cast(lit(ScalarValue::Null), data_type),
        // DataFusion writes these without their offset.
        value if matches!(data_type, DataType::Timestamp(_, Some(_))) => {
            let moment = value.cast_to(&DataType::Utf8);
            let moment = moment.map_err(|error| Error::Query(Box::new(error)))?;
            let zone = ast::TimezoneInfo::WithTimeZone;
            let text = Value::SingleQuotedString(moment.to_string());
            let data_type = ast::DataType::Timestamp(None, zone);
            return Ok(cast_to(text, data_type));
        }
        // The shortest text is exact, and there is one of NaN too.
        ScalarValue::Float32(Some(number)) => cast(lit(number.to_string()), data_type),
        ScalarValue::Float64(Some(number)) => cast(lit(number.to_string()), data_type),
        ScalarValue::Int8(_) | ScalarValue::Int16(_) | ScalarValue::Int32(_) => {
            cast(lit(value.clone()), data_type)
        }
        ScalarValue::Decimal128(Some(_), ..) | ScalarValue::Decimal256(Some(_), ..) => {
            cast(lit(value.to_string()), data_type)
        }
        value => Expr::Literal(value.clone(), None),
    };
    expr_to_sql(&expr).map_err(|error| Error::Query(Box::new(error)))
}

fn null_of(data_type: ast::DataType) -> ast::Expr {
    cast_to(Value::Null, data_type)
}

fn cast_to(value: Value, data_type: ast::DataType) -> ast::Expr {
    ast::Expr::Cast {
        kind: ast::CastKind::Cast,
        expr: Box::new(ast::Expr::value(value)),
        data_type,
        array: false,
        format: None,
    }
}

/// Returns the SQL type of a list, whose items are numbered by brackets; of all others that of
/// their nulls.
fn list_type(data_type: &DataType) -> Result<ast::DataType> {
    if let DataType::List(item) | DataType::LargeList(item) = data_type {
        let item = Box::new(list_type(item.data_type())?);
        let element = ast::ArrayElemTypeDef::SquareBracket(item, None);
        return Ok(ast::DataType::Array(element));
    }
    let null = ScalarValue::try_new_null(data_type).map_err(|error| Error::Query(Box::new(error)));
    match literal(&null?)? {
        ast::Expr::Cast { data_type, .. } => Ok(data_type),
        // Nulls of texts have no type.
        _ => Ok(ast::DataType::Varchar(None)),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::statement_list::Statements;

    fn statement(sql: &str) -> Statement {
        let mut statements = Statements::new(sql, &SessionContext::new());
        statements.next().unwrap().unwrap()
    }

    #[test]
    fn parameters_are_counted_wherever_they_are() {
        for (sql, expected) in [
            ("SELECT 1", 0),
            ("SELECT $2, 'a $3'", 2),
            ("SELECT a FROM t WHERE b IN (SELECT $1) LIMIT $4", 4),
            ("INSERT INTO t VALUES ($1, $2), ($3, 7)", 3),
            ("COPY (SELECT $1) TO 'x.csv'", 1),
            ("EXPLAIN SELECT $1", 1),
            ("SUMMARIZE SELECT $1", 1),
            ("SELECT $0, $name, $99999", 0),
            ("SHOW FUNCTIONS", 0),
        ] {
            assert_eq!(statement(sql).parameters(), expected, "{sql}");
        }
    }

    #[test]
    fn values_that_are_used_often_are_refused() {
        let uses = |count: usize| format!("SELECT {}", vec!["length($1)"; count].join(", "));
        let text = Some(ScalarValue::from("x".repeat(1 << 20)));
        let mut bound = statement(&uses(3));
        bound.bind(std::slice::from_ref(&text)).unwrap();
        assert_eq!(bound.parameters(), 0);
        let mut refused = statement(&uses(258));
        let error = refused.bind(&[text]).unwrap_err().to_string();
        let expected = "expected parameters whose uses after the first have at most 268435456 \
                        bytes, found 269484032";
        assert!(error.contains(expected), "{error}");
        // Nothing was replaced.
        assert_eq!(refused.parameters(), 1);
    }

    #[test]
    fn items_of_arrays_are_counted_as_often_as_they_are_used() {
        let items = vec![ScalarValue::from(1_i64); 500_000];
        let list = ScalarValue::new_list(&items, &DataType::Int64, true);
        let list = Some(ScalarValue::List(list));
        let error = statement("SELECT $1, $1, $1, $1, $1").bind(&[list]);
        let error = error.unwrap_err().to_string();
        let expected = "expected arrays of at most 2000000 items as parameters, those of each use \
                        counted, found 2500000";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn moments_keep_their_offset() {
        let mut bound = statement("SELECT $1");
        let moment =
            ScalarValue::TimestampMicrosecond(Some(1_709_210_096_500_000), Some("+00".into()));
        bound.bind(&[Some(moment)]).unwrap();
        let Parsed::DataFusion(bound) = &bound.parsed else {
            unreachable!("a query is a statement of DataFusion");
        };
        let expected = "SELECT CAST('2024-02-29T12:34:56.500Z' AS TIMESTAMP WITH TIME ZONE)";
        assert_eq!(bound.to_string(), expected);
    }

    #[test]
    fn values_become_literals() {
        let mut bound = statement("SELECT $1, f($2), $3 + $4, $5, $6, $7, $8");
        let values = [
            Some(ScalarValue::from("it's")),
            Some(ScalarValue::from(-7_i64)),
            None,
            Some(ScalarValue::from(f64::NAN)),
            Some(ScalarValue::Date32(None)),
            Some(ScalarValue::Null),
            Some(ScalarValue::Binary(None)),
            Some(ScalarValue::Time64Microsecond(None)),
        ];
        bound.bind(&values).unwrap();
        let Parsed::DataFusion(bound) = &bound.parsed else {
            unreachable!("a query is a statement of DataFusion");
        };
        assert_eq!(
            bound.to_string(),
            "SELECT 'it''s', f(-7), $3 + CAST('NaN' AS DOUBLE), CAST(NULL AS DATE), NULL, CAST(NULL AS BYTEA), CAST(NULL AS TIME)"
        );
    }

    #[test]
    fn integers_of_series_have_64_bits() {
        let sql = "SELECT $1 FROM generate_series($1, $2, $3), Range($1), f($1)";
        let mut bound = statement(sql);
        let values = [
            Some(ScalarValue::from(1_i16)),
            Some(ScalarValue::Int32(None)),
            Some(ScalarValue::from(-7_i64)),
        ];
        bound.bind(&values).unwrap();
        let Parsed::DataFusion(bound) = &bound.parsed else {
            unreachable!("a query is a statement of DataFusion");
        };
        assert_eq!(
            bound.to_string(),
            "SELECT CAST(1 AS SMALLINT) FROM generate_series(1, NULL, -7), Range(1), \
             f(CAST(1 AS SMALLINT))"
        );
    }
}
