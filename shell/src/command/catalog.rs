//! Statements of commands that list the catalog.

use fusebox::Literal;

use super::Command;
use super::paths::unquoted;
use crate::listing::Listing;

impl Command {
    /// Parses a command that lists the catalog; `None` if there is none of this name.
    pub(super) fn of_catalog(word: &str, rest: &str) -> Option<Self> {
        Some(match word {
            "\\d" | "\\d+" if rest.is_empty() || is_pattern(rest) => {
                relations("'BASE TABLE', 'VIEW'", rest)
            }
            "\\d+" if identifier(rest) == rest => Self::Describe(rest.to_owned()),
            "\\d" | "\\d+" | ".describe" => {
                Self::List(Listing::Columns, format!("DESCRIBE {}", identifier(rest)))
            }
            ".tables" => relations("'BASE TABLE', 'VIEW'", rest),
            "\\dt" | "\\dt+" => relations("'BASE TABLE'", rest),
            "\\dv" | "\\dv+" => relations("'VIEW'", rest),
            "\\df" | ".functions" => functions(rest),
            "\\df+" => Self::Sql(format!("SHOW FUNCTIONS{}", like(rest))),
            "\\dm" | ".modules" => Self::Sql(format!("SHOW MODULES{}", like(rest))),
            "\\l" | ".databases" => Self::Sql(
                "SELECT DISTINCT catalog_name AS catalog FROM information_schema.schemata".into(),
            ),
            "\\dn" => Self::Sql(
                "SELECT schema_name AS schema FROM information_schema.schemata ORDER BY schema"
                    .into(),
            ),
            "\\sf" if !rest.is_empty() => Self::Source(rest.to_owned()),
            "\\sv" if !rest.is_empty() => Self::Schema(Some(identifier(rest))),
            _ => return None,
        })
    }
}

/// Lists relations of some types, in the information schema's words.
fn relations(types: &str, pattern: &str) -> Command {
    let name = match pattern {
        "" => String::new(),
        pattern => match pattern.split_once('.') {
            Some((schema, name)) => format!(
                " AND table_schema{} AND table_name{}",
                like(schema),
                like(if name.is_empty() { "*" } else { name })
            ),
            None => format!(" AND table_name{}", like(pattern)),
        },
    };
    let sql = format!(
        "SELECT table_schema AS schema, table_name AS name, table_type AS type \
         FROM information_schema.tables \
         WHERE table_schema NOT IN ('information_schema', 'fusebox') AND table_type IN ({types}){name} \
         ORDER BY schema, name"
    );
    Command::List(Listing::Relations, sql)
}

/// Lists the functions that users created, or all of a pattern.
fn functions(pattern: &str) -> Command {
    match pattern {
        "" => Command::Sql(
            "SELECT name, arguments, returns, kind, module, description \
             FROM fusebox.functions ORDER BY name, arguments"
                .into(),
        ),
        pattern => Command::List(
            Listing::Functions,
            format!("SHOW FUNCTIONS{}", like(pattern)),
        ),
    }
}

/// Converts a pattern of psql to `ILIKE`.
fn like(pattern: &str) -> String {
    if pattern.is_empty() {
        return String::new();
    }
    let mut like = String::new();
    for character in unquoted(pattern).chars() {
        match character {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '_' | '%' | '\\' => like.extend(['\\', character]),
            _ => like.push(character),
        }
    }
    format!(" ILIKE {}", Literal(&like))
}

/// Returns true for a pattern of names, and false for a name or a pattern of files.
fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?']) && !name.contains('/') && !has_file_ending(unquoted(name))
}

/// Returns a name as it is, unless it is a path of a file, which is quoted.
pub(super) fn identifier(name: &str) -> String {
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
        Some(
            "csv"
                | "tsv"
                | "parquet"
                | "json"
                | "ndjson"
                | "jsonl"
                | "avro"
                | "arrow"
                | "gz"
                | "bz2"
                | "xz"
                | "zst"
        )
    )
}
