//! Prefixes of DataFusion's messages.

/// Prefixes that name the part of DataFusion that failed.
const PREFIXES: [&str; 6] = [
    "Schema error: ",
    "Execution error: ",
    "External error: ",
    "Arrow error: ",
    "Parquet error: ",
    "Invalid or Unsupported Configuration: ",
];

/// Prefixes of messages that DataFusion's planner writes, which may quote its own structures.
const PLANNER_PREFIXES: [&str; 3] = [
    "Error during planning: ",
    "This feature is not implemented: ",
    "Internal error: ",
];

/// Removes prefixes; true if the last of them is of the planner.
pub(super) fn without_prefixes(message: &str) -> (&str, bool) {
    let (mut text, mut is_of_planner) = (message, false);
    loop {
        let before = text;
        for prefix in PREFIXES {
            if let Some(rest) = text.strip_prefix(prefix) {
                (text, is_of_planner) = (rest, false);
            }
        }
        for prefix in PLANNER_PREFIXES {
            if let Some(rest) = text.strip_prefix(prefix) {
                (text, is_of_planner) = (rest, true);
            }
        }
        if text == before {
            break;
        }
    }
    // An internal error that is not rewritten is a bug, and says so.
    let is_internal = message.starts_with("Internal error: ") && !text.contains("match any sign");
    match is_internal {
        true => (message, true),
        false => (text, is_of_planner),
    }
}
