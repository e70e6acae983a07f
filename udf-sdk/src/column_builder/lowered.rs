//! Columns as the host would lower them.

use super::{ColumnBuilder, ColumnLayout};
use crate::sample::Sample;

impl ColumnBuilder {
    /// Returns the column as the host would lower it.
    pub(crate) fn lowered(&mut self) -> Sample {
        let array = self.finish();
        assert_eq!(array.length, self.len as i64);
        assert_eq!(array.n_buffers, self.buffers.len() as i64);
        assert_eq!(array.n_children, self.children.len() as i64);
        let is_valid = |row: &usize| {
            let byte = self.validity.get(row / 8);
            byte.is_none_or(|byte| byte >> (row % 8) & 1 == 1)
        };
        let valid = (0..self.len).map(|row| is_valid(&row).then_some(()));
        let offsets = self.offsets.iter().flat_map(|offset| offset.to_le_bytes());
        let (values, data) = match self.layout {
            ColumnLayout::Bits | ColumnLayout::Numbers(_) => (self.data.clone(), vec![]),
            _ => (offsets.collect(), self.data.clone()),
        };
        let valid: Vec<_> = valid.collect();
        let children = self.children.iter_mut().map(Self::lowered);
        Sample::of(&valid, values, data, children.collect())
    }
}
