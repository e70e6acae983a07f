//! Aggregate functions: states of groups in linear memory.
//!
//! For GROUP BY, DataFusion updates all groups by batches: a [`WasmGroupsAccumulator`] has
//! one instance with the states of all groups. For single groups, such as the moving frames of
//! a window, a [`SingleGroupAccumulator`] has its state in one of few instances that are
//! shared by a cache. Rows that must all be seen first are held by a
//! [`BufferingAccumulator`] to be sorted, and by a [`DistinctAccumulator`] to be
//! deduplicated.

mod buffering;
mod distinct;
mod distinct_rows;
mod groups;
mod simplification;
mod single_group;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, StructArray, UInt32Array, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature};

use fusebox_definition::{ANY_DECIMAL, Definition, SqlType, StatementError, Subject};
use fusebox_runtime::{
    Accounting, AccumulatorMemory, Error, LimitExceeded, Operation, Scope, StateCache, StateCall,
    StatefulInstance, WasmFunction,
};

use super::arguments::ArgumentCasts;
use super::external;
use super::overload::Overload;
use super::overload_set::OverloadSet;
use super::values::{LARGE_BYTES, plain_type};
use crate::scope::FunctionScope;
use buffering::{BufferingAccumulator, RecomputingAccumulator};
use distinct::{DistinctAccumulator, DistinctFrameAccumulator};
use groups::WasmGroupsAccumulator;
use single_group::SingleGroupAccumulator;

/// Aggregate function.
#[derive(Debug)]
pub(crate) struct WasmAggregateUdf {
    overloads: OverloadSet,
    scope: FunctionScope,
    /// States of single groups, for each overload.
    states: Vec<Arc<StateCache>>,
}

impl WasmAggregateUdf {
    pub(super) fn new(overloads: OverloadSet, scope: FunctionScope) -> Self {
        let states = overloads.overloads().map(|_| Arc::default());
        Self {
            states: states.collect(),
            overloads,
            scope,
        }
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

impl PartialEq for WasmAggregateUdf {
    fn eq(&self, other: &Self) -> bool {
        self.overloads == other.overloads
    }
}

impl Eq for WasmAggregateUdf {}

impl Hash for WasmAggregateUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.overloads.hash(state);
    }
}

/// Aggregate function resolved for argument types, in one execution.
#[derive(Clone)]
struct ResolvedAggregate {
    function: Arc<WasmFunction>,
    returns: DataType,
    scope: Arc<Scope>,
    states: Arc<StateCache>,
    /// Columns of the state.
    state_fields: Fields,
    casts: ArgumentCasts,
}

impl ResolvedAggregate {
    /// Returns the type of the state in the guest.
    fn state_type(&self) -> DataType {
        DataType::Struct(self.state_fields.clone())
    }

    /// Opens the memory of an accumulator. DataFusion charges it between two calls by the
    /// accumulator's `size`, which settles it.
    fn memory(&self) -> Arc<AccumulatorMemory> {
        AccumulatorMemory::new(&self.function, &self.scope)
    }

    /// Takes an instance for calls of this size, whose result has at most the size of
    /// `returns`.
    fn begin(
        &self,
        memory: &Arc<AccumulatorMemory>,
        arguments: &[ArrayRef],
        rows: usize,
        returns: &DataType,
    ) -> Result<StatefulInstance, Error> {
        let first = StateCall {
            operation: Operation::Update,
            columns: arguments,
            rows,
            returns,
        };
        let accounting = Accounting::Accumulator(memory);
        StatefulInstance::begin(&self.function, &self.scope, Some(first), accounting)
    }

