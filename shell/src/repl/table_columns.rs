//! Columns of the tables that a statement names.
//!
//! The session knows those of a table once a statement has used it. Others are planned on a thread
//! of their own, since reading the schema of a file can take any time: the prompt waits a moment
//! for it, and a later key finds what came too late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::tokenizer::Token;
use fusebox::{Identifier, Literal, Session};
use futures::FutureExt;
use tokio::runtime::Builder;

use crate::names::KEYWORDS;
use crate::runtime::STACK_BYTES;

/// Time that a key waits for the columns of tables.
const WAIT: Duration = Duration::from_millis(200);

/// Tables of a statement whose columns are looked for.
const TABLES_MAX: usize = 8;

/// Columns of tables by their names.
pub(super) struct TableColumns {
    session: Arc<Session>,
    planned: Arc<Planned>,
}

#[derive(Default)]
struct Planned {
    tables: Mutex<Tables>,
    changed: Condvar,
}

/// Tables by their names as in a statement.
#[derive(Default)]
struct Tables {
    /// Columns of those that the session does not list, such as files.
    columns: BTreeMap<String, Vec<String>>,
    /// Those that are being planned.
    pending: BTreeSet<String>,
}

impl TableColumns {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            planned: Arc::default(),
        }
    }

    /// Returns the session whose tables they are.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the columns of tables, as far as they are known or found in a moment.
    pub(super) fn of(&self, names: &[String]) -> Vec<String> {
        let names = &names[..names.len().min(TABLES_MAX)];
        let is_unknown = |name: &&String| known_columns(&self.session, name).is_empty();
        let unknown: Vec<String> = names.iter().filter(is_unknown).cloned().collect();
        let mut planned = match unknown.is_empty() {
            true => BTreeMap::new(),
            false => self.plan(unknown),
        };
        let columns = names.iter().flat_map(|name| {
            let planned = planned.remove(name);
            planned.unwrap_or_else(|| known_columns(&self.session, name))
        });
        columns.collect()
    }

    /// Plans tables, and returns the columns of those for which a moment suffices.
    fn plan(&self, names: Vec<String>) -> BTreeMap<String, Vec<String>> {
        let lock = || {
            let tables = self.planned.tables.lock();
            tables.unwrap_or_else(PoisonError::into_inner)
        };
        let mut tables = lock();
        let is_new =
            |name: &&String| !tables.columns.contains_key(*name) && !tables.pending.contains(*name);
        let new: Vec<String> = names.iter().filter(is_new).cloned().collect();
        if !new.is_empty() {
            tables.pending.extend(new.iter().cloned());
            drop(tables);
            self.spawn(new);
            tables = lock();
        }
        let is_pending = |tables: &mut Tables| {
            let mut waiting = names.iter();
            waiting.any(|name| tables.pending.contains(name))
        };
        let waited = self
            .planned
            .changed
            .wait_timeout_while(tables, WAIT, is_pending);
        let (tables, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let found = names.into_iter().filter_map(|name| {
            let columns = tables.columns.get(&name)?.clone();
            Some((name, columns))
        });
        found.collect()
    }

    /// Plans tables on a thread of their own.
    fn spawn(&self, names: Vec<String>) {
        let (session, planned) = (Arc::clone(&self.session), Arc::clone(&self.planned));
        let left = names.clone();
        let work = move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            for name in names {
                let columns = runtime.as_ref().ok().and_then(|runtime| {
                    let columns = runtime.block_on(planned_columns(&session, &name));
                    // A table that the session lists can change.
                    columns.filter(|_| known_columns(&session, &name).is_empty())
                });
                planned.finish(name, columns);
            }
        };
        // The planner recurses into the queries of views.
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
        if thread.is_err() {
            for name in left {
                self.planned.finish(name, None);
            }
        }
    }
}

impl Planned {
    fn finish(&self, name: String, columns: Option<Vec<String>>) {
        let tables = self.tables.lock();
        let mut tables = tables.unwrap_or_else(PoisonError::into_inner);
        tables.pending.remove(&name);
        if let Some(columns) = columns {
            tables.columns.insert(name, columns);
        }
        self.changed.notify_all();
    }
}

