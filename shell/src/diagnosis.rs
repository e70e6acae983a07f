//! Explanations of errors: the place in the statement, and the nearest name.

use datafusion::sql::sqlparser::dialect::Dialect;

use crate::names::{KEYWORDS, Names};
use crate::open::Open;
use crate::place::Place;

/// Least likeness of a name that is suggested, from 0 to 1.
const LIKENESS_MIN: f64 = 0.8;

/// Chooses the names of one kind.
type Candidates = fn(Names) -> Vec<String>;

/// Explains a message about the end of a statement by the string, the comment or the bracket
/// that is not closed there. Returns its place too.
pub(crate) fn unclosed(message: &str, sql: &str, dialect: &dyn Dialect) -> Option<(Place, String)> {
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

/// Returns a suggestion for the name or the word that a message is about.
pub(crate) fn hint(message: &str, names: impl FnOnce() -> Names) -> Option<String> {
    if let Some(word) = between(message, "found: ", " at Line: ") {
        let keywords = KEYWORDS.iter().map(|&word| word.to_owned());
        return nearest(word, keywords).map(|word| format!("did you mean {word}?"));
    }
    let about = |begin, end| between(message, begin, end);
    if let Some(name) = about("table '", "' not found") {
        let last = name.rsplit('.').next().unwrap_or(name);
        let Names { tables, .. } = names();
        return nearest(last, tables).map(|name| format!("did you mean `{name}`?"));
    }
    let kinds: [(&str, &str, Candidates); 3] = [
        ("module `", "` does not exist", |names| names.modules),
        ("function `", "` does not exist", |names| names.functions),
        ("Could not find config value for key \"", "\"", |names| {
            names.settings
        }),
    ];
    for (begin, end, candidates) in kinds {
        if let Some(name) = about(begin, end) {
            return nearest(name, candidates(names()))
                .map(|name| format!("did you mean `{name}`?"));
        }
    }
    None
}

/// Removes words of DataFusion that say nothing to a user.
pub(crate) fn clean(message: &str) -> &str {
    let mut text = message;
    loop {
        let before = text;
        for prefix in [
            "Error during planning: ",
            "Schema error: ",
            "Execution error: ",
            "External error: ",
            "Arrow error: ",
        ] {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        // The name of a rule of the optimizer, and its error below.
        if text.starts_with("Optimizer rule '") {
            let cause = text.split_once(" failed\ncaused by\n");
            text = cause.map_or(text, |(_, cause)| cause);
        }
        if text == before {
            break;
        }
    }
    let report = text.find("\nThis issue was likely caused by a bug");
    text[..report.unwrap_or(text.len())].trim_end()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names {
            tables: owned(&["flights", "airports"]),
            functions: owned(&["haversine_km"]),
            modules: owned(&["geo", "text"]),
            settings: owned(&["datafusion.execution.batch_size"]),
            ..Names::default()
        }
    }

    #[test]
    fn nearest_names_are_suggested() {
        for (message, expected) in [
            (
                "Expected: an SQL statement, found: SELEC at Line: 1, Column: 1",
                Some("did you mean SELECT?"),
            ),
            (
                "Expected: x, found: FUNCTON at Line: 1, Column: 1",
                Some("did you mean FUNCTION?"),
            ),
            (
                "table 'datafusion.public.flihgts' not found",
                Some("did you mean `flights`?"),
            ),
            ("module `goe` does not exist", Some("did you mean `geo`?")),
            (
                "function `haversin_km` does not exist",
                Some("did you mean `haversine_km`?"),
            ),
            (
                "Could not find config value for key \"datafusion.execution.batchsize\"",
                Some("did you mean `datafusion.execution.batch_size`?"),
            ),
            ("table 'datafusion.public.zzz' not found", None),
            ("Expected: x, found: EOF", None),
            ("something else", None),
        ] {
            assert_eq!(hint(message, names).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn words_for_developers_are_removed() {
        assert_eq!(
            clean("Error during planning: table 't' not found"),
            "table 't' not found"
        );
        assert_eq!(
            clean(
                "Optimizer rule 'simplify_expressions' failed\ncaused by\n\
                 Arrow error: Divide by zero error"
            ),
            "Divide by zero error"
        );
        let internal =
            "Internal error: x.\nThis issue was likely caused by a bug in DataFusion's code.";
        assert_eq!(clean(internal), "Internal error: x.");
    }
}
