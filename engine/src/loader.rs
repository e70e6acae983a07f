//! From statements to bound functions: modules are loaded and definitions completed and
//! bound, on the compile threads.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fusebox_definition::statement::{CreateFunction, SourceClause};
use fusebox_definition::{
    Definition, Digest, GrantedFile, Identifier, Kind, ModuleSource, StatedGrants, StatementError,
    Subject, Volatility,
};
use fusebox_runtime::{
    Cancellation, Error, Grants, LoadedModule, Result, Runtime, WEIGHTS_VERSION, WasmFunction,
};

use crate::catalog::{CatalogFunction, CatalogModule};
use crate::function::{LazyFunction, default_values};
use crate::options::SessionOptions;
use crate::scope::{CancelOnDrop, SessionCancellation};

/// Loads modules and binds functions for one session.
#[derive(Clone, Debug)]
pub(crate) struct Loader {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) options: SessionOptions,
    pub(crate) cancellation: SessionCancellation,
}

impl Loader {
    /// Loads the module of a source clause, and checks its digest.
    pub(crate) async fn load(
        &self,
        subject: &Subject,
        source: &SourceClause,
        sha256: Option<&str>,
    ) -> Result<Arc<LoadedModule>> {
        let (loader, subject) = (self.clone(), subject.clone());
        let (source, sha256) = (source.clone(), sha256.map(str::to_owned));
        let work = move || loader.load_blocking(&subject, &source, sha256.as_deref());
        self.runtime.run_blocking(work).await?
    }

    /// As [`load`](Self::load), on this thread.
    pub(crate) fn load_blocking(
        &self,
        subject: &Subject,
        source: &SourceClause,
        sha256: Option<&str>,
    ) -> Result<Arc<LoadedModule>> {
        let refused = |reason| Error::refused(subject.clone(), reason);
        let bytes_max = self.options.module_bytes_max;
        let bytes = match source {
            SourceClause::Path(path) => {
                let bytes = self.options.privileges.files.read(path, bytes_max);
                bytes.map_err(|reason| refused(StatementError::Path(reason)))?
            }
            SourceClause::Text(text) => text.clone().into_bytes(),
            SourceClause::Base64(text) => {
                let digits: String = text.split_whitespace().collect();
                let bytes = BASE64_STANDARD.decode(digits);
                bytes.map_err(|error| refused(StatementError::Base64(error.to_string())))?
            }
            SourceClause::Module(name) => {
                let missing = Subject::Module(name.clone());
                return Err(Error::refused(missing, StatementError::Missing));
            }
            _ => return Err(refused(StatementError::Clause("AS or FROM"))),
        };
        let module = LoadedModule::new(&bytes, bytes_max);
        let module = module.map_err(|fault| Error::module(subject, fault))?;
        check_digest(subject, module.digest(), sha256)?;
        Ok(module)
    }

    /// Loads a module from bytes, on a compile thread.
    pub(crate) async fn load_bytes(
        &self,
        subject: &Subject,
        bytes: Vec<u8>,
    ) -> Result<Arc<LoadedModule>> {
        let bytes_max = self.options.module_bytes_max;
        let loaded = move || LoadedModule::new(&bytes, bytes_max);
        let loaded = self.runtime.run_blocking(loaded).await?;
        loaded.map_err(|fault| Error::module(subject, fault))
    }

    /// Loads a module again with the constants that a statement lets it read; the same module if
    /// the statement states none.
    pub(crate) async fn granted(
        &self,
        subject: &Subject,
        module: Arc<LoadedModule>,
        stated: StatedGrants,
    ) -> Result<Arc<LoadedModule>> {
        if stated.is_empty() {
            return Ok(module);
        }
        let (loader, subject) = (self.clone(), subject.clone());
        let work = move || {
            let refused = |reason| Error::refused(subject.clone(), reason);
            let grants = loader.read_grants(&module, stated).map_err(refused)?;
            let granted = module.with_grants(&grants, loader.options.module_bytes_max);
            granted.map_err(|fault| refused(StatementError::Grants(fault.to_string())))
        };
        self.runtime.run_blocking(work).await?
    }