/// Plans a query of a table, which registers a table of the catalog with the session. Returns its
/// columns, if there is a table of this name.
async fn planned_columns(session: &Session, name: &str) -> Option<Vec<String>> {
    let query = format!("SELECT * FROM {name} LIMIT 0");
    let frame = session.sql(&query).await.ok()?;
    let fields = frame.schema().fields().iter();
    Some(fields.map(|field| field.name().clone()).collect())
}

/// Returns the columns of a table that are known without waiting.
fn known_columns(session: &Session, name: &str) -> Vec<String> {
    let names = |schema: &SchemaRef| {
        let fields = schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    };
    let context = session.context();
    let options = context.copied_config().options().catalog.clone();
    let table = TableReference::parse_str(name);
    let table = table.resolve(&options.default_catalog, &options.default_schema);
    let schema = context.catalog(&table.catalog);
    let schema = schema.and_then(|catalog| catalog.schema(&table.schema));
    // A name that none has is looked for among the files, which waits.
    if let Some(schema) = schema.filter(|schema| schema.owner_name() != Some("fusebox"))
        && schema
            .table_names()
            .iter()
            .any(|name| **name == *table.table)
        && let Some(Ok(Some(provider))) = schema.table(&table.table).now_or_never()
    {
        return names(&provider.schema());
    }
    // A table of the catalog that no statement has named yet.
    let name = TableReference::from(table).to_quoted_string();
    let contents = session.engine().catalog().contents().ok();
    let rows = contents.and_then(|contents| contents.relation(&name)?.rows.clone());
    rows.map(|rows| names(rows.schema())).unwrap_or_default()
}

/// Returns the tables that a statement names, as in its text.
pub(super) fn tables(tokens: &[Token]) -> Vec<String> {
    let mut tables = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| keyword(&tokens[before]));
        let is_altered = keyword(token) == "TABLE" && before.as_deref() == Some("ALTER");
        if !is_altered && !["FROM", "JOIN", "INTO", "UPDATE"].contains(&&*keyword(token)) {
            continue;
        }
        let mut next = index + 1;
        if is_altered && tokens.get(next).map(keyword).as_deref() == Some("IF") {
            next += 2;
        }
        while let Some((name, after)) = table_at(tokens, next) {
            // A table function has its arguments in brackets, as `INTO` its columns.
            if tokens.get(after) != Some(&Token::LParen) || keyword(token) == "INTO" {
                tables.push(name);
            }
            // Behind a comma there are others, each with its alias.
            let comma = (after..after + 3).find(|index| tokens.get(*index) == Some(&Token::Comma));
            let is_alias = |tokens: &[Token]| tokens.iter().all(|t| matches!(t, Token::Word(_)));
            match comma {
                Some(comma) if is_alias(&tokens[after..comma]) => next = comma + 1,
                _ => break,
            }
        }
    }
    tables
}

/// Returns the columns of common table expressions: those of their lists, and the names and aliases
/// of what they select.
pub(super) fn cte_columns(tokens: &[Token]) -> Vec<String> {
    let mut columns = Vec::new();
    for (index, part) in tokens.windows(3).enumerate() {
        let is_query = part[1] == Token::LParen && keyword(&part[2]) == "SELECT";
        if keyword(&part[0]) != "AS" || !is_query {
            continue;
        }
        if let Some((Token::RParen, before)) = tokens[..index].split_last() {
            let list = before.iter().rev();
            let list = list.take_while(|token| **token != Token::LParen);
            columns.extend(list.filter_map(column));
        }
        let mut depth = 0_usize;
        let mut last = None;
        for token in &tokens[index + 3..] {
            match token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen => depth -= 1,
                Token::Comma if depth == 0 => columns.extend(last.take()),
                _ if depth == 0 && keyword(token) == "FROM" => break,
                _ => {}
            }
            if depth == 0 {
                last = column(token);
            }
        }
        columns.extend(last);
    }
    columns
}

