//! `ORDER BY ALL`, as the numbers of all columns: DataFusion's parser reads a column named `all`,
//! and its planner sorts by plain columns alone, whose names it folds to lower case.

use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, SelectItem, SetExpr,
    Statement, Value,
};

/// Replaces `ORDER BY ALL` of a query whose columns are written out, unless one is named `all`.
pub(super) fn replace_order_by_all(query: &mut Query) {
    if let (Some(options), Some(columns)) = (by_all(query), columns(&query.body)) {
        sort_by_numbers(query, columns, options);
    }
}

/// Replaces `ORDER BY ALL` of a query whose columns are those of a wildcard, unless one is named
/// `all`. How many there are is known from its plan.
pub(super) async fn plan_order_by_all(query: &mut Query, state: &SessionState) {
    let Some(options) = by_all(query) else {
        return;
    };
    let mut unsorted = query.clone();
    unsorted.order_by = None;
    let unsorted = Statement::Query(Box::new(unsorted));
    let unsorted = DfStatement::Statement(Box::new(unsorted));
    // The statement itself has the error of a query that cannot be planned.
    let Ok(plan) = state.statement_to_plan(unsorted).await else {
        return;
    };
    let fields = plan.schema().fields();
    if !fields.iter().any(|field| field.name() == "all") {
        sort_by_numbers(query, fields.len(), options);
    }
}

/// Returns the options of `ORDER BY ALL`, or of a column named `all`.
fn by_all(query: &Query) -> Option<OrderByOptions> {
    match &query.order_by.as_ref()?.kind {
        OrderByKind::All(options) => Some(*options),
        OrderByKind::Expressions(expressions) => match &expressions[..] {
            [OrderByExpr { expr, options, .. }] if is_all(expr) => Some(*options),
            _ => None,
        },
    }
}

fn sort_by_numbers(query: &mut Query, columns: usize, options: OrderByOptions) {
    let Some(OrderBy { kind, .. }) = &mut query.order_by else {
        return;
    };
    let numbered = (1..=columns).map(|number| OrderByExpr {
        expr: Expr::value(Value::Number(number.to_string(), false)),
        options,
        with_fill: None,
    });
    *kind = OrderByKind::Expressions(numbered.collect());
}

/// Returns the number of columns of a query, if all are written out and none is named `all`.
fn columns(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let is_written = |item: &SelectItem| match item {
                SelectItem::UnnamedExpr(expr) => !is_all(expr),
                SelectItem::ExprWithAlias { alias, .. } => !is_named_all(alias),
                _ => false,
            };
            let columns = &select.projection;
            // `FROM t` alone means all columns.
            let are_written = !columns.is_empty() && columns.iter().all(is_written);
            are_written.then_some(columns.len())
        }
        SetExpr::SetOperation { left: body, .. } => columns(body),
        _ => None,
    }
}

fn is_all(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if is_named_all(name))
}

fn is_named_all(name: &Ident) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")
}
