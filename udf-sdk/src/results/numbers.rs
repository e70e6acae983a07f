//! Result columns of numbers.

use super::{Block, Nulls, ResultBuilder};
use crate::raw::{Call, extend_reserved};

/// Builds a result column of numbers.
#[derive(Debug, Default)]
pub struct NumberBuilder<N> {
    pub(super) values: Vec<N>,
    pub(super) nulls: Nulls,
}

impl<N: Copy + Default> NumberBuilder<N> {
    /// Creates a builder without rows, which owns no memory.
    pub(crate) const fn new() -> Self {
        Self {
            values: Vec::new(),
            nulls: Nulls::new(),
        }
    }

    /// Appends rows, each with its number, of those that memory was reserved for.
    #[inline]
    pub(crate) fn extend(&mut self, rows: impl Iterator<Item = (usize, Option<N>)>) {
        let Self { values, nulls } = self;
        let numbers = rows.map(|(row, value)| {
            value.unwrap_or_else(|| {
                nulls.set_null(row);
                N::default()
            })
        });
        extend_reserved(values, numbers);
    }

    /// Appends the rows of a block; `value` returns those that the function is
    /// called for.
    #[inline]
    pub(crate) fn extend_some(
        &mut self,
        block: Block,
        begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<N>,
    ) {
        let base = self.values.len();
        self.values.resize(base + block.rows, N::default());
        let values = self.values.get_mut(base..).unwrap_or_default();
        let nulls = block.each(begin, |index| {
            let value = value(block.start + index);
            if let (Some(to), Some(value)) = (values.get_mut(index), value) {
                *to = value;
            }
            value.is_none()
        });
        self.nulls.set_nulls(block.start, nulls);
    }

    /// Returns the buffers in the order of the layout, the validity bitmap first.
    pub(super) fn buffers(&self) -> impl AsRef<[*const u8]> {
        [self.nulls.buffer(), self.values.as_ptr().cast()]
    }
}

impl<N: Copy + Default + 'static> ResultBuilder for NumberBuilder<N> {
    fn start(&mut self, rows: usize) {
        self.values.clear();
        self.values.reserve(rows);
        self.nulls.start(rows);
    }

    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.nulls.set_nulls(start, nulls);
    }

    #[inline]
    fn return_to(&mut self, call: &Call) -> u32 {
        call.return_buffers(self.buffers().as_ref())
    }
}
