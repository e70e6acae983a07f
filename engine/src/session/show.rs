//! Statements that show what is defined.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::compute::like as arrow_like;
use arrow::datatypes::{Field, Schema};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::dataframe::DataFrame;

use super::{Session, query};
use crate::catalog::Module;
use crate::definition::{Arguments, Definition, Kind, Origin};
use crate::error::{Error, Result, Subject};

impl Session {
    /// All functions, or only ours, with their kind and language.
    pub(super) fn show_functions(&self, user: bool, pattern: Option<&str>) -> Result<DataFrame> {
        let ours = self.definitions.catalog.functions();
        let mut rows = Vec::new();
        if !user {
            let state = self.context.state();
            let mut list = |kind: Kind, names: Vec<String>| {
                rows.extend(names.into_iter().map(|name| (name, kind, None)));
            };
            list(
                Kind::Aggregate,
                state.aggregate_functions().keys().cloned().collect(),
            );
            list(
                Kind::Scalar,
                state.scalar_functions().keys().cloned().collect(),
            );
            list(
                Kind::Table,
                state.table_functions().keys().cloned().collect(),
            );
            list(
                Kind::Window,
                state.window_functions().keys().cloned().collect(),
            );
            // Among them are ours.
            let names: HashSet<_> = ours.iter().map(|d| (d.name.as_str(), d.kind)).collect();
            rows.retain(|(name, kind, _)| !names.contains(&(name.as_str(), *kind)));
        }
        rows.extend(ours.into_iter().map(|d| (d.name.clone(), d.kind, Some(d))));
        // Those of one name and kind keep their order.
        rows.sort_by_key(|(name, kind, _)| (name.clone(), kind.to_string()));
        let mut shown = Vec::new();
        for (name, kind, definition) in rows {
            if like(&name, pattern)? {
                shown.push((name, kind, definition));
            }
        }
        let ours = |print: fn(&Definition) -> Option<String>| {
            let cells = shown
                .iter()
                .map(|(_, _, definition)| print(definition.as_ref()?));
            text(cells.collect::<Vec<_>>())
        };
        self.table(vec![
            ("name", text(shown.iter().map(|row| Some(row.0.clone())))),
            (
                "kind",
                text(shown.iter().map(|row| Some(row.1.to_string()))),
            ),
            (
                "language",
                text(shown.iter().map(|row| {
                    let language = if row.2.is_some() { "wasm" } else { "internal" };
                    Some(language.to_owned())
                })),
            ),
            ("arguments", ours(|d| Some(arguments(d)))),
            ("returns", ours(|d| Some(d.returns()))),
            ("volatility", ours(|d| Some(d.volatility.to_string()))),
            ("nulls", ours(|d| Some(d.nulls.to_string()))),
            (
                "module",
                ours(|d| match &d.origin {
                    Origin::Module(name) => Some(name.clone()),
                    _ => None,
                }),
            ),
        ])
    }

    pub(super) fn show_modules(&self, pattern: Option<&str>) -> Result<DataFrame> {
        let mut shown = Vec::new();
        for module in self.definitions.catalog.modules() {
            if like(&module.name, pattern)? {
                shown.push(module);
            }
        }
        let bytes = shown.iter().map(|module| module.binary.len() as u64);
        let functions = shown.iter().map(|module| {
            let functions = self.definitions.catalog.functions_of(&module.name);
            functions.len() as u64
        });
        self.table(vec![
            ("name", text(shown.iter().map(|m| Some(m.name.clone())))),
            ("bytes", Arc::new(bytes.collect::<UInt64Array>())),
            ("functions", Arc::new(functions.collect::<UInt64Array>())),
            (
                "sha256",
                text(shown.iter().map(|m| Some(m.digest.to_string()))),
            ),
        ])
    }

    pub(super) fn show_create_function(&self, definition: &Definition) -> Result<DataFrame> {
        let binary = self.binary(definition)?;
        let statement = definition.statement(|| BASE64_STANDARD.encode(binary));
        self.table(vec![
            ("name", text([Some(definition.name.clone())])),
            ("statement", text([Some(statement)])),
        ])
    }

    /// The functions that a module declares, and those that it exports without
    /// a declaration.
    pub(super) fn describe_module(&self, module: &Module) -> Result<DataFrame> {
        let subject = Subject::Module(module.name.clone());
        let declarations = self.factory.declarations(&subject, &module.binary)?;
        let mut rows: Vec<(String, Option<String>)> = declarations
            .iter()
            .map(|declared| (declared.symbol().to_owned(), Some(declared.to_string())))
            .collect();
        for symbol in self.factory.symbols(&subject, &module.binary)? {
            if !rows.iter().any(|(declared, _)| *declared == symbol) {
                rows.push((symbol, None));
            }
        }
        // In the order of names: that of the section is the linker's whim.
        rows.sort();
        self.table(vec![
            ("export", text(rows.iter().map(|row| Some(row.0.clone())))),
            ("declaration", text(rows.into_iter().map(|row| row.1))),
        ])
    }

    fn table(&self, columns: Vec<(&str, ArrayRef)>) -> Result<DataFrame> {
        let fields: Vec<_> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error| Error::Query(Box::new(error)))?;
        self.context.read_batch(batch).map_err(query)
    }
}

fn text(cells: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(cells.into_iter().collect::<StringArray>())
}

fn arguments(definition: &Definition) -> String {
    let arguments = Arguments(&definition.signature).to_string();
    let inside = arguments
        .strip_prefix('(')
        .and_then(|a| a.strip_suffix(')'));
    inside.unwrap_or(&arguments).to_owned()
}

/// Whether a name is `LIKE` a pattern; every name is, where there is none.
pub(super) fn like(name: &str, pattern: Option<&str>) -> Result<bool> {
    let Some(pattern) = pattern else {
        return Ok(true);
    };
    let matches = arrow_like(
        &StringArray::new_scalar(name),
        &StringArray::new_scalar(pattern),
    );
    match matches {
        Ok(matches) => Ok(matches.value(0)),
        Err(error) => Err(Error::Query(Box::new(error))),
    }
}
