//! `SUMMARIZE`: statistics of the columns of a table or a query.

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::functions_aggregate::expr_fn::{
    approx_distinct, approx_percentile_cont, avg, count, max, min, stddev,
};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use fusebox_runtime::{Error, Result};

use super::query;

/// Name of the column of structs, one for each column of the source.
const SUMMARY: &str = "summary";

/// Columns of the result, after the name and the type of the column.
const STATISTICS: [&str; 10] = [
    "min",
    "max",
    "approx_unique",
    "avg",
    "std",
    "q25",
    "q50",
    "q75",
    "count",
    "nulls",
];

/// Summarizes a query: a row for each of its columns. It reads the source once.
pub(super) fn summarize(source: DataFrame) -> Result<DataFrame> {
    let fields = source.schema().fields().clone();
    if fields.is_empty() {
        let message = "SUMMARIZE: expected a table or a query with columns, found none";
        return Err(Error::Syntax(message.to_owned()));
    }
    // Columns of several tables can have one name: they are numbered.
    let columns = source.schema().columns().into_iter().enumerate();
    let numbered = columns.map(|(index, column)| Expr::Column(column).alias(numbered(index)));
    let source = source.select(numbered.collect::<Vec<_>>()).map_err(query)?;
    let aggregates = fields.iter().enumerate().flat_map(|(index, field)| {
        let values = statistics(index, field.data_type());
        let names = STATISTICS.iter().map(move |name| format!("{index}_{name}"));
        values
            .into_iter()
            .zip(names)
            .map(|(value, name)| value.alias(name))
    });
    let aggregated = source.aggregate(Vec::new(), aggregates.collect());
    let rows = fields.iter().enumerate().map(|(index, field)| {
        let name = lit(field.name().as_str());
        let data_type = lit(field.data_type().to_string());
        let mut parts = vec![lit("column_name"), name, lit("column_type"), data_type];
        for statistic in STATISTICS {
            parts.push(lit(statistic));
            parts.push(ident(format!("{index}_{statistic}")));
        }
        named_struct(parts)
    });
    let array = make_array(rows.collect()).alias(SUMMARY);
    let result = aggregated
        .and_then(|frame| frame.select(vec![array]))
        .and_then(|frame| frame.unnest_columns(&[SUMMARY]))
        .and_then(|frame| {
            let names = ["column_name", "column_type"].into_iter().chain(STATISTICS);
            let field = |name| get_field(Expr::Column(Column::from_name(SUMMARY)), name);
            frame.select(
                names
                    .map(|name| field(name).alias(name))
                    .collect::<Vec<_>>(),
            )
        });
    result.map_err(query)
}

/// Returns the name of a column of the source.
fn numbered(index: usize) -> String {
    format!("c{index}")
}

/// Returns the values of [`STATISTICS`] of a column: numbers for counts, and text or null.
fn statistics(index: usize, data_type: &DataType) -> Vec<Expr> {
    let column = || ident(numbered(index));
    let text = |value: Expr| cast(value, DataType::Utf8);
    let none = || lit(ScalarValue::Utf8(None));
    let is_nested = data_type.is_nested();
    let number = || cast(column(), DataType::Float64);
    let of_number = |value: &dyn Fn(Expr) -> Expr| match data_type.is_numeric() {
        true => text(value(number())),
        false => none(),
    };
    let quantile = |fraction: f64| {
        let at =
            move |value: Expr| approx_percentile_cont(value.sort(true, false), lit(fraction), None);
        of_number(&at)
    };
    let of_ordered = |value: fn(Expr) -> Expr| match is_nested || *data_type == DataType::Null {
        true => none(),
        false => text(value(column())),
    };
    vec![
        of_ordered(min),
        of_ordered(max),
        match is_nested {
            true => lit(ScalarValue::UInt64(None)),
            false => approx_distinct(text(column())),
        },
        of_number(&avg),
        of_number(&stddev),
        quantile(0.25),
        quantile(0.5),
        quantile(0.75),
        count(column()),
        count(lit(1)) - count(column()),
    ]
}
