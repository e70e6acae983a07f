//! Statements that show definitions.

use std::collections::HashSet;

use arrow::array::StringArray;
use arrow::compute::like as arrow_like;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::dataframe::DataFrame;

use fusebox_definition::statement::{FunctionName, NamePattern};
use fusebox_definition::{Arguments, Definition, Identifier, Kind, ModuleSource};
use fusebox_runtime::{Error, Result};

use super::built_ins::BuiltIn;
use super::cells::{Columns, Export, arguments, batch, exports, module, numbers, summary, text};
use super::transaction::definitions;
use super::{Session, query};

/// Row of `SHOW FUNCTIONS`.
struct ShownFunction {
    name: String,
    kind: Kind,
    language: &'static str,
    arguments: Option<String>,
    returns: Option<String>,
    volatility: Option<String>,
    nulls: Option<String>,
    module: Option<String>,
    description: Option<String>,
}

impl From<BuiltIn> for ShownFunction {
    fn from(function: BuiltIn) -> Self {
        Self {
            name: function.name,
            kind: function.kind,
            language: "internal",
            arguments: function.arguments,
            returns: function.returns,
            volatility: function.volatility,
            nulls: None,
            module: None,
            description: function.description.as_deref().map(summary),
        }
    }
}

impl From<&Definition> for ShownFunction {
    fn from(definition: &Definition) -> Self {
        Self {
            name: definition.name.clone(),
            kind: definition.kind,
            language: "wasm",
            arguments: Some(arguments(definition)),
            returns: Some(definition.returns()),
            volatility: Some(definition.volatility.to_string()),
            nulls: Some(definition.nulls.to_string()),
            module: module(definition),
            description: definition.comment.as_deref().map(summary),
        }
    }
}

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
            let is_ours = |name: &str, kind| names.contains(&(name, kind));
            rows.extend(self.built_ins(is_ours).into_iter().map(ShownFunction::from));
        }
        rows.extend(ours.iter().map(ShownFunction::from));
        // A stable sort: overloads keep their order.
        rows.sort_by_cached_key(|row| (row.name.clone(), row.kind.to_string()));
        let mut shown = Vec::new();
        for row in rows {
            if matches(&row.name, pattern)? {
                shown.push(row);
            }
        }
        let column = |cell: fn(&ShownFunction) -> Option<String>| text(shown.iter().map(cell));
        self.table(vec![
            ("name", column(|row| Some(row.name.clone()))),
            ("kind", column(|row| Some(row.kind.to_string()))),
            ("language", column(|row| Some(row.language.to_owned()))),
            ("arguments", column(|row| row.arguments.clone())),
            ("returns", column(|row| row.returns.clone())),
            ("volatility", column(|row| row.volatility.clone())),
            ("nulls", column(|row| row.nulls.clone())),
            ("module", column(|row| row.module.clone())),
            ("description", column(|row| row.description.clone())),
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
            ("bytes", numbers(bytes)),
            ("functions", numbers(functions)),
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
        let exports = exports(&module);
        let column = |cell: fn(&Export) -> Option<String>| text(exports.iter().map(cell));
        self.table(vec![
            ("export", column(|export| Some(export.symbol.clone()))),
            ("declaration", column(|export| export.declaration.clone())),
            ("description", column(|export| export.description.clone())),
        ])
    }

    fn table(&self, columns: Columns) -> Result<DataFrame> {
        let batch = batch(columns).map_err(|error| Error::Query(Box::new(error)))?;
        self.context.read_batch(batch).map_err(query)
    }
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
