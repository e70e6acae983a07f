//! Aggregate functions: states in a guest's memory, by group.
//!
//! Where DataFusion groups, it calls for whole batches, and so do we: a
//! [`Groups`] has an instance of its own with the states of all groups. Where it
//! wants one group alone, as in the moving frames of a window, an
//! [`Alone`] has its state in an instance that it shares its time with. What the
//! host must see all rows of first, to sort them or to leave out equal ones, a
//! [`Collected`] collects.

mod alone;
mod collected;
mod groups;

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray, UInt32Array, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature};

use super::external;
use super::guest::Guest;
use super::overloads::{Overload, Overloads};
use crate::definition::{ANY_DECIMAL, SqlType};
use crate::error::{Error, Refusal, Subject};
use crate::module::Operation;
use alone::Alone;
use collected::{Again, Collected};
use groups::Groups;

/// An aggregate function for arguments of certain types.
#[derive(Clone)]
struct Aggregate {
    guest: Arc<Guest>,
    returns: DataType,
}

impl Aggregate {
    fn new(overload: &Overload, given: &[DataType]) -> Self {
        Self {
            guest: Arc::clone(&overload.function),
            returns: overload.returns(given),
        }
    }

    /// The columns of the state.
    fn state_fields(&self) -> Fields {
        state_fields(&self.guest)
    }

    /// The state as guests see it.
    fn state_type(&self) -> DataType {
        DataType::Struct(self.state_fields())
    }

    /// The columns of a state that came back as a struct.
    fn columns_of(&self, state: &ArrayRef) -> Vec<ArrayRef> {
        let state: &StructArray = state.as_any().downcast_ref().expect("a state is a struct");
        state.columns().to_vec()
    }

    /// The struct that a guest sees of the columns of states.
    fn state_of(&self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef, Error> {
        let fields = self.state_fields();
        if fields.len() != columns.len() {
            let found = columns.len();
            return Err(Error::Internal(format!("a state of {found} columns")));
        }
        // In whatever layout they come: they are lowered to that of the type.
        let fields = fields
            .iter()
            .zip(columns)
            .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
        let state =
            StructArray::try_new_with_length(fields.collect(), columns.to_vec(), None, rows);
        Ok(Arc::new(state.map_err(super::arrow)?))
    }
}

fn state_fields(guest: &Guest) -> Fields {
    let columns = guest.definition.state.iter();
    let fields = columns.map(|column| {
        let name = column.name.clone().unwrap_or_default();
        Field::new(name, column.data_type.clone(), true)
    });
    fields.collect()
}

/// The column that says that all rows are of one group, the first.
fn one_group() -> ArrayRef {
    Arc::new(UInt32Array::from(vec![0]))
}

impl Overloads {
    fn aggregate(&self, fields: &[FieldRef]) -> Result<Aggregate> {
        let given: Vec<_> = fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        Ok(Aggregate::new(self.of(&given)?, &given))
    }
}

/// Whether the host must see all rows before the guest does.
fn collects(args: &AccumulatorArgs<'_>) -> bool {
    args.is_distinct || !args.order_bys.is_empty()
}

impl AggregateUDFImpl for Overloads {
    fn name(&self) -> &str {
        self.name()
    }

    fn signature(&self) -> &Signature {
        self.signature()
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.return_type(given)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.coerced(given))
    }

    /// Rows are sorted here, where a call says ORDER BY, so that they are in
    /// order whatever partitions they come from.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        _is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        // Rows in order are sorted again: that is quick.
        Ok(Some(self))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let aggregate = self.aggregate(args.input_fields)?;
        if args.is_distinct || !args.ordering_fields.is_empty() {
            let rows = collected::state_type(args.input_fields, args.ordering_fields);
            let name = format_state_name(args.name, "rows");
            return Ok(vec![Arc::new(Field::new(name, rows, true))]);
        }
        let fields = aggregate.state_fields();
        let named = fields.iter().map(|field| {
            let name = format_state_name(args.name, field.name());
            Arc::new(Field::new(name, field.data_type().clone(), true))
        });
        Ok(named.collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.sees_nulls(args.ignore_nulls)?;
        let aggregate = self.aggregate(args.expr_fields)?;
        Ok(match collects(&args) {
            true => Box::new(Collected::new(aggregate, &args)?),
            false => Box::new(Alone::new(aggregate)),
        })
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        self.sees_nulls(args.ignore_nulls)?;
        let aggregate = self.aggregate(args.expr_fields)?;
        let retracts = aggregate.guest.operation(Operation::Retract).is_some();
        Ok(match retracts && !collects(&args) {
            true => Box::new(Alone::new(aggregate)),
            false => Box::new(Again::new(Collected::new(aggregate, &args)?)),
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !collects(&args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self.aggregate(args.expr_fields)?)))
    }

    /// What the guest says of no rows. Which function is meant, only the type of
    /// its result tells: where several have it, they must agree.
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        let returns = |o: &&Overload| match &o.function.definition.signature.returns {
            any if *any == ANY_DECIMAL => matches!(data_type, DataType::Decimal128(..)),
            returns => returns == data_type,
        };
        let mut answers = self.overloads().filter(returns).map(|overload| {
            let mut none = Alone::new(Aggregate {
                guest: Arc::clone(&overload.function),
                returns: data_type.clone(),
            });
            none.evaluate()
        });
        let Some(answer) = answers.next().transpose()? else {
            return ScalarValue::try_from_array(&new_null_array(data_type, 1), 0);
        };
        for other in answers {
            if other? != answer {
                let subject = Subject::Function(self.name().to_owned());
                let error =
                    Error::refused(subject, Refusal::NoRows(SqlType(data_type).to_string()));
                return Err(external(error));
            }
        }
        Ok(answer)
    }
}
