//! Catalog: modules, functions, and the relations that use them.
//!
//! A catalog knows nothing of DataFusion. It is read as immutable [`CatalogContents`] and
//! changed by [`CatalogChange`]s, all of a statement's or none, so that a durable catalog
//! can make a transaction of them.

// The catalog in memory.
mod memory;

// Limits of what a catalog holds.
mod limits;

// Users, roles and grants.
mod access;

// Records of changes and events.
mod audit;

// Modules, read when they are needed.
mod module;

// Functions that cannot be read.
mod unreadable;

// Views, tables and column defaults.
mod relation;

// Rows of tables.
mod rows;

// Bytes of stored rows, shared while they are in memory.
mod row_bytes;

// The bytes of rows, read as those of a stranger.
mod row_format;

// Bytes by digest.
mod blob_store;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};

use fusebox_definition::{Definition, Digest, FunctionKey, ModuleSource};
use fusebox_runtime::WasmFunction;

pub use access::{Access, AccessChange, Role};
pub use audit::AuditRecord;
pub use blob_store::BlobStore;
pub use limits::CatalogLimits;
pub use memory::MemoryCatalog;
pub use module::CatalogModule;
pub use relation::{Relation, RelationKind};
pub(crate) use row_bytes::Charged;
pub use rows::{RowChunk, TableRows};
pub use unreadable::UnreadableFunction;

/// Modules, functions and relations that sessions share.
///
/// Sessions check a statement against the contents of one version, and apply its changes to
/// that version: if another session changed the catalog meanwhile, they check again.
pub trait Catalog: Send + Sync + fmt::Debug {
    /// Returns the current contents.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the catalog cannot be read.
    fn contents(&self) -> Result<Arc<CatalogContents>, CatalogError>;

    /// Applies all `changes` or none, and returns the new contents. Called before anything
    /// is registered with DataFusion.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Conflict`] if the catalog is not at `version` any more, and
    /// [`CatalogError::Failed`] if it cannot be changed.
    fn apply(
        &self,
        version: u64,
        changes: Vec<CatalogChange>,
    ) -> Result<Arc<CatalogContents>, CatalogError>;

    /// Returns true if the catalog keeps views and tables with their rows, so that all its
    /// sessions have them. Otherwise, each session has its own.
    fn keeps_relations(&self) -> bool {
        false
    }

    /// Returns random bytes that stay the same as long as the catalog, from which a server derives
    /// what it answers for names that are no users; `None` for new ones at each start.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the catalog cannot be read.
    fn secret(&self) -> Result<Option<Vec<u8>>, CatalogError> {
        Ok(None)
    }

    /// Returns the records of the audit that are kept, the oldest first; none unless the catalog
    /// keeps those that [changes](CatalogChange::Audit) have.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the catalog cannot be read.
    fn audit(&self) -> Result<Vec<AuditRecord>, CatalogError> {
        Ok(Vec::new())
    }

    /// Adds records of events, which change no version.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the catalog cannot be changed.
    fn note(&self, records: Vec<AuditRecord>) -> Result<(), CatalogError> {
        drop(records);
        Ok(())
    }
}

/// Error of a catalog.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The catalog changed since the version that the changes were checked against.
    #[error("the catalog was changed by another session")]
    Conflict,
    /// The catalog cannot be read or changed.
    #[error("{0}")]
    Failed(String),
    /// The rows need more memory than their statement has.
    #[error("{0}")]
    MemoryExhausted(String),
}

/// Contents of a catalog at one version.
#[derive(Clone, Debug, Default)]
pub struct CatalogContents {
    version: u64,
    modules: BTreeMap<String, Arc<CatalogModule>>,
    functions: BTreeMap<FunctionKey, Arc<CatalogFunction>>,
    unreadable: BTreeSet<UnreadableFunction>,
    relations: BTreeMap<String, Relation>,
    schemas: BTreeSet<String>,
    access: Arc<Access>,
}

/// Function in a catalog.
#[derive(Debug)]
pub struct CatalogFunction {
    definition: Definition,
    module: Arc<CatalogModule>,
    /// The bound function, shared by all sessions.
    bound: OnceLock<Arc<WasmFunction>>,
}

/// One change of a statement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CatalogChange {
    /// Adds a module, or replaces the one of that name.
    PutModule(String, Arc<CatalogModule>),
    /// Adds a function, or replaces the one of that name and those argument types.
    PutFunction(Arc<CatalogFunction>),
    /// Adds a function that cannot be read.
    PutUnreadable(UnreadableFunction),
    /// Adds a relation, or replaces the one of that name.
    PutRelation(Relation),
    /// Adds a schema, by its qualified name.
    PutSchema(String),
    /// Removes a module.
    DropModule(String),
    /// Removes a function.
    DropFunction(FunctionKey),
    /// Removes a function that cannot be read.
    DropUnreadable(UnreadableFunction),
    /// Removes a relation.
    DropRelation(String),
    /// Removes a schema, and not its relations.
    DropSchema(String),
    /// Changes users, roles, grants or owners.
    Access(AccessChange),
    /// Adds a record to the audit, and changes nothing else.
    Audit(AuditRecord),
}

impl CatalogFunction {
    /// Creates the function of a definition and its module.
    pub fn new(definition: Definition, module: Arc<CatalogModule>) -> Self {
        Self {
            definition,
            module,
            bound: OnceLock::new(),
        }
    }

