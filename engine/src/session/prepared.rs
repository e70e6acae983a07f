//! Prepared statements.
//!
//! DataFusion optimizes a statement when it is prepared, and so evaluates calls of constants
//! then. Here the plan is kept as it is, but for the code of its functions, and each execution
//! resolves these.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::TableProvider;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{
    DFSchema, DataFusionError, ParamValues, Result, exec_datafusion_err, exec_err,
    not_impl_datafusion_err, plan_err,
};
use datafusion::datasource::source_as_provider;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Execute, Expr, LogicalPlan, Prepare, Statement, TableSource};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use fusebox_definition::Subject;
use fusebox_runtime::Error;

use crate::function::{KeptFunctions, external};
use crate::memory_tables::{KeptPlans, ReservedPlan, plan_bytes};
use crate::overflow::check_constant;
use crate::rounding::rounded_value;

/// Maximum number of prepared statements of a session. Drivers keep some hundreds.
const STATEMENTS_MAX: usize = 1_000;

/// Statements that a session has prepared, by name.
#[derive(Default)]
pub(super) struct Prepared(Mutex<HashMap<String, PreparedPlan>>);

#[derive(Clone)]
struct PreparedPlan {
    /// Types of the parameters; empty if they follow from the statement.
    fields: Vec<FieldRef>,
    plan: Arc<LogicalPlan>,
    /// True if a table in the plan was changed since by ALTER TABLE.
    is_outdated: bool,
    /// Bytes of the plan, which count as long as it is there.
    _reserved: Arc<ReservedPlan>,
}

/// Effect of a statement about prepared ones.
pub(super) enum PreparedEffect {
    /// The statement was prepared or deallocated.
    Done,
    /// Execute this plan.
    Run(LogicalPlan),
}

impl Prepared {
    /// Executes PREPARE, EXECUTE and DEALLOCATE. Gives back other statements, and those about
    /// a name that was prepared with DataFusion's context.
    pub(super) fn execute(
        &self,
        plan: LogicalPlan,
        state: &SessionState,
        kept: &KeptFunctions,
        limit: &KeptPlans,
    ) -> Result<Result<PreparedEffect, LogicalPlan>> {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match plan {
            LogicalPlan::Statement(Statement::Prepare(prepare)) => {
                prepare_in(&mut plans, prepare, kept, limit)?;
                Ok(Ok(PreparedEffect::Done))
            }
            LogicalPlan::Statement(Statement::Execute(execute)) => {
                let Some(prepared) = plans.get(&execute.name).cloned() else {
                    let plan = LogicalPlan::Statement(Statement::Execute(execute));
                    return Ok(Err(plan));
                };
                drop(plans);
                if prepared.is_outdated {
                    return exec_err!(
                        "Prepared statement '{}' is about a table that was altered since: \
                         DEALLOCATE it, and prepare it again",
                        execute.name
                    );
                }
                let plan = prepared.with_parameters(execute, state, limit)?;
                Ok(Ok(PreparedEffect::Run(plan)))
            }
            LogicalPlan::Statement(Statement::Deallocate(deallocate)) => {
                match plans.remove(&deallocate.name) {
                    Some(_) => Ok(Ok(PreparedEffect::Done)),
                    None => Ok(Err(LogicalPlan::Statement(Statement::Deallocate(
                        deallocate,
                    )))),
                }
            }
            other => Ok(Err(other)),
        }
    }
}

impl Prepared {
    /// Refuses to execute statements about a table that was altered: their plans have the one
    /// before.
    pub(super) fn outdate(&self, table: &Arc<dyn TableProvider>) -> Result<()> {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for prepared in plans.values_mut() {
            prepared.is_outdated |= mentions(&prepared.plan, table)?;
        }
        Ok(())
    }
}

