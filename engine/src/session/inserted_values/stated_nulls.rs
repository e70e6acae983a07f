//! Nulls of a table that `CREATE TABLE t (columns) AS` creates.
//!
//! DataFusion takes from the query which columns are NOT NULL, and forgets what the statement says.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{
    ColumnarValue, DdlStatement, Expr, LogicalPlan, Projection, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::parser::Statement as DfStatement;
use sqlparser::ast::{ColumnOption, Statement};

use super::nullable_projection;
use crate::table_keys::null_error;

/// Returns true for each column that is stated as NOT NULL, of a table that is created of a query;
/// `None` for other statements.
pub(crate) fn stated_nulls(statement: &DfStatement) -> Option<Vec<bool>> {
    let DfStatement::Statement(statement) = statement else {
        return None;
    };
    let Statement::CreateTable(table) = statement.as_ref() else {
        return None;
    };
    if table.query.is_none() || table.columns.is_empty() {
        return None;
    }
    let columns = table.columns.iter().map(|column| {
        let mut options = column.options.iter();
        options.any(|stated| matches!(stated.option, ColumnOption::NotNull))
    });
    Some(columns.collect())
}

/// Refuses nulls of the columns of a new table that are stated as NOT NULL, and lets those of others
/// be null.
///
/// # Errors
///
/// Any error of the changed plan.
pub(crate) fn with_stated_nulls(
    plan: LogicalPlan,
    stated: Option<Vec<bool>>,
) -> Result<LogicalPlan> {
    let (mut create, stated) = match (plan, stated) {
        (LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)), Some(stated)) => {
            (create, stated)
        }
        (plan, _) => return Ok(plan),
    };
    let table = create.name.to_string();
    let input = match Arc::unwrap_or_clone(create.input) {
        // The rows of VALUES have the types of the table, and its NOT NULL with them.
        LogicalPlan::Projection(projection) => nullable_projection(projection)?,
        other => other,
    };
    let columns = input.schema().iter().zip(stated);
    let columns = columns.map(|((qualifier, field), is_not_null)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let function = match (is_not_null, field.is_nullable()) {
            (true, _) => ScalarUDF::new_from_impl(NotNull::new(&table, field.name())),
            (false, false) => ScalarUDF::new_from_impl(Nullable::new()),
            (false, true) => return column,
        };
        function.call(vec![column]).alias(field.name())
    });
    let projection = Projection::try_new(columns.collect(), Arc::new(input))?;
    create.input = Arc::new(LogicalPlan::Projection(projection));
    Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)))
}

/// Function that returns its argument, and refuses nulls.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NotNull {
    table: String,
    column: String,
    signature: Signature,
}

impl NotNull {
    fn new(table: &str, column: &str) -> Self {
        Self {
            table: table.to_owned(),
            column: column.to_owned(),
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for NotNull {
    fn name(&self) -> &'static str {
        "not_null"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [value] = take_function_args(self.name(), types)?;
        Ok(value.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [field] = take_function_args(self.name(), args.arg_fields)?;
        Ok(Arc::new(field.as_ref().clone().with_nullable(false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [value] = take_function_args(self.name(), args.args)?;
        let has_null = match &value {
            ColumnarValue::Array(values) => values.logical_null_count() > 0,
            ColumnarValue::Scalar(value) => rows > 0 && value.is_null(),
        };
        match has_null {
            true => Err(null_error(&self.table, &self.column)),
            false => Ok(value),
        }
    }
}

/// Function that returns its argument, which may be null by its type. It is volatile, so that
/// DataFusion does not replace it by a constant, which has a type without nulls.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Nullable {
    signature: Signature,
}

impl Nullable {
    fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Volatile),
        }
    }
}

impl ScalarUDFImpl for Nullable {
    fn name(&self) -> &'static str {
        "nullable"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [value] = take_function_args(self.name(), types)?;
        Ok(value.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [field] = take_function_args(self.name(), args.arg_fields)?;
        Ok(Arc::new(field.as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use datafusion::common::ScalarValue;
    use datafusion::common::config::ConfigOptions;
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn stated(sql: &str) -> Option<Vec<bool>> {
        let mut statements = DFParser::parse_sql(sql).unwrap();
        stated_nulls(&statements.pop_front().unwrap())
    }

    #[test]
    fn columns_of_tables_of_queries_are_stated() {
        let create = "CREATE TABLE t (a INT NOT NULL, b INT, c INT DEFAULT 1 NOT NULL)";
        assert_eq!(
            stated(&format!("{create} AS SELECT 1, 2, 3")),
            Some(vec![true, false, true])
        );
        assert_eq!(stated(create), None);
        assert_eq!(stated("CREATE TABLE t AS SELECT 1 AS a"), None);
        assert_eq!(stated("SELECT 1"), None);
    }

    #[test]
    fn nulls_are_refused_by_the_names_of_table_and_column() {
        let function = NotNull::new("t", "a");
        let invoke = |value: ColumnarValue, rows: usize| {
            let field: FieldRef =
                Arc::new(arrow::datatypes::Field::new("a", DataType::Int64, true));
            function.invoke_with_args(ScalarFunctionArgs {
                args: vec![value],
                arg_fields: vec![Arc::clone(&field)],
                number_rows: rows,
                return_field: field,
                config_options: Arc::new(ConfigOptions::new()),
            })
        };
        let values =
            |values: Vec<Option<i64>>| ColumnarValue::Array(Arc::new(Int64Array::from(values)));
        assert!(invoke(values(vec![Some(1), Some(2)]), 2).is_ok());
        let null = ColumnarValue::Scalar(ScalarValue::Int64(None));
        assert!(invoke(null.clone(), 0).is_ok());
        for refused in [invoke(values(vec![Some(1), None]), 2), invoke(null, 2)] {
            let error = refused.unwrap_err().to_string();
            let expected = "table `t` expected a value of the NOT NULL column `a`, found NULL";
            assert!(error.contains(expected), "{error}");
        }
    }
}
