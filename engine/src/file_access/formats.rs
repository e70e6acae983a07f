//! Formats of files beside those of DataFusion: tab-separated values, JSON by its other endings and
//! as one array, and Parquet of several writers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::{GetExt, Result};
use datafusion::datasource::file_format::csv::{CsvFormat, CsvFormatFactory};
use datafusion::datasource::file_format::json::JsonFormatFactory;
use datafusion::datasource::file_format::parquet::ParquetFormatFactory;
use datafusion::datasource::file_format::{FileFormat, FileFormatFactory};
use datafusion::datasource::listing_table_factory::ListingTableFactory;
use datafusion::execution::context::SessionState;

use super::parquet_files::ParquetFactory;
use super::text_files::TextFormat;

/// Option of DataFusion's CSV files.
const DELIMITER: &str = "format.delimiter";

/// Endings of compressed files, as DataFusion reads them.
const COMPRESSED: [&str; 4] = ["gz", "bz2", "xz", "zst"];

/// Formats that may be compressed as a whole.
const TEXT_FORMATS: [&str; 5] = ["csv", "tsv", "json", "ndjson", "jsonl"];

/// Other formats that DataFusion reads.
const BINARY_FORMATS: [&str; 3] = ["parquet", "arrow", "avro"];

/// Returns the endings of the files whose format is known.
pub(crate) fn endings() -> impl Iterator<Item = &'static str> {
    TEXT_FORMATS.into_iter().chain(BINARY_FORMATS)
}

/// Registers the formats, for the endings of files, `STORED AS` and `COPY`. Those that the
/// embedder has registered stay.
pub(super) fn register_formats(state: &mut SessionState) {
    let formats: [Arc<dyn FileFormatFactory>; 3] = [
        Arc::new(Delimited("tsv", b'\t', CsvFormatFactory::new())),
        Arc::new(Json("ndjson", JsonFormatFactory::new())),
        Arc::new(Json("jsonl", JsonFormatFactory::new())),
    ];
    let csv = state.get_file_format_factory("csv");
    if csv.is_some_and(|csv| csv.is::<CsvFormatFactory>()) {
        let format = Arc::new(Delimited("csv", b',', CsvFormatFactory::new()));
        // Without `true`, another format of the ending is an error.
        let _ = state.register_file_format(format, true);
    }
    let json = state.get_file_format_factory("json");
    if json.is_some_and(|json| json.is::<JsonFormatFactory>()) {
        let format = Arc::new(Json("json", JsonFormatFactory::new()));
        let _ = state.register_file_format(format, true);
    }
    let parquet = state.get_file_format_factory("parquet");
    if let Some(parquet) = parquet.filter(|parquet| parquet.is::<ParquetFormatFactory>()) {
        let _ = state.register_file_format(Arc::new(ParquetFactory(parquet)), true);
    }
    for format in formats {
        let name = format.get_ext().to_ascii_uppercase();
        // An error says that the ending is taken.
        let _ = state.register_file_format(format, false);
        let factory = || Arc::new(ListingTableFactory::new()) as _;
        state
            .table_factories_mut()
            .entry(name)
            .or_insert_with(factory);
    }
}

/// Returns the format and the compression of a file of text, by its endings: of `a.csv.gz`,
/// `csv` and `gz`.
pub(crate) fn compressed_text(location: &str) -> Option<(&str, &str)> {
    let (rest, compression) = location.rsplit_once('.')?;
    let (_, format) = rest.rsplit_once('.')?;
    let is_known = COMPRESSED.contains(&compression) && TEXT_FORMATS.contains(&format);
    is_known.then_some((format, compression))
}

/// Values separated by a delimiter, unless another one is stated.
struct Delimited(&'static str, u8, CsvFormatFactory);

impl FileFormatFactory for Delimited {
    fn create(
        &self,
        state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> Result<Arc<dyn FileFormat>> {
        let mut options = options.clone();
        let is_stated = options
            .keys()
            .any(|key| key.eq_ignore_ascii_case(DELIMITER));
        if !is_stated && self.1 != b',' {
            options.insert(DELIMITER.to_owned(), char::from(self.1).to_string());
        }
        self.2.create(state, &options).and_then(TextFormat::wrap)
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        Arc::new(CsvFormat::default().with_delimiter(self.1))
    }
}

impl GetExt for Delimited {
    fn get_ext(&self) -> String {
        self.0.to_owned()
    }
}

impl fmt::Debug for Delimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Delimited").field(&self.0).finish()
    }
}

/// JSON in lines, unless the option `format.newline_delimited` is false.
struct Json(&'static str, JsonFormatFactory);

impl FileFormatFactory for Json {
    fn create(
        &self,
        state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> Result<Arc<dyn FileFormat>> {
        self.1.create(state, options).and_then(TextFormat::wrap)
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        FileFormatFactory::default(&self.1)
    }
}

impl GetExt for Json {
    fn get_ext(&self) -> String {
        self.0.to_owned()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_of_text_have_two_endings() {
        for (location, expected) in [
            ("a.csv.gz", Some(("csv", "gz"))),
            ("x/y.z/a.b.ndjson.zst", Some(("ndjson", "zst"))),
            ("file:///x/a.tsv.xz", Some(("tsv", "xz"))),
            ("a.csv", None),
            ("a.gz", None),
            ("csv.gz", None),
            ("a.parquet.gz", None),
            ("a.csv.gz/", None),
            ("", None),
        ] {
            assert_eq!(compressed_text(location), expected, "{location}");
        }
    }
}
