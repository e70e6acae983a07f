//! `ORDER BY ALL`, as the numbers of all columns: DataFusion's parser reads a column named `all`,
//! and its planner sorts by plain columns alone.

use sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Value,
};

/// Replaces `ORDER BY ALL` of a query whose columns are written out. One of them that is named
/// `all` is what is meant.
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

/// Returns the number of columns of a query, if they are written out and none is named `all`.
fn columns(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let is_plain = |item: &SelectItem| match item {
                SelectItem::UnnamedExpr(expr) => !is_all(expr),
                SelectItem::ExprWithAlias { alias, .. } => !is_named_all(alias),
                _ => false,
            };
            let items = &select.projection;
            items.iter().all(is_plain).then_some(items.len())
        }
        SetExpr::SetOperation { left, .. } => columns(left),
        SetExpr::Query(query) => columns(&query.body),
        _ => None,
    }
}

fn is_all(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if is_named_all(name))
}

fn is_named_all(name: &Ident) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")
}
