//! First and last rows of a result, in bounded memory whatever its size.

use std::collections::VecDeque;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::cells::Cells;
use crate::text::escape_control;

/// Rows that are kept from the begin of a result, and from its end.
const HALF: usize = 20;

/// Maximum characters of a cell.
const CELL_MAX: usize = 500;

/// First and last rows of a result.
pub(crate) struct Sample {
    columns: Vec<Column>,
    head: Vec<Vec<String>>,
    /// Batches with the last rows, and without those of `head`.
    tail: VecDeque<RecordBatch>,
    tail_rows: usize,
    rows: usize,
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

impl Sample {
    pub(crate) fn new(schema: &SchemaRef, null: &str) -> Self {
        let columns = schema.fields().iter().map(|field| Column {
            name: cut(&escape_line(field.name())),
            is_right: field.data_type().is_numeric(),
        });
        Self {
            columns: columns.collect(),
            head: Vec::new(),
            tail: VecDeque::new(),
            tail_rows: 0,
            rows: 0,
            null: null.to_owned(),
        }
    }

    /// Adds the rows of a batch.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.rows += batch.num_rows();
        let of_head = batch.num_rows().min(HALF - self.head.len().min(HALF));
        if of_head > 0 {
            self.head
                .extend(lines(&batch.slice(0, of_head), &self.null)?);
        }
        let rest = batch.num_rows() - of_head;
        if rest == 0 {
            return Ok(());
        }
        // A copy of the last rows only: a slice would keep the batch.
        let last = rest.min(HALF);
        let first = batch.num_rows() - last;
        let indices = UInt64Array::from_iter_values(first as u64..batch.num_rows() as u64);
        let rows = take_record_batch(batch, &indices)?;
        self.tail_rows += rows.num_rows();
        self.tail.push_back(rows);
        while let Some(oldest) = self.tail.front()
            && self.tail_rows - oldest.num_rows() >= HALF
        {
            self.tail_rows -= oldest.num_rows();
            self.tail.pop_front();
        }
        Ok(())
    }

    /// Returns the rows as text.
    pub(crate) fn finish(self) -> Result<SampledRows, ArrowError> {
        let mut tail = Vec::new();
        for batch in &self.tail {
            tail.extend(lines(batch, &self.null)?);
        }
        tail.drain(..tail.len().saturating_sub(HALF));
        Ok(SampledRows {
            columns: self.columns,
            head: self.head,
            tail,
            rows: self.rows,
        })
    }
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
        let batch = |range: &std::ops::Range<i64>| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(range.clone()));
            RecordBatch::try_from_iter([("n", numbers)]).unwrap()
        };
        let mut sample = Sample::new(&batch(&(0..0)).schema(), "NULL");
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
    fn small_results_are_whole() {
        for count in [0, 1, 20, 21, 39, 40] {
            let rows = sampled(&[0..count / 2, count / 2..count]);
            assert_eq!(rows.omitted(), 0);
            let all = [numbers(&rows.head), numbers(&rows.tail)].concat();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
