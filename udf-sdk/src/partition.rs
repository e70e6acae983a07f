//! What a window function sees of a partition.

use std::fmt;
use std::ops::Range;

use crate::item::Item;
use crate::view::View;

/// All rows of a partition, of one argument of a window function. Each may be
/// null.
///
/// It costs nothing to have, like a [`List`](crate::List).
///
/// ```no_run
/// use fusebox_sdk::{Partition, udwf};
///
/// /// What the value lacks to the largest of the partition.
/// #[udwf]
/// fn behind(value: Partition<'_, f64>) -> Vec<Option<f64>> {
///     let largest = value.iter().flatten().fold(f64::NEG_INFINITY, f64::max);
///     let behind = value.iter().map(|value| Some(largest - value?));
///     behind.collect()
/// }
/// ```
pub struct Partition<'c, T: Item> {
    view: T::View<'c>,
    rows: usize,
    /// What a row is masked with: 0 where one stands for all.
    mask: usize,
}

impl<'c, T: Item> Partition<'c, T> {
    pub(crate) fn new(view: T::View<'c>, rows: usize) -> Self {
        let is_constant = view.rows() < rows;
        Self {
            view,
            rows,
            mask: if is_constant { 0 } else { usize::MAX },
        }
    }

    /// How many rows the partition has.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether it has none, which none is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The argument of a row; none where it is null, or past the end.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::At<'c>> {
        let row = (row < self.rows).then_some(row & self.mask)?;
        T::item(&self.view, row)
    }

    /// The arguments in the order of the partition, none for a null.
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

/// The arguments of a [`Partition`] in order, none for a null.
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

/// Some rows of a partition that are peers: equal in what the window is ordered
/// by.
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
    /// The rows from `start` to before `end`, of so many.
    pub fn new(start: u64, end: u64, partition_rows: u64) -> Self {
        Self {
            start,
            end,
            partition_rows,
        }
    }

    /// The first of them, counted from 0 at the start of the partition.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The row behind the last of them.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many rows the partition has.
    pub fn partition_rows(&self) -> u64 {
        self.partition_rows
    }
}
