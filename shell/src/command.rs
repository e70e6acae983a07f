//! Commands of the prompt, as those of psql and duckdb: `\d`, `.tables`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::format::Format;

/// A command, as opposed to SQL.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Quit,
    Help,
    /// Executes a statement of SQL.
    Sql(String),
    /// Prints statements that make the same catalog.
    Dump,
    /// Executes the last statement again.
    Again,
    /// Executes the last statement again and again, with a pause.
    Watch(Duration),
    /// Turns times on or off.
    Timing(Switch),
    /// Turns the expanded display on or off, or on where a table is too wide.
    Expanded(Switch),
    /// Sets the output format; none lists them.
    Format(Option<Format>),
    /// Writes results to a file, or to the terminal again.
    Output(Option<PathBuf>),
    /// Executes the statements of a file.
    Include(PathBuf),
    /// Runs a command of the system.
    System(String),
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
        if word == "\\!" || word == ".shell" {
            return Some(Self::System(rest.to_owned()));
        }
        let rest = rest.trim_end_matches(';').trim_end();
        Some(Self::of_word(word.trim_end_matches(';'), rest))
    }

    fn of_word(word: &str, rest: &str) -> Self {
        match word {
            "\\q" | ".quit" | ".exit" => Self::Quit,
            "\\?" | "\\h" | ".help" => Self::Help,
            "\\d" if rest.is_empty() => relations("'BASE TABLE', 'VIEW'", ""),
            "\\d" | ".describe" => Self::Sql(format!("DESCRIBE {}", identifier(rest))),
            "\\dt" | ".tables" => relations("'BASE TABLE'", rest),
            "\\dv" => relations("'VIEW'", rest),
            "\\df" | ".functions" => Self::Sql(format!("SHOW USER FUNCTIONS{}", like(rest))),
            "\\df+" => Self::Sql(format!("SHOW FUNCTIONS{}", like(rest))),
            "\\dm" | ".modules" => Self::Sql(format!("SHOW MODULES{}", like(rest))),
            "\\l" | ".databases" => Self::Sql(
                "SELECT DISTINCT catalog_name AS catalog FROM information_schema.schemata".into(),
            ),
            ".schema" if !rest.is_empty() => {
                Self::Sql(format!("SHOW CREATE TABLE {}", identifier(rest)))
            }
            ".schema" | ".dump" => Self::Dump,
            "\\timing" | ".timer" => Self::switch(word, rest, Self::Timing),
            "\\x" => Self::switch(word, rest, Self::Expanded),
            "\\pset" => match rest.split_once(char::is_whitespace) {
                Some(("format", format)) => Self::format(format.trim()),
                Some(("expanded", switch)) => Self::switch(word, switch.trim(), Self::Expanded),
                _ => Self::Instead("type \\pset format csv, or \\pset expanded on".to_owned()),
            },
            ".mode" => Self::format(rest),
            "\\o" | ".output" => {
                let is_file = !matches!(rest, "" | "stdout");
                Self::Output(is_file.then(|| PathBuf::from(unquoted(rest))))
            }
            "\\i" | ".read" if !rest.is_empty() => Self::Include(PathBuf::from(unquoted(rest))),
            "\\g" => Self::Again,
            "\\watch" => Self::watch(rest),
            "\\errverbose" => Self::LastError,
            "\\set" => Self::Instead("type SET name = value; for a setting".to_owned()),
            "\\c" | "\\connect" | ".open" => {
                Self::Instead("start another shell: fusebox FILE".to_owned())
            }
            "\\copy" => Self::Instead(
                "type COPY table TO 'file.csv'; or CREATE EXTERNAL TABLE … LOCATION 'file.csv';"
                    .to_owned(),
            ),
            "\\e" => Self::Instead("write a file, and read it by \\i FILE".to_owned()),
            _ => Self::unknown(word),
        }
    }

    fn unknown(word: &str) -> Self {
        let similar = NAMES
            .iter()
            .map(|name| (strsim::jaro_winkler(word, name), name))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        Self::Instead(match similar {
            Some((likeness, name)) if likeness > 0.8 => {
                format!("unknown command {word}: did you mean {name}? \\? lists all")
            }
            _ => format!("unknown command {word}: \\? lists all"),
        })
    }

    fn switch(word: &str, text: &str, command: fn(Switch) -> Self) -> Self {
        match text.to_lowercase().as_str() {
            "" => command(Switch::Toggle),
            "on" | "true" | "1" => command(Switch::On),
            "off" | "false" | "0" => command(Switch::Off),
            "auto" => command(Switch::Auto),
            _ => Self::Instead(format!("expected on, off or auto after {word}")),
        }
    }

    fn format(text: &str) -> Self {
        match Format::from_str(text, true) {
            _ if text.is_empty() => Self::Format(None),
            Ok(format) => Self::Format(Some(format)),
            Err(_) => Self::Instead(format!("expected a format: {}", formats())),
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

/// Names of the commands, for completion and for the nearest one.
pub(crate) const NAMES: [&str; 37] = [
    "\\?",
    "\\d",
    "\\dt",
    "\\dv",
    "\\df",
    "\\df+",
    "\\dm",
    "\\l",
    "\\timing",
    "\\x",
    "\\pset",
    "\\o",
    "\\i",
    "\\g",
    "\\watch",
    "\\errverbose",
    "\\!",
    "\\q",
    "\\set",
    "\\copy",
    "\\e",
    "\\c",
    ".help",
    ".tables",
    ".describe",
    ".functions",
    ".modules",
    ".databases",
    ".schema",
    ".dump",
    ".timer",
    ".mode",
    ".output",
    ".read",
    ".shell",
    ".quit",
    ".exit",
];

/// Returns the names of the output formats.
pub(crate) fn formats() -> String {
    let formats = Format::value_variants().iter();
    let names =
        formats.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
    names.collect::<Vec<_>>().join(", ")
}

/// Lists relations of some types, in the information schema's words.
fn relations(types: &str, pattern: &str) -> Command {
    let name = match pattern {
        "" => String::new(),
        pattern => format!(" AND table_name{}", like(pattern)),
    };
    Command::Sql(format!(
        "SELECT table_schema AS schema, table_name AS name, table_type AS type \
         FROM information_schema.tables \
         WHERE table_schema NOT IN ('information_schema', 'fusebox') AND table_type IN ({types}){name} \
         ORDER BY schema, name"
    ))
}

/// Converts a pattern of psql to `LIKE`.
fn like(pattern: &str) -> String {
    match pattern {
        "" => String::new(),
        pattern => {
            let pattern = pattern
                .replace('\'', "''")
                .replace('*', "%")
                .replace('?', "_");
            format!(" LIKE '{pattern}'")
        }
    }
}

/// Returns a name as it is, unless it is a path of a file, which is quoted.
fn identifier(name: &str) -> String {
    let is_name = |c: char| c.is_alphanumeric() || "_.\"".contains(c);
    match name.chars().all(is_name) && !name.contains('/') && !has_file_ending(name) {
        true => name.to_owned(),
        false => format!("\"{}\"", unquoted(name).replace('"', "\"\"")),
    }
}

fn has_file_ending(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    matches!(
        ending,
        Some("csv" | "parquet" | "json" | "avro" | "arrow" | "ndjson")
    )
}

fn unquoted(text: &str) -> &str {
    let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'').or_else(|| quoted('"')).unwrap_or(text)
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
            Some(Command::Sql(sql)) => sql,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(sql("\\d flights"), "DESCRIBE flights");
        assert_eq!(
            sql("\\d 'data/flights.parquet'"),
            "DESCRIBE \"data/flights.parquet\""
        );
        assert_eq!(sql("\\df h*"), "SHOW USER FUNCTIONS LIKE 'h%'");
        assert_eq!(sql("\\df+"), "SHOW FUNCTIONS");
        assert_eq!(sql("\\dm it's"), "SHOW MODULES LIKE 'it''s'");
        assert!(sql("\\dv v?").contains("IN ('VIEW') AND table_name LIKE 'v_'"));
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
        check("\\watch 0.5", Command::Watch(Duration::from_millis(500)));
    }

    #[test]
    fn unknown_commands_say_what_to_type() {
        for (line, expected) in [
            ("\\timin", "did you mean \\timing?"),
            ("\\zz", "\\? lists all"),
            (".tabels", "did you mean .tables?"),
            ("\\x maybe", "expected on, off or auto"),
            (".mode xml", "csv"),
            ("\\watch -1", "number of seconds"),
            ("\\copy t to x", "COPY table TO"),
        ] {
            let Some(Command::Instead(text)) = Command::parse(line) else {
                panic!("{line}");
            };
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
