//! Explanations of errors: the place in the statement, the nearest name, and what to write.

// Messages of DataFusion in plain words.
mod plain;

// Messages about two columns of one name.
mod twice;

// Messages about the types of arguments.
mod signatures;

// Prefixes of DataFusion's messages.
mod prefixes;

// Suggestions for names that do not exist.
mod missing;

// Suggestions for words that the parser did not expect.
mod syntax;

// Statements of other systems.
mod unsupported;

// Operators and types of other systems.
mod expressions;

// Functions of other systems.
mod other_systems;

// Expressions that mean something else in other systems.
mod surprises;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::names::Names;
use crate::open::Open;
use crate::place::{Place, statement_tokens};

pub(crate) use plain::clean;
pub(crate) use surprises::surprises;

/// Least likeness of a name that is suggested, from 0 to 1.
const LIKENESS_MIN: f64 = 0.8;

/// Endings of files that are tables, the compressed ones last.
const FILE_ENDINGS: [&str; 12] = [
    "csv", "tsv", "json", "ndjson", "jsonl", "parquet", "arrow", "avro", "gz", "bz2", "xz", "zst",
];

/// Place of an error, and the text that follows its message.
pub(crate) struct Diagnosis {
    pub(crate) place: Option<Place>,
    /// A suggestion, and the line with a caret; empty if there is neither.
    pub(crate) text: String,
}

/// Explains the message of the statement of this index in `sql`.
pub(crate) fn diagnose(
    message: &str,
    sql: &str,
    index: usize,
    dialect: &dyn Dialect,
    names: impl FnOnce() -> Names,
) -> Diagnosis {
    if let Some((place, text)) = unclosed(message, sql, dialect) {
        return Diagnosis {
            place: Some(place),
            text,
        };
    }
    let stated = Place::of_error(message, sql, index, dialect);
    let tokens = statement_tokens(sql, index, dialect);
    let (moved, hint) = match syntax::hint(message, stated, &tokens) {
        Some((place, hint)) => (place, Some(hint)),
        None => {
            let hint = unsupported::hint(message, &tokens)
                .or_else(|| other_function(message))
                .or_else(|| expressions::hint(message, &tokens));
            (
                None,
                hint.or_else(|| missing::hint(message, &tokens, names)),
            )
        }
    };
    let place = moved.or(stated);
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    let shown = place.and_then(|place| place.caret(sql));
    let shown = shown.map(|shown| format!("\n{shown}")).unwrap_or_default();
    Diagnosis {
        place,
        text: hint + &shown,
    }
}

/// Returns what to write instead of a function of another system that a message is about.
fn other_function(message: &str) -> Option<String> {
    if let Some(name) = between(message, "No field named ", ".") {
        return other_systems::word_hint(name);
    }
    other_systems::hint(between(message, "function '", "' does not exist")?)
}

/// Explains a message about the end of a statement by the string, the comment or the bracket
/// that is not closed there. Returns its place too.
fn unclosed(message: &str, sql: &str, dialect: &dyn Dialect) -> Option<(Place, String)> {
    let is_about_end = ["found: EOF", "found: ;", "nterminated", "EOF while"]
        .iter()
        .any(|words| message.contains(words));
    if !is_about_end {
        return None;
    }
    let Open { kind, line, column } = Open::unclosed(sql, dialect)?;
    let place = Place::new(line, column);
    let shown = place.caret(sql)?;
    let text = format!("; the {kind} at line {line}, column {column} is not closed\n{shown}");
    Some((place, text))
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    let (inside, _) = rest.split_once(end)?;
    (!inside.contains(['\n', ' '])).then_some(inside)
}

