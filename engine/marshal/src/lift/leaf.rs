//! Columns of values that stand in buffers of their own.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, FixedSizeBinaryArray,
    PrimitiveArray, downcast_primitive,
};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow_cast::cast;
use arrow_schema::DataType;

use super::Unlifted;
use super::column::{Column, Reader, misfit};
use crate::breach::Breach;
use crate::layout::Layout;

impl Reader<'_> {
    pub(super) fn leaf(
        &mut self,
        column: &Column,
        layout: &Layout,
        data_type: &DataType,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Unlifted> {
        match (layout, data_type) {
            (Layout::Fixed { width }, DataType::FixedSizeBinary(size)) => {
                if *width == 0 {
                    self.count_out(column.rows)?;
                }
                let values = self.fixed(column, 1, *width, 0)?;
                let rows = column.rows;
                let array = FixedSizeBinaryArray::try_new_with_len(*size, values, nulls, rows);
                Ok(Arc::new(array.map_err(misfit)?))
            }
            (_, DataType::Decimal128(precision, _)) if high(power(*precision)) > 0 => {
                let power = high(power(*precision));
                let (values, bits) = self.wide(column, power)?;
                let array = primitive(data_type, values, column.rows, nulls);
                if bits >> 1 >= power {
                    check_digits(&array)?;
                }
                Ok(array)
            }
            (Layout::Fixed { width }, _) => {
                let values = self.fixed(column, 1, *width, 0)?;
                let array = primitive(data_type, values, column.rows, nulls);
                check_digits(&array)?;
                Ok(array)
            }
            (_, DataType::Utf8View) => Ok(Arc::new(self.text_views(column, nulls)?)),
            (_, DataType::Utf8 | DataType::LargeUtf8) => {
                let text = self.text(column, nulls)?;
                match data_type {
                    DataType::Utf8 => Ok(Arc::new(text)),
                    _ => cast(&text, data_type).map_err(misfit),
                }
            }
            _ => {
                let (first, offsets) = self.offsets(column)?;
                let len = offsets.last().copied().unwrap_or_default() as u64;
                let bytes = BinaryArray::new(offsets, self.data(column, first, len)?, nulls);
                match data_type {
                    DataType::Binary => Ok(Arc::new(bytes)),
                    DataType::BinaryView => Ok(Arc::new(BinaryViewArray::from(&bytes))),
                    _ => cast(&bytes, data_type).map_err(misfit),
                }
            }
        }
    }
}

fn primitive(
    data_type: &DataType,
    values: Buffer,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    fn array<T: ArrowPrimitiveType>(
        data_type: &DataType,
        values: Buffer,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        let values = ScalarBuffer::<T::Native>::new(values, 0, rows);
        let array = PrimitiveArray::<T>::new(values, nulls);
        Arc::new(array.with_data_type(data_type.clone()))
    }
    macro_rules! typed {
        ($t:ty) => {
            array::<$t>(data_type, values, rows, nulls)
        };
    }
    downcast_primitive! {
        data_type => (typed),
        other => unreachable!("{other} has another layout")
    }
}

/// Refuses decimals with more digits than their type.
fn check_digits(array: &ArrayRef) -> Result<(), Unlifted> {
    fn check<T: DecimalType>(array: &ArrayRef, precision: u8) -> Result<(), Unlifted> {
        let array = array.as_any().downcast_ref::<PrimitiveArray<T>>();
        let array = array.expect("the type says so");
        let fits = |value| T::is_valid_decimal_precision(value, precision);
        let is_valid = |row| array.nulls().is_none_or(|nulls| nulls.is_valid(row));
        let values = array.values().iter().enumerate();
        match { values }.find(|(row, value)| !fits(**value) && is_valid(*row)) {
            None => Ok(()),
            Some((row, _)) => Err(Unlifted::Breach(Breach::Decimal {
                row: row as u64,
                precision,
            })),
        }
    }
    match *array.data_type() {
        DataType::Decimal32(precision, _) => check::<Decimal32Type>(array, precision),
        DataType::Decimal64(precision, _) => check::<Decimal64Type>(array, precision),
        DataType::Decimal128(precision, _)
            if plainly_fit(array.as_primitive::<Decimal128Type>().values(), precision) =>
        {
            Ok(())
        }
        DataType::Decimal128(precision, _) => check::<Decimal128Type>(array, precision),
        DataType::Decimal256(precision, _) => check::<Decimal256Type>(array, precision),
        _ => Ok(()),
    }
}

/// The largest power of 2 with so many digits.
fn power(precision: u8) -> i128 {
    1 << 10_i128.pow(precision.into()).ilog2()
}

fn high(value: i128) -> u64 {
    (value >> 64) as u64
}

/// Whether all values are smaller than the power of 2 with so many digits, which
/// takes no branch on each; most columns' are.
///
/// That much more, a number from `-power` on and below `power` has no bit but
/// those below twice the power, and any other has. The upper halves say so too,
/// of a power that has one.
fn plainly_fit(values: &[i128], precision: u8) -> bool {
    let power = power(precision);
    let bits = values
        .iter()
        .fold(0, |bits, value| bits | value.wrapping_add(power) as u128);
    bits >> 1 < power as u128
}
