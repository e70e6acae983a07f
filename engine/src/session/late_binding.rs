//! Analyzer rule that resolves the names of Wasm functions when a plan runs.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;

use super::registry::Registry;
use crate::function::rebind;

/// Replaces the functions that a plan was made with by those that the session has now, once
/// for an execution. It runs first, so that arguments are coerced to their types.
struct LateBinding {
    registry: Arc<Registry>,
}

impl LateBinding {
    const NAME: &'static str = "late_binding";
}

/// Adds the rule to the context of a session. Of several sessions, the last one's functions
/// hold.
pub(super) fn bind_late(context: &SessionContext, registry: &Arc<Registry>) {
    let state = context.state_ref();
    let mut state = state.write();
    let session_id = state.session_id().to_owned();
    let mut builder = SessionStateBuilder::new_from_existing(state.clone());
    if let Some(analyzer) = builder.analyzer() {
        analyzer
            .rules
            .retain(|rule| rule.name() != LateBinding::NAME);
        let registry = Arc::clone(registry);
        analyzer.rules.insert(0, Arc::new(LateBinding { registry }));
    }
    *state = builder.with_session_id(session_id).build();
}

impl AnalyzerRule for LateBinding {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        match self.registry.current() {
            Some(current) => rebind(plan, &current),
            None => Ok(plan),
        }
    }

    fn name(&self) -> &str {
        Self::NAME
    }
}

impl fmt::Debug for LateBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateBinding").finish_non_exhaustive()
    }
}
