//! Result columns of texts and byte strings.

use std::iter::repeat_n;

use super::{Block, Nulls, ResultBuilder};
use crate::raw::Call;

/// Maximum size of the data of one result column, in bytes, since its offsets are
/// `i32`.
const DATA_BYTES_MAX: usize = i32::MAX as usize;

/// Builds a result column of texts or byte strings.
#[derive(Debug, Default)]
pub struct BytesBuilder {
    pub(super) offsets: Vec<i32>,
    pub(super) data: Vec<u8>,
    pub(super) nulls: Nulls,
    pub(super) overflow: Option<usize>,
}

impl BytesBuilder {
    /// Creates a builder without rows, which owns no memory.
    pub(crate) const fn new() -> Self {
        Self {
            offsets: Vec::new(),
            data: Vec::new(),
            nulls: Nulls::new(),
            overflow: None,
        }
    }

    /// Appends rows, each with its number.
    #[inline]
    pub(crate) fn extend<B: AsRef<[u8]>>(
        &mut self,
        rows: impl Iterator<Item = (usize, Option<B>)>,
    ) {
        self.extend_up_to(DATA_BYTES_MAX, rows);
    }

    /// Appends rows; those that exceed `bytes_max` bytes of data stay empty.
    #[inline]
    pub(super) fn extend_up_to<B: AsRef<[u8]>>(
        &mut self,
        bytes_max: usize,
        rows: impl Iterator<Item = (usize, Option<B>)>,
    ) {
        let Self {
            offsets,
            data,
            nulls,
            overflow,
        } = self;
        offsets.extend(rows.map(|(row, value)| {
            match &value {
                Some(value) => {
                    if !append(data, value.as_ref(), bytes_max) {
                        overflow.get_or_insert(row);
                    }
                }
                None => nulls.set_null(row),
            }
            data.len() as i32
        }));
    }

    /// Appends the rows of a block; `value` returns those that the function is
    /// called for.
    #[inline]
    pub(crate) fn extend_some<B: AsRef<[u8]>>(
        &mut self,
        block: Block,
        begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<B>,
    ) {
        let Self {
            offsets,
            data,
            nulls,
            overflow,
        } = self;
        let mut next = 0;
        let null_rows = block.each(begin, |index| {
            let row = block.start + index;
            offsets.extend(repeat_n(data.len() as i32, index - next));
            next = index + 1;
            let value = value(row);
            if let Some(value) = &value
                && !append(data, value.as_ref(), DATA_BYTES_MAX)
            {
                overflow.get_or_insert(row);
            }
            offsets.push(data.len() as i32);
            value.is_none()
        });
        offsets.extend(repeat_n(data.len() as i32, block.rows - next));
        nulls.set_nulls(block.start, null_rows);
    }

    /// Returns the buffers in the order of the layout, the validity bitmap first.
    pub(super) fn buffers(&self) -> impl AsRef<[*const u8]> {
        [
            self.nulls.buffer(),
            self.offsets.as_ptr().cast(),
            self.data.as_ptr(),
        ]
    }
}

/// Appends a value and returns true, or returns false if it does not fit.
#[inline]
fn append(data: &mut Vec<u8>, value: &[u8], bytes_max: usize) -> bool {
    if value.len() > bytes_max - data.len() {
        return false;
    }
    if value.len() > data.capacity() - data.len() {
        grow(data, value.len(), bytes_max);
    }
    data.extend_from_slice(value);
    true
}

/// Reserves at least `bytes` more bytes and doubles the capacity, to at most
/// `bytes_max` in all: a `Vec` would double to more than the address space.
#[cold]
fn grow(data: &mut Vec<u8>, bytes: usize, bytes_max: usize) {
    let double = data.capacity().saturating_mul(2).min(bytes_max);
    data.reserve_exact(bytes.max(double - data.len()));
}

impl ResultBuilder for BytesBuilder {
    fn start(&mut self, rows: usize) {
        self.offsets.clear();
        self.offsets.reserve(rows + 1);
        self.offsets.push(0);
        self.data.clear();
        self.nulls.start(rows);
        self.overflow = None;
    }

    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.nulls.set_nulls(start, nulls);
    }

    #[inline]
    fn return_to(&mut self, call: &Call) -> u32 {
        call.return_buffers(self.buffers().as_ref())
    }

    fn overflow(&self) -> Option<usize> {
        self.overflow
    }
}
