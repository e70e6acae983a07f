//! Query planner whose calls of Wasm functions hold up no other task.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::{QueryPlanner, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan, WriteOp};
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::file_commit::{commit_files, copied_folder};
use crate::function::{external, may_run_long};
use crate::memory_tables::count_rows;
use crate::overflow::check_integers;
use crate::scope::{CancelOnDrop, QueryScope, TimeoutExec, with_scope_in_task};
use crate::table_keys::{enforce_keys, enforce_not_null};
use crate::yielding_joins::yield_in_joins;

/// Query planner around another one, which evaluates constants such as those of `VALUES`.
///
/// A constant that may take long is planned in a task with a scope, as operators are polled:
/// it is cancelled with the query, and other tasks do not wait for its thread. A
/// [`TimeoutExec`] comes above the plan of a statement with a deadline. Files that a statement
/// writes get their names when all of it has succeeded, and rows for tables in memory are counted,
/// and their keys checked. Joins yield to other tasks, and integers that are out of range fail.
pub(crate) struct ScopedPlanner {
    planner: Arc<dyn QueryPlanner + Send + Sync>,
}

impl ScopedPlanner {
    pub(crate) fn new(planner: Arc<dyn QueryPlanner + Send + Sync>) -> Self {
        Self { planner }
    }

    /// Plans with a scope, in a task of its own if the runtime has several threads.
    async fn plan_in_scope(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = session.as_any().downcast_ref::<SessionState>();
        let scope = QueryScope::part(session.config_options());
        let (Some(state), Some(scope)) = (state, scope) else {
            return self.planner.create_physical_plan(plan, session).await;
        };
        let _cancel = CancelOnDrop(scope.cancellation().clone());
        let (planner, plan, state) = (Arc::clone(&self.planner), plan.clone(), state.clone());
        let planning = async move {
            let mut planning = planner.create_physical_plan(&plan, &state);
            poll_fn(|cx| with_scope_in_task(&scope, || planning.as_mut().poll(cx))).await
        };
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => planning.await,
            _ => {
                let planned = SpawnedTask::spawn(planning).join_unwind().await;
                planned.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
            }
        }
    }
}

#[async_trait]
impl QueryPlanner for ScopedPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (optimized, folder) = copied_folder(plan)?;
        let plan = check_integers(&optimized)?;
        let plan: &LogicalPlan = &plan;
        let deadline = QueryScope::deadline(session.config_options());
        let kept_rows = QueryScope::kept_rows(session.config_options()).cloned();
        // Queries within the statement, which tables plan, keep no rows.
        let state = session.as_any().downcast_ref::<SessionState>();
        let state = kept_rows.as_ref().and(state).map(|state| {
            let mut state = state.clone();
            QueryScope::set_kept_rows(state.config_mut().options_mut(), None);
            state
        });
        let session: &dyn Session = match &state {
            Some(state) => state,
            None => session,
        };
        let planning = async {
            match has_long_call(plan)? {
                true => self.plan_in_scope(plan, session).await,
                false => self.planner.create_physical_plan(plan, session).await,
            }
        };
        let planning = async {
            let mut planned = yield_in_joins(planning.await?)?;
            if let Some(rows) = &kept_rows {
                if let Some(target) = &rows.target {
                    planned = enforce_keys(planned, target, &rows.table)?;
                }
                let collected = rows.collected.as_ref();
                planned = count_rows(planned, &rows.tables, &rows.table, collected)?;
            }
            if let Some(table) = inserted_table(plan) {
                planned = enforce_not_null(planned, &table)?;
            }
            match writes_files(plan) {
                true => commit_files(planned, folder.as_ref()),
                false => Ok(planned),
            }
        };
        let Some(deadline) = deadline else {
            return planning.await;
        };
        let planned = deadline.limit(planning).await;
        let planned = planned.unwrap_or_else(|| Err(external(deadline.error())))?;
        Ok(Arc::new(TimeoutExec::new(planned, deadline)))
    }
}

impl fmt::Debug for ScopedPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedPlanner").field(&self.planner).finish()
    }
}

/// Returns the name of the table that a statement inserts rows into.
fn inserted_table(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::Dml(dml) if matches!(dml.op, WriteOp::Insert(_)) => {
            Some(dml.table_name.to_string())
        }
        LogicalPlan::Analyze(analyze) => inserted_table(&analyze.input),
        _ => None,
    }
}

/// Returns true if a plan is that of a statement that may write files.
fn writes_files(plan: &LogicalPlan) -> bool {
    matches!(
        plan,
        LogicalPlan::Copy(_) | LogicalPlan::Dml(_) | LogicalPlan::Analyze(_)
    )
}

/// Returns true if a plan calls a scalar function that may take long for one row.
fn has_long_call(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                found |= matches!(expr, Expr::ScalarFunction(call) if may_run_long(&call.func));
                Ok(match found {
                    true => TreeNodeRecursion::Stop,
                    false => TreeNodeRecursion::Continue,
                })
            })
        })
    })?;
    Ok(found)
}
