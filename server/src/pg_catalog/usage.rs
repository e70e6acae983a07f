//! Statements that name what the catalog has.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::SCHEMA;
use super::functions::FUNCTIONS;
use super::tables::is_table;
use crate::statement_text::StatementText;

/// First words of statements that call functions.
const STATEMENTS: [&str; 7] = [
    "SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "EXPLAIN",
];

/// Types of names.
const TYPES: [&str; 5] = [
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regnamespace",
];

/// Words that are calls without brackets; true for those that the parser of PostgreSQL's dialect
/// knows, and takes no brackets of.
const WORDS: [(&str, bool); 5] = [
    ("current_user", true),
    ("session_user", true),
    ("current_catalog", true),
    ("current_role", false),
    ("current_schema", false),
];

/// Functions that read the relations of the session.
const READ_RELATIONS: [&str; 4] = [
    "pg_get_viewdef",
    "pg_table_is_visible",
    "to_regclass",
    "regclass_name",
];

/// Maximum number of tokens of a query of the catalog.
const TOKENS_MAX: usize = 10_000;

/// Part of a statement that the catalog has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CatalogUse {
    /// All of it: a query of its tables, or with names of objects.
    Query,
    /// Functions alone, which the session borrows.
    Functions(CalledFunctions),
}

/// Functions of the catalog that a statement calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CalledFunctions {
    /// Names; true for those that are words of the language, which no function of a user replaces.
    pub(super) names: BTreeMap<&'static str, bool>,
    words: Vec<CalledWord>,
    is_query: bool,
}

/// Call without brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CalledWord {
    /// Byte of the text behind the word.
    end: usize,
    is_parsed: bool,
}

impl CatalogUse {
    /// Finds what a statement uses of the catalog.
    pub(crate) fn of(statement: &StatementText) -> Option<Self> {
        let first = statement.word(0);
        if !STATEMENTS.contains(&first.as_str()) {
            return None;
        }
        let is_select = ["SELECT", "WITH"].contains(&first.as_str());
        let is_query = is_select && !statement.is_deep(TOKENS_MAX);
        if is_query && names_objects(statement.tokens()) {
            return Some(Self::Query);
        }
        let called = CalledFunctions::of(statement, is_query);
        (!called.names.is_empty()).then_some(Self::Functions(called))
    }
}

/// Returns true if there is a table of the catalog, a type of names, or another name of its schema
/// than that of a function.
fn names_objects(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().any(|(index, token)| {
        let Token::Word(word) = token else {
            return false;
        };
        let name = word.value.to_lowercase();
        let qualifies_call =
            || tokens.get(index + 1) == Some(&Token::Period) && called(tokens, index + 2).is_some();
        is_table(&name) || TYPES.contains(&name.as_str()) || name == SCHEMA && !qualifies_call()
    })
}

/// Returns the name of the function that is called at a token, if the catalog has it and the call
/// names no other schema.
fn called(tokens: &[Token], index: usize) -> Option<&'static str> {
    let Some(Token::Word(word)) = tokens.get(index) else {
        return None;
    };
    if tokens.get(index + 1) != Some(&Token::LParen) {
        return None;
    }
    let is_of_catalog = match &tokens[..index] {
        [.., Token::Period, Token::Word(_), Token::Period] => false,
        [.., Token::Word(schema), Token::Period] => is_named(schema, SCHEMA),
        [.., Token::Period] => false,
        _ => true,
    };
    let mut names = FUNCTIONS.into_iter();
    names.find(|name| is_of_catalog && is_named(word, name))
}

/// Returns the word that is a call without brackets.
fn called_word(tokens: &[Token], index: usize) -> Option<(&'static str, bool)> {
    let Some(Token::Word(word)) = tokens.get(index) else {
        return None;
    };
    let is_part = match (&tokens[..index], tokens.get(index + 1)) {
        (_, Some(Token::Period | Token::LParen)) | ([.., Token::Period], _) => true,
        // The name of a column of the result.
        ([.., Token::Word(before)], _) => is_named(before, "as"),
        _ => false,
    };
    let mut words = WORDS.into_iter();
    words.find(|(name, _)| !is_part && word.quote_style.is_none() && is_named(word, name))
}

