//! Errors of values that are not of the type that a query needs.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::object_store::path::Path;

/// Value that is not of the type that a query needs.
#[derive(Debug)]
pub(super) struct BadCell {
    /// Number of the line, from 1.
    pub(super) line: usize,
    pub(super) column: String,
    pub(super) error: DataFusionError,
}

impl BadCell {
    /// Returns the error of a file with this value.
    pub(super) fn error(self, file: &str) -> DataFusionError {
        let place = format!(
            "file `{}`, line {}, column `{}`",
            file.escape_debug(),
            self.line,
            self.column.escape_debug()
        );
        self.error.context(place)
    }
}

/// Returns true for an error of a value.
pub(super) fn is_of_value(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ArrowError(cause, _) => match &**cause {
            ArrowError::ParseError(_) | ArrowError::CastError(_) => true,
            // A number with too many digits.
            ArrowError::InvalidArgumentError(text) => text.contains(" to store in a Decimal"),
            _ => false,
        },
        _ => false,
    }
}

/// Returns the name of a file in messages.
pub(super) fn file_name(store: &str, location: &Path) -> String {
    let store = if store.starts_with("file:") {
        "/"
    } else {
        store
    };
    format!("{store}{location}")
}
