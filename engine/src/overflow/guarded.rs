//! Arithmetic that a condition guards, as in `a < 100 AND a * a < 5000`.
//!
//! DataFusion evaluates both sides of `AND` and `OR` for all rows of a batch, unless few rows are
//! left, and the arguments of an aggregate with `FILTER` too. So arithmetic could fail for rows that
//! the other side excludes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, new_null_array};
use arrow::compute::{and_kleene, filter_record_batch, or_kleene};
use arrow::datatypes::{FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr_common::utils::scatter;

use super::arithmetic::is_physical;

/// Expression that is evaluated again where its arithmetic fails: for the rows alone for which a
/// guard is true, and each part of an `AND` or `OR` for those that the others leave open.
#[derive(Debug, Eq)]
pub(super) struct Guarded {
    value: Arc<dyn PhysicalExpr>,
    guard: Option<Arc<dyn PhysicalExpr>>,
    /// True if null is as good as false.
    is_filter: bool,
}

impl Guarded {
    /// Returns an expression whose parts guard each other.
    pub(super) fn parts(value: Arc<dyn PhysicalExpr>, is_filter: bool) -> Arc<dyn PhysicalExpr> {
        Arc::new(Self {
            value,
            guard: None,
            is_filter,
        })
    }

    /// Returns an expression that is of no use where a guard is not true.
    pub(super) fn by(
        guard: Arc<dyn PhysicalExpr>,
        value: Arc<dyn PhysicalExpr>,
        is_filter: bool,
    ) -> Arc<dyn PhysicalExpr> {
        Arc::new(Self {
            value,
            guard: Some(guard),
            is_filter,
        })
    }

    fn evaluate_guarded(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let Some(guard) = &self.guard else {
            return evaluate_parts(&self.value, batch, self.is_filter);
        };
        let guard = evaluate_parts(guard, batch, true)?;
        let selected = as_boolean_array(&guard)?.iter();
        let selected: BooleanArray = selected.map(|value| Some(value == Some(true))).collect();
        evaluate_rows(&self.value, batch, &selected, self.is_filter)
    }
}

/// Returns the operator of a condition that has parts.
pub(super) fn connective(expr: &Arc<dyn PhysicalExpr>) -> Option<Operator> {
    let operator = *expr.downcast_ref::<BinaryExpr>()?.op();
    matches!(operator, Operator::And | Operator::Or).then_some(operator)
}

/// Returns the operands of a chain of operators that are equal, in their order.
pub(super) fn parts(
    expr: &Arc<dyn PhysicalExpr>,
    operator: Operator,
) -> Vec<&Arc<dyn PhysicalExpr>> {
    let mut parts = Vec::new();
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match expr.downcast_ref::<BinaryExpr>() {
            Some(binary) if *binary.op() == operator => {
                rest.extend([binary.right(), binary.left()]);
            }
            _ => parts.push(expr),
        }
    }
    parts
}

/// Returns true if an expression has arithmetic that may fail.
pub(super) fn may_fail(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    expr.exists(|expr| {
        let Some(binary) = expr.downcast_ref::<BinaryExpr>() else {
            return Ok(is_physical(expr));
        };
        let is_arithmetic = matches!(
            binary.op(),
            Operator::Plus
                | Operator::Minus
                | Operator::Multiply
                | Operator::Divide
                | Operator::Modulo
        );
        let data_type = || expr.data_type(schema);
        Ok(is_arithmetic && data_type().is_ok_and(|t| t.is_integer() || t.is_decimal()))
    })
}

/// Evaluates an expression, each part of an `AND` or `OR` for the rows that the parts before it
/// leave open. Parts whose arithmetic may fail come last.
fn evaluate_parts(
    expr: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    is_filter: bool,
) -> Result<ArrayRef> {
    let Some(operator) = connective(expr) else {
        return expr.evaluate(batch)?.into_array(batch.num_rows());
    };
    let is_or = operator == Operator::Or;
    let is_open = |value: Option<bool>| match value {
        Some(value) => value != is_or,
        None => is_or || !is_filter,
    };
    let mut parts = parts(expr, operator);
    let schema = batch.schema();
    parts.sort_by_cached_key(|part| may_fail(part, &schema).unwrap_or(true));
    let mut values = BooleanArray::from(vec![!is_or; batch.num_rows()]);
    for part in parts {
        let open: BooleanArray = values.iter().map(|value| Some(is_open(value))).collect();
        let part = evaluate_rows(part, batch, &open, is_filter)?;
        let part = as_boolean_array(&part)?;
        values = match is_or {
            true => or_kleene(&values, part)?,
            false => and_kleene(&values, part)?,
        };
    }
    Ok(Arc::new(values))
}

/// Evaluates an expression for selected rows. The values of others are null.
fn evaluate_rows(
    expr: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    selected: &BooleanArray,
    is_filter: bool,
) -> Result<ArrayRef> {
    if !selected.has_true() {
        let data_type = expr.data_type(&batch.schema())?;
        return Ok(new_null_array(&data_type, batch.num_rows()));
    }
    let rows = filter_record_batch(batch, selected)?;
    let values = evaluate_parts(expr, &rows, is_filter)?;
    scatter(selected, &values)
}

fn is_arithmetic_error(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ArrowError(error, _) => matches!(
            error.as_ref(),
            ArrowError::ArithmeticOverflow(_) | ArrowError::DivideByZero
        ),
        _ => false,
    }
}

