//! Window functions called natively.

use std::fmt::Debug;

use super::{
    BATCH_ROWS, Column, Function, Method, batches, for_each, in_row, lowered, row_count, same,
};
use crate::output::Output;
use crate::partition::Peers;
use crate::row::RowArguments;
use crate::window::{PartitionArgs, PartitionOutput};

/// Evaluates a window function that keeps state, over the rows of a partition.
///
/// # Errors
///
/// The row and the message of the first failure.
pub fn window<S, R, O, V>(
    next: impl Method<S, R, O>,
    columns: &[Column],
) -> Result<Vec<Option<V>>, String>
where
    S: Default,
    R: RowArguments<'static>,
    O: Output<Value = V>,
    V: PartialEq + Debug,
{
    let rows = row_count(columns);
    let run = |batch| {
        let mut state = S::default();
        let mut results = Vec::new();
        for rows in batches(rows, batch) {
            let each = |row| next.call(&mut state, row).into_row();
            results.extend(for_each::<R, V>(columns, rows, each)?);
        }
        Ok(results)
    };
    same(BATCH_ROWS.map(run))
}

/// Evaluates a window function over a whole partition, the rows of the columns.
///
/// ```
/// use fusebox_sdk::testing::{Column, partition};
/// use fusebox_sdk::{Partition, udwf};
///
/// #[udwf]
/// fn behind(value: Partition<'_, f64>) -> Vec<Option<f64>> {
///     let largest = value.iter().flatten().fold(f64::NEG_INFINITY, f64::max);
///     value.iter().map(|value| Some(largest - value?)).collect()
/// }
///
/// # fn main() {
/// let value = Column::new([Some(1.0), None, Some(3.0)]);
/// assert_eq!(partition(behind, &[value]), Ok(vec![Some(2.0), None, Some(0.0)]));
/// # }
/// ```
///
/// # Errors
///
/// The message of the failure, after its row if it is that of one.
///
/// # Panics
///
/// If the columns are not those of the arguments.
pub fn partition<W, A>(
    function: impl Function<W, A>,
    columns: &[Column],
) -> Result<Vec<Option<ValueOf<A>>>, String>
where
    W: PartitionArgs<'static>,
    A: PartitionOutput,
{
    let rows = row_count(columns);
    let mut types = Vec::new();
    W::sql_types(&mut types);
    let arguments = W::read(&mut lowered(columns, &types, 0..rows));
    let results = function.call(arguments).into_rows()?;
    if results.len() != rows {
        let found = results.len();
        return Err(format!("{found} results for a partition of {rows} rows"));
    }
    let results = results.into_iter().enumerate();
    let results = results.map(|(row, result)| in_row(row, result.into_row()));
    results.collect()
}

/// The type of the results of a function over whole partitions.
type ValueOf<A> = <<A as PartitionOutput>::Row as Output>::Value;

/// Evaluates a rank function over a partition whose sets of peer rows have these numbers of
/// rows. Returns a result for each row.
///
/// ```
/// use fusebox_sdk::testing::ranks;
/// use fusebox_sdk::{Peers, udwf};
///
/// #[udwf(rank)]
/// fn last(peers: Peers) -> u64 {
///     peers.end()
/// }
///
/// # fn main() {
/// assert_eq!(ranks(last, &[1, 2]), Ok(vec![Some(1), Some(3), Some(3)]));
/// # }
/// ```
///
/// # Errors
///
/// The first row and the message of the failure.
pub fn ranks<O: Output>(
    function: impl Fn(Peers) -> O,
    peers: &[usize],
) -> Result<Vec<Option<O::Value>>, String> {
    let partition_rows = peers.iter().sum::<usize>() as u64;
    let mut results = Vec::new();
    for rows in peers {
        let start = results.len();
        for _ in 0..*rows {
            let end = (start + rows) as u64;
            let result = function(Peers::new(start as u64, end, partition_rows));
            results.push(in_row(start, result.into_row())?);
        }
    }
    Ok(results)
}
