//! A column with its children, measured and ready to be written.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_schema::DataType;
use fusebox_abi::ArrowArray;

use super::leaf::{self, Content};
use super::nested::{self, Child};
use super::rows::{Allowance, Rows, resolved};
use super::{TooLarge, Writer, align};
use crate::breach::Breach;
use crate::layout::fixed_width;

/// A column and the sizes of its buffers at the border, in bytes.
pub(super) struct Column {
    array: ArrayRef,
    rows: Rows,
    len: usize,
    null_count: usize,
    buffers: [(Content, u64); BUFFERS_MAX],
    n_buffers: usize,
    children: Vec<Column>,
}

/// How many buffers any layout has at most: so few need no list.
const BUFFERS_MAX: usize = 3;

impl Column {
    pub(super) fn measure(
        array: ArrayRef,
        rows: Rows,
        allowance: &mut Allowance,
    ) -> Result<Self, TooLarge> {
        let (array, rows) = resolved(array, rows);
        let len = rows.len(&array);
        let null_count = match array.data_type() {
            DataType::Null => len,
            _ => rows.null_count(&array),
        };
        let mut column = Self {
            array,
            rows,
            len,
            null_count,
            buffers: [const { (Content::Validity, 0) }; BUFFERS_MAX],
            n_buffers: 0,
            children: Vec::new(),
        };
        let (array, rows) = (Arc::clone(&column.array), column.rows.clone());
        match array.data_type() {
            DataType::Null => {}
            DataType::Boolean => {
                column.buffer(Content::Validity, column.validity_bytes());
                column.buffer(Content::Bits, (len as u64).div_ceil(8));
            }
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => {
                let data = leaf::data_bytes(&array, &rows);
                i32::try_from(data).map_err(|_| TooLarge { bytes: data })?;
                column.buffer(Content::Validity, column.validity_bytes());
                column.buffer(
                    Content::Offsets,
                    (len as u64).saturating_add(1).saturating_mul(4),
                );
                column.buffer(Content::Data, data);
            }
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Map(..) => {
                let (offsets, elements) = nested::list(&array, &rows, allowance)?;
                column.buffer(Content::Validity, column.validity_bytes());
                column.ready(offsets);
                column.child(elements, allowance)?;
            }
            DataType::FixedSizeList(..) => {
                let elements = nested::fixed_list(&array, &rows, allowance)?;
                column.buffer(Content::Validity, column.validity_bytes());
                column.child(elements, allowance)?;
            }
            DataType::Struct(_) => {
                column.buffer(Content::Validity, column.validity_bytes());
                for field in array.as_struct().columns() {
                    column.child((Arc::clone(field), rows.clone()), allowance)?;
                }
            }
            DataType::Union(fields, _) => {
                let (ids, offsets, children) = nested::union(&array, fields, &rows);
                column.null_count = 0;
                column.ready(ids);
                column.ready(offsets);
                for child in children {
                    column.child(child, allowance)?;
                }
            }
            other => {
                let width = fixed_width(other).expect("the other types have a width");
                column.buffer(Content::Validity, column.validity_bytes());
                column.buffer(
                    Content::Fixed { width },
                    (len as u64).saturating_mul(width as u64),
                );
            }
        }
        Ok(column)
    }

    fn validity_bytes(&self) -> u64 {
        match self.null_count {
            0 => 0,
            _ => (self.len as u64).div_ceil(8),
        }
    }

    fn buffer(&mut self, content: Content, bytes: u64) {
        if let Some(buffer) = self.buffers.get_mut(self.n_buffers) {
            *buffer = (content, bytes);
            self.n_buffers = self.n_buffers.saturating_add(1);
        }
    }

    fn ready(&mut self, buffer: Buffer) {
        let bytes = buffer.len() as u64;
        self.buffer(Content::Ready(buffer), bytes);
    }

    fn child(&mut self, (array, rows): Child, allowance: &mut Allowance) -> Result<(), TooLarge> {
        self.children.push(Self::measure(array, rows, allowance)?);
        Ok(())
    }

    /// How many bytes it takes in the arena, without its own header.
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

    /// Writes all but the header, which is returned.
    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<ArrowArray, Breach> {
        let buffers = writer.table(self.n_buffers, 4)?;
        let mut entry = buffers;
        for (content, bytes) in self.buffers.iter().take(self.n_buffers) {
            let absent = matches!(content, Content::Validity) && *bytes == 0;
            let address = if absent { 0 } else { writer.next };
            entry = writer.patch(entry, &address.to_le_bytes())?;
            content.write(&self.array, &self.rows, writer.reserve(*bytes)?);
        }
        let children = writer.table(self.children.len(), 4)?;
        let headers = writer.table(self.children.len(), ArrowArray::SIZE)?;
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
