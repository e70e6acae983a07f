//! Messages of DataFusion in plain words: without its prefixes, Debug texts and lists of
//! signatures.

use super::prefixes::without_prefixes;
use super::signatures::{no_signature, wrong_types};
use super::twice::twice;

/// Messages about one name: what stands before and after it, and the same in plain words.
const NAMED: [(&str, &str, &str, &str); 8] = [
    ("Invalid function '", "'", "function '", "' does not exist"),
    (
        "table function '",
        "' not found",
        "table function '",
        "' does not exist",
    ),
    ("Table '", "' doesn't exist", "table '", "' not found"),
    ("View '", "' doesn't exist", "view '", "' not found"),
    (
        "could not find config namespace for key \"",
        "\"",
        "setting `",
        "` does not exist",
    ),
    (
        "Could not find config namespace \"",
        "\"",
        "setting `",
        "` does not exist",
    ),
    (
        "Could not find config value for key \"",
        "\"",
        "setting `",
        "` does not exist",
    ),
    (
        "'",
        "' is not a variable which can be viewed with 'SHOW'",
        "setting `",
        "` does not exist",
    ),
];

/// Expressions that DataFusion cannot execute where they stand, by the begin of their Debug
/// text.
const EXPRESSIONS: [(&str, &str); 7] = [
    (
        "WindowFunction",
        "expected no window function here: compute it in a subquery, or filter by QUALIFY",
    ),
    (
        "AggregateFunction",
        "expected no aggregate function here: compute it in a subquery, or filter groups by HAVING",
    ),
    (
        "Wildcard",
        "expected a column as an argument, found *: only count takes *",
    ),
    (
        "Exists",
        "expected EXISTS in a condition, found it elsewhere: compare a count(*) instead",
    ),
    (
        "ScalarSubquery",
        "expected a subquery without LIMIT whose conditions are equalities of its columns with outer \
         ones, found another one: write an aggregate such as max(x), or the join",
    ),
    (
        "OuterReferenceColumn",
        "expected a subquery that can be a join, found another one: write the join",
    ),
    (
        "",
        "expected an expression that can be computed here: compute it in a subquery",
    ),
];

/// Begins of messages about statements that are planned and not executed, and about subqueries,
/// and the same in plain words.
const STATEMENTS: [(&str, &str); 4] = [
    (
        "Unsupported logical plan: Statement(Transaction",
        "expected a statement by itself, found a transaction",
    ),
    (
        "Unsupported logical plan: CreateIndex",
        "expected a table or a view after CREATE, found an index",
    ),
    (
        "MERGE INTO not supported",
        "expected INSERT, UPDATE or DELETE, found MERGE",
    ),
    (
        "Correlated scalar subquery must be aggregated",
        "expected an aggregate in a subquery that is a value and names outer columns, found ORDER \
         BY, LIMIT, DISTINCT or another clause: write an aggregate such as max(x), or the join",
    ),
];

/// Commands of the prompt that are read as a field of the value before them.
const COMMANDS: [&str; 12] = [
    "databases",
    "dump",
    "exit",
    "functions",
    "help",
    "mode",
    "modules",
    "output",
    "quit",
    "read",
    "schema",
    "tables",
];

/// Rewrites a message of DataFusion in plain words. Messages of functions stay as they are.
pub(crate) fn clean(message: &str) -> String {
    let report = message.find("\nThis issue was likely caused by a bug");
    let text = message[..report.unwrap_or(message.len())].trim_end();
    let (text, is_of_planner) = without_prefixes(text);
    if let Some((head, cause)) = text.split_once("\ncaused by\n") {
        return caused(head, cause);
    }
    let plain = parser(text)
        .or_else(|| out_of_range(text))
        .or_else(|| twice(text))
        .or_else(|| named(text))
        .or_else(|| no_signature(text))
        .or_else(|| wrong_types(text));
    let of_planner = || is_of_planner.then(|| planned(text)).flatten();
    let plain = plain.or_else(of_planner);
    let plain = plain.unwrap_or_else(|| of_shell(text));
    with_path_once(&plain).unwrap_or(plain)
}

/// Names the path of a file once in a list of its columns; `None` for another text.
fn with_path_once(text: &str) -> Option<String> {
    let (begin, list) = text.split_once("Valid fields are \"")?;
    let fields: Vec<&str> = list.trim_end_matches('.').split(", ").collect();
    let (path, first) = fields.first()?.rsplit_once("\".")?;
    let prefix = format!("\"{path}\".");
    let others = fields.iter().skip(1);
    let others = others.map(|field| field.strip_prefix(&*prefix));
    let others: Vec<&str> = others.collect::<Option<_>>()?;
    if others.is_empty() {
        return None;
    }
    let others = others.join(", ");
    Some(format!(
        "{begin}Valid fields of \"{path}\" are {first}, {others}."
    ))
}

