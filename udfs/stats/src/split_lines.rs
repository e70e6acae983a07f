//! The lines of a text as a table.

use std::iter;

use fusebox_sdk::{Row, udtf};

/// A row of [`split_lines`].
#[derive(Clone, Debug, PartialEq, Row)]
pub struct Line {
    /// The number of the line, from 1.
    pub line_number: i64,
    /// The content of the line, without its line ending.
    pub line: String,
}

/// Returns the lines of a text, as Rust's [`str::lines`] does: each ends with a
/// line feed, with a carriage return and a line feed, or with the text.
///
/// A text that ends with a line feed has no empty line after it, and an empty
/// text has no lines. A carriage return alone is not a line ending.
#[udtf]
pub fn split_lines(text: String) -> impl Iterator<Item = Line> {
    let mut numbers = 1..;
    let mut start = 0;
    iter::from_fn(move || {
        let rest = text.get(start..)?;
        let line = rest.lines().next()?;
        start += rest.find('\n').map_or(rest.len(), |end| end + 1);
        Some(Line {
            line_number: numbers.next()?,
            line: line.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<String> {
        let lines = split_lines(text.to_owned());
        lines
            .map(|line| format!("{} {}", line.line_number, line.line))
            .collect()
    }

    #[test]
    fn lines_are_numbered_and_have_no_line_endings() {
        assert_eq!(lines("a\nb\r\n\nc"), ["1 a", "2 b", "3 ", "4 c"]);
        assert_eq!(lines("one\n"), ["1 one"]);
        assert_eq!(lines("\n"), ["1 "]);
        assert_eq!(lines("a\rb\r"), ["1 a\rb\r"]);
        assert!(lines("").is_empty());
    }

    proptest! {
        #[test]
        fn lines_are_those_of_rust(text in "[a\u{e9}\n\r]{0,40}") {
            let actual: Vec<_> = split_lines(text.clone()).map(|line| line.line).collect();
            prop_assert_eq!(actual, text.lines().collect::<Vec<_>>());
        }
    }
}
