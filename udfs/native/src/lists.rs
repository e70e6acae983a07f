//! Lists of numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float64Type};
use datafusion::common::Result;

use crate::columns::{Column, not_an_array_of, numbers};

/// Returns the type of lists of an item type.
pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::new_list(item, true)
}

/// Builds an array of lists.
pub(crate) fn lists<'a, T: ArrowPrimitiveType>(
    lists: impl Iterator<Item = &'a [T::Native]> + Clone,
) -> ArrayRef {
    let offsets = OffsetBuffer::from_lengths(lists.clone().map(<[_]>::len));
    let mut items = Vec::with_capacity(offsets.last().map_or(0, |end| *end as usize));
    lists.for_each(|list| items.extend_from_slice(list));
    let items = PrimitiveArray::<T>::new(ScalarBuffer::from(items), None);
    let field = Field::new_list_field(T::DATA_TYPE, true);
    Arc::new(ListArray::new(
        Arc::new(field),
        offsets,
        Arc::new(items),
        None,
    ))
}

/// An array of lists.
pub(crate) struct Lists<'a, T: ArrowPrimitiveType> {
    offsets: &'a [i32],
    items: &'a [T::Native],
}

impl<'a, T: ArrowPrimitiveType> Lists<'a, T> {
    pub(crate) fn read(array: &'a ArrayRef) -> Result<Self> {
        let lists = array.as_list_opt::<i32>();
        let lists = lists.ok_or_else(|| not_an_array_of(array))?;
        Ok(Self {
            offsets: lists.offsets(),
            items: numbers::<T>(lists.values())?,
        })
    }

    /// Returns the list of a row.
    pub(crate) fn list(&self, row: usize) -> &'a [T::Native] {
        &self.items[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

/// `DOUBLE[]`: the numbers of a row; none if one of them is null.
pub(crate) struct Vectors<'a> {
    lists: Lists<'a, Float64Type>,
    nulls: Option<&'a NullBuffer>,
}

impl<'a> Column<'a> for Vectors<'a> {
    type Value = Option<&'a [f64]>;

    fn data_type() -> DataType {
        list_of(DataType::Float64)
    }

    fn read(array: &'a ArrayRef) -> Result<Self> {
        let lists = Lists::read(array)?;
        let nulls = array.as_list::<i32>().values().nulls();
        Ok(Self { lists, nulls })
    }

    #[inline]
    fn value(&self, row: usize) -> Option<&'a [f64]> {
        if let Some(nulls) = self.nulls {
            let start = self.lists.offsets[row] as usize;
            let items = self.lists.offsets[row + 1] as usize - start;
            if nulls.slice(start, items).null_count() > 0 {
                return None;
            }
        }
        Some(self.lists.list(row))
    }
}
