//! Result columns of lists, structs and maps.

use super::{Block, ResultBuilder};
use crate::append::{Append, AppendNullable};
use crate::column_builder::ColumnBuilder;
use crate::raw::Call;

/// Builds a result column of lists, structs or maps.
#[derive(Debug)]
pub struct NestedBuilder {
    pub(crate) root: ColumnBuilder,
    overflow: Option<usize>,
}

impl NestedBuilder {
    /// Creates a builder without rows, which owns no memory.
    pub(crate) const fn new() -> Self {
        Self {
            root: ColumnBuilder::new(),
            overflow: None,
        }
    }

    /// Appends rows, each with its number, up to the first that does not fit.
    pub(crate) fn extend<V: Append>(&mut self, rows: impl Iterator<Item = (usize, Option<V>)>) {
        for (row, value) in rows {
            if self.overflow.is_none() && value.append_nullable(&mut self.root).is_err() {
                self.overflow = Some(row);
            }
        }
    }

    /// Appends the rows of a block; `value` returns those that the function is
    /// called for.
    pub(crate) fn extend_some<V: Append>(
        &mut self,
        block: Block,
        mut begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<V>,
    ) {
        let mut next = 0;
        self.extend((0..block.rows).map(|index| {
            let row = block.start + index;
            if block.called >> index & 1 == 0 {
                return (row, None);
            }
            if index >= next {
                begin(row);
                next = index + block.group;
            }
            (row, value(row))
        }));
    }
}

impl Default for NestedBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ResultBuilder for NestedBuilder {
    const OVERFLOW: &'static str =
        "a column of results has more than 2147483647 bytes of text or items";

    fn start(&mut self, _rows: usize) {
        self.overflow = None;
    }

    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.root.set_nulls(start, nulls);
    }

    fn return_to(&mut self, call: &Call) -> u32 {
        call.return_array(self.root.finish())
    }

    fn overflow(&self) -> Option<usize> {
        self.overflow
    }
}
