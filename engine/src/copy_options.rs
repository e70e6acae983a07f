//! `COPY` as PostgreSQL and DuckDB write it, as statements that DataFusion's parser knows.
//!
//! `COPY t TO 'file' (FORMAT csv, DELIMITER ';')` gets the clauses `STORED AS`, `PARTITIONED BY`
//! and `OPTIONS`, and `COPY t FROM 'file'` becomes an `INSERT`.

// Files of `COPY … FROM`.
mod source;

use std::iter::Peekable;
use std::vec::IntoIter;

use fusebox_definition::Literal;
use fusebox_runtime::{Error, Result};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

pub(crate) use source::CopySource;

const KNOWN: &str = "FORMAT, HEADER, DELIMITER, NULL, QUOTE, ESCAPE, COMPRESSION, PARTITION_BY, \
                     ROW_GROUP_SIZE or APPEND";

/// Levels of compression of Parquet, which DataFusion has no defaults for.
const PARQUET_LEVELS: [(&str, &str); 3] = [
    ("zstd", "zstd(3)"),
    ("gzip", "gzip(6)"),
    ("brotli", "brotli(5)"),
];

/// Rewrites the tokens of a `COPY` with options in brackets, and of `COPY … FROM`. All other
/// tokens stay as they are.
///
/// # Errors
///
/// [`Error::Syntax`] for an option that is unknown, or that a file in `FROM` cannot have.
pub(crate) fn rewrite_copy(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let Some(copy) = CopyParts::find(&tokens) else {
        return Ok(tokens);
    };
    let options = Options::parse(tokens[copy.options..].to_vec(), &copy.file)?;
    let end = tokens[copy.file_at].span.end;
    if !copy.is_from {
        let mut rewritten = tokens[..=copy.file_at].to_vec();
        rewritten.extend(tokenized(&options.clauses(), end));
        return Ok(rewritten);
    }
    let into = &tokens[copy.begin + 1..copy.direction];
    let into = into.iter().filter(|token| !is_blank(token));
    let into: String = into.map(|token| token.token.to_string()).collect();
    let source = options.source(&into, &copy.file, end)?;
    let mut insert = tokens[..copy.begin].to_vec();
    insert.extend(tokenized("INSERT INTO", tokens[copy.begin].span.start));
    insert.extend_from_slice(&tokens[copy.begin + 1..copy.direction]);
    insert.extend(tokenized("SELECT * ", tokens[copy.direction].span.start));
    insert.extend_from_slice(&tokens[copy.direction..=copy.file_at]);
    if let Some(file) = insert.last_mut() {
        file.token = Token::SingleQuotedString(source);
    }
    Ok(insert)
}

/// Places of the parts of a `COPY`, as indices of tokens.
struct CopyParts {
    /// The word `COPY`.
    begin: usize,
    /// The word `TO` or `FROM`.
    direction: usize,
    is_from: bool,
    file: String,
    file_at: usize,
    /// The bracket before the options, or the end of the statement.
    options: usize,
}

impl CopyParts {
    /// Finds the parts of a statement that is to be rewritten.
    fn find(tokens: &[TokenWithSpan]) -> Option<Self> {
        let mut parts = (0..tokens.len()).filter(|index| !is_blank(&tokens[*index]));
        let is = |index: usize, word: &str| is_word(&tokens[index].token, word);
        let mut begin = parts.next()?;
        while ["EXPLAIN", "ANALYZE", "VERBOSE"]
            .iter()
            .any(|word| is(begin, word))
        {
            begin = parts.next()?;
        }
        if !is(begin, "COPY") {
            return None;
        }
        let mut depth = 0_usize;
        let direction = parts.by_ref().find(|index| {
            match tokens[*index].token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && (is(*index, "TO") || is(*index, "FROM"))
        })?;
        let is_from = is(direction, "FROM");
        let file_at = parts.next()?;
        let Token::SingleQuotedString(file) = &tokens[file_at].token else {
            return None;
        };
        let mut next = parts.next();
        if next.is_some_and(|index| is(index, "WITH")) {
            next = parts.next();
        }
        let is_open = |index: &usize| tokens[*index].token == Token::LParen;
        let options = match next {
            None if is_from => tokens.len(),
            next => next.filter(is_open)?,
        };
        Some(Self {
            begin,
            direction,
            is_from,
            file: file.clone(),
            file_at,
            options,
        })
    }
}

/// Options of a `COPY`.
#[derive(Default)]
struct Options {
    format: Option<String>,
    has_header: Option<bool>,
    /// Columns, each a word or a quoted name.
    partitions: Vec<String>,
    /// Options of DataFusion, and their values.
    others: Vec<(&'static str, String)>,
}

/// Tokens of options, without blanks.
type Parts = Peekable<IntoIter<TokenWithSpan>>;

impl Options {
    /// Parses options in brackets, and nothing as no options.
    fn parse(mut tokens: Vec<TokenWithSpan>, file: &str) -> Result<Self> {
        tokens.retain(|token| !is_blank(token));
        let mut parts = tokens.into_iter().peekable();
        let mut options = Self::default();
        if parts.next().is_none() {
            return Ok(options);
        }
        loop {
            let name = parts.next();
            let place = name
                .as_ref()
                .map_or(Location::empty(), |name| name.span.start);
            let Some(Token::Word(word)) = name.map(|name| name.token) else {
                return Err(unexpected(KNOWN, "another token", place));
            };
            options.set(&word.value.to_lowercase(), &mut parts, place)?;
            match parts.next().map(|part| part.token) {
                Some(Token::Comma) => {}
                Some(Token::RParen) if parts.peek().is_none() => break,
                _ => {
                    return Err(unexpected(
                        "a comma or the end of the options",
                        "more",
                        place,
                    ));
                }
            }
        }
        let is_parquet = match &options.format {
            Some(format) => format == "PARQUET",
            None => file.to_lowercase().ends_with(".parquet"),
        };
        if is_parquet {
            options.state_levels();
        }
        Ok(options)
    }

