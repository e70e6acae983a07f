//! Rows that the host holds back until it has seen all: for DISTINCT, for
//! ORDER BY, and for moving frames of a function that takes no rows back.

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

use super::super::{arrow, external};
use super::Aggregate;
use super::alone::of_rows;
use crate::error::Error;

/// The type of rows on their way to another partition: a list of structs.
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

/// The rows of one group.
pub(super) struct Collected {
    aggregate: Aggregate,
    /// The types of the arguments, and of what the rows are ordered by.
    types: Vec<DataType>,
    /// How many of the columns are arguments.
    arguments: usize,
    is_distinct: bool,
    order: Vec<SortOptions>,
    /// The rows, each batch with all columns.
    batches: Vec<Vec<ArrayRef>>,
    rows: usize,
    /// The memory of all columns.
    bytes: usize,
    /// How many rows there may be before equal ones are looked for.
    rows_max: usize,
}

/// A column that keeps no more memory than its rows take: those of a group are
/// often a few of a batch's, and hold on to all of it.
fn owned(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let used = column.to_data().get_slice_memory_size()?;
    if column.get_array_memory_size() <= 2 * used + ODDMENTS_BYTES {
        return Ok(Arc::clone(column));
    }
    let all = UInt32Array::from_iter_values(0..column.len() as u32);
    let column = take(column, &all, None)?;
    // Views hold on to the texts of others.
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

/// What a column takes besides its rows, in bytes.
const ODDMENTS_BYTES: usize = 512;

/// How many rows are collected before equal ones are looked for.
const ROWS_MAX: usize = 8_192;

impl Collected {
    pub(super) fn new(aggregate: Aggregate, args: &AccumulatorArgs<'_>) -> Result<Self> {
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
            self.bytes += memory_bytes(&own);
            self.batches.push(own);
        }
        Ok(())
    }

    /// Leaves out rows that are equal to others, when there are many.
    fn compact(&mut self) -> Result<(), Error> {
        if self.is_distinct && self.rows > self.rows_max {
            let columns = self.arranged()?;
            self.rows = columns.first().map_or(0, |column| column.len());
            self.rows_max = ROWS_MAX.max(self.rows * 2);
            self.bytes = memory_bytes(&columns);
            self.batches = vec![columns];
        }
        Ok(())
    }

    /// All rows, as they came.
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

    /// All rows, as the guest gets them.
    ///
    /// In the order that the call says; rows that are equal there, and all where
    /// it says none but DISTINCT, in the order of their arguments: so that the
    /// answer does not depend on partitions.
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
            // What a call of DISTINCT is ordered by is among its arguments.
            places.dedup_by_key(|place| keys.row(*place as usize));
        }
        let places = UInt32Array::from(places);
        let arranged = columns.iter().map(|column| take(column, &places, None));
        arranged.collect::<Result<_, _>>().map_err(arrow)
    }

    fn answer(&self) -> Result<ScalarValue, Error> {
        let columns = self.arranged()?;
        let rows = columns.first().map_or(0, |column| column.len());
        of_rows(&self.aggregate, &columns[..self.arguments], rows)
    }

    /// Takes the first rows back.
    fn drop_front(&mut self, mut rows: usize) {
        self.rows = self.rows.saturating_sub(rows);
        while rows > 0
            && let Some(batch) = self.batches.first_mut()
        {
            let len = batch[0].len();
            if len <= rows {
                self.bytes -= memory_bytes(batch);
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
            true => self.arranged()?,
            false => self.joined()?,
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
        let lists = lists.ok_or_else(|| Error::Internal("a state that is no list".to_owned()))?;
        for rows in lists.iter().flatten() {
            let rows = rows.as_struct_opt();
            let rows =
                rows.ok_or_else(|| Error::Internal("rows that are no structs".to_owned()))?;
            self.push(rows.columns())?;
            self.compact()?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Collected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.guest.fmt(f)
    }
}

impl Accumulator for Collected {
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
        self.answer().map_err(external)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }
}

/// A moving frame's rows, all of which the guest sees again for each answer.
#[derive(Debug)]
pub(super) struct Again(Collected);

impl Again {
    pub(super) fn new(rows: Collected) -> Self {
        Self(rows)
    }
}

impl Accumulator for Again {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Equal rows stay: each is taken back once.
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
