//! Columns and their children, to the depth of their type.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, LargeListArray, LargeListViewArray,
    ListArray, ListViewArray, MapArray, NullArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use fusebox_abi::ArrowArray;

use super::{LiftBudget, LiftError};
use crate::abi_violation::AbiViolation;
use crate::address::GuestAddr;
use crate::layout::Layout;

/// Copies columns out of guest memory, within a byte budget.
pub(super) struct ColumnReader<'a> {
    pub(super) memory: &'a [u8],
    pub(super) budget: LiftBudget<'a>,
}

/// Rows in use of a column whose header was checked.
pub(super) struct ColumnSlice {
    /// Addresses of validity, values or offsets, data.
    pub(super) buffers: [GuestAddr; 3],
    /// Address of the addresses of the children.
    children: GuestAddr,
    /// Rows to skip in every buffer, and in every child of a struct.
    pub(super) offset: u64,
    pub(super) rows: usize,
}

/// The error for an array that Arrow rejects. Most such results are rejected
/// earlier, with a more specific violation.
pub(super) fn invalid_array(error: ArrowError) -> LiftError {
    LiftError::AbiViolation(AbiViolation::InvalidArray(error.to_string()))
}

impl ColumnReader<'_> {
    /// Copies `rows` rows starting at row `first`. Rows that are null in
    /// `nulls` are null in the result.
    pub(super) fn column(
        &mut self,
        header: &ArrowArray,
        first: u64,
        rows: u64,
        data_type: &DataType,
        nulls: Option<&NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        let layout = Layout::of(data_type).expect("the caller checks that the type has a layout");
        let column = self.check_header(header, &layout, first, rows)?;
        if let Layout::Null = layout {
            self.take_empty_rows(column.rows)?;
            return Ok(Arc::new(NullArray::new(column.rows)));
        }
        if let DataType::Union(fields, _) = data_type {
            return self.union(&column, fields, nulls);
        }
        let own = self.validity(&column)?;
        let nulls = match nulls {
            None => own,
            nulls => NullBuffer::union(own.as_ref(), nulls),
        };
        match data_type {
            DataType::Boolean => {
                let (bits, offset) = self.bits(&column, 1)?;
                let values = BooleanBuffer::new(bits, offset, column.rows);
                // Arrow takes the first bit of the values for that of the validity too.
                let values = BooleanBuffer::new(values.sliced(), 0, column.rows);
                Ok(Arc::new(BooleanArray::new(values, nulls)))
            }
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item) => self.list(&column, data_type, item, nulls),
            DataType::Map(entries, sorted) => self.map(&column, entries, *sorted, nulls),
            DataType::FixedSizeList(item, size) => self.fixed_list(&column, item, *size, nulls),
            DataType::Struct(fields) => self.structure(&column, fields, nulls),
            _ => self.leaf(&column, &layout, data_type, nulls),
        }
    }

    fn check_header(
        &self,
        header: &ArrowArray,
        layout: &Layout,
        first: u64,
        rows: u64,
    ) -> Result<ColumnSlice, AbiViolation> {
        let offset =
            u64::try_from(header.offset).map_err(|_| AbiViolation::Offset(header.offset))?;
        let end = first.saturating_add(rows);
        if u64::try_from(header.length).is_ok_and(|length| length < end) || header.length < 0 {
            return Err(AbiViolation::ChildRows {
                found: header.length,
                expected: end,
            });
        }
        if header.n_buffers != layout.n_buffers() as i64 {
            return Err(AbiViolation::Buffers {
                found: header.n_buffers,
                expected: layout.n_buffers() as i64,
            });
        }
        if header.n_children != layout.n_children() as i64 {
            return Err(AbiViolation::Children {
                found: header.n_children,
                expected: layout.n_children() as i64,
            });
        }
        if header.dictionary != 0 {
            return Err(AbiViolation::Dictionary);
        }
        let mut buffers = [GuestAddr(0); 3];
        let len = layout.n_buffers().saturating_mul(4) as u64;
        let addresses = GuestAddr(header.buffers).bytes(len, self.memory)?;
        for (buffer, address) in buffers.iter_mut().zip(addresses.as_chunks().0) {
            *buffer = GuestAddr(u32::from_le_bytes(*address));
        }
        Ok(ColumnSlice {
            buffers,
            children: GuestAddr(header.children),
            offset: offset.saturating_add(first),
            rows: usize::try_from(rows).expect("the number of rows fits the length of the header"),
        })
    }

    /// Reads the header of the child at `position`, which is below the number
    /// of children.
    fn child_header(
        &self,
        column: &ColumnSlice,
        position: usize,
    ) -> Result<ArrowArray, AbiViolation> {
        let end = (position as u64).saturating_add(1).saturating_mul(4);
        let addresses = column.children.bytes(end, self.memory)?;
        let address = addresses.last_chunk().copied().unwrap_or_default();
        let header = GuestAddr(u32::from_le_bytes(address));
        Ok(ArrowArray::from_bytes(&header.array(self.memory)?))
    }

    /// Copies `rows` rows, starting at row `first`, of the child at `position`.
    pub(super) fn child(
        &mut self,
        column: &ColumnSlice,
        position: usize,
        first: u64,
        rows: u64,
        data_type: &DataType,
    ) -> Result<ArrayRef, LiftError> {
        let header = self.child_header(column, position)?;
        self.column(&header, first, rows, data_type, None)
    }

    /// Copies the offsets of lists and the elements between them.
    fn elements(
        &mut self,
        column: &ColumnSlice,
        item: &Field,
    ) -> Result<(OffsetBuffer<i32>, ArrayRef), LiftError> {
        let (first, offsets) = self.offsets(column)?;
        let elements = offsets.last().copied().unwrap_or_default() as u64;
        let row_of = |element: u64| {
            let ends_before = |offset: &i32| *offset as u64 <= element;
            (offsets.partition_point(ends_before) as u64).saturating_sub(1)
        };
        let values = self
            .child(column, 0, first, elements, item.data_type())
            .and_then(|values| check_nulls(item, &values, |_| false).map(|()| values))
            .map_err(|error| error.in_child(item.name(), row_of))?;
        Ok((offsets, values))
    }

    fn list(
        &mut self,
        column: &ColumnSlice,
        data_type: &DataType,
        item: &FieldRef,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        let (offsets, values) = self.elements(column, item)?;
        let item = Arc::clone(item);
        let large = |offset: &i32| i64::from(*offset);
        let sizes = || {
            offsets.windows(2).map(|pair| match pair {
                [start, end] => end.wrapping_sub(*start),
                _ => 0,
            })
        };
        let starts = || offsets.iter().take(column.rows);
        let list: Result<ArrayRef, ArrowError> = match data_type {
            DataType::LargeList(_) => {
                let offsets = OffsetBuffer::new(offsets.iter().map(large).collect());
                LargeListArray::try_new(item, offsets, values, nulls).map(arc)
            }
            DataType::ListView(_) => {
                let (offsets, sizes) = (starts().copied().collect(), sizes().collect());
                ListViewArray::try_new(item, offsets, sizes, values, nulls).map(arc)
            }
            DataType::LargeListView(_) => {
                let offsets = starts().map(large).collect();
                let sizes = sizes().map(i64::from).collect();
                LargeListViewArray::try_new(item, offsets, sizes, values, nulls).map(arc)
            }
            _ => ListArray::try_new(item, offsets, values, nulls).map(arc),
        };
        list.map_err(invalid_array)
    }

    fn map(
        &mut self,
        column: &ColumnSlice,
        entries: &FieldRef,
        sorted: bool,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        let (offsets, values) = self.elements(column, entries)?;
        let values = values.as_any().downcast_ref::<StructArray>();
        let values = values.expect("the entries of a map are a struct").clone();
        let map = MapArray::try_new(Arc::clone(entries), offsets, values, nulls, sorted);
        map.map(arc).map_err(invalid_array)
    }

    fn fixed_list(
        &mut self,
        column: &ColumnSlice,
        item: &FieldRef,
        size: i32,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        if size == 0 {
            self.take_empty_rows(column.rows)?;
        }
        let wide = size as u64;
        let first = column.offset.saturating_mul(wide);
        let elements = (column.rows as u64).saturating_mul(wide);
        let row_of = |element: u64| element.checked_div(wide).unwrap_or_default();
        let masked = |element: usize| {
            let row = row_of(element as u64) as usize;
            nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
        };
        let values = self
            .child(column, 0, first, elements, item.data_type())
            .and_then(|values| check_nulls(item, &values, masked).map(|()| values))
            .map_err(|error| error.in_child(item.name(), row_of))?;
        let item = Arc::clone(item);
        let list = FixedSizeListArray::try_new_with_length(item, size, values, nulls, column.rows);
        list.map(arc).map_err(invalid_array)
    }

    fn structure(
        &mut self,
        column: &ColumnSlice,
        fields: &Fields,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        if fields.is_empty() {
            self.take_empty_rows(column.rows)?;
        }
        let masked = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let mut children = Vec::with_capacity(fields.len());
        for (position, field) in fields.iter().enumerate() {
            let (first, rows) = (column.offset, column.rows as u64);
            let child = self
                .child(column, position, first, rows, field.data_type())
                .and_then(|child| check_nulls(field, &child, masked).map(|()| child));
            children.push(child.map_err(|error| error.in_child(field.name(), |row| row))?);
        }
        let fields = fields.clone();
        let array = StructArray::try_new_with_length(fields, children, nulls, column.rows);
        array.map(arc).map_err(invalid_array)
    }
}

fn arc(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// Returns an error if a child of a non-nullable field has a null, except in
/// rows that are masked by a null of the parent.
pub(super) fn check_nulls(
    field: &Field,
    child: &ArrayRef,
    masked: impl Fn(usize) -> bool,
) -> Result<(), LiftError> {
    if field.is_nullable() {
        return Ok(());
    }
    let Some(nulls) = child.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(());
    };
    match (0..child.len()).find(|&row| nulls.is_null(row) && !masked(row)) {
        Some(row) => Err(AbiViolation::Null { row: row as u64 }.into()),
        None => Ok(()),
    }
}
