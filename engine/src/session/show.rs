//! Statements that show definitions.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::compute::like as arrow_like;
use arrow::datatypes::{Field, Schema};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::dataframe::DataFrame;

use fusebox_definition::statement::{FunctionName, NamePattern};
use fusebox_definition::{Arguments, Definition, Identifier, Kind, ModuleSource};
use fusebox_runtime::{Error, Result};

use super::transaction::definitions;
use super::{Session, query};

impl Session {
    /// Shows all functions, or only Wasm functions, with kind and language.
    pub(super) fn show_functions(
        &self,
        user: bool,
        pattern: Option<&NamePattern>,
    ) -> Result<DataFrame> {
        let ours = definitions(&self.contents()?.functions());
        let mut rows = Vec::new();
        if !user {
            // Wasm functions follow with their definitions.
            let names: HashSet<_> = ours.iter().map(|d| (d.name.as_str(), d.kind)).collect();
            let registered = self.registered_functions().into_iter();
            let built_in =
                registered.filter(|(name, kind)| !names.contains(&(name.as_str(), *kind)));
            rows.extend(built_in.map(|(name, kind)| (name, kind, None)));
        }
        rows.extend(ours.into_iter().map(|d| (d.name.clone(), d.kind, Some(d))));
        // A stable sort: overloads keep their order.
        rows.sort_by_key(|(name, kind, _)| (name.clone(), kind.to_string()));
        let mut shown = Vec::new();
        for (name, kind, definition) in rows {
            if matches(&name, pattern)? {
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
                ours(|d| match &d.source {
                    ModuleSource::Module(name) => Some(name.clone()),
                    _ => None,
                }),
            ),
            (
                "description",
                text(shown.iter().map(|(name, kind, definition)| {
                    match definition {
                        Some(definition) => definition.comment.as_deref().map(summary),
                        None => self
                            .built_in_description(name, *kind)
                            .as_deref()
                            .map(summary),
                    }
                })),
            ),
        ])
    }

    pub(super) fn show_modules(&self, pattern: Option<&NamePattern>) -> Result<DataFrame> {
        let mut shown = Vec::new();
        let contents = self.contents()?;
        for (name, module) in contents.shared.modules() {
            if matches(name, pattern)? {
                shown.push((name, module));
            }
        }
        let bytes = shown.iter().map(|(_, module)| module.bytes());
        let functions = shown
            .iter()
            .map(|(name, _)| contents.functions_of(name).len() as u64);
        self.table(vec![
            (
                "name",
                text(shown.iter().map(|(name, _)| Some((*name).to_owned()))),
            ),
            ("bytes", Arc::new(bytes.collect::<UInt64Array>())),
            ("functions", Arc::new(functions.collect::<UInt64Array>())),
            (
                "sha256",
                text(shown.iter().map(|(_, m)| Some(m.digest().to_string()))),
            ),
        ])
    }

    /// Shows the parts of a definition, one in each row.
    pub(super) fn describe_function(&self, name: &FunctionName) -> Result<DataFrame> {
        let function = self.find_function(&self.contents()?, name)?;
        let definition = function.definition();
        let source = match &definition.source {
            ModuleSource::Module(module) => format!("module {}", Identifier(module)),
            ModuleSource::Path(path) => format!("file {path}"),
            ModuleSource::Text(_) => "text of the statement".to_owned(),
            _ => "bytes of the statement".to_owned(),
        };
        let mut rows = vec![
            ("name", definition.name.clone()),
            ("kind", definition.kind.to_string()),
            ("arguments", arguments(definition)),
            ("returns", definition.returns()),
            ("volatility", definition.volatility.to_string()),
            ("nulls", definition.nulls.to_string()),
            ("source", source),
            ("export", definition.symbol.clone()),
            ("sha256", definition.digest.to_string()),
            ("options", definition.options()),
        ];
        if definition.kind == Kind::Aggregate {
            let state = Arguments(&definition.state).to_string();
            rows.insert(4, ("state", state));
        }
        if let Some(comment) = &definition.comment {
            rows.push(("description", comment.clone()));
        }
        let (names, values): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        self.table(vec![
            (
                "property",
                text(names.into_iter().map(|name| Some(name.to_owned()))),
            ),
            ("value", text(values.into_iter().map(Some))),
        ])
    }

    pub(super) async fn show_create_function(&self, name: &FunctionName) -> Result<DataFrame> {
        let function = self.find_function(&self.contents()?, name)?;
        let definition = function.definition();
        let base64 = match definition.source {
            ModuleSource::Base64 => {
                let module = self.loader.loaded(function.module()).await?;
                BASE64_STANDARD.encode(module.bytes())
            }
            _ => String::new(),
        };
        let statement = definition.create_statement(|| base64);
        self.table(vec![
            ("name", text([Some(definition.name.clone())])),
            ("statement", text([Some(statement)])),
        ])
    }

    /// Shows the statement that creates a module again, with its bytes.
    pub(super) async fn show_create_module(&self, name: &str) -> Result<DataFrame> {
        let module = self.contents()?.module(name)?;
        let module = self.loader.loaded(&module).await?;
        let statement = format!(
            "CREATE MODULE {} LANGUAGE WASM AS BASE64 '{}'",
            Identifier(name),
            BASE64_STANDARD.encode(module.bytes())
        );
        self.table(vec![
            ("name", text([Some(name.to_owned())])),
            ("statement", text([Some(statement)])),
        ])
    }

    /// Shows the functions that a module declares, and those that it exports without a
    /// declaration.
    pub(super) async fn describe_module(&self, name: &str) -> Result<DataFrame> {
        let module = self.contents()?.module(name)?;
        let module = self.loader.loaded(&module).await?;
        let mut rows: Vec<(String, Option<String>, Option<String>)> = module
            .declarations()
            .iter()
            .map(|declared| {
                let description = declared.comment.as_deref().map(summary);
                let symbol = declared.symbol().to_owned();
                (symbol, Some(declared.to_string()), description)
            })
            .collect();
        for symbol in module.symbols() {
            if !rows.iter().any(|(declared, ..)| *declared == symbol) {
                rows.push((symbol, None, None));
            }
        }
        // Sorted, because the order of the section depends on the linker.
        rows.sort();
        self.table(vec![
            ("export", text(rows.iter().map(|row| Some(row.0.clone())))),
            ("declaration", text(rows.iter().map(|row| row.1.clone()))),
            ("description", text(rows.into_iter().map(|row| row.2))),
        ])
    }

    /// Returns the names and kinds of all functions that are registered with DataFusion.
    fn registered_functions(&self) -> Vec<(String, Kind)> {
        let state = self.context.state_ref();
        let state = state.read();
        let aggregates = state.aggregate_functions().keys();
        let aggregates = aggregates.map(|name| (name.clone(), Kind::Aggregate));
        let scalars = state.scalar_functions().keys();
        let scalars = scalars.map(|name| (name.clone(), Kind::Scalar));
        let tables = state.table_functions().keys();
        let tables = tables.map(|name| (name.clone(), Kind::Table));
        let windows = state.window_functions().keys();
        let windows = windows.map(|name| (name.clone(), Kind::Window));
        aggregates
            .chain(scalars)
            .chain(tables)
            .chain(windows)
            .collect()
    }

    /// Returns DataFusion's description of a function of its own.
    fn built_in_description(&self, name: &str, kind: Kind) -> Option<String> {
        let state = self.context.state_ref();
        let state = state.read();
        let documentation = match kind {
            Kind::Scalar => state.scalar_functions().get(name)?.documentation(),
            Kind::Aggregate => state.aggregate_functions().get(name)?.documentation(),
            Kind::Window => state.window_functions().get(name)?.documentation(),
            Kind::Table => None,
        };
        documentation.map(|documentation| documentation.description.clone())
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

/// Returns the first paragraph of a description, as one line.
fn summary(description: &str) -> String {
    let lines = description.trim_start().lines();
    let paragraph = lines.map(str::trim).take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ")
}

fn arguments(definition: &Definition) -> String {
    let arguments = Arguments(&definition.signature.arguments).to_string();
    let inside = arguments
        .strip_prefix('(')
        .and_then(|a| a.strip_suffix(')'));
    inside.unwrap_or(&arguments).to_owned()
}

/// Returns true if a name is of the pattern, or if there is none.
fn matches(name: &str, pattern: Option<&NamePattern>) -> Result<bool> {
    match pattern {
        Some(ilike) if ilike.ignores_case => {
            is_like(&name.to_lowercase(), Some(&ilike.pattern.to_lowercase()))
        }
        pattern => is_like(name, pattern.map(|like| like.pattern.as_str())),
    }
}

/// Returns true if a name is `LIKE` the pattern, or if there is none.
pub(super) fn is_like(name: &str, pattern: Option<&str>) -> Result<bool> {
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
