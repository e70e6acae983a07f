//! The file of a catalog, as the command line names it.
//!
//! A name that no file has is mostly a mistake: a script without `-f`, data, a misspelt
//! subcommand. It would become an empty catalog of that name.

use std::path::Path;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};

use crate::arguments::{ScriptSource, ShellArguments, Task};

/// Endings of catalogs that are created.
const ENDINGS: [&str; 5] = ["db", "db3", "sqlite", "sqlite3", "fusebox"];

/// Endings of files that are tables.
const TABLE_ENDINGS: [&str; 12] = [
    "csv", "tsv", "json", "ndjson", "jsonl", "parquet", "arrow", "avro", "gz", "bz2", "xz", "zst",
];

/// First bytes of a SQLite file.
const HEADER: &[u8] = b"SQLite format 3\0";

/// Least likeness of a subcommand that is suggested, from 0 to 1.
const LIKENESS_MIN: f64 = 0.8;

/// Refuses a catalog that is another file, and one that does not exist unless its name has an
/// ending of [`ENDINGS`].
///
/// # Errors
///
/// Of an invalid command line, with what to type.
pub(crate) fn checked(
    (arguments, sources): (ShellArguments, Vec<ScriptSource>),
) -> Result<(ShellArguments, Vec<ScriptSource>), clap::Error> {
    let mut command = ShellArguments::command();
    let catalog = match &arguments.task {
        Some(Task::Serve(serve)) => &serve.catalog,
        _ => &arguments.catalog,
    };
    let refused = match catalog {
        Some(catalog) => refusal(catalog, &command),
        None => None,
    };
    match refused {
        Some(text) => Err(command.error(ErrorKind::ValueValidation, text)),
        None => Ok((arguments, sources)),
    }
}

/// Returns why a file is no catalog and what to type.
fn refusal(catalog: &Path, command: &Command) -> Option<String> {
    let name = catalog.display().to_string();
    let ending = catalog.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_lowercase();
    let is_created = ENDINGS.contains(&ending.as_str());
    let exists = catalog.exists();
    if exists && (is_created || !catalog.is_file() || is_catalog(catalog)) || is_created {
        return None;
    }
    if !exists && is_sql(&name) {
        return Some(format!(
            "expected a catalog, found SQL: type fusebox -c '{}'",
            name.replace('\'', "'\\''")
        ));
    }
    let found = if exists { "" } else { ", which does not exist" };
    let instead = match ending.as_str() {
        "sql" | "psql" => format!("type fusebox -f {name} to run a script"),
        "wasm" | "wat" => format!("type fusebox inspect {name} to see its functions"),
        ending if TABLE_ENDINGS.contains(&ending) => {
            format!("type fusebox -c \"SELECT * FROM '{name}'\" to read a table")
        }
        _ if exists => return None,
        _ => match similar(&name, command) {
            Some(task) => format!("did you mean the command `{task}`?"),
            None => format!("type fusebox {name}.db to create one"),
        },
    };
    let expected = match exists {
        true => "expected a catalog".to_owned(),
        false => format!(
            "expected a catalog that exists, or a name that ends in .{} for a new one",
            ENDINGS.join(", .")
        ),
    };
    Some(format!("{expected}, found '{name}'{found}; {instead}"))
}

/// Returns true for a SQLite file, and an empty one, which becomes one. One that cannot be read
/// is left to the catalog.
fn is_catalog(path: &Path) -> bool {
    use std::io::Read;

    let mut start = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(HEADER.len() as u64).read_to_end(&mut start));
    read.is_err() || start.is_empty() || start == HEADER
}

/// Returns true for the text of a statement or a command.
fn is_sql(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "select", "with", "create", "show", "explain", "insert", "copy", "drop", "describe",
        "import", "values", "from",
    ];
    let name = name.trim();
    let word = name.split(char::is_whitespace).next().unwrap_or_default();
    let is_word = WORDS.contains(&word.to_lowercase().as_str()) && word.len() < name.len();
    is_word || name.ends_with(';') || name.starts_with('\\')
}

/// Returns the subcommand that a name is most like.
fn similar(name: &str, command: &Command) -> Option<String> {
    let tasks = command.get_subcommands();
    let tasks = tasks.filter(|task| !task.is_hide_set());
    let likeness = |task: &Command| strsim::jaro_winkler(name, task.get_name());
    let best = tasks.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(best) >= LIKENESS_MIN).then(|| best.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> Option<String> {
        refusal(path, &ShellArguments::command())
    }

    #[test]
    fn names_of_new_catalogs_have_an_ending() {
        for name in ["no/such.db", "NEW.SQLITE3", "a.fusebox"] {
            assert_eq!(refused(Path::new(name)), None, "{name}");
        }
        for (name, expected) in [
            ("script.sql", "type fusebox -f script.sql"),
            ("data.csv", "type fusebox -c \"SELECT * FROM 'data.csv'\""),
            ("data.json.gz", "SELECT * FROM 'data.json.gz'"),
            ("geo.wasm", "type fusebox inspect geo.wasm"),
            ("benhc", "did you mean the command `bench`?"),
            ("select 1", "type fusebox -c 'select 1'"),
            ("\\dt", "type fusebox -c '\\dt'"),
            ("functions", "type fusebox functions.db"),
        ] {
            let text = refused(Path::new(name)).unwrap_or_default();
            assert!(text.contains(expected), "{name}: {text}");
        }
    }

    #[test]
    fn existing_catalogs_may_have_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        assert_eq!(refused(&file("catalog", HEADER)), None);
        assert_eq!(refused(&file("script.sql", HEADER)), None);
        assert_eq!(refused(&file("empty", b"")), None);
        assert_eq!(refused(folder.path()), None);
        let script = refused(&file("other.sql", b"SELECT 1")).unwrap();
        assert!(
            script.starts_with("expected a catalog, found '"),
            "{script}"
        );
        // The catalog says that it is none.
        assert_eq!(refused(&file("text", b"SELECT 1")), None);
    }
}
