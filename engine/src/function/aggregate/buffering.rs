//! Accumulators that buffer rows: for DISTINCT, for ORDER BY, and for moving frames of
//! functions without `retract`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use fusebox_runtime::{AccumulatorMemory, Error, LimitExceeded};

use super::super::{arrow, external};
use super::ResolvedAggregate;
use super::single_group::evaluate_rows;

/// Returns the type of buffered rows as a partial state: a list of structs.
pub(super) fn state_type(arguments: &[FieldRef], ordering: &[FieldRef]) -> DataType {
    let columns = arguments
        .iter()
        .chain(ordering)
        .map(|field| field.data_type());
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(row_fields(columns)),
        true,
    )))
}

fn row_fields<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Fields {
    let types = types.into_iter().enumerate();
    let fields = types.map(|(index, ty)| Field::new(format!("c{index}"), ty.clone(), true));
    fields.collect()
}

/// Accumulator that buffers the rows of one group.
pub(super) struct BufferingAccumulator {
    aggregate: ResolvedAggregate,
    memory: Arc<AccumulatorMemory>,
    /// Types of the arguments, then of the sort keys.
    types: Vec<DataType>,
    /// Number of arguments.
    arguments: usize,
    is_distinct: bool,
    order: Vec<SortOptions>,
    /// Batches, each with all columns.
    batches: Vec<Vec<ArrayRef>>,
    rows: usize,
    /// Memory of all columns in bytes.
    bytes: usize,
    /// Number of rows from which they are deduplicated.
    rows_max: usize,
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

/// Number of rows from which they are first deduplicated.
const ROWS_MAX: usize = 8_192;

impl BufferingAccumulator {
    pub(super) fn new(aggregate: ResolvedAggregate, args: &AccumulatorArgs<'_>) -> Result<Self> {
        let mut types: Vec<_> = args
            .expr_fields
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        let arguments = types.len();
        for by in args.order_bys {
            types.push(by.expr.data_type(args.schema)?);
        }
        Ok(Self {
            memory: aggregate.memory(),
            aggregate,
            types,
            arguments,
            is_distinct: args.is_distinct,
            order: args.order_bys.iter().map(|by| by.options).collect(),
            batches: Vec::new(),
            rows: 0,
            bytes: 0,
            rows_max: ROWS_MAX,
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
            self.rows += rows;
            let own = columns.iter().map(owned).collect::<Result<_, _>>();
            let own: Vec<ArrayRef> = own.map_err(arrow)?;
            let bytes = memory_bytes(&own);
            self.grow(bytes)?;
            self.bytes += bytes;
            self.batches.push(own);
        }
        Ok(())
    }

    /// Uses `bytes` more of the accumulator's memory.
    fn grow(&self, bytes: usize) -> Result<(), Error> {
        if self.memory.try_grow(bytes) {
            return Ok(());
        }
        let bytes = bytes as u64;
        Err(Error::Limit {
            function: self.aggregate.function.definition().name.clone(),
            limit: LimitExceeded::MemoryPool { bytes },
        })
    }

    /// Runs `work` while as much memory is in use as it needs: `copies` of all columns.
    fn with_copies<T>(
        &self,
        copies: usize,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let bytes = self.bytes.saturating_mul(copies);
        self.grow(bytes)?;
        let done = work();
        self.memory.shrink(bytes);
        done
    }

    /// Deduplicates the rows if there are many.
    fn compact(&mut self) -> Result<(), Error> {
        if self.is_distinct && self.rows > self.rows_max {
            let columns = self.with_copies(ARRANGED_COPIES, || self.arranged())?;
            self.rows = columns.first().map_or(0, |column| column.len());
            self.rows_max = ROWS_MAX.max(self.rows * 2);
            let bytes = memory_bytes(&columns);
            self.grow(bytes)?;
            self.memory.shrink(self.bytes);
            self.bytes = bytes;
            self.batches = vec![columns];
        }
        Ok(())
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
        if !self.is_distinct && self.order.is_empty() {
            return Ok(columns);
        }
        let (arguments, ordering) = columns.split_at(self.arguments);
        let by_order = ordering.iter().zip(&self.order).map(|(column, options)| {
            SortField::new_with_options(column.data_type().clone(), *options)
        });
        let by_arguments = arguments.iter();
        let by_arguments = by_arguments.map(|column| SortField::new(column.data_type().clone()));
        let converter = RowConverter::new(by_order.chain(by_arguments).collect());
        let keys = ordering
            .iter()
            .chain(arguments)
            .cloned()
            .collect::<Vec<_>>();
        let keys = converter
            .and_then(|converter| converter.convert_columns(&keys))
            .map_err(arrow)?;
        let mut places: Vec<u32> = (0..keys.num_rows() as u32).collect();
        places.sort_unstable_by_key(|place| keys.row(*place as usize));
        if self.is_distinct {
            // The sort keys of DISTINCT are among its arguments.
            places.dedup_by_key(|place| keys.row(*place as usize));
        }
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
        self.rows = self.rows.saturating_sub(rows);
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
        let columns = match self.is_distinct {
            true => self.with_copies(ARRANGED_COPIES, || self.arranged())?,
            false => self.with_copies(1, || self.joined())?,
        };
        let rows = columns.first().map_or(0, |column| column.len());
        let fields = row_fields(&self.types);
        let values = StructArray::try_new_with_length(fields, columns, None, rows);
        let values: ArrayRef = Arc::new(values.map_err(arrow)?);
        let field = Field::new_list_field(values.data_type().clone(), true);
        let list = ListArray::try_new(
            Arc::new(field),
            OffsetBuffer::from_lengths([rows]),
            values,
            None,
        );
        Ok(ScalarValue::List(Arc::new(list.map_err(arrow)?)))
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<(), Error> {
        let lists = states.first().and_then(|state| state.as_list_opt::<i32>());
        let lists =
            lists.ok_or_else(|| Error::Internal("a state that is not a list".to_owned()))?;
        for rows in lists.iter().flatten() {
            let rows = rows.as_struct_opt();
            let rows =
                rows.ok_or_else(|| Error::Internal("rows that are not structs".to_owned()))?;
            self.push(rows.columns())?;
            self.compact()?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for BufferingAccumulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.function.fmt(f)
    }
}

impl Accumulator for BufferingAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let pushed = self.push(values).and_then(|()| self.compact());
        pushed.map_err(external)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.merge(states).map_err(external)
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
        // Not deduplicated: each row is removed once.
        self.0.push(values).map_err(external)
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
