//! Columns and fields that several tests use.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, StringArray, UnionArray};
use arrow_schema::{DataType, Field, FieldRef, UnionFields};

pub(crate) fn field(name: &str, data_type: DataType, nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, data_type, nullable))
}

/// An item of lists of `Int32`.
pub(crate) fn item(nullable: bool) -> FieldRef {
    field("item", DataType::Int32, nullable)
}

/// A column of `Int32` in which negative numbers are replaced by nulls.
pub(crate) fn numbers(values: &[i32]) -> ArrayRef {
    let values = values.iter().copied();
    let values = values.map(|value| Some(value).filter(|value| *value >= 0));
    Arc::new(values.collect::<Int32Array>())
}

/// A nullable `Int32` with type id 3 and a non-nullable `Utf8` with type id 7.
pub(crate) fn union_fields() -> UnionFields {
    let number = field("number", DataType::Int32, true);
    let text = field("text", DataType::Utf8, false);
    [(3, number), (7, text)].into_iter().collect()
}

/// A union of [`union_fields`], dense if it has offsets.
pub(crate) fn union(
    ids: &[i8],
    offsets: Option<&[i32]>,
    numbers: ArrayRef,
    texts: &[&str],
) -> ArrayRef {
    let texts = Arc::new(StringArray::from(texts.to_vec()));
    let offsets = offsets.map(|offsets| offsets.to_vec().into());
    let children = vec![numbers, texts as ArrayRef];
    let union = UnionArray::try_new(union_fields(), ids.to_vec().into(), offsets, children);
    Arc::new(union.unwrap())
}
