//! Names that complete a word: those that can stand after the words before it.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use fusebox::statement::Options;
use fusebox::{Identifier, Limits, Session, StatementError};
use rustyline::completion::Pair;

use super::signatures::signatures;
use super::table_columns::{TableColumns, cte_columns, inserted, tables};
use super::word::{Word, begins_with, in_quotes};
use crate::command::{NAMES, formats};
use crate::names::{KEYWORDS, Names};

/// Most candidates that are listed with their signatures, which take a line each.
const SIGNATURES_MAX: usize = 16;

/// Kinds of objects that statements create, alter and drop.
const OBJECTS: [&str; 12] = [
    "AGGREGATE",
    "EXTERNAL",
    "FUNCTION",
    "MODULE",
    "OR",
    "ROLE",
    "SCHEMA",
    "TABLE",
    "TEMPORARY",
    "USER",
    "VIEW",
    "WINDOW",
];

/// Returns what completes a word, with signatures of functions if there are few.
pub(super) fn pairs(columns: &TableColumns, word: &Word<'_>) -> Vec<Pair> {
    let session = columns.session();
    let before = tokens(&word.line[..word.start]);
    let inserted = inserted(&before);
    if let Some(function) = called(word).filter(|_| inserted.is_none()) {
        let texts = signatures(session).remove(&function).unwrap_or_default();
        // A second line, without text: what is alone would be inserted rather than shown.
        let texts = texts.into_iter().chain([String::new()]);
        return texts.map(|text| pair(String::new(), text)).collect();
    }
    let names = match inserted {
        Some(table) => in_quotes(columns.of(&[table])),
        None => candidates(columns, word, &before),
    };
    let names = names
        .into_iter()
        .filter(|name| begins_with(name, word.text))
        .map(|name| in_case_of(word.text, name));
    let names: BTreeSet<String> = names.collect();
    let mut signatures = match names.len() <= SIGNATURES_MAX {
        true => signatures(session),
        false => BTreeMap::new(),
    };
    let mut pairs = Vec::new();
    for name in names {
        match signatures.remove(&name) {
            Some(texts) => pairs.extend(texts.into_iter().map(|text| pair(name.clone(), text))),
            None => pairs.push(pair(name.clone(), name)),
        }
    }
    pairs
}

/// Returns a keyword in lower case if its begin is; other names have other letters, or quotes.
fn in_case_of(begin: &str, name: String) -> String {
    let is_lower = !begin.is_empty() && begin.chars().all(|c| c.is_ascii_lowercase());
    match is_lower && name.chars().all(|c| c.is_ascii_uppercase()) {
        true => name.to_lowercase(),
        false => name,
    }
}

fn pair(replacement: String, display: String) -> Pair {
    Pair {
        display,
        replacement,
    }
}

/// Returns the function whose opening bracket is just before the cursor.
fn called(word: &Word<'_>) -> Option<String> {
    let before = word.line[..word.start].strip_suffix('(')?;
    let name = Word::at(before, before.len()).text;
    (word.text.is_empty() && !name.is_empty()).then(|| name.to_lowercase())
}

/// Returns the names that can stand in the place of a word.
fn candidates(columns: &TableColumns, word: &Word<'_>, before: &[Token]) -> Vec<String> {
    let session = columns.session();
    let line = word.line_before().trim_start();
    if line.is_empty() && word.text.starts_with(['\\', '.']) {
        return owned(&NAMES);
    }
    if line.starts_with(['\\', '.']) {
        return of_command(session, line);
    }
    let words: Vec<String> = before.iter().map(text).collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    for condition in [&["IF", "NOT", "EXISTS"][..], &["IF", "EXISTS"]] {
        if words.ends_with(condition) {
            words.truncate(words.len() - condition.len());
        }
    }
    let names = || Names::of(session);
    let names_or_keywords = |names: Vec<String>| {
        // Nothing is listed for an empty word that may be anything.
        let keywords = if word.text.is_empty() {
            Vec::new()
        } else {
            owned(&KEYWORDS)
        };
        names.into_iter().chain(keywords).collect()
    };
    if is_option(&words) {
        return options();
    }
    match words[..] {
        [.., "MODULE"] => names().modules,
        [.., "DESCRIBE" | "SHOW", "FUNCTION"] => {
            let Names {
                functions,
                built_in,
                ..
            } = names();
            functions.into_iter().chain(built_in).collect()
        }
        [.., "FUNCTION"] => names().functions,
        ["CREATE" | "ALTER" | "DROP"] => owned(&OBJECTS),
        [.., "ORDER" | "GROUP" | "PARTITION"] => owned(&["BY"]),
        [.., "PRIMARY"] => owned(&["KEY"]),
        ["ALTER", .., action, "COLUMN"] if action != "ADD" => {
            in_quotes(columns.of(&tables(before)))
        }
        ["SET" | "RESET"] => names().settings,
        ["SHOW"] => names_or_keywords(names().settings),
        [.., "FROM" | "JOIN"] | ["DESCRIBE" | "SUMMARIZE"] => {
            let tables = relations(session, word.text, in_quotes(names().tables));
            names_or_keywords([tables, table_functions(session)].concat())
        }
        [.., "INTO" | "UPDATE" | "TABLE" | "VIEW" | "COPY"] => {
            names_or_keywords(relations(session, word.text, in_quotes(names().tables)))
        }
        _ if word.text.is_empty() => Vec::new(),
        _ => match word.text.rsplit_once('.') {
            Some((qualifier, _)) if !qualifier.is_empty() => of_table(columns, word, qualifier),
            _ => {
                let mut names = names();
                complete_columns(&mut names, columns, &statement(word, before));
                let quoted = [in_quotes(names.tables), in_quotes(names.columns)].concat();
                names_or_keywords([quoted, names.functions, names.built_in, names.modules].concat())
            }
        },
    }
}

