//! Names of the columns of a query, as PostgreSQL gives them.
//!
//! DataFusion names a column after its whole expression, such as `sum(t.x) + Int64(1)`.

use datafusion::sql::sqlparser::ast::{Expr, Ident, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::Parser;

/// Name of a column that has none.
const UNNAMED: &str = "?column?";

/// Returns the names of the columns that a query selects; `None` for those that it names itself,
/// and nothing if the query selects all columns of a table, or is another statement.
pub(crate) fn column_names(sql: &str, dialect: &dyn Dialect) -> Vec<Option<String>> {
    // What cannot be parsed here keeps the names of DataFusion.
    let Ok(statements) = Parser::parse_sql(dialect, sql) else {
        return Vec::new();
    };
    let [Statement::Query(query)] = &statements[..] else {
        return Vec::new();
    };
    let mut body = query.body.as_ref();
    let select = loop {
        match body {
            SetExpr::Select(select) => break select,
            SetExpr::Query(query) => body = query.body.as_ref(),
            // The first query names the columns.
            SetExpr::SetOperation { left, .. } => body = left.as_ref(),
            _ => return Vec::new(),
        }
    };
    let mut names = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => names.push(name(expr)),
            SelectItem::ExprWithAlias { .. } => names.push(None),
            _ => return Vec::new(),
        }
    }
    names
}

/// Returns true for words that PostgreSQL reads as calls of functions.
fn is_call(word: &Ident) -> bool {
    let mut words = ["current_role", "current_schema"].into_iter();
    word.quote_style.is_none() && words.any(|name| word.value.eq_ignore_ascii_case(name))
}

fn name(expr: &Expr) -> Option<String> {
    let name = match expr {
        Expr::Identifier(word) if is_call(word) => word.value.to_lowercase(),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => return None,
        Expr::Function(call) => {
            let last = call.name.0.last().and_then(|part| part.as_ident());
            last.map_or(UNNAMED.to_owned(), |name| name.value.to_lowercase())
        }
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Trim { .. } => "btrim".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Interval(_) => "interval".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::Nested(inner) => return name(inner),
        Expr::Cast {
            expr, data_type, ..
        } => match expr.as_ref() {
            Expr::Identifier(column) => column.value.clone(),
            Expr::CompoundIdentifier(parts) => parts.last()?.value.clone(),
            other => match name(other) {
                Some(name) if name != UNNAMED => name,
                _ => data_type.to_string().to_lowercase(),
            },
        },
        _ => UNNAMED.to_owned(),
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    #[test]
    fn names_are_those_of_postgresql() {
        let names = |sql| column_names(sql, &GenericDialect {});
        let sql = "SELECT 1, a, t.b, F(a), a + 1, CAST(a AS INT), '1'::date, 2 AS \"x y\"";
        let expected = [
            Some("?column?"),
            None,
            None,
            Some("f"),
            Some("?column?"),
            Some("a"),
            Some("date"),
            None,
        ];
        let expected: Vec<_> = expected.iter().map(|n| n.map(str::to_owned)).collect();
        assert_eq!(names(sql), expected);
        let words = names("SELECT Current_Schema, \"current_schema\"");
        assert_eq!(words, [Some("current_schema".to_owned()), None]);
        let union = names("SELECT max(x) FROM t UNION ALL SELECT 1");
        assert_eq!(union, [Some("max".to_owned())]);
        for other in [
            "SELECT 1, * FROM t",
            "VALUES (1)",
            "SHOW x",
            "SELECT FROM WHERE",
        ] {
            assert!(names(other).is_empty(), "{other}");
        }
    }
}
