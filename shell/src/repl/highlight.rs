//! Colours of SQL.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

/// Colours keywords, strings and numbers. What cannot be tokenized stays as it is.
pub(super) fn highlighted(line: &str) -> String {
    const RESET: &str = "\u{1b}[0m";
    let dialect = datafusion::sql::sqlparser::dialect::GenericDialect {};
    let mut tokens = Vec::new();
    let _ = Tokenizer::new(&dialect, line).tokenize_with_location_into_buf(&mut tokens);
    let mut offsets = vec![];
    let mut here = Location::new(1, 1);
    for (offset, character) in line.char_indices() {
        offsets.push((here, offset));
        here = match character {
            '\n' => Location::new(here.line + 1, 1),
            _ => Location::new(here.line, here.column + 1),
        };
    }
    offsets.push((here, line.len()));
    let offset = |place: Location| {
        let found = offsets
            .binary_search_by_key(&(place.line, place.column), |(at, _)| (at.line, at.column));
        found.map_or(line.len(), |index| offsets[index].1)
    };
    let mut coloured = String::with_capacity(line.len() * 2);
    let mut done = 0;
    for token in tokens {
        let colour = match &token.token {
            Token::Word(word) if word.keyword != Keyword::NoKeyword => "\u{1b}[34m",
            Token::SingleQuotedString(_) | Token::DollarQuotedString(_) => "\u{1b}[32m",
            Token::Number(..) => "\u{1b}[36m",
            _ => continue,
        };
        let (start, end) = (offset(token.span.start), offset(token.span.end));
        if start < done || end < start {
            continue;
        }
        coloured += &line[done..start];
        coloured += colour;
        coloured += &line[start..end];
        coloured += RESET;
        done = end;
    }
    coloured + &line[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highlighting_keeps_the_text() {
        for line in [
            "SELECT 'it''s', 12, \"a b\" FROM t -- Zoë",
            "SELECT 'open",
            "CREATE\nFUNCTION f AS $$(module)$$",
            "東京 '東京' SELECT",
            "",
        ] {
            let coloured = highlighted(line);
            let mut plain = String::new();
            let mut rest = coloured.as_str();
            while let Some((text, colour)) = rest.split_once('\u{1b}') {
                plain += text;
                rest = colour.split_once('m').unwrap().1;
            }
            assert_eq!(plain + rest, line);
        }
        assert!(highlighted("SELECT 1").starts_with("\u{1b}[34mSELECT\u{1b}[0m"));
    }
}
