//! Which modules and functions there are: definitions, and the bytes they
//! name.
//!
//! The catalog knows nothing of DataFusion or of what a module means. It is
//! read by name and changed by [`Change`]s, all of a statement's or none, so
//! that a durable catalog can make a transaction of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::definition::{Definition, Digest, FunctionKey, Origin};

/// A module: its SQL name and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) digest: Digest,
    /// The binary, whatever the user gave.
    pub(crate) binary: Arc<[u8]>,
}

impl Module {
    pub(crate) fn new(name: String, binary: Vec<u8>) -> Self {
        Self {
            name,
            digest: Digest::of(&binary),
            binary: binary.into(),
        }
    }
}

/// One step of a statement's effect.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Adds a module, or replaces the one of that name.
    PutModule(Module),
    /// Adds a function, or replaces the one of that name and those argument
    /// types. The binary is what its digest names.
    PutFunction(Definition, Arc<[u8]>),
    DropModule(String),
    DropFunction(FunctionKey),
}

/// The definitions of one session, in memory.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    modules: BTreeMap<String, Module>,
    functions: BTreeMap<FunctionKey, Definition>,
    /// The bytes behind every function's digest.
    binaries: HashMap<Digest, Arc<[u8]>>,
}

impl Catalog {
    /// Makes all `changes` or none.
    pub(crate) fn apply(&self, changes: Vec<Change>) {
        let mut state = self.state();
        for change in changes {
            state.apply(change);
        }
        state.forget_unused_binaries();
    }

    pub(crate) fn module(&self, name: &str) -> Option<Module> {
        self.state().modules.get(name).cloned()
    }

    pub(crate) fn modules(&self) -> Vec<Module> {
        self.state().modules.values().cloned().collect()
    }

    /// The functions of one name, in the order of their argument types.
    pub(crate) fn functions_named(&self, name: &str) -> Vec<Definition> {
        let mut functions = self.functions();
        functions.retain(|function| function.name == name);
        functions
    }

    pub(crate) fn functions(&self) -> Vec<Definition> {
        self.state().functions.values().cloned().collect()
    }

    /// The functions that were made of a named module.
    pub(crate) fn functions_of(&self, module: &str) -> Vec<Definition> {
        let of = |origin: &Origin| matches!(origin, Origin::Module(name) if name == module);
        let mut functions = self.functions();
        functions.retain(|function| of(&function.origin));
        functions
    }

    /// The bytes of a function's module.
    pub(crate) fn binary(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.state().binaries.get(digest).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, change: Change) {
        match change {
            Change::PutModule(module) => {
                self.modules.insert(module.name.clone(), module);
            }
            Change::PutFunction(definition, binary) => {
                self.binaries.insert(definition.digest, binary);
                self.functions.insert(definition.key(), definition);
            }
            Change::DropModule(name) => {
                self.modules.remove(&name);
            }
            Change::DropFunction(key) => {
                self.functions.remove(&key);
            }
        }
    }

    fn forget_unused_binaries(&mut self) {
        let functions = &self.functions;
        let used = |digest: &Digest| functions.values().any(|f| f.digest == *digest);
        self.binaries.retain(|digest, _| used(digest));
    }
}
