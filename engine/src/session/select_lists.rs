//! Select lists: items that may have equal names, and the names that a query mentions.

use std::collections::HashSet;
use std::mem;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use sqlparser::ast::{
    Distinct, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, SetQuantifier,
    Statement, Value, visit_expressions, visit_expressions_mut,
};

use super::calls::normalized;

/// Begin of the names of renamed columns, before their numbers.
pub(super) const RENAMED_PREFIX: &str = "__fusebox_column_";

/// Use of the rows of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They are the result of the statement, now or when it is executed.
    Result,
    /// They are put into columns that have names, or into none.
    Source,
    /// They are those of a new relation or file, whose columns have the names of the query's.
    Relation,
}

/// Returns the query of a statement, and the use of its rows.
pub(super) fn query_of(statement: &mut DfStatement) -> Option<(&mut Query, Purpose)> {
    match statement {
        DfStatement::Statement(statement) => query_of_sql(statement),
        DfStatement::Explain(explain) => {
            let (query, purpose) = query_of(&mut explain.statement)?;
            let purpose = match purpose {
                Purpose::Result => Purpose::Source,
                other => other,
            };
            Some((query, purpose))
        }
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => Some((query.as_mut(), Purpose::Relation)),
            CopyToSource::Relation(_) => None,
        },
        _ => None,
    }
}

fn query_of_sql(statement: &mut Statement) -> Option<(&mut Query, Purpose)> {
    let of_columns = |has_columns: bool| match has_columns {
        true => Purpose::Source,
        false => Purpose::Relation,
    };
    match statement {
        Statement::Query(query) => Some((query.as_mut(), Purpose::Result)),
        Statement::Prepare { statement, .. } => query_of_sql(statement),
        Statement::Insert(insert) => Some((insert.source.as_deref_mut()?, Purpose::Source)),
        Statement::CreateTable(table) => {
            let purpose = of_columns(!table.columns.is_empty());
            Some((table.query.as_deref_mut()?, purpose))
        }
        Statement::CreateView(view) => {
            let purpose = of_columns(!view.columns.is_empty());
            Some((view.query.as_mut(), purpose))
        }
        _ => None,
    }
}

/// Returns the select whose columns give a query its names; `None` if it has none, or other queries
/// find their columns by these names.
pub(super) fn first_select(query: &mut Query) -> Option<&mut Select> {
    let mut body = query.body.as_mut();
    loop {
        match body {
            SetExpr::Select(select) => return Some(select.as_mut()),
            SetExpr::Query(query) => body = query.body.as_mut(),
            SetExpr::SetOperation {
                left,
                set_quantifier,
                ..
            } => match set_quantifier {
                SetQuantifier::ByName
                | SetQuantifier::AllByName
                | SetQuantifier::DistinctByName => return None,
                _ => body = left,
            },
            _ => return None,
        }
    }
}

/// Returns the names by which a query sorts or filters its result.
pub(super) fn mentioned_names(query: &Query, folds: bool) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut note = |expr: &Expr| {
        let _ = visit_expressions(expr, |expr: &Expr| {
            if let Expr::Identifier(name) = expr {
                names.insert(name_of(name, folds));
            }
            ControlFlow::<()>::Continue(())
        });
    };
    let mut query = Some(query);
    while let Some(one) = query.take() {
        if let Some(order) = &one.order_by
            && let OrderByKind::Expressions(keys) = &order.kind
        {
            keys.iter().for_each(|key| note(&key.expr));
        }
        let mut body = one.body.as_ref();
        while let SetExpr::SetOperation { left, .. } = body {
            body = left;
        }
        match body {
            SetExpr::Query(inner) => query = Some(inner.as_ref()),
            SetExpr::Select(select) => {
                select.having.iter().for_each(&mut note);
                select.qualify.iter().for_each(&mut note);
                if let Some(Distinct::On(keys)) = &select.distinct {
                    keys.iter().for_each(&mut note);
                }
            }
            _ => {}
        }
    }
    names
}

/// Returns a name as it is looked up: in lower case, unless it is quoted or names are not folded.
pub(super) fn name_of(name: &Ident, folds: bool) -> String {
    match folds {
        true => normalized(name),
        false => name.value.clone(),
    }
}

/// Name that an item gets, as far as the text tells.
#[derive(PartialEq, Eq, Hash)]
enum ItemName {
    /// That of a column, or an alias.
    Name(String),
    /// That of an expression.
    Text(String),
}

/// Items that get another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those whose text tells that they may have the name of another.
    Text,
    /// Expressions too, whose names DataFusion may write alike.
    Expressions,
}

/// Returns the indices of items whose names may be those of items before them, or of columns of a
/// wildcard.
pub(super) fn renamed_items(select: &Select, reach: Reach) -> Vec<usize> {
    let is_wildcard = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    };
    let has_wildcard = select.projection.iter().any(is_wildcard);
    let mut seen = HashSet::new();
    let items = select.projection.iter().enumerate();
    let renamed = items.filter(|(index, item)| {
        let name = match item {
            SelectItem::UnnamedExpr(expr) => item_name(expr),
            SelectItem::ExprWithAlias { alias, .. } => ItemName::Name(alias.value.to_lowercase()),
            _ => return false,
        };
        let may_be_alike = match name {
            ItemName::Name(_) => has_wildcard,
            ItemName::Text(_) => *index > 0 && reach == Reach::Expressions,
        };
        !seen.insert(name) || may_be_alike
    });
    renamed.map(|(index, _)| index).collect()
}

/// Returns the name of an item in lower case, if it is written.
pub(super) fn written_name(item: &SelectItem) -> Option<String> {
    let name = match item {
        SelectItem::UnnamedExpr(expr) => item_name(expr),
        SelectItem::ExprWithAlias { alias, .. } => ItemName::Name(alias.value.to_lowercase()),
        _ => return None,
    };
    match name {
        ItemName::Name(name) => Some(name),
        ItemName::Text(_) => None,
    }
}

/// Returns the name that an expression without an alias may have: DataFusion leaves out casts and
/// brackets.
fn item_name(expr: &Expr) -> ItemName {
    match expr {
        Expr::Identifier(name) => ItemName::Name(name.value.to_lowercase()),
        Expr::CompoundIdentifier(names) => {
            let last = names.last().map(|name| name.value.to_lowercase());
            ItemName::Name(last.unwrap_or_default())
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => item_name(expr),
        expr => {
            let mut expr = expr.clone();
            let _ = visit_expressions_mut(&mut expr, |expr: &mut Expr| {
                if let Expr::CompoundIdentifier(names) = expr
                    && let Some(last) = names.pop()
                {
                    *expr = Expr::Identifier(last);
                }
                ControlFlow::<()>::Continue(())
            });
            ItemName::Text(expr.to_string().to_lowercase())
        }
    }
}

/// Gives an item another name, and returns the alias that it had.
pub(super) fn rename(item: &mut SelectItem, new: Ident) -> Option<Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(mem::replace(alias, new)),
        SelectItem::UnnamedExpr(expr) => {
            let expr = mem::replace(expr, Expr::value(Value::Null));
            *item = SelectItem::ExprWithAlias { expr, alias: new };
            None
        }
        _ => None,
    }
}
