//! Window functions, called for one partition after the other.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, UInt64Array, new_empty_array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, WindowUDFImpl};
use fusebox_runtime::{
    Accounting, Error, Operation, Scope, StateCall, StatefulInstance, WasmFunction,
};

use super::arguments::ArgumentCasts;
use super::external;
use super::overload_set::OverloadSet;
use crate::scope::{FunctionScope, run_guest};

/// Window function.
#[derive(Debug)]
pub(crate) struct WasmWindowUdf {
    overloads: OverloadSet,
    scope: FunctionScope,
}

impl WasmWindowUdf {
    pub(super) fn new(overloads: OverloadSet, scope: FunctionScope) -> Self {
        Self { overloads, scope }
    }

    /// Returns the overloads.
    pub(super) fn overloads(&self) -> &OverloadSet {
        &self.overloads
    }

    /// Returns the source of the scopes of calls.
    pub(super) fn scope(&self) -> &FunctionScope {
        &self.scope
    }
}

impl PartialEq for WasmWindowUdf {
    fn eq(&self, other: &Self) -> bool {
        self.overloads == other.overloads
    }
}

impl Eq for WasmWindowUdf {}

impl Hash for WasmWindowUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.overloads.hash(state);
    }
}

impl WindowUDFImpl for WasmWindowUdf {
    fn name(&self) -> &str {
        self.overloads.name()
    }

    fn signature(&self) -> &Signature {
        self.overloads.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.overloads.coerced(given))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let returns = self.overloads.return_type(&types(args.input_fields()))?;
        Ok(Arc::new(Field::new(args.name(), returns, true)))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        self.overloads.refuse_ignore_nulls(args.ignore_nulls())?;
        let given = types(args.input_fields());
        let overload = self.overloads.resolve(&given)?;
        Ok(Box::new(WasmPartitionEvaluator {
            function: overload.function.in_scope(&self.scope.current(None))?,
            casts: ArgumentCasts::new(overload, &given),
            returns: overload.returns(&given),
            scope: self.scope.clone(),
        }))
    }
}

fn types(fields: &[FieldRef]) -> Vec<DataType> {
    fields
        .iter()
        .map(|field| field.data_type().clone())
        .collect()
}

/// Evaluator of partitions.
#[derive(Debug)]
struct WasmPartitionEvaluator {
    function: Arc<WasmFunction>,
    casts: ArgumentCasts,
    returns: DataType,
    scope: FunctionScope,
}

/// Rows that an instance is preallocated for; more make its memory grow.
const PREALLOCATED_ROWS: usize = 8_192;

impl WasmPartitionEvaluator {
    fn begin(&self, first: StateCall<'_>) -> Result<StatefulInstance, Error> {
        let scope: Arc<Scope> = self.scope.current(None);
        StatefulInstance::begin(&self.function, &scope, Some(first), Accounting::Scope)
    }

    /// Evaluates the rows of a partition, in order.
    fn rows(&self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, Error> {
        let call = |operation| StateCall {
            operation,
            columns,
            rows,
            returns: &self.returns,
        };
        if self.function.has_operation(Operation::Partition) {
            let call = call(Operation::Partition);
            return self.begin(call)?.run_whole(&call);
        }
        let first = rows.min(PREALLOCATED_ROWS);
        let front = columns.iter().map(|column| match column.len() == rows {
            true => column.slice(0, first),
            false => Arc::clone(column),
        });
        let front: Vec<_> = front.collect();
        let call = call(Operation::Next);
        let first = StateCall {
            columns: &front,
            rows: first,
            ..call
        };
        self.begin(first)?.run(&call)
    }

    /// Evaluates each set of peers once.
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
        let call = StateCall {
            operation: Operation::Rank,
            columns: &columns,
            rows: peers.len(),
            returns: &self.returns,
        };
        let scope = self.scope.current(None);
        let ranks = self.begin(call)?.run(&call)?;
        let indices = peers.iter().zip(0..);
        let indices = indices.flat_map(|(range, index)| range.clone().map(move |_| index));
        let indices: UInt32Array = indices.map(Some::<u32>).collect();
        self.function.take_rows(ranks, &indices, &scope)
    }
}

impl PartitionEvaluator for WasmPartitionEvaluator {
    fn evaluate_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        if rows == 0 {
            return Ok(new_empty_array(&self.returns));
        }
        let operation = match self.function.has_operation(Operation::Partition) {
            true => Operation::Partition,
            false => Operation::Next,
        };
        let scope = self.scope.current(None);
        let columns = self.casts.columns(columns, None, scope.time_zone());
        let columns = columns.map_err(external)?;
        let call = || self.rows(&columns, rows);
        run_guest(&self.function, operation, rows, call).map_err(external)
    }

    fn include_rank(&self) -> bool {
        self.function.has_operation(Operation::Rank)
    }

    fn evaluate_all_with_rank(&self, rows: usize, peers: &[Range<usize>]) -> Result<ArrayRef> {
        let call = || self.ranks(rows, peers);
        run_guest(&self.function, Operation::Rank, peers.len(), call).map_err(external)
    }
}