    /// Reads the files that a statement lets a module read, beside what it may read already.
    fn read_grants(
        &self,
        module: &LoadedModule,
        stated: StatedGrants,
    ) -> Result<Grants, StatementError> {
        let before = Grants::of(module.bytes());
        let before = before.map_err(|error| StatementError::Grants(error.to_string()))?;
        let mut grants = before.unwrap_or_default();
        grants.seed = stated.seed.unwrap_or(grants.seed);
        grants.variables.extend(stated.variables);
        // Their number and paths are checked before any is read.
        let paths = stated
            .files
            .iter()
            .map(|file| (file.path.clone(), Vec::new()));
        grants.files.extend(paths);
        let checked = grants.check();
        checked.map_err(|error| StatementError::Grants(error.to_string()))?;
        let mut bytes_max = self.options.module_bytes_max;
        for GrantedFile { path, source } in stated.files {
            let bytes = self.options.privileges.files.read(&source, bytes_max);
            let bytes = bytes.map_err(StatementError::Path)?;
            bytes_max = bytes_max.saturating_sub(bytes.len() as u64);
            grants.files.insert(path, bytes);
        }
        Ok(grants)
    }

    /// Completes the definition of a statement by the declaration of its module.
    pub(crate) fn define(
        &self,
        create: &CreateFunction,
        module: &LoadedModule,
    ) -> Result<Definition> {
        let refused = |reason| {
            let subject = Subject::Function(create.name.clone());
            Error::refused(subject, reason)
        };
        let source = match &create.source {
            Some(SourceClause::Module(name)) => ModuleSource::Module(name.clone()),
            Some(SourceClause::Path(path)) => ModuleSource::Path(path.clone()),
            Some(SourceClause::Text(text)) => ModuleSource::Text(text.as_str().into()),
            Some(_) => ModuleSource::Base64,
            None => return Err(refused(StatementError::Clause("AS or FROM"))),
        };
        let limits_of = |kind| self.options.limits_of(kind);
        create
            .complete(
                module.declarations(),
                limits_of,
                self.options.current_privileges().limits_max,
                module.digest(),
                source,
                WEIGHTS_VERSION,
            )
            .map_err(refused)
    }

    /// Moves a definition to another module, whose declaration must not contradict it.
    pub(crate) fn move_to(
        &self,
        mut definition: Definition,
        module: &LoadedModule,
    ) -> Result<Definition> {
        let checked = definition.stated().check_against(module.declarations());
        checked.map_err(|reason| {
            let subject = Subject::Function(definition.name.clone());
            Error::refused(subject, reason)
        })?;
        definition.digest = module.digest();
        Ok(definition)
    }

    /// Binds definitions that this session creates, if it has the privileges for them and
    /// their defaults are values of the parameters' types.
    pub(crate) async fn bind_new(
        &self,
        definitions: Vec<Definition>,
        module: &Arc<LoadedModule>,
    ) -> Result<Vec<Arc<WasmFunction>>> {
        let privileges = self.options.current_privileges();
        for definition in &definitions {
            privileges.check_definition(definition)?;
            default_values(definition).map_err(|reason| {
                Error::refused(Subject::Function(definition.name.clone()), reason)
            })?;
        }
        self.bind(definitions, module).await
    }

    /// Binds definitions of any session to a module, on a compile thread. Cancelled with the
    /// session's queries, and when the future is dropped.
    pub(crate) async fn bind(
        &self,
        definitions: Vec<Definition>,
        module: &Arc<LoadedModule>,
    ) -> Result<Vec<Arc<WasmFunction>>> {
        if definitions.is_empty() {
            return Ok(Vec::new());
        }
        let (runtime, module) = (Arc::clone(&self.runtime), Arc::clone(module));
        let cancellation = self.cancellation.query();
        let _cancel = CancelOnDrop(cancellation.clone());
        let bind = move || -> Result<Vec<_>> {
            let bind = |definition| runtime.bind_until(definition, &module, &cancellation);
            definitions.into_iter().map(bind).collect()
        };
        self.runtime.run_blocking(bind).await?
    }
}

impl Loader {
    /// Returns a module of a catalog, read on a compile thread. Errors name the subject.
    pub(crate) async fn loaded_for(
        &self,
        subject: Subject,
        module: &Arc<CatalogModule>,
    ) -> Result<Arc<LoadedModule>> {
        if let Some(loaded) = module.get() {
            return Ok(Arc::clone(loaded));
        }
        let module = Arc::clone(module);
        let load = move || module.load_for(&subject);
        self.runtime.run_blocking(load).await?
    }

    /// Makes a function of a session of one of a catalog. A volatile one has instances of its
    /// own, because no other session may see its state. One that the user may not call is not
    /// bound.
    pub(crate) fn lazy(&self, function: &Arc<CatalogFunction>) -> LazyFunction {
        let (runtime, catalog) = (Arc::clone(&self.runtime), Arc::clone(function));
        let user = self.options.user.clone();
        let bind = move |cancellation: &Cancellation| {
            let definition = catalog.definition();
            if let Some(user) = &user {
                user.check_call(definition)?;
            }
            let bound = match catalog.get() {
                Some(bound) => Arc::clone(bound),
                None => {
                    let subject = module_subject(definition);
                    let module = catalog.module().load_for(&subject)?;
                    let bound = runtime.bind_until(definition.clone(), &module, cancellation)?;
                    catalog.keep(Arc::clone(&bound));
                    bound
                }
            };
            Ok(match definition.volatility == Volatility::Volatile {
                true => Arc::new(bound.fork()),
                false => bound,
            })
        };
        LazyFunction::new(function.definition().clone(), bind)
    }

