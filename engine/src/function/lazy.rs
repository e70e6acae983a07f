//! Functions that are bound to their modules when a statement first calls them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use datafusion::common::Result as DfResult;
use fusebox_definition::{Definition, FunctionKey, ModuleSource, StatementError, Subject};
use fusebox_runtime::{Cancellation, Error, Result, Scope, WasmFunction};

use super::external;
use crate::scope::run_long;

/// Function whose module is read and compiled when it is first needed: until then, its
/// definition is enough.
///
/// Two are equal if their definitions are, whatever texts these were stated with.
pub(crate) struct LazyFunction {
    definition: Definition,
    code: Code,
}

/// Compiled code of a function.
enum Code {
    /// Held once the function is bound.
    Own {
        bound: OnceLock<Arc<WasmFunction>>,
        bind: Box<Bind>,
        is_asked: AtomicBool,
    },
    /// Held by the session alone, for as long as it has the function.
    OfSession(Arc<FindFunction>),
}

/// Binds a function, and blocks the thread while its module is read and compiled.
type Bind = dyn Fn(&Cancellation) -> Result<Arc<WasmFunction>> + Send + Sync;

/// Finds the function that a session has now.
pub(super) type FindFunction = dyn Fn(&FunctionKey) -> Option<Arc<LazyFunction>> + Send + Sync;

impl LazyFunction {
    /// Creates a function that `bind` binds. What fails is tried again by the next call.
    pub(crate) fn new(
        definition: Definition,
        bind: impl Fn(&Cancellation) -> Result<Arc<WasmFunction>> + Send + Sync + 'static,
    ) -> Self {
        let code = Code::Own {
            bound: OnceLock::new(),
            bind: Box::new(bind),
            is_asked: AtomicBool::new(false),
        };
        Self { definition, code }
    }

    /// Creates a function that is bound.
    pub(crate) fn bound(function: Arc<WasmFunction>) -> Self {
        let definition = function.definition().clone();
        let code = Code::Own {
            bound: OnceLock::from(Arc::clone(&function)),
            bind: Box::new(move |_| Ok(Arc::clone(&function))),
            is_asked: AtomicBool::new(true),
        };
        Self { definition, code }
    }

    /// Creates a function without code, of a plan that is kept. Late binding replaces it; where
    /// there is none, a call of it is one of the function that the session has now.
    pub(super) fn of_session(defined: &Definition, find: &Arc<FindFunction>) -> Self {
        let mut definition = defined.clone();
        // A text of a module is as large as the module.
        definition.source = ModuleSource::Base64;
        definition.comment = None;
        let code = Code::OfSession(Arc::clone(find));
        Self { definition, code }
    }

    /// Returns true if the function has no code of its own.
    pub(super) fn is_of_session(&self) -> bool {
        matches!(self.code, Code::OfSession(_))
    }

    /// Returns the definition.
    pub(crate) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns the bound function, if it is bound.
    pub(crate) fn get(&self) -> Option<&Arc<WasmFunction>> {
        match &self.code {
            Code::Own { bound, .. } => bound.get(),
            Code::OfSession(_) => None,
        }
    }

    /// Returns true if the function is bound, or another thread may be about to bind it.
    pub(crate) fn may_be_bound(&self) -> bool {
        match &self.code {
            Code::Own { is_asked, .. } => is_asked.load(Ordering::SeqCst),
            Code::OfSession(_) => false,
        }
    }

    /// Returns the bound function. If it is not bound yet, binds it on this thread, until it
    /// is cancelled.
    ///
    /// # Errors
    ///
    /// Any error of reading and compiling the module; [`StatementError::Gone`] if the session
    /// has a function of a kept plan no more, or one of other types.
    pub(crate) fn get_or_bind(&self, cancellation: &Cancellation) -> Result<Arc<WasmFunction>> {
        match &self.code {
            Code::Own {
                bound,
                bind,
                is_asked,
            } => {
                if let Some(bound) = bound.get() {
                    return Ok(Arc::clone(bound));
                }
                is_asked.store(true, Ordering::SeqCst);
                let new = bind(cancellation)?;
                Ok(Arc::clone(bound.get_or_init(|| new)))
            }
            Code::OfSession(find) => {
                let now = find(&self.definition.key());
                let now = now.filter(|now| has_types_of(&now.definition, &self.definition));
                let now = now.ok_or_else(|| gone(&self.definition.name))?;
                now.get_or_bind(cancellation)
            }
        }
    }

    /// As [`get_or_bind`](Self::get_or_bind), within an execution. Statements of a session
    /// bind what they call before; plans that are made elsewhere bind here.
    pub(super) fn in_scope(&self, scope: &Scope) -> DfResult<Arc<WasmFunction>> {
        if let Some(bound) = self.get() {
            return Ok(Arc::clone(bound));
        }
        run_long(|| self.get_or_bind(scope.cancellation())).map_err(external)
    }
}

/// Returns the error of a function that the session has no more.
pub(super) fn gone(name: &str) -> Error {
    Error::refused(Subject::Function(name.to_owned()), StatementError::Gone)
}

/// Returns true if functions of the same key have the same kind, result and state, and are
/// planned in the same way.
fn has_types_of(one: &Definition, other: &Definition) -> bool {
    let types = |of: &Definition| (of.kind, of.state.clone(), of.signature.returns.clone());
    let planned = |of: &Definition| (of.volatility, of.nulls, of.on_error);
    types(one) == types(other) && planned(one) == planned(other)
}

impl PartialEq for LazyFunction {
    fn eq(&self, other: &Self) -> bool {
        self.definition.decisive() == other.definition.decisive()
    }
}

impl Eq for LazyFunction {}

impl Hash for LazyFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.decisive().hash(state);
    }
}

impl fmt::Debug for LazyFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition.fmt(f)
    }
}