/// Returns true if a plan reads or changes a table.
fn mentions(plan: &LogicalPlan, table: &Arc<dyn TableProvider>) -> Result<bool> {
    let is_of = |source: &Arc<dyn TableSource>| {
        let provider = source_as_provider(source);
        provider.is_ok_and(|provider| {
            Arc::as_ptr(&provider).cast::<()>() == Arc::as_ptr(table).cast::<()>()
        })
    };
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= match node {
            LogicalPlan::TableScan(scan) => is_of(&scan.source),
            LogicalPlan::Dml(dml) => is_of(&dml.target),
            _ => false,
        };
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn prepare_in(
    plans: &mut HashMap<String, PreparedPlan>,
    prepare: Prepare,
    kept: &KeptFunctions,
    limit: &KeptPlans,
) -> Result<()> {
    let Prepare {
        name,
        fields,
        input,
    } = prepare;
    let parameters = input.get_parameter_names()?.len();
    if !fields.is_empty() && parameters != fields.len() {
        return plan_err!(
            "Prepare specifies {} data types but query has {parameters} parameters",
            fields.len()
        );
    }
    if plans.len() >= STATEMENTS_MAX && !plans.contains_key(&name) {
        return exec_err!(
            "expected at most {STATEMENTS_MAX} prepared statements, found one more: DEALLOCATE \
             those that are not needed"
        );
    }
    match plans.entry(name) {
        Entry::Occupied(entry) => {
            exec_err!("Prepared statement '{}' already exists", entry.key())
        }
        Entry::Vacant(entry) => {
            let plan = kept.in_definition(Arc::unwrap_or_clone(input))?;
            let plan = Arc::new(kept.in_plan(plan)?);
            let reserved = reserve(limit, plan_bytes(&plan), entry.key())?;
            entry.insert(PreparedPlan {
                fields,
                plan,
                is_outdated: false,
                _reserved: Arc::new(reserved),
            });
            Ok(())
        }
    }
}

/// Counts the bytes of a plan of a prepared statement, or refuses them above the limit.
fn reserve(limit: &KeptPlans, bytes: u64, name: &str) -> Result<ReservedPlan> {
    let reserved = limit.reserve(bytes);
    reserved.map_err(|reason| {
        let subject = Subject::Prepared(name.to_owned());
        external(Error::refused(subject, reason))
    })
}

impl PreparedPlan {
    /// Returns the plan with the values of an EXECUTE as its parameters.
    fn with_parameters(
        self,
        execute: Execute,
        state: &SessionState,
        limit: &KeptPlans,
    ) -> Result<LogicalPlan> {
        let Execute { name, parameters } = execute;
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(self.plan.schema()))
            .with_config_options(Arc::clone(state.config_options()))
            .with_query_execution_start_time(state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        let values = parameters.into_iter().map(|parameter| {
            match simplifier.simplify(check_constant(parameter)?)? {
                Expr::Literal(value, metadata) => Ok(ScalarAndMetadata::new(value, metadata)),
                other => Err(parameter_error(other, state)),
            }
        });
        let mut values = values.collect::<Result<Vec<_>>>()?;
        if !self.fields.is_empty() {
            if values.len() != self.fields.len() {
                return Err(exec_datafusion_err!(
                    "Prepared statement '{name}' expects {} parameters, but {} provided",
                    self.fields.len(),
                    values.len()
                ));
            }
            let typed = values.into_iter().zip(&self.fields);
            let typed = typed.map(|(value, field)| {
                let ScalarAndMetadata { value, metadata } = value;
                let value = rounded_value(value, field.data_type())?;
                ScalarAndMetadata::new(value, metadata).cast_storage_to(field.data_type())
            });
            values = typed.collect::<Result<_>>()?;
        }
        // They are counted while they are made. The query that has them is not kept.
        let _copies = reserve(limit, copied_bytes(&self.plan, &values)?, &name)?;
        let plan = Arc::unwrap_or_clone(self.plan);
        plan.replace_params_with_values(&ParamValues::List(values))
    }
}

/// Returns the reason why a parameter has no value, which the simplification leaves to the
/// execution.
fn parameter_error(parameter: Expr, state: &SessionState) -> DataFusionError {
    let refusal = not_impl_datafusion_err!("Unsupported parameter type: {parameter}");
    let row = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &row);
    let expr = state.create_physical_expr(parameter, &DFSchema::empty());
    match (expr, row) {
        (Ok(expr), Ok(row)) => expr.evaluate(&row).err().unwrap_or(refusal),
        _ => refusal,
    }
}

/// Returns the bytes of the values in a plan, which has each as often as its placeholder.
fn copied_bytes(plan: &LogicalPlan, values: &[ScalarAndMetadata]) -> Result<u64> {
    let mut bytes = 0_u64;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(placeholder) = expr {
                    let number = placeholder.id.trim_start_matches('$').parse::<usize>();
                    let value = number
                        .ok()
                        .and_then(|number| values.get(number.checked_sub(1)?));
                    let size = value.map_or(0, |value| value.value.size());
                    bytes = bytes.saturating_add(size as u64);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(bytes)
}