    /// Casts arguments to the types of the function. The columns of `values` after them stay.
    ///
    /// Rows for which `mask` is not true are not checked.
    fn arguments(
        &self,
        values: &[ArrayRef],
        mask: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>, Error> {
        self.casts.columns(values, mask, self.scope.time_zone())
    }

    /// Returns the columns of states that the guest returned as a struct.
    fn columns_of(&self, state: &ArrayRef) -> Vec<ArrayRef> {
        let state: &StructArray = state
            .as_any()
            .downcast_ref()
            .expect("the type of a state is a struct");
        state.columns().to_vec()
    }

    /// Makes the struct that the guest takes of the columns of states.
    fn state_of(&self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, Error> {
        let fields = &self.state_fields;
        if fields.len() != columns.len() {
            let found = columns.len();
            return Err(Error::Internal(format!("a state of {found} columns")));
        }
        // Lowering converts layouts.
        let fields = fields
            .iter()
            .zip(columns)
            .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
        let state =
            StructArray::try_new_with_length(fields.collect(), columns.to_vec(), None, rows);
        Ok(Arc::new(state.map_err(super::arrow)?))
    }
}

/// Returns the group column of rows that are all of the first group.
fn one_group() -> ArrayRef {
    Arc::new(UInt32Array::from(vec![0]))
}

impl WasmAggregateUdf {
    /// Resolves the call of these arguments.
    fn resolve(&self, fields: &[FieldRef]) -> Result<ResolvedAggregate> {
        let given = types(fields);
        let overload = self.overloads.resolve(&given)?;
        let casts = ArgumentCasts::new(overload, &given);
        self.aggregate(overload, overload.returns(&given), casts)
    }

    fn aggregate(
        &self,
        overload: &Overload,
        returns: DataType,
        casts: ArgumentCasts,
    ) -> Result<ResolvedAggregate> {
        let mut overloads = self.overloads.overloads().zip(&self.states);
        let states = overloads.find(|(other, _)| std::ptr::eq(*other, overload));
        let (_, states) = states.expect("the overload is one of this function");
        let scope = self.scope.current(None);
        Ok(ResolvedAggregate {
            function: overload.function.in_scope(&scope)?,
            returns,
            scope,
            states: Arc::clone(states),
            state_fields: state_fields(overload.function.definition()),
            casts,
        })
    }
}

/// Returns the types of arguments.
fn types(fields: &[FieldRef]) -> Vec<DataType> {
    let types = fields.iter().map(|field| field.data_type().clone());
    types.collect()
}

/// Returns the columns of the state of an aggregate function.
fn state_fields(definition: &Definition) -> Fields {
    let fields = definition.state.iter().map(|column| {
        let name = column.name.clone().unwrap_or_default();
        Field::new(name, column.data_type.clone(), true)
    });
    fields.collect()
}

/// Returns the type of rows as a partial state: a list of structs.
fn state_of_rows_type(arguments: &[DataType], ordering: &[FieldRef]) -> DataType {
    let ordering = ordering.iter().map(|field| field.data_type());
    let types: Vec<_> = arguments.iter().chain(ordering).map(plain_type).collect();
    let rows = DataType::Struct(row_fields(&types));
    DataType::List(Arc::new(Field::new_list_field(rows, true)))
}

fn row_fields(types: &[DataType]) -> Fields {
    let types = types.iter().enumerate();
    let fields = types.map(|(index, ty)| Field::new(format!("c{index}"), ty.clone(), true));
    fields.collect()
}

/// Passes on the columns of each partial state that is a list of rows.
fn rows_of_states(
    states: &[ArrayRef],
    mut push: impl FnMut(&[ArrayRef]) -> Result<(), Error>,
) -> Result<(), Error> {
    let lists = states.first().and_then(|state| state.as_list_opt::<i32>());
    let lists = lists.ok_or_else(|| Error::Internal("a state that is not a list".to_owned()))?;
    for rows in lists.iter().flatten() {
        let rows = rows.as_struct_opt();
        let rows = rows.ok_or_else(|| Error::Internal("rows that are not structs".to_owned()))?;
        push(rows.columns())?;
    }
    Ok(())
}

/// Uses `bytes` more of an accumulator's memory.
fn grow(
    aggregate: &ResolvedAggregate,
    memory: &AccumulatorMemory,
    bytes: usize,
) -> Result<(), Error> {
    if memory.try_grow(bytes) {
        return Ok(());
    }
    let bytes = bytes as u64;
    Err(Error::Limit {
        function: aggregate.function.definition().name.clone(),
        limit: LimitExceeded::MemoryPool { bytes },
        created_with: None,
    })
}

/// Returns true if all rows must be seen before the guest is called.
fn is_buffered(args: &AccumulatorArgs<'_>) -> bool {
    args.is_distinct || !args.order_bys.is_empty()
}

impl AggregateUDFImpl for WasmAggregateUdf {
    fn name(&self) -> &str {
        self.overloads.name()
    }

    fn signature(&self) -> &Signature {
        self.overloads.signature()
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.overloads.return_type(given)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.overloads.coerced(given))
    }

    /// A call with ORDER BY sorts its rows itself, so that their order does not depend on
    /// partitions.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        _is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        // Sorted rows are sorted again, which is fast.
        Ok(Some(self))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(simplification::keep_meaning())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let given = types(args.input_fields);
        let overload = self.overloads.resolve(&given)?;
        if args.is_distinct || !args.ordering_fields.is_empty() {
            let casts = ArgumentCasts::new(overload, &given);
            let rows = state_of_rows_type(casts.types(), args.ordering_fields);
            let name = format_state_name(args.name, "rows");
            return Ok(vec![Arc::new(Field::new(name, rows, true))]);
        }
        let fields = state_fields(overload.function.definition());
        let named = fields.iter().map(|field| {
            let name = format_state_name(args.name, field.name());
            Arc::new(Field::new(name, field.data_type().clone(), true))
        });
        Ok(named.collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.overloads.refuse_ignore_nulls(args.ignore_nulls)?;
        let aggregate = self.resolve(args.expr_fields)?;
        Ok(match is_buffered(&args) {
            true if args.is_distinct => Box::new(DistinctAccumulator::new(aggregate, &args)?),
            true => Box::new(BufferingAccumulator::new(aggregate, &args)?),
            false => Box::new(SingleGroupAccumulator::new(aggregate)),
        })
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        self.overloads.refuse_ignore_nulls(args.ignore_nulls)?;
        let aggregate = self.resolve(args.expr_fields)?;
        let retracts = aggregate.function.has_operation(Operation::Retract);
        if args.is_distinct {
            return Ok(Box::new(DistinctFrameAccumulator::new(aggregate, &args)?));
        }
        Ok(match retracts && !is_buffered(&args) {
            true => Box::new(SingleGroupAccumulator::new(aggregate)),
            false => {
                let buffered = BufferingAccumulator::new(aggregate, &args)?;
                Box::new(RecomputingAccumulator::new(buffered))
            }
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !is_buffered(&args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.overloads.refuse_ignore_nulls(args.ignore_nulls)?;
        let aggregate = self.resolve(args.expr_fields)?;
        Ok(Box::new(WasmGroupsAccumulator::new(aggregate)))
    }

    /// Returns the result of no rows. DataFusion tells only the type of the result, so all
    /// overloads of that type must agree.
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        let returns = |o: &&Overload| match &o.function.definition().signature.returns {
            any if *any == ANY_DECIMAL => matches!(data_type, DataType::Decimal128(..)),
            returns => returns == data_type,
        };
        let overloads = self.overloads.overloads().filter(returns);
        let mut results = overloads.map(|overload| {
            let casts = ArgumentCasts::none(overload);
            let aggregate = self.aggregate(overload, data_type.clone(), casts)?;
            SingleGroupAccumulator::new(aggregate).evaluate()
        });
        let Some(result) = results.next().transpose()? else {
            return ScalarValue::try_from_array(&new_null_array(data_type, 1), 0);
        };
        for other in results {
            if other? != result {
                let subject = Subject::Function(self.overloads.name().to_owned());
                let error = Error::refused(
                    subject,
                    StatementError::AmbiguousEmptyResult(SqlType(data_type).to_string()),
                );
                return Err(external(error));
            }
        }
        // It becomes a literal, which is copied for each row in no account.
        if result.size() > LARGE_BYTES {
            let expected = "expected a result of no rows of at most 4 KiB in a correlated subquery";
            return exec_err!("{expected}, found more of `{}`: use a join", self.name());
        }
        Ok(result)
    }
}
