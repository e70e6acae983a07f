//! Columns without children.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

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
use crate::decimals::{power_of_two_below, row_beyond_precision};
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
    use DataType::*;
    let row = row_beyond_precision(array);
    match (row, array.data_type()) {
        (
            Some(row),
            Decimal32(precision, _)
            | Decimal64(precision, _)
            | Decimal128(precision, _)
            | Decimal256(precision, _),
        ) => Err(LiftError::AbiViolation(AbiViolation::Decimal {
            row: row as u64,
            precision: *precision,
        })),
        _ => Ok(()),
    }
}

fn high_word(value: i128) -> u64 {
    (value >> 64) as u64
}
