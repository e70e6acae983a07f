//! Commands of the prompt, as those of psql and duckdb: `\d`, `.tables`.

// Statements of commands that list the catalog.
mod catalog;

// `\copy`.
mod copy;

// Commands that change the display of results.
mod display;

// `\set` and `\unset`.
mod variable;

// Paths in arguments.
mod paths;

// Names of commands.
mod names;

use std::path::PathBuf;
use std::time::Duration;

use datafusion::sql::sqlparser::dialect::Dialect;

use crate::format::Format;
use crate::listing::Listing;
use crate::open::{Open, OpenKind};
use catalog::identifier;
pub(crate) use display::formats;
pub(crate) use names::NAMES;
use names::in_lower_case;
use paths::{file, path, unquoted};

/// A command, as opposed to SQL.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Quit,
    Help,
    /// Executes a statement of SQL.
    Sql(String),
    /// Executes a statement of SQL that lists the catalog.
    List(Listing, String),
    /// Prints statements that make the same catalog.
    Dump,
    /// Prints the columns of a relation, and the statement that creates it.
    Describe(String),
    /// Prints the statements that create relations, or the one of this name.
    Schema(Option<String>),
    /// Prints the statement that creates a function.
    Source(String),
    /// Executes the last statement again, with the result to a file, or expanded.
    Again {
        file: Option<PathBuf>,
        is_expanded: bool,
    },
    /// Executes the last statement again and again, with a pause.
    Watch(Duration),
    /// Executes the last statement again, and sets variables of this prefix to its only row.
    Capture(String),
    /// Prints a query in a format.
    CopyOut {
        query: String,
        format: Format,
        has_header: bool,
    },
    /// Inserts the rows of standard input, in this format, into a table and its columns.
    CopyIn {
        table: String,
        format: String,
        /// Options of `COPY … FROM`, in brackets.
        options: String,
    },
    /// Turns times on or off.
    Timing(Switch),
    /// Turns the expanded display on or off, or on where a table is too wide.
    Expanded(Switch),
    /// Sets the output format; none lists them.
    Format(Option<Format>),
    /// Sets the text of nulls.
    Null(String),
    /// Turns the names of columns on or off.
    Header(Switch),
    /// Sets the number of rows that a terminal shows.
    Rows(usize),
    /// Turns the pager on or off.
    Pager(Switch),
    /// Prints the settings of the display.
    Settings,
    /// Prints a text among the results.
    Echo(String),
    /// Edits a file, or the last statement, and executes it.
    Edit(Option<PathBuf>),
    /// Writes results to a file, or to the terminal again.
    Output(Option<PathBuf>),
    /// Executes the statements of a file.
    Include(PathBuf),
    /// Executes those of a file whose path starts at the folder of the script that names it.
    IncludeRelative(PathBuf),
    /// Runs a command of the system.
    System(String),
    /// Changes to a folder, or to the home of the user.
    Folder(Option<PathBuf>),
    /// Sets a variable of the prompt, or forgets it.
    Variable {
        name: String,
        value: Option<String>,
    },
    /// Prints the variables of the prompt.
    Variables,
    /// Prints the last error with all its causes.
    LastError,
    /// Reports what to type instead.
    Instead(String),
}

/// Argument of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
    Auto,
    Toggle,
}

impl Switch {
    /// Returns the argument that does the opposite.
    fn inverse(self) -> Self {
        match self {
            Self::On | Self::Auto => Self::Off,
            Self::Off => Self::On,
            Self::Toggle => Self::Toggle,
        }
    }

    /// Returns the state after this argument.
    pub(crate) fn apply(self, state: bool) -> bool {
        match self {
            Self::On | Self::Auto => true,
            Self::Off => false,
            Self::Toggle => !state,
        }
    }
}

/// Pause of `\watch` unless another is given.
const WATCH: Duration = Duration::from_secs(2);

