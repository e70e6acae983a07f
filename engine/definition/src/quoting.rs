//! Names and literals as SQL text.

use std::fmt;

/// Prints a string literal.
#[derive(Clone, Copy, Debug)]
pub struct Literal<'a>(pub &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// Prints a name so that it parses back to itself: quoted, unless it is lower
/// case and no keyword. A leading `_` is quoted because some dialects reserve it.
#[derive(Clone, Copy, Debug)]
pub struct Identifier<'a>(pub &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use sqlparser::keywords::ALL_KEYWORDS;
        let mut characters = self.0.chars();
        let plain = characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let keyword = ALL_KEYWORDS
            .binary_search(&self.0.to_ascii_uppercase().as_str())
            .is_ok();
        if plain && !keyword {
            f.write_str(self.0)
        } else {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        }
    }
}

/// Prints a text between dollar quotes, with a tag where the text holds dollars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DollarQuoted<'a>(pub(crate) &'a str);

impl fmt::Display for DollarQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = (0..)
            .map(|n| match n {
                0 => String::new(),
                n => format!("w{n}"),
            })
            .find(|tag| !format!("{}$", self.0).contains(&format!("${tag}$")))
            .expect("a text holds finitely many tags");
        write!(f, "${tag}${}${tag}$", self.0)
    }
}
