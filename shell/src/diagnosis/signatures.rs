//! Messages about the types of arguments.

use super::prefixes::without_prefixes;

/// Longest signature that is suggested, in bytes.
const CANDIDATE_MAX: usize = 60;

/// Rewrites an error about argument types, which lists signatures by their Debug text.
pub(super) fn no_signature(text: &str) -> Option<String> {
    let (head, rest) =
        text.split_once("No function matches the given name and argument types '")?;
    let (call, candidates) = rest.split_once("'. You might need to add explicit type casts.")?;
    let name = call.split('(').next().unwrap_or(call);
    let head = head.trim_end().trim_end_matches('.');
    let reason = match head.split_once(" failed with: ") {
        Some((_, cause)) => without_prefixes(cause).0.to_owned(),
        None if head.contains(" to the signature ") || head.is_empty() => {
            format!("function '{name}' does not take {}", &call[name.len()..])
        }
        None => received(head),
    };
    // Those that a user could write: neither nested nor `UserDefined`.
    let candidates: Vec<_> = candidates
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(name) && line.matches('(').count() == 1)
        .filter(|line| !line.ends_with("(UserDefined)") && line.len() <= CANDIDATE_MAX)
        .take(3)
        .collect();
    Some(match candidates.is_empty() {
        true => format!("{reason}; SHOW FUNCTIONS LIKE '{name}' lists what it takes"),
        false => format!("{reason}; write {}", candidates.join(" or ")),
    })
}

/// Rewrites the list of what each signature of a function requires.
pub(super) fn wrong_types(text: &str) -> Option<String> {
    let (name, errors) = text.split_once(" failed to match any signature, errors: ")?;
    let (mut types, mut lengths, mut found, mut length) = (Vec::new(), Vec::new(), None, None);
    for error in errors.split("Error during planning: ") {
        if let Some((_, rest)) = error.split_once(" requires ")
            && let Some((required, rest)) = rest.split_once(", but received ")
        {
            found = rest.split(" (DataType").next();
            types.push(required);
        } else if let Some((_, rest)) = error.split_once(" expects ")
            && let Some((expected, rest)) = rest.split_once(" arguments but received ")
        {
            length = Some(rest.trim_end_matches(['.', ',']));
            lengths.push(expected);
        }
    }
    let name = name.replacen('F', "f", 1);
    match (found, length) {
        (Some(found), _) => Some(format!(
            "{name} requires {}, but received {found}",
            alternatives(types)
        )),
        (None, Some(length)) => Some(format!(
            "{name} expects {} arguments but received {length}",
            alternatives(lengths)
        )),
        (None, None) => None,
    }
}

/// Joins different words: `a, b or c`.
fn alternatives(words: Vec<&str>) -> String {
    let mut different: Vec<&str> = Vec::new();
    for word in words {
        if !different.contains(&word) {
            different.push(word);
        }
    }
    match different.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Shortens what a function requires of an argument.
fn received(text: &str) -> String {
    let text = text.split(" (DataType: ").next().unwrap_or(text);
    match text.strip_prefix("Function '") {
        Some(rest) => format!("function '{rest}"),
        None => text.to_owned(),
    }
}
