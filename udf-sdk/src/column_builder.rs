//! Builders of nested result columns: lists, structs, maps and their children.
//!
//! One type builds columns of every SQL type, so that functions share its code
//! and the memory that it keeps from call to call.

use fusebox_abi::ArrowArray;

use crate::arena::address;

/// Maximum number of bytes or items of a column of texts or lists, since its
/// offsets are `i32`.
const OFFSET_MAX: usize = i32::MAX as usize;

/// The error of a value that exceeds the range of a column's offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetOverflow;

/// Layout of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnLayout {
    /// One bit a row.
    Bits,
    /// A fixed number of bytes a row.
    Numbers(usize),
    /// Offsets and data.
    Bytes,
    /// Offsets into the rows of one child.
    List,
    /// One row of each child per row.
    Struct,
}

/// Builds a result column and its children.
#[derive(Debug)]
pub struct ColumnBuilder {
    layout: ColumnLayout,
    len: usize,
    /// Bits up to those of the last null; empty if no row is null.
    validity: Vec<u8>,
    offsets: Vec<i32>,
    /// Values, bits or bytes.
    data: Vec<u8>,
    children: Vec<ColumnBuilder>,
    // Output for the host: addresses of buffers, the arrays of the children,
    // and their addresses.
    buffers: Vec<u32>,
    arrays: Vec<ArrowArray>,
    addresses: Vec<u32>,
}

