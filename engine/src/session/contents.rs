//! Contents that a session sees, and changes to them.

use std::collections::HashMap;
use std::sync::Arc;

use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use crate::catalog::{
    Catalog, CatalogChange, CatalogContents, CatalogError, CatalogFunction, CatalogLimits,
    CatalogModule, MemoryCatalog, UnreadableFunction, is_of_module,
};
use crate::function::are_alike;

/// Contents that a session sees: those of its catalog and its own.
pub(super) struct Contents {
    pub(super) shared: Arc<CatalogContents>,
    pub(super) temporary: Arc<CatalogContents>,
}

/// Changes of one statement, by the catalog that they apply to.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) shared: Vec<CatalogChange>,
    pub(super) temporary: Vec<CatalogChange>,
}

impl Changes {
    /// Adds or replaces a function.
    pub(super) fn put(&mut self, function: CatalogFunction) {
        let changes = self.of(&function);
        changes.push(CatalogChange::PutFunction(Arc::new(function)));
    }

    /// Drops a function.
    pub(super) fn drop(&mut self, function: &CatalogFunction) {
        let key = function.definition().key();
        self.of(function).push(CatalogChange::DropFunction(key));
    }

    /// Checks that the changes keep both catalogs within their limits.
    pub(super) fn check(&self, contents: &Contents, limits: CatalogLimits) -> Result<()> {
        let both = [
            (&self.shared, &contents.shared),
            (&self.temporary, &contents.temporary),
        ];
        for (changes, before) in both {
            let added = changes.iter().find_map(|change| match change {
                CatalogChange::PutModule(name, _) => Some(Subject::Module(name.clone())),
                CatalogChange::PutFunction(function) => {
                    Some(Subject::Function(function.definition().name.clone()))
                }
                _ => None,
            });
            if let Some(added) = added {
                let after = before.with(changes.clone());
                limits
                    .check(before, &after)
                    .map_err(|reason| Error::refused(added, reason))?;
            }
        }
        Ok(())
    }

    fn of(&mut self, function: &CatalogFunction) -> &mut Vec<CatalogChange> {
        match function.definition().temporary {
            true => &mut self.temporary,
            false => &mut self.shared,
        }
    }
}

impl Contents {
    /// Reads the contents of a session's catalog and its own.
    pub(super) fn read(catalog: &dyn Catalog, temporary: &MemoryCatalog) -> Result<Self> {
        Ok(Self {
            shared: catalog.contents().map_err(catalog_error)?,
            temporary: temporary.contents().map_err(catalog_error)?,
        })
    }

    /// Returns all functions, sorted by name and argument types. A temporary function hides
    /// the shared ones that no call distinguishes from it, and those of another kind.
    pub(super) fn functions(&self) -> Vec<Arc<CatalogFunction>> {
        visible(self.temporary.functions(), self.shared.functions())
    }

    /// Returns the functions of a name, sorted by argument types.
    pub(super) fn functions_named(&self, name: &str) -> Vec<Arc<CatalogFunction>> {
        let (temporary, shared) = (&self.temporary, &self.shared);
        visible(
            temporary.functions_named(name),
            shared.functions_named(name),
        )
    }

    /// Returns the functions of a name that the catalog holds and cannot read.
    pub(super) fn unreadable(&self, name: &str) -> impl Iterator<Item = &UnreadableFunction> {
        let unreadable = self.shared.unreadable();
        unreadable.filter(move |function| function.name == name)
    }

    /// Returns the functions that were created from a named module, hidden ones included,
    /// sorted by name.
    pub(super) fn functions_of(&self, module: &str) -> Vec<Arc<CatalogFunction>> {
        let both = self.shared.functions().chain(self.temporary.functions());
        let of_module = both.filter(|function| is_of_module(function, module));
        let mut functions: Vec<_> = of_module.cloned().collect();
        functions.sort_by_cached_key(|function| function.definition().key());
        functions
    }

    /// Returns a module.
    pub(super) fn module(&self, name: &str) -> Result<Arc<CatalogModule>> {
        let is_path = name.contains('/') || name.ends_with(".wasm") || name.ends_with(".wat");
        let reason = || match is_path {
            true => StatementError::MissingModuleFile(name.to_owned()),
            false => StatementError::Missing,
        };
        let missing = || Error::refused(Subject::Module(name.to_owned()), reason());
        self.shared.module(name).cloned().ok_or_else(missing)
    }
}

/// Merges functions, sorted by key; temporary ones hide shared ones.
fn visible<'a>(
    temporary: impl Iterator<Item = &'a Arc<CatalogFunction>>,
    shared: impl Iterator<Item = &'a Arc<CatalogFunction>>,
) -> Vec<Arc<CatalogFunction>> {
    let mut functions: Vec<_> = temporary.cloned().collect();
    let mut hiding: HashMap<&str, Vec<&CatalogFunction>> = HashMap::new();
    for function in &functions {
        let name = function.definition().name.as_str();
        hiding.entry(name).or_default().push(function);
    }
    let is_hidden = |shared: &CatalogFunction| {
        let shared = shared.definition();
        let types = shared.signature.types();
        let mut hiding = hiding.get(shared.name.as_str()).into_iter().flatten();
        hiding.any(|temporary| {
            let temporary = temporary.definition();
            temporary.kind != shared.kind || are_alike(&temporary.signature.types(), &types)
        })
    };
    let seen: Vec<_> = shared.filter(|f| !is_hidden(f)).cloned().collect();
    functions.extend(seen);
    functions.sort_by_cached_key(|function| function.definition().key());
    functions
}

/// Makes the error of a function that cannot be read.
pub(super) fn unreadable_error(function: &UnreadableFunction) -> Error {
    let subject = Subject::Function(function.name.clone());
    let reason = StatementError::Unreadable(function.reason.clone());
    Error::refused(subject, reason)
}

/// Makes an error of a catalog's.
pub(super) fn catalog_error(error: CatalogError) -> Error {
    Error::Catalog(error.to_string())
}
