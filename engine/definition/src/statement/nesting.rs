//! Nesting depth of the brackets of a statement.
//!
//! sqlparser limits the depth of expressions, but not of types or EXPLAIN: a long
//! enough `ARRAY<ARRAY<…` would overflow the native stack.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Returns the depth of the deepest bracket of any kind. Consecutive brackets, as in
/// `BIGINT[][]`, count as nested because the type is.
pub(super) fn depth(tokens: &[TokenWithSpan]) -> usize {
    let (mut round, mut angle, mut square) = (0_usize, 0_usize, 0_usize);
    let mut deepest = 0;
    let mut before = &Token::EOF;
    let blank = |token: &&Token| !matches!(token, Token::Whitespace(_));
    for token in tokens.iter().map(|token| &token.token).filter(blank) {
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
        deepest = deepest.max(round + angle + square);
        before = token;
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
        ] {
            let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
            assert_eq!(depth(&tokens.unwrap()), expected, "{text}");
        }
    }
}
