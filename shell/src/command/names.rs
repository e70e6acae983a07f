//! Names of commands, and replies to those that do not exist.

use super::Command;

/// Names of the commands, for completion and for the nearest one.
pub(crate) const NAMES: [&str; 44] = [
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
    "\\e",
    "\\g",
    "\\gx",
    "\\watch",
    "\\errverbose",
    "\\copy",
    "\\echo",
    "\\!",
    "\\q",
    "\\set",
    "\\unset",
    "\\help",
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
    ".nullvalue",
    ".output",
    ".once",
    ".read",
    ".edit",
    ".shell",
    ".quit",
    ".exit",
];

/// Commands of psql, duckdb and sqlite that do not exist here, and what to type instead.
const INSTEAD: [(&str, &str); 24] = [
    ("\\c", "start another shell: fusebox FILE"),
    ("\\connect", "start another shell: fusebox FILE"),
    (".open", "start another shell: fusebox FILE"),
    (
        "\\conninfo",
        "\\l lists catalogs; the greeting names the file",
    ),
    ("\\dn", "type SELECT * FROM information_schema.schemata;"),
    ("\\d+", "type \\d NAME, or SHOW CREATE TABLE name;"),
    ("\\dt+", "type \\dt"),
    ("\\dv+", "type \\dv, or SHOW CREATE TABLE name;"),
    ("\\di", "there are no indexes: \\dt lists tables"),
    ("\\du", "there are no users: \\l lists catalogs"),
    ("\\sf", "type SHOW CREATE FUNCTION name;"),
    ("\\ef", "type SHOW CREATE FUNCTION name; and \\e"),
    ("\\r", "press Ctrl-C, which clears the input"),
    ("\\p", "press the key Up for the last statement"),
    ("\\w", "type \\e FILE"),
    ("\\s", "press Ctrl-R, which searches the history"),
    ("\\a", "type \\pset format csv"),
    ("\\t", "type \\pset format csv"),
    ("\\H", "type \\pset format html"),
    ("\\f", "type \\pset format csv, or tsv"),
    ("\\cd", "start another shell in that folder"),
    (".import", "type \\copy table FROM 'file.csv'"),
    (
        ".headers",
        "all formats have headers: type \\pset format line",
    ),
    (".separator", "type \\pset format csv, or tsv"),
];

impl Command {
    /// Returns the reply to a command that does not exist.
    pub(super) fn unknown(word: &str) -> Self {
        if let Some((_, text)) = INSTEAD.iter().find(|(name, _)| *name == word) {
            return Self::Instead((*text).to_owned());
        }
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
}
