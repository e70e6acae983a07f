//! Names of files in errors of their text, with the place of a value.

use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::object_store::ObjectStore;
use futures::{StreamExt, TryStreamExt};

use super::bad_cells::{file_name, is_of_value};
use super::csv_cells::{BYTES_MAX, CsvCells};

/// Opens files, and names them in errors of their text.
pub(super) struct NamingOpener {
    opener: Arc<dyn FileOpener>,
    /// URL of the object store.
    store: String,
    /// `None` of other files than separated values.
    values: Option<Arc<Values>>,
}

/// Values of separated values.
pub(super) struct Values {
    cells: CsvCells,
    store: Arc<dyn ObjectStore>,
}

impl NamingOpener {
    /// Wraps the opener of files of an object store.
    pub(super) fn new(opener: Arc<dyn FileOpener>, store: String, values: Option<Values>) -> Self {
        Self {
            opener,
            store,
            values: values.map(Arc::new),
        }
    }
}

impl Values {
    /// Returns the values of the files of a store.
    pub(super) fn new(cells: CsvCells, store: Arc<dyn ObjectStore>) -> Self {
        Self { cells, store }
    }

    /// Adds the place of the value that an error of a file is of.
    async fn located(
        &self,
        name: &str,
        file: &PartitionedFile,
        error: DataFusionError,
    ) -> DataFusionError {
        let cause = match &error {
            DataFusionError::Context(_, cause) => cause.as_ref(),
            error => error,
        };
        if !is_of_value(cause) {
            return named(name, error);
        }
        let mut bytes_max = BYTES_MAX;
        let found = self.cells.find(self.store.as_ref(), file, &mut bytes_max);
        match found.await {
            Ok(Some(cell)) => cell.error(name),
            _ => named(name, error),
        }
    }
}

impl FileOpener for NamingOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let name: Arc<str> = file_name(&self.store, &file.object_meta.location).into();
        let values = self.values.clone();
        let opened = self.opener.open(file.clone())?;
        Ok(Box::pin(async move {
            let rows = opened.await.map_err(|error| named(&name, error))?;
            let Some(values) = values else {
                return Ok(rows.map_err(move |error| named(&name, error)).boxed());
            };
            let file = Arc::new(file);
            let rows = rows.then(move |rows| {
                let (name, values) = (Arc::clone(&name), Arc::clone(&values));
                let file = Arc::clone(&file);
                async move {
                    match rows {
                        Ok(rows) => Ok(rows),
                        Err(error) => Err(values.located(&name, &file, error).await),
                    }
                }
            });
            Ok(rows.boxed())
        }))
    }
}

/// Adds the name of a file to an error of its text, in place of DataFusion's words; other errors
/// have it.
pub(super) fn named(file: &str, error: DataFusionError) -> DataFusionError {
    let is_of_text = |error: &DataFusionError| match error {
        DataFusionError::ArrowError(cause, _) => matches!(
            **cause,
            ArrowError::CsvError(_)
                | ArrowError::JsonError(_)
                | ArrowError::ParseError(_)
                | ArrowError::CastError(_)
        ),
        _ => false,
    };
    let error = match error {
        DataFusionError::Context(_, cause) if is_of_text(&cause) => *cause,
        other => other,
    };
    match is_of_text(&error) {
        true => error.context(format!("file `{}`", file.escape_debug())),
        false => error,
    }
}
