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
