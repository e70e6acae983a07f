//! Statements that show definitions.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::compute::like as arrow_like;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::dataframe::DataFrame;

use fusebox_definition::statement::{FunctionName, NamePattern};
use fusebox_definition::{
    Arguments, Definition, Identifier, Kind, ModuleSource, StatementError, Subject,
};
use fusebox_runtime::{Error, LoadedModule, Result, WEIGHTS_VERSION};

use super::built_ins::BuiltIn;
use super::cells::{
    Columns, Export, arguments, batch, exports, module, numbers, summary, text, unreadable,
};
use super::transaction::definitions;
use super::{Session, query};
use crate::catalog::UnreadableFunction;
use crate::loader::module_subject;

/// Row of `SHOW FUNCTIONS`.
struct ShownFunction {
    name: String,
    kind: Option<Kind>,
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
            kind: Some(function.kind),
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
            kind: Some(definition.kind),
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

impl From<&UnreadableFunction> for ShownFunction {
    fn from(function: &UnreadableFunction) -> Self {
        Self {
            name: function.name.clone(),
            kind: None,
            language: "wasm",
            arguments: Some(function.types.join(", ")),
            returns: None,
            volatility: None,
            nulls: None,
            module: None,
            description: Some(unreadable(&function.reason)),
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
        let contents = self.contents()?;
        let ours = definitions(&contents.functions());
        let mut rows = Vec::new();
        if !user {
            // Wasm functions follow with their definitions.
            let names: HashSet<_> = ours.iter().map(|d| (d.name.as_str(), d.kind)).collect();
            let is_ours = |name: &str, kind| names.contains(&(name, kind));
            rows.extend(self.built_ins(is_ours).into_iter().map(ShownFunction::from));
        }
        rows.extend(ours.iter().map(ShownFunction::from));
        rows.extend(contents.shared.unreadable().map(ShownFunction::from));
        // A stable sort: overloads keep their order.
        rows.sort_by_cached_key(|row| (row.name.clone(), row.kind.map(|kind| kind.to_string())));
        let mut shown = Vec::new();
        for row in rows {
            if matches(&row.name, pattern)? {
                shown.push(row);
            }
        }
        let column = |cell: fn(&ShownFunction) -> Option<String>| text(shown.iter().map(cell));
        self.table(vec![
            ("name", column(|row| Some(row.name.clone()))),
            ("kind", column(|row| row.kind.map(|kind| kind.to_string()))),
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
        let function = match self.find_function(&self.contents()?, name) {
            Err(Error::Refused {
                reason: StatementError::NotUserDefined,
                ..
            }) => {
                return self.describe_built_in(&name.name);
            }
            found => found?,
        };
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
        if let Some(weights) = definition.weights.filter(|w| *w != WEIGHTS_VERSION) {
            let text = format!("{weights}, now {WEIGHTS_VERSION}");
            rows.push(("created with weights", text));
        }
        if let Some(comment) = &definition.comment {
            rows.push(("description", comment.clone()));
        }
        self.properties(rows)
    }

    /// Shows the signatures of a function of DataFusion.
    fn describe_built_in(&self, name: &str) -> Result<DataFrame> {
        let mut all = self.built_ins(|_, _| false);
        all.retain(|function| function.name.eq_ignore_ascii_case(name));
        let mut rows = vec![("name", name.to_lowercase())];
        for functions in all.chunk_by(|one, other| one.kind == other.kind) {
            let [first, ..] = functions else { continue };
            rows.push(("kind", first.kind.to_string()));
            for function in functions {
                let arguments = function.arguments.clone().map(|text| ("arguments", text));
                let returns = function.returns.clone().map(|text| ("returns", text));
                rows.extend(arguments.into_iter().chain(returns));
            }
            let volatility = first.volatility.clone();
            rows.extend(volatility.map(|text| ("volatility", text)));
            let description = first.description.as_deref().map(summary);
            rows.extend(description.map(|text| ("description", text)));
        }
        self.properties(rows)
    }

    fn properties(&self, rows: Vec<(&'static str, String)>) -> Result<DataFrame> {
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
                let subject = module_subject(definition);
                let module = self.loader.loaded_for(subject, function.module()).await?;
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
        let module = self.load_module(name).await?;
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
        let module = self.load_module(name).await?;
        let exports = exports(&module);
        let column = |cell: fn(&Export) -> Option<String>| text(exports.iter().map(cell));
        self.table(vec![
            ("export", column(|export| export.symbol.clone())),
            ("declaration", column(|export| export.declaration.clone())),
            ("description", column(|export| export.description.clone())),
        ])
    }

    /// Reads the module of a name.
    async fn load_module(&self, name: &str) -> Result<Arc<LoadedModule>> {
        let module = self.contents()?.module(name)?;
        let subject = Subject::Module(name.to_owned());
        self.loader.loaded_for(subject, &module).await
    }

    pub(super) fn table(&self, columns: Columns) -> Result<DataFrame> {
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
