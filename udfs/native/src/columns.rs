//! Arrays as the columns of functions.

use std::convert::identity;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringViewArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampNanosecondType,
};
use datafusion::common::{Result, exec_datafusion_err};
use fusebox_sdk::{Date, Decimal};

/// An argument's column.
pub(crate) trait Column<'a>: Sized {
    /// The value of a row.
    type Value: Copy;

    /// The type of its arrays.
    fn data_type() -> DataType;

    fn read(array: &'a ArrayRef) -> Result<Self>;

    /// Returns the first rows, as a slice of that length: a loop over them then
    /// checks no bound.
    #[inline]
    fn first(self, _rows: usize) -> Self {
        self
    }

    /// Returns the value of a row that is not null.
    fn value(&self, row: usize) -> Self::Value;
}

/// The columns of the arguments.
pub(crate) trait Columns<'a>: Sized {
    /// The values of a row.
    type Row: Copy;

    fn types() -> Vec<DataType>;

    fn read(arrays: &'a [ArrayRef]) -> Result<Self>;

    /// Returns the first rows of each column.
    fn first(self, rows: usize) -> Self;

    /// Returns the values of a row, none of which is null.
    fn row(&self, row: usize) -> Self::Row;
}

/// Implements `Columns` for tuples.
macro_rules! columns {
    ($count:literal: $($name:ident $column:ident,)+) => {
        impl<'a, $($name: Column<'a>),+> Columns<'a> for ($($name,)+) {
            type Row = ($($name::Value,)+);

            fn types() -> Vec<DataType> {
                vec![$($name::data_type()),+]
            }

            fn read(arrays: &'a [ArrayRef]) -> Result<Self> {
                let [$($column),+] = arrays else {
                    return Err(exec_datafusion_err!("not {} arguments", $count));
                };
                Ok(($($name::read($column)?,)+))
            }

            #[inline]
            fn first(self, rows: usize) -> Self {
                let ($($column,)+) = self;
                ($($column.first(rows),)+)
            }

            #[inline]
            fn row(&self, row: usize) -> Self::Row {
                let ($($column,)+) = self;
                ($($column.value(row),)+)
            }
        }
    };
}
columns! { 1: A a, }
columns! { 2: A a, B b, }
columns! { 3: A a, B b, C c, }
columns! { 4: A a, B b, C c, D d, }
columns! { 5: A a, B b, C c, D d, E e, }

/// A slice of numbers.
macro_rules! numbers {
    ($(
        $(#[$doc:meta])*
        $name:ident $arrow:ty as $value:ty, $ty:expr, $to_value:expr;
    )*) => {$(
        $(#[$doc])*
        pub(crate) struct $name<'a>(&'a [<$arrow as ArrowPrimitiveType>::Native]);

        impl<'a> Column<'a> for $name<'a> {
            type Value = $value;

            fn data_type() -> DataType {
                $ty
            }

            fn read(array: &'a ArrayRef) -> Result<Self> {
                numbers::<$arrow>(array).map(Self)
            }

            #[inline]
            fn first(self, rows: usize) -> Self {
                Self(&self.0[..rows])
            }

            #[inline]
            fn value(&self, row: usize) -> $value {
                $to_value(self.0[row])
            }
        }
    )*};
}
numbers! {
    /// `DOUBLE`.
    Doubles Float64Type as f64, DataType::Float64, identity;
    /// `BIGINT`.
    Longs Int64Type as i64, DataType::Int64, identity;
    /// `TIMESTAMP`.
    Timestamps TimestampNanosecondType as i64,
        DataType::Timestamp(TimeUnit::Nanosecond, None), identity;
    /// `INTERVAL`.
    Intervals IntervalMonthDayNanoType as IntervalMonthDayNano,
        DataType::Interval(IntervalUnit::MonthDayNano), identity;
    /// `DATE`.
    Dates Date32Type as Date, DataType::Date32, Date::from_days;
    /// `DECIMAL(12, 2)`.
    Prices Decimal128Type as Decimal<12, 2>, DataType::Decimal128(12, 2),
        |unscaled| Decimal::new(unscaled).unwrap_or_default();
}

/// `VARCHAR`.
pub(crate) struct Texts<'a>(&'a StringViewArray);

impl<'a> Column<'a> for Texts<'a> {
    type Value = &'a str;

    fn data_type() -> DataType {
        DataType::Utf8View
    }

    fn read(array: &'a ArrayRef) -> Result<Self> {
        let texts = array.as_string_view_opt();
        texts.map(Self).ok_or_else(|| not_an_array_of(array))
    }

    #[inline]
    fn value(&self, row: usize) -> &'a str {
        self.0.value(row)
    }
}

/// `BYTEA`.
pub(crate) struct Binaries<'a>(&'a BinaryArray);

impl<'a> Column<'a> for Binaries<'a> {
    type Value = &'a [u8];

    fn data_type() -> DataType {
        DataType::Binary
    }

    fn read(array: &'a ArrayRef) -> Result<Self> {
        let bytes = array.as_binary_opt();
        bytes.map(Self).ok_or_else(|| not_an_array_of(array))
    }

    #[inline]
    fn value(&self, row: usize) -> &'a [u8] {
        self.0.value(row)
    }
}

/// Returns the numbers of an array, those under nulls included.
pub(crate) fn numbers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&[T::Native]> {
    match array.as_primitive_opt::<T>() {
        Some(array) => Ok(array.values()),
        None => Err(not_an_array_of(array)),
    }
}

/// Returns the error for a plan with other types than requested.
pub(crate) fn not_an_array_of(array: &ArrayRef) -> datafusion::common::DataFusionError {
    exec_datafusion_err!("an array of another type: {}", array.data_type())
}
