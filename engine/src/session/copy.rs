//! `COPY`: formats that the ending of the file tells, and compression.

use std::path::Path;

use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_definition::FileAccessError;
use fusebox_runtime::Result;
use sqlparser::ast::Value;

use crate::file_access::{FileUse, compressed_text, endings};

/// Option of DataFusion's files of text.
pub(super) const COMPRESSION: &str = "format.compression";

/// Formats that DataFusion reads and does not write.
const READ_ONLY: [&str; 1] = ["avro"];

/// States the format and the compression that the endings of the file tell, as of
/// `flights.csv.gz`, unless the statement states the format: DataFusion looks at the last ending
/// alone.
///
/// # Errors
///
/// [`Error::Refused`] if no format is known that can be written, or a file is to have partitions.
pub(super) fn complete_copy(statement: &mut DfStatement, state: &SessionState) -> Result<()> {
    let copy = match statement {
        DfStatement::CopyTo(copy) => copy,
        DfStatement::Explain(explain) => return complete_copy(&mut explain.statement, state),
        _ => return Ok(()),
    };
    let refused = |error| FileUse::Write.refused(&copy.target, error);
    let ending = Path::new(&copy.target).extension();
    let ending = ending.map(|ending| ending.to_string_lossy().to_lowercase());
    let is_folder = copy.target.ends_with('/') || ending.is_none();
    if !copy.partitioned_by.is_empty() && !is_folder {
        return Err(refused(FileAccessError::PartitionedFile));
    }
    let compressed = compressed_text(&copy.target);
    let stated = copy.stored_as.as_ref().map(|format| format.to_lowercase());
    let (format, what) = match (&stated, compressed) {
        (Some(stated), _) => (stated.clone(), "format"),
        (None, Some((format, _))) => (format.to_owned(), "ending"),
        (None, None) => (ending.unwrap_or_default(), "ending"),
    };
    let is_known = state.get_file_format_factory(&format).is_some();
    if !is_known || READ_ONLY.contains(&format.as_str()) {
        let found = match format.as_str() {
            "" => "no ending".to_owned(),
            format => format!("the {what} {format}"),
        };
        let expected = writable_formats().collect::<Vec<_>>().join(", ");
        return Err(refused(FileAccessError::UnwritableFormat {
            found,
            expected,
        }));
    }
    let Some((format, compression)) = compressed.filter(|_| stated.is_none()) else {
        return Ok(());
    };
    copy.stored_as = Some(format.to_ascii_uppercase());
    if !copy.options.iter().any(|(name, _)| name == COMPRESSION) {
        let compression = Value::SingleQuotedString(compression.to_owned());
        copy.options.push((COMPRESSION.to_owned(), compression));
    }
    Ok(())
}

/// Returns the formats that files can be written in.
fn writable_formats() -> impl Iterator<Item = &'static str> {
    endings().filter(|format| !READ_ONLY.contains(format))
}
