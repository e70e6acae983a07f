//! Growth of a statement whose parameters become literals, and its bounds.
//!
//! A parameter is sent once, and a literal has its value for each use: a thousand uses of a text of
//! a message's size would be gigabytes, in no account. An item of an array is an expression of
//! some hundred bytes, whatever its own size.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use fusebox_runtime::{Error, Result};

/// Maximum number of bytes of the values of all uses but the first of each parameter.
const COPIED_BYTES_MAX: u64 = 256 << 20;

/// Maximum number of items of arrays, of all uses of parameters.
const ITEMS_MAX: u64 = 2_000_000;

/// Growth of a statement by the values of its parameters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    copied_bytes: u64,
    items: u64,
}

impl Growth {
    /// Adds a use of a value; `is_copy` unless it is the first.
    pub(super) fn add(&mut self, value: &ScalarValue, is_copy: bool) {
        if is_copy {
            self.copied_bytes = self.copied_bytes.saturating_add(bytes(value));
        }
        self.items = self.items.saturating_add(items(value));
    }

    /// Checks the growth.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] above the maximum.
    pub(super) fn check(&self) -> Result<()> {
        let message = if self.copied_bytes > COPIED_BYTES_MAX {
            format!(
                "expected parameters whose uses after the first have at most {COPIED_BYTES_MAX} \
                 bytes, found {}; insert large values into a table, and read them from there",
                self.copied_bytes
            )
        } else if self.items > ITEMS_MAX {
            format!(
                "expected arrays of at most {ITEMS_MAX} items as parameters, those of each use \
                 counted, found {}; insert the items into a table, and read them from there",
                self.items
            )
        } else {
            return Ok(());
        };
        Err(Error::Query(Box::new(DataFusionError::Plan(message))))
    }
}

/// Returns the bytes that a literal of a value has besides its expression.
fn bytes(value: &ScalarValue) -> u64 {
    let bytes = match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => text.len(),
        // Written as pairs of digits.
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::FixedSizeBinary(_, Some(bytes)) => bytes.len().saturating_mul(2),
        value => value.size().saturating_sub(size_of::<ScalarValue>()),
    };
    bytes as u64
}

/// Returns the number of items of an array, with those of arrays in it.
fn items(value: &ScalarValue) -> u64 {
    match value {
        ScalarValue::List(list) => nested_items(list.as_ref()),
        ScalarValue::LargeList(list) => nested_items(list.as_ref()),
        ScalarValue::FixedSizeList(list) => nested_items(list.as_ref()),
        ScalarValue::ListView(list) => nested_items(list.as_ref()),
        ScalarValue::LargeListView(list) => nested_items(list.as_ref()),
        ScalarValue::Dictionary(_, value) => items(value),
        _ => 0,
    }
}

/// Returns the number of items in the lists of an array, 0 without lists. All values that an array refers to count, since all of them become literals.
fn nested_items(lists: &dyn Array) -> u64 {
    let values = match lists.data_type() {
        DataType::List(_) => lists.as_list::<i32>().values(),
        DataType::LargeList(_) => lists.as_list::<i64>().values(),
        DataType::FixedSizeList(..) => lists.as_fixed_size_list().values(),
        DataType::ListView(_) => lists.as_list_view::<i32>().values(),
        DataType::LargeListView(_) => lists.as_list_view::<i64>().values(),
        _ => return 0,
    };
    (values.len() as u64).saturating_add(nested_items(values.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_use_is_no_copy() {
        let text = ScalarValue::from("x".repeat(64 << 20));
        let mut growth = Growth::default();
        growth.add(&text, false);
        for _ in 0..4 {
            growth.add(&text, true);
            growth.check().unwrap();
        }
        growth.add(&ScalarValue::from("x"), true);
        growth.check().unwrap_err();
    }

    #[test]
    fn values_without_bytes_are_used_as_often_as_it_is_written() {
        let mut growth = Growth::default();
        for _ in 0..1_000_000 {
            growth.add(&ScalarValue::from(7_i64), true);
            growth.add(&ScalarValue::Null, true);
        }
        growth.check().unwrap();
    }

    #[test]
    fn items_of_nested_arrays_are_counted() {
        let numbers = vec![ScalarValue::from(1_i64); 3];
        let inner = ScalarValue::List(ScalarValue::new_list(&numbers, &DataType::Int64, true));
        let item = inner.data_type();
        let outer = ScalarValue::List(ScalarValue::new_list(&[inner.clone(), inner], &item, true));
        assert_eq!(items(&outer), 2 + 6);
        assert_eq!(items(&ScalarValue::from("abc")), 0);
    }
}
