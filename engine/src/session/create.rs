//! Statements that create, replace and alter.

use std::sync::Arc;

use arrow::datatypes::DataType;
use fusebox_definition::statement::{
    CreateFunction, CreateModule, FunctionName, Options, SourceClause,
};
use fusebox_definition::{Definition, ModuleSource, StatementError, Subject};
use fusebox_runtime::{Error, LoadedModule, Result, WEIGHTS_VERSION, WasmFunction};

use super::Session;
use super::contents::{Changes, Contents};
use super::registry::registered_kind;
use super::transaction::{Applied, catalog_functions, definitions};
use crate::catalog::{CatalogChange, CatalogFunction, CatalogModule};
use crate::function::are_alike;
use crate::loader::{check_digest, check_kind, check_name, check_parameter_names};

impl Session {
    pub(super) async fn execute_create_module(&self, create: CreateModule) -> Result<()> {
        let subject = Subject::Module(create.name.clone());
        if let Some(other) = create.language.filter(|language| language != "WASM") {
            return Err(Error::refused(subject, StatementError::Language(other)));
        }
        let contents = self.contents()?;
        if contents.shared.module(&create.name).is_some() {
            if create.if_not_exists {
                return Ok(());
            }
            if !create.or_replace {
                return Err(Error::refused(subject, StatementError::Exists));
            }
        }
        let sha256 = create.sha256.as_deref();
        let options = create.options.unwrap_or_default();
        let checked = options.check_of_module().and_then(|()| options.grants());
        let grants = checked.map_err(|reason| Error::refused(subject.clone(), reason))?;
        let module = self.loader.load(&subject, &create.source, sha256).await?;
        let module = self.loader.granted(&subject, module, grants).await?;
        self.put_module(
            &create.name,
            module,
            create.or_replace,
            create.if_not_exists,
        )
        .await
    }

    /// Adds a loaded module. The functions of a module that it replaces move to it: all of
    /// them, or the statement fails.
    pub(super) async fn put_module(
        &self,
        name: &str,
        module: Arc<LoadedModule>,
        replace: bool,
        if_not_exists: bool,
    ) -> Result<()> {
        let mut bound = Vec::new();
        let entry = Arc::new(CatalogModule::from(Arc::clone(&module)));
        loop {
            let contents = self.contents()?;
            if contents.shared.module(name).is_some() && !replace {
                if if_not_exists {
                    return Ok(());
                }
                let subject = Subject::Module(name.to_owned());
                return Err(Error::refused(subject, StatementError::Exists));
            }
            let dependents = definitions(&contents.functions_of(name)).into_iter();
            let moved = dependents.map(|definition| self.loader.move_to(definition, &module));
            let moved = moved.collect::<Result<_>>()?;
            self.bind_once(&mut bound, moved, &entry).await?;
            let mut changes = Changes::default();
            let put = CatalogChange::PutModule(name.to_owned(), Arc::clone(&entry));
            changes.shared.push(put);
            catalog_functions(&bound, &entry).for_each(|function| changes.put(function));
            if let Applied::Done = self.apply(&contents, changes)? {
                return Ok(());
            }
        }
    }

