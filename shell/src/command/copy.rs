//! `\copy`, as a statement.

use fusebox::Literal;

use super::Command;

const USAGE: &str = "type \\copy table TO 'file.csv', \\copy (SELECT …) TO 'file.parquet', \
                     or \\copy table FROM 'file.csv'";

impl Command {
    /// Parses the arguments of `\copy`: a table or a query, the direction and a file, and
    /// options of psql, of which those count that name a format or a header.
    pub(super) fn copy(text: &str) -> Self {
        parse(text).map_or_else(|| Self::Instead(USAGE.to_owned()), Self::Sql)
    }
}

fn parse(text: &str) -> Option<String> {
    let (subject, rest) = subject(text)?;
    let (direction, rest) = word(rest)?;
    let (file, options) = file(rest)?;
    let file = Literal(file).to_string();
    let options = options.to_lowercase();
    let has = |option: &str| {
        let mut words = options.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word == option)
    };
    match direction.to_lowercase().as_str() {
        "to" => {
            let formats = ["csv", "json", "parquet", "arrow", "avro"];
            let format = formats.iter().find(|format| has(format));
            let format = format.map(|format| format!(" STORED AS {}", format.to_uppercase()));
            // Without a header unless asked for, as in psql, if options are given at all.
            let header = match has("csv") {
                true => format!(" OPTIONS ('format.has_header' '{}')", has("header")),
                false => String::new(),
            };
            let format = format.unwrap_or_default();
            Some(format!("COPY {subject} TO {file}{format}{header}"))
        }
        "from" if !subject.starts_with('(') && options.trim().is_empty() => {
            let (table, columns) = match subject.split_once('(') {
                Some((table, columns)) => (table.trim(), format!(" ({columns}")),
                None => (subject, String::new()),
            };
            Some(format!("INSERT INTO {table}{columns} SELECT * FROM {file}"))
        }
        _ => None,
    }
}

/// Splits off a query in brackets, or a table with columns in brackets.
fn subject(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let name = text.find(|c: char| c.is_whitespace() || c == '(')?;
    let blanks = text[name..].len() - text[name..].trim_start().len();
    if !text[name + blanks..].starts_with('(') {
        return Some((&text[..name], &text[name..]));
    }
    let mut depth = 0;
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') if depth == 1 => return Some(text.split_at(index + 1)),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace)?;
    Some(text.split_at(end))
}

/// Splits off a name of a file, which may be in quotes.
fn file(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let quote = text.chars().next()?;
    if matches!(quote, '\'' | '"') {
        return text[1..].split_once(quote);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_statements() {
        for (text, expected) in [
            ("t TO 'a b.csv'", "COPY t TO 'a b.csv'"),
            ("t to x.parquet", "COPY t TO 'x.parquet'"),
            (
                "(SELECT ')' AS a FROM (SELECT 1)) TO x.csv",
                "COPY (SELECT ')' AS a FROM (SELECT 1)) TO 'x.csv'",
            ),
            (
                "t TO 'x.txt' WITH (FORMAT csv, HEADER)",
                "COPY t TO 'x.txt' STORED AS CSV OPTIONS ('format.has_header' 'true')",
            ),
            (
                "t TO x csv",
                "COPY t TO 'x' STORED AS CSV OPTIONS ('format.has_header' 'false')",
            ),
            ("t FROM x.csv", "INSERT INTO t SELECT * FROM 'x.csv'"),
            (
                "t (a, b) FROM x.csv",
                "INSERT INTO t (a, b) SELECT * FROM 'x.csv'",
            ),
        ] {
            assert_eq!(parse(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "t",
            "t TO",
            "(SELECT 1",
            "(SELECT 1) FROM x",
            "t FROM x csv",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