impl ColumnBuilder {
    /// Creates a builder without rows, which owns no memory.
    pub(crate) const fn new() -> Self {
        Self {
            layout: ColumnLayout::Struct,
            len: 0,
            validity: Vec::new(),
            offsets: Vec::new(),
            data: Vec::new(),
            children: Vec::new(),
            buffers: Vec::new(),
            arrays: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Removes all rows, keeps their memory, and returns as many children as
    /// asked for.
    pub(crate) fn start(&mut self, layout: ColumnLayout, children: usize) -> &mut [ColumnBuilder] {
        self.layout = layout;
        self.len = 0;
        self.validity.clear();
        self.offsets.clear();
        if matches!(layout, ColumnLayout::Bytes | ColumnLayout::List) {
            self.offsets.push(0);
        }
        self.data.clear();
        self.children.resize_with(children, Self::new);
        &mut self.children
    }

    /// Appends a null row. The rows of a struct's fields follow with the next
    /// struct that is not null, or at the end.
    pub(crate) fn append_null(&mut self) {
        self.set_null(self.len);
        match self.layout {
            ColumnLayout::Bits => self.append_bit(false),
            ColumnLayout::Numbers(1) => self.append_number([0; 1]),
            ColumnLayout::Numbers(2) => self.append_number([0; 2]),
            ColumnLayout::Numbers(4) => self.append_number([0; 4]),
            ColumnLayout::Numbers(8) => self.append_number([0; 8]),
            ColumnLayout::Numbers(_) => self.append_number([0; 16]),
            ColumnLayout::Bytes | ColumnLayout::List => {
                let end = self.offsets.last().copied().unwrap_or(0);
                self.offsets.push(end);
                self.len += 1;
            }
            ColumnLayout::Struct => self.len += 1,
        }
    }

    /// Makes a row null, whatever value it has.
    fn set_null(&mut self, row: usize) {
        // Byte by byte, as for values: an instruction that fills memory costs
        // more.
        while row / 8 >= self.validity.len() {
            self.validity.push(u8::MAX);
        }
        if let Some(byte) = self.validity.get_mut(row / 8) {
            *byte &= !(1 << (row % 8));
        }
    }

    /// Makes rows null: those from `start` whose bits are 1.
    pub(crate) fn set_nulls(&mut self, start: usize, mut nulls: u64) {
        while nulls != 0 {
            let row = start + nulls.trailing_zeros() as usize;
            if row < self.len {
                self.set_null(row);
            }
            nulls &= nulls - 1;
        }
    }

    /// Appends a number.
    #[inline]
    pub(crate) fn append_number<const WIDTH: usize>(&mut self, bytes: [u8; WIDTH]) {
        self.data.extend_from_slice(&bytes);
        self.len += 1;
    }

    /// Appends numbers.
    pub(crate) fn append_numbers(&mut self, bytes: &[u8], numbers: usize) {
        self.data.extend_from_slice(bytes);
        self.len += numbers;
    }

    /// Appends a boolean.
    pub(crate) fn append_bit(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.data.push(0);
        }
        if let Some(byte) = self.data.last_mut() {
            *byte |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
    }

    /// Appends a text or a byte string.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8]) -> Result<(), OffsetOverflow> {
        self.append_bytes_up_to(OFFSET_MAX, bytes)
    }

    fn append_bytes_up_to(&mut self, bytes_max: usize, bytes: &[u8]) -> Result<(), OffsetOverflow> {
        if bytes.len() > bytes_max - self.data.len() {
            return Err(OffsetOverflow);
        }
        self.data.extend_from_slice(bytes);
        self.offsets.push(self.data.len() as i32);
        self.len += 1;
        Ok(())
    }

    /// Appends a list or map, whose items `append` appends to the child.
    pub(crate) fn append_list(
        &mut self,
        append: impl FnOnce(&mut ColumnBuilder) -> Result<(), OffsetOverflow>,
    ) -> Result<(), OffsetOverflow> {
        let [items] = &mut self.children[..] else {
            return Err(OffsetOverflow);
        };
        append(items)?;
        if items.len > OFFSET_MAX {
            return Err(OffsetOverflow);
        }
        self.offsets.push(items.len as i32);
        self.len += 1;
        Ok(())
    }

    /// Appends a struct, whose fields are appended to the children that this
    /// returns.
    pub(crate) fn append_struct(&mut self) -> &mut [ColumnBuilder] {
        for field in &mut self.children {
            if field.len < self.len {
                field.pad(self.len);
            }
        }
        self.len += 1;
        &mut self.children
    }

    /// Appends a struct to a column without nulls. Fields that are left out
    /// become null [at the end](Self::append_nulls).
    pub(crate) fn append_row(&mut self) -> &mut [ColumnBuilder] {
        self.len += 1;
        &mut self.children
    }

    /// Makes all rows null of the fields that are not projected.
    pub(crate) fn append_nulls(&mut self, projection: &[bool]) {
        let len = self.len;
        let fields = self.children.iter_mut().zip(projection);
        for (field, _) in fields.filter(|(_, is_projected)| !**is_projected) {
            field.validity.resize(len.div_ceil(8), 0);
            field.pad(len);
        }
    }

    /// Appends rows of any value up to `len` rows, which are more than there
    /// are.
    #[inline(never)]
    fn pad(&mut self, len: usize) {
        self.len = len;
        match self.layout {
            ColumnLayout::Bits => self.data.resize(len.div_ceil(8), 0),
            ColumnLayout::Numbers(width) => self.data.resize(len * width, 0),
            ColumnLayout::Bytes | ColumnLayout::List => {
                let end = self.offsets.last().copied().unwrap_or(0);
                self.offsets.resize(len + 1, end);
            }
            ColumnLayout::Struct => {}
        }
    }

    /// Returns the column for the host, valid until the next change.
    pub(crate) fn finish(&mut self) -> ArrowArray {
        if self.layout == ColumnLayout::Struct {
            for field in &mut self.children {
                if field.len < self.len {
                    field.pad(self.len);
                }
            }
        }
        let validity = match self.validity.is_empty() {
            true => 0,
            false => {
                self.validity.resize(self.len.div_ceil(8), u8::MAX);
                address(self.validity.as_ptr())
            }
        };
        self.buffers.clear();
        self.buffers.push(validity);
        match self.layout {
            ColumnLayout::Bits | ColumnLayout::Numbers(_) => {
                self.buffers.push(address(self.data.as_ptr()))
            }
            ColumnLayout::Bytes => self
                .buffers
                .extend([address(self.offsets.as_ptr()), address(self.data.as_ptr())]),
            ColumnLayout::List => self.buffers.push(address(self.offsets.as_ptr())),
            ColumnLayout::Struct => {}
        }
        self.arrays.clear();
        self.arrays
            .extend(self.children.iter_mut().map(Self::finish));
        self.addresses.clear();
        self.addresses
            .extend(self.arrays.iter().map(|array| address(array)));
        ArrowArray {
            length: self.len as i64,
            null_count: -1,
            n_buffers: self.buffers.len() as i64,
            n_children: self.addresses.len() as i64,
            buffers: address(self.buffers.as_ptr()),
            children: address(self.addresses.as_ptr()),
            ..ArrowArray::default()
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod lowered;

#[cfg(test)]
mod tests;