    /// Creates a function that is bound already.
    pub(crate) fn bound(function: &Arc<WasmFunction>, module: Arc<CatalogModule>) -> Self {
        Self {
            definition: function.definition().clone(),
            module,
            bound: OnceLock::from(Arc::clone(function)),
        }
    }

    /// Returns the definition.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns the module.
    pub fn module(&self) -> &Arc<CatalogModule> {
        &self.module
    }

    /// Returns the bound function, if it is bound.
    pub(crate) fn get(&self) -> Option<&Arc<WasmFunction>> {
        self.bound.get()
    }

    /// Keeps the bound function for all sessions.
    pub(crate) fn keep(&self, function: Arc<WasmFunction>) {
        // Another session may have bound an equal one.
        let _ = self.bound.set(function);
    }
}

impl CatalogContents {
    /// Creates the contents at a version that `changes` to an empty catalog lead to.
    pub fn at(version: u64, changes: Vec<CatalogChange>) -> Self {
        Self {
            version,
            ..Self::default().with(changes)
        }
    }

    /// Returns the version, which grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the module of a name.
    pub fn module(&self, name: &str) -> Option<&Arc<CatalogModule>> {
        self.modules.get(name)
    }

    /// Iterates over the modules, sorted by name.
    pub fn modules(&self) -> impl Iterator<Item = (&str, &Arc<CatalogModule>)> {
        self.modules
            .iter()
            .map(|(name, module)| (name.as_str(), module))
    }

    /// Returns the function of a name and argument types.
    pub fn function(&self, key: &FunctionKey) -> Option<&Arc<CatalogFunction>> {
        self.functions.get(key)
    }

    /// Iterates over the overloads of a name, sorted by argument types.
    pub fn functions_named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Arc<CatalogFunction>> {
        let first = FunctionKey {
            name: name.to_owned(),
            types: Vec::new(),
        };
        let from_first = self.functions.range(first..);
        let named = from_first.take_while(move |(key, _)| key.name == name);
        named.map(|(_, function)| function)
    }

    /// Iterates over the functions, sorted by name and argument types.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<CatalogFunction>> {
        self.functions.values()
    }

    /// Iterates over the functions that cannot be read, sorted by name and argument types.
    pub fn unreadable(&self) -> impl Iterator<Item = &UnreadableFunction> {
        self.unreadable.iter()
    }

    /// Iterates over the relations, sorted by name.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }

    /// Iterates over the qualified names of the schemas that were created, sorted. Relations may
    /// be in others.
    pub fn schemas(&self) -> impl Iterator<Item = &str> {
        self.schemas.iter().map(String::as_str)
    }

    /// Returns the relation of a qualified name.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.get(name)
    }

    /// Returns users, roles, grants and owners.
    pub fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// Returns the size of the rows of all tables in bytes.
    fn row_bytes(&self) -> u64 {
        let rows = self.relations.values().filter_map(|r| r.rows.as_ref());
        rows.map(TableRows::bytes).sum()
    }

    /// Returns the bytes of the statements of functions, tables and views.
    fn text_bytes(&self) -> u64 {
        let functions = self.functions.values();
        let functions = functions.map(|function| function.definition.text_bytes());
        let relations = self.relations.values();
        let relations = relations.map(|relation| relation.sql.len() as u64);
        functions.sum::<u64>() + relations.sum::<u64>()
    }

    /// Returns the sizes of the modules in bytes, each once.
    fn distinct_modules(&self) -> HashMap<Digest, u64> {
        let of_functions = self.functions.values().map(|function| &function.module);
        let modules = self.modules.values().chain(of_functions);
        modules
            .map(|module| (module.digest(), module.bytes()))
            .collect()
    }

    /// Returns the contents after `changes`, at the next version.
    #[must_use]
    pub fn with(&self, changes: Vec<CatalogChange>) -> Self {
        let mut next = self.clone();
        next.version += 1;
        for change in changes {
            match change {
                CatalogChange::PutModule(name, module) => {
                    next.modules.insert(name, module);
                }
                CatalogChange::PutFunction(function) => {
                    let key = function.definition.key();
                    next.unreadable.retain(|unreadable| !unreadable.is(&key));
                    next.functions.insert(key, function);
                }
                CatalogChange::PutRelation(relation) => {
                    next.relations.insert(relation.name.clone(), relation);
                }
                CatalogChange::PutUnreadable(function) => {
                    next.unreadable.insert(function);
                }
                CatalogChange::DropUnreadable(function) => {
                    next.unreadable.remove(&function);
                }
                CatalogChange::DropModule(name) => drop(next.modules.remove(&name)),
                CatalogChange::DropFunction(key) => drop(next.functions.remove(&key)),
                CatalogChange::DropRelation(name) => drop(next.relations.remove(&name)),
                CatalogChange::PutSchema(name) => {
                    next.schemas.insert(name);
                }
                CatalogChange::DropSchema(name) => {
                    next.schemas.remove(&name);
                }
                CatalogChange::Access(change) => Arc::make_mut(&mut next.access).apply(change),
                CatalogChange::Audit(_) => {}
            }
        }
        next
    }
}

/// Returns true if a function was created from the module of that name.
pub(crate) fn is_of_module(function: &CatalogFunction, module: &str) -> bool {
    matches!(&function.definition.source, ModuleSource::Module(name) if name == module)
}
