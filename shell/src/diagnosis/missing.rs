//! Suggestions for names that do not exist.

use datafusion::sql::sqlparser::keywords::RESERVED_FOR_TABLE_ALIAS;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};
use fusebox::Kind;

use super::{FILE_ENDINGS, between, is_file, nearest, quoted};
use crate::names::Names;

/// Endings of [`FILE_ENDINGS`] that are not of compressed files.
const PLAIN_ENDINGS: usize = 8;

/// Least likeness of a setting that is suggested, from 0 to 1.
const SETTING_LIKENESS_MIN: f64 = 0.85;

/// Begins of functions of other systems that read files.
const READERS: [&str; 4] = ["read_", "scan_", "parquet_scan", "csv_scan"];

/// Returns a suggestion for the name that a message is about.
pub(super) fn hint(
    message: &str,
    tokens: &[TokenWithSpan],
    names: impl FnOnce() -> Names,
) -> Option<String> {
    if message.starts_with("No field named ") {
        return delimiter(message, tokens);
    }
    if let Some(rest) = message.strip_prefix("Ambiguous reference to unqualified field ") {
        let column = rest.lines().next().unwrap_or_default();
        return qualified(column.trim_end_matches('.'), tokens);
    }
    let about = |begin, end| between(message, begin, end);
    if let Some(name) = about("table '", "' not found").or_else(|| about("view '", "' not found")) {
        return table(name, tokens, &names());
    }
    if let Some(name) = about("setting `", "` does not exist") {
        return setting(name, names().settings);
    }
    if let Some(name) = about("module `", "` does not exist") {
        return did_you_mean(nearest(name, names().modules));
    }
    if let Some(name) = about("function `", "` does not exist") {
        return did_you_mean(nearest(name, names().functions));
    }
    if let Some(name) = about("table function '", "' does not exist") {
        let names = names();
        let other = || other_kind(name, &names, |kind| kind != Kind::Table);
        let near = || did_you_mean(nearest(name, names.of_kind(Kind::Table)));
        return reader(name, tokens).or_else(other).or_else(near);
    }
    let name = about("function '", "' does not exist")?;
    let names = names();
    let other = || {
        other_kind(name, &names, |kind| {
            matches!(kind, Kind::Table | Kind::Window)
        })
    };
    let all = || names.functions.iter().chain(&names.built_in).cloned();
    let near = || did_you_mean(nearest(name, all()));
    reader(name, tokens).or_else(other).or_else(near)
}

/// Explains a file of CSV that has one column, whose name has the delimiter of the file.
fn delimiter(message: &str, tokens: &[TokenWithSpan]) -> Option<String> {
    let (_, fields) = message.split_once("Valid fields are ")?;
    // Names that are no words are quoted.
    let is_one = !fields.contains("\", ") && !fields.contains(", \"");
    let (_, name) = fields
        .strip_suffix("\".")
        .filter(|_| is_one)?
        .rsplit_once('"')?;
    let delimiter = [';', '\t', '|']
        .into_iter()
        .find(|sign| name.contains(*sign))?;
    if delimiter == '\t' {
        return Some("the file is read as one column: give it the ending tsv, for tabs".to_owned());
    }
    let mut files = tokens.iter().filter_map(quoted);
    let file = files.find(|file| is_file(file)).unwrap_or("file.csv");
    Some(format!(
        "the file is read as one column: write CREATE EXTERNAL TABLE t STORED AS CSV LOCATION \
         '{file}' OPTIONS ('format.delimiter' '{delimiter}')"
    ))
}

/// Suggests a column with the name of a table, by the names that a statement gives its tables.
fn qualified(column: &str, tokens: &[TokenWithSpan]) -> Option<String> {
    let word = |index: usize| match &tokens.get(index)?.token {
        Token::Word(word) => Some(word),
        _ => None,
    };
    let is_keyword = |index: usize, words: &[&str]| {
        word(index).is_some_and(|word| {
            let upper = word.value.to_uppercase();
            word.quote_style.is_none() && words.contains(&upper.as_str())
        })
    };
    let mut found: Vec<String> = Vec::new();
    for index in 0..tokens.len() {
        if !is_keyword(index, &["FROM", "JOIN"]) {
            continue;
        }
        let mut next = index + 1;
        while let Some(mut name) = word(next) {
            next += 1;
            while tokens.get(next).map(|token| &token.token) == Some(&Token::Period) {
                name = word(next + 1)?;
                next += 2;
            }
            next += usize::from(is_keyword(next, &["AS"]));
            let is_alias = |alias: &&Word| !RESERVED_FOR_TABLE_ALIAS.contains(&alias.keyword);
            if let Some(alias) = word(next).filter(is_alias) {
                name = alias;
                next += 1;
            }
            found.push(name.to_string());
            match tokens.get(next).map(|token| &token.token) {
                Some(Token::Comma) => next += 1,
                _ => break,
            }
        }
    }
    let columns = found.iter().map(|table| format!("{table}.{column}"));
    let columns: Vec<String> = columns.collect();
    let is_known = columns.len() > 1;
    is_known.then(|| format!("did you mean {}?", columns.join(" or ")))
}

