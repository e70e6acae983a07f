//! Columns with their children, as deep as their type goes.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, LargeListArray, LargeListViewArray,
    ListArray, ListViewArray, MapArray, NullArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use fusebox_abi::ArrowArray;

use super::{Allowance, Unlifted};
use crate::address::GuestAddr;
use crate::breach::Breach;
use crate::layout::Layout;

/// Copies columns out of memory.
pub(super) struct Reader<'a> {
    pub(super) memory: &'a [u8],
    pub(super) allowance: &'a mut Allowance,
}

/// Some rows of a column whose header makes sense.
pub(super) struct Column {
    /// The addresses of validity, values or offsets, data.
    pub(super) buffers: [GuestAddr; 3],
    /// The address of the children's addresses.
    children: GuestAddr,
    /// Rows to skip in every buffer, and in every child of a struct.
    pub(super) offset: u64,
    pub(super) rows: usize,
}

/// What an array that Arrow refuses says about the guest. Most such answers
/// were refused before, in better words.
pub(super) fn misfit(error: ArrowError) -> Unlifted {
    Unlifted::Breach(Breach::Misfit(error.to_string()))
}

impl Reader<'_> {
    /// Copies `rows` rows from row `first` on; those that `nulls` says are null
    /// are null.
    pub(super) fn column(
        &mut self,
        header: &ArrowArray,
        first: u64,
        rows: u64,
        data_type: &DataType,
        nulls: Option<&NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        let layout = Layout::of(data_type).expect("the statement checked the return type");
        let column = self.check(header, &layout, first, rows)?;
        if let Layout::Null = layout {
            self.count_out(column.rows)?;
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

    fn check(
        &self,
        header: &ArrowArray,
        layout: &Layout,
        first: u64,
        rows: u64,
    ) -> Result<Column, Breach> {
        let offset = u64::try_from(header.offset).map_err(|_| Breach::Offset(header.offset))?;
        let end = first.saturating_add(rows);
        if u64::try_from(header.length).is_ok_and(|length| length < end) || header.length < 0 {
            return Err(Breach::ChildRows {
                found: header.length,
                expected: end,
            });
        }
        if header.n_buffers != layout.buffers() as i64 {
            return Err(Breach::Buffers {
                found: header.n_buffers,
                expected: layout.buffers() as i64,
            });
        }
        if header.n_children != layout.children() as i64 {
            return Err(Breach::Children {
                found: header.n_children,
                expected: layout.children() as i64,
            });
        }
        if header.dictionary != 0 {
            return Err(Breach::Dictionary);
        }
        let mut buffers = [GuestAddr(0); 3];
        let len = layout.buffers().saturating_mul(4) as u64;
        let addresses = GuestAddr(header.buffers).bytes(len, self.memory)?;
        for (buffer, address) in buffers.iter_mut().zip(addresses.as_chunks().0) {
            *buffer = GuestAddr(u32::from_le_bytes(*address));
        }
        Ok(Column {
            buffers,
            children: GuestAddr(header.children),
            offset: offset.saturating_add(first),
            rows: usize::try_from(rows).expect("the length is an i64"),
        })
    }

    /// The header of the child at a position below the number of children.
    fn child_header(&self, column: &Column, position: usize) -> Result<ArrowArray, Breach> {
        let end = (position as u64).saturating_add(1).saturating_mul(4);
        let addresses = column.children.bytes(end, self.memory)?;
        let address = addresses.last_chunk().copied().unwrap_or_default();
        let header = GuestAddr(u32::from_le_bytes(address));
        Ok(ArrowArray::from_bytes(&header.array(self.memory)?))
    }

    /// Copies rows of the child at a position.
    pub(super) fn child(
        &mut self,
        column: &Column,
        position: usize,
        first: u64,
        rows: u64,
        data_type: &DataType,
    ) -> Result<ArrayRef, Unlifted> {
        let header = self.child_header(column, position)?;
        self.column(&header, first, rows, data_type, None)
    }

    /// Copies the elements between offsets.
    fn elements(
        &mut self,
        column: &Column,
        item: &Field,
    ) -> Result<(OffsetBuffer<i32>, ArrayRef), Unlifted> {
        let (first, offsets) = self.offsets(column)?;
        let elements = offsets.last().copied().unwrap_or_default() as u64;
        let row_of = |element: u64| {
            let ends_before = |offset: &i32| *offset as u64 <= element;
            (offsets.partition_point(ends_before) as u64).saturating_sub(1)
        };
        let values = self
            .child(column, 0, first, elements, item.data_type())
            .and_then(|values| check_nulls(item, &values, |_| false).map(|()| values))
            .map_err(|unlifted| unlifted.in_child(item.name(), row_of))?;
        Ok((offsets, values))
    }

    fn list(
        &mut self,
        column: &Column,
        data_type: &DataType,
        item: &FieldRef,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
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
        list.map_err(misfit)
    }

    fn map(
        &mut self,
        column: &Column,
        entries: &FieldRef,
        sorted: bool,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        let (offsets, values) = self.elements(column, entries)?;
        let values = values.as_any().downcast_ref::<StructArray>();
        let values = values.expect("the entries of a map are a struct").clone();
        let map = MapArray::try_new(Arc::clone(entries), offsets, values, nulls, sorted);
        map.map(arc).map_err(misfit)
    }

    fn fixed_list(
        &mut self,
        column: &Column,
        item: &FieldRef,
        size: i32,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        if size == 0 {
            self.count_out(column.rows)?;
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
            .map_err(|unlifted| unlifted.in_child(item.name(), row_of))?;
        let item = Arc::clone(item);
        let list = FixedSizeListArray::try_new_with_length(item, size, values, nulls, column.rows);
        list.map(arc).map_err(misfit)
    }

    fn structure(
        &mut self,
        column: &Column,
        fields: &Fields,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        if fields.is_empty() {
            self.count_out(column.rows)?;
        }
        let masked = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let mut children = Vec::with_capacity(fields.len());
        for (position, field) in fields.iter().enumerate() {
            let (first, rows) = (column.offset, column.rows as u64);
            let child = self
                .child(column, position, first, rows, field.data_type())
                .and_then(|child| check_nulls(field, &child, masked).map(|()| child));
            children.push(child.map_err(|unlifted| unlifted.in_child(field.name(), |row| row))?);
        }
        let fields = fields.clone();
        let array = StructArray::try_new_with_length(fields, children, nulls, column.rows);
        array.map(arc).map_err(misfit)
    }
}

fn arc(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// Refuses a null of a child that has none, but for rows that are null in its
/// parent.
pub(super) fn check_nulls(
    field: &Field,
    child: &ArrayRef,
    masked: impl Fn(usize) -> bool,
) -> Result<(), Unlifted> {
    if field.is_nullable() {
        return Ok(());
    }
    let Some(nulls) = child.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(());
    };
    match (0..child.len()).find(|&row| nulls.is_null(row) && !masked(row)) {
        Some(row) => Err(Breach::Null { row: row as u64 }.into()),
        None => Ok(()),
    }
}
