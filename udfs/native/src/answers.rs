//! The results of scalar functions, as columns.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, PrimitiveArray, StringBuilder,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, Int32Type,
    Int64Type,
};
use datafusion::common::{Result, exec_datafusion_err};
use fusebox_sdk::Decimal;

use crate::rows;

/// The result of a function for a row.
pub(crate) trait Answer: Sized {
    /// The type of the column.
    fn data_type() -> DataType;

    /// Collects the results of all rows, some of which are null.
    fn all(
        rows: usize,
        nulls: Option<NullBuffer>,
        call: impl Fn(usize) -> Self,
    ) -> Result<ArrayRef>;

    /// Collects the results of the rows that are called, with null for the
    /// others.
    fn some(rows: usize, called: NullBuffer, call: impl Fn(usize) -> Self) -> Result<ArrayRef>;
}

/// A number in a column.
pub(crate) trait Number {
    type Arrow: ArrowPrimitiveType;

    fn data_type() -> DataType {
        Self::Arrow::DATA_TYPE
    }

    fn native(self) -> <Self::Arrow as ArrowPrimitiveType>::Native;
}

macro_rules! number {
    ($($number:ty as $arrow:ty;)*) => {$(
        impl Number for $number {
            type Arrow = $arrow;

            #[inline]
            fn native(self) -> Self {
                self
            }
        }
    )*};
}
number! {
    i32 as Int32Type;
    i64 as Int64Type;
    f64 as Float64Type;
}

impl<const P: u8, const S: i8> Number for Decimal<P, S> {
    type Arrow = Decimal128Type;

    fn data_type() -> DataType {
        DataType::Decimal128(P, S)
    }

    #[inline]
    fn native(self) -> i128 {
        self.unscaled()
    }
}

fn numbers<N: Number>(
    numbers: Vec<<N::Arrow as ArrowPrimitiveType>::Native>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let array = PrimitiveArray::<N::Arrow>::new(numbers.into(), nulls);
    Ok(Arc::new(array.with_data_type(N::data_type())))
}

impl<N: Number> Answer for N {
    fn data_type() -> DataType {
        N::data_type()
    }

    #[inline]
    fn all(
        rows: usize,
        nulls: Option<NullBuffer>,
        call: impl Fn(usize) -> Self,
    ) -> Result<ArrayRef> {
        numbers::<N>((0..rows).map(|row| call(row).native()).collect(), nulls)
    }

    #[inline]
    fn some(rows: usize, called: NullBuffer, call: impl Fn(usize) -> Self) -> Result<ArrayRef> {
        let mut values = vec![Default::default(); rows];
        rows::visit(rows, Some(&called), |row| {
            values[row] = call(row).native();
            Ok(())
        })?;
        numbers::<N>(values, Some(called))
    }
}

/// A number, or the message of a failure.
impl<N: Number> Answer for std::result::Result<N, &'static str> {
    fn data_type() -> DataType {
        N::data_type()
    }

    #[inline]
    fn all(
        rows: usize,
        nulls: Option<NullBuffer>,
        call: impl Fn(usize) -> Self,
    ) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            values.push(call(row).map_err(failure)?.native());
        }
        numbers::<N>(values, nulls)
    }

    #[inline]
    fn some(rows: usize, called: NullBuffer, call: impl Fn(usize) -> Self) -> Result<ArrayRef> {
        let mut values = vec![Default::default(); rows];
        rows::visit(rows, Some(&called), |row| {
            values[row] = call(row).map_err(failure)?.native();
            Ok(())
        })?;
        numbers::<N>(values, Some(called))
    }
}

fn failure(message: &str) -> datafusion::common::DataFusionError {
    exec_datafusion_err!("{message}")
}

/// A number, or null: nulls are rare, so their rows are listed, and the bitmap
/// is built at the end.
impl<N: Number> Answer for Option<N> {
    fn data_type() -> DataType {
        N::data_type()
    }

    #[inline]
    fn all(
        rows: usize,
        nulls: Option<NullBuffer>,
        call: impl Fn(usize) -> Self,
    ) -> Result<ArrayRef> {
        let mut lacking = Vec::new();
        let values = (0..rows).map(|row| value_or_note(call(row), row, &mut lacking));
        let values = values.collect();
        numbers::<N>(values, without(rows, nulls, &lacking))
    }