/// Rewrites an error with a cause: rules of the optimizer say nothing to a user.
fn caused(head: &str, cause: &str) -> String {
    let cause = clean(cause);
    if let Some(setting) = head.strip_prefix("Error setting config ") {
        let is_missing = cause.contains("not found on ") || cause.ends_with("does not exist");
        return match is_missing {
            true => format!("setting `{setting}` does not exist"),
            false => format!("setting `{setting}`: {cause}"),
        };
    }
    let is_rule = head.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_of_optimizer = [
        "Optimizer rule '",
        "Invalid input plan",
        "Invalid (non-executable) plan",
        "Analyzer rule '",
    ]
    .iter()
    .any(|begin| head.starts_with(begin));
    match is_rule || is_of_optimizer {
        true => cause,
        false => format!("{head}: {cause}"),
    }
}

/// Unwraps an error of the parser that DataFusion formats by Debug.
fn parser(text: &str) -> Option<String> {
    let inner = text.strip_prefix("SQL error: ParserError(\"")?;
    let inner = inner.strip_suffix("\")")?.replace("\\\"", "\"");
    Some(format!("sql parser error: {}", inner.replace("\\'", "'")))
}

/// Rewrites a message about a number.
fn out_of_range(text: &str) -> Option<String> {
    let text = text.strip_prefix("Arithmetic overflow: ")?;
    Some(match text.strip_prefix("Overflow happened on: ") {
        Some(operation) => format!(
            "number out of range in {operation}: cast to a wider type before, as in x::BIGINT or \
             x::DECIMAL(38, 0)"
        ),
        None => text.to_owned(),
    })
}

/// Rewrites a message about one name.
fn named(text: &str) -> Option<String> {
    NAMED.iter().find_map(|(begin, end, before, after)| {
        let (name, rest) = text.strip_prefix(begin)?.split_once(end)?;
        let is_all = matches!(rest, "" | ".") || rest.starts_with(".\nDid you mean");
        (is_all && !name.contains('\n')).then(|| format!("{before}{name}{after}"))
    })
}

/// Rewrites a message of the planner that quotes one of its structures.
fn planned(text: &str) -> Option<String> {
    if let Some(expression) =
        text.strip_prefix("Physical plan does not support logical expression ")
    {
        let known = EXPRESSIONS.iter();
        let mut known = known.filter(|(begin, _)| expression.starts_with(begin));
        return known.next().map(|(_, plain)| (*plain).to_owned());
    }
    if text.starts_with("Dot access not supported") {
        let field = text.split_once("value: \"").map(|(_, rest)| rest);
        let field = field.and_then(|rest| rest.split('"').next());
        let field = field.unwrap_or("name");
        if COMMANDS.contains(&field) {
            return Some(format!(
                "expected the end of the statement before the command .{field}: add a semicolon"
            ));
        }
        return Some(format!(
            "expected a column before .{field}, found another expression: write ['{field}']"
        ));
    }
    if let Some((_, rest)) = text.split_once("While expanding wildcard, column \"")
        && let Some((column, _)) = rest.split_once("\" must appear in the GROUP BY clause")
    {
        return Some(format!(
            "column {column} must be in GROUP BY, or an argument of an aggregate function"
        ));
    }
    let replaced = STATEMENTS.iter().find(|(begin, _)| text.starts_with(begin));
    if let Some((_, plain)) = replaced {
        return Some((*plain).to_owned());
    }
    if text.starts_with("Substring without for/from") {
        return Some("function 'substring' expects 2 or 3 arguments but received 1".to_owned());
    }
    let start = debug_start(text)?;
    let plain = text[..start].trim_end_matches([' ', ':', ',']);
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// Finds where the Debug text of a structure begins: `Name(Name { field: `.
fn debug_start(text: &str) -> Option<usize> {
    text.match_indices(" { ").find_map(|(index, brace)| {
        let field = &text[index + brace.len()..];
        let (field, _) = field.split_once(": ")?;
        let is_field =
            !field.is_empty() && field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let before = &text[..index];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '(' | '[');
        let name = before.trim_end_matches(is_part).len();
        let is_type = before[name..].starts_with(|c: char| c.is_ascii_uppercase());
        (is_field && is_type).then_some(name)
    })
}

/// Replaces advice to embedders of the engine, and repeated words.
fn of_shell(text: &str) -> String {
    if text.contains("Attempting to write an Arrow interval type") {
        return "a column of the type INTERVAL cannot be written to parquet: cast it, as in \
                CAST(i AS VARCHAR)"
            .to_owned();
    }
    if text.starts_with("Json error: Expected JSON record to be an object, found Array") {
        return "expected a JSON object in each line, found an array: add OPTIONS \
                ('format.newline_delimited' 'false') to CREATE EXTERNAL TABLE"
            .to_owned();
    }
    let text = match text.strip_prefix("catalog: ") {
        Some(rest) if rest.starts_with("catalog '") => rest,
        _ => text,
    };
    let store = "the embedder can register a store with the context";
    let stores = match cfg!(feature = "remote") {
        true => "the shell reads http, https and s3, unless it is confined by --root",
        false => {
            "this shell was built without remote files: build it with `--features remote`, or \
             download the file"
        }
    };
    text.replace(store, stores).replace(
        "the embedder can grant all files by `FileAccess::any`",
        "start the shell without --root",
    )
}

#[cfg(test)]
mod tests;
