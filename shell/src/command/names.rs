//! Names of commands, and replies to those that do not exist.

use super::Command;

/// Names of the commands, for completion and for the nearest one.
pub(crate) const NAMES: [&str; 54] = [
    "\\?",
    "\\d",
    "\\d+",
    "\\dn",
    "\\dt",
    "\\dv",
    "\\df",
    "\\df+",
    "\\dm",
    "\\l",
    "\\timing",
    "\\x",
    "\\pset",
    "\\t",
    "\\o",
    "\\i",
    "\\ir",
    "\\e",
    "\\g",
    "\\gx",
    "\\gset",
    "\\watch",
    "\\errverbose",
    "\\copy",
    "\\echo",
    "\\!",
    "\\cd",
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
    ".headers",
    ".maxrows",
    ".show",
    ".nullvalue",
    ".output",
    ".once",
    ".read",
    ".edit",
    ".shell",
    ".cd",
    ".quit",
    ".exit",
];

/// Commands of psql, duckdb and sqlite that do not exist here, and what to type instead.
const INSTEAD: [(&str, &str); 52] = [
    ("\\c", "start another shell: fusebox FILE"),
    ("\\connect", "start another shell: fusebox FILE"),
    (".open", "start another shell: fusebox FILE"),
    (
        "\\conninfo",
        "\\l lists catalogs; the greeting names the file",
    ),
    ("\\di", "there are no indexes: \\dt lists tables"),
    (".indexes", "there are no indexes: .tables lists tables"),
    ("\\du", "write SHOW USERS"),
    ("\\dg", "write SHOW USERS"),
    ("\\dp", "write SHOW GRANTS"),
    ("\\z", "write SHOW GRANTS"),
    ("\\da", "type \\df, which lists aggregate functions too"),
    (
        "\\dT",
        "type SELECT arrow_typeof(value); for the type of a value",
    ),
    ("\\dx", "type \\dm, which lists modules"),
    ("\\sf", "type SHOW CREATE FUNCTION name;"),
    ("\\sv", "type SHOW CREATE TABLE name;"),
    ("\\ef", "type SHOW CREATE FUNCTION name; and \\e"),
    ("\\ev", "type SHOW CREATE TABLE name; and \\e"),
    ("\\r", "press Ctrl-C, which clears the input"),
    ("\\p", "press the key Up for the last statement"),
    ("\\w", "type \\e FILE"),
    ("\\s", "press Ctrl-R, which searches the history"),
    ("\\a", "type \\pset format csv"),
    ("\\H", "type \\pset format html"),
    ("\\C", "type \\echo TITLE before the query"),
    ("\\f", "type \\pset format csv, or tsv"),
    ("\\prompt", "type \\set NAME value, and :NAME in statements"),
    (
        ".parameter",
        "type \\set NAME value, and :NAME in statements",
    ),
    ("\\bind", "type PREPARE name AS …; and EXECUTE name(…);"),
    ("\\gdesc", "type DESCRIBE before the query"),
    ("\\gexec", "type \\o FILE, the query, \\o, and \\i FILE"),
    (
        "\\crosstabview",
        "type \\pset format csv for another program",
    ),
    (
        "\\if",
        "there are no conditions: write CASE WHEN … in SQL, or two scripts",
    ),
    (
        "\\elif",
        "there are no conditions: write CASE WHEN … in SQL, or two scripts",
    ),
    (
        "\\else",
        "there are no conditions: write CASE WHEN … in SQL, or two scripts",
    ),
    (
        "\\endif",
        "there are no conditions: write CASE WHEN … in SQL, or two scripts",
    ),
    ("\\warn", "type \\echo TEXT"),
    ("\\encoding", "text is UTF-8: leave it out"),
    (
        ".maxwidth",
        "type \\x auto, which shows a wide row value by value",
    ),
    (
        ".width",
        "type \\x auto, which shows a wide row value by value",
    ),
    (".columns", "type \\pset format table"),
    (".rows", "type \\x, which shows a row value by value"),
    (
        ".bail",
        "a script ends at its first error, and the prompt goes on",
    ),
    (".echo", "start another shell: fusebox --echo -f FILE"),
    (
        ".backup",
        "type .dump, or copy the file when no shell has it open",
    ),
    (
        ".save",
        "type .dump, or copy the file when no shell has it open",
    ),
    (
        ".clone",
        "type .dump, or copy the file when no shell has it open",
    ),
    (".restore", "start another shell: fusebox FILE"),
    (".fullschema", "type .dump"),
    (".import", "type \\copy table FROM 'file.csv'"),
    (".separator", "type \\pset format csv, or tsv"),
    (".stats", "type SELECT * FROM fusebox.stats;"),
    (".version", "type SELECT version();"),
];

/// Returns the command that a word in capitals means, such as `.TABLES`. Single letters have
/// meanings of their own in psql.
pub(super) fn in_lower_case(word: &str) -> Option<&'static str> {
    let mut letters = word.chars().filter(|c| c.is_alphabetic());
    let is_capital = letters.clone().count() > 1 && letters.all(char::is_uppercase);
    let names = NAMES.into_iter();
    let mut same = names.filter(|name| is_capital && name.eq_ignore_ascii_case(word));
    same.next()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commands_say_what_to_type() {
        for (line, expected) in [
            ("\\timin", "did you mean \\timing?"),
            ("\\zz", "\\? lists all"),
            (".tabels", "did you mean .tables?"),
            ("\\x maybe", "expected on, off or auto"),
            (".mode xml", "csv"),
            ("\\watch -1", "number of seconds"),
            ("\\copy t", "\\copy table TO"),
            ("\\pset nulls", "\\pset null"),
            ("\\i", "expected a file"),
            ("\\H", "\\pset format html"),
            ("\\crosstabview", "\\pset format csv"),
            ("\\IF", "unknown command \\IF"),
            ("\\if", "no conditions"),
            (".maxrows 0", "rows from 1 to 100000"),
            ("\\ir", "expected a file"),
            ("\\sf", "SHOW CREATE FUNCTION name"),
        ] {
            let Some(Command::Instead(text)) = Command::parse(line) else {
                panic!("{line}");
            };
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