impl Command {
    /// Parses a line; `None` if it is SQL.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let without_semicolon = line.trim_end_matches(';').trim_end();
        match without_semicolon.to_lowercase().as_str() {
            "quit" | "exit" => return Some(Self::Quit),
            "help" => return Some(Self::Help),
            _ => {}
        }
        let is_command = line.starts_with('\\')
            || line.starts_with('.')
                && line[1..].starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_command {
            return None;
        }
        let (word, rest) = match line.split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest.trim()),
            None => match line.strip_prefix("\\!") {
                Some(rest) => ("\\!", rest.trim()),
                None => (line, ""),
            },
        };
        if matches!(word, "\\!" | ".shell" | ".system") {
            return Some(Self::System(rest.to_owned()));
        }
        let rest = rest.trim_end_matches(';').trim_end();
        let word = word.trim_end_matches(';');
        Some(Self::of_word(in_lower_case(word).unwrap_or(word), rest))
    }

    fn of_word(word: &str, rest: &str) -> Self {
        match word {
            "\\q" | ".quit" | ".exit" => Self::Quit,
            "\\?" | "\\h" | "\\help" | ".help" => Self::Help,
            ".schema" => Self::Schema((!rest.is_empty()).then(|| identifier(rest))),
            ".dump" => Self::Dump,
            "\\o" | ".output" => {
                let is_file = !matches!(rest, "" | "stdout");
                Self::Output(is_file.then(|| path(rest)))
            }
            "\\i" | ".read" if !rest.is_empty() => Self::Include(path(rest)),
            "\\ir" if !rest.is_empty() => Self::IncludeRelative(path(rest)),
            "\\gset" => Self::Capture(unquoted(rest).to_owned()),
            "\\g" | "\\gx" => Self::Again {
                file: file(rest),
                is_expanded: word == "\\gx",
            },
            ".once" if !rest.is_empty() => {
                Self::Instead(format!("type \\g {rest} after the query"))
            }
            "\\watch" => Self::watch(rest),
            "\\set" if rest.is_empty() => Self::Variables,
            "\\set" | "\\unset" => Self::variable(word, rest),
            "\\errverbose" => Self::LastError,
            "\\echo" | "\\qecho" | ".print" => Self::Echo(unquoted(rest).to_owned()),
            "\\e" | "\\edit" | ".edit" => Self::Edit(file(rest)),
            "\\copy" => Self::copy(rest),
            "\\cd" | ".cd" => Self::Folder(file(rest)),
            "\\i" | "\\ir" | ".read" => Self::Instead(format!("expected a file after {word}")),
            _ => Self::of_catalog(word, rest)
                .or_else(|| Self::of_display(word, rest))
                .unwrap_or_else(|| Self::unknown(word)),
        }
    }

    /// Returns true for a command that executes the last statement, and ends one.
    pub(crate) fn runs_statement(&self) -> bool {
        matches!(self, Self::Again { .. } | Self::Watch(_) | Self::Capture(_))
    }

    /// Splits a statement that ends with `\g`, `\gx`, `\gset` or `\watch` instead of a semicolon.
    pub(crate) fn trailing<'a>(sql: &'a str, dialect: &dyn Dialect) -> Option<(&'a str, Self)> {
        let (statement, _) = sql.rsplit_once('\\')?;
        let command = sql[statement.len()..].trim_end();
        let word = command.split(char::is_whitespace).next()?;
        let is_blank = statement
            .lines()
            .next_back()
            .is_none_or(|line| line.trim().is_empty());
        if !matches!(word, "\\g" | "\\gx" | "\\gset" | "\\watch")
            || is_blank
            || command.contains('\n')
        {
            return None;
        }
        // Within a string or a comment it is a part of it.
        if Open::is_line_comment(statement, dialect) {
            return None;
        }
        match Open::at_end(statement, dialect).map(|open| open.kind) {
            Some(OpenKind::String | OpenKind::Name | OpenKind::Comment) => None,
            _ => Some((statement, Self::parse(command)?)),
        }
    }

    fn watch(text: &str) -> Self {
        let seconds = match text {
            "" => Some(WATCH),
            text => text
                .parse::<f64>()
                .ok()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        };
        match seconds {
            Some(pause) if pause <= Duration::from_secs(86_400) => Self::Watch(pause),
            _ => Self::Instead("expected a number of seconds after \\watch".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_need_no_semicolon() {
        for line in ["\\q", "quit", "EXIT", "quit;", ".quit", " \\q ; "] {
            assert_eq!(Command::parse(line), Some(Command::Quit), "{line}");
        }
        assert_eq!(Command::parse("\\?"), Some(Command::Help));
        for sql in ["SELECT quit", "SELECT 1", ".5 + 1", "..", ""] {
            assert_eq!(Command::parse(sql), None, "{sql}");
        }
    }

    #[test]
    fn relations_and_functions_are_statements() {
        let sql = |line: &str| match Command::parse(line) {
            Some(Command::Sql(sql) | Command::List(_, sql)) => sql,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(sql("\\d flights"), "DESCRIBE flights");
        assert_eq!(
            sql("\\d 'data/flights.parquet'"),
            "DESCRIBE \"data/flights.parquet\""
        );
        assert!(sql("\\df").ends_with("FROM fusebox.functions ORDER BY name, arguments"));
        assert_eq!(sql("\\df h*"), "SHOW FUNCTIONS ILIKE 'h%'");
        assert_eq!(sql("\\df+"), "SHOW FUNCTIONS");
        assert_eq!(sql("\\DM it's"), "SHOW MODULES ILIKE 'it''s'");
        assert!(sql("\\dv v_?").contains("IN ('VIEW') AND table_name ILIKE 'v\\__'"));
        assert!(sql(".tables").contains("IN ('BASE TABLE', 'VIEW') ORDER BY"));
        assert!(sql("\\dt").contains("IN ('BASE TABLE') ORDER BY"));
        assert!(sql(".TABLES s.*").contains("table_schema ILIKE 's' AND table_name ILIKE '%'"));
        assert!(sql("\\d k*").contains("table_name ILIKE 'k%'"));
        assert_eq!(sql("\\d k*.csv"), "DESCRIBE \"k*.csv\"");
        assert_eq!(sql("\\d+ k*.csv"), "DESCRIBE \"k*.csv\"");
        assert_eq!(
            Command::parse("\\d+ v"),
            Some(Command::Describe("v".to_owned()))
        );
        assert_eq!(sql("\\d+ k*"), sql("\\d k*"));
        assert_eq!(
            Command::parse("\\sf f"),
            Some(Command::Source("f".to_owned()))
        );
    }

    #[test]
    fn switches_and_formats_are_read() {
        let check = |line: &str, command| assert_eq!(Command::parse(line), Some(command), "{line}");
        check("\\x", Command::Expanded(Switch::Toggle));
        check("\\x AUTO", Command::Expanded(Switch::Auto));
        check("\\timing off;", Command::Timing(Switch::Off));
        check(".mode csv", Command::Format(Some(Format::Csv)));
        check("\\pset format json", Command::Format(Some(Format::Json)));
        check("\\o 'a b.txt'", Command::Output(Some("a b.txt".into())));
        check(".output", Command::Output(None));
        check("\\i x.sql", Command::Include("x.sql".into()));
        check("\\! ls; pwd", Command::System("ls; pwd".to_owned()));
        check("\\!ls", Command::System("ls".to_owned()));
        check("\\pset null ''", Command::Null(String::new()));
        check(".nullvalue ∅", Command::Null("∅".to_owned()));
        check("\\pset pager on", Command::Pager(Switch::On));
        check("\\pset", Command::Settings);
        check(".show", Command::Settings);
        check("\\t", Command::Header(Switch::Toggle));
        check("\\t on", Command::Header(Switch::Off));
        check("\\pset tuples_only off", Command::Header(Switch::On));
        check(".headers off", Command::Header(Switch::Off));
        check("\\pset rows 100", Command::Rows(100));
        check(".maxrows 1", Command::Rows(1));
        check(".mode duckbox", Command::Format(Some(Format::Table)));
        check(".mode jsonlines", Command::Format(Some(Format::Ndjson)));
        check("\\ir a.sql", Command::IncludeRelative("a.sql".into()));
        check("\\gset day_", Command::Capture("day_".to_owned()));
        check(".system ls", Command::System("ls".to_owned()));
        check("\\cd 'a b'", Command::Folder(Some("a b".into())));
        check(".cd;", Command::Folder(None));
        check("\\e", Command::Edit(None));
        check("\\set", Command::Variables);
        let variable = |name: &str, value: Option<&str>| Command::Variable {
            name: name.to_owned(),
            value: value.map(str::to_owned),
        };
        check(
            "\\set day '2013-01-01'",
            variable("day", Some("2013-01-01")),
        );
        check("\\set day", variable("day", Some("")));
        check("\\unset day", variable("day", None));
        assert!(matches!(
            Command::parse("\\set a.b 1"),
            Some(Command::Instead(_))
        ));
        check("\\watch 0.5", Command::Watch(Duration::from_millis(500)));
    }

    #[test]
    fn statements_can_end_with_a_command() {
        let dialect = datafusion::sql::sqlparser::dialect::GenericDialect {};
        let again = |file: Option<&str>, is_expanded| Command::Again {
            file: file.map(PathBuf::from),
            is_expanded,
        };
        for (sql, statement, command) in [
            ("SELECT 1 \\g", "SELECT 1 ", again(None, false)),
            ("SELECT\n1; \\gx", "SELECT\n1; ", again(None, true)),
            ("SELECT 1\\g 'a b'\n", "SELECT 1", again(Some("a b"), false)),
            (
                "SELECT 1 AS a \\gset b_",
                "SELECT 1 AS a ",
                Command::Capture("b_".to_owned()),
            ),
            (
                "SELECT 1 \\watch 3",
                "SELECT 1 ",
                Command::Watch(Duration::from_secs(3)),
            ),
        ] {
            assert_eq!(
                Command::trailing(sql, &dialect),
                Some((statement, command)),
                "{sql}"
            );
        }
        for sql in [
            "\\g",
            "SELECT ' \\g",
            "SELECT 1 \\x",
            "-- \\g",
            "SELECT 1 -- \\g",
            "SELECT /* \\g",
            "SELECT 1\n \\g",
        ] {
            assert_eq!(Command::trailing(sql, &dialect), None, "{sql}");
        }
    }
}
