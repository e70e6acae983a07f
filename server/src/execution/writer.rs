//! Rows in each format.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;

use crate::copy_format::CopyFormat;
use crate::encoding::EncodingError;
use crate::encoding::rows::{ROW_BYTES_MAX, ResultColumns, Rows};
use crate::protocol::Format;
use crate::protocol::backend;

/// Format of the rows of a result.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Messages of PostgreSQL's protocol.
    Messages {
        /// Columns as the client knows them, if they were described.
        described: Option<Arc<ResultColumns>>,
        /// None for text, one for all, or one for each.
        formats: Vec<Format>,
        /// Names in place of those of the result.
        names: Vec<Option<String>>,
    },
    /// Lines or tuples of a `COPY … TO STDOUT`.
    Copy(CopyFormat),
    /// Lines of JSON.
    Json,
    /// Batches of Arrow, which no writer of rows writes.
    Arrow,
}

/// Writer of rows.
pub(super) struct RowWriter {
    output: Output,
    columns: ResultColumns,
    formats: Vec<Format>,
    /// True after the first row.
    has_rows: bool,
}

impl RowWriter {
    pub(super) fn new(output: Output, schema: &Schema) -> Self {
        let own = || ResultColumns::new(schema);
        let columns = match &output {
            Output::Messages {
                described: Some(described),
                ..
            } if described.fields.len() == schema.fields().len() => described.as_ref().clone(),
            Output::Messages { names, .. } => own().renamed(names),
            _ => own(),
        };
        let stated = match &output {
            Output::Messages { formats, .. } => &formats[..],
            Output::Copy(format) => format.value_formats(),
            _ => &[],
        };
        Self {
            has_rows: false,
            formats: columns.formats(stated),
            columns,
            output,
        }
    }

    pub(super) fn columns(&self) -> &ResultColumns {
        &self.columns
    }

    pub(super) fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Writes what comes before the rows.
    pub(super) fn begin(&self, out: &mut BytesMut) {
        if let Output::Copy(format) = &self.output {
            let names = self.columns.fields.iter().map(|field| field.name.as_str());
            format.write_header(names, out);
        }
    }

    /// Writes what comes after the rows.
    pub(super) fn end(&self, out: &mut BytesMut) {
        if let Output::Copy(format) = &self.output {
            format.write_end(self.has_rows, out);
        }
    }

    /// Prepares the rows of a batch.
    pub(super) fn rows(&self, batch: &RecordBatch) -> Result<Rows, EncodingError> {
        self.columns.rows(batch, &self.formats)
    }

    /// Writes a row.
    pub(super) fn write(
        &mut self,
        rows: &Rows,
        row: usize,
        out: &mut BytesMut,
    ) -> Result<(), EncodingError> {
        match &self.output {
            Output::Messages { .. } => rows.write(row, out),
            Output::Copy(format) => {
                let is_first = !std::mem::replace(&mut self.has_rows, true);
                let mut written = Ok(());
                backend::copy_data(out, |out| {
                    written = format.write_row(rows, row, is_first, out);
                });
                written
            }
            Output::Json => {
                let begin = out.len();
                out.put_u8(b'{');
                for (index, (column, field)) in rows.columns().zip(&self.columns.fields).enumerate()
                {
                    if index > 0 {
                        out.put_u8(b',');
                    }
                    out.put_slice(
                        serde_json::Value::from(field.name.as_str())
                            .to_string()
                            .as_bytes(),
                    );
                    out.put_u8(b':');
                    column.write_json(row, out);
                    if out.len() - begin > ROW_BYTES_MAX {
                        return Err(EncodingError::RowTooLarge);
                    }
                }
                out.put_slice(b"}\n");
                Ok(())
            }
            Output::Arrow => Ok(()),
        }
    }
}
