//! Division of the lines of a client into fields.

use bytes::{Buf, BytesMut};

use super::{CopyFormat, ESCAPES, Layout};
use crate::report::{BAD_COPY_FORMAT, LIMIT_EXCEEDED, Report};

/// Reader of lines, which come in pieces of any size.
pub(crate) struct CopyReader {
    format: CopyFormat,
    bytes: BytesMut,
    /// Bytes of the open line that were searched for its end.
    searched: usize,
    is_quoted: bool,
    line: u64,
    line_bytes_max: usize,
    is_at_end: bool,
}

/// Fields of a line; `None` for nulls.
pub(crate) type Fields = Vec<Option<String>>;

impl CopyReader {
    pub(crate) fn new(format: CopyFormat, line_bytes_max: usize) -> Self {
        Self {
            format,
            bytes: BytesMut::new(),
            searched: 0,
            is_quoted: false,
            line: 0,
            line_bytes_max,
            is_at_end: false,
        }
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the number of the last line, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Takes the next line; `None` if it is not complete. The last line may have no end if `is_last`.
    ///
    /// # Errors
    ///
    /// A report for a line that is too long, is not UTF-8 or has an open quote.
    pub(crate) fn next_line(&mut self, is_last: bool) -> Result<Option<Fields>, Report> {
        loop {
            if self.is_at_end {
                self.bytes.clear();
                return Ok(None);
            }
            let Some(mut line) = self.take_line(is_last)? else {
                return Ok(None);
            };
            self.line += 1;
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            if &line[..] == b"\\." {
                self.is_at_end = true;
                continue;
            }
            if self.line == 1 && self.format.has_header {
                continue;
            }
            return self.fields(&line).map(Some);
        }
    }

    /// Takes the bytes up to the next end of a line.
    fn take_line(&mut self, is_last: bool) -> Result<Option<BytesMut>, Report> {
        let CopyFormat { quote, escape, .. } = self.format;
        let is_csv = self.format.layout == Layout::Csv;
        while let Some(byte) = self.bytes.get(self.searched).copied() {
            // The next byte of an escape may be missing yet.
            let escapes = match is_csv {
                true => self.is_quoted && byte == escape && escape != quote,
                false => byte == b'\\',
            };
            match byte {
                _ if escapes => {
                    if self.searched + 1 == self.bytes.len() && !is_last {
                        return self.check_length();
                    }
                    self.searched += 1;
                }
                _ if is_csv && byte == quote => self.is_quoted = !self.is_quoted,
                b'\n' if !self.is_quoted => {
                    let line = self.bytes.split_to(self.searched);
                    self.bytes.advance(1);
                    self.searched = 0;
                    return Ok(Some(line));
                }
                _ => {}
            }
            self.searched += 1;
        }
        if !is_last {
            return self.check_length();
        }
        if self.is_quoted {
            return Err(self.bad("unterminated CSV quoted field"));
        }
        self.searched = 0;
        let line = self.bytes.split();
        Ok((!line.is_empty()).then_some(line))
    }

    fn check_length(&self) -> Result<Option<BytesMut>, Report> {
        if self.bytes.len() <= self.line_bytes_max {
            return Ok(None);
        }
        let message = format!(
            "expected lines of at most {} bytes, found a longer one after line {}",
            self.line_bytes_max, self.line
        );
        Err(Report::error(LIMIT_EXCEEDED, message))
    }

    fn bad(&self, message: &str) -> Report {
        let message = format!("{message} at line {} of COPY", self.line + 1);
        Report::error(BAD_COPY_FORMAT, message)
    }

    fn fields(&self, line: &[u8]) -> Result<Fields, Report> {
        let fields = match self.format.layout {
            Layout::Csv => self.csv_fields(line),
            Layout::Text | Layout::Binary => self.text_fields(line),
        };
        fields.ok_or_else(|| {
            Report::error(
                "22021",
                format!(
                    "expected UTF-8 at line {} of COPY, found other bytes",
                    self.line
                ),
            )
        })
    }

    fn csv_fields(&self, line: &[u8]) -> Option<Fields> {
        let CopyFormat {
            delimiter,
            quote,
            escape,
            ref null,
            ..
        } = self.format;
        let mut fields = Vec::new();
        let (mut field, mut was_quoted, mut is_quoted) = (Vec::new(), false, false);
        let mut bytes = line.iter().copied().peekable();
        loop {
            let byte = bytes.next();
            match byte {
                Some(byte) if is_quoted => {
                    let next = bytes.peek().copied();
                    let escapes = byte == escape && next.is_some_and(|n| n == quote || n == escape);
                    match byte {
                        _ if escapes => field.extend(bytes.next()),
                        _ if byte == quote => is_quoted = false,
                        _ => field.push(byte),
                    }
                }
                Some(byte) if byte == quote => (is_quoted, was_quoted) = (true, true),
                Some(byte) if byte != delimiter => field.push(byte),
                end => {
                    let is_null = !was_quoted && field == null.as_bytes();
                    let text = String::from_utf8(std::mem::take(&mut field)).ok()?;
                    fields.push((!is_null).then_some(text));
                    was_quoted = false;
                    if end.is_none() {
                        return Some(fields);
                    }
                }
            }
        }
    }

    fn text_fields(&self, line: &[u8]) -> Option<Fields> {
        let mut fields = Vec::new();
        let mut rest = line;
        loop {
            let mut end = 0;
            while end < rest.len() && rest[end] != self.format.delimiter {
                end += if rest[end] == b'\\' { 2 } else { 1 };
            }
            let (field, after) = rest.split_at(end.min(rest.len()));
            let is_null = field == self.format.null.as_bytes();
            let text = String::from_utf8(unescaped(field)).ok()?;
            fields.push((!is_null).then_some(text));
            match after.split_first() {
                Some((_, after)) => rest = after,
                None => return Some(fields),
            }
        }
    }
}

/// Replaces sequences of a backslash.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied().peekable();
    let octal = |byte: u8| (b'0'..b'8').contains(&byte).then(|| byte - b'0');
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some(letter) = bytes.next() else {
            text.push(byte);
            continue;
        };
        if let Some((_, value)) = ESCAPES.iter().find(|(name, _)| *name == letter) {
            text.push(*value);
        } else if let Some(mut value) = octal(letter) {
            for _ in 0..2 {
                if let Some(digit) = bytes.peek().copied().and_then(octal) {
                    value = value.wrapping_mul(8).wrapping_add(digit);
                    bytes.next();
                }
            }
            text.push(value);
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::copy_format::tests::parsed;

    fn read(options: &str, pieces: &[&[u8]]) -> Result<Vec<Fields>, Report> {
        let mut reader = CopyReader::new(parsed(options).unwrap(), 100);
        let mut lines = Vec::new();
        for piece in pieces {
            reader.push(piece);
            while let Some(line) = reader.next_line(false)? {
                lines.push(line);
            }
        }
        while let Some(line) = reader.next_line(true)? {
            lines.push(line);
        }
        Ok(lines)
    }

    fn line(fields: &[Option<&str>]) -> Fields {
        fields
            .iter()
            .map(|field| field.map(str::to_owned))
            .collect()
    }

    #[test]
    fn text_has_escapes_and_nulls() {
        let bytes = b"a\\tb\t\\N\t\\\\N\n\\101\\\nx\t\ty\r\n\\.\nrest";
        let expected = [
            line(&[Some("a\tb"), None, Some("\\N")]),
            line(&[Some("A\nx"), Some(""), Some("y")]),
        ];
        for split in 0..bytes.len() {
            let (one, other) = bytes.split_at(split);
            assert_eq!(read("", &[one, other]).unwrap(), expected, "{split}");
        }
    }

    #[test]
    fn csv_has_quotes_that_span_lines() {
        let bytes = b"h1,h2\n1,\"a\nb \"\"c\"\"\"\r\n,\"\"\n2,x";
        let expected = [
            line(&[Some("1"), Some("a\nb \"c\"")]),
            line(&[None, Some("")]),
            line(&[Some("2"), Some("x")]),
        ];
        for split in 0..bytes.len() {
            let (one, other) = bytes.split_at(split);
            assert_eq!(
                read("CSV HEADER", &[one, other]).unwrap(),
                expected,
                "{split}"
            );
        }
        let open = read("CSV", &[b"1,\"a\n"]).unwrap_err();
        assert_eq!(open.code, BAD_COPY_FORMAT);
    }

    #[test]
    fn lines_have_a_maximum() {
        assert!(read("CSV", &[&[b'x'; 100]]).is_ok());
        assert_eq!(
            read("CSV", &[&[b'x'; 101]]).unwrap_err().code,
            LIMIT_EXCEEDED
        );
        assert!(read("CSV", &[b"\xff\n"]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_lines_or_errors(bytes: Vec<u8>, csv: bool) {
            let _ = read(if csv { "CSV" } else { "" }, &[&bytes]);
        }
    }
}