fn did_you_mean(name: Option<String>) -> Option<String> {
    name.map(|name| format!("did you mean `{name}`?"))
}

/// Suggests a table, a file or a function instead of a table.
fn table(name: &str, tokens: &[TokenWithSpan], names: &Names) -> Option<String> {
    let mut parts = name.rsplit('.');
    let last = parts.next().unwrap_or(name);
    let schema = parts.next().unwrap_or_default();
    let in_schema = format!("{schema}.{last}");
    if let Some(file) = tokens.iter().filter_map(quoted).find(|file| {
        let is_name = name == *file || name.ends_with(&format!(".{file}"));
        is_name && file.contains('.')
    }) {
        let endings = FILE_ENDINGS[..PLAIN_ENDINGS].join(", ");
        let near = nearest(file, names.tables.iter().cloned());
        return did_you_mean(near).or_else(|| {
            Some(format!(
                "nor is there a file of this name; a file that is a table ends in {endings}"
            ))
        });
    }
    if is_file(&in_schema) && !schema.is_empty() {
        return Some(format!("write FROM '{in_schema}' if you mean a file"));
    }
    let tables = names.tables.iter();
    let (qualified, plain): (Vec<_>, Vec<_>) =
        tables.cloned().partition(|table| table.contains('.'));
    let function = || other_kind(last, names, |kind| kind == Kind::Table);
    did_you_mean(nearest(&in_schema, qualified))
        .or_else(|| did_you_mean(nearest(last, plain)))
        .or_else(function)
}

/// Suggests the setting that ends with a name, or the nearest one.
fn setting(name: &str, settings: Vec<String>) -> Option<String> {
    let lower = name.to_lowercase();
    let is_whole = |setting: &&String| ends_with(setting, &lower);
    if let Some(whole) = settings.iter().find(is_whole) {
        return did_you_mean(Some(whole.clone()));
    }
    if !name.contains('.') {
        let last = |setting: &String| setting.rsplit('.').next().unwrap_or(setting).to_owned();
        let near = nearest(name, settings.iter().map(last))?;
        return did_you_mean(
            settings
                .into_iter()
                .find(|setting| ends_with(setting, &near)),
        );
    }
    // Long names have much in common: their begins are alike, and count less than slips.
    let likeness = |setting: &str| strsim::normalized_damerau_levenshtein(&lower, setting);
    let by_likeness = |one: &String, other: &String| likeness(one).total_cmp(&likeness(other));
    let near = settings
        .iter()
        .max_by(|one, other| by_likeness(one, other))?;
    did_you_mean((likeness(near) >= SETTING_LIKENESS_MIN).then(|| near.clone()))
}

fn ends_with(setting: &str, last: &str) -> bool {
    let before = setting.strip_suffix(last);
    before.is_some_and(|before| before.ends_with('.'))
}

/// Says how a function of another kind is called.
fn other_kind(name: &str, names: &Names, is_other: impl Fn(Kind) -> bool) -> Option<String> {
    let lower = name.to_lowercase();
    let mut kinds = names.kinds.iter().filter(|(known, _)| *known == lower);
    let (_, kind) = kinds.find(|(_, kind)| is_other(*kind))?;
    Some(match kind {
        Kind::Table => format!("it is a table function: write SELECT * FROM {lower}(…)"),
        Kind::Window => format!("it is a window function: write {lower}(…) OVER (…)"),
        Kind::Aggregate => format!("it is an aggregate function: write SELECT {lower}(…)"),
        _ => format!("it is a scalar function: write SELECT {lower}(…)"),
    })
}

/// Suggests the file itself instead of a function of another system that reads it.
fn reader(name: &str, tokens: &[TokenWithSpan]) -> Option<String> {
    let lower = name.to_lowercase();
    if !READERS.iter().any(|begin| lower.starts_with(begin)) {
        return None;
    }
    let is_name = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name),
        _ => false,
    };
    let place = tokens.iter().position(is_name)?;
    let file = tokens[place..].iter().find_map(quoted);
    Some(format!(
        "write SELECT * FROM '{}'",
        file.unwrap_or("file.csv")
    ))
}
