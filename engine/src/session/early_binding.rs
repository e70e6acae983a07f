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
    /// Waits until the function is bound, if it is among those that the plan calls.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`]. Any other error is left to the binding of all functions of the plan,
    /// which reports that of the first.
    pub(super) async fn wait(self, called: &[Arc<LazyFunction>]) -> Result<()> {
        let is_called = |called: &Arc<LazyFunction>| Arc::ptr_eq(called, &self.function);
        if !called.iter().any(is_called) {
            return Ok(());
        }
        match self.bound.await {
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
