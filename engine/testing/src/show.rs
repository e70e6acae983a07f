//! Values as text, independent of their encoding.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, downcast_run_array};
use arrow_cast::cast;
use arrow_schema::DataType;

/// Prints every row of a column. Equal values print equally in every encoding:
/// a dictionary like its values, a view like an ordinary string, a sparse union
/// like a dense one.
pub fn show_rows(array: &ArrayRef) -> Vec<String> {
    (0..array.len()).map(|row| show_row(array, row)).collect()
}

/// Prints a row of a column, as [`show_rows`] does. Fixed-width values other
/// than booleans print as their bytes, so that NaNs and negative zeros differ.
///
/// # Panics
///
/// If the array has no such row.
pub fn show_row(array: &ArrayRef, row: usize) -> String {
    use DataType::*;
    if array.is_null(row) {
        return "null".to_owned();
    }
    let list = |values: ArrayRef| format!("[{}]", show_rows(&values).join(", "));
    match array.data_type() {
        Null => "null".to_owned(),
        Boolean => array.as_boolean().value(row).to_string(),
        Utf8 => format!("{:?}", array.as_string::<i32>().value(row)),
        LargeUtf8 => format!("{:?}", array.as_string::<i64>().value(row)),
        Utf8View => format!("{:?}", array.as_string_view().value(row)),
        Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        LargeBinary => format!("{:?}", array.as_binary::<i64>().value(row)),
        BinaryView => format!("{:?}", array.as_binary_view().value(row)),
        List(_) => list(array.as_list::<i32>().value(row)),
        LargeList(_) => list(array.as_list::<i64>().value(row)),
        ListView(_) => list(array.as_list_view::<i32>().value(row)),
        LargeListView(_) => list(array.as_list_view::<i64>().value(row)),
        FixedSizeList(..) => list(array.as_fixed_size_list().value(row)),
        Map(..) => list(Arc::new(array.as_map().value(row))),
        Struct(_) => {
            let fields = array.as_struct().columns();
            let fields: Vec<_> = fields.iter().map(|field| show_row(field, row)).collect();
            format!("({})", fields.join(", "))
        }
        Union(..) => {
            let union = array.as_union();
            let id = union.type_id(row);
            match show_row(union.child(id), union.value_offset(row)) {
                null if null == "null" => null,
                value => format!("{id}:{value}"),
            }
        }
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let keys = cast(dictionary.keys(), &Int64).expect("keys are integers");
            let key = keys.as_primitive::<Int64Type>().value(row);
            show_row(dictionary.values(), key as usize)
        }
        RunEndEncoded(..) => downcast_run_array!(
            array => show_row(array.values(), array.run_ends().get_physical_index(row)),
            _ => unreachable!()
        ),
        other => {
            let width = fixed_width(other).expect("every other type has a fixed width");
            let data = array.to_data();
            let start = (data.offset() + row) * width;
            format!("{:x?}", &data.buffers()[0][start..start + width])
        }
    }
}

/// Width in bytes of the values of a fixed-width type.
pub(crate) fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Int32Array, ListArray, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn numbers_print_as_their_bytes() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        assert_eq!(show_rows(&numbers), ["[1, 0, 0, 0]", "null"]);
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(2)])]);
        assert_eq!(show_row(&(Arc::new(list) as ArrayRef), 0), "[[2, 0, 0, 0]]");
    }

    #[test]
    fn encodings_of_the_same_values_print_equally() {
        let values = [Some("a"), None, Some("a")];
        let strings: ArrayRef = Arc::new(StringArray::from_iter(values));
        let views: ArrayRef = Arc::new(StringViewArray::from_iter(values));
        let dictionary: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter(values));
        for array in [strings, views, dictionary] {
            assert_eq!(show_rows(&array), ["\"a\"", "null", "\"a\""]);
        }
    }
}
