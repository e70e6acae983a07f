//! Nodes of written expressions, and of their constants.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Value, Visit, Visitor};

use super::NODE_BYTES;

/// Sums something up over all expressions of a part of a statement.
fn summed(part: &impl Visit, of_expr: fn(&Expr) -> u64) -> u64 {
    struct Sum {
        of_expr: fn(&Expr) -> u64,
        sum: u64,
    }

    impl Visitor for Sum {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            self.sum = self.sum.saturating_add((self.of_expr)(expr));
            ControlFlow::Continue(())
        }
    }

    let mut sum = Sum { of_expr, sum: 0 };
    let _ = part.visit(&mut sum);
    sum.sum
}

/// Counts the nodes of an expression, or of all in a part of a statement.
pub(crate) fn written_nodes(part: &impl Visit) -> u64 {
    summed(part, |expr| 1 + constant_size(expr))
}

/// Returns the nodes as which the bytes of the constants in an expression count.
pub(super) fn constant_nodes(part: &Expr) -> u64 {
    summed(part, constant_size)
}

/// Returns the nodes as which the bytes of a constant count.
pub(super) fn constant_size(expr: &Expr) -> u64 {
    let Expr::Value(value) = expr else {
        return 0;
    };
    let bytes = match &value.value {
        Value::Number(text, _)
        | Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text)
        | Value::HexStringLiteral(text)
        | Value::SingleQuotedByteStringLiteral(text)
        | Value::DoubleQuotedByteStringLiteral(text)
        | Value::SingleQuotedRawStringLiteral(text)
        | Value::DoubleQuotedRawStringLiteral(text)
        | Value::TripleSingleQuotedString(text)
        | Value::TripleDoubleQuotedString(text)
        | Value::TripleSingleQuotedByteStringLiteral(text)
        | Value::TripleDoubleQuotedByteStringLiteral(text)
        | Value::TripleSingleQuotedRawStringLiteral(text)
        | Value::TripleDoubleQuotedRawStringLiteral(text) => text.len(),
        Value::DollarQuotedString(text) => text.value.len(),
        Value::QuoteDelimitedStringLiteral(text)
        | Value::NationalQuoteDelimitedStringLiteral(text) => text.value.len(),
        Value::Boolean(_) | Value::Null | Value::Placeholder(_) => 0,
    };
    bytes as u64 / NODE_BYTES
}
