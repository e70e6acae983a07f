//! Reading and changing the catalog.
//!
//! A statement is checked against the contents of one version. Modules load and compile
//! outside of any lock; then the changes are applied to that version, or checked again if
//! another session was faster. Nothing is registered before the catalog accepted it.

use std::sync::{Arc, PoisonError};

use datafusion::logical_expr::LogicalPlan;
use fusebox_definition::statement::FunctionName;
use fusebox_definition::{
    Definition, FunctionKey, StatementError, Subject, argument_lists, sql_types,
};
use fusebox_runtime::{Error, Result, WasmFunction};

use super::contents::{Changes, Contents, catalog_error, unreadable_error};
use super::early_binding::EarlyBinding;
use super::{Session, query};
use crate::catalog::{AuditRecord, Catalog, CatalogError, CatalogFunction, CatalogModule};
use crate::function::functions_of_plan;
use crate::loader::module_subject;
use crate::session_user::SessionUser;

/// Outcome of applying changes.
pub(super) enum Applied {
    /// The changes hold, and the functions are registered.
    Done,
    /// The catalog has changed: check the statement again.
    Conflict,
}

impl Session {
    /// Reads the contents that the session sees, and the rights of its user.
    pub(super) fn contents(&self) -> Result<Contents> {
        let contents = Contents::read(self.catalog.as_ref(), &self.temporary)?;
        if let Some(user) = &self.loader.options.user {
            user.refresh(&contents.shared)?;
        }
        Ok(contents)
    }

    /// Applies changes that were checked against `contents`, if the user may make them, with their
    /// records of the audit; then registers the functions.
    pub(super) fn apply(&self, contents: &Contents, mut changes: Changes) -> Result<Applied> {
        changes.check(contents, self.loader.options.catalog)?;
        self.check_changes(contents, &changes)?;
        let records = self.complete_changes(contents, &mut changes)?;
        match self.apply_both(contents, changes) {
            Ok(version) => {
                tracing::info!(version, "changed the catalog");
                records.iter().for_each(AuditRecord::log);
            }
            Err(CatalogError::Conflict) => return Ok(Applied::Conflict),
            Err(error) => return Err(catalog_error(error)),
        }
        // The statement has taken effect: what fails now is tried again by the next one.
        if let Err(error) = self.synchronize() {
            tracing::warn!(%error, "cannot register functions");
        }
        Ok(Applied::Done)
    }

    /// Applies changes to both catalogs or none; returns the version of the shared one.
    fn apply_both(&self, contents: &Contents, changes: Changes) -> Result<u64, CatalogError> {
        // Clones of the session change its own catalog under this lock only.
        let own = self.own_catalog.lock();
        let _own = own.unwrap_or_else(PoisonError::into_inner);
        let version = contents.temporary.version();
        if !changes.temporary.is_empty() && self.temporary.contents()?.version() != version {
            return Err(CatalogError::Conflict);
        }
        let mut shared_version = contents.shared.version();
        if !changes.shared.is_empty() {
            let applied = self.catalog.apply(shared_version, changes.shared)?;
            shared_version = applied.version();
        }
        if !changes.temporary.is_empty() {
            self.temporary.apply(version, changes.temporary)?;
        }
        Ok(shared_version)
    }

    /// Registers the functions that other sessions created, and removes those that they
    /// dropped, as of one moment of this call: a session that waited for the others to stop
    /// might wait forever. None is bound before a statement calls it.
    pub(super) fn synchronize(&self) -> Result<()> {
        let contents = self.contents()?;
        if !self.registry.is_behind(&contents) {
            return Ok(());
        }
        let user = self.loader.options.user.as_ref();
        let functions = contents.functions().into_iter().map(|function| {
            let registered = self.registry.function(&function);
            // One that is bound, or is being bound for a clone, asks for the user's rights no more.
            let registered = registered.filter(|registered| {
                let may_call = |user: &Arc<SessionUser>| user.may_call(function.definition());
                !registered.may_be_bound() || user.is_none_or(may_call)
            });
            let lazy = registered.unwrap_or_else(|| Arc::new(self.loader.lazy(&function)));
            (function, lazy)
        });
        self.registry
            .update(&self.context, &self.scope, &contents, functions.collect());
        self.forget_statistics(&contents);
        Ok(())
    }