fn is_named(word: &Word, name: &str) -> bool {
    match word.quote_style {
        Some(_) => word.value == name,
        None => word.value.eq_ignore_ascii_case(name),
    }
}

impl CalledFunctions {
    fn of(statement: &StatementText, is_query: bool) -> Self {
        let tokens = statement.tokens();
        let (mut names, mut words) = (BTreeMap::new(), Vec::new());
        for (index, token) in tokens.iter().enumerate() {
            let Token::Word(word) = token else {
                continue;
            };
            if let Some(name) = called(tokens, index) {
                names.entry(name).or_insert(false);
            } else if let Some((name, is_parsed)) = called_word(tokens, index) {
                names.insert(name, true);
                let end = statement.place(index) + word.value.len();
                words.push(CalledWord { end, is_parsed });
            }
        }
        Self {
            names,
            words,
            is_query,
        }
    }

    /// Returns true if the catalog may plan the statement where the session cannot.
    pub(crate) fn is_query(&self) -> bool {
        self.is_query
    }

    /// Returns true if a function reads the relations of the session.
    pub(super) fn reads_relations(&self) -> bool {
        self.names.keys().any(|name| READ_RELATIONS.contains(name))
    }

    /// Adds the brackets that calls in a text lack in a dialect. Returns the text, and the number of
    /// characters before each pair.
    pub(super) fn bracketed(&self, sql: &str, dialect: &str) -> (String, Vec<usize>) {
        let is_postgres = ["generic", "postgres", "postgresql"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(dialect));
        let mut text = String::with_capacity(sql.len());
        let (mut places, mut begin, mut characters) = (Vec::new(), 0, 0);
        for word in &self.words {
            let Some(part) = sql.get(begin..word.end) else {
                continue;
            };
            if word.is_parsed && is_postgres {
                continue;
            }
            text.push_str(part);
            text.push_str("()");
            characters += part.chars().count();
            places.push(characters);
            begin = word.end;
        }
        text.push_str(sql.get(begin..).unwrap_or_default());
        (text, places)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn used(sql: &str) -> Option<CatalogUse> {
        let statements = StatementText::split(sql, &GenericDialect {});
        CatalogUse::of(&statements[0])
    }

    fn names(sql: &str) -> Vec<&'static str> {
        match used(sql) {
            Some(CatalogUse::Functions(called)) => called.names.into_keys().collect(),
            other => unreachable!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn functions_are_told_from_tables_and_columns() {
        assert_eq!(names("SELECT add(1, 2), current_user"), ["current_user"]);
        let mixed = "SELECT pg_catalog.VERSION(), \"quote_ident\"('a') FROM t";
        assert_eq!(names(mixed), ["quote_ident", "version"]);
        assert_eq!(
            names("INSERT INTO t VALUES (Session_User)"),
            ["session_user"]
        );
        for sql in [
            "SELECT version, t.current_user FROM t",
            "SELECT 1 AS current_user",
            "SELECT s.version(), \"current_user\", 'version()'",
            "CREATE VIEW v AS SELECT current_user",
        ] {
            assert_eq!(used(sql), None, "{sql}");
        }
        for sql in [
            "SELECT relname FROM pg_class",
            "SELECT current_user, 'a'::regclass",
            "SELECT 'a' COLLATE pg_catalog.default",
            "SELECT a OPERATOR(pg_catalog.~) 'b'",
        ] {
            assert_eq!(used(sql), Some(CatalogUse::Query), "{sql}");
        }
    }

    #[test]
    fn brackets_are_added_where_the_dialect_needs_them() {
        let sql = "SELECT 'é', current_schema, current_user";
        let Some(CatalogUse::Functions(called)) = used(sql) else {
            unreachable!("it calls functions");
        };
        let (text, places) = called.bracketed(sql, "PostgreSQL");
        assert_eq!(text, "SELECT 'é', current_schema(), current_user");
        assert_eq!(places, [26]);
        let (text, places) = called.bracketed(sql, "mysql");
        assert_eq!(text, "SELECT 'é', current_schema(), current_user()");
        assert_eq!(places, [26, 40]);
    }
}
