//! Arrays as the columns that functions take.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampNanosecondType,
};
use datafusion::common::{Result, exec_datafusion_err};

/// An argument's column.
pub(crate) trait Column<'a>: Sized {
    /// What a row has of it.
    type Value: Copy;

    /// The type of its arrays.
    const TYPE: DataType;

    fn read(array: &'a ArrayRef) -> Result<Self>;

    /// The value of a row that is not null.
    fn value(&self, row: usize) -> Self::Value;
}

/// The arguments' columns.
pub(crate) trait Columns<'a>: Sized {
    /// What a row has of them.
    type Row: Copy;

    fn types() -> Vec<DataType>;

    fn read(arrays: &'a [ArrayRef]) -> Result<Self>;

    /// The values of a row, none of which is null.
    fn row(&self, row: usize) -> Self::Row;
}

impl<'a, A: Column<'a>> Columns<'a> for (A,) {
    type Row = (A::Value,);

    fn types() -> Vec<DataType> {
        vec![A::TYPE]
    }

    fn read(arrays: &'a [ArrayRef]) -> Result<Self> {
        let [a] = arrays else {
            return Err(exec_datafusion_err!("not one argument"));
        };
        Ok((A::read(a)?,))
    }

    #[inline]
    fn row(&self, row: usize) -> Self::Row {
        (self.0.value(row),)
    }
}

impl<'a, A: Column<'a>, B: Column<'a>> Columns<'a> for (A, B) {
    type Row = (A::Value, B::Value);

    fn types() -> Vec<DataType> {
        vec![A::TYPE, B::TYPE]
    }

    fn read(arrays: &'a [ArrayRef]) -> Result<Self> {
        let [a, b] = arrays else {
            return Err(exec_datafusion_err!("not two arguments"));
        };
        Ok((A::read(a)?, B::read(b)?))
    }

    #[inline]
    fn row(&self, row: usize) -> Self::Row {
        (self.0.value(row), self.1.value(row))
    }
}

/// A slice of numbers.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident $arrow:ty as $value:ty, $ty:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name<'a>(&'a [$value]);

        impl<'a> Column<'a> for $name<'a> {
            type Value = $value;

            const TYPE: DataType = $ty;

            fn read(array: &'a ArrayRef) -> Result<Self> {
                numbers::<$arrow>(array).map(Self)
            }

            #[inline]
            fn value(&self, row: usize) -> $value {
                self.0[row]
            }
        }
    )*};
}
numbers! {
    /// `DOUBLE`.
    Doubles Float64Type as f64, DataType::Float64;
    /// `BIGINT`.
    Longs Int64Type as i64, DataType::Int64;
    /// `TIMESTAMP`.
    Timestamps TimestampNanosecondType as i64, DataType::Timestamp(TimeUnit::Nanosecond, None);
    /// `INTERVAL`.
    Intervals IntervalMonthDayNanoType as IntervalMonthDayNano,
        DataType::Interval(IntervalUnit::MonthDayNano);
}

/// `VARCHAR`.
pub(crate) struct Texts<'a>(&'a StringViewArray);

impl<'a> Column<'a> for Texts<'a> {
    type Value = &'a str;

    const TYPE: DataType = DataType::Utf8View;

    fn read(array: &'a ArrayRef) -> Result<Self> {
        let texts = array.as_string_view_opt();
        texts.map(Self).ok_or_else(|| not_an_array_of(array))
    }

    #[inline]
    fn value(&self, row: usize) -> &'a str {
        self.0.value(row)
    }
}

/// The numbers of an array, null or not.
pub(crate) fn numbers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&[T::Native]> {
    match array.as_primitive_opt::<T>() {
        Some(array) => Ok(array.values()),
        None => Err(not_an_array_of(array)),
    }
}

/// What a plan that gives other types than it was asked for is told.
pub(crate) fn not_an_array_of(array: &ArrayRef) -> datafusion::common::DataFusionError {
    exec_datafusion_err!("an array of another type: {}", array.data_type())
}
