//! An aggregate function for DataFusion.

use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use crate::aggregate::Aggregate;
use crate::columns::Columns;
use crate::groups::Groups;
use crate::single::Single;

/// Creates the aggregate function of a struct.
pub(crate) fn twin<A: Aggregate>() -> AggregateUDF {
    AggregateUDF::from(Function::<A> {
        signature: Signature::exact(A::Columns::types(), Volatility::Immutable),
        aggregate: PhantomData,
    })
}

#[derive(Debug)]
struct Function<A> {
    signature: Signature,
    aggregate: PhantomData<fn() -> A>,
}

// There is one instance of each type.

impl<A> PartialEq for Function<A> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<A> Eq for Function<A> {}

impl<A: Aggregate> Hash for Function<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        A::NAME.hash(state);
    }
}

impl<A: Aggregate> AggregateUDFImpl for Function<A> {
    fn name(&self) -> &str {
        A::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(A::returns())
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(A::state_fields().into_iter().map(FieldRef::new).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return not_impl_err!("{}(DISTINCT …)", A::NAME);
        }
        Ok(Box::new(Single::<A>::default()))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::<A>::default()))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
