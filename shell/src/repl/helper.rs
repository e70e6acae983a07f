//! Completion, highlighting, and the end of statements, for the editor.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};
use fusebox::Session;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::command::{Command, NAMES, formats};
use crate::names::{KEYWORDS, Names};
use crate::open::{Open, OpenKind};
use crate::session::dialect;
use crate::text::is_complete;

/// Helper of the editor.
pub(super) struct SqlHelper {
    session: Arc<Session>,
    files: FilenameCompleter,
    /// True if the terminal shows colours.
    has_colours: bool,
}

impl SqlHelper {
    pub(super) fn new(session: Arc<Session>, has_colours: bool) -> Self {
        Self {
            session,
            files: FilenameCompleter::new(),
            has_colours,
        }
    }

    /// Returns keywords, and the names that the session knows.
    fn names(&self) -> BTreeSet<String> {
        let names = Names::of(&self.session);
        let keywords = KEYWORDS.iter().map(|&word| word.to_owned());
        keywords
            .chain(names.tables)
            .chain(names.columns)
            .chain(names.functions)
            .chain(names.built_in)
            .chain(names.modules)
            .chain(names.settings)
            .collect()
    }
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..position];
        if before.matches('\'').count() % 2 == 1 || takes_a_file(before) {
            return self.files.complete(line, position, context);
        }
        let is_of_word = |c: char| c.is_alphanumeric() || "_.\\+".contains(c);
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_of_word(*c))
            .last()
            .map_or(position, |(index, _)| index);
        let word = &before[start..];
        let candidates: Vec<String> = match word.chars().next() {
            Some('\\' | '.') if before.trim_start().starts_with(word) => {
                NAMES.iter().map(|&name| name.to_owned()).collect()
            }
            _ if [".mode", "\\pset format"]
                .iter()
                .any(|words| before.trim_start().starts_with(words)) =>
            {
                formats().split(", ").map(str::to_owned).collect()
            }
            None => return Ok((start, Vec::new())),
            _ => self.names().into_iter().collect(),
        };
        let matching = candidates
            .into_iter()
            .filter(|name| begins_with(name, word));
        let pairs = matching.map(|name| Pair {
            display: name.clone(),
            replacement: name,
        });
        Ok((start, pairs.collect()))
    }
}

/// Returns true if a command takes a file.
fn takes_a_file(line: &str) -> bool {
    let word = line.split_whitespace().next();
    matches!(
        word,
        Some("\\i" | "\\o" | "\\e" | "\\g" | ".read" | ".output" | ".edit")
    ) && line.trim_start().contains(char::is_whitespace)
}

/// Compares without regard to case.
fn begins_with(name: &str, word: &str) -> bool {
    let begin = name.get(..word.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

impl Highlighter for SqlHelper {
    fn highlight<'l>(&self, line: &'l str, _position: usize) -> Cow<'l, str> {
        match self.has_colours && Command::parse(line).is_none() {
            true => Cow::Owned(highlighted(line)),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.has_colours {
            true => Cow::Owned(format!("\u{1b}[2m{hint}\u{1b}[0m")),
            false => Cow::Borrowed(hint),
        }
    }

    fn highlight_char(&self, _line: &str, _position: usize, _kind: CmdKind) -> bool {
        self.has_colours
    }
}

/// Colours keywords, strings and numbers. What cannot be tokenized stays as it is.
fn highlighted(line: &str) -> String {
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

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let dialect = dialect(&self.session);
        let is_command = |line: &str| Command::parse(line).is_some();
        // A command ends the input on any of its lines.
        let complete = is_command(input.trim())
            || input.lines().next_back().is_some_and(is_command)
            || Command::trailing(input, dialect.as_ref()).is_some()
            || is_complete(input, dialect.as_ref());
        Ok(match complete {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

/// Note on a line that continues an input: it is shown, and never inserted.
pub(super) struct Continuation(String);

impl Hint for Continuation {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for SqlHelper {
    type Hint = Continuation;

    /// Shows on an empty line what the lines above have left open.
    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<Continuation> {
        let (above, last) = line.rsplit_once('\n')?;
        if position < line.len() || !last.trim().is_empty() {
            return None;
        }
        let open = Open::at_end(above, dialect(&self.session).as_ref())?;
        let text = match open.kind {
            OpenKind::Statement => "-- `;` ends the statement".to_owned(),
            kind => format!(
                "-- in the {kind} of line {}, column {}",
                open.line, open.column
            ),
        };
        Some(Continuation(text))
    }
}

impl Helper for SqlHelper {}

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

    #[test]
    fn words_are_compared_without_case() {
        assert!(begins_with("GROUP", "gr") && begins_with("flights", "FL"));
        assert!(!begins_with("é", "e") && !begins_with("a", "ab"));
    }

    #[test]
    fn files_are_completed_after_commands_that_take_one() {
        assert!(takes_a_file("\\i da") && takes_a_file(".read "));
        assert!(!takes_a_file("\\i") && !takes_a_file("SELECT 1"));
    }
}
