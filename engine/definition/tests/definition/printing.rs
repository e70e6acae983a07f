//! Literals and names that are printed and read again.

use fusebox_definition::statement::{double_quotes_of_name, to_sql, value_to_sql};
use sqlparser::ast::{Expr, Ident, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

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
