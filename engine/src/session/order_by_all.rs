//! `ORDER BY ALL`, as the numbers of all columns: DataFusion's parser reads a column named `all`,
//! and its planner sorts by plain columns alone.

use sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Value,
};

/// Replaces `ORDER BY ALL` of a query, unless one of its columns is named `all`, or is that of a
/// wildcard: DataFusion's own `ORDER BY ALL` folds the names of such columns to lower case.
pub(super) fn replace_order_by_all(query: &mut Query) {
    let Some(columns) = columns(&query.body) else {
        return;
    };
    let Some(OrderBy { kind, .. }) = &mut query.order_by else {
        return;
    };
    let options = match kind {
        OrderByKind::All(options) => *options,
        OrderByKind::Expressions(expressions) => match &expressions[..] {
            [OrderByExpr { expr, options, .. }] if is_all(expr) => *options,
            _ => return,
        },
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