/// Adds the columns of the tables of a statement, in place of those of others if there are any, or
/// of all tables if it names none yet.
fn complete_columns(names: &mut Names, columns: &TableColumns, statement: &[Token]) {
    let named = tables(statement);
    if named.is_empty() {
        let tables = names.tables.iter();
        let tables = tables.filter(|table| !table.starts_with("fusebox."));
        let tables = in_quotes(tables.cloned().collect());
        names.columns.extend(columns.of(&tables));
    } else {
        let found = columns.of(&named);
        if !found.is_empty() {
            names.columns = found;
        }
    }
    names.columns.extend(cte_columns(statement));
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Returns the arguments of a command, after its first words.
fn of_command(session: &Session, before: &str) -> Vec<String> {
    let words: Vec<&str> = before.split_whitespace().collect();
    let formats = || formats().split(", ").map(str::to_owned).collect();
    match words[..] {
        ["\\pset"] => owned(&["expanded", "format", "header", "null", "pager", "rows"]),
        ["\\pset", "format"] | [".mode"] => formats(),
        ["\\pset", "expanded"] | ["\\x"] => owned(&["on", "off", "auto"]),
        ["\\pset", "pager" | "header"] | ["\\timing" | ".timer" | "\\t" | ".headers"] => {
            owned(&["on", "off"])
        }
        ["\\d" | "\\d+" | "\\dt" | "\\dv" | "\\copy" | ".describe" | ".tables" | ".schema"] => {
            Names::of(session).tables
        }
        ["\\df" | "\\df+" | ".functions"] => Names::of(session).functions,
        ["\\dm" | ".modules"] => Names::of(session).modules,
        _ => Vec::new(),
    }
}

/// Returns the tokens of the last statement of a text.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let _ = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens);
    let mut tokens: Vec<Token> = tokens.into_iter().map(|token| token.token).collect();
    tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
    let last = tokens.iter().rposition(|token| *token == Token::SemiColon);
    tokens.split_off(last.map_or(0, |last| last + 1))
}

/// Returns the tokens of the statement that a word is in, but for the word.
fn statement(word: &Word<'_>, before: &[Token]) -> Vec<Token> {
    let mut after = Vec::new();
    let text = &word.line[word.start + word.text.len()..];
    let _ = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut after);
    let after = after.into_iter().map(|token| token.token);
    let after = after.take_while(|token| *token != Token::SemiColon);
    let after = after.filter(|token| !matches!(token, Token::Whitespace(_)));
    before.iter().cloned().chain(after).collect()
}

/// Returns the text of a token, which is in upper case for a word without quotes.
fn text(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        other => other.to_string(),
    }
}

/// Returns true where the name of an option of `WITH (…)` or `SET (…)` begins.
fn is_option(words: &[&str]) -> bool {
    let mut open = Vec::new();
    for (index, word) in words.iter().enumerate() {
        match *word {
            "(" => open.push(index.checked_sub(1).map(|before| words[before])),
            ")" => drop(open.pop()),
            _ => {}
        }
    }
    let is_of_functions = words.contains(&"FUNCTION") || words.contains(&"MODULE");
    matches!(open.last(), Some(Some("WITH" | "SET")))
        && matches!(words.last(), Some(&("(" | ",")))
        && is_of_functions
}

