//! `ORDER BY ALL`, as the numbers of all columns: DataFusion's parser reads a column named `all`,
//! and its planner sorts by plain columns alone.

use sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Value,
};

/// Replaces `ORDER BY ALL` of a query, unless one of its columns is named `all`. Columns of a
/// wildcard are left to the planner, which knows them.
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
    let numbered = |columns| {
        let numbered = (1..=columns).map(|number: usize| OrderByExpr {
            expr: Expr::value(Value::Number(number.to_string(), false)),
            options,
            with_fill: None,
        });
        OrderByKind::Expressions(numbered.collect())
    };
    *kind = match columns {
        Columns::Written(columns) => numbered(columns),
        Columns::Wildcard => OrderByKind::All(options),
    };
}

/// Columns of a query.
enum Columns {
    /// Number of columns that are written out.
    Written(usize),
    /// Columns of a wildcard among others.
    Wildcard,
}

/// Returns the columns of a query, if none is named `all`.
fn columns(body: &SetExpr) -> Option<Columns> {
    match body {
        SetExpr::Select(select) => {
            // `FROM t` alone means all columns.
            let mut has_wildcard = select.projection.is_empty();
            for item in &select.projection {
                match item {
                    SelectItem::UnnamedExpr(expr) if !is_all(expr) => {}
                    SelectItem::ExprWithAlias { alias, .. } if !is_named_all(alias) => {}
                    SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                        has_wildcard = true;
                    }
                    _ => return None,
                }
            }
            Some(match has_wildcard {
                true => Columns::Wildcard,
                false => Columns::Written(select.projection.len()),
            })
        }
        // Around these, DataFusion would not sort by the columns of a wildcard.
        SetExpr::SetOperation { left: body, .. } => {
            columns(body).filter(|columns| matches!(columns, Columns::Written(_)))
        }
        _ => None,
    }
}

fn is_all(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if is_named_all(name))
}

fn is_named_all(name: &Ident) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")
}
