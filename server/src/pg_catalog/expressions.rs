//! Expressions of SQL, made and read.

use datafusion::arrow::array::Array;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Array as ArrayExpr, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Value,
};

/// Returns the last part of a name.
pub(super) fn last_name(name: &ObjectName) -> Option<&str> {
    Some(name.0.last()?.as_ident()?.value.as_str())
}

pub(super) fn number(text: &str) -> Expr {
    Expr::value(Value::Number(text.to_owned(), false))
}

/// Makes a constant text.
pub(super) fn text(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_owned()))
}

/// Aggregates that clients call.
const AGGREGATES: [&str; 9] = [
    "count",
    "max",
    "min",
    "sum",
    "avg",
    "array_agg",
    "string_agg",
    "bool_or",
    "bool_and",
];

/// Returns true for the call of an aggregate.
pub(super) fn is_aggregate(function: &Function) -> bool {
    last_name(&function.name).is_some_and(|name| AGGREGATES.contains(&name))
}

pub(super) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    }
}

pub(super) fn array_expr(elem: Vec<Expr>) -> Expr {
    Expr::Array(ArrayExpr { elem, named: true })
}

pub(super) fn value_expr(value: &ScalarValue) -> Expr {
    match value {
        value if value.is_null() => Expr::value(Value::Null),
        ScalarValue::Boolean(Some(value)) => Expr::value(Value::Boolean(*value)),
        ScalarValue::Int16(_) | ScalarValue::Int32(_) | ScalarValue::Int64(_) => {
            number(&value.to_string())
        }
        ScalarValue::List(list) => {
            let items = list.value(0);
            let items =
                (0..items.len()).filter_map(|row| ScalarValue::try_from_array(&items, row).ok());
            array_expr(items.map(|item| value_expr(&item)).collect())
        }
        other => Expr::value(Value::SingleQuotedString(other.to_string())),
    }
}

pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
