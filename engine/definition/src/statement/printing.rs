//! SQL printed so that it is read as what it was printed from.
//!
//! sqlparser's printer does not know how the quotes of a text were escaped: it prints two in a row,
//! and those after a backslash, as they are, and doubles all others. So it prints `'\'` and two
//! quotes in a row as other texts. Quotes that are doubled before are printed as they are.

use std::fmt::Display;
use std::ops::ControlFlow;

use sqlparser::ast::{Ident, Value, ValueWithSpan, VisitMut, VisitorMut};
use sqlparser::tokenizer::{Location, Span};

/// Prints a part of a statement. Names are printed as sqlparser does, unless their quotes were
/// [doubled](double_quotes_of_name).
pub fn to_sql<T: VisitMut + Clone + Display>(part: &T) -> String {
    let mut part = part.clone();
    double_quotes(&mut part);
    part.to_string()
}

/// Doubles the quotes within the literals of a part of a statement, for the printer.
pub fn double_quotes<T: VisitMut>(part: &mut T) {
    // The visitor never breaks.
    let _ = part.visit(&mut Doubler);
}

/// Prints a literal.
pub fn value_to_sql(value: &Value) -> String {
    let mut value = value.clone();
    double_quotes_of(&mut value);
    value.to_string()
}

/// Doubles the quotes within a quoted name, for the printer; once, if it is called twice.
pub fn double_quotes_of_name(name: &mut Ident) {
    if let Some(quote @ ('"' | '\'' | '`')) = name.quote_style
        && name.span != DOUBLED
    {
        double(&mut name.value, quote);
        name.span = DOUBLED;
    }
}

/// Span of a name whose quotes are doubled: of no text.
const DOUBLED: Span = Span {
    start: Location {
        line: u64::MAX,
        column: 0,
    },
    end: Location {
        line: u64::MAX,
        column: 0,
    },
};

/// Doubles the quotes within literals.
struct Doubler;

impl VisitorMut for Doubler {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        double_quotes_of(&mut value.value);
        ControlFlow::Continue(())
    }
}

fn double_quotes_of(value: &mut Value) {
    match value {
        Value::SingleQuotedString(text)
        | Value::NationalStringLiteral(text)
        | Value::SingleQuotedByteStringLiteral(text)
        | Value::SingleQuotedRawStringLiteral(text) => double(text, '\''),
        Value::DoubleQuotedString(text)
        | Value::DoubleQuotedByteStringLiteral(text)
        | Value::DoubleQuotedRawStringLiteral(text) => double(text, '"'),
        // They have no quotes, or escapes of their own.
        _ => {}
    }
}

fn double(text: &mut String, quote: char) {
    if text.contains(quote) {
        let quote = quote.to_string();
        *text = text.replace(&quote, &quote.repeat(2));
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::Expr;
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;

    fn parsed(text: &str) -> Expr {
        let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
        parser.and_then(|mut parser| parser.parse_expr()).unwrap()
    }

    /// Texts of up to seven quotes, backslashes and letters.
    #[test]
    fn every_text_is_read_as_it_was() {
        let mut texts = vec![String::new()];
        let mut last = 0;
        for _ in 0..7 {
            let next: Vec<_> = texts[last..]
                .iter()
                .flat_map(|text| ["'", "\\", "\"", "n"].map(|part| format!("{text}{part}")))
                .collect();
            last = texts.len();
            texts.extend(next);
        }
        let mut wrong = 0;
        for text in texts {
            let value = Value::SingleQuotedString(text.clone());
            let expr = Expr::Value(value.clone().into());
            let printed = to_sql(&expr);
            assert_eq!(printed, value_to_sql(&value));
            assert_eq!(printed, format!("'{}'", text.replace('\'', "''")));
            assert_eq!(parsed(&printed), expr, "{printed}");
            let escaped = Expr::Value(Value::EscapedStringLiteral(text.clone()).into());
            assert_eq!(parsed(&to_sql(&escaped)), escaped, "{text}");
            let mut name = Ident::with_quote('"', text.clone());
            double_quotes_of_name(&mut name);
            double_quotes_of_name(&mut name);
            let expected = Expr::Identifier(Ident::with_quote('"', text));
            assert_eq!(parsed(&name.to_string()), expected, "{name}");
            let plain = Parser::new(&GenericDialect {}).try_with_sql(&expr.to_string());
            let plain = plain.and_then(|mut parser| parser.parse_expr());
            wrong += usize::from(plain.ok() != Some(expr));
        }
        // What the printer does alone.
        assert!(wrong > 100, "{wrong}");
    }

    #[test]
    fn literals_are_found_wherever_they_are() {
        for text in [
            "f(a LIKE '\\''' ESCAPE '\\', INTERVAL '''''' DAY, DATE '''''')",
            "CASE WHEN a = '''''' THEN N'''''' ELSE E'\\'\\'\\\\' END",
            "(SELECT '''''' AS a FROM f('''''') WHERE b IN ('\\''', $$''$$))",
            "a AT TIME ZONE '''''' || X'00' || $tag$ '$$' $tag$",
        ] {
            let expr = parsed(text);
            assert_eq!(parsed(&to_sql(&expr)), expr, "{text}");
        }
    }
}
