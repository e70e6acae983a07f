//! Formats of `COPY`: text, CSV and binary, as in PostgreSQL.

// Division of the lines of a client into fields.
mod reader;

// Tuples.
mod binary;

use bytes::{BufMut, BytesMut};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::encoding::EncodingError;
use crate::encoding::rows::{ROW_BYTES_MAX, Rows};
use crate::protocol::{Format, backend};
use crate::report::{NOT_SUPPORTED, Report, SYNTAX_ERROR};

pub(crate) use binary::TupleReader;
pub(crate) use reader::CopyReader;

/// Layout of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Text,
    Csv,
    Binary,
}

/// Format of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyFormat {
    layout: Layout,
    delimiter: u8,
    null: String,
    has_header: bool,
    quote: u8,
    escape: u8,
}

impl CopyFormat {
    const TEXT: Self = Self {
        layout: Layout::Text,
        delimiter: b'\t',
        null: String::new(),
        has_header: false,
        quote: b'"',
        escape: b'"',
    };

    fn binary() -> Self {
        Self {
            layout: Layout::Binary,
            ..Self::TEXT
        }
    }

    /// Refuses options of lines for tuples.
    fn check_binary(&self, is_stated: bool) -> Result<(), Report> {
        if self.is_binary() && (is_stated || *self != Self::binary()) {
            let message = "expected no option of lines with FORMAT binary, found one";
            return Err(Report::error(SYNTAX_ERROR, message));
        }
        Ok(())
    }

    /// Returns true if rows are tuples, not lines.
    pub(crate) fn is_binary(&self) -> bool {
        self.layout == Layout::Binary
    }

