//! Tables of functions, modules, exports and limits.

use std::sync::Arc;

use fusebox_definition::{Definition, Subject};

use super::Introspection;
use crate::catalog::{CatalogFunction, UnreadableFunction};
use crate::session::cells::{self, Columns, Export, arguments, booleans, numbers, text};
use crate::session::contents::Contents;

/// Columns of `functions`: those that can be read, and then the others.
pub(super) fn functions(
    functions: &[Arc<CatalogFunction>],
    unreadable: &[&UnreadableFunction],
) -> Columns {
    let both = |cell: fn(&Definition) -> Option<String>,
                other: fn(&UnreadableFunction) -> Option<String>| {
        let cells = functions.iter().map(|function| cell(function.definition()));
        text(cells.chain(unreadable.iter().map(|function| other(function))))
    };
    let column = |cell| both(cell, |_| None);
    let temporary = functions.iter().map(|f| f.definition().temporary);
    let temporary = temporary.chain(unreadable.iter().map(|_| false));
    vec![
        (
            "name",
            both(|d| Some(d.name.clone()), |f| Some(f.name.clone())),
        ),
        ("kind", column(|d| Some(d.kind.to_string()))),
        (
            "arguments",
            both(|d| Some(arguments(d)), |f| Some(f.types.join(", "))),
        ),
        ("returns", column(|d| Some(d.returns()))),
        ("volatility", column(|d| Some(d.volatility.to_string()))),
        ("nulls", column(|d| Some(d.nulls.to_string()))),
        ("module", column(cells::module)),
        ("export", column(|d| Some(d.symbol.clone()))),
        ("sha256", column(|d| Some(d.digest.to_string()))),
        ("options", column(|d| Some(d.options()))),
        ("temporary", booleans(temporary)),
        (
            "description",
            both(
                |d| d.comment.clone(),
                |f| Some(cells::unreadable(&f.reason)),
            ),
        ),
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
        ("export", text(all().map(|(_, e)| e.symbol.clone()))),
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
    /// Returns the exports of all modules, with their names. A module that cannot be read has one
    /// row, whose description is the reason.
    pub(super) async fn exports(&self, contents: &Contents) -> Vec<(String, Export)> {
        let mut all = Vec::new();
        for (name, module) in contents.shared.modules() {
            let subject = Subject::Module(name.to_owned());
            let exports = match self.loader.loaded_for(subject, module).await {
                Ok(module) => cells::exports(&module),
                Err(error) => vec![Export {
                    symbol: None,
                    declaration: None,
                    description: Some(error.to_string()),
                }],
            };
            all.extend(exports.into_iter().map(|export| (name.to_owned(), export)));
        }
        all
    }

    /// Returns the limits of functions, with the maxima of the session.
    pub(super) fn limits(&self, functions: &[Arc<CatalogFunction>]) -> Vec<FunctionLimit> {
        let maxima = self.loader.options.current_privileges().limits_max;
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
