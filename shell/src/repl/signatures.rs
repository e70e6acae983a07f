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
            let text = cut(&documentation.syntax_example);
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

/// Returns a text on one line, and not too long.
fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SIGNATURE_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
