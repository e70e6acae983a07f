//! Columns of tables that show definitions and activity.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use fusebox_definition::{Arguments, Definition, ModuleSource};
use fusebox_runtime::LoadedModule;

/// Named columns of a table.
pub(super) type Columns = Vec<(&'static str, ArrayRef)>;

/// Makes a record batch of columns.
pub(super) fn batch(columns: Columns) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

pub(super) fn text(cells: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(cells.into_iter().collect::<StringArray>())
}

pub(super) fn numbers(cells: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(cells.into_iter().map(Some).collect::<UInt64Array>())
}

pub(super) fn booleans(cells: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(cells.into_iter().map(Some).collect::<BooleanArray>())
}

/// Makes a column of times, in UTC.
pub(super) fn times(cells: impl IntoIterator<Item = Option<SystemTime>>) -> ArrayRef {
    let micros = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok()
    };
    let cells = cells.into_iter().map(|time| time.and_then(micros));
    let column = cells.collect::<TimestampMicrosecondArray>();
    Arc::new(column.with_timezone("+00:00"))
}

/// Returns the first paragraph of a description, as one line.
pub(super) fn summary(description: &str) -> String {
    let lines = description.trim_start().lines();
    let paragraph = lines.map(str::trim).take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ")
}

/// Returns the description of what cannot be read for a reason.
pub(super) fn unreadable(reason: &dyn fmt::Display) -> String {
    format!("cannot be read: {reason}")
}

/// Returns the arguments of a function, without parentheses.
pub(super) fn arguments(definition: &Definition) -> String {
    let arguments = Arguments(&definition.signature.arguments).to_string();
    let inside = arguments
        .strip_prefix('(')
        .and_then(|a| a.strip_suffix(')'));
    inside.unwrap_or(&arguments).to_owned()
}

/// Returns the name of the module that a function was created from, if it has one.
pub(super) fn module(definition: &Definition) -> Option<String> {
    match &definition.source {
        ModuleSource::Module(name) => Some(name.clone()),
        _ => None,
    }
}

/// Export of a module.
pub(super) struct Export {
    /// `None` of a module that cannot be read.
    pub(super) symbol: Option<String>,
    pub(super) declaration: Option<String>,
    pub(super) description: Option<String>,
}

/// Returns the functions that a module declares, and those that it exports without a
/// declaration, sorted: the order of the section depends on the linker.
pub(super) fn exports(module: &LoadedModule) -> Vec<Export> {
    let declarations = module.declarations().iter();
    let mut exports: Vec<Export> = declarations
        .map(|declared| Export {
            symbol: Some(declared.symbol().to_owned()),
            declaration: Some(declared.to_string()),
            description: declared.comment.as_deref().map(summary),
        })
        .collect();
    for symbol in module.symbols() {
        let is_declared = |declared: &Export| declared.symbol.as_deref() == Some(&symbol);
        if !exports.iter().any(is_declared) {
            exports.push(Export {
                symbol: Some(symbol),
                declaration: None,
                description: None,
            });
        }
    }
    exports.sort_by(|a, b| (&a.symbol, &a.declaration).cmp(&(&b.symbol, &b.declaration)));
    exports
}
