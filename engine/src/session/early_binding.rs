//! Functions that are bound while the query that calls them is planned.
//!
//! A module of a durable catalog is read, and its code is loaded or compiled, when a statement
//! first calls one of its functions. That needs no plan, if the name of the function has no other
//! overloads.

use std::pin::Pin;
use std::sync::Arc;

use datafusion::sql::parser::Statement as DfStatement;
use fusebox_runtime::{Error, Result};

use super::Session;
use super::calls::find_called;
use crate::function::LazyFunction;

/// Function that is bound on a compile thread, until this is dropped.
pub(super) struct EarlyBinding {
    function: Arc<LazyFunction>,
    bound: Pin<Box<dyn Future<Output = Result<()>> + Send>>,
}

/// Failure of an early binding. It is not tried again for the same query: that would read and
/// compile the module twice, to the same end.
pub(super) struct FailedBinding {
    /// Index among the functions that the plan calls: those before it are bound first, and the
    /// first failure is reported.
    pub(super) position: usize,
    pub(super) error: Error,
}

impl Session {
    /// Begins to bind the first function of a query that is not bound; `None` if there is none, or
    /// the statement is no query. Others may be planned and never called, such as that of
    /// `PREPARE`.
    pub(super) fn begin_binding(&self, statement: &DfStatement) -> Option<EarlyBinding> {
        let function = find_called(statement, |name| {
            let only = self.registry.only_function(name);
            only.filter(|function| function.get().is_none())
        })?;
        let bound = self.loader.begin_binding(&function);
        Some(EarlyBinding {
            function,
            bound: Box::pin(bound),
        })
    }
}

impl EarlyBinding {
    /// Waits until the function is bound, if it is among those that the plan calls; `None` if it is
    /// bound, or not among them.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`].
    pub(super) async fn wait(self, called: &[Arc<LazyFunction>]) -> Result<Option<FailedBinding>> {
        let is_own = |called: &Arc<LazyFunction>| Arc::ptr_eq(called, &self.function);
        let Some(position) = called.iter().position(is_own) else {
            return Ok(None);
        };
        match self.bound.await {
            Ok(()) => Ok(None),
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Err(error) => Ok(Some(FailedBinding { position, error })),
        }
    }
}
