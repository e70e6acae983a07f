//! A column that has not been read yet: the host's, or a sample of a test.

use crate::aligned_copy::CopySlots;
use crate::raw::{BufferLayout, Buffers, RawArray, TextStrings};
#[cfg(test)]
use crate::sample::Sample;

/// A column that has not been read yet, or a child of one.
#[derive(Clone, Copy, Debug)]
pub enum InputArray<'c> {
    /// A column that the host has lowered.
    Lowered(RawArray<'c>),
    /// A column of a test.
    #[cfg(test)]
    Sample(&'c Sample),
}

impl<'c> InputArray<'c> {
    /// Reads the buffers of a child column.
    pub(crate) fn buffers(self, layout: BufferLayout, slots: &mut CopySlots) -> Buffers<'c> {
        let slot = slots.allocate();
        match self {
            Self::Lowered(array) => array.buffers(layout, slot, array.length()),
            #[cfg(test)]
            Self::Sample(sample) => sample.buffers_of(sample.length()),
        }
    }

    /// Reads the buffers and the texts of a child column of type VARCHAR.
    pub(crate) fn text(self, slots: &mut CopySlots) -> (Buffers<'c>, TextStrings<'c>) {
        let slot = slots.allocate();
        match self {
            Self::Lowered(array) => array.text(slot, array.length()),
            #[cfg(test)]
            Self::Sample(sample) => (sample.buffers_of(sample.length()), sample.texts_of()),
        }
    }

    /// Reads the buffers of a nested column for a batch of `rows` rows: the
    /// validity bitmap, and offsets if it has any.
    pub(crate) fn nested_buffers(self, has_offsets: bool, rows: usize) -> Buffers<'c> {
        match self {
            Self::Lowered(array) => array.nested_buffers(has_offsets, rows),
            #[cfg(test)]
            Self::Sample(sample) => sample.buffers_of(rows),
        }
    }

    /// Returns a child: the items of a list, the entries of a map, or a field.
    pub(crate) fn child(self, index: usize) -> Self {
        match self {
            Self::Lowered(array) => Self::Lowered(array.child(index)),
            #[cfg(test)]
            Self::Sample(sample) => Self::Sample(sample.child(index)),
        }
    }

    /// Returns the number of rows of the column.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Lowered(array) => array.length(),
            #[cfg(test)]
            Self::Sample(sample) => sample.length(),
        }
    }
}