    /// Sets an option to the value that follows its name.
    fn set(&mut self, name: &str, parts: &mut Parts, place: Location) -> Result<()> {
        let key = match name {
            "header" => {
                self.has_header = Some(switch(name, parts, place)?);
                return Ok(());
            }
            "append" => {
                let is_append = switch(name, parts, place)?;
                self.others.push(("format.append", is_append.to_string()));
                return Ok(());
            }
            "format" => {
                self.format = Some(value(parts, place)?.to_uppercase());
                return Ok(());
            }
            "partition_by" => {
                self.partitions = columns(parts, place)?;
                return Ok(());
            }
            "delimiter" | "delim" | "sep" => "format.delimiter",
            "null" | "nullstr" => "format.null_value",
            "quote" => "format.quote",
            "escape" => "format.escape",
            "compression" | "codec" => "format.compression",
            "row_group_size" => "format.max_row_group_size",
            other => return Err(unexpected(KNOWN, other, place)),
        };
        let value = value(parts, place)?;
        let value = if value == "\\t" {
            "\t".to_owned()
        } else {
            value
        };
        self.others.push((key, value));
        Ok(())
    }

    fn state_levels(&mut self) {
        for (key, value) in &mut self.others {
            let lower = value.to_lowercase();
            let known = PARQUET_LEVELS.iter().find(|(name, _)| *name == lower);
            if let Some((_, level)) = known.filter(|_| *key == "format.compression") {
                (*level).clone_into(value);
            }
        }
    }

    /// Returns the clauses of DataFusion.
    fn clauses(&self) -> String {
        let mut clauses = String::new();
        if let Some(format) = &self.format {
            clauses += &format!(" STORED AS {format}");
        }
        if !self.partitions.is_empty() {
            clauses += &format!(" PARTITIONED BY ({})", self.partitions.join(", "));
        }
        let header = self
            .has_header
            .map(|header| ("format.has_header", header.to_string()));
        let all = header.iter().chain(&self.others);
        let all = all.map(|(key, value)| format!("{} {}", Literal(key), Literal(value)));
        let all: Vec<String> = all.collect();
        if !all.is_empty() {
            clauses += &format!(" OPTIONS ({})", all.join(", "));
        }
        clauses
    }
}

/// Takes the value of an option.
fn value(parts: &mut Parts, place: Location) -> Result<String> {
    parts.next_if(|part| part.token == Token::Eq);
    match parts.next().map(|part| part.token) {
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => Ok(text),
        Some(Token::Number(number, _)) => Ok(number),
        Some(Token::Word(word)) => Ok(word.value),
        _ => Err(unexpected(
            "a value after the name of an option",
            "none",
            place,
        )),
    }
}

/// Takes the value of an option such as `HEADER`, which is true if there is none.
fn switch(name: &str, parts: &mut Parts, place: Location) -> Result<bool> {
    let is_end = |part: &TokenWithSpan| matches!(part.token, Token::Comma | Token::RParen);
    if parts.peek().is_none_or(is_end) {
        return Ok(true);
    }
    let text = value(parts, place)?;
    match text.to_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => {
            let expected = format!("true or false after {}", name.to_uppercase());
            Err(unexpected(&expected, &text, place))
        }
    }
}

/// Takes one column, or several in brackets.
fn columns(parts: &mut Parts, place: Location) -> Result<Vec<String>> {
    let column = |part: Option<TokenWithSpan>| match part.map(|part| part.token) {
        Some(Token::Word(word)) => Ok(word.to_string()),
        _ => Err(unexpected("columns after PARTITION_BY", "none", place)),
    };
    if parts.next_if(|part| part.token == Token::LParen).is_none() {
        return Ok(vec![column(parts.next())?]);
    }
    let mut columns = vec![column(parts.next())?];
    while parts.next_if(|part| part.token == Token::Comma).is_some() {
        columns.push(column(parts.next())?);
    }
    match parts.next_if(|part| part.token == Token::RParen) {
        Some(_) => Ok(columns),
        None => Err(unexpected("a closing bracket after columns", "more", place)),
    }
}

fn unexpected(expected: &str, found: &str, place: Location) -> Error {
    Error::Syntax(format!(
        "sql parser error: Expected: {expected}, found: {found}{place}"
    ))
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_) | Token::EOF)
}

fn is_word(token: &Token, expected: &str) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected)
        }
        _ => false,
    }
}

/// Returns the tokens of a text, all at one place.
fn tokenized(text: &str, place: Location) -> Vec<TokenWithSpan> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    // A text of words and quoted literals has tokens in every dialect.
    let tokens = tokens.unwrap_or_default().into_iter();
    tokens
        .map(|token| TokenWithSpan::at(token, place, place))
        .collect()
}

#[cfg(test)]
mod tests;