// Derived ones move out of the `Arc` of a trait object.
impl PartialEq for Guarded {
    fn eq(&self, other: &Self) -> bool {
        self.value.eq(&other.value)
            && self.guard.eq(&other.guard)
            && self.is_filter == other.is_filter
    }
}

impl Hash for Guarded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
        self.guard.hash(state);
        self.is_filter.hash(state);
    }
}

/// Plans show the expression without its guard, which is another part of the same `AND`.
impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.guard, connective(&self.value)) {
            (Some(_), Some(Operator::Or)) => write!(f, "({})", self.value),
            _ => write!(f, "{}", self.value),
        }
    }
}

impl PhysicalExpr for Guarded {
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.value.return_field(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        Ok(self.guard.is_some() || self.value.nullable(schema)?)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match self.value.evaluate(batch) {
            Err(error) if is_arithmetic_error(&error) => {
                self.evaluate_guarded(batch).map(ColumnarValue::Array)
            }
            evaluated => evaluated,
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        std::iter::once(&self.value).chain(&self.guard).collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let mut children = children.into_iter();
        let value = children.next().unwrap_or_else(|| Arc::clone(&self.value));
        Ok(Arc::new(Self {
            value,
            guard: children.next(),
            is_filter: self.is_filter,
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field};
    use datafusion::physical_expr::expressions::{binary, col, lit};

    use super::*;

    type Condition = Arc<dyn PhysicalExpr>;

    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("x", DataType::Float64, true),
        ])
    }

    fn rows(values: Vec<Option<i64>>) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(values))]).unwrap()
    }

    fn join(left: &Condition, operator: Operator, right: &Condition) -> Condition {
        binary(Arc::clone(left), operator, Arc::clone(right), &schema()).unwrap()
    }

    fn compare(operator: Operator, number: i64) -> Condition {
        join(&col("a", &schema()).unwrap(), operator, &lit(number))
    }

    /// `a * a < 50`, which fails for large numbers.
    fn square() -> Condition {
        let a = col("a", &schema()).unwrap();
        let product = BinaryExpr::new(Arc::clone(&a), Operator::Multiply, a);
        let product: Condition = Arc::new(product.with_fail_on_overflow(true));
        join(&product, Operator::Lt, &lit(50_i64))
    }

    fn values(expr: &Condition, batch: &RecordBatch) -> Vec<Option<bool>> {
        let values = expr.evaluate(batch).unwrap();
        let values = values.into_array(batch.num_rows()).unwrap();
        as_boolean_array(&values).unwrap().iter().collect()
    }

    #[test]
    fn parts_guard_each_other_in_any_order() {
        let batch = rows(vec![Some(5), Some(i64::MAX), Some(9), None]);
        let (small, large) = (compare(Operator::Lt, 100), compare(Operator::Gt, 100));
        for (left, right) in [(&small, &square()), (&square(), &small)] {
            let both = join(left, Operator::And, right);
            assert!(both.evaluate(&batch).is_err());
            let guarded = Guarded::parts(both, false);
            let expected = [Some(true), Some(false), Some(false), None];
            assert_eq!(values(&guarded, &batch), expected);
        }
        for (left, right) in [(&large, &square()), (&square(), &large)] {
            let either = Guarded::parts(join(left, Operator::Or, right), true);
            let expected = [Some(true), Some(true), Some(false), None];
            assert_eq!(values(&either, &batch), expected);
        }
        let nested = join(
            &large,
            Operator::Or,
            &join(&small, Operator::And, &square()),
        );
        let nested = Guarded::parts(nested, false);
        let expected = [Some(true), Some(true), Some(false), None];
        assert_eq!(values(&nested, &batch), expected);
    }

    #[test]
    fn rows_that_a_guard_excludes_are_null() {
        let batch = rows(vec![Some(5), Some(i64::MAX), None]);
        let guarded = Guarded::by(compare(Operator::Lt, 100), square(), true);
        assert_eq!(values(&guarded, &batch), [Some(true), None, None]);
        let excluded = Guarded::by(compare(Operator::Lt, 0), square(), true);
        assert_eq!(values(&excluded, &batch), [None, None, None]);
        // Without a failure there is no guard.
        let batch = rows(vec![Some(5), Some(9)]);
        assert_eq!(values(&excluded, &batch), [Some(true), Some(false)]);
    }

    #[test]
    fn failures_that_nothing_guards_remain() {
        let batch = rows(vec![Some(5), Some(i64::MAX)]);
        let open = Guarded::by(compare(Operator::Gt, 0), square(), true);
        let error = open.evaluate(&batch).unwrap_err().to_string();
        assert!(error.contains("Overflow happened on"), "{error}");
    }

    #[test]
    fn children_are_replaced() {
        let guarded = Guarded::by(compare(Operator::Lt, 100), square(), true);
        assert_eq!(guarded.children().len(), 2);
        assert_eq!(guarded.to_string(), square().to_string());
        let children = guarded.children().into_iter().cloned().collect();
        let same = Arc::clone(&guarded).with_new_children(children).unwrap();
        assert_eq!(&same, &guarded);
        assert_ne!(&Guarded::parts(square(), true), &guarded);
    }

    #[test]
    fn arithmetic_of_integers_may_fail() {
        let schema = schema();
        assert!(may_fail(&square(), &schema).unwrap());
        assert!(!may_fail(&compare(Operator::Lt, 1), &schema).unwrap());
        let x = col("x", &schema).unwrap();
        let half = join(&x, Operator::Divide, &lit(2.0));
        assert!(!may_fail(&half, &schema).unwrap());
    }
}
