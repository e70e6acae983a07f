//! Functions that are bound to their modules when a statement first calls them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::common::Result as DfResult;
use fusebox_definition::Definition;
use fusebox_runtime::{Cancellation, Result, Scope, WasmFunction};

use super::external;
use crate::scope::run_long;

/// Function whose module is read and compiled when it is first needed: until then, its
/// definition is enough.
///
/// Two are equal if their definitions are.
pub(crate) struct LazyFunction {
    definition: Definition,
    bound: OnceLock<Arc<WasmFunction>>,
    bind: Box<Bind>,
}

/// Binds a function, and blocks the thread while its module is read and compiled.
type Bind = dyn Fn(&Cancellation) -> Result<Arc<WasmFunction>> + Send + Sync;

impl LazyFunction {
    /// Creates a function that `bind` binds. What fails is tried again by the next call.
    pub(crate) fn new(
        definition: Definition,
        bind: impl Fn(&Cancellation) -> Result<Arc<WasmFunction>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            definition,
            bound: OnceLock::new(),
            bind: Box::new(bind),
        }
    }

    /// Creates a function that is bound.
    pub(crate) fn bound(function: Arc<WasmFunction>) -> Self {
        let definition = function.definition().clone();
        let bound = OnceLock::from(Arc::clone(&function));
        Self {
            bound,
            ..Self::new(definition, move |_| Ok(Arc::clone(&function)))
        }
    }

    /// Returns the definition.
    pub(crate) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns the bound function, if it is bound.
    pub(crate) fn get(&self) -> Option<&Arc<WasmFunction>> {
        self.bound.get()
    }

    /// Returns the bound function. If it is not bound yet, binds it on this thread, until it
    /// is cancelled.
    ///
    /// # Errors
    ///
    /// Any error of reading and compiling the module.
    pub(crate) fn get_or_bind(&self, cancellation: &Cancellation) -> Result<Arc<WasmFunction>> {
        if let Some(bound) = self.bound.get() {
            return Ok(Arc::clone(bound));
        }
        let bound = (self.bind)(cancellation)?;
        Ok(Arc::clone(self.bound.get_or_init(|| bound)))
    }

    /// As [`get_or_bind`](Self::get_or_bind), within an execution. Statements of a session
    /// bind what they call before; plans that are made elsewhere bind here.
    pub(super) fn in_scope(&self, scope: &Scope) -> DfResult<Arc<WasmFunction>> {
        if let Some(bound) = self.bound.get() {
            return Ok(Arc::clone(bound));
        }
        run_long(|| self.get_or_bind(scope.cancellation())).map_err(external)
    }
}

impl PartialEq for LazyFunction {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for LazyFunction {}

impl Hash for LazyFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.hash(state);
    }
}

impl fmt::Debug for LazyFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition.fmt(f)
    }
}