/// Returns the names of the options of functions and modules, as the error about an unknown one
/// lists them.
fn options() -> Vec<String> {
    let unknown = Options(vec![(String::new(), String::new())]);
    match unknown.apply(Limits::default()) {
        Err(StatementError::Option { known, .. }) => {
            let known = known.replace(" and ", ", ");
            known.split(", ").map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the names of table functions.
fn table_functions(session: &Session) -> Vec<String> {
    let state = session.context().state_ref();
    let state = state.read();
    state.table_functions().keys().cloned().collect()
}

/// Returns the relations of the default schema, and those of the schema that a word names.
fn relations(session: &Session, word: &str, mut tables: Vec<String>) -> Vec<String> {
    if let Some((schema, _)) = word.rsplit_once('.') {
        tables.extend(of_schema(session, schema));
    }
    tables
}

/// Returns the columns of the relation that a word is qualified with, or the relations of the
/// schema.
fn of_table(columns: &TableColumns, word: &Word<'_>, qualifier: &str) -> Vec<String> {
    let session = columns.session();
    let name = aliased(word.line, qualifier).unwrap_or_else(|| qualifier.to_owned());
    let mut names: Vec<String> = columns
        .of(&[name])
        .iter()
        .map(|column| format!("{qualifier}.{}", Identifier(column)))
        .collect();
    names.extend(of_schema(session, qualifier));
    names.extend(Names::of(session).tables);
    names
}

/// Returns the relations of a schema, with its name.
fn of_schema(session: &Session, name: &str) -> Vec<String> {
    let context = session.context();
    let catalogs = context.catalog_names().into_iter();
    let catalogs = catalogs.filter_map(|catalog| context.catalog(&catalog));
    let schemas = catalogs.filter_map(|catalog| catalog.schema(name));
    let tables = schemas.flat_map(|schema| schema.table_names());
    let tables = tables.map(|table| format!("{name}.{}", Identifier(&table)));
    tables.collect()
}

/// Returns the relation that a statement gives an alias to: `FROM flights AS f`.
fn aliased(line: &str, alias: &str) -> Option<String> {
    let tokens = tokens(line.trim_end().trim_end_matches(';'));
    let word = |index: usize| match tokens.get(index)? {
        Token::Word(word) => Some(word.value.as_str()),
        _ => None,
    };
    (1..tokens.len()).find_map(|index| {
        word(index).filter(|word| word.eq_ignore_ascii_case(alias))?;
        let mut before = index - 1;
        if word(before)?.eq_ignore_ascii_case("as") {
            before = before.checked_sub(1)?;
        }
        let name = word(before)?;
        let is_word = KEYWORDS
            .iter()
            .any(|keyword| name.eq_ignore_ascii_case(keyword));
        if is_word {
            return None;
        }
        let schema = match before.checked_sub(2) {
            Some(schema) if tokens[before - 1] == Token::Period => word(schema),
            _ => None,
        };
        Some(schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_option_after(text: &str) -> bool {
        let tokens = tokens(text);
        let words: Vec<String> = tokens.iter().map(super::text).collect();
        is_option(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_names_within_the_brackets_of_with() {
        for text in [
            "CREATE FUNCTION f LANGUAGE WASM AS 'x' WITH (",
            "ALTER FUNCTION f(BIGINT) SET (memory = '1MB', ",
            "SELECT 1; create module m language wasm from 'm' with (seed = 7,",
        ] {
            assert!(is_option_after(text), "{text}");
        }
        for text in [
            "CREATE FUNCTION f(",
            "CREATE FUNCTION f LANGUAGE WASM AS 'x' WITH (memory = ",
            "CREATE FUNCTION f WITH (memory = '1MB') ",
            "WITH (",
        ] {
            assert!(!is_option_after(text), "{text}");
        }
        assert!(
            options().contains(&"fuel_per_row".to_owned()),
            "{:?}",
            options()
        );
        assert!(options().contains(&"data".to_owned()), "{:?}", options());
    }

    #[test]
    fn keywords_have_the_case_of_their_begin() {
        for (begin, name, expected) in [
            ("sel", "SELECT", "select"),
            ("Sel", "SELECT", "SELECT"),
            ("", "BY", "BY"),
            ("o", "\"ORDER\"", "\"ORDER\""),
            ("f", "flights", "flights"),
        ] {
            assert_eq!(in_case_of(begin, name.to_owned()), expected);
        }
    }

    #[test]
    fn aliases_name_relations() {
        for (line, expected) in [
            ("SELECT f. FROM flights f", Some("flights")),
            ("SELECT f. FROM s.flights AS f JOIN a", Some("s.flights")),
            ("SELECT f. FROM f", None),
            ("SELECT f. FROM flights", None),
        ] {
            assert_eq!(aliased(line, "f").as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn function_is_called_where_its_bracket_opens() {
        let called = |line: &str| called(&Word::at(line, line.len()));
        assert_eq!(called("SELECT Geo_hash(").as_deref(), Some("geo_hash"));
        assert_eq!(called("SELECT ("), None);
        assert_eq!(called("SELECT f(a"), None);
    }
}