    /// Begins to bind a function on a compile thread, and returns its outcome when awaited.
    /// Cancelled with the session's queries, and when the future is dropped.
    pub(crate) fn begin_binding(
        &self,
        function: &Arc<LazyFunction>,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let function = Arc::clone(function);
        let cancellation = self.cancellation.query();
        let cancel = CancelOnDrop(cancellation.clone());
        let bind = move || function.get_or_bind(&cancellation).map(drop);
        let bound = self.runtime.run_blocking(bind);
        async move {
            let _cancel = cancel;
            bound.await?
        }
    }

    /// Binds functions that are not bound yet, on a compile thread. Cancelled with the
    /// session's queries, and when the future is dropped.
    pub(crate) async fn bind_lazy(&self, mut functions: Vec<Arc<LazyFunction>>) -> Result<()> {
        functions.retain(|function| function.get().is_none());
        if functions.is_empty() {
            return Ok(());
        }
        let cancellation = self.cancellation.query();
        let _cancel = CancelOnDrop(cancellation.clone());
        let bind = move || {
            let mut functions = functions.iter();
            functions.try_for_each(|function| function.get_or_bind(&cancellation).map(drop))
        };
        self.runtime.run_blocking(bind).await?
    }
}

/// Returns the module of a function, or the function if its module has no name.
pub(crate) fn module_subject(definition: &Definition) -> Subject {
    match &definition.source {
        ModuleSource::Module(name) => Subject::Module(name.clone()),
        _ => Subject::Function(definition.name.clone()),
    }
}

/// Refuses a module that is not the one that the statement pins.
pub(crate) fn check_digest(subject: &Subject, found: Digest, stated: Option<&str>) -> Result<()> {
    match stated {
        Some(stated) if stated.parse() != Ok(found) => Err(Error::refused(
            subject.clone(),
            StatementError::Digest {
                stated: stated.to_owned(),
                found: found.to_string(),
            },
        )),
        _ => Ok(()),
    }
}

/// Refuses a function whose name belongs to functions of another kind, since calls would not
/// resolve to it.
pub(crate) fn check_kind(definition: &Definition, other: Option<Kind>) -> Result<()> {
    let stated = definition.kind;
    match other.filter(|found| *found != stated) {
        None => Ok(()),
        Some(found) => Err(Error::refused(
            Subject::Function(definition.name.clone()),
            StatementError::Kind {
                found: found.name(),
                stated: stated.name(),
            },
        )),
    }
}

/// Refuses a function whose parameters have other names than those of an overload in the same
/// places, since a name would mean one or the other.
pub(crate) fn check_parameter_names<'a>(
    definition: &Definition,
    overloads: impl IntoIterator<Item = &'a Definition>,
) -> Result<()> {
    let stated = &definition.signature.arguments;
    for overload in overloads {
        let pairs = stated.iter().zip(&overload.signature.arguments).enumerate();
        for (index, pair) in pairs {
            let (Some(stated), Some(found)) = (&pair.0.name, &pair.1.name) else {
                continue;
            };
            if stated == found {
                continue;
            }
            let reason = StatementError::OverloadNames {
                position: index + 1,
                stated: Identifier(stated).to_string(),
                found: Identifier(found).to_string(),
                overload: format!("({})", overload.signature.argument_types()),
            };
            let subject = Subject::Function(definition.name.clone());
            return Err(Error::refused(subject, reason));
        }
    }
    Ok(())
}

/// Aggregates that DataFusion's planner and optimizer recognise by name: `sum` over groups is
/// split into partial sums, and `DISTINCT ON` becomes `first_value`.
const RESERVED: [&str; 6] = ["count", "first_value", "last_value", "max", "min", "sum"];

/// Refuses a name that DataFusion recognises as another function, or cannot find.
pub(crate) fn check_name(definition: &Definition) -> Result<()> {
    let name = &definition.name;
    let reason = match definition.kind {
        Kind::Aggregate if RESERVED.contains(&name.as_str()) => StatementError::ReservedName,
        Kind::Table if *name != name.to_ascii_lowercase() => StatementError::TableName,
        _ => return Ok(()),
    };
    Err(Error::refused(Subject::Function(name.clone()), reason))
}
