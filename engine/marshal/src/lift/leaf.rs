//! Columns without children.
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

use super::LiftError;
use super::column::{ColumnReader, ColumnSlice, invalid_array};
use super::ranges::check_range;
use crate::abi_violation::AbiViolation;
use crate::layout::Layout;

impl ColumnReader<'_> {
    pub(super) fn leaf(
        &mut self,
        column: &ColumnSlice,
        layout: &Layout,
        data_type: &DataType,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        match (layout, data_type) {
            (Layout::Fixed { width }, DataType::FixedSizeBinary(size)) => {
                if *width == 0 {
                    self.take_empty_rows(column.rows)?;
                }
                let values = self.fixed_width_values(column, 1, *width, 0)?;
                let rows = column.rows;
                let array = FixedSizeBinaryArray::try_new_with_len(*size, values, nulls, rows);
                Ok(Arc::new(array.map_err(invalid_array)?))
            }
            (_, DataType::Decimal128(precision, _))
                if high_word(power_of_two_below(*precision)) > 0 =>
            {
                let power = high_word(power_of_two_below(*precision));
                let (values, bits) = self.decimal128_values(column, power)?;
                let array = primitive(data_type, values, column.rows, nulls);
                if bits >> 1 >= power {
                    check_digits(&array)?;
                }
                Ok(array)
            }
            (Layout::Fixed { width }, _) => {
                let values = self.fixed_width_values(column, 1, *width, 0)?;
                let values = check_range(data_type, values, column.rows, nulls.as_ref())?;
                let array = primitive(data_type, values, column.rows, nulls);
                check_digits(&array)?;
                Ok(array)
            }
            (_, DataType::Utf8View) => Ok(Arc::new(self.string_view_array(column, nulls)?)),
            (_, DataType::Utf8 | DataType::LargeUtf8) => {
                let text = self.string_array(column, nulls)?;
                match data_type {
                    DataType::Utf8 => Ok(Arc::new(text)),
                    _ => cast(&text, data_type).map_err(invalid_array),
                }
            }
            _ => {
                let (first, offsets) = self.offsets(column)?;
                let len = offsets.last().copied().unwrap_or_default() as u64;
                let bytes = BinaryArray::new(offsets, self.data(column, first, len)?, nulls);
                match data_type {
                    DataType::Binary => Ok(Arc::new(bytes)),
                    DataType::BinaryView => Ok(Arc::new(BinaryViewArray::from(&bytes))),
                    _ => cast(&bytes, data_type).map_err(invalid_array),
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
        other => unreachable!("{other} is not a primitive type")
    }
}

/// Returns an error if a decimal has more digits than its type.
fn check_digits(array: &ArrayRef) -> Result<(), LiftError> {
    fn check<T: DecimalType>(array: &ArrayRef, precision: u8) -> Result<(), LiftError> {
        let array = array.as_any().downcast_ref::<PrimitiveArray<T>>();
        let array = array.expect("an array has the class of its type");
        let fits = |value| T::is_valid_decimal_precision(value, precision);
        let is_valid = |row| array.nulls().is_none_or(|nulls| nulls.is_valid(row));
        let values = array.values().iter().enumerate();
        match { values }.find(|(row, value)| !fits(**value) && is_valid(*row)) {
            None => Ok(()),
            Some((row, _)) => Err(LiftError::AbiViolation(AbiViolation::Decimal {
                row: row as u64,
                precision,
            })),
        }
    }
    match *array.data_type() {
        DataType::Decimal32(precision, _) => check::<Decimal32Type>(array, precision),
        DataType::Decimal64(precision, _) => check::<Decimal64Type>(array, precision),
        DataType::Decimal128(precision, _)
            if fit_power_of_two(array.as_primitive::<Decimal128Type>().values(), precision) =>
        {
            Ok(())
        }
        DataType::Decimal128(precision, _) => check::<Decimal128Type>(array, precision),
        DataType::Decimal256(precision, _) => check::<Decimal256Type>(array, precision),
        _ => Ok(()),
    }
}

/// The largest power of 2 with at most `precision` digits.
fn power_of_two_below(precision: u8) -> i128 {
    1 << 10_i128.pow(precision.into()).ilog2()
}

fn high_word(value: i128) -> u64 {
    (value >> 64) as u64
}

/// Returns true if all values are from `-power` to `power - 1`, where `power`
/// is the [largest power of 2](power_of_two_below) with at most `precision`
/// digits. This takes no branch per value, and holds for most columns.
///
/// After `power` was added, such a value has no bits but those below `2 *
/// power`, and every other value has. The upper words alone show this if
/// `power` has more than 64 bits.
fn fit_power_of_two(values: &[i128], precision: u8) -> bool {
    let power = power_of_two_below(precision);
    let bits = values
        .iter()
        .fold(0, |bits, value| bits | value.wrapping_add(power) as u128);
    bits >> 1 < power as u128
}
