//! Columns that keep the reservation of their memory, whichever kernel made them.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType, RunEndIndexType};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, GenericByteArray, GenericByteViewArray, GenericListArray,
    GenericListViewArray, MapArray, OffsetSizeTrait, PrimitiveArray, RunArray, StructArray,
    UnionArray, downcast_dictionary_array, downcast_primitive_array, downcast_run_array,
    make_array,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType};

use crate::result_memory::ResultMemory;

/// Returns the column with buffers that keep the reservation of `results`.
///
/// Buffers of at most [`ResultMemory::FREE_BYTES_MAX`] do not. Text is validated
/// again, since Arrow makes no text of a buffer without.
/// Arrow's constructors refuse some columns that its kernels make, such as those of
/// encoded values with nulls in a field without: these are returned as they are.
pub fn own_array(array: ArrayRef, results: &ResultMemory<'_>) -> ArrayRef {
    if results.bytes() <= ResultMemory::FREE_BYTES_MAX {
        return array;
    }
    try_own(Arc::clone(&array), results).unwrap_or(array)
}

fn try_own(array: ArrayRef, results: &ResultMemory<'_>) -> Result<ArrayRef, ArrowError> {
    use DataType::*;
    let own = |child: &ArrayRef| Ok(own_array(Arc::clone(child), results));
    Ok(match array.data_type() {
        Null => array,
        Boolean => {
            let (bits, nulls) = array.as_boolean().clone().into_parts();
            let (first, rows) = (bits.offset(), bits.len());
            let bits = BooleanBuffer::new(results.own(bits.into_inner()), first, rows);
            Arc::new(BooleanArray::new(bits, nulls))
        }
        Utf8 => bytes(array.as_string::<i32>(), results)?,
        LargeUtf8 => bytes(array.as_string::<i64>(), results)?,
        Binary => bytes(array.as_binary::<i32>(), results)?,
        LargeBinary => bytes(array.as_binary::<i64>(), results)?,
        Utf8View => views(array.as_string_view(), results)?,
        BinaryView => views(array.as_binary_view(), results)?,
        FixedSizeBinary(size) => {
            let binary = array.as_fixed_size_binary();
            let (values, nulls) = (results.own(binary.values().clone()), binary.nulls());
            let (nulls, rows) = (nulls.cloned(), binary.len());
            let binary = FixedSizeBinaryArray::try_new_with_len(*size, values, nulls, rows);
            Arc::new(binary?)
        }
        List(_) => list(array.as_list::<i32>(), own)?,
        LargeList(_) => list(array.as_list::<i64>(), own)?,
        ListView(_) => list_view(array.as_list_view::<i32>(), own)?,
        LargeListView(_) => list_view(array.as_list_view::<i64>(), own)?,
        FixedSizeList(..) => {
            let rows = array.len();
            let (item, size, values, nulls) = array.as_fixed_size_list().clone().into_parts();
            let values = own(&values)?;
            let list = FixedSizeListArray::try_new_with_length(item, size, values, nulls, rows);
            Arc::new(list?)
        }
        Map(..) => {
            let (entries, offsets, values, nulls, sorted) = array.as_map().clone().into_parts();
            let values = own(&(Arc::new(values) as ArrayRef))?.as_struct().clone();
            Arc::new(MapArray::try_new(entries, offsets, values, nulls, sorted)?)
        }
        Struct(_) => {
            let rows = array.len();
            let (fields, children, nulls) = array.as_struct().clone().into_parts();
            let children = children.iter().map(own).collect::<Result<_, _>>()?;
            Arc::new(StructArray::try_new_with_length(
                fields, children, nulls, rows,
            )?)
        }
        Union(..) => {
            let (fields, ids, offsets, children) = array.as_union().clone().into_parts();
            let children = children.iter().map(own).collect::<Result<_, _>>()?;
            let ids = scalars(&ids, results);
            Arc::new(UnionArray::try_new(fields, ids, offsets, children)?)
        }
        _ => return downcast_others(array, results),
    })
}

fn downcast_others(array: ArrayRef, results: &ResultMemory<'_>) -> Result<ArrayRef, ArrowError> {
    let array = &*array;
    downcast_primitive_array!(
        array => Ok(Arc::new(primitive(array, results))),
        DataType::Dictionary(..) => downcast_dictionary_array!(
            array => {
                let keys = primitive(array.keys(), results);
                let values = own_array(Arc::clone(array.values()), results);
                Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
            },
            _ => Ok(make_same(array))
        ),
        DataType::RunEndEncoded(..) => downcast_run_array!(
            array => {
                let values = own_array(Arc::clone(array.values()), results);
                let ends = array.run_ends();
                let is_whole = ends.offset() == 0 && ends.len() == array.len();
                match is_whole {
                    true => {
                        let ends = scalars(ends.inner(), results);
                        runs_of(array, ends, &values)
                    }
                    false => Ok(make_same(array)),
                }
            },
            _ => Ok(make_same(array))
        ),
        _ => Ok(make_same(array))
    )
}

/// Makes an array of the type of `array`: `RunArray::try_new` makes nullable values.
fn runs_of<E: RunEndIndexType>(
    array: &RunArray<E>,
    ends: ScalarBuffer<E::Native>,
    values: &ArrayRef,
) -> Result<ArrayRef, ArrowError> {
    let ends = PrimitiveArray::<E>::new(ends, None).to_data();
    let runs = ArrayData::builder(array.data_type().clone()).len(array.len());
    let runs = runs.child_data(vec![ends, values.to_data()]).build()?;
    Ok(make_array(runs))
}

fn make_same(array: &dyn Array) -> ArrayRef {
    array.slice(0, array.len())
}

fn scalars<T: ArrowNativeType>(
    values: &ScalarBuffer<T>,
    results: &ResultMemory<'_>,
) -> ScalarBuffer<T> {
    let rows = values.len();
    ScalarBuffer::new(results.own(values.inner().clone()), 0, rows)
}

fn primitive<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    results: &ResultMemory<'_>,
) -> PrimitiveArray<T> {
    let values = scalars(array.values(), results);
    let owned = PrimitiveArray::new(values, array.nulls().cloned());
    owned.with_data_type(array.data_type().clone())
}

fn bytes<T: ByteArrayType>(
    array: &GenericByteArray<T>,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, ArrowError> {
    let (offsets, data, nulls) = array.clone().into_parts();
    let data = results.own(data);
    Ok(Arc::new(GenericByteArray::<T>::try_new(
        offsets, data, nulls,
    )?))
}

/// The blocks of views that were lifted keep the reservation already, and small
/// columns of short strings need not.
fn views<T: ByteViewType>(
    array: &GenericByteViewArray<T>,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, ArrowError> {
    if !array.data_buffers().is_empty() || array.len() < super::strings::VIEWS_KEPT_MIN {
        return Ok(Arc::new(array.clone()));
    }
    let (views, buffers, nulls) = array.clone().into_parts();
    let views = scalars(&views, results);
    let owned = GenericByteViewArray::<T>::try_new(views, buffers, nulls);
    Ok(Arc::new(owned?))
}

fn list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    own: impl Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let (item, offsets, values, nulls) = array.clone().into_parts();
    let list = GenericListArray::try_new(item, offsets, own(&values)?, nulls);
    Ok(Arc::new(list?))
}

fn list_view<O: OffsetSizeTrait>(
    array: &GenericListViewArray<O>,
    own: impl Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let (item, offsets, sizes, values, nulls) = array.clone().into_parts();
    let list = GenericListViewArray::try_new(item, offsets, sizes, own(&values)?, nulls);
    Ok(Arc::new(list?))
}