    pub(super) async fn execute_create_function(&self, create: CreateFunction) -> Result<()> {
        let subject = Subject::Function(create.name.clone());
        create
            .check()
            .map_err(|reason| Error::refused(subject.clone(), reason))?;
        let grants = create.options.as_ref().map(Options::grants).transpose();
        let grants = grants.map_err(|reason| Error::refused(subject.clone(), reason))?;
        let grants = grants.unwrap_or_default();
        let sha256 = create.sha256.as_deref();
        let mut loaded = None;
        let mut bound = Vec::new();
        loop {
            self.synchronize()?;
            let contents = self.contents()?;
            if self.skips(&contents, &create)? {
                return Ok(());
            }
            let module = match &create.source {
                Some(SourceClause::Module(name)) => {
                    let module = contents.module(name)?;
                    self.check_use(name)?;
                    check_digest(&subject, module.digest(), sha256)?;
                    module
                }
                Some(source) => match &loaded {
                    Some(loaded) => Arc::clone(loaded),
                    None => {
                        let module = self.loader.load(&subject, source, sha256).await?;
                        Arc::clone(loaded.insert(Arc::new(CatalogModule::from(module))))
                    }
                },
                None => {
                    let reason = StatementError::Clause("AS or FROM");
                    return Err(Error::refused(subject, reason));
                }
            };
            let mut module = module;
            let named = match &create.source {
                Some(SourceClause::Module(name)) => Subject::Module(name.clone()),
                _ => subject.clone(),
            };
            let mut declared = self.loader.loaded_for(named, &module).await?;
            if !grants.is_empty() {
                declared = self
                    .loader
                    .granted(&subject, declared, grants.clone())
                    .await?;
                module = Arc::new(CatalogModule::from(Arc::clone(&declared)));
            }
            let mut definition = self.loader.define(&create, &declared)?;
            if !grants.is_empty() {
                // The constants are part of the bytes, and of no other source.
                definition.source = ModuleSource::Base64;
            }
            let applied = self
                .put_function(
                    &contents,
                    definition,
                    &module,
                    create.or_replace,
                    &mut bound,
                )
                .await?;
            if let Applied::Done = applied {
                return Ok(());
            }
        }
    }

    /// Returns true if IF NOT EXISTS skips the statement; refuses it if the name is taken.
    fn skips(&self, contents: &Contents, create: &CreateFunction) -> Result<bool> {
        let named = contents.functions_named(&create.name);
        let is_built_in = self.is_built_in(contents, &create.name);
        let exists = match create.types() {
            Some(types) => !alike(&named, &types).is_empty(),
            None => !named.is_empty(),
        };
        if create.if_not_exists && (is_built_in || exists) {
            return Ok(true);
        }
        if !create.or_replace {
            self.refuse_built_in(contents, &create.name)?;
        }
        if is_built_in {
            let subject = Subject::Function(create.name.clone());
            let privileges = self.loader.options.current_privileges();
            privileges.check_replacement(&subject)?;
        }
        Ok(false)
    }

    /// Returns true if a name is that of a function of DataFusion alone.
    pub(super) fn is_built_in(&self, contents: &Contents, name: &str) -> bool {
        let is_ours = !contents.functions_named(name).is_empty();
        !is_ours && self.registry.is_built_in(&self.context, name)
    }

    /// Refuses to hide a function of DataFusion.
    pub(super) fn refuse_built_in(&self, contents: &Contents, name: &str) -> Result<()> {
        if !self.is_built_in(contents, name) {
            return Ok(());
        }
        let subject = Subject::Function(name.to_owned());
        Err(Error::refused(subject, StatementError::BuiltIn))
    }

    /// Adds a function whose definition is complete. `bound` is kept for the next round.
    pub(super) async fn put_function(
        &self,
        contents: &Contents,
        definition: Definition,
        module: &Arc<CatalogModule>,
        replace: bool,
        bound: &mut Vec<Arc<WasmFunction>>,
    ) -> Result<Applied> {
        let name = definition.name.clone();
        let subject = Subject::Function(name.clone());
        let others = contents.functions_named(&name);
        let other_kind = match others.first() {
            Some(other) => Some(other.definition().kind),
            None if self.registry.is_built_in(&self.context, &name) => {
                registered_kind(&self.context, &name)
            }
            None => None,
        };
        check_kind(&definition, other_kind)?;
        check_name(&definition)?;
        let replaced = alike(&others, &definition.signature.types());
        let key = definition.key();
        let is_unreadable =
            !definition.temporary && contents.unreadable(&name).any(|found| found.is(&key));
        if (!replaced.is_empty() || is_unreadable) && !replace {
            return Err(Error::refused(subject, StatementError::Exists));
        }
        let is_kept = |other: &&Arc<CatalogFunction>| {
            let mut replaced = replaced.iter();
            !replaced.any(|replaced| Arc::ptr_eq(replaced, other))
        };
        let kept = others.iter().filter(is_kept);
        check_parameter_names(&definition, kept.map(|other| other.definition()))?;
        let mut changes = Changes::default();
        drop_replaced(&mut changes, &replaced, &definition);
        self.bind_once(bound, vec![definition], module).await?;
        catalog_functions(bound, module).for_each(|function| changes.put(function));
        self.apply(contents, changes)
    }

