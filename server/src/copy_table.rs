//! Table of the rows of a `COPY … FROM STDIN`, which are read once, while they arrive.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryBuilder, RecordBatch, RecordBatchOptions, StringViewArray,
    StringViewBuilder,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as DfResult, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;
use tokio::sync::mpsc;

use crate::copy_format::CopyReader;
use crate::report::{BAD_COPY_FORMAT, Report};

/// Batches that wait for the statement.
const BATCHES_MAX: usize = 2;

/// Rows and bytes of a batch.
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: usize = 1 << 20;

/// Rows that arrive, as a table.
#[derive(Debug)]
pub(crate) struct CopyTable(Arc<Arriving>);

/// Rows that arrive.
struct Arriving {
    schema: SchemaRef,
    batches: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
    is_complete: Arc<AtomicBool>,
}

/// Sender of the rows. Unless it is told that they are complete, their end is an error.
pub(crate) struct RowSender {
    batches: mpsc::Sender<RecordBatch>,
    is_complete: Arc<AtomicBool>,
}

impl CopyTable {
    /// Name of the table while its statement is planned.
    pub(crate) const NAME: &str = "fusebox_copy_rows";

    /// Makes a table of columns, and the sender of its rows.
    pub(crate) fn new(schema: SchemaRef) -> (Self, RowSender) {
        let (sender, batches) = mpsc::channel(BATCHES_MAX);
        let is_complete = Arc::<AtomicBool>::default();
        let arriving = Arriving {
            schema,
            batches: Mutex::new(Some(batches)),
            is_complete: Arc::clone(&is_complete),
        };
        let sender = RowSender {
            batches: sender,
            is_complete,
        };
        (Self(Arc::new(arriving)), sender)
    }
}

impl RowSender {
    /// Sends rows; returns false if nothing reads them any more.
    pub(crate) async fn send(&self, batch: RecordBatch) -> bool {
        self.batches.send(batch).await.is_ok()
    }

    /// Ends the rows.
    pub(crate) fn complete(self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

#[async_trait]
impl TableProvider for CopyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let partition: Arc<dyn PartitionStream> = Arc::clone(&self.0) as _;
        let schema = Arc::clone(&self.0.schema);
        let scan =
            StreamingTableExec::try_new(schema, vec![partition], projection, None, false, limit)?;
        Ok(Arc::new(scan))
    }
}

impl PartitionStream for Arriving {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self
            .batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let is_complete = Arc::clone(&self.is_complete);
        let arriving = stream::try_unfold(batches, move |batches| {
            let is_complete = Arc::clone(&is_complete);
            async move {
                let Some(mut batches) = batches else {
                    return exec_err!("expected one scan of the rows of COPY, found another");
                };
                match batches.recv().await {
                    Some(batch) => Ok(Some((batch, Some(batches)))),
                    None if is_complete.load(Ordering::Acquire) => Ok(None),
                    None => exec_err!("expected all rows of COPY, found their end before"),
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            arriving,
        ))
    }
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arriving").finish_non_exhaustive()
    }
}

/// Lines of a client as batches of the types of a table.
pub(crate) struct CopyRows {
    schema: SchemaRef,
    reader: CopyReader,
    columns: Vec<StringViewBuilder>,
    rows: usize,
    bytes: usize,
}

impl CopyRows {
    pub(crate) fn new(schema: SchemaRef, reader: CopyReader) -> Self {
        let columns = schema.fields().iter().map(|_| StringViewBuilder::new());
        Self {
            columns: columns.collect(),
            schema,
            reader,
            rows: 0,
            bytes: 0,
        }
    }

    /// Adds bytes of the client.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// Takes a batch that is full, or the last one if all bytes are there.
    ///
    /// # Errors
    ///
    /// A report for a line that is no row of the table.
    pub(crate) fn next_batch(&mut self, is_last: bool) -> Result<Option<RecordBatch>, Report> {
        while self.rows < BATCH_ROWS && self.bytes < BATCH_BYTES {
            let Some(fields) = self.reader.next_line(is_last)? else {
                return match is_last && self.rows > 0 {
                    true => self.take_batch().map(Some),
                    false => Ok(None),
                };
            };
            if fields.len() != self.columns.len() {
                let message = format!(
                    "expected {} columns, found {} at line {} of COPY",
                    self.columns.len(),
                    fields.len(),
                    self.reader.line()
                );
                return Err(Report::error(BAD_COPY_FORMAT, message));
            }
            for (column, field) in self.columns.iter_mut().zip(fields) {
                self.bytes += field.as_ref().map_or(1, String::len);
                column.append_option(field);
            }
            self.rows += 1;
        }
        self.take_batch().map(Some)
    }

    fn take_batch(&mut self) -> Result<RecordBatch, Report> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let fields = self.schema.fields().iter();
        let columns = self.columns.iter_mut().zip(fields).map(|(column, field)| {
            let texts = column.finish();
            typed(texts, field.data_type()).map_err(|error| {
                let message = format!(
                    "column {} has no value of its type up to line {} of COPY: {error}",
                    field.name(),
                    self.reader.line()
                );
                Report::error("22P02", message)
            })
        });
        let columns = columns.collect::<Result<Vec<_>, Report>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        // Columns that have no nulls are checked by the table.
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options);
        batch.map_err(|error| Report::from(DataFusionError::from(error)))
    }
}

/// Converts texts to a type.
fn typed(texts: StringViewArray, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let array: ArrayRef = match data_type {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let mut bytes = BinaryBuilder::new();
            for text in &texts {
                match text.map(|text| (text.strip_prefix("\\x"), text)) {
                    None => bytes.append_null(),
                    Some((Some(digits), _)) => {
                        let value = crate::encoding::parameters::from_hex(digits);
                        let value = value.ok_or_else(|| {
                            ArrowError::ParseError("expected hexadecimal digits after \\x".into())
                        })?;
                        bytes.append_value(value);
                    }
                    Some((None, text)) => bytes.append_value(text),
                }
            }
            Arc::new(bytes.finish())
        }
        _ => Arc::new(texts),
    };
    match array.data_type() == data_type {
        true => Ok(array),
        false => cast_with_options(&array, data_type, &options),
    }
}
