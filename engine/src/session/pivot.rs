//! `PIVOT` and `UNPIVOT` of a table, as the queries that they abbreviate.
//!
//! `t PIVOT (sum(x) FOR c IN (1, 2))` becomes `SELECT * EXCLUDE (x, c), sum(x) FILTER (WHERE c IS
//! NOT DISTINCT FROM 1) AS "1", … FROM t GROUP BY ALL`, and `t UNPIVOT (v FOR n IN (a, b))` a
//! query that unnests a list of the columns for each row. Columns are named as in DuckDB.

use std::mem;
use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{
    Array, BinaryOperator, ExcludeSelectItem, Expr, ExprWithAlias, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, NullInclusion, ObjectName, PivotValueSource, Query, Select,
    SelectItem, SetExpr, TableAlias, TableFactor, Value, WildcardAdditionalOptions,
    visit_expressions,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::calls::normalized;

/// Columns that a `PIVOT` or `UNPIVOT` may name.
const COLUMNS_MAX: usize = 1_000;

/// Bytes of the aggregates of a `PIVOT`, repeated for each of its values.
const TEXT_MAX: usize = 1 << 20;

/// Replaces a `PIVOT` or `UNPIVOT` by its query.
///
/// # Errors
///
/// [`Error::Query`] for values that are not written out, aggregates that are no calls, and too
/// many columns.
pub(super) fn replace_pivot(factor: &mut TableFactor) -> Result<()> {
    let is_pivot = matches!(
        factor,
        TableFactor::Pivot { .. } | TableFactor::Unpivot { .. }
    );
    if !is_pivot {
        return Ok(());
    }
    let empty = TableFactor::TableFunction {
        expr: Expr::value(Value::Null),
        alias: None,
    };
    let (subquery, alias) = match mem::replace(factor, empty) {
        TableFactor::Pivot {
            table,
            aggregate_functions,
            value_column,
            value_source,
            default_on_null,
            alias,
        } => {
            let PivotValueSource::List(values) = value_source else {
                return Err(refused(
                    "expected constants in the list of PIVOT, found ANY or a query; write them out",
                ));
            };
            let pivot = Pivot {
                aggregates: aggregate_functions,
                columns: value_column,
                values,
                default: default_on_null,
            };
            (pivot.query(*table)?, alias)
        }
        TableFactor::Unpivot {
            table,
            value,
            name,
            columns,
            null_inclusion,
            alias,
        } => {
            let keeps_nulls = null_inclusion == Some(NullInclusion::IncludeNulls);
            (unpivot(*table, value, name, columns, keeps_nulls)?, alias)
        }
        _ => return Err(refused("expected PIVOT or UNPIVOT, found another table")),
    };
    *factor = derived(subquery, alias);
    Ok(())
}

struct Pivot {
    aggregates: Vec<ExprWithAlias>,
    /// Columns whose values become columns.
    columns: Vec<Expr>,
    /// Values of the columns, tuples if there are several.
    values: Vec<ExprWithAlias>,
    /// Value in place of null.
    default: Option<Expr>,
}

impl Pivot {
    fn query(self, table: TableFactor) -> Result<Box<Query>> {
        let count = self.aggregates.len().saturating_mul(self.values.len());
        let texts = self.aggregates.iter().chain(&self.values);
        let bytes: usize = texts.map(|text| text.to_string().len()).sum();
        if count > COLUMNS_MAX || bytes.saturating_mul(self.values.len()) > TEXT_MAX {
            return Err(too_many(count));
        }
        let aggregates = self.aggregates.iter().map(|aggregate| &aggregate.expr);
        let read = columns_of(aggregates.chain(&self.columns));
        let mut items = vec![others(read)];
        for value in &self.values {
            let condition = self.condition(&value.expr)?;
            for aggregate in &self.aggregates {
                items.push(SelectItem::ExprWithAlias {
                    expr: self.filtered(&aggregate.expr, &condition)?,
                    alias: self.name(value, aggregate),
                });
            }
        }
        query("SELECT 1 FROM t GROUP BY ALL", items, table)
    }

    /// Returns the condition that the columns have a value.
    fn condition(&self, value: &Expr) -> Result<Expr> {
        let values = match value {
            Expr::Tuple(values) if self.columns.len() > 1 => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        if values.len() != self.columns.len() {
            return Err(refused(
                "expected as many values as columns in the list of PIVOT, found more or fewer",
            ));
        }
        let equal = self.columns.iter().zip(values).map(|(column, value)| {
            Expr::IsNotDistinctFrom(Box::new(column.clone()), Box::new(value.clone()))
        });
        let all = equal.reduce(|left, right| binary(left, BinaryOperator::And, right));
        all.ok_or_else(|| refused("expected a column after FOR in PIVOT, found none"))
    }

    /// Returns an aggregate over the rows that meet a condition.
    fn filtered(&self, aggregate: &Expr, condition: &Expr) -> Result<Expr> {
        let Expr::Function(call) = aggregate else {
            return Err(refused(
                "expected calls of aggregate functions in PIVOT, found another expression; write the \
                 call, and the expression in SELECT",
            ));
        };
        let mut call = call.clone();
        let condition = condition.clone();
        let filter = match call.filter.take() {
            Some(filter) => binary(Expr::Nested(filter), BinaryOperator::And, condition),
            None => condition,
        };
        call.filter = Some(Box::new(filter));
        let value = Expr::Function(call);
        match &self.default {
            Some(default) => called("SELECT coalesce(1)", vec![value, default.clone()]),
            None => Ok(value),
        }
    }

    /// Returns the name of a column: that of the value, and of the aggregate if it has one, or is
    /// one of several.
    fn name(&self, value: &ExprWithAlias, aggregate: &ExprWithAlias) -> Ident {
        let mut name = match &value.alias {
            Some(alias) => alias.value.clone(),
            None => text_of(&value.expr),
        };
        match &aggregate.alias {
            Some(alias) => name = format!("{name}_{}", alias.value),
            None if self.aggregates.len() > 1 => name = format!("{name}_{}", aggregate.expr),
            None => {}
        }
        Ident::with_quote('"', name)
    }
}

/// Returns the query of an `UNPIVOT`: `SELECT * EXCLUDE (a, b) FROM (SELECT *, unnest(['a', 'b'])
/// AS name, unnest([a, b]) AS value FROM t) WHERE value IS NOT NULL`.
fn unpivot(
    table: TableFactor,
    value: Expr,
    name: Ident,
    columns: Vec<ExprWithAlias>,
    keeps_nulls: bool,
) -> Result<Box<Query>> {
    if columns.len() > COLUMNS_MAX {
        return Err(too_many(columns.len()));
    }
    let Expr::Identifier(value) = value else {
        return Err(refused(
            "expected the name of one column of values in UNPIVOT, found another expression",
        ));
    };
    let label = |column: &ExprWithAlias| match &column.alias {
        Some(alias) => alias.value.clone(),
        None => text_of(&column.expr),
    };
    let labels = columns.iter().map(label);
    let labels = labels.map(|label| Expr::value(Value::SingleQuotedString(label)));
    let labels = unnested(labels.collect())?;
    let read = columns_of(columns.iter().map(|column| &column.expr));
    let values = unnested(columns.into_iter().map(|column| column.expr).collect())?;
    let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
    let item = |expr, alias| SelectItem::ExprWithAlias { expr, alias };
    let items = vec![all, item(labels, name), item(values, value.clone())];
    let inner = query("SELECT 1 FROM t", items, table)?;
    let mut outer = query("SELECT 1 FROM t", vec![others(read)], derived(inner, None))?;
    if !keeps_nulls {
        let is_value = Expr::IsNotNull(Box::new(Expr::Identifier(value)));
        select_of(&mut outer)?.selection = Some(is_value);
    }
    Ok(outer)
}

/// Returns `unnest([items])`.
fn unnested(items: Vec<Expr>) -> Result<Expr> {
    let array = Expr::Array(Array {
        elem: items,
        named: true,
    });
    called("SELECT unnest(1)", vec![array])
}

/// Returns the call in this query, with other arguments.
fn called(form: &str, arguments: Vec<Expr>) -> Result<Expr> {
    let mut parsed = parse(form)?;
    let item = select_of(&mut parsed)?.projection.pop();
    let Some(SelectItem::UnnamedExpr(Expr::Function(mut call))) = item else {
        return Err(unparsed());
    };
    if let FunctionArguments::List(list) = &mut call.args {
        let arguments = arguments.into_iter().map(FunctionArgExpr::Expr);
        list.args = arguments.map(FunctionArg::Unnamed).collect();
    }
    Ok(Expr::Function(call))
}

/// Returns all columns of a table but these.
fn others(names: Vec<Ident>) -> SelectItem {
    let mut options = WildcardAdditionalOptions::default();
    let names: Vec<ObjectName> = names.into_iter().map(ObjectName::from).collect();
    if !names.is_empty() {
        options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
    }
    SelectItem::Wildcard(options)
}

/// Returns the columns that expressions name, each once.
fn columns_of<'a>(exprs: impl Iterator<Item = &'a Expr>) -> Vec<Ident> {
    let mut names: Vec<Ident> = Vec::new();
    for expr in exprs {
        let _ = visit_expressions(expr, |expr: &Expr| {
            let name = match expr {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(names) => names.last(),
                _ => None,
            };
            if let Some(name) = name
                && !names.iter().any(|known| is_same(known, name))
            {
                names.push(name.clone());
            }
            ControlFlow::<()>::Continue(())
        });
    }
    names
}

fn is_same(one: &Ident, other: &Ident) -> bool {
    normalized(one) == normalized(other)
}

/// Returns the text of a constant, or of an expression.
fn text_of(expr: &Expr) -> String {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            value => value.to_string(),
        },
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(names) => names
            .last()
            .map_or_else(String::new, |name| name.value.clone()),
        Expr::Tuple(values) => {
            let texts: Vec<String> = values.iter().map(text_of).collect();
            texts.join("_")
        }
        expr => expr.to_string(),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

fn derived(subquery: Box<Query>, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Derived {
        lateral: false,
        subquery,
        alias,
        sample: None,
    }
}

/// Returns a query of this form that selects items of a table.
fn query(form: &str, items: Vec<SelectItem>, table: TableFactor) -> Result<Box<Query>> {
    let mut query = parse(form)?;
    let select = select_of(&mut query)?;
    select.projection = items;
    if let Some(from) = select.from.first_mut() {
        from.relation = table;
    }
    Ok(query)
}

fn parse(text: &str) -> Result<Box<Query>> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
    let query = parser.and_then(|mut parser| parser.parse_query());
    query.map_err(|_| unparsed())
}

fn select_of(query: &mut Query) -> Result<&mut Select> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(unparsed()),
    }
}

fn unparsed() -> Error {
    Error::Internal("the form of a query is not read as one".to_owned())
}

fn too_many(found: usize) -> Error {
    refused(&format!(
        "expected at most {COLUMNS_MAX} columns and {TEXT_MAX} bytes of PIVOT or UNPIVOT, found {found} \
         columns; name fewer"
    ))
}

fn refused(message: &str) -> Error {
    Error::Query(Box::new(DataFusionError::Plan(message.to_owned())))
}
