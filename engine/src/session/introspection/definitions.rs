//! Tables of functions, modules, exports and limits.

use std::sync::Arc;

use fusebox_definition::Definition;
use fusebox_runtime::Result;

use super::Introspection;
use crate::catalog::CatalogFunction;
use crate::session::cells::{self, Columns, Export, arguments, booleans, numbers, text};
use crate::session::contents::Contents;

/// Columns of `functions`.
pub(super) fn functions(functions: &[Arc<CatalogFunction>]) -> Columns {
    let column = |cell: fn(&Definition) -> Option<String>| {
        text(functions.iter().map(|function| cell(function.definition())))
    };
    let temporary = functions.iter().map(|f| f.definition().temporary);
    vec![
        ("name", column(|d| Some(d.name.clone()))),
        ("kind", column(|d| Some(d.kind.to_string()))),
        ("arguments", column(|d| Some(arguments(d)))),
        ("returns", column(|d| Some(d.returns()))),
        ("volatility", column(|d| Some(d.volatility.to_string()))),
        ("nulls", column(|d| Some(d.nulls.to_string()))),
        ("module", column(cells::module)),
        ("export", column(|d| Some(d.symbol.clone()))),
        ("sha256", column(|d| Some(d.digest.to_string()))),
        ("options", column(|d| Some(d.options()))),
        ("temporary", booleans(temporary)),
        ("description", column(|d| d.comment.clone())),
    ]
}

/// Row of `modules`.
pub(super) struct Module {
    name: String,
    bytes: u64,
    functions: u64,
    digest: String,
}

/// Returns the rows of `modules`.
pub(super) fn module_rows(contents: &Contents) -> Vec<Module> {
    let modules = contents.shared.modules();
    let modules = modules.map(|(name, module)| Module {
        name: name.to_owned(),
        bytes: module.bytes(),
        functions: contents.functions_of(name).len() as u64,
        digest: module.digest().to_string(),
    });
    modules.collect()
}

/// Columns of `modules`.
pub(super) fn modules(modules: &[Module]) -> Columns {
    let all = || modules.iter();
    vec![
        ("name", text(all().map(|m| Some(m.name.clone())))),
        ("bytes", numbers(all().map(|m| m.bytes))),
        ("functions", numbers(all().map(|m| m.functions))),
        ("sha256", text(all().map(|m| Some(m.digest.clone())))),
    ]
}

/// Columns of `exports`, of modules by name.
pub(super) fn exports(exports: &[(String, Export)]) -> Columns {
    let all = || exports.iter();
    let declaration = |(_, e): &(String, Export)| e.declaration.clone();
    let description = |(_, e): &(String, Export)| e.description.clone();
    vec![
        (
            "module",
            text(all().map(|(module, _)| Some(module.clone()))),
        ),
        ("export", text(all().map(|(_, e)| Some(e.symbol.clone())))),
        ("declaration", text(all().map(declaration))),
        ("description", text(all().map(description))),
    ]
}

/// Limit of a function.
pub(super) struct FunctionLimit {
    function: Arc<CatalogFunction>,
    option: &'static str,
    unit: &'static str,
    value: u64,
    /// Maximum that the session may state.
    maximum: u64,
}

/// Columns of `limits`.
pub(super) fn limits(limits: &[FunctionLimit]) -> Columns {
    let all = || limits.iter();
    let name = |limit: &FunctionLimit| Some(limit.function.definition().name.clone());
    let arguments = |limit: &FunctionLimit| Some(arguments(limit.function.definition()));
    vec![
        ("name", text(all().map(name))),
        ("arguments", text(all().map(arguments))),
        ("option", text(all().map(|l| Some(l.option.to_owned())))),
        ("value", numbers(all().map(|l| l.value))),
        ("unit", text(all().map(|l| Some(l.unit.to_owned())))),
        ("session_max", numbers(all().map(|l| l.maximum))),
    ]
}

impl Introspection {
    /// Returns the exports of all modules, with their names.
    pub(super) async fn exports(&self, contents: &Contents) -> Result<Vec<(String, Export)>> {
        let mut all = Vec::new();
        for (name, module) in contents.shared.modules() {
            let module = self.loader.loaded(module).await?;
            let exports = cells::exports(&module).into_iter();
            all.extend(exports.map(|export| (name.to_owned(), export)));
        }
        Ok(all)
    }

    /// Returns the limits of functions, with the maxima of the session.
    pub(super) fn limits(&self, functions: &[Arc<CatalogFunction>]) -> Vec<FunctionLimit> {
        let maxima = self.loader.options.privileges.limits_max;
        let of_function = |function: &Arc<CatalogFunction>| {
            let limits = function.definition().limits.values().zip(maxima.values());
            let function = Arc::clone(function);
            let limit = move |((option, unit, value), (_, _, maximum))| FunctionLimit {
                function: Arc::clone(&function),
                option,
                unit,
                value,
                maximum,
            };
            limits.map(limit).collect::<Vec<_>>()
        };
        functions.iter().flat_map(of_function).collect()
    }
}
