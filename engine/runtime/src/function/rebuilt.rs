//! Result columns that are made of others: concatenated, repeated, or with nulls
//! between their rows. Both are charged while the new one is made.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{
    Array, ArrayRef, GenericByteArray, GenericByteViewArray, OffsetSizeTrait, UInt32Array,
};
use arrow_buffer::{ArrowNativeType, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_data::MAX_INLINE_VIEW_LEN;
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;
use arrow_select::take::take;
use fusebox_marshal::lift::own_array;
use fusebox_marshal::{Layout, ResultMemory, ResultRefused};

use super::null_filter::scatter;

/// Reason that a column was not made.
pub(super) enum RebuildError {
    /// There is no memory for it.
    Refused(ResultRefused),
    /// Arrow's kernel failed.
    Arrow(ArrowError),
}

impl From<ResultRefused> for RebuildError {
    fn from(refused: ResultRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<ArrowError> for RebuildError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// Concatenates columns. `before` is the number of bytes charged before them.
pub(super) fn joined(
    columns: Vec<ArrayRef>,
    before: u64,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, RebuildError> {
    if let [only] = &columns[..] {
        return Ok(ArrayRef::clone(only));
    }
    let bytes = results.bytes().saturating_sub(before);
    let column = results.replace(before, bytes, || concatenated(columns))??;
    Ok(own_array(column, results))
}

/// Concatenates columns as [`joined`], without a charge for the moment in which both
/// exist.
pub(super) fn joined_uncharged(columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    match &columns[..] {
        [only] => Ok(ArrayRef::clone(only)),
        _ => concatenated(columns),
    }
}

fn concatenated(columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    concat(&columns)
}

/// Takes the rows at `indices`, each as often as it occurs.
pub(super) fn taken(
    column: ArrayRef,
    indices: &UInt32Array,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, RebuildError> {
    let mut bytes = taken_bytes(&*column, indices);
    if has_views(column.data_type()) {
        bytes = bytes.saturating_add(results.bytes());
    }
    let column = results.replace(0, bytes, || take(&column, indices, None))??;
    Ok(own_array(column, results))
}

/// Takes the rows at `indices` of a column that others keep, each as often as it occurs: the
/// new column shares no texts with it.
pub(super) fn copied_out(
    column: &ArrayRef,
    indices: &UInt32Array,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, RebuildError> {
    match column.data_type() {
        DataType::Utf8View => views_copied_out(column.as_string_view(), indices, results),
        DataType::BinaryView => views_copied_out(column.as_binary_view(), indices, results),
        _ => taken(ArrayRef::clone(column), indices, results),
    }
}

fn views_copied_out<T: ByteViewType>(
    column: &GenericByteViewArray<T>,
    indices: &UInt32Array,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, RebuildError> {
    let views = column.views();
    // Short texts are in their view.
    let text_bytes = |row: &u32| match views[*row as usize] as u32 {
        0..=MAX_INLINE_VIEW_LEN => 0,
        len => u64::from(len),
    };
    let mut bytes = taken_bytes(column, indices);
    if !column.data_buffers().is_empty() {
        let texts = indices.values().iter().map(text_bytes);
        bytes = bytes.saturating_add(texts.sum::<u64>());
    }
    let column = results.replace(0, bytes, || {
        let taken = take(column, indices, None)?;
        let own = taken.as_byte_view::<T>().gc();
        let Some(keeper) = results.keeper() else {
            return Ok(Arc::new(own) as ArrayRef);
        };
        // Kernels validate no text again.
        let views = ScalarBuffer::from(Vec::new());
        let keeper = GenericByteViewArray::<T>::try_new(views, vec![keeper], None)?;
        concat(&[&own, &keeper])
    })?;
    Ok(column?)
}

/// Scatters the rows of a column to the valid rows of `nulls`.
pub(super) fn scattered(
    column: ArrayRef,
    nulls: NullBuffer,
    results: &ResultMemory<'_>,
) -> Result<ArrayRef, RebuildError> {
    let own = results.bytes();
    let rows = (nulls.len() as u64).saturating_mul(fixed_bytes(column.data_type()));
    let bytes = own.saturating_add(rows);
    let column = results.replace(0, bytes, || scatter(&column, nulls))??;
    Ok(own_array(column, results))
}

/// Returns the bytes that copies of the rows at `indices` have. Views share their data.
fn taken_bytes(column: &dyn Array, indices: &UInt32Array) -> u64 {
    fn texts<T: ByteArrayType>(texts: &GenericByteArray<T>, indices: &UInt32Array) -> u64 {
        let len = |row: &u32| texts.value_length(*row as usize).as_usize() as u64;
        indices.values().iter().map(len).sum()
    }
    use DataType::*;
    let rows = indices.len() as u64;
    let fixed = fixed_bytes(column.data_type()).saturating_mul(rows);
    let variable = match column.data_type() {
        Utf8 => texts(column.as_string::<i32>(), indices),
        LargeUtf8 => texts(column.as_string::<i64>(), indices),
        Binary => texts(column.as_binary::<i32>(), indices),
        LargeBinary => texts(column.as_binary::<i64>(), indices),
        Boolean | Utf8View | BinaryView => 0,
        other if other.is_primitive() => 0,
        _ => {
            let rows = indices.values().iter();
            let bytes = rows.map(|row| bytes_of(column, *row as usize, 1));
            return bytes.fold(0, u64::saturating_add);
        }
    };
    fixed.saturating_add(variable)
}

/// Bytes of a row besides data of variable size.
fn fixed_bytes(data_type: &DataType) -> u64 {
    const VIEW_BYTES: u64 = 16;
    match data_type {
        DataType::Utf8View | DataType::BinaryView => VIEW_BYTES,
        DataType::LargeUtf8 | DataType::LargeBinary => 8,
        other => Layout::of(other).map_or(VIEW_BYTES, |layout| layout.min_bytes(1)),
    }
}

/// Returns true if rows share data with their copies.
fn has_views(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Utf8View | BinaryView => true,
        Dictionary(_, values) => has_views(values),
        RunEndEncoded(_, item)
        | List(item)
        | LargeList(item)
        | ListView(item)
        | LargeListView(item)
        | FixedSizeList(item, _)
        | Map(item, _) => has_views(item.data_type()),
        Struct(fields) => fields.iter().any(|field| has_views(field.data_type())),
        Union(fields, _) => fields.iter().any(|(_, field)| has_views(field.data_type())),
        _ => false,
    }
}

/// Returns the first element and the number of elements of some rows.
fn between<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, first: usize, rows: usize) -> [usize; 2] {
    let start = offsets[first].as_usize();
    [start, offsets[first + rows].as_usize() - start]
}

/// Returns the bytes that a copy of the elements of some rows has.
fn elements<O: OffsetSizeTrait>(
    offsets: &OffsetBuffer<O>,
    values: &dyn Array,
    [first, rows]: [usize; 2],
) -> u64 {
    let [start, len] = between(offsets, first, rows);
    bytes_of(values, start, len)
}

/// Returns the bytes that a copy of some rows has. Views share their data.
fn bytes_of(array: &dyn Array, first: usize, rows: usize) -> u64 {
    use DataType::*;
    let at = [first, rows];
    let fixed = fixed_bytes(array.data_type()).saturating_mul(rows as u64);
    let each_row = |bytes: &dyn Fn(usize) -> u64| {
        (first..first + rows)
            .map(bytes)
            .fold(0, u64::saturating_add)
    };
    let variable = match array.data_type() {
        Utf8 => between(array.as_string::<i32>().offsets(), first, rows)[1] as u64,
        LargeUtf8 => between(array.as_string::<i64>().offsets(), first, rows)[1] as u64,
        Binary => between(array.as_binary::<i32>().offsets(), first, rows)[1] as u64,
        LargeBinary => between(array.as_binary::<i64>().offsets(), first, rows)[1] as u64,
        List(_) => {
            let list = array.as_list::<i32>();
            elements(list.offsets(), list.values(), at)
        }
        LargeList(_) => {
            let list = array.as_list::<i64>();
            elements(list.offsets(), list.values(), at)
        }
        Map(..) => {
            let map = array.as_map();
            elements(map.offsets(), map.entries(), at)
        }
        ListView(_) => each_row(&|row| {
            let list = array.as_list_view::<i32>();
            bytes_of(
                list.values(),
                list.value_offset(row) as usize,
                list.value_size(row) as usize,
            )
        }),
        LargeListView(_) => each_row(&|row| {
            let list = array.as_list_view::<i64>();
            bytes_of(
                list.values(),
                list.value_offset(row) as usize,
                list.value_size(row) as usize,
            )
        }),
        FixedSizeList(_, size) => {
            let size = *size as usize;
            bytes_of(
                array.as_fixed_size_list().values(),
                first * size,
                rows * size,
            )
        }
        Struct(_) => {
            let children = array.as_struct().columns().iter();
            let bytes = children.map(|child| bytes_of(&**child, first, rows));
            bytes.fold(0, u64::saturating_add)
        }
        Union(..) => each_row(&|row| {
            let union = array.as_union();
            let child = union.child(union.type_id(row));
            bytes_of(&**child, union.value_offset(row), 1)
        }),
        _ => 0,
    };
    fixed.saturating_add(variable)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{Int64Array, ListArray, StringArray, StringViewArray, StructArray};

    use super::*;

    #[test]
    fn texts_that_are_copied_out_share_no_block_with_those_that_are_kept() {
        let long = "a long one, in a block";
        let kept: ArrayRef = Arc::new(StringViewArray::from(vec![Some(long), None, Some("abc")]));
        let results = ResultMemory::default();
        for (indices, bytes) in [
            (vec![2, 2, 1], 3 * 16),
            (vec![0, 1, 0, 2], 4 * 16 + 2 * 22),
            (vec![0; 1_000], 1_000 * (16 + 22)),
        ] {
            let indices = UInt32Array::from(indices);
            let copied = copied_out(&kept, &indices, &results).ok().unwrap();
            copied.to_data().validate_full().unwrap();
            assert_eq!(&copied, &take(&kept, &indices, None).unwrap());
            assert_eq!(results.bytes(), bytes);
            let blocks = |array: &ArrayRef| -> Vec<_> {
                let blocks = array.as_string_view().data_buffers().iter();
                blocks.map(|block| block.as_ptr()).collect()
            };
            assert!(!blocks(&copied).contains(&blocks(&kept)[0]));
        }
    }

    #[test]
    fn bytes_of_rows_are_those_of_a_copy() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["", "abc", "defgh"]));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![
            "",
            "abc",
            "a long one, in a block",
        ]));
        let lists = [
            Some(vec![Some(1)]),
            None,
            Some(vec![Some(1), None, Some(3)]),
        ];
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
        let all = StructArray::try_from(vec![
            ("n", ArrayRef::clone(&numbers)),
            ("t", ArrayRef::clone(&text)),
        ]);
        let all: ArrayRef = Arc::new(all.unwrap());
        for (column, expected) in [
            (numbers, [8, 16]),
            (text, [4, 8 + 8]),
            (views, [16, 32]),
            (lists, [4 + 4, 8 + 12]),
            (all, [8 + 4 + 12, 16 + 16 + 24]),
        ] {
            let found = [bytes_of(&*column, 0, 1), bytes_of(&*column, 1, 2)];
            let data_type = column.data_type();
            // A struct counts the fixed parts of its children twice, which is an upper bound.
            assert_eq!(found, expected, "{data_type}");
        }
    }
}
