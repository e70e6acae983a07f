//! Operators and types of other systems, and what does the same here.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::other_systems::LAMBDAS;
use super::surprises::format_without_percent;

/// Returns what to write instead of an expression that a message is about.
pub(super) fn hint(message: &str, tokens: &[TokenWithSpan]) -> Option<String> {
    let tokens: Vec<Token> = tokens.iter().map(|token| token.token.clone()).collect();
    let instead = match message.contains("found: ") {
        true => of_parser(&tokens),
        false => of_planner(message, &tokens),
    };
    instead.map(str::to_owned)
}

/// Expressions that the parser does not know.
fn of_parser(tokens: &[Token]) -> Option<&'static str> {
    let follow = |pair: [&Token; 2]| {
        tokens
            .windows(2)
            .any(|tokens| [&tokens[0], &tokens[1]] == pair)
    };
    if follow([&Token::Mul, &Token::Mul]) {
        return Some("write power(a, b) for a ** b");
    }
    let words = |first: &str, second: &str| {
        tokens
            .windows(2)
            .any(|pair| is_word(&pair[0], first) && is_word(&pair[1], second))
    };
    if words("USING", "SAMPLE") {
        return Some(
            "write ORDER BY random() LIMIT 10 for 10 rows, or WHERE random() < 0.1 for 10 percent",
        );
    }
    // A word may begin with this sign.
    let is_sharp = |token: &Token| match token {
        Token::Sharp => true,
        Token::Word(word) => word.quote_style.is_none() && word.value.starts_with('#'),
        _ => false,
    };
    if tokens.iter().any(is_sharp) {
        return Some("write a ^ b for the exclusive or");
    }
    None
}

/// Expressions that are refused when a statement is planned or executed.
fn of_planner(message: &str, tokens: &[Token]) -> Option<&'static str> {
    let has = |token: Token| tokens.contains(&token);
    if message.contains("DIV") && has(Token::DuckIntDiv) {
        return Some("write a / b, which is whole for integers");
    }
    if message.contains("Boolean") && tokens.iter().any(|token| is_word(token, "XOR")) {
        return Some("write a <> b for conditions");
    }
    let is_first_line = message.contains(", line 1, column `column_");
    if is_first_line && !tokens.iter().any(|token| is_word(token, "HEADER")) {
        return Some("write (HEADER) after the file if its first line is one");
    }
    let is_part = message.contains("array_slice") || message.contains("array_element");
    if is_part && has(Token::LBracket) {
        return Some("write substr(text, 1, 2) for a part of a text");
    }
    let sorts_by_all = || {
        tokens
            .windows(2)
            .any(|pair| is_word(&pair[0], "BY") && is_word(&pair[1], "ALL"))
    };
    if message.starts_with("No field named all.") && sorts_by_all() {
        return Some("write the columns: of a wildcard, ALL is for the outermost query");
    }
    if is_about_lambda(message, tokens) {
        return Some(LAMBDAS);
    }
    let is_unread = ["invalid characters", "error parsing date", "trailing input"]
        .iter()
        .any(|words| message.contains(words));
    let has_format = |name| format_without_percent(tokens, name).is_some();
    if is_unread && (has_format("to_date") || has_format("to_timestamp")) {
        return Some("write a format such as '%d.%m.%Y %H:%M'");
    }
    if message.contains("Error parsing timestamp from '") && !message.contains("using format") {
        return Some("write to_timestamp(text, '%d.%m.%Y %H:%M') for another format");
    }
    None
}

/// Returns true for a message about the parameter of `x -> x + 1`.
fn is_about_lambda(message: &str, tokens: &[Token]) -> bool {
    tokens.windows(2).any(|pair| match pair {
        [Token::Word(word), Token::Arrow] => {
            let column = message.strip_prefix("No field named ");
            let name = column.and_then(|rest| rest.split(['.', ' ']).next());
            name.is_some_and(|name| name.trim_matches('"').eq_ignore_ascii_case(&word.value))
        }
        _ => false,
    })
}

fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;
    use crate::place::statement_tokens;

    #[test]
    fn operators_of_other_systems_have_functions_here() {
        let parser = "sql parser error: Expected: an expression, found: * at Line: 1, Column: 11";
        for (sql, message, expected) in [
            ("SELECT 2 ** 3", parser, Some("power(a, b)")),
            ("SELECT 2 * 3 *", parser, None),
            ("SELECT 5 # 3", parser, Some("a ^ b")),
            ("FROM t USING SAMPLE 10", parser, Some("LIMIT 10")),
            (
                "SELECT 7 // 2",
                "Operator DIV is not yet supported",
                Some("a / b"),
            ),
            (
                "SELECT f(l, x -> x + 1)",
                "No field named x. Valid fields are t.l.",
                Some("array_transform"),
            ),
            (
                "SELECT 'abc'[1:2]",
                "array_slice does not support type Utf8",
                Some("substr"),
            ),
            ("SELECT 5#3", parser, Some("a ^ b")),
            (
                "SELECT count(*) FROM (FROM t ORDER BY ALL)",
                "No field named all. Valid fields are t.a.",
                Some("write the columns"),
            ),
            ("SELECT x", "No field named x.", None),
            (
                "SELECT to_date('31.01.2013', 'DD.MM.YYYY')",
                "Error parsing timestamp from '31.01.2013': input contains invalid characters",
                Some("'%d.%m.%Y"),
            ),
            (
                "SELECT to_date('31.01.2013', '%Y')",
                "Error parsing timestamp from '31.01.2013' using format '%Y': trailing input",
                None,
            ),
            (
                "SELECT cast(t AS timestamp) FROM texts",
                "Parser error: Error parsing timestamp from '31.01.2013': error parsing date",
                Some("to_timestamp(text, '%d.%m.%Y %H:%M')"),
            ),
            (
                "SELECT true XOR 1 = 2",
                "cannot apply ^ to Boolean",
                Some("a <> b"),
            ),
        ] {
            let tokens = statement_tokens(sql, 0, &GenericDialect {});
            let hint = hint(message, &tokens);
            match expected {
                Some(words) => assert!(hint.unwrap().contains(words), "{sql}"),
                None => assert_eq!(hint, None, "{sql}"),
            }
        }
    }
}
