//! Function that completes the texts of a column.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericStringArray, OffsetSizeTrait, StringViewArray,
};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::completion::short_time;

/// Returns the completed texts of an expression, with its type and its name.
pub(super) fn timestamp_text(text: Expr) -> Expr {
    let function = ScalarUDF::new_from_impl(TimestampText {
        signature: Signature::any(1, Volatility::Immutable),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![text]))
}

/// Returns true for the texts of [`timestamp_text`].
pub(super) fn is_timestamp_text(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().is::<TimestampText>(),
        _ => false,
    }
}

/// Returns true for a call of that function in a plan that is executed.
pub(crate) fn is_completed_text(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let call = expr.downcast_ref::<ScalarFunctionExpr>();
    call.is_some_and(|call| call.fun().inner().is::<TimestampText>())
}

/// Function that completes texts of timestamps; others stay as they are.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TimestampText {
    signature: Signature,
}

impl ScalarUDFImpl for TimestampText {
    fn name(&self) -> &'static str {
        "timestamp_text"
    }

    /// Columns keep the names that they have without this function.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [text] = take_function_args(self.name(), args)?;
        Ok(text.schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [text] = take_function_args(self.name(), types)?;
        Ok(text.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [field] = take_function_args(self.name(), args.arg_fields)?;
        Ok(Arc::clone(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts] = take_function_args(self.name(), args.args)?;
        Ok(match texts {
            ColumnarValue::Array(texts) => ColumnarValue::Array(completed(&texts)),
            ColumnarValue::Scalar(text) => {
                let text = completed(&text.to_array()?);
                ColumnarValue::Scalar(ScalarValue::try_from_array(&text, 0)?)
            }
        })
    }
}

/// Completes texts; the same array if none is short.
fn completed(texts: &ArrayRef) -> ArrayRef {
    if let Some(dictionary) = texts.as_any_dictionary_opt() {
        let values = completed(dictionary.values());
        return match Arc::ptr_eq(&values, dictionary.values()) {
            true => Arc::clone(texts),
            false => dictionary.with_values(values),
        };
    }
    let replaced = match texts.data_type() {
        DataType::Utf8 => replaced::<i32>(texts),
        DataType::LargeUtf8 => replaced::<i64>(texts),
        DataType::Utf8View => replaced_views(texts),
        _ => None,
    };
    replaced.unwrap_or_else(|| Arc::clone(texts))
}

fn replaced<O: OffsetSizeTrait>(texts: &ArrayRef) -> Option<ArrayRef> {
    let texts = texts.as_string_opt::<O>()?;
    if !texts
        .iter()
        .flatten()
        .any(|text| short_time(text).is_some())
    {
        return None;
    }
    let whole: GenericStringArray<O> = texts.iter().map(|text| text.map(whole)).collect();
    Some(Arc::new(whole))
}

fn replaced_views(texts: &ArrayRef) -> Option<ArrayRef> {
    let texts = texts.as_string_view_opt()?;
    if !texts
        .iter()
        .flatten()
        .any(|text| short_time(text).is_some())
    {
        return None;
    }
    let whole: StringViewArray = texts.iter().map(|text| text.map(whole)).collect();
    Some(Arc::new(whole))
}

fn whole(text: &str) -> String {
    short_time(text).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int32Array, StringArray};
    use arrow::compute::cast;
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn short_texts_of_each_layout_are_completed() {
        let texts = StringArray::from(vec![
            Some("2013-01-31 04:05"),
            None,
            Some("noon"),
            Some("2013-1-5"),
            Some("2013-01-31 04:05:06"),
        ]);
        let expected = StringArray::from(vec![
            Some("2013-01-31 04:05:00"),
            None,
            Some("noon"),
            Some("2013-01-05"),
            Some("2013-01-31 04:05:06"),
        ]);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        for data_type in [
            DataType::Utf8,
            DataType::LargeUtf8,
            DataType::Utf8View,
            dictionary,
        ] {
            let texts = cast(&texts, &data_type).unwrap();
            let completed = completed(&texts);
            assert_eq!(completed.data_type(), &data_type);
            let completed = cast(&completed, &DataType::Utf8).unwrap();
            assert_eq!(completed.as_string::<i32>(), &expected, "{data_type}");
        }
    }

    #[test]
    fn texts_that_are_whole_are_not_copied() {
        let texts = StringArray::from(vec![Some("2013-01-31 04:05:06"), None, Some("noon")]);
        let keys = Int32Array::from(vec![Some(0), None, Some(2)]);
        let dictionary = DictionaryArray::<Int32Type>::new(keys, Arc::new(texts.clone()));
        for texts in [Arc::new(texts) as ArrayRef, Arc::new(dictionary)] {
            assert!(Arc::ptr_eq(&completed(&texts), &texts));
        }
    }
}
