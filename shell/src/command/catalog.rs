//! Statements of commands that list the catalog.

use super::{Command, unquoted};

/// Lists relations of some types, in the information schema's words.
pub(super) fn relations(types: &str, pattern: &str) -> Command {
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

/// Lists the functions that users created, with the columns that fit on a screen.
pub(super) fn functions(pattern: &str) -> Command {
    let condition = match pattern {
        "" => String::new(),
        pattern => format!(" WHERE name{}", like(pattern)),
    };
    Command::Sql(format!(
        "SELECT name, arguments, returns, kind, module, description \
         FROM fusebox.functions{condition} ORDER BY name, arguments"
    ))
}

/// Converts a pattern of psql to `LIKE`.
pub(super) fn like(pattern: &str) -> String {
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
        Some("csv" | "tsv" | "parquet" | "json" | "ndjson" | "jsonl" | "avro" | "arrow")
    )
}
