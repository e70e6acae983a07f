//! Nesting depth of the brackets of a statement.
//!
//! sqlparser limits the depth of expressions, but not of types or EXPLAIN: a long
//! enough `ARRAY<ARRAY<…` would overflow the native stack.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

/// Returns the place of the first bracket of any kind that is nested deeper than `max`.
/// Consecutive brackets, as in `BIGINT[][]`, count as nested because the type is.
pub(super) fn first_deeper(tokens: &[TokenWithSpan], max: usize) -> Option<Location> {
    let (mut round, mut angle, mut square) = (0_usize, 0_usize, 0_usize);
    let mut before = &Token::EOF;
    let is_text = |token: &Token| !matches!(token, Token::Whitespace(_));
    for (place, token) in tokens
        .iter()
        .map(|token| (token.span.start, &token.token))
        .filter(|(_, token)| is_text(token))
    {
        match token {
            Token::LParen => round += 1,
            Token::RParen => round = round.saturating_sub(1),
            // Elsewhere it is a comparison.
            Token::Lt if opens_a_type(before) => {
                angle += 1;
                square = 0;
            }
            Token::Gt => angle = angle.saturating_sub(1),
            Token::ShiftRight => angle = angle.saturating_sub(2),
            // EXPLAIN nests a statement in a statement.
            Token::Word(word) if word.value.eq_ignore_ascii_case("EXPLAIN") => round += 1,
            Token::LBracket => square += 1,
            Token::Word(word) if word.value.eq_ignore_ascii_case("ARRAY") => square += 1,
            // Content or end of a bracket.
            Token::RBracket | Token::Number(..) => {}
            _ => square = 0,
        }
        if (round + angle + square).max(literal_depth(token)) > max {
            return Some(place);
        }
        before = token;
    }
    None
}

/// Maximum number of ways in which the brackets of subqueries may be read.
const READINGS_MAX: usize = 10_000;

/// Returns the place of the first subquery whose brackets may be read in too many ways.
///
/// sqlparser reads the first of the brackets of `FROM ((SELECT …` as one of a subquery, and then
/// as one of a join, with all that is within: a way for each bracket. Nested ones multiply.
pub(super) fn first_ambiguous(tokens: &[TokenWithSpan]) -> Option<Location> {
    // Readings of each bracket that is open, and their product.
    let mut open: Vec<usize> = Vec::new();
    let (mut readings, mut run) = (1_usize, 0_usize);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen => {
                open.push(1);
                run += 1;
                continue;
            }
            Token::RParen => readings /= open.pop().unwrap_or(1),
            Token::Word(word) if run > 1 && begins_a_query(&word.value) => {
                if let Some(innermost) = open.last_mut() {
                    *innermost = run;
                    readings = readings.saturating_mul(run);
                }
                if readings > READINGS_MAX {
                    return Some(token.span.start);
                }
            }
            _ => {}
        }
        run = 0;
    }
    None
}

fn begins_a_query(word: &str) -> bool {
    const WORDS: [&str; 4] = ["SELECT", "WITH", "VALUES", "FROM"];
    WORDS.iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// Returns the depth of the type of Arrow that a literal names, as `arrow_cast` takes it.
fn literal_depth(token: &Token) -> usize {
    const TYPES: [&str; 10] = [
        "List(",
        "LargeList(",
        "FixedSizeList(",
        "ListView(",
        "LargeListView(",
        "Dictionary(",
        "Struct(",
        "Map(",
        "Union(",
        "RunEndEncoded(",
    ];
    let text = match token {
        Token::SingleQuotedString(text)
        | Token::DoubleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::NationalStringLiteral(text) => text.as_str(),
        Token::DollarQuotedString(text) => text.value.as_str(),
        _ => return 0,
    };
    let trimmed = text.trim_start();
    let is_type = TYPES.iter().any(|name| trimmed.starts_with(name));
    if !is_type {
        return 0;
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in trimmed.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Returns true if a `<` after the token opens type parameters.
fn opens_a_type(token: &Token) -> bool {
    const TYPES: [&str; 4] = ["ARRAY", "STRUCT", "MAP", "LIST"];
    match token {
        Token::Word(word) => TYPES
            .iter()
            .any(|name| word.value.eq_ignore_ascii_case(name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::GenericDialect;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn subqueries_in_two_brackets_multiply() {
        let place = |text: &str| {
            let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
            first_ambiguous(&tokens.unwrap())
        };
        let nested = |open: &str, times: usize| format!("{}t", open.repeat(times));
        for (open, most) in [("SELECT * FROM ((", 13), ("FROM ( ( (", 8)] {
            assert_eq!(place(&nested(open, most)), None, "{open}");
            // The first one is not in brackets.
            let found = place(&nested(open, most + 2));
            assert!(found.is_some(), "{open}");
        }
        // One after the other, in one pair of brackets, or joins.
        for text in [
            "SELECT a IN ((SELECT 1)), ".repeat(1_000),
            nested("SELECT * FROM (", 1_000),
            nested("SELECT * FROM ((", 2) + &"(a JOIN ".repeat(1_000),
            format!("SELECT {}1", "((".repeat(1_000)),
        ] {
            assert_eq!(place(&text), None, "{text:.60}");
        }
    }

    #[test]
    fn depth_is_that_of_the_deepest_bracket() {
        for (text, expected) in [
            ("SELECT 1", 0),
            ("SELECT ((1)), (2)", 2),
            ("a < b AND b < c OR d < e", 0),
            ("ARRAY<STRUCT<a BIGINT, b ARRAY<INT>>>, ARRAY<INT>", 3),
            ("BIGINT[][][]", 3),
            ("BIGINT[3] [4], x[1]", 2),
            ("BIGINT ARRAY ARRAY", 2),
            ("f(ARRAY<INT>)", 2),
            ("EXPLAIN EXPLAIN SELECT (1)", 3),
            ("'List(Struct(Int8))', '((((('", 2),
        ] {
            let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
            let tokens = tokens.unwrap();
            assert_eq!(first_deeper(&tokens, expected), None, "{text}");
            if let Some(less) = expected.checked_sub(1) {
                assert!(first_deeper(&tokens, less).is_some(), "{text}");
            }
        }
    }
}
