//! Accumulators that buffer rows: for ORDER BY, and for moving frames of functions without
//! `retract`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use fusebox_runtime::{AccumulatorMemory, Error};

use super::super::values::{canonical_floats, plain, plain_type};
use super::super::{arrow, external};
use super::distinct_rows::list_of_rows;
use super::single_group::evaluate_rows;
use super::{ResolvedAggregate, grow, rows_of_states};

/// Accumulator that buffers the rows of one group.
pub(super) struct BufferingAccumulator {
    aggregate: ResolvedAggregate,
    memory: Arc<AccumulatorMemory>,
    /// Plain types of the arguments, then of the sort keys.
    types: Vec<DataType>,
    /// Number of arguments.
    arguments: usize,
    order: Vec<SortOptions>,
    /// Batches, each with all columns.
    batches: Vec<Vec<ArrayRef>>,
    /// Memory of all columns in bytes.
    bytes: usize,
}

/// Copies a column that retains much more memory than its rows take: the rows of a group
/// are often few of a batch, and would retain all of it.
fn owned(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let used = column.to_data().get_slice_memory_size()?;
    if column.get_array_memory_size() <= 2 * used + OVERHEAD_BYTES {
        return Ok(Arc::clone(column));
    }
    let all = UInt32Array::from_iter_values(0..column.len() as u32);
    let column = take(column, &all, None)?;
    // Views retain the buffers of other rows.
    Ok(match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => column,
    })
}

fn memory_bytes(columns: &[ArrayRef]) -> usize {
    columns
        .iter()
        .map(|column| column.get_array_memory_size())
        .sum()
}

/// Memory of a column besides its rows, in bytes.
const OVERHEAD_BYTES: usize = 512;

/// Copies of all columns that exist while they are arranged: joined, as sort keys, and
/// sorted.
const ARRANGED_COPIES: usize = 3;

impl BufferingAccumulator {
    pub(super) fn new(aggregate: ResolvedAggregate, args: &AccumulatorArgs<'_>) -> Result<Self> {
        let types = aggregate.casts.types().iter();
        let mut types: Vec<_> = types.map(plain_type).collect();
        let arguments = types.len();
        for by in args.order_bys {
            types.push(plain_type(&by.expr.data_type(args.schema)?));
        }
        Ok(Self {
            memory: aggregate.memory(),
            aggregate,
            types,
            arguments,
            order: args.order_bys.iter().map(|by| by.options).collect(),
            batches: Vec::new(),
            bytes: 0,
        })
    }

    fn push(&mut self, columns: &[ArrayRef]) -> Result<(), Error> {
        if columns.len() != self.types.len() {
            let (found, expected) = (columns.len(), self.types.len());
            let message = format!("rows of {found} columns, not {expected}");
            return Err(Error::Internal(message));
        }
        let rows = columns.first().map_or(0, |column| column.len());
        if rows > 0 {
            let own = columns.iter().map(|column| owned(&plain(column)?));
            let own = own.collect::<Result<_, _>>();
            let own: Vec<ArrayRef> = own.map_err(arrow)?;
            let bytes = memory_bytes(&own);
            grow(&self.aggregate, &self.memory, bytes)?;
            self.bytes += bytes;
            self.batches.push(own);
        }
        Ok(())
    }

    /// Runs `work` while as much memory is in use as it needs: `copies` of all columns.
    fn with_copies<T>(
        &self,
        copies: usize,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let bytes = self.bytes.saturating_mul(copies);
        grow(&self.aggregate, &self.memory, bytes)?;
        let done = work();
        self.memory.shrink(bytes);
        done
    }

    /// Returns all rows in the order of their arrival.
    fn joined(&self) -> Result<Vec<ArrayRef>, Error> {
        let column = |(index, ty): (usize, &DataType)| {
            let parts: Vec<&dyn Array> = self.batches.iter().map(|b| b[index].as_ref()).collect();
            match parts.is_empty() {
                true => Ok(arrow::array::new_empty_array(ty)),
                false => concat(&parts).map_err(arrow),
            }
        };
        self.types.iter().enumerate().map(column).collect()
    }

    /// Returns all rows in the order of the guest's call.
    ///
    /// Sorted by the keys of the call, then by the arguments, so that the result does not
    /// depend on partitions.
    fn arranged(&self) -> Result<Vec<ArrayRef>, Error> {
        let columns = self.joined()?;
        if self.order.is_empty() {
            return Ok(columns);
        }
        let (arguments, ordering) = columns.split_at(self.arguments);
        let by_order = ordering.iter().zip(&self.order).map(|(column, options)| {
            SortField::new_with_options(column.data_type().clone(), *options)
        });
        let by_arguments = arguments.iter();
        let by_arguments = by_arguments.map(|column| SortField::new(column.data_type().clone()));
        let converter = RowConverter::new(by_order.chain(by_arguments).collect());
        // Keys that SQL takes for equal are.
        let keys = ordering.iter().map(canonical_floats);
        let keys = keys.chain(arguments.iter().cloned().map(Ok));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(arrow)?;
        let keys = converter
            .and_then(|converter| converter.convert_columns(&keys))
            .map_err(arrow)?;
        let mut places: Vec<u32> = (0..keys.num_rows() as u32).collect();
        places.sort_unstable_by_key(|place| keys.row(*place as usize));
        let places = UInt32Array::from(places);
        let arranged = columns.iter().map(|column| take(column, &places, None));
        arranged.collect::<Result<_, _>>().map_err(arrow)
    }

    fn result(&self) -> Result<ScalarValue, Error> {
        self.with_copies(ARRANGED_COPIES, || {
            let columns = self.arranged()?;
            let rows = columns.first().map_or(0, |column| column.len());
            let arguments = &columns[..self.arguments];
            evaluate_rows(&self.aggregate, &self.memory, arguments, rows)
        })
    }

    /// Removes the first rows.
    fn drop_front(&mut self, mut rows: usize) {
        while rows > 0
            && let Some(batch) = self.batches.first_mut()
        {
            let len = batch[0].len();
            if len <= rows {
                let bytes = memory_bytes(batch);
                self.bytes -= bytes;
                self.memory.shrink(bytes);
                self.batches.remove(0);
                rows -= len;
                continue;
            }
            let whole = memory_bytes(batch);
            for column in batch.iter_mut() {
                *column = column.slice(rows, len - rows);
            }
            self.bytes = self.bytes - whole + memory_bytes(batch);
            rows = 0;
        }
    }

    fn state_of_rows(&self) -> Result<ScalarValue, Error> {
        let columns = self.with_copies(1, || self.joined())?;
        let rows = columns.first().map_or(0, |column| column.len());
        list_of_rows(&self.types, columns, rows)
    }
}

impl std::fmt::Debug for BufferingAccumulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.function.fmt(f)
    }
}

impl Accumulator for BufferingAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = self.aggregate.arguments(values, None);
        values
            .and_then(|values| self.push(&values))
            .map_err(external)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        rows_of_states(states, |columns| self.push(columns)).map_err(external)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.state_of_rows().map_err(external)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.result().map_err(external)
    }

    fn size(&self) -> usize {
        self.memory.settle(self.bytes);
        size_of::<Self>() + self.bytes
    }
}

/// Accumulator of a moving frame that passes all its rows to the guest for each result.
#[derive(Debug)]
pub(super) struct RecomputingAccumulator(BufferingAccumulator);

impl RecomputingAccumulator {
    pub(super) fn new(buffered: BufferingAccumulator) -> Self {
        Self(buffered)
    }
}

impl Accumulator for RecomputingAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0
            .drop_front(values.first().map_or(0, |column| column.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.evaluate()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
