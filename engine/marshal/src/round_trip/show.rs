//! Rows in words.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, downcast_run_array};
use arrow_cast::cast;
use arrow_schema::DataType;

/// A row in words that do not tell how it is stored.
pub(super) fn show(array: &ArrayRef, row: usize) -> String {
    use DataType::*;
    if array.is_null(row) {
        return "null".to_owned();
    }
    let list = |values: ArrayRef| {
        let values: Vec<_> = (0..values.len()).map(|row| show(&values, row)).collect();
        format!("[{}]", values.join(", "))
    };
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
            let fields: Vec<_> = fields.iter().map(|field| show(field, row)).collect();
            format!("({})", fields.join(", "))
        }
        Union(..) => {
            let union = array.as_union();
            let id = union.type_id(row);
            match show(union.child(id), union.value_offset(row)) {
                null if null == "null" => null,
                value => format!("{id}:{value}"),
            }
        }
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let keys = cast(dictionary.keys(), &Int64).unwrap();
            let key = keys.as_primitive::<Int64Type>().value(row);
            show(dictionary.values(), key as usize)
        }
        RunEndEncoded(..) => downcast_run_array!(
            array => show(array.values(), array.run_ends().get_physical_index(row)),
            _ => unreachable!()
        ),
        other => {
            let width = crate::layout::fixed_width(other).unwrap();
            let data = array.to_data();
            let start = (data.offset() + row) * width;
            format!("{:x?}", &data.buffers()[0][start..start + width])
        }
    }
}
