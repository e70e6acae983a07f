//! Constants of SQL: the defaults of parameters.

use sqlparser::ast::{Expr, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::bounded_dialect::BoundedDialect;

/// Parses a constant; `None` for a text that is none.
pub fn parse_constant(text: &str) -> Option<Expr> {
    // A text has no more tokens than bytes.
    let dialect = BoundedDialect::new(Box::new(GenericDialect {}), text.len());
    let mut parser = Parser::new(&dialect).try_with_sql(text).ok()?;
    let expr = parser.parse_expr();
    dialect.check().ok()?;
    let expr = expr.ok()?;
    let is_whole = parser.peek_token_ref().token == Token::EOF;
    (is_whole && is_constant(&expr)).then_some(expr)
}

/// Returns true for literals, signed ones, arrays of them, and casts.
///
/// A constant has no name in it, so it means the same in every session.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(
            value.value,
            Value::Number(..)
                | Value::SingleQuotedString(_)
                | Value::HexStringLiteral(_)
                | Value::Boolean(_)
                | Value::Null
        ),
        Expr::TypedString(_) | Expr::Interval(_) => true,
        Expr::UnaryOp { op, expr } => {
            matches!(op, UnaryOperator::Plus | UnaryOperator::Minus) && is_constant(expr)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_constant(expr),
        Expr::Array(array) => array.elem.iter().all(is_constant),
        _ => false,
    }
}