    /// Forgets the statistics of functions that were dropped.
    fn forget_statistics(&self, contents: &Contents) {
        let shared = self.activity.catalog().statistics();
        let own = self.notices.statistics();
        let both = [(Some(shared), &contents.shared), (own, &contents.temporary)];
        for (statistics, contents) in both {
            if let Some(statistics) = statistics {
                statistics.retain(contents.version(), |key| contents.function(key).is_some());
            }
        }
    }

    /// Binds the functions that a plan calls, on a compile thread: what evaluates constants
    /// and plans operators does not wait for a compilation. One of them may have begun `early`.
    pub(super) async fn bind_called(
        &self,
        plan: &LogicalPlan,
        early: Option<EarlyBinding>,
    ) -> Result<()> {
        let Some(current) = self.registry.current() else {
            return Ok(());
        };
        let mut functions = functions_of_plan(plan, &current).map_err(query)?;
        let failed = match early {
            Some(early) => early.wait(&functions).await?,
            None => None,
        };
        if let Some(failed) = &failed {
            functions.truncate(failed.position);
        }
        self.loader.bind_lazy(functions).await?;
        failed.map_or(Ok(()), |failed| Err(failed.error))
    }

    /// Binds definitions of a statement, unless an earlier round of it has. So only the first
    /// round waits for a compile thread, and the statement ends although other sessions keep
    /// changing the catalog.
    pub(super) async fn bind_once(
        &self,
        bound: &mut Vec<Arc<WasmFunction>>,
        definitions: Vec<Definition>,
        module: &Arc<CatalogModule>,
    ) -> Result<()> {
        let before = bound.iter().map(|bound| bound.definition());
        if !before.eq(&definitions) {
            let subject = definitions.first().map(module_subject);
            let subject = subject.unwrap_or_else(|| Subject::Module(module.digest().to_string()));
            let module = self.loader.loaded_for(subject, module).await?;
            *bound = self.loader.bind_new(definitions, &module).await?;
        }
        Ok(())
    }

    /// Finds the function that a statement names.
    pub(super) fn find_function(
        &self,
        contents: &Contents,
        function: &FunctionName,
    ) -> Result<Arc<CatalogFunction>> {
        let mut named = contents.functions_named(&function.name);
        let keys: Vec<FunctionKey> = named.iter().map(|f| f.definition().key()).collect();
        let found = || argument_lists(keys.iter().map(|key| &key.types[..]));
        let is_built_in = || self.registry.is_built_in(&self.context, &function.name);
        let mut unreadable = contents.unreadable(&function.name);
        if named.is_empty()
            && let Some(found) = unreadable.next()
        {
            return Err(unreadable_error(found));
        }
        let reason = match &function.arguments {
            _ if named.is_empty() && is_built_in() => StatementError::NotUserDefined,
            _ if named.is_empty() => StatementError::Missing,
            None if named.len() > 1 => StatementError::NotUnique { found: found() },
            None => return Ok(named.remove(0)),
            Some(types) => match keys.iter().position(|key| key.types == *types) {
                Some(position) => return Ok(named.remove(position)),
                None => StatementError::OtherArguments {
                    found: found(),
                    stated: sql_types(types),
                },
            },
        };
        let subject = Subject::Function(function.name.clone());
        Err(Error::refused(subject, reason))
    }
}

/// Makes catalog functions of bound ones.
pub(super) fn catalog_functions<'a>(
    bound: &'a [Arc<WasmFunction>],
    module: &'a Arc<CatalogModule>,
) -> impl Iterator<Item = CatalogFunction> + 'a {
    let function = |bound: &Arc<WasmFunction>| CatalogFunction::bound(bound, Arc::clone(module));
    bound.iter().map(function)
}

/// Returns the definitions of catalog functions.
pub(super) fn definitions(functions: &[Arc<CatalogFunction>]) -> Vec<Definition> {
    functions.iter().map(|f| f.definition().clone()).collect()
}
