//! Texts that stand for null in files of separated values.
//!
//! DataFusion infers types by the option `format.null_regex`, and does not read rows by it. With
//! the option, files are read here, each as a whole.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::{Decoder, Format};
use arrow::datatypes::SchemaRef;
use bytes::{Buf, Bytes};
use datafusion::common::{DataFusionError, Result};
use datafusion::config::CsvOptions;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    CsvSource, FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::object_store::{GetOptions, GetResultPayload, ObjectStore};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use regex::Regex;

/// Texts that stand for null.
#[derive(Clone, Debug)]
pub(super) struct CsvNulls {
    texts: Regex,
}

impl CsvNulls {
    /// Returns the texts that options of a file state; `None` if empty text is null, as without
    /// options.
    ///
    /// # Errors
    ///
    /// A plan error for an invalid regular expression.
    pub(super) fn of(options: &CsvOptions) -> Result<Option<Self>> {
        let Some(texts) = null_regex(options) else {
            return Ok(None);
        };
        match Regex::new(&texts) {
            Ok(texts) => Ok(Some(Self { texts })),
            Err(_) => Err(DataFusionError::Plan(format!(
                "expected a regular expression as format.null_regex, found '{}'; write a backslash \
                 before a character that stands for itself",
                texts.escape_debug()
            ))),
        }
    }

    /// Makes the opener of the files of a scan.
    pub(super) fn create_opener(
        &self,
        source: &CsvSource,
        store: Arc<dyn ObjectStore>,
        scan: &FileScanConfig,
        batch_rows: Option<usize>,
    ) -> Result<Arc<dyn FileOpener>> {
        let table = source.table_schema();
        let schema = table.file_schema();
        let projection = match source.projection() {
            Some(projection) => SplitProjection::new(schema, projection),
            None => SplitProjection::unprojected(table),
        };
        let opener = Arc::new(NullsOpener {
            schema: Arc::clone(schema),
            format: Self::format_of(Some(self), source),
            columns: projection.file_indices.clone(),
            batch_rows: batch_rows.or(scan.batch_size),
            compression: scan.file_compression_type,
            store,
        });
        ProjectionOpener::try_new(projection, opener, schema)
    }

    /// Returns the format of the records of a source, with texts for null if there are any.
    pub(super) fn format_of(nulls: Option<&Self>, source: &CsvSource) -> Format {
        let mut format = Format::default()
            .with_header(source.has_header())
            .with_delimiter(source.delimiter())
            .with_quote(source.quote())
            .with_truncated_rows(source.truncate_rows());
        if let Some(nulls) = nulls {
            format = format.with_null_regex(nulls.texts.clone());
        }
        if let Some(terminator) = source.terminator() {
            format = format.with_terminator(terminator);
        }
        if let Some(escape) = source.escape() {
            format = format.with_escape(escape);
        }
        if let Some(comment) = source.comment() {
            format = format.with_comment(comment);
        }
        format
    }
}

/// Returns the regular expression of null: the one that is stated, or that of the text that is
/// written for nulls.
pub(super) fn null_regex(options: &CsvOptions) -> Option<String> {
    let written = options.null_value.as_deref();
    let written = written.filter(|text| !text.is_empty());
    let stated = options.null_regex.clone();
    stated.or_else(|| written.map(|text| format!("^{}$", regex::escape(text))))
}

/// Opens files as arrow-csv does with texts of null.
struct NullsOpener {
    schema: SchemaRef,
    format: Format,
    /// Columns to read.
    columns: Vec<usize>,
    batch_rows: Option<usize>,
    compression: FileCompressionType,
    store: Arc<dyn ObjectStore>,
}

impl NullsOpener {
    fn builder(&self) -> ReaderBuilder {
        let builder = ReaderBuilder::new(Arc::clone(&self.schema))
            .with_format(self.format.clone())
            .with_projection(self.columns.clone());
        match self.batch_rows {
            Some(rows) => builder.with_batch_size(rows),
            None => builder,
        }
    }
}

