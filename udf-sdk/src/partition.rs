//! The rows of a partition and their peers, as arguments of window functions.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Range;

use crate::item::Item;
use crate::view::View;

/// All rows of a partition, of one argument of a window function. Each may be
/// null.
///
/// It borrows and costs nothing, like a [`List`](crate::List).
///
/// ```no_run
/// use fusebox_sdk::{Partition, udwf};
///
/// /// The difference of a value to the largest of the partition.
/// #[udwf]
/// fn behind(value: Partition<'_, f64>) -> Vec<Option<f64>> {
///     let largest = value.iter().flatten().fold(f64::NEG_INFINITY, f64::max);
///     let behind = value.iter().map(|value| Some(largest - value?));
///     behind.collect()
/// }
/// ```
pub struct Partition<'c, T: Item> {
    /// Kept as in a [`List`](crate::List): not dropped, whatever its type is.
    view: ManuallyDrop<T::View<'c>>,
    rows: usize,
    /// Mask of a row: 0 if row 0 is the value of all rows.
    mask: usize,
}

impl<'c, T: Item> Partition<'c, T> {
    pub(crate) fn new(view: T::View<'c>, rows: usize) -> Self {
        let is_constant = view.rows() < rows;
        Self {
            view: ManuallyDrop::new(view),
            rows,
            mask: if is_constant { 0 } else { usize::MAX },
        }
    }

    /// Returns the number of rows of the partition.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns true if the partition has no rows, which is never the case in a
    /// call.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the argument of a row; none if it is null or past the end.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::At<'c>> {
        let row = (row < self.rows).then_some(row & self.mask)?;
        T::item(&self.view, row)
    }

    /// Returns the arguments in the order of the partition, none for a null.
    #[inline]
    pub fn iter(&self) -> PartitionIter<'c, T> {
        PartitionIter {
            partition: *self,
            range: 0..self.rows,
        }
    }
}

impl<T: Item> Clone for Partition<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Item> Copy for Partition<'_, T> {}

impl<'c, T: Item<At<'c>: fmt::Debug>> fmt::Debug for Partition<'c, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl<'c, T: Item> IntoIterator for Partition<'c, T> {
    type Item = Option<T::At<'c>>;
    type IntoIter = PartitionIter<'c, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Iterator over the arguments of a [`Partition`], none for a null.
pub struct PartitionIter<'c, T: Item> {
    partition: Partition<'c, T>,
    range: Range<usize>,
}

impl<T: Item> fmt::Debug for PartitionIter<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("PartitionIter");
        tuple.field(&self.range).finish()
    }
}

impl<'c, T: Item> Iterator for PartitionIter<'c, T> {
    type Item = Option<T::At<'c>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.range.next().map(|row| self.partition.get(row))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl<T: Item> DoubleEndedIterator for PartitionIter<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.range.next_back().map(|row| self.partition.get(row))
    }
}

impl<T: Item> ExactSizeIterator for PartitionIter<'_, T> {}

/// A set of peer rows of a partition: rows that are equal in the window's
/// order.
///
/// ```no_run
/// use fusebox_sdk::{Peers, udwf};
///
/// /// The rank of a row, between 0 and 1.
/// #[udwf(rank)]
/// fn quantile(peers: Peers) -> f64 {
///     peers.start() as f64 / peers.partition_rows() as f64
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    start: u64,
    end: u64,
    partition_rows: u64,
}

impl Peers {
    /// Creates the set of the rows from `start` to `end`, exclusive, of a
    /// partition of `partition_rows` rows.
    pub fn new(start: u64, end: u64, partition_rows: u64) -> Self {
        Self {
            start,
            end,
            partition_rows,
        }
    }

    /// Returns the first row, counted from 0 at the start of the partition.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Returns the row after the last one.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns the number of rows of the partition.
    pub fn partition_rows(&self) -> u64 {
        self.partition_rows
    }
}
