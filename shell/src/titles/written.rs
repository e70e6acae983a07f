//! Titles of expressions as they are written.
//!
//! DataFusion leaves brackets and casts out of the name of an expression, so that `(1 + 2) * 3`
//! would be titled `1 + 2 * 3`, and writes lists and orders in its own way.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArgumentClause, FunctionArguments, SelectItem, SetExpr,
    Statement, visit_expressions,
};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Texts that are not looked at: those of rows, rather than of queries.
const TEXT_MAX: usize = 64 << 10;

/// Depth of expressions that are looked at.
const DEPTH_MAX: usize = 30;

/// Statements that list columns with their types.
const OF_COLUMNS: [&str; 3] = ["DESCRIBE", "DESC", "SUMMARIZE"];

/// Statements of a text.
pub(crate) struct WrittenTitles(Vec<Vec<TokenWithSpan>>);

impl WrittenTitles {
    /// Splits a text into its statements.
    pub(crate) fn of(sql: &str, dialect: &dyn Dialect) -> Self {
        let mut tokens = Vec::new();
        if sql.len() <= TEXT_MAX {
            // The session reports errors of the tokenizer.
            let _ = Tokenizer::new(dialect, sql).tokenize_with_location_into_buf(&mut tokens);
        }
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        let statements = tokens.split(|token| token.token == Token::SemiColon);
        let statements = statements.filter(|statement| !statement.is_empty());
        Self(statements.map(<[_]>::to_vec).collect())
    }

    /// Returns true if the statement of this index lists columns with their types.
    pub(crate) fn lists_columns(&self, index: usize) -> bool {
        let first = self.0.get(index).and_then(|tokens| tokens.first());
        first.is_some_and(|first| match &first.token {
            Token::Word(word) => OF_COLUMNS
                .iter()
                .any(|name| word.value.eq_ignore_ascii_case(name)),
            _ => false,
        })
    }

    /// Returns the titles of the columns of the statement of this index, `None` for those whose
    /// name is a good one; nothing for a statement whose columns are not written out.
    pub(crate) fn titles(&self, index: usize, dialect: &dyn Dialect) -> Vec<Option<String>> {
        let tokens = self.0.get(index).cloned().unwrap_or_default();
        let begin = tokens.first().map(|token| token.token.to_string());
        let begin = begin.unwrap_or_default().to_uppercase();
        if !matches!(&*begin, "SELECT" | "WITH" | "(") {
            return Vec::new();
        }
        let parser = Parser::new(dialect).with_recursion_limit(DEPTH_MAX);
        let parsed = parser.with_tokens_with_locations(tokens).parse_statement();
        let Ok(Statement::Query(query)) = parsed else {
            return Vec::new();
        };
        let mut body = query.body.as_ref();
        while let SetExpr::Query(inner) = body {
            body = inner.body.as_ref();
        }
        let SetExpr::Select(select) = body else {
            return Vec::new();
        };
        let mut titles = Vec::new();
        for item in &select.projection {
            titles.push(match item {
                SelectItem::UnnamedExpr(expr) => written(expr),
                SelectItem::ExprWithAlias { .. } => None,
                _ => return Vec::new(),
            });
        }
        titles
    }
}

/// Returns the text of an expression whose name would lack a part of it.
fn written(expr: &Expr) -> Option<String> {
    let mut expr = expr;
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    let mut is_lossy = false;
    let visited = visit_expressions(expr, |expr: &Expr| {
        is_lossy |= match expr {
            // Their names have no text of the subquery.
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                return ControlFlow::Break(());
            }
            Expr::Nested(inner) => !is_plain(inner),
            Expr::Cast { expr, .. } => !is_plain(expr),
            Expr::InList { .. } => true,
            Expr::BinaryOp { op, .. } => matches!(
                op,
                BinaryOperator::BitwiseXor | BinaryOperator::PGBitwiseXor
            ),
            Expr::Function(function) => {
                let is_order = |clause: &FunctionArgumentClause| {
                    matches!(clause, FunctionArgumentClause::OrderBy(_))
                };
                match &function.args {
                    FunctionArguments::List(list) => list.clauses.iter().any(is_order),
                    _ => false,
                }
            }
            _ => false,
        };
        ControlFlow::Continue(())
    });
    (visited.is_continue() && is_lossy).then(|| expr.to_string())
}

/// Returns true for a column and a constant, also in brackets.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_plain(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn titles(sql: &str, index: usize) -> Vec<Option<String>> {
        WrittenTitles::of(sql, &GenericDialect {}).titles(index, &GenericDialect {})
    }

    #[test]
    fn expressions_are_titled_as_they_are_written() {
        for (expr, expected) in [
            ("(1 + 2) * 3", Some("(1 + 2) * 3")),
            ("10 / (5 - value)", Some("10 / (5 - value)")),
            ("-(a + b)", Some("-(a + b)")),
            ("((a + 1))", None),
            ("(a) + (1)", None),
            ("f((a))", None),
            ("1 in (1,2)", Some("1 IN (1, 2)")),
            ("avg(x)::int", Some("avg(x)::INT")),
            ("x::int", None),
            ("'2013-01-01'::date", None),
            (
                "string_agg(a, ',' order by b desc)",
                Some("string_agg(a, ',' ORDER BY b DESC)"),
            ),
            ("2 ^ 3", Some("2 ^ 3")),
            ("(select (1 + 2) * 3)", None),
            ("count(*)", None),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(titles(&format!("SELECT {expr}"), 0), [expected], "{expr}");
        }
    }

    #[test]
    fn titles_are_those_of_the_outermost_select() {
        let sql = "-- (1)\nINSERT INTO t VALUES (1);; WITH c AS (SELECT 2 AS b) \
                   SELECT b, (1 + b) * 2, (3 - b) * 1 AS x FROM c; SELECT *, (1 + 2) * 3 FROM t;
                   (SELECT (1 + 2) * 3); SELECT 1 UNION ALL SELECT (1 + 2) * 3";
        assert!(titles(sql, 0).is_empty());
        assert_eq!(titles(sql, 1), [None, Some("(1 + b) * 2".to_owned()), None]);
        assert!(titles(sql, 2).is_empty());
        assert_eq!(titles(sql, 3), [Some("(1 + 2) * 3".to_owned())]);
        assert!(titles(sql, 4).is_empty());
        assert!(titles(sql, 5).is_empty());
        assert!(titles("SELECT ((", 0).is_empty());
    }
}