impl FileOpener for NullsOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let builder = self.builder();
        let compression = self.compression;
        let store = Arc::clone(&self.store);
        Ok(Box::pin(async move {
            let location = &file.object_meta.location;
            let found = store.get_opts(location, GetOptions::default()).await?;
            match found.payload {
                GetResultPayload::File(file, _) => {
                    let rows = builder.build(compression.convert_read(file)?)?;
                    Ok(stream::iter(rows).map_err(DataFusionError::from).boxed())
                }
                GetResultPayload::Stream(bytes) => {
                    let bytes = bytes.map_err(DataFusionError::from).boxed();
                    let bytes = compression.convert_stream(bytes)?;
                    Ok(decode(bytes, builder.build_decoder()))
                }
            }
        }))
    }
}

/// Decodes the rows of a file.
fn decode(
    bytes: BoxStream<'static, Result<Bytes>>,
    decoder: Decoder,
) -> BoxStream<'static, Result<RecordBatch>> {
    let state = (bytes.fuse(), Bytes::new(), decoder);
    let rows = stream::try_unfold(state, |(mut bytes, mut rest, mut decoder)| async move {
        loop {
            if rest.is_empty() {
                match bytes.try_next().await? {
                    Some(next) if next.is_empty() => continue,
                    // Decoding nothing ends the last row.
                    next => rest = next.unwrap_or_default(),
                }
            }
            let decoded = decoder.decode(&rest)?;
            rest.advance(decoded);
            if decoded == 0 || decoder.capacity() == 0 {
                let rows = decoder.flush()?;
                return Ok::<_, DataFusionError>(rows.map(|rows| (rows, (bytes, rest, decoder))));
            }
        }
    });
    rows.boxed()
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn options(null_value: Option<&str>, null_regex: Option<&str>) -> CsvOptions {
        CsvOptions {
            null_value: null_value.map(str::to_owned),
            null_regex: null_regex.map(str::to_owned),
            ..CsvOptions::default()
        }
    }

    #[test]
    fn a_text_is_null_as_a_whole_and_a_regex_as_it_is_stated() {
        for (value, regex, expected) in [
            (None, None, None),
            (Some(""), None, None),
            (Some("N.A"), None, Some("^N\\.A$")),
            (None, Some("NA"), Some("NA")),
            (Some("NIL"), Some("^-$"), Some("^-$")),
        ] {
            let found = null_regex(&options(value, regex));
            assert_eq!(found.as_deref(), expected);
        }
        let refused = CsvNulls::of(&options(None, Some("("))).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("format.null_regex, found '('"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn chunks_of_any_size_give_the_same_rows() {
        let text = b"n,s\n1,NA\nNA,\n3,NANCY";
        let nulls = CsvNulls::of(&options(Some("NA"), None)).unwrap().unwrap();
        let fields = [
            Field::new("n", DataType::Int64, true),
            Field::new("s", DataType::Utf8, true),
        ];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let format = Format::default().with_header(true);
        let format = format.with_null_regex(nulls.texts);
        for size in 1..=text.len() {
            for batch_rows in 1..=4 {
                let builder = ReaderBuilder::new(Arc::clone(&schema)).with_format(format.clone());
                let decoder = builder.with_batch_size(batch_rows).build_decoder();
                let chunks: Vec<_> = text.chunks(size).map(Bytes::copy_from_slice).collect();
                let chunks = stream::iter(chunks).map(Ok).boxed();
                let read = decode(chunks, decoder).try_collect::<Vec<_>>();
                let batches = read.await.unwrap();
                let rows = arrow::compute::concat_batches(&schema, &batches).unwrap();
                let numbers = rows.column(0).as_primitive::<Int64Type>();
                let texts = rows.column(1).as_string::<i32>();
                let numbers: Vec<_> = numbers.iter().collect();
                let texts: Vec<_> = texts.iter().collect();
                assert_eq!(numbers, [Some(1), None, Some(3)]);
                assert_eq!(texts, [None, Some(""), Some("NANCY")]);
            }
        }
    }
}
