//! Nulls among the `VALUES` of an `INSERT`.
//!
//! DataFusion gives the rows of `VALUES` the types of the table, and its `NOT NULL` with them. So a
//! null would be refused before it is known which column of the table it is for: by the name
//! `column1`. The table refuses it by its own.

// Nulls of the rows of a table that is created of a query.
mod stated_nulls;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{LogicalPlan, Projection, Values, WriteOp};

pub(super) use stated_nulls::{stated_nulls, with_stated_nulls};

/// Lets the `VALUES` that a statement inserts be null.
///
/// # Errors
///
/// Any error of the changed plan.
pub(super) fn with_nullable_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_down(|node| match node {
        LogicalPlan::Dml(mut insert) if matches!(insert.op, WriteOp::Insert(_)) => {
            insert.input = Arc::new(match Arc::unwrap_or_clone(insert.input) {
                LogicalPlan::Projection(projection) => nullable_projection(projection)?,
                other => other,
            });
            let insert = LogicalPlan::Dml(insert);
            Ok(Transformed::new(insert, true, TreeNodeRecursion::Jump))
        }
        // The statement may be one of EXPLAIN or PREPARE.
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::Statement(_) => {
            Ok(Transformed::no(node))
        }
        query => Ok(Transformed::new(query, false, TreeNodeRecursion::Jump)),
    })?;
    Ok(changed.data)
}

fn nullable_projection(projection: Projection) -> Result<LogicalPlan> {
    let Projection {
        expr,
        input,
        schema,
        ..
    } = projection;
    let values = match Arc::unwrap_or_clone(input) {
        LogicalPlan::Values(values) => LogicalPlan::Values(nullable_values(values)?),
        other => {
            let other = Projection::try_new_with_schema(expr, Arc::new(other), schema)?;
            return Ok(LogicalPlan::Projection(other));
        }
    };
    let projection = Projection::try_new(expr, Arc::new(values))?;
    Ok(LogicalPlan::Projection(projection))
}

fn nullable_values(values: Values) -> Result<Values> {
    let fields = values.schema.iter().map(|(qualifier, field)| {
        let field = field.as_ref().clone().with_nullable(true);
        (qualifier.cloned(), Arc::new(field))
    });
    let metadata = values.schema.metadata().clone();
    let schema = DFSchema::new_with_metadata(fields.collect(), metadata)?;
    Ok(Values {
        schema: Arc::new(schema),
        values: values.values,
    })
}
