//! The means, whose states are numbers only: each field is a primitive column.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float64Type, Int64Type};
use datafusion::common::{Result, exec_datafusion_err};
use stats::{Geomean, WeightedAvg};

use crate::aggregate::Aggregate;
use crate::columns::{Doubles, numbers};

/// The columns of a struct's fields.
macro_rules! columns {
    ($columns:ident of $state:ident: $($field:ident $ty:ident),*) => {
        pub(crate) struct $columns<'a> {
            $($field: &'a [<$ty as ArrowPrimitiveType>::Native]),*
        }

        impl<'a> $columns<'a> {
            fn fields() -> Vec<Field> {
                vec![$(Field::new(stringify!($field), $ty::DATA_TYPE, false)),*]
            }

            fn emit(states: &[$state]) -> Vec<ArrayRef> {
                vec![$({
                    let numbers = states.iter().map(|state| state.$field);
                    Arc::new(PrimitiveArray::<$ty>::from_iter_values(numbers))
                }),*]
            }

            fn read(arrays: &'a [ArrayRef]) -> Result<Self> {
                let mut arrays = arrays.iter();
                let mut next = || {
                    let array = arrays.next();
                    array.ok_or_else(|| exec_datafusion_err!("a state of too few columns"))
                };
                Ok(Self { $($field: numbers::<$ty>(next()?)?),* })
            }

            #[inline]
            fn state(&self, row: usize) -> $state {
                $state { $($field: self.$field[row]),* }
            }
        }
    };
}
columns! {
    GeomeanColumns of Geomean:
    sum Float64Type, count Int64Type, zeros Int64Type, infinities Int64Type, nans Int64Type
}
columns! {
    WeightedAvgColumns of WeightedAvg:
    sum Float64Type, sum_rest Float64Type, weight Float64Type, weight_rest Float64Type,
    count Int64Type, infinities Int64Type, negative_infinities Int64Type, nans Int64Type
}

impl Aggregate for Geomean {
    const NAME: &'static str = "native_geomean";
    const CAN_RETRACT: bool = true;
    const HAS_HEAP: bool = false;

    type Row<'a> = (f64,);
    type Columns<'a> = (Doubles<'a>,);
    type States<'a> = GeomeanColumns<'a>;

    fn returns() -> DataType {
        DataType::Float64
    }

    fn state_fields() -> Vec<Field> {
        GeomeanColumns::fields()
    }

    #[inline]
    fn update(&mut self, (value,): (f64,)) -> Result<()> {
        self.update(value);
        Ok(())
    }

    #[inline]
    fn retract(&mut self, (value,): (f64,)) -> Result<()> {
        self.retract(value);
        Ok(())
    }

    #[inline]
    fn merge(&mut self, other: Self) -> Result<()> {
        self.merge(other);
        Ok(())
    }

    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
        Ok(GeomeanColumns::emit(&states))
    }

    fn read(arrays: &[ArrayRef]) -> Result<GeomeanColumns<'_>> {
        GeomeanColumns::read(arrays)
    }

    #[inline]
    fn state(states: &GeomeanColumns<'_>, row: usize) -> Self {
        states.state(row)
    }

    fn finish(states: &[Self]) -> Result<ArrayRef> {
        let means = states.iter().map(Self::finish);
        Ok(Arc::new(Float64Array::from_iter(means)))
    }
}

impl Aggregate for WeightedAvg {
    const NAME: &'static str = "native_weighted_avg";
    const CAN_RETRACT: bool = true;
    const HAS_HEAP: bool = false;

    type Row<'a> = (f64, f64);
    type Columns<'a> = (Doubles<'a>, Doubles<'a>);
    type States<'a> = WeightedAvgColumns<'a>;

    fn returns() -> DataType {
        DataType::Float64
    }

    fn state_fields() -> Vec<Field> {
        WeightedAvgColumns::fields()
    }

    #[inline]
    fn update(&mut self, (value, weight): (f64, f64)) -> Result<()> {
        self.update(value, weight);
        Ok(())
    }

    #[inline]
    fn retract(&mut self, (value, weight): (f64, f64)) -> Result<()> {
        self.retract(value, weight);
        Ok(())
    }

    #[inline]
    fn merge(&mut self, other: Self) -> Result<()> {
        self.merge(other);
        Ok(())
    }

    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
        Ok(WeightedAvgColumns::emit(&states))
    }

    fn read(arrays: &[ArrayRef]) -> Result<WeightedAvgColumns<'_>> {
        WeightedAvgColumns::read(arrays)
    }

    #[inline]
    fn state(states: &WeightedAvgColumns<'_>, row: usize) -> Self {
        states.state(row)
    }

    fn finish(states: &[Self]) -> Result<ArrayRef> {
        let means = states.iter().map(Self::finish);
        Ok(Arc::new(Float64Array::from_iter(means)))
    }
}
