//! First and last rows of a result, in bounded memory whatever its size.

use std::collections::VecDeque;
use std::ops::Range;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::cells::Cells;
use crate::text::escape_control;

/// Maximum characters of a cell.
const CELL_MAX: usize = 500;

/// First and last rows of batches.
pub(crate) struct Ends {
    head: Vec<RecordBatch>,
    head_rows: usize,
    /// Batches with the last rows, and without those of `head`.
    tail: VecDeque<RecordBatch>,
    tail_rows: usize,
    /// Rows that are kept from the begin, and from the end.
    kept: (usize, usize),
    rows: usize,
}

/// First and last rows of a result.
pub(crate) struct Sample {
    columns: Vec<Column>,
    ends: Ends,
    /// Text of nulls.
    null: String,
}

/// Name and alignment of a column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is_right: bool,
}

/// Rows of a sample, as text.
#[derive(Debug)]
pub(crate) struct SampledRows {
    pub(crate) columns: Vec<Column>,
    /// Rows before those that are left out.
    pub(crate) head: Vec<Vec<String>>,
    /// Rows after them.
    pub(crate) tail: Vec<Vec<String>>,
    /// Number of all rows.
    pub(crate) rows: usize,
}

impl Ends {
    /// Keeps that many rows of the begin and of the end.
    pub(crate) fn new(head: usize, tail: usize) -> Self {
        Self {
            head: Vec::new(),
            head_rows: 0,
            tail: VecDeque::new(),
            tail_rows: 0,
            kept: (head, tail),
            rows: 0,
        }
    }

    /// Adds the rows of a batch.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let (head_max, tail_max) = self.kept;
        self.rows += batch.num_rows();
        let of_head = batch.num_rows().min(head_max - self.head_rows);
        if of_head > 0 {
            self.head.push(copied(batch, 0..of_head)?);
            self.head_rows += of_head;
        }
        let last = (batch.num_rows() - of_head).min(tail_max);
        if last == 0 {
            return Ok(());
        }
        let first = batch.num_rows() - last;
        self.tail.push_back(copied(batch, first..batch.num_rows())?);
        self.tail_rows += last;
        while let Some(oldest) = self.tail.front()
            && self.tail_rows - oldest.num_rows() >= tail_max
        {
            self.tail_rows -= oldest.num_rows();
            self.tail.pop_front();
        }
        Ok(())
    }

    /// Returns the number of rows that are left out.
    pub(crate) fn omitted(&self) -> usize {
        self.rows - self.head_rows - self.tail_rows.min(self.kept.1)
    }

    /// Returns the batches with the rows that are kept.
    pub(crate) fn into_batches(mut self) -> impl Iterator<Item = RecordBatch> {
        let over = self.tail_rows.saturating_sub(self.kept.1);
        if let Some(oldest) = self.tail.front_mut() {
            *oldest = oldest.slice(over, oldest.num_rows() - over);
        }
        self.head.into_iter().chain(self.tail)
    }
}

impl Sample {
    /// Starts a sample of `kept` rows.
    pub(crate) fn new(schema: &SchemaRef, null: &str, kept: usize) -> Self {
        let columns = schema.fields().iter().map(|field| Column {
            name: cut(&escape_line(field.name())),
            is_right: field.data_type().is_numeric(),
        });
        Self {
            columns: columns.collect(),
            ends: Ends::new(kept.div_ceil(2), kept / 2),
            null: null.to_owned(),
        }
    }

    /// Adds the rows of a batch.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.ends.add(batch)
    }

    /// Counts rows that were left out before.
    pub(crate) fn omit(&mut self, rows: usize) {
        self.ends.rows += rows;
    }

    /// Returns the rows as text.
    pub(crate) fn finish(self) -> Result<SampledRows, ArrowError> {
        let (rows, head_rows) = (self.ends.rows, self.ends.head_rows);
        let mut head = Vec::new();
        for batch in self.ends.into_batches() {
            head.extend(lines(&batch, &self.null)?);
        }
        let tail = head.split_off(head_rows);
        Ok(SampledRows {
            columns: self.columns,
            head,
            tail,
            rows,
        })
    }
}

/// Copies rows of a batch: a slice would keep all of it in memory.
fn copied(batch: &RecordBatch, rows: Range<usize>) -> Result<RecordBatch, ArrowError> {
    let rows = rows.start as u64..rows.end as u64;
    take_record_batch(batch, &UInt64Array::from_iter_values(rows))
}

impl SampledRows {
    /// Returns the number of rows that are left out.
    pub(crate) fn omitted(&self) -> usize {
        self.rows - self.head.len() - self.tail.len()
    }
}

/// Formats the rows of a batch, each on one line.
fn lines(batch: &RecordBatch, null: &str) -> Result<Vec<Vec<String>>, ArrowError> {
    let mut rows = Cells::of(batch)?.texts(null)?;
    for cell in rows.iter_mut().flatten() {
        *cell = cut(&escape_line(cell));
    }
    Ok(rows)
}

/// Escapes control characters and line breaks: a row is one line.
fn escape_line(text: &str) -> String {
    escape_control(text).replace('\n', "\\n")
}

/// Cuts a text that is too long for a cell.
fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn sampled(batches: &[std::ops::Range<i64>]) -> SampledRows {
        sampled_rows(batches, 40)
    }

    fn sampled_rows(batches: &[std::ops::Range<i64>], kept: usize) -> SampledRows {
        let batch = |range: &std::ops::Range<i64>| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(range.clone()));
            RecordBatch::try_from_iter([("n", numbers)]).unwrap()
        };
        let mut sample = Sample::new(&batch(&(0..0)).schema(), "NULL", kept);
        for range in batches {
            sample.add(&batch(range)).unwrap();
        }
        sample.finish().unwrap()
    }

    fn numbers(rows: &[Vec<String>]) -> Vec<i64> {
        rows.iter().map(|row| row[0].parse().unwrap()).collect()
    }

    #[test]
    fn first_and_last_rows_are_kept_however_they_are_divided() {
        let one = std::iter::once(0..1_000).collect();
        let many = (0..1_000).map(|n| n..n + 1).collect();
        for sizes in [one, many, vec![0..15, 15..21, 21..1_000]] {
            let rows = sampled(&sizes);
            assert_eq!(numbers(&rows.head), (0..20).collect::<Vec<_>>());
            assert_eq!(numbers(&rows.tail), (980..1_000).collect::<Vec<_>>());
            assert_eq!((rows.rows, rows.omitted()), (1_000, 960));
        }
    }

    #[test]
    fn as_many_rows_are_kept_as_asked_for() {
        for (kept, head, tail) in [(1, 0..1, 9..9), (2, 0..1, 9..10), (5, 0..3, 8..10)] {
            for batches in [&[0..4, 4..10][..], &[0..2, 2..9, 9..10]] {
                let rows = sampled_rows(batches, kept);
                let head: Vec<i64> = head.clone().collect();
                assert_eq!(numbers(&rows.head), head, "{kept}");
                let tail: Vec<i64> = tail.clone().collect();
                assert_eq!(numbers(&rows.tail), tail, "{kept}");
                assert_eq!((rows.rows, rows.omitted()), (10, 10 - kept));
            }
        }
    }

    #[test]
    fn small_results_are_whole() {
        for count in [0, 1, 20, 21, 39, 40] {
            let rows = sampled(&[0..count / 2, count / 2..count]);
            assert_eq!(rows.omitted(), 0);
            let all = [numbers(&rows.head), numbers(&rows.tail)].concat();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