/// Returns the name that a token is, as SQL reads it.
fn column(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.clone()),
        Token::Word(word) => Some(word.value.to_lowercase()).filter(|word| word != "end"),
        _ => None,
    }
}

/// Returns the table of `INSERT INTO`, if the tokens end within the list of its columns.
pub(super) fn inserted(tokens: &[Token]) -> Option<String> {
    let into = tokens.iter().rposition(|token| keyword(token) == "INTO")?;
    let (name, after) = table_at(tokens, into + 1)?;
    let (bracket, list) = tokens.get(after..)?.split_first()?;
    let is_of_list = |token: &Token| match token {
        Token::Word(_) => !["SELECT", "WITH", "VALUES"].contains(&&*keyword(token)),
        other => *other == Token::Comma,
    };
    (*bracket == Token::LParen && list.iter().all(is_of_list)).then_some(name)
}

/// Returns a name of a table, and the index of the token after it.
fn table_at(tokens: &[Token], index: usize) -> Option<(String, usize)> {
    let first = tokens.get(index)?;
    if let Token::SingleQuotedString(path) = first {
        return Some((Literal(path).to_string(), index + 1));
    }
    let is_keyword = |token: &Token| KEYWORDS.contains(&&*keyword(token));
    let (mut name, mut next) = (String::new(), index);
    loop {
        match tokens.get(next) {
            Some(part @ Token::Word(word)) if next > index || !is_keyword(part) => {
                name += &match word.quote_style {
                    Some(_) => Identifier(&word.value).to_string(),
                    None => word.value.clone(),
                };
            }
            _ => return None,
        }
        next += 1;
        if tokens.get(next) != Some(&Token::Period) {
            return Some((name, next));
        }
        name.push('.');
        next += 1;
    }
}

/// Returns a word without quotes in upper case, and nothing of another token.
fn keyword(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
        let mut tokens = tokens.unwrap();
        tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
        tokens
    }

    #[test]
    fn tables_of_a_statement_are_named_after_keywords() {
        for (text, expected) in [
            ("SELECT a FROM flights WHERE", &["flights"][..]),
            (
                "select 1 from s.flights AS f, \"Odd \"\"Names\" o JOIN 'a.csv' ON",
                &["s.flights", "\"Odd \"\"Names\"", "'a.csv'"],
            ),
            ("SELECT a FROM range(0, 5), t", &[]),
            ("SELECT a FROM (SELECT b FROM u) x", &["u"]),
            ("INSERT INTO o (", &["o"]),
            ("UPDATE p SET a = 1, b", &["p"]),
            ("ALTER TABLE s.p DROP COLUMN a", &["s.p"]),
            ("alter table if exists p rename column", &["p"]),
            ("CREATE TABLE p (a INT)", &[]),
            ("SELECT a FROM", &[]),
            ("SELECT a FROM t.", &[]),
            ("DELETE FROM SELECT", &[]),
        ] {
            assert_eq!(tables(&tokens(text)), expected, "{text}");
        }
    }

    #[test]
    fn common_table_expressions_have_columns() {
        for (text, expected) in [
            (
                "WITH q AS (SELECT a.carrier C1, count(*) AS n, \"X y\", sum(b) FROM a) SELECT",
                &["c1", "n", "X y"][..],
            ),
            ("with q(a, b) as (select 1, f(c, d) e)", &["b", "a", "e"]),
            (
                "WITH q AS (SELECT DISTINCT a, CASE b WHEN 1 THEN c END",
                &["a"],
            ),
            ("SELECT a AS b FROM t", &[]),
        ] {
            assert_eq!(cte_columns(&tokens(text)), expected, "{text}");
        }
    }

    #[test]
    fn columns_are_inserted_within_the_list() {
        for (text, expected) in [
            ("INSERT INTO o (", Some("o")),
            ("insert into s.o (a, ", Some("s.o")),
            ("INSERT INTO o (a) VALUES (", None),
            ("INSERT INTO o (SELECT a, ", None),
            ("INSERT INTO o", None),
            ("SELECT f(", None),
        ] {
            assert_eq!(inserted(&tokens(text)).as_deref(), expected, "{text}");
        }
    }
}
