//! `\copy`, as a statement.

use clap::ValueEnum;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use fusebox::Literal;

use super::Command;
use crate::format::Format;

const USAGE: &str = "type \\copy table TO 'file.csv', \\copy (SELECT …) TO 'file.parquet', \
                     or \\copy table FROM 'file.csv'";

/// Formats of `COPY`.
const FORMATS: [&str; 7] = ["csv", "tsv", "json", "ndjson", "jsonl", "parquet", "arrow"];

impl Command {
    /// Parses the arguments of `\copy`: a table or a query, the direction, a file, and options
    /// of psql.
    pub(super) fn copy(text: &str) -> Self {
        let parsed = match of_stream(text) {
            Some(command) => command,
            None => parse(text).map(Self::Sql),
        };
        parsed.unwrap_or_else(Self::Instead)
    }
}

/// Parses a copy to standard output, or from standard input; `None` if it is of a file.
fn of_stream(text: &str) -> Option<Result<Command, String>> {
    let (subject, rest) = subject(text)?;
    let (direction, rest) = word(rest)?;
    let (file, rest) = file(rest)?;
    let stream = format!("{direction} {file}").to_lowercase();
    let is_output = match stream.as_str() {
        "to stdout" | "to pstdout" => true,
        "from stdin" | "from pstdin" if !subject.starts_with('(') => false,
        _ => return None,
    };
    Some(Options::parse(rest).and_then(|options| match is_output {
        true => options.output(subject),
        false => Ok(options.input(subject)),
    }))
}

fn parse(text: &str) -> Result<String, String> {
    let usage = || USAGE.to_owned();
    let (subject, rest) = subject(text).ok_or_else(usage)?;
    let (direction, rest) = word(rest).ok_or_else(usage)?;
    let (file, rest) = file(rest).ok_or_else(usage)?;
    let options = Options::parse(rest)?;
    let file = Literal(&unquoted(file)).to_string();
    match direction.to_lowercase().as_str() {
        "to" => Ok(format!(
            "COPY {} TO {file}{}",
            source(subject),
            options.of_target()
        )),
        "from" if !subject.starts_with('(') => {
            Ok(format!("COPY {subject} FROM {file}{}", options.of_source()))
        }
        _ => Err(usage()),
    }
}

/// Returns what `COPY` reads: a table with columns is a query.
fn source(subject: &str) -> String {
    match columns(subject) {
        (table, Some(columns)) if !table.is_empty() => {
            let columns = columns.strip_prefix('(').unwrap_or(columns);
            let columns = columns.strip_suffix(')').unwrap_or(columns);
            format!("(SELECT {columns} FROM {table})")
        }
        _ => subject.to_owned(),
    }
}

/// Splits a table and its columns in brackets.
fn columns(subject: &str) -> (&str, Option<&str>) {
    let mut is_quoted = false;
    let bracket = subject.find(|c: char| {
        is_quoted ^= c == '"';
        c == '(' && !is_quoted
    });
    match bracket {
        Some(bracket) => (subject[..bracket].trim_end(), Some(&subject[bracket..])),
        None => (subject, None),
    }
}

/// Splits off a query in brackets, or a table with columns in brackets.
fn subject(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut depth = 0_usize;
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') if depth == 1 => return Some(text.split_at(index + 1)),
            (None, ')') => depth = depth.checked_sub(1)?,
            // Columns may follow after a blank.
            (None, blank)
                if depth == 0
                    && blank.is_whitespace()
                    && !text[index..].trim_start().starts_with('(') =>
            {
                return Some(text.split_at(index));
            }
            _ => {}
        }
    }
    None
}

fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace)?;
    Some(text.split_at(end))
}

/// Splits off a name of a file, with its quotes, which are doubled within.
fn file(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let quote = text.chars().next()?;
    if !matches!(quote, '\'' | '"') {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Some(text.split_at(end));
    }
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(text.split_at(index + 1));
        }
    }
    None
}

/// Removes the quotes of a name of a file.
fn unquoted(file: &str) -> String {
    for quote in ["'", "\""] {
        let inside = file
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inside) = inside {
            return inside.replace(&quote.repeat(2), quote);
        }
    }
    file.to_owned()
}

