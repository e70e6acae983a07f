//! First records of files of separated values, and what they tell where no option states it: the
//! delimiter, and whether there is a header.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::config::CsvOptions;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::{ListingOptions, ListingTableUrl};
use datafusion::execution::context::SessionState;
use datafusion::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use fusebox_definition::FileAccessError;
use futures::{StreamExt, TryStreamExt};

use super::FileUse;
use super::copied_files::TargetColumns;
use super::text_files::TextFormat;
use crate::copy_options::CopySource;
use crate::function::external;

/// Bytes of a file that are looked at, after its decompression.
const BYTES_MAX: usize = 64 << 10;

/// Records that are looked at.
const RECORDS_MAX: usize = 10;

/// Delimiters that are detected, beside the comma.
const DELIMITERS: [u8; 3] = [b';', b'\t', b'|'];

/// Completes the format of files that are named as a table, if they are separated values.
///
/// The delimiter is that of the first file with a record. Files of `COPY … FROM` have a header if
/// their first records have names of columns alone.
///
/// # Errors
///
/// If a file cannot be read, or some files have a header.
pub(super) async fn detect_format(
    options: &mut ListingOptions,
    copy: Option<(&CopySource<'_>, Option<&TargetColumns>)>,
    paths: &[ListingTableUrl],
    state: &SessionState,
) -> Result<()> {
    let Some(TextFormat::Csv(csv)) = options.format.downcast_ref::<TextFormat>() else {
        return Ok(());
    };
    let mut csv = csv.options().clone();
    let states = |key| copy.is_some_and(|(copy, _)| copy.states(key));
    if csv.delimiter == b',' && !states("format.delimiter") {
        let head = first_head(options, &csv, paths, state).await?;
        let found = head.and_then(|head| head.delimiter());
        csv.delimiter = found.unwrap_or(csv.delimiter);
    }
    if let Some((copy, Some(columns))) = copy
        && !copy.states("format.has_header")
    {
        match headers(options, &csv, &columns.names, paths, state).await? {
            (false, false) => {}
            (true, false) => csv.has_header = Some(true),
            (false, true) => csv.has_header = Some(false),
            (true, true) => {
                let error = FileUse::Read.refused(copy.file, FileAccessError::Headers);
                return Err(external(error));
            }
        }
    }
    options.format = Arc::new(TextFormat::csv(csv)?);
    Ok(())
}

/// Returns true for files that begin with names of columns, and for others.
async fn headers(
    options: &ListingOptions,
    csv: &CsvOptions,
    columns: &[String],
    paths: &[ListingTableUrl],
    state: &SessionState,
) -> Result<(bool, bool)> {
    let mut found = (false, false);
    for path in paths {
        let store = state.runtime_env().object_store(path)?;
        let files = path.list_all_files(state, store.as_ref(), &options.file_extension);
        let mut files = files.await?;
        while let Some(file) = files.try_next().await? {
            let head = CsvHead::read(csv, &file, store.as_ref()).await?;
            match head.is_header(csv.delimiter, columns) {
                Some(true) => found.0 = true,
                Some(false) => found.1 = true,
                None => {}
            }
        }
    }
    Ok(found)
}

/// Reads the begin of the first file that has a record.
async fn first_head(
    options: &ListingOptions,
    csv: &CsvOptions,
    paths: &[ListingTableUrl],
    state: &SessionState,
) -> Result<Option<CsvHead>> {
    for path in paths {
        let store = state.runtime_env().object_store(path)?;
        let files = path.list_all_files(state, store.as_ref(), &options.file_extension);
        let mut files = files.await?;
        while let Some(file) = files.try_next().await? {
            let head = CsvHead::read(csv, &file, store.as_ref()).await?;
            if !head.records().is_empty() {
                return Ok(Some(head));
            }
        }
    }
    Ok(None)
}

/// Begin of a file.
struct CsvHead {
    text: Vec<u8>,
    quote: u8,
    escape: Option<u8>,
}

impl CsvHead {
    /// Reads the complete records that a file begins with.
    async fn read(
        options: &CsvOptions,
        file: &ObjectMeta,
        store: &dyn ObjectStore,
    ) -> Result<Self> {
        let bytes = store.get(&file.location).await?.into_stream();
        let bytes = bytes.map_err(DataFusionError::from).boxed();
        let compression = FileCompressionType::from(options.compression);
        let mut bytes = compression.convert_stream(bytes)?;
        let mut text = Vec::new();
        while text.len() <= BYTES_MAX
            && let Some(part) = bytes.try_next().await?
        {
            text.extend_from_slice(&part);
        }
        let is_whole = text.len() <= BYTES_MAX;
        let mut head = Self {
            text,
            quote: options.quote,
            escape: options.escape,
        };
        if !is_whole {
            let breaks = head.unquoted(&head.text).filter(|(_, byte)| *byte == b'\n');
            let end = breaks.map(|(place, _)| place).last();
            head.text.truncate(end.unwrap_or_default());
        }
        Ok(head)
    }

    /// Returns the first records, without their line breaks and without empty lines.
    fn records(&self) -> Vec<&[u8]> {
        let mut records = Vec::new();
        let mut begin = 0;
        let ends = self.unquoted(&self.text);
        let ends = ends.filter(|(_, byte)| matches!(byte, b'\n' | b'\r'));
        let ends = ends.map(|(place, _)| place).chain([self.text.len()]);
        for end in ends {
            let record = &self.text[begin..end];
            begin = end + 1;
            if !record.is_empty() {
                records.push(record);
            }
            if records.len() == RECORDS_MAX {
                break;
            }
        }
        records
    }

    /// Returns the delimiter, if it is another than the comma: the first record has none of those,
    /// and all records have the same number of another.
    fn delimiter(&self) -> Option<u8> {
        let records = self.records();
        let count = |record: &[u8], delimiter: u8| {
            let bytes = self.unquoted(record);
            bytes.filter(|(_, byte)| *byte == delimiter).count()
        };
        let first = records.first().filter(|first| count(first, b',') == 0)?;
        let counts = DELIMITERS.map(|delimiter| (count(first, delimiter), delimiter));
        let (most, delimiter) = counts.into_iter().max_by_key(|(count, _)| *count)?;
        let is_even = || {
            records
                .iter()
                .all(|record| count(record, delimiter) == most)
        };
        (most > 0 && is_even()).then_some(delimiter)
    }

    /// Returns true if the first record has names of `columns` alone; `None` if there is no record.
    fn is_header(&self, delimiter: u8, columns: &[String]) -> Option<bool> {
        let records = self.records();
        let record = records.first()?;
        // The mark that some systems write before texts of UTF-8.
        let record = record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record);
        let ends = self.unquoted(record);
        let ends = ends.filter(|(_, byte)| *byte == delimiter);
        let ends = ends.map(|(place, _)| place).chain([record.len()]);
        let mut begin = 0;
        for end in ends {
            let field = String::from_utf8_lossy(&record[begin..end]);
            begin = end + 1;
            let quote = char::from(self.quote);
            let field = field.trim();
            let inside = field.strip_prefix(quote);
            let inside = inside.and_then(|field| field.strip_suffix(quote));
            let name = match inside {
                Some(inside) => inside.replace(&quote.to_string().repeat(2), &quote.to_string()),
                None => field.to_owned(),
            };
            if !columns.contains(&name.to_lowercase()) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Returns the bytes of a text that are outside of quotes, with their places.
    fn unquoted<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = (usize, u8)> + use<'a> {
        let (quote, escape) = (self.quote, self.escape);
        let (mut is_quoted, mut is_escaped) = (false, false);
        text.iter().copied().enumerate().filter(move |(_, byte)| {
            if std::mem::take(&mut is_escaped) {
                return false;
            }
            if *byte == quote {
                is_quoted = !is_quoted;
                return false;
            }
            is_escaped = Some(*byte) == escape;
            !is_quoted
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> CsvHead {
        CsvHead {
            text: text.as_bytes().to_vec(),
            quote: b'"',
            escape: None,
        }
    }

    #[test]
    fn delimiters_are_those_of_all_records() {
        for (text, expected) in [
            ("a;b\n1;2\n", Some(b';')),
            ("a\tb\r\n1\t2", Some(b'\t')),
            ("a|b|c;d\n1|2|3;4\n", Some(b'|')),
            ("name;price\nx;1,5\n", Some(b';')),
            ("\"a,b\";c\n\n1;\"2;3\n4\"\n", Some(b';')),
            ("a,b;c\n1,2;3\n", None),
            ("a;b\n1\n", None),
            ("note\na;b\n", None),
            ("\"a;b\"\nc\n", None),
            ("a\n1\n", None),
            ("\n", None),
            ("", None),
        ] {
            assert_eq!(head(text).delimiter(), expected, "{text:?}");
        }
        // Records after the first ones are not looked at.
        let text = format!("{}1\n", "a;b\n".repeat(RECORDS_MAX));
        assert_eq!(head(&text).delimiter(), Some(b';'));
    }

    #[test]
    fn headers_have_names_of_columns_alone() {
        let columns = ["id", "a \"b\"", "c"].map(str::to_owned);
        for (text, expected) in [
            ("id;c\n1;2\n", Some(true)),
            ("\n C ;\"ID\";\"A \"\"b\"\"\"", Some(true)),
            ("\u{feff}id\n", Some(true)),
            ("id;d\n", Some(false)),
            ("id;\n", Some(false)),
            ("1;2\n", Some(false)),
            ("", None),
        ] {
            assert_eq!(head(text).is_header(b';', &columns), expected, "{text:?}");
        }
    }

    #[test]
    fn records_are_divided_outside_of_quotes() {
        let text = head("a\r\n\"b\n\"\"c\"\n\n\nd");
        let records: [&[u8]; 3] = [b"a", b"\"b\n\"\"c\"", b"d"];
        assert_eq!(text.records(), records);
        assert!(head("").records().is_empty());
    }
}