/// Returns the name that is most like a word, and not the word itself.
fn nearest(word: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let lower = word.to_lowercase();
    let likeness = |name: String| {
        let other = name.to_lowercase();
        let likeness = strsim::jaro_winkler(&lower, &other);
        // One slip of the finger counts much in a short name.
        let is_slip = lower.len() > 2 && strsim::damerau_levenshtein(&lower, &other) == 1;
        (if is_slip { likeness.max(0.9) } else { likeness }, name)
    };
    let others = names
        .into_iter()
        .filter(|name| name.to_lowercase() != lower);
    let best = others
        .map(likeness)
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= LIKENESS_MIN).then_some(best.1)
}

/// Returns true for the name of a file that can be a table, by its ending.
fn is_file(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| FILE_ENDINGS.contains(&ending.to_lowercase().as_str()))
}

/// Returns the text of a string in quotes.
fn quoted(token: &TokenWithSpan) -> Option<&str> {
    match &token.token {
        Token::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use fusebox::Kind;

    use super::*;

    fn names() -> Names {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let kind = |name: &str, kind| (name.to_owned(), kind);
        Names {
            tables: owned(&["flights", "airports", "fusebox.functions"]),
            functions: owned(&["haversine_km", "numbers"]),
            built_in: owned(&["abs", "map", "row_number", "range"]),
            modules: owned(&["geo", "text"]),
            settings: owned(&["datafusion.execution.batch_size", "datafusion.timeout"]),
            kinds: vec![
                kind("numbers", Kind::Table),
                kind("range", Kind::Table),
                kind("abs", Kind::Scalar),
                kind("haversine_km", Kind::Scalar),
                kind("geomean", Kind::Aggregate),
                kind("row_number", Kind::Window),
            ],
            ..Names::default()
        }
    }

    fn text(message: &str, sql: &str) -> String {
        let diagnosis = diagnose(message, sql, 0, &GenericDialect {}, names);
        let text = diagnosis.text.split('\n').next().unwrap_or_default();
        text.trim_start_matches("; ").to_owned()
    }

    #[test]
    fn nearest_names_are_suggested() {
        for (message, expected) in [
            (
                "table 'datafusion.public.flihgts' not found",
                "did you mean `flights`?",
            ),
            ("view 'flihgts' not found", "did you mean `flights`?"),
            (
                "table 'datafusion.fusebox.functionz' not found",
                "did you mean `fusebox.functions`?",
            ),
            ("module `goe` does not exist", "did you mean `geo`?"),
            (
                "function `haversin_km` does not exist",
                "did you mean `haversine_km`?",
            ),
            (
                "function 'row_numbr' does not exist",
                "did you mean `row_number`?",
            ),
            (
                "setting `datafusion.execution.batchsize` does not exist",
                "did you mean `datafusion.execution.batch_size`?",
            ),
            (
                "setting `batch_size` does not exist",
                "did you mean `datafusion.execution.batch_size`?",
            ),
            ("setting `datafusion.nope` does not exist", ""),
            ("table 'datafusion.public.zzz' not found", ""),
            ("function 'zzz' does not exist", ""),
            (
                "function 'StrFTime' does not exist",
                "write to_char(value, '%Y-%m-%d')",
            ),
            ("function 'len' does not exist", "write length(text)"),
            ("something else", ""),
        ] {
            assert_eq!(text(message, "SELECT 1"), expected, "{message}");
        }
    }

    #[test]
    fn functions_of_another_kind_are_called_otherwise() {
        for (message, expected) in [
            (
                "function 'numbers' does not exist",
                "it is a table function: write SELECT * FROM numbers(…)",
            ),
            (
                "function 'row_number' does not exist",
                "it is a window function: write row_number(…) OVER (…)",
            ),
            (
                "table function 'abs' does not exist",
                "it is a scalar function: write SELECT abs(…)",
            ),
            (
                "table function 'geomean' does not exist",
                "it is an aggregate function: write SELECT geomean(…)",
            ),
            (
                "table 'datafusion.public.range' not found",
                "it is a table function: write SELECT * FROM range(…)",
            ),
        ] {
            assert_eq!(text(message, "SELECT 1"), expected, "{message}");
        }
    }

    #[test]
    fn files_are_written_in_quotes() {
        for (message, sql, expected) in [
            (
                "function 'read_csv' does not exist",
                "SELECT read_csv('a.csv')",
                "write SELECT * FROM 'a.csv'",
            ),
            (
                "table function 'read_parquet' does not exist",
                "SELECT * FROM read_parquet('x/*.parquet')",
                "write SELECT * FROM 'x/*.parquet'",
            ),
            (
                "table 'datafusion.a.csv' not found",
                "SELECT * FROM a.csv",
                "write FROM 'a.csv' if you mean a file",
            ),
            (
                "Expected: EOF, found: / at Line: 1, Column: 19",
                "SELECT * FROM data/a.csv",
                "write the name of a file in quotes: 'data/a.csv'",
            ),
            (
                "table 'datafusion.public.missing.xyz' not found",
                "SELECT * FROM 'missing.xyz'",
                "nor is there a file of this name; a file that is a table ends in csv, tsv, json, \
                 ndjson, jsonl, parquet, arrow, avro",
            ),
        ] {
            assert_eq!(text(message, sql), expected, "{message}");
        }
    }

    #[test]
    fn files_with_another_delimiter_are_read_by_an_option() {
        let semicolons = "No field named year.\nValid fields are \"out/a.csv\".\"tailnum;year\".";
        let hint = text(semicolons, "SELECT year FROM 'out/a.csv'");
        assert!(
            hint.ends_with("LOCATION 'out/a.csv' OPTIONS ('format.delimiter' ';')"),
            "{hint}"
        );
        let tabs = "No field named year.\nValid fields are t.\"tailnum\tyear\".";
        assert!(text(tabs, "SELECT year FROM t").contains("the ending tsv"));
        for other in [
            "No field named year.\nValid fields are t.\"a;b\", t.\"c;d\".",
            "No field named year.\nValid fields are t.\"a b\".",
            "No field named year.\nValid fields are t.a, t.b.",
            "No field named year.",
        ] {
            assert_eq!(text(other, "SELECT year FROM t"), "", "{other}");
        }
    }

    #[test]
    fn misspelt_keywords_are_found_before_the_word_that_surprised_the_parser() {
        for (sql, found, column, expected, caret) in [
            ("SELEC 1", "SELEC", 1, "did you mean SELECT?", 1),
            (
                "CREATE FUNCTON f",
                "FUNCTON",
                8,
                "did you mean FUNCTION?",
                8,
            ),
            (
                "SELECT * FROM t WEHRE a = 1",
                "a",
                23,
                "did you mean WHERE?",
                17,
            ),
            ("SELECT a FORM t", "t", 15, "did you mean FROM?", 10),
            (
                "SELECT a FROM t GRUOP BY a",
                "BY",
                23,
                "did you mean GROUP?",
                17,
            ),
            ("SELECT a FROM t AS x y", "y", 22, "", 22),
            ("SELECT a FROM where_is it a", "a", 27, "", 27),
        ] {
            let message = format!("Expected: EOF, found: {found} at Line: 1, Column: {column}");
            assert_eq!(text(&message, sql), expected, "{sql}");
            let diagnosis = diagnose(&message, sql, 0, &GenericDialect {}, names);
            assert_eq!(diagnosis.place, Some(Place::new(1, caret)), "{sql}");
        }
    }

    #[test]
    fn statements_of_other_systems_have_a_way_here() {
        for (message, expected) in [
            (
                "Foreign key constraints are not currently supported",
                "leave it out",
            ),
            ("Unsupported SQL statement: BEGIN", "by itself"),
            ("Unsupported SQL statement: PRAGMA x", "SET name = value"),
            ("SHOW TABLES FILTER not supported", "\\dt"),
        ] {
            assert!(text(message, "x").contains(expected), "{message}");
        }
    }
}
