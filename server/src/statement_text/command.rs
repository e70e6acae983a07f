//! Statements that the server executes itself, and tags of the others.

// Tags of statements of the session.
mod tags;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::StatementText;
use tags::tag;

/// Change of a transaction block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    Begin,
    Commit,
    Rollback,
    /// `SAVEPOINT` and `RELEASE`.
    Savepoint(&'static str),
    /// `ROLLBACK TO`.
    RollbackTo,
}

/// Value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetValue {
    Default,
    Text(String),
}

/// Rows of a `COPY … TO STDOUT`, or the table of a `COPY … FROM STDIN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopySource {
    Query(String),
    Table { name: String, columns: Vec<String> },
}

/// Meaning of a statement to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Transaction(Transaction),
    Set {
        name: String,
        value: SetValue,
    },
    /// Change that has no effect here, with its tag.
    Ignored(&'static str),
    Show(String),
    Reset(String),
    ResetAll,
    DiscardAll,
    DeallocateAll,
    /// Name of a prepared statement, of the protocol or of the session.
    Deallocate(String),
    CopyOut {
        source: CopySource,
        options: Vec<Token>,
    },
    CopyIn {
        source: CopySource,
        options: Vec<Token>,
    },
    /// Statement of the session, with the tag that its end has.
    Session(&'static str),
}

impl Command {
    /// Recognises a statement by its first words.
    pub(crate) fn of(statement: &StatementText) -> Self {
        transaction(statement)
            .map(Self::Transaction)
            .or_else(|| setting(statement))
            .or_else(|| copy(statement))
            .unwrap_or_else(|| Self::Session(tag(statement)))
    }
}

/// Words that may follow those of a transaction block.
const BLOCK: [&str; 6] = ["", "WORK", "TRANSACTION", "AND", "ISOLATION", "READ"];

fn transaction(statement: &StatementText) -> Option<Transaction> {
    let second = statement.word(1);
    let is_block = BLOCK.contains(&second.as_str());
    Some(match statement.word(0).as_str() {
        "BEGIN" if is_block => Transaction::Begin,
        "START" if second == "TRANSACTION" => Transaction::Begin,
        "COMMIT" | "END" if is_block => Transaction::Commit,
        "ROLLBACK" if second == "TO" || statement.word(2) == "TO" => Transaction::RollbackTo,
        "ROLLBACK" | "ABORT" if is_block => Transaction::Rollback,
        "SAVEPOINT" => Transaction::Savepoint("SAVEPOINT"),
        "RELEASE" => Transaction::Savepoint("RELEASE"),
        _ => return None,
    })
}

fn setting(statement: &StatementText) -> Option<Command> {
    let tokens = statement.tokens();
    match statement.word(0).as_str() {
        "SET" => set(statement),
        "SHOW" => {
            let name = match statement.word(1).as_str() {
                "TIME" if statement.word(2) == "ZONE" => "timezone".to_owned(),
                "TRANSACTION" if statement.word(2) == "ISOLATION" => {
                    "transaction_isolation".to_owned()
                }
                word if tokens.len() == 2 => word.to_lowercase(),
                _ => return None,
            };
            Some(Command::Show(name))
        }
        "RESET" if statement.word(1) == "ALL" => Some(Command::ResetAll),
        "RESET" => {
            let (name, after) = setting_name(tokens.get(1..)?)?;
            (tokens.len() == 1 + after).then_some(Command::Reset(name))
        }
        "DISCARD" => Some(Command::DiscardAll),
        // Pools reset connections by these; there are no cursors and channels.
        "CLOSE" if statement.word(1) == "ALL" => Some(Command::Ignored("CLOSE CURSOR ALL")),
        "UNLISTEN" => Some(Command::Ignored("UNLISTEN")),
        "DEALLOCATE" => {
            let begin = if statement.word(1) == "PREPARE" { 2 } else { 1 };
            match tokens.get(begin..)? {
                [Token::Word(word)] => Some(match word.quote_style {
                    Some(_) => Command::Deallocate(word.value.clone()),
                    None if word.value.eq_ignore_ascii_case("all") => Command::DeallocateAll,
                    None => Command::Deallocate(word.value.to_lowercase()),
                }),
                _ => None,
            }
        }
        _ => None,
    }
}

fn set(statement: &StatementText) -> Option<Command> {
    let has_scope = ["SESSION", "LOCAL"].contains(&statement.word(1).as_str());
    let begin = match has_scope && statement.word(2) != "AUTHORIZATION" {
        true => 2,
        false => 1,
    };
    let tokens = statement.tokens().get(begin..)?;
    let set = |name: &str, value| {
        Some(Command::Set {
            name: name.to_owned(),
            value,
        })
    };
    match statement.word(begin).as_str() {
        "TRANSACTION" | "CHARACTERISTICS" | "CONSTRAINTS" => {
            return Some(Command::Ignored("SET"));
        }
        "TIME" if statement.word(begin + 1) == "ZONE" => {
            return set("timezone", value(tokens.get(2..)?));
        }
        "NAMES" => return set("client_encoding", value(tokens.get(1..)?)),
        _ => {}
    }
    let (name, after) = setting_name(tokens)?;
    let is_assigned = match tokens.get(after) {
        Some(Token::Eq) => true,
        Some(Token::Word(word)) => word.value.eq_ignore_ascii_case("to"),
        _ => false,
    };
    match is_assigned {
        true => set(&name, value(tokens.get(after + 1..)?)),
        false => None,
    }
}

/// Reads a name with dots; returns it in lower case, and the number of its tokens.
fn setting_name(tokens: &[Token]) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut count = 0;
    loop {
        match tokens.get(count)? {
            Token::Word(word) => name += &word.value.to_lowercase(),
            _ => return None,
        }
        count += 1;
        match tokens.get(count) {
            Some(Token::Period) => name.push('.'),
            _ => return Some((name, count)),
        }
        count += 1;
    }
}

