//! Suggestions for words that the parser did not expect.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{between, expressions, is_file, nearest};
use crate::names::KEYWORDS;
use crate::place::Place;

/// Least length of a word that is compared with keywords.
const WORD_MIN: usize = 3;

/// Returns a suggestion for a message of the parser, and its place if that is not the one which
/// the message states.
pub(super) fn hint(
    message: &str,
    stated: Option<Place>,
    tokens: &[TokenWithSpan],
) -> Option<(Option<Place>, String)> {
    if !message.contains("found: ") {
        return None;
    }
    let is_found = |token: &TokenWithSpan| Some(Place::of_token(token)) == stated;
    let found = tokens.iter().position(is_found);
    if let Some(text) = found.and_then(|found| statement(message, tokens, found)) {
        return Some((None, text));
    }
    if let Some(text) = pivot(tokens).or_else(|| expressions::hint(message, tokens)) {
        return Some((None, text));
    }
    // A misspelt keyword is often read as a name, and the word after it surprises the parser.
    let before = found.and_then(|found| tokens.get(found.checked_sub(1)?));
    if let Some((token, keyword)) = before.and_then(|token| Some((token, misspelt(token)?))) {
        let place = Some(Place::of_token(token));
        return Some((place, format!("did you mean {keyword}?")));
    }
    let word = between(message, "found: ", " at Line: ")?;
    let keywords = KEYWORDS.iter().map(|&word| word.to_owned());
    let keyword = nearest(word, keywords).filter(|_| word.len() >= WORD_MIN)?;
    Some((None, format!("did you mean {keyword}?")))
}

/// Suggests another statement, or quotes.
fn statement(message: &str, tokens: &[TokenWithSpan], found: usize) -> Option<String> {
    let words = |index: usize| match tokens.get(index).map(|token| &token.token) {
        Some(Token::Word(word)) => word.value.to_uppercase(),
        _ => String::new(),
    };
    let name = |index: usize| tokens.get(index).map(|token| token.token.to_string());
    let begin = [words(0), words(1)];
    match [begin[0].as_str(), begin[1].as_str()] {
        ["COPY", _] if ["STDOUT", "STDIN"].contains(&words(found).as_str()) => {
            return Some(copied_at_prompt(tokens, found));
        }
        ["COPY", _] if words(found) == "FROM" => {
            let table = name(1).unwrap_or_default();
            let file = name(found + 1).unwrap_or_default();
            return Some(match words(found + 1).as_str() {
                "STDIN" => copied_at_prompt(tokens, found + 1),
                _ if tokens.len() > found + 2 => format!(
                    "write options in brackets: COPY {table} FROM {file} (HEADER, NULL 'NA')"
                ),
                _ => format!(
                    "write INSERT INTO {table} SELECT * FROM {file}, or \\copy at the prompt"
                ),
            });
        }
        ["COPY", _] if ["CSV", "HEADER", "DELIMITER", "NULL"].contains(&words(found).as_str()) => {
            return Some("write options as (FORMAT csv, HEADER, DELIMITER '|')".to_owned());
        }
        ["CREATE", "TEMPORARY" | "TEMP"] if message.contains("Expected: fileformat") => {
            return Some(
                "an external table is never temporary: leave out TEMPORARY, or name the file in \
                 FROM"
                    .to_owned(),
            );
        }
        _ => {}
    }
    if tokens[found].token == Token::Backslash {
        return Some("a command begins a line of its own".to_owned());
    }
    let path = adjacent(tokens, found);
    let is_path = path.contains(['/', '-']) && is_file(&path);
    is_path.then(|| format!("write the name of a file in quotes: '{path}'"))
}

/// Says how rows are copied from or to the standard streams.
fn copied_at_prompt(tokens: &[TokenWithSpan], stream: usize) -> String {
    let parts = tokens.iter().take(stream + 1).skip(1);
    let parts: Vec<_> = parts.map(|token| token.token.to_string()).collect();
    format!("type \\copy {} at the prompt", parts.join(" "))
}

/// Says how a statement or a subquery of DuckDB that begins with `PIVOT` is written.
fn pivot(tokens: &[TokenWithSpan]) -> Option<String> {
    let word = |index: usize| match tokens.get(index).map(|token| &token.token) {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    };
    let is_begin = |index: &usize| {
        let is_pivot = word(*index)
            .is_some_and(|word| ["PIVOT", "UNPIVOT"].contains(&word.value.to_uppercase().as_str()));
        let is_first = match index.checked_sub(1).map(|before| &tokens[before].token) {
            None | Some(Token::LParen) => true,
            Some(Token::Word(word)) => word.value.eq_ignore_ascii_case("AS"),
            _ => false,
        };
        is_pivot && is_first && word(*index + 1).is_some()
    };
    let first = (0..tokens.len()).find(is_begin)?;
    let (pivot, table) = (word(first)?.value.to_uppercase(), word(first + 1)?);
    Some(format!(
        "write SELECT * FROM (SELECT … FROM {table}) {pivot} (… FOR column IN (…)), with all values \
         or columns in the list"
    ))
}

/// Joins the tokens around this one that no blank separates.
fn adjacent(tokens: &[TokenWithSpan], index: usize) -> String {
    let is_joined = |left: usize| tokens[left].span.end == tokens[left + 1].span.start;
    let mut first = index;
    while first > 0 && is_joined(first - 1) {
        first -= 1;
    }
    let mut last = index;
    while last + 1 < tokens.len() && is_joined(last) {
        last += 1;
    }
    let parts = tokens[first..=last].iter();
    parts.map(|token| token.token.to_string()).collect()
}

/// Returns the keyword that a word was meant to be, if it is one or two slips from it.
fn misspelt(token: &TokenWithSpan) -> Option<&'static str> {
    let Token::Word(word) = &token.token else {
        return None;
    };
    let upper = word.value.to_uppercase();
    if word.quote_style.is_some() || upper.len() < WORD_MIN || KEYWORDS.contains(&upper.as_str()) {
        return None;
    }
    let slips = |keyword: &str| strsim::damerau_levenshtein(&upper, keyword);
    let slips_max = if upper.len() > 5 { 2 } else { 1 };
    let keywords = KEYWORDS.into_iter().filter(|word| word.len() > WORD_MIN);
    let nearest = keywords.min_by_key(|keyword| slips(keyword))?;
    (slips(nearest) <= slips_max).then_some(nearest)
}
