//! Columns with their children, planned and then written.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;

use super::buffer::BufferContent;
use super::bytes;
use super::nested::{self, ChildSelection};
use super::row_selection::{RowSelection, resolve_encoding};
use super::{ArenaWriter, ArgumentsTooLarge, align};
use crate::abi_violation::AbiViolation;
use crate::budget::ByteBudget;
use crate::layout::fixed_width;

/// A column, its selected rows, and the sizes in bytes of its buffers in the
/// arena.
pub(super) struct ColumnPlan {
    array: ArrayRef,
    selection: RowSelection,
    len: usize,
    null_count: usize,
    buffers: [(BufferContent, u64); BUFFERS_MAX],
    n_buffers: usize,
    children: Vec<ColumnPlan>,
}

/// Most buffers of any layout. An array of this length saves an allocation.
const BUFFERS_MAX: usize = 3;

impl ColumnPlan {
    pub(super) fn new(
        array: ArrayRef,
        selection: RowSelection,
        budget: &mut ByteBudget,
    ) -> Result<Self, ArgumentsTooLarge> {
        let (array, selection) = resolve_encoding(array, selection);
        let len = selection.len(&array);
        let null_count = match array.data_type() {
            DataType::Null => len,
            // A union has no validity: its nulls are those of its children.
            DataType::Union(..) => 0,
            _ => selection.null_count(&array),
        };
        let mut column = Self {
            array,
            selection,
            len,
            null_count,
            buffers: [const { (BufferContent::Validity, 0) }; BUFFERS_MAX],
            n_buffers: 0,
            children: Vec::new(),
        };
        column.add_content(budget)?;
        Ok(column)
    }

    /// Adds the buffers and children of the column's type.
    fn add_content(&mut self, budget: &mut ByteBudget) -> Result<(), ArgumentsTooLarge> {
        let (array, selection) = (Arc::clone(&self.array), self.selection.clone());
        let rows = self.len as u64;
        if !matches!(array.data_type(), DataType::Null | DataType::Union(..)) {
            self.add_buffer(BufferContent::Validity, self.validity_bytes());
        }
        match array.data_type() {
            DataType::Null => {}
            DataType::Boolean => self.add_buffer(BufferContent::Bits, rows.div_ceil(8)),
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => {
                let data = bytes::data_bytes(&array, &selection);
                i32::try_from(data).map_err(|_| ArgumentsTooLarge { bytes: data })?;
                let offsets = rows.saturating_add(1).saturating_mul(4);
                self.add_buffer(BufferContent::Offsets, offsets);
                self.add_buffer(BufferContent::Data, data);
            }
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Map(..) => {
                let (offsets, elements) = nested::plan_list(&array, &selection, budget)?;
                self.add_prepared(offsets);
                self.add_child(elements, budget)?;
            }
            DataType::FixedSizeList(..) => {
                let elements = nested::plan_fixed_size_list(&array, &selection, budget)?;
                self.add_child(elements, budget)?;
            }
            DataType::Struct(_) => {
                for field in array.as_struct().columns() {
                    self.add_child((Arc::clone(field), selection.clone()), budget)?;
                }
            }
            DataType::Union(fields, _) => {
                let (ids, offsets, children) = nested::plan_union(&array, fields, &selection);
                self.add_prepared(ids);
                self.add_prepared(offsets);
                for child in children {
                    self.add_child(child, budget)?;
                }
            }
            other => {
                let width = fixed_width(other).expect("every other type has a fixed width");
                let values = rows.saturating_mul(width as u64);
                self.add_buffer(BufferContent::Fixed { width }, values);
            }
        }
        Ok(())
    }

    /// Number of nulls among the rows, without those of children.
    pub(super) fn null_count(&self) -> usize {
        self.null_count
    }

    fn validity_bytes(&self) -> u64 {
        match self.null_count {
            0 => 0,
            _ => (self.len as u64).div_ceil(8),
        }
    }

    fn add_buffer(&mut self, content: BufferContent, bytes: u64) {
        if let Some(buffer) = self.buffers.get_mut(self.n_buffers) {
            *buffer = (content, bytes);
            self.n_buffers = self.n_buffers.saturating_add(1);
        }
    }

    fn add_prepared(&mut self, buffer: Buffer) {
        let bytes = buffer.len() as u64;
        self.add_buffer(BufferContent::Prepared(buffer), bytes);
    }

    fn add_child(
        &mut self,
        (array, selection): ChildSelection,
        budget: &mut ByteBudget,
    ) -> Result<(), ArgumentsTooLarge> {
        self.children.push(Self::new(array, selection, budget)?);
        Ok(())
    }

    /// Size in the arena in bytes, without the column's own header.
    pub(super) fn bytes(&self) -> u64 {
        let addresses = |number: usize| align((number as u64).saturating_mul(4));
        let headers = (self.children.len() as u64).saturating_mul(ArrowArray::SIZE as u64);
        let buffers = self.buffers.iter().map(|(_, bytes)| align(*bytes));
        let children = self.children.iter().map(Self::bytes);
        let own = addresses(self.n_buffers)
            .saturating_add(addresses(self.children.len()))
            .saturating_add(align(headers));
        buffers.chain(children).fold(own, u64::saturating_add)
    }

    /// Writes buffers and children, and returns the header, which the caller
    /// writes.
    pub(super) fn write(&self, writer: &mut ArenaWriter<'_>) -> Result<ArrowArray, AbiViolation> {
        let buffers = writer.reserve_table(self.n_buffers, 4)?;
        let mut entry = buffers;
        for (content, bytes) in self.buffers.iter().take(self.n_buffers) {
            let absent = matches!(content, BufferContent::Validity) && *bytes == 0;
            let address = if absent { 0 } else { writer.next };
            entry = writer.patch(entry, &address.to_le_bytes())?;
            content.write(&self.array, &self.selection, writer.reserve(*bytes)?);
        }
        let children = writer.reserve_table(self.children.len(), 4)?;
        let headers = writer.reserve_table(self.children.len(), ArrowArray::SIZE)?;
        let (mut entry, mut header_at) = (children, headers);
        for child in &self.children {
            entry = writer.patch(entry, &header_at.to_le_bytes())?;
            let header = child.write(writer)?;
            header_at = writer.patch(header_at, &header.to_bytes())?;
        }
        Ok(ArrowArray {
            length: self.len as i64,
            null_count: self.null_count as i64,
            n_buffers: self.n_buffers as i64,
            n_children: self.children.len() as i64,
            buffers,
            children,
            ..ArrowArray::default()
        })
    }
}
