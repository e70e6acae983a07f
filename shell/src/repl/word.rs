//! Word before the cursor, and names that begin like it.

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement, TableFactor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::{Keyword, RESERVED_FOR_COLUMN_ALIAS};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

/// Word before the cursor.
pub(super) struct Word<'a> {
    pub(super) line: &'a str,
    /// Byte of the line where it begins.
    pub(super) start: usize,
    pub(super) text: &'a str,
}

impl<'a> Word<'a> {
    /// Finds the word of a line before a position, with the quote before it if that is open.
    pub(super) fn at(line: &'a str, position: usize) -> Self {
        let before = &line[..position];
        let is_of_word = |c: char| c.is_alphanumeric() || "_.\\+".contains(c);
        let word = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_of_word(*c))
            .last()
            .map_or(position, |(index, _)| index);
        let is_quoted = before.matches('"').count() % 2 == 1;
        let quote = before.rfind('"').filter(|_| is_quoted);
        let start = quote.unwrap_or(word);
        Self {
            line,
            start,
            text: &before[start..],
        }
    }

    /// Returns what is on its line before it.
    pub(super) fn line_before(&self) -> &'a str {
        let before = &self.line[..self.start];
        before.rsplit_once('\n').map_or(before, |(_, last)| last)
    }
}

/// Compares without regard to case, and to a quote before either.
pub(super) fn begins_with(name: &str, word: &str) -> bool {
    let (bare, is_quoted) = match word.strip_prefix('"') {
        Some(bare) => (bare, true),
        None => (word, false),
    };
    let inside = name.strip_prefix('"');
    if is_quoted && inside.is_none() {
        return false;
    }
    let begin = inside.unwrap_or(name).get(..bare.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(bare))
}

/// Quotes the names that SQL would fold or not read as one; those of the schema `fusebox` are
/// qualified.
pub(super) fn in_quotes(names: Vec<String>) -> Vec<String> {
    let is_plain = |name: &str| {
        let name = name.strip_prefix("fusebox.").unwrap_or(name);
        let is_of_name = |c: char| c.is_lowercase() || c.is_ascii_digit() || c == '_';
        let is_bare = name.chars().all(is_of_name);
        is_bare && !name.starts_with(|c: char| c.is_ascii_digit()) && is_read_as_name(name)
    };
    let quoted = |name: String| match is_plain(&name) {
        true => name,
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    };
    names.into_iter().map(quoted).collect()
}

/// Returns true for keywords that PostgreSQL reserves: the parser reads some of them as names, which
/// confuses others that read the statement.
fn is_reserved(keyword: Keyword) -> bool {
    use Keyword::*;
    RESERVED_FOR_COLUMN_ALIAS.contains(&keyword)
        || matches!(
            keyword,
            ALL | AND
                | ANY
                | AS
                | BETWEEN
                | CASE
                | CAST
                | DISTINCT
                | ELSE
                | FALSE
                | IN
                | IS
                | LIKE
                | NOT
                | NULL
                | ON
                | OR
                | THEN
                | TRUE
                | WHEN
        )
}

/// Returns true if SQL reads a word as the name of a table and of a column: `year`, and not `order`.
/// Most keywords are names too, so the parser is asked.
fn is_read_as_name(word: &str) -> bool {
    match Token::make_word(word, None) {
        Token::Word(found) if found.keyword == Keyword::NoKeyword => return true,
        Token::Word(found) if is_reserved(found.keyword) => return false,
        _ => {}
    }
    let query = format!("SELECT {word} FROM {word} WHERE {word} > 0 ORDER BY {word}");
    let parsed = Parser::parse_sql(&GenericDialect {}, &query).unwrap_or_default();
    let [Statement::Query(query)] = &parsed[..] else {
        return false;
    };
    let SetExpr::Select(select) = query.body.as_ref() else {
        return false;
    };
    let is_name = |expr: &Expr| matches!(expr, Expr::Identifier(name) if name.value == word);
    let is_column =
        matches!(&select.projection[..], [SelectItem::UnnamedExpr(expr)] if is_name(expr));
    let is_compared =
        matches!(&select.selection, Some(Expr::BinaryOp { left, .. }) if is_name(left));
    let is_table = match &select.from[..] {
        [from] => match &from.relation {
            TableFactor::Table { name, args, .. } => args.is_none() && name.to_string() == word,
            _ => false,
        },
        _ => false,
    };
    is_column && is_compared && is_table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case() {
        assert!(begins_with("GROUP", "gr") && begins_with("flights", "FL"));
        assert!(!begins_with("é", "e") && !begins_with("a", "ab"));
        assert!(begins_with("\"My View\"", "my") && begins_with("\"My View\"", "\"My V"));
        assert!(!begins_with("flights", "\"fl"));
    }

    #[test]
    fn words_begin_at_an_open_quote() {
        let word = |line: &'static str| Word::at(line, line.len()).text;
        assert_eq!(word("SELECT a.b"), "a.b");
        assert_eq!(word("SELECT \"Carrier C"), "\"Carrier C");
        assert_eq!(word("SELECT \"a\", b"), "b");
        assert_eq!(word("SELECT "), "");
    }

    #[test]
    fn names_are_quoted_where_they_have_to_be() {
        let names = [
            "flights",
            "My View",
            "fusebox.stats",
            "1st",
            "a\"b",
            "größe",
        ];
        let quoted = in_quotes(names.map(str::to_owned).to_vec());
        let expected = [
            "flights",
            "\"My View\"",
            "fusebox.stats",
            "\"1st\"",
            "\"a\"\"b\"",
            "größe",
        ];
        assert_eq!(quoted, expected);
    }

    #[test]
    fn keywords_are_quoted_that_cannot_stand_for_names() {
        let reserved = [
            "all", "and", "case", "cast", "distinct", "from", "group", "interval", "not", "null",
            "order", "select", "true", "where", "with",
        ];
        for name in reserved {
            assert_eq!(in_quotes(vec![name.to_owned()]), [format!("\"{name}\"")]);
        }
        let names = [
            "carrier", "date", "day", "hour", "month", "name", "year", "value",
        ];
        let names = names.map(str::to_owned).to_vec();
        assert_eq!(in_quotes(names.clone()), names);
        let quoted = in_quotes(vec!["order".to_owned()]);
        assert!(begins_with(&quoted[0], "ord") && begins_with(&quoted[0], "\"o"));
    }
}
