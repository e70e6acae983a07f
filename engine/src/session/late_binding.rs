//! Analyzer rule that resolves the names of Wasm functions when a plan runs.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;

use super::Session;
use super::registry::Registry;
use crate::function::{KeptFunctions, rebind};

/// Replaces the functions that a plan was made with by those that the session has now, once
/// for an execution. It runs first, so that arguments are coerced to their types.
pub(super) struct LateBinding {
    pub(super) registry: Arc<Registry>,
}

impl AnalyzerRule for LateBinding {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        match self.registry.current() {
            Some(current) => rebind(plan, &current),
            None => Ok(plan),
        }
    }

    fn name(&self) -> &str {
        "late_binding"
    }
}

impl Session {
    /// Returns the functions of plans that the session keeps, which late binding replaces.
    pub(super) fn kept_functions(&self) -> KeptFunctions {
        self.registry.kept_functions(&self.scope)
    }
}

impl fmt::Debug for LateBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateBinding").finish_non_exhaustive()
    }
}
