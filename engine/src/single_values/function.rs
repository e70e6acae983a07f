//! Function that takes the only item of a list.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Function that returns the only item of a list, null if there is none, and refuses others.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct SingleValue {
    /// Name of the column that it makes.
    column: String,
    signature: Signature,
}

impl SingleValue {
    pub(super) fn new(column: &str) -> Self {
        Self {
            column: column.to_owned(),
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for SingleValue {
    fn name(&self) -> &'static str {
        "single_value"
    }

    /// A column has the name of that of the subquery.
    fn schema_name(&self, _: &[Expr]) -> Result<String> {
        Ok(self.column.clone())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [list] = take_function_args(self.name(), types)?;
        match list {
            DataType::List(item) => Ok(item.data_type().clone()),
            other => plan_err!("expected a list of values, found {other}"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [list] = take_function_args(self.name(), args.arg_fields)?;
        let data_type = self.return_type(&[list.data_type().clone()])?;
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [lists] = take_function_args(self.name(), args.args)?;
        Ok(match lists {
            ColumnarValue::Array(lists) => ColumnarValue::Array(only_items(&lists)?),
            ColumnarValue::Scalar(list) => {
                let item = only_items(&list.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&item, 0)?)
            }
        })
    }
}

fn only_items(lists: &ArrayRef) -> Result<ArrayRef> {
    let lists = lists.as_list::<i32>();
    let offsets = lists.value_offsets().windows(2).enumerate();
    let items = offsets.map(|(row, ends)| match ends {
        [first, end] if lists.is_valid(row) && end > first => match end - first {
            1 => Ok(u32::try_from(*first).ok()),
            _ => exec_err!(
                "expected at most one row of a subquery that is a value, found several: add a \
                 condition, or an aggregate such as max(x)"
            ),
        },
        _ => Ok(None),
    });
    let items: UInt32Array = items.collect::<Result<_>>()?;
    Ok(take(lists.values(), &items, None)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, ListArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn lists(lists: Vec<Option<Vec<Option<i64>>>>) -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))
    }

    #[test]
    fn only_items_are_taken() {
        let lists = lists(vec![
            Some(vec![Some(5)]),
            None,
            Some(vec![]),
            Some(vec![None]),
            Some(vec![Some(7)]),
        ]);
        let expected = Int64Array::from(vec![Some(5), None, None, None, Some(7)]);
        let items = only_items(&lists).unwrap();
        assert_eq!(items.as_primitive::<Int64Type>(), &expected);
        let items = only_items(&lists.slice(3, 2)).unwrap();
        assert_eq!(items.as_primitive::<Int64Type>(), &expected.slice(3, 2));
    }

    #[test]
    fn several_rows_are_refused_also_if_they_are_null() {
        for several in [vec![Some(1), Some(1)], vec![None, None]] {
            let error = only_items(&lists(vec![Some(vec![]), Some(several)])).unwrap_err();
            assert!(error.to_string().contains("found several"), "{error}");
        }
    }
}
