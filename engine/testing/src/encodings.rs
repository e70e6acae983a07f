//! Other types for the same values.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, UnionFields, UnionMode};

use crate::random::SplitMix64;

/// Chooses a type for the same values in another encoding, at every level:
/// another kind of string or list, the other mode of a union, or a dictionary or
/// runs in place of plain values and the reverse. Names, nullability and the
/// order of fields are unchanged.
pub fn other_encoding(data_type: &DataType, random: &mut SplitMix64) -> DataType {
    use DataType::*;
    let mut inside = |field: &FieldRef| {
        let data_type = other_encoding(field.data_type(), random);
        Arc::new(Field::clone(field).with_data_type(data_type))
    };
    match data_type {
        Utf8 | LargeUtf8 | Utf8View => [Utf8, LargeUtf8, Utf8View][random.below(3)].clone(),
        Binary | LargeBinary | BinaryView => {
            [Binary, LargeBinary, BinaryView][random.below(3)].clone()
        }
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
            let item = inside(item);
            [List, LargeList, ListView, LargeListView][random.below(4)](item)
        }
        FixedSizeList(item, size) => FixedSizeList(inside(item), *size),
        Struct(fields) => Struct(fields.iter().map(inside).collect()),
        Map(entries, sorted) => Map(inside(entries), *sorted),
        Union(fields, mode) => {
            let fields = fields.iter().map(|(id, field)| (id, inside(field)));
            let fields: UnionFields = fields.collect();
            let mode = match mode {
                UnionMode::Sparse => UnionMode::Dense,
                UnionMode::Dense => UnionMode::Sparse,
            };
            Union(fields, mode)
        }
        Dictionary(_, values) => other_encoding(values, random),
        RunEndEncoded(_, values) => other_encoding(values.data_type(), random),
        other => match random.below(4) {
            0 => Dictionary(Box::new(Int32), Box::new(other.clone())),
            1 => {
                let values = Arc::new(Field::new("values", other.clone(), true));
                RunEndEncoded(Arc::new(Field::new("run_ends", Int32, false)), values)
            }
            _ => other.clone(),
        },
    }
}
