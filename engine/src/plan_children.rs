//! Physical plans whose inputs are changed, with their properties kept.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

/// Returns a plan with changed inputs, whose schema, partitions and order are those of before.
///
/// # Errors
///
/// Any error of `change`, or of the operator.
pub(crate) fn map_children(
    plan: Arc<dyn ExecutionPlan>,
    mut change: impl FnMut(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let children = plan.children();
    let changed: Vec<_> = children
        .iter()
        .map(|child| change(Arc::clone(child)))
        .collect::<Result<_>>()?;
    let is_same = children
        .iter()
        .zip(&changed)
        .all(|(old, new)| Arc::ptr_eq(old, new));
    if is_same {
        return Ok(plan);
    }
    plan.replace_children(
        changed,
        ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep),
    )
}