    /// Returns the format of all values as a list; none for text.
    pub(crate) fn value_formats(&self) -> &'static [Format] {
        match self.is_binary() {
            true => &[Format::Binary],
            false => &[],
        }
    }

    /// Reads the options of a statement, in brackets or as words.
    ///
    /// # Errors
    ///
    /// A report for an unknown option, and for one that is not supported.
    pub(crate) fn parse(options: &[Token]) -> Result<Self, Report> {
        let words = words(options);
        let mut format = Self::TEXT;
        let (mut null, mut delimiter, mut escape) = (None, None, None);
        let mut index = 0;
        while let Some((word, _)) = words.get(index) {
            index += 1;
            let value = words.get(index);
            let text = || {
                // Older statements have AS before a value.
                let after = value.filter(|(word, _)| word.eq_ignore_ascii_case("as"));
                let skipped = usize::from(after.is_some());
                let text = words.get(index + skipped).filter(|(_, is_text)| *is_text);
                let text = text.map(|(text, _)| (text.clone(), 1 + skipped));
                text.ok_or_else(|| expected_text(word))
            };
            match word.to_uppercase().as_str() {
                "WITH" => {}
                "CSV" => format.layout = Layout::Csv,
                "BINARY" => format.layout = Layout::Binary,
                "FORMAT" => {
                    format.layout = layout(value.map(|(name, _)| name.as_str()))?;
                    index += 1;
                }
                "HEADER" => {
                    let switch = value.map(|(value, _)| value.to_lowercase());
                    let (has_header, used) = match switch.as_deref() {
                        Some("true" | "on" | "1") => (true, 1),
                        Some("false" | "off" | "0") => (false, 1),
                        _ => (true, 0),
                    };
                    format.has_header = has_header;
                    index += used;
                }
                "DELIMITER" => index += set(&mut delimiter, text()?),
                "NULL" => index += set(&mut null, text()?),
                "ESCAPE" => index += set(&mut escape, text()?),
                "QUOTE" => {
                    let mut quote = None;
                    index += set(&mut quote, text()?);
                    format.quote = one_byte(quote.as_deref(), "QUOTE", b'"')?;
                }
                "ENCODING" => {
                    let (name, used) = text()?;
                    if !["utf8", "utf-8"].contains(&name.to_lowercase().as_str()) {
                        return Err(unsupported(&name));
                    }
                    index += used;
                }
                other => {
                    let message = format!(
                        "expected an option of COPY (FORMAT, HEADER, DELIMITER, NULL, QUOTE, \
                         ESCAPE, ENCODING), found {other}"
                    );
                    return Err(Report::error(SYNTAX_ERROR, message));
                }
            }
        }
        let is_stated = null.is_some() || delimiter.is_some() || escape.is_some();
        format.check_binary(is_stated)?;
        let is_csv = format.layout == Layout::Csv;
        let default = if is_csv { b',' } else { b'\t' };
        format.delimiter = one_byte(delimiter.as_deref(), "DELIMITER", default)?;
        format.escape = one_byte(escape.as_deref(), "ESCAPE", format.quote)?;
        let default = if is_csv { "" } else { "\\N" };
        format.null = null.unwrap_or_else(|| default.to_owned());
        Ok(format)
    }

    /// Writes the names of columns, if they are asked for, as a message.
    pub(crate) fn write_header<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        out: &mut BytesMut,
    ) {
        if !self.has_header {
            return;
        }
        backend::copy_data(out, |out| {
            for (index, name) in names.enumerate() {
                self.write_field(index, name.as_bytes(), out);
            }
            out.put_u8(b'\n');
        });
    }

    /// Writes what follows the last row, if something does, as a message.
    pub(crate) fn write_end(&self, has_rows: bool, out: &mut BytesMut) {
        if self.is_binary() {
            backend::copy_data(out, |out| binary::put_end(has_rows, out));
        }
    }

    /// Writes a row as a line or a tuple. The signature of tuples precedes the first one in its
    /// message, where drivers look for it.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] for a row that is too large, and for a value that has no bytes. What was
    /// written is no row then.
    pub(crate) fn write_row(
        &self,
        rows: &Rows,
        row: usize,
        is_first: bool,
        out: &mut BytesMut,
    ) -> Result<(), EncodingError> {
        if self.is_binary() {
            if is_first {
                binary::put_signature(out);
            }
            return rows.write_tuple(row, out);
        }
        let begin = out.len();
        let mut text = BytesMut::new();
        for (index, column) in rows.columns().enumerate() {
            if column.is_null(row) {
                if index > 0 {
                    out.put_u8(self.delimiter);
                }
                out.put_slice(self.null.as_bytes());
                continue;
            }
            text.clear();
            column.write_text(row, &mut text);
            if out.len() - begin + text.len() > ROW_BYTES_MAX {
                return Err(EncodingError::RowTooLarge);
            }
            self.write_field(index, &text, out);
        }
        out.put_u8(b'\n');
        match out.len() - begin > ROW_BYTES_MAX {
            true => Err(EncodingError::RowTooLarge),
            false => Ok(()),
        }
    }

    fn write_field(&self, index: usize, text: &[u8], out: &mut BytesMut) {
        if index > 0 {
            out.put_u8(self.delimiter);
        }
        match self.layout {
            Layout::Csv => self.write_csv(text, out),
            Layout::Text | Layout::Binary => self.write_escaped(text, out),
        }
    }

    fn write_csv(&self, text: &[u8], out: &mut BytesMut) {
        let is_special =
            |byte: &u8| [self.delimiter, self.quote, self.escape, b'\n', b'\r'].contains(byte);
        let needs_quotes =
            text == self.null.as_bytes() || text == b"\\." || text.iter().any(is_special);
        if !needs_quotes {
            return out.put_slice(text);
        }
        out.put_u8(self.quote);
        for byte in text {
            if *byte == self.quote || *byte == self.escape {
                out.put_u8(self.escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(self.quote);
    }

    fn write_escaped(&self, text: &[u8], out: &mut BytesMut) {
        for byte in text {
            let letter = ESCAPES.iter().find(|(_, value)| value == byte);
            match letter {
                Some((letter, _)) => out.put_slice(&[b'\\', *letter]),
                None if *byte == self.delimiter => out.put_slice(&[b'\\', *byte]),
                None => out.put_u8(*byte),
            }
        }
    }
}

/// Letters that stand for bytes after a backslash.
const ESCAPES: [(u8, u8); 7] = [
    (b'b', 8),
    (b'f', 12),
    (b'n', b'\n'),
    (b'r', b'\r'),
    (b't', b'\t'),
    (b'v', 11),
    (b'\\', b'\\'),
];

/// Returns the words of options, and true for those in quotes.
fn words(options: &[Token]) -> Vec<(String, bool)> {
    options
        .iter()
        .filter(|token| !matches!(token, Token::LParen | Token::RParen | Token::Comma))
        .map(|token| match token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => {
                (text.clone(), true)
            }
            other => (other.to_string(), false),
        })
        .collect()
}

/// Returns the layout of a name.
fn layout(name: Option<&str>) -> Result<Layout, Report> {
    match name.map(str::to_lowercase).as_deref() {
        Some("csv") => Ok(Layout::Csv),
        Some("text") => Ok(Layout::Text),
        Some("binary") => Ok(Layout::Binary),
        other => Err(unsupported(other.unwrap_or("none"))),
    }
}

/// Sets an option, and returns the number of words of its value.
fn set(option: &mut Option<String>, (value, words): (String, usize)) -> usize {
    *option = Some(value);
    words
}

fn one_byte(value: Option<&str>, option: &str, default: u8) -> Result<u8, Report> {
    match value.map(str::as_bytes) {
        None => Ok(default),
        Some([byte]) if !b"\r\n\\".contains(byte) || option == "ESCAPE" => Ok(*byte),
        Some(other) => {
            let found = String::from_utf8_lossy(other);
            let message = format!("expected {option} of one byte, found '{found}'");
            Err(Report::error(NOT_SUPPORTED, message))
        }
    }
}

fn expected_text(option: &str) -> Report {
    let message = format!("expected a text in quotes after {option}, found none");
    Report::error(SYNTAX_ERROR, message)
}

fn unsupported(format: &str) -> Report {
    let message = format!("expected FORMAT text, csv or binary in UTF-8, found {format}");
    Report::error(NOT_SUPPORTED, message)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    pub(super) fn parsed(options: &str) -> Result<CopyFormat, Report> {
        let tokens = Tokenizer::new(&GenericDialect {}, options)
            .tokenize()
            .unwrap();
        let is_blank = |token: &Token| matches!(token, Token::Whitespace(_));
        let tokens: Vec<_> = tokens.into_iter().filter(|t| !is_blank(t)).collect();
        CopyFormat::parse(&tokens)
    }

    #[test]
    fn options_have_two_grammars() {
        let new = parsed("WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'x')").unwrap();
        let old = parsed("WITH DELIMITER AS ';' NULL AS 'x' CSV HEADER").unwrap();
        assert_eq!(new, old);
        assert!(
            new.layout == Layout::Csv && new.has_header && new.delimiter == b';' && new.null == "x"
        );
        let text = parsed("").unwrap();
        assert_eq!((text.delimiter, text.null.as_str()), (b'\t', "\\N"));
        let binary = parsed("WITH BINARY").unwrap();
        assert!(binary.is_binary() && binary == parsed("(FORMAT binary)").unwrap());
        for bad in [
            "BINARY HEADER",
            "(FORMAT binary, DELIMITER ';')",
            "(FORMAT binary, QUOTE 'x')",
            "(FORMAT parquet)",
            "(NULL)",
            "(DELIMITER 'ab')",
            "(x 1)",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let line = |options: &str, fields: &[&str]| {
            let mut out = BytesMut::new();
            let format = parsed(options).unwrap();
            for (index, field) in fields.iter().enumerate() {
                format.write_field(index, field.as_bytes(), &mut out);
            }
            String::from_utf8(out.to_vec()).unwrap()
        };
        let fields = ["a", "", "b\"c", "d,e", "f\ng", "h\\i\tj"];
        assert_eq!(
            line("CSV", &fields),
            "a,\"\",\"b\"\"c\",\"d,e\",\"f\ng\",h\\i\tj"
        );
        assert_eq!(line("", &fields), "a\t\tb\"c\td,e\tf\\ng\th\\\\i\\tj");
    }
}
