//! Signatures of functions, for lists of names.

use std::collections::BTreeMap;

use fusebox::Session;

/// Longest signature in a list, in characters.
const SIGNATURE_MAX: usize = 100;

/// Returns the signatures of functions by their names.
pub(super) fn signatures(session: &Session) -> BTreeMap<String, Vec<String>> {
    let mut signatures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let state = session.context().state_ref();
    let state = state.read();
    let scalar = state.scalar_functions().iter();
    let scalar = scalar.map(|(name, function)| (name, function.documentation()));
    let aggregate = state.aggregate_functions().iter();
    let aggregate = aggregate.map(|(name, function)| (name, function.documentation()));
    let window = state.window_functions().iter();
    let window = window.map(|(name, function)| (name, function.documentation()));
    for (name, documentation) in scalar.chain(aggregate).chain(window) {
        if let Some(documentation) = documentation {
            let text = cut(&named(name, &documentation.syntax_example));
            signatures.insert(name.clone(), vec![text]);
        }
    }
    let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for function in session.functions().unwrap_or_default() {
        let text = cut(&format!("{}{}", function.name, function.signature));
        own.entry(function.name).or_default().push(text);
    }
    signatures.extend(own);
    signatures
}

/// Returns an example of a call, with the name of the function: the example of another name of it
/// has that.
fn named(name: &str, example: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
    match example.split_once('(') {
        Some((other, arguments)) if other.chars().all(is_of_name) => format!("{name}({arguments}"),
        _ => example.to_owned(),
    }
}

/// Returns a text on one line, and not too long.
fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SIGNATURE_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_have_the_name_that_they_are_listed_by() {
        for (name, example, expected) in [
            ("substring", "substr(str, start)", "substring(str, start)"),
            ("substr", "substr(str, start)", "substr(str, start)"),
            ("get_field", "expression['name']", "expression['name']"),
            ("coalesce", "coalesce(a[, ...])", "coalesce(a[, ...])"),
            ("f", "(a, b)", "f(a, b)"),
        ] {
            assert_eq!(named(name, example), expected);
        }
    }
}