/// Reads the value of a setting; a list is joined with commas.
fn value(tokens: &[Token]) -> SetValue {
    if let [Token::Word(word)] = tokens
        && word.quote_style.is_none()
        && ["DEFAULT", "LOCAL"].contains(&word.value.to_uppercase().as_str())
    {
        return SetValue::Default;
    }
    let parts = tokens.iter().map(|token| match token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
        Token::Word(word) => word.value.clone(),
        Token::Comma => ", ".to_owned(),
        other => other.to_string(),
    });
    SetValue::Text(parts.collect())
}

fn copy(statement: &StatementText) -> Option<Command> {
    let tokens = statement.tokens();
    if statement.word(0) != "COPY" {
        return None;
    }
    let mut depth = 0_usize;
    // The direction is outside of all brackets.
    let direction = tokens.iter().enumerate().position(|(index, token)| {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && index > 1 && ["TO", "FROM"].contains(&statement.word(index).as_str())
    })?;
    let is_out = statement.word(direction) == "TO";
    let stream = statement.word(direction + 1);
    if stream != if is_out { "STDOUT" } else { "STDIN" } {
        return None;
    }
    let options = tokens[direction + 2..].to_vec();
    let source = match &tokens[1] {
        Token::LParen => CopySource::Query(statement.text_of(2..direction - 1).to_owned()),
        _ => {
            let before = &tokens[..direction];
            let bracket = before.iter().position(|token| *token == Token::LParen);
            let name = statement.text_of(1..bracket.unwrap_or(direction));
            let columns = bracket.and_then(|bracket| tokens.get(bracket + 1..direction - 1));
            let columns = columns.unwrap_or_default().iter();
            let columns = columns.filter(|token| **token != Token::Comma);
            CopySource::Table {
                name: name.trim().to_owned(),
                columns: columns.map(ToString::to_string).collect(),
            }
        }
    };
    Some(match is_out {
        true => Command::CopyOut { source, options },
        false => Command::CopyIn { source, options },
    })
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn command(sql: &str) -> Command {
        let statements = StatementText::split(sql, &GenericDialect {});
        Command::of(&statements[0])
    }

    #[test]
    fn transactions_are_recognised() {
        for (sql, expected) in [
            ("BEGIN", Transaction::Begin),
            ("begin isolation level serializable", Transaction::Begin),
            ("START TRANSACTION READ ONLY", Transaction::Begin),
            ("END", Transaction::Commit),
            ("COMMIT AND CHAIN", Transaction::Commit),
            ("ROLLBACK TRANSACTION", Transaction::Rollback),
            ("ROLLBACK TO SAVEPOINT a", Transaction::RollbackTo),
            ("SAVEPOINT a", Transaction::Savepoint("SAVEPOINT")),
        ] {
            assert_eq!(command(sql), Command::Transaction(expected), "{sql}");
        }
    }

    #[test]
    fn settings_are_recognised() {
        let set = |name: &str, value: &str| Command::Set {
            name: name.to_owned(),
            value: SetValue::Text(value.to_owned()),
        };
        let show = |name: &str| Command::Show(name.to_owned());
        for (sql, expected) in [
            ("SET a = 1", set("a", "1")),
            ("SET session A.B to 'x''y'", set("a.b", "x'y")),
            ("SET LOCAL path TO a, \"b\"", set("path", "a, b")),
            ("SET TIME ZONE 'UTC'", set("timezone", "UTC")),
            ("SET NAMES 'UTF8'", set("client_encoding", "UTF8")),
            ("SET x = -1", set("x", "-1")),
            ("SHOW Time Zone", show("timezone")),
            ("SHOW server_version", show("server_version")),
            ("SHOW FUNCTIONS LIKE 'a'", Command::Session("SHOW")),
            ("RESET ALL", Command::ResetAll),
            ("RESET a.b", Command::Reset("a.b".to_owned())),
            ("SET TRANSACTION READ ONLY", Command::Ignored("SET")),
            ("CLOSE ALL", Command::Ignored("CLOSE CURSOR ALL")),
            ("UNLISTEN *", Command::Ignored("UNLISTEN")),
            ("DEALLOCATE ALL", Command::DeallocateAll),
            ("DEALLOCATE PREPARE ALL", Command::DeallocateAll),
            ("DEALLOCATE P", Command::Deallocate("p".to_owned())),
            (
                "DEALLOCATE PREPARE \"P\"",
                Command::Deallocate("P".to_owned()),
            ),
        ] {
            assert_eq!(command(sql), expected, "{sql}");
        }
        let default = Command::Set {
            name: "a".to_owned(),
            value: SetValue::Default,
        };
        assert_eq!(command("SET a TO DEFAULT"), default);
    }

    #[test]
    fn transfers_are_recognised_by_their_stream() {
        let out = command("COPY (SELECT a FROM t /* TO */) TO STDOUT WITH CSV");
        let Command::CopyOut { source, options } = out else {
            unreachable!("it copies to the client");
        };
        let CopySource::Query(query) = source else {
            unreachable!("it has a query");
        };
        assert!(query.starts_with("SELECT a FROM t"), "{query}");
        assert_eq!(options.len(), 2);
        let table = Command::CopyIn {
            source: CopySource::Table {
                name: "s.t".to_owned(),
                columns: vec!["a".to_owned(), "\"B\"".to_owned()],
            },
            options: Vec::new(),
        };
        assert_eq!(command("COPY s.t (a, \"B\") FROM STDIN"), table);
        assert_eq!(command("COPY t TO 'x.csv'"), Command::Session("COPY"));
        assert_eq!(command("COPY t FROM 'x.csv'"), Command::Session("COPY"));
    }

    #[test]
    fn tags_are_those_of_postgresql() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT"),
            ("WITH a AS (SELECT 1) TABLE a", "SELECT"),
            (
                "CREATE OR REPLACE TEMPORARY FUNCTION f() RETURNS INT",
                "CREATE FUNCTION",
            ),
            ("create module m language wasm", "CREATE MODULE"),
            ("CREATE EXTERNAL TABLE t", "CREATE TABLE"),
            ("DROP FUNCTION f", "DROP FUNCTION"),
            ("IMPORT FUNCTIONS FROM MODULE m", "IMPORT FUNCTIONS"),
            ("insert into t values (1)", "INSERT"),
            ("CREATE USER ada PASSWORD 'x'", "CREATE ROLE"),
            ("ALTER ROLE ada SUPERUSER", "ALTER ROLE"),
            ("DROP USER ada", "DROP ROLE"),
            ("GRANT USAGE ON FUNCTION f TO ada", "GRANT"),
            ("REVOKE a FROM b", "REVOKE"),
        ] {
            assert_eq!(command(sql), Command::Session(expected), "{sql}");
        }
    }
}
