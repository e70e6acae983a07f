//! Files of `COPY … FROM`, as names of tables that have options.

use fusebox_runtime::{Error, Result};
use sqlparser::tokenizer::Location;

use super::{Options, unexpected};

/// Formats of files that are read as their ending tells.
const FORMATS: [&str; 8] = [
    "csv", "tsv", "json", "ndjson", "jsonl", "parquet", "arrow", "avro",
];

/// Options of a file that is read.
const OF_SOURCE: [&str; 5] = [
    "format.has_header",
    "format.delimiter",
    "format.null_value",
    "format.quote",
    "format.escape",
];

/// Options that each file of text has, and that say nothing of other files.
const USUAL: [(&str, &str); 4] = [
    ("format.has_header", "true"),
    ("format.delimiter", ","),
    ("format.null_value", ""),
    ("format.quote", "\""),
];

/// Marks the end of a file's name. A path does not have the character.
const MARK: &str = "\u{1f}copy";

/// Separates options, which do not have it.
const SEPARATOR: char = '\u{1f}';

const FORMAT: &str = "format";

const INTO: &str = "into";

/// File of a `COPY … FROM`, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopySource<'a> {
    pub(crate) file: &'a str,
    /// Format that the statement states.
    pub(crate) format: Option<&'a str>,
    /// Table that gets the rows, as the statement writes it, with its columns in brackets.
    pub(crate) into: Option<&'a str>,
    /// Options of DataFusion's files of separated values.
    pub(crate) options: Vec<(&'a str, &'a str)>,
}

impl<'a> CopySource<'a> {
    /// Returns the name of the table that has the rows of the file.
    fn name(&self) -> String {
        let mut name = format!("{}{MARK}", self.file);
        let format = self.format.map(|format| (FORMAT, format));
        let into = self.into.map(|into| (INTO, into));
        for (key, value) in format.iter().chain(&into).chain(&self.options) {
            name.push(SEPARATOR);
            name += key;
            name.push('=');
            name += value;
        }
        name
    }

    /// Returns true if the statement states an option.
    pub(crate) fn states(&self, option: &str) -> bool {
        self.options.iter().any(|(key, _)| *key == option)
    }

    /// Parses the name of a table; `None` if it is one of no `COPY`.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let (file, options) = name.split_once(MARK)?;
        let mut parts = options.split(SEPARATOR);
        if parts.next() != Some("") {
            return None;
        }
        let options: Option<Vec<_>> = parts.map(|part| part.split_once('=')).collect();
        let mut options = options?;
        let mut take = |key: &str| {
            let place = options.iter().position(|(other, _)| *other == key)?;
            Some(options.remove(place).1)
        };
        let (format, into) = (take(FORMAT), take(INTO));
        Some(Self {
            file,
            format,
            into,
            options,
        })
    }
}

impl Options {
    /// Returns the name of the table that has the rows of a file, which another one gets.
    pub(super) fn source(&self, into: &str, file: &str, place: Location) -> Result<String> {
        let format = self.format.as_ref().map(|format| format.to_lowercase());
        let told = told(file);
        if let (Some(told), Some(format)) = (told, &format)
            && is_other(told, format)
        {
            return Err(Error::Syntax(format!(
                "sql parser error: expected the format that the ending of the file tells after \
                 COPY … FROM, found another FORMAT{place}; write CREATE EXTERNAL TABLE name STORED AS \
                 format LOCATION 'file', and INSERT INTO table SELECT * FROM name"
            )));
        }
        let format = told.or(format.as_deref());
        let is_text = matches!(format, Some("csv" | "tsv"));
        let header = self.has_header.map(|is_true| match is_true {
            true => ("format.has_header", "true"),
            false => ("format.has_header", "false"),
        });
        let others = self.others.iter();
        let others = others.map(|(key, value)| (*key, value.as_str()));
        let mut options: Vec<_> = header.into_iter().chain(others).collect();
        if !is_text {
            options.retain(|option| !USUAL.contains(option));
        }
        let is_known = options.iter().all(|(key, _)| OF_SOURCE.contains(key));
        let is_readable = format.is_none() || is_text || options.is_empty();
        if !is_known || !is_readable || !self.partitions.is_empty() {
            return Err(Error::Syntax(format!(
                "sql parser error: expected HEADER, DELIMITER, NULL, QUOTE or ESCAPE of a csv or tsv \
                 file after COPY … FROM, found other options{place}; write CREATE EXTERNAL TABLE \
                 name STORED AS format LOCATION 'file' OPTIONS (…), and INSERT INTO table SELECT * \
                 FROM name"
            )));
        }
        for option in &options {
            check_value(*option, place)?;
        }
        let is_path = is_text || !options.is_empty() || file.contains(['/', '\\', '.', '*']);
        // Other formats have types, and other names may be those of tables.
        if !is_path || (format.is_some() && !is_text) {
            return Ok(file.to_owned());
        }
        let format = format.filter(|_| told.is_none());
        let source = CopySource {
            file,
            format,
            into: Some(into).filter(|into| !into.contains(SEPARATOR)),
            options,
        };
        Ok(source.name())
    }
}

/// Returns the format that the ending of a file tells.
fn told(file: &str) -> Option<&str> {
    // The last ending may be that of a compression.
    file.rsplit('.').take(2).find(|told| FORMATS.contains(told))
}

fn is_other(told: &str, format: &str) -> bool {
    let is_json = |format: &str| matches!(format, "json" | "ndjson" | "jsonl");
    told != format && !(is_json(told) && is_json(format))
}

/// Checks the value of an option of a file that is read.
fn check_value((key, value): (&str, &str), place: Location) -> Result<()> {
    let is_text = matches!(key, "format.has_header" | "format.null_value");
    if value.contains(SEPARATOR) {
        let expected = "a value without the character U+001F";
        return Err(unexpected(expected, "one with it", place));
    }
    match is_text || (value.len() == 1 && value.is_ascii()) {
        true => Ok(()),
        false => Err(unexpected(
            "one ASCII character after DELIMITER, QUOTE or ESCAPE",
            value,
            place,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_options() {
        for (format, into, options) in [
            (None, None, Vec::new()),
            (Some("csv"), Some("\"a=b\"(c,d)"), Vec::new()),
            (
                Some("tsv"),
                None,
                vec![("format.delimiter", "="), ("format.null_value", "")],
            ),
        ] {
            let source = CopySource {
                file: "a b/c=1/x.txt",
                format,
                into,
                options,
            };
            assert_eq!(CopySource::parse(&source.name()), Some(source));
        }
        for name in [
            "",
            "a.csv",
            "a\u{1f}b",
            "a\u{1f}copyb",
            "a\u{1f}copy\u{1f}b",
        ] {
            assert_eq!(CopySource::parse(name), None, "{name:?}");
        }
    }
}
