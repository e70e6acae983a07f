//! The rows that are neither null nor filtered out.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::common::Result;

/// Returns a bit for each row, 1 if no argument is null and the filter is true;
/// none if all bits are 1.
pub(crate) fn called(arguments: &[ArrayRef], filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let nulls = arguments.iter().map(|array| array.logical_nulls());
    let nulls = nulls.fold(None, |all, nulls| {
        NullBuffer::union(all.as_ref(), nulls.as_ref())
    });
    let nulls = match filter {
        Some(filter) => {
            let filter = match filter.nulls() {
                Some(known) => filter.values() & known.inner(),
                None => filter.values().clone(),
            };
            NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(filter)))
        }
        None => nulls,
    };
    nulls.filter(|nulls| nulls.null_count() > 0)
}

/// Visits the rows that are called, in order.
#[inline]
pub(crate) fn visit(
    rows: usize,
    called: Option<&NullBuffer>,
    mut visit: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    match called {
        None => (0..rows).try_for_each(visit),
        Some(called) => visit_set(called.inner(), &mut visit),
    }
}

/// Visits 64 rows at a time: without testing bits if all are set, and else from
/// one set bit to the next.
#[inline]
fn visit_set(bits: &BooleanBuffer, visit: &mut impl FnMut(usize) -> Result<()>) -> Result<()> {
    let chunks = bits.bit_chunks();
    let words = chunks.iter().chain([chunks.remainder_bits()]);
    for (start, mut word) in (0..).step_by(64).zip(words) {
        if word == u64::MAX {
            (start..start + 64).try_for_each(&mut *visit)?;
            continue;
        }
        while word != 0 {
            visit(start + word.trailing_zeros() as usize)?;
            word &= word - 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;

    #[test]
    fn null_and_filtered_rows_are_not_visited() {
        for rows in [0, 1, 63, 64, 65, 200, 1000] {
            for (null, out) in [
                (3, 5),
                (7, 1000),
                (1000, 2),
                (1000, 1000),
                (1, 1000),
                (90, 80),
            ] {
                let numbers = (0..rows as i64).map(|n| (n % null != null - 1).then_some(n));
                let numbers: ArrayRef = Arc::new(Int64Array::from_iter(numbers));
                let filter = (0..rows as i64).map(|n| match n % out {
                    n if n == out - 1 => None,
                    n => Some(n % 11 != 10),
                });
                let filter: BooleanArray = filter.collect();
                let mut visited = Vec::new();
                let called = called(&[numbers], Some(&filter));
                visit(rows, called.as_ref(), |row| {
                    visited.push(row as i64);
                    Ok(())
                })
                .unwrap();
                let expected = (0..rows as i64)
                    .filter(|n| n % null != null - 1 && n % out != out - 1 && n % out % 11 != 10);
                assert_eq!(visited, expected.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn slices_are_visited_from_their_own_start() {
        let numbers = Int64Array::from_iter((0..300).map(|n| (n % 3 != 0).then_some(n)));
        let sliced: ArrayRef = Arc::new(numbers.slice(5, 200));
        let mut visited = Vec::new();
        visit(200, called(&[sliced], None).as_ref(), |row| {
            visited.push(row);
            Ok(())
        })
        .unwrap();
        assert_eq!(
            visited,
            (0..200)
                .filter(|row| (row + 5) % 3 != 0)
                .collect::<Vec<_>>()
        );
    }
}