    #[inline]
    fn some(rows: usize, called: NullBuffer, call: impl Fn(usize) -> Self) -> Result<ArrayRef> {
        let mut lacking = Vec::new();
        let mut values = vec![Default::default(); rows];
        rows::visit(rows, Some(&called), |row| {
            values[row] = value_or_note(call(row), row, &mut lacking);
            Ok(())
        })?;
        numbers::<N>(values, without(rows, Some(called), &lacking))
    }
}

#[inline]
fn value_or_note<N: Number>(
    answer: Option<N>,
    row: usize,
    lacking: &mut Vec<usize>,
) -> <N::Arrow as ArrowPrimitiveType>::Native {
    match answer {
        Some(number) => number.native(),
        None => {
            lacking.push(row);
            ArrowNativeType::usize_as(0)
        }
    }
}

/// Adds some rows to the nulls.
fn without(rows: usize, nulls: Option<NullBuffer>, lacking: &[usize]) -> Option<NullBuffer> {
    if lacking.is_empty() {
        return nulls;
    }
    let mut bits = BooleanBufferBuilder::new(rows);
    match nulls {
        Some(nulls) => bits.append_buffer(nulls.inner()),
        None => bits.append_n(rows, true),
    }
    lacking.iter().for_each(|row| bits.set_bit(*row, false));
    Some(NullBuffer::new(bits.finish()))
}

impl Answer for bool {
    fn data_type() -> DataType {
        DataType::Boolean
    }

    #[inline]
    fn all(
        rows: usize,
        nulls: Option<NullBuffer>,
        call: impl Fn(usize) -> Self,
    ) -> Result<ArrayRef> {
        let bits = BooleanBuffer::collect_bool(rows, call);
        Ok(Arc::new(BooleanArray::new(bits, nulls)))
    }

    #[inline]
    fn some(rows: usize, called: NullBuffer, call: impl Fn(usize) -> Self) -> Result<ArrayRef> {
        let mut bits = BooleanBufferBuilder::new(rows);
        bits.append_n(rows, false);
        rows::visit(rows, Some(&called), |row| {
            bits.set_bit(row, call(row));
            Ok(())
        })?;
        Ok(Arc::new(BooleanArray::new(bits.finish(), Some(called))))
    }
}

/// A text, or a text that may be null.
///
/// As `Utf8`, which is the fastest to build; DataFusion accepts it wherever it
/// accepts a `Utf8View`.
macro_rules! texts {
    ($($text:ty, $to_option:expr;)*) => {$(
        impl Answer for $text {
            fn data_type() -> DataType {
                DataType::Utf8
            }

            #[inline]
            fn all(
                rows: usize,
                nulls: Option<NullBuffer>,
                call: impl Fn(usize) -> Self,
            ) -> Result<ArrayRef> {
                match nulls {
                    Some(nulls) => Self::some(rows, nulls, call),
                    None => {
                        let mut texts = StringBuilder::with_capacity(rows, rows * TEXT_BYTES);
                        (0..rows).for_each(|row| texts.append_option($to_option(call(row))));
                        Ok(Arc::new(texts.finish()))
                    }
                }
            }

            #[inline]
            fn some(
                rows: usize,
                called: NullBuffer,
                call: impl Fn(usize) -> Self,
            ) -> Result<ArrayRef> {
                let answers = rows - called.null_count();
                let mut texts = StringBuilder::with_capacity(rows, answers * TEXT_BYTES);
                let mut next = 0;
                rows::visit(rows, Some(&called), |row| {
                    if row > next {
                        texts.append_nulls(row - next);
                    }
                    texts.append_option($to_option(call(row)));
                    next = row + 1;
                    Ok(())
                })?;
                texts.append_nulls(rows - next);
                Ok(Arc::new(texts.finish()))
            }
        }
    )*};
}
texts! {
    String, Some;
    Option<String>, std::convert::identity;
}

/// Number of bytes reserved for a text.
const TEXT_BYTES: usize = 32;
