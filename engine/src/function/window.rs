//! Window functions, over the rows of one partition after the other.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, WindowUDFImpl};

use super::calls::{Calls, Room};
use super::external;
use super::guest::Guest;
use super::overloads::Overloads;
use crate::error::Error;
use crate::module::Operation;

impl WindowUDFImpl for Overloads {
    fn name(&self) -> &str {
        self.name()
    }

    fn signature(&self) -> &Signature {
        self.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.coerced(given))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let returns = self.return_type(&types(args.input_fields()))?;
        Ok(Arc::new(Field::new(args.name(), returns, true)))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        self.sees_nulls(args.ignore_nulls())?;
        let given = types(args.input_fields());
        let overload = self.of(&given)?;
        Ok(Box::new(Partition {
            guest: Arc::clone(&overload.function),
            returns: overload.returns(&given),
        }))
    }
}

fn types(fields: &[FieldRef]) -> Vec<DataType> {
    fields
        .iter()
        .map(|field| field.data_type().clone())
        .collect()
}

/// A window function at a partition.
#[derive(Debug)]
struct Partition {
    guest: Arc<Guest>,
    returns: DataType,
}

impl Partition {
    fn is(&self, operation: Operation) -> bool {
        self.guest.operation(operation).is_some()
    }

    fn begin(&self, arguments: &[ArrayRef], rows: usize) -> Result<Calls, Error> {
        let guest = &self.guest;
        let room = Room {
            rows,
            arguments,
            returns: &self.returns,
        };
        let account = || Some(guest.outside.account(&guest.definition.name));
        Calls::begin(guest, Some(room), account)
    }

    /// The rows of a partition, in order.
    fn rows(&self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, Error> {
        if self.is(Operation::Partition) {
            let mut calls = self.begin(columns, rows)?;
            return calls.run_whole(Operation::Partition, columns, rows, &self.returns);
        }
        // As much as one call takes is enough room.
        let first = rows.min(ROWS_IN_ROOM);
        let front = columns.iter().map(|column| match column.len() == rows {
            true => column.slice(0, first),
            false => Arc::clone(column),
        });
        let mut calls = self.begin(&front.collect::<Vec<_>>(), first)?;
        calls.run(Operation::Next, columns, rows, &self.returns)
    }

    /// One answer for each set of peers.
    fn ranks(&self, rows: usize, peers: &[Range<usize>]) -> Result<ArrayRef, Error> {
        let number = |number: &dyn Fn(&Range<usize>) -> usize| -> ArrayRef {
            let numbers = peers.iter().map(|range| number(range) as u64);
            Arc::new(UInt64Array::from_iter_values(numbers))
        };
        let columns = [
            number(&|range| range.start),
            number(&|range| range.end),
            Arc::new(UInt64Array::from(vec![rows as u64])),
        ];
        let mut calls = self.begin(&columns, peers.len())?;
        let ranks = calls.run(Operation::Rank, &columns, peers.len(), &self.returns)?;
        let places = peers.iter().zip(0..);
        let places = places.flat_map(|(range, place)| range.clone().map(move |_| place));
        let places: UInt32Array = places.map(Some::<u32>).collect();
        take(&ranks, &places, None).map_err(super::arrow)
    }
}

/// How many rows an instance has room for, before its memory must grow.
const ROWS_IN_ROOM: usize = 8_192;

impl PartitionEvaluator for Partition {
    fn evaluate_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        if rows == 0 {
            return Ok(arrow::array::new_empty_array(&self.returns));
        }
        self.rows(columns, rows).map_err(external)
    }

    fn include_rank(&self) -> bool {
        self.is(Operation::Rank)
    }

    fn evaluate_all_with_rank(&self, rows: usize, peers: &[Range<usize>]) -> Result<ArrayRef> {
        self.ranks(rows, peers).map_err(external)
    }
}
