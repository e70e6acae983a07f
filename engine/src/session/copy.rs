//! `COPY` to compressed files.

use datafusion::sql::parser::Statement as DfStatement;
use sqlparser::ast::Value;

use crate::file_access::compressed_text;

/// Option of DataFusion's files of text.
pub(super) const COMPRESSION: &str = "format.compression";

/// States the format and the compression that the endings of the file tell, as of
/// `flights.csv.gz`, unless the statement states the format: DataFusion looks at the last ending
/// alone.
pub(super) fn complete_copy(statement: &mut DfStatement) {
    let copy = match statement {
        DfStatement::CopyTo(copy) => copy,
        DfStatement::Explain(explain) => return complete_copy(&mut explain.statement),
        _ => return,
    };
    if copy.stored_as.is_some() {
        return;
    }
    let Some((format, compression)) = compressed_text(&copy.target) else {
        return;
    };
    copy.stored_as = Some(format.to_ascii_uppercase());
    if !copy.options.iter().any(|(name, _)| name == COMPRESSION) {
        let compression = Value::SingleQuotedString(compression.to_owned());
        copy.options.push((COMPRESSION.to_owned(), compression));
    }
}
