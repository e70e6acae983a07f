//! Decimals beyond the precision of their type: Arrow does not check those that it reads
//! from files.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
};
use fusebox_marshal::row_beyond_precision;

/// Returns the first row whose decimal has more digits than its type, with all digits.
pub(super) fn decimal_beyond_precision(column: &ArrayRef) -> Option<(usize, String)> {
    row_beyond_precision(column).map(|row| (row, all_digits(column, row)))
}

/// Formats a decimal of any number of digits.
fn all_digits(column: &ArrayRef, row: usize) -> String {
    fn format<T: DecimalType>(column: &ArrayRef, row: usize, scale: i8) -> String {
        T::format_decimal(
            column.as_primitive::<T>().value(row),
            T::MAX_PRECISION,
            scale,
        )
    }
    match *column.data_type() {
        DataType::Decimal32(_, scale) => format::<Decimal32Type>(column, row, scale),
        DataType::Decimal64(_, scale) => format::<Decimal64Type>(column, row, scale),
        DataType::Decimal128(_, scale) => format::<Decimal128Type>(column, row, scale),
        DataType::Decimal256(_, scale) => format::<Decimal256Type>(column, row, scale),
        _ => String::new(),
    }
}