/// Options of psql.
#[derive(Default)]
struct Options {
    format: Option<String>,
    has_header: Option<bool>,
    /// Option of DataFusion, and its value.
    others: Vec<(&'static str, String)>,
}

impl Options {
    /// Parses options in brackets, or words as before PostgreSQL 9: `csv header null 'x'`.
    fn parse(text: &str) -> Result<Self, String> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize();
        let tokens = tokens.map_err(|error| format!("expected options of \\copy: {error}"))?;
        let is_part = |token: &Token| {
            let is_mark = matches!(token, Token::LParen | Token::RParen | Token::Comma);
            !is_mark && !matches!(token, Token::Whitespace(_))
        };
        let mut tokens = tokens.into_iter().filter(is_part).map(value).peekable();
        let mut options = Self::default();
        while let Some(name) = tokens.next() {
            let name = name.to_lowercase();
            let key = match name.as_str() {
                "with" => continue,
                "header" => {
                    let switch = tokens.peek().and_then(|value| switch(value));
                    if switch.is_some() {
                        tokens.next();
                    }
                    options.has_header = switch.or(Some(true));
                    continue;
                }
                format if FORMATS.contains(&format) => {
                    options.format = Some(name);
                    continue;
                }
                "format" => "format",
                "delimiter" => "format.delimiter",
                "null" => "format.null_value",
                "quote" => "format.quote",
                "escape" => "format.escape",
                "encoding" => "encoding",
                _ => {
                    return Err(format!(
                        "unknown option {name} of \\copy: expected format, header, delimiter, \
                         null, quote or escape"
                    ));
                }
            };
            let value = tokens.next_if(|value| !value.eq_ignore_ascii_case("as"));
            let value = value.or_else(|| tokens.nth(1));
            let value = value.ok_or_else(|| format!("expected a value after {name}"))?;
            options.set(key, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &'static str, value: String) -> Result<(), String> {
        let lower = value.to_lowercase();
        match key {
            "format" if FORMATS.contains(&lower.as_str()) => self.format = Some(lower),
            "format" => {
                let formats = FORMATS.join(", ");
                return Err(format!("expected a format ({formats}), found {value}"));
            }
            "encoding" if matches!(lower.as_str(), "utf8" | "utf-8") => {}
            "encoding" => return Err(format!("expected the encoding UTF8, found {value}")),
            _ => self.others.push((key, value)),
        }
        Ok(())
    }

    /// Returns the clauses of `COPY … TO`.
    fn of_target(&self) -> String {
        let format = self.format.as_ref();
        let stored = format.map(|format| format!(" STORED AS {}", format.to_uppercase()));
        let is_csv = format.is_some_and(|format| format == "csv");
        let mut options: Vec<_> = self.others.clone();
        // Without a header unless asked for, as in psql, if the format is stated at all.
        if let Some(has_header) = self.has_header.or(is_csv.then_some(false)) {
            options.insert(0, ("format.has_header", has_header.to_string()));
        }
        let options = options.iter();
        let options: Vec<_> = options
            .map(|(key, value)| format!("{} {}", Literal(key), Literal(value)))
            .collect();
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(" OPTIONS ({})", options.join(", ")),
        };
        stored.unwrap_or_default() + &options
    }

    /// Returns the command that prints a table or a query.
    fn output(self, subject: &str) -> Result<Command, String> {
        let is_csv = self.format.as_deref() == Some("csv");
        let name = self.format.as_deref().unwrap_or("csv");
        let format = Format::from_str(name, true).ok();
        let format = format.filter(|format| !format.needs_file() && self.others.is_empty());
        let format = format.ok_or_else(|| {
            "expected a format of text and HEADER alone in \\copy TO STDOUT".to_owned()
        })?;
        let source = source(subject);
        Ok(Command::CopyOut {
            query: match source.starts_with('(') {
                true => source,
                false => format!("SELECT * FROM {source}"),
            },
            format,
            has_header: self.has_header.unwrap_or(!is_csv),
        })
    }

    /// Returns the command that reads rows of a table.
    fn input(self, subject: &str) -> Command {
        let options = self.of_source();
        Command::CopyIn {
            table: subject.to_owned(),
            format: self.format.unwrap_or_else(|| "csv".to_owned()),
            options,
        }
    }

    /// Returns the options of `COPY … FROM`. The session refuses those that the file cannot have.
    fn of_source(&self) -> String {
        let format = self.format.as_deref();
        let mut options = Vec::new();
        options.extend(format.map(|format| format!("FORMAT {format}")));
        options.extend(
            self.has_header
                .map(|has_header| format!("HEADER {has_header}")),
        );
        options.extend(self.others.iter().map(|(key, value)| {
            let name = match *key {
                "format.null_value" => "NULL".to_owned(),
                key => key.trim_start_matches("format.").to_uppercase(),
            };
            format!("{name} {}", Literal(value))
        }));
        match options.is_empty() {
            true => String::new(),
            false => format!(" ({})", options.join(", ")),
        }
    }
}

/// Returns the text of a token, without quotes.
fn value(token: Token) -> String {
    match token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::DoubleQuotedString(text) => text,
        Token::Word(word) => word.value,
        other => other.to_string(),
    }
}

fn switch(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "on" | "1" | "match" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