    pub(super) async fn execute_alter_function(
        &self,
        name: FunctionName,
        options: Options,
    ) -> Result<()> {
        self.change_function(&name, |definition| {
            options.refuse_grants()?;
            definition.limits = options.apply(definition.limits)?;
            definition.weights = Some(WEIGHTS_VERSION);
            if let Some(reset) = options.reset()? {
                definition.reset = reset;
            }
            if let Some(on_error) = options.on_error()? {
                definition.on_error = on_error;
            }
            if let Some(reuse) = options.reuse()? {
                definition.reuse = reuse;
            }
            if let Some(abi) = options.abi()? {
                definition.abi = Some(abi);
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn execute_comment_on(
        &self,
        name: FunctionName,
        comment: Option<String>,
    ) -> Result<()> {
        self.change_function(&name, |definition| {
            definition.comment.clone_from(&comment);
            Ok(())
        })
        .await
    }

    pub(super) async fn execute_rename_function(
        &self,
        name: FunctionName,
        to: String,
    ) -> Result<()> {
        let mut bound = Vec::new();
        loop {
            self.synchronize()?;
            let contents = self.contents()?;
            let found = self.find_function(&contents, &name)?;
            self.refuse_built_in(&contents, &to)?;
            let mut changes = Changes::default();
            changes.drop(&found);
            let subject = Subject::Function(found.definition().name.clone());
            self.register_every_relation().await?;
            self.check_dependents(&contents, &mut changes, &subject, false)
                .await?;
            let mut definition = found.definition().clone();
            definition.name.clone_from(&to);
            let others = contents.functions_named(&to);
            let other_kind = others.first().map(|other| other.definition().kind);
            check_kind(&definition, other_kind)?;
            check_name(&definition)?;
            check_parameter_names(&definition, others.iter().map(|other| other.definition()))?;
            if !alike(&others, &definition.signature.types()).is_empty() {
                let subject = Subject::Function(to);
                return Err(Error::refused(subject, StatementError::Exists));
            }
            let module = found.module();
            self.bind_once(&mut bound, vec![definition], module).await?;
            catalog_functions(&bound, module).for_each(|function| changes.put(function));
            if let Applied::Done = self.apply(&contents, changes)? {
                return Ok(());
            }
        }
    }

    /// Changes the definition of a function, whose signature stays.
    async fn change_function(
        &self,
        name: &FunctionName,
        change: impl Fn(&mut Definition) -> Result<(), StatementError>,
    ) -> Result<()> {
        let mut bound = Vec::new();
        loop {
            self.synchronize()?;
            let contents = self.contents()?;
            let found = self.find_function(&contents, name)?;
            let mut definition = found.definition().clone();
            let subject = Subject::Function(definition.name.clone());
            let refused = |reason| Error::refused(subject.clone(), reason);
            change(&mut definition).map_err(refused)?;
            let module = found.module();
            self.bind_once(&mut bound, vec![definition], module).await?;
            let mut changes = Changes::default();
            catalog_functions(&bound, module).for_each(|function| changes.put(function));
            if let Applied::Done = self.apply(&contents, changes)? {
                return Ok(());
            }
        }
    }
}

/// Drops the functions that a definition replaces and that it does not overwrite. A temporary
/// function hides a shared one and leaves it. A shared one replaces both, and so takes effect
/// in this session too.
pub(super) fn drop_replaced(
    changes: &mut Changes,
    replaced: &[Arc<CatalogFunction>],
    definition: &Definition,
) {
    for old in replaced {
        let old_definition = old.definition();
        let is_other = old_definition.temporary != definition.temporary;
        let is_left = definition.temporary && is_other;
        if !is_left && (is_other || old_definition.key() != definition.key()) {
            changes.drop(old);
        }
    }
}

/// Returns the overloads that no call distinguishes from one of these types.
pub(super) fn alike(
    named: &[Arc<CatalogFunction>],
    types: &[DataType],
) -> Vec<Arc<CatalogFunction>> {
    let is_alike = |f: &&Arc<CatalogFunction>| are_alike(&f.definition().signature.types(), types);
    named.iter().filter(is_alike).cloned().collect()
}
