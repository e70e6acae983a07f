//! Places in a text.

use sqlparser::tokenizer::Location;

/// Replaces the text before a place by blanks, so that places behind it stay.
pub(super) fn blank_before(text: &str, place: Location) -> String {
    let mut here = Location::new(1, 1);
    let blank = |c: char| {
        let is_before = (here.line, here.column) < (place.line, place.column);
        here = match c {
            '\n' => Location::new(here.line + 1, 1),
            _ => Location::new(here.line, here.column + 1),
        };
        match is_before && c != '\n' {
            true => ' ',
            false => c,
        }
    };
    text.chars().map(blank).collect()
}
