//! Digits of decimals.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// Returns the first row whose decimal has more digits than its type, `None` for other types.
///
/// Arrow does not check the decimals that it reads from files and that its arithmetic
/// computes.
pub fn row_beyond_precision(array: &ArrayRef) -> Option<usize> {
    fn first<T: DecimalType>(array: &ArrayRef, precision: u8) -> Option<usize> {
        let array = array.as_primitive::<T>();
        let fits = |value| T::is_valid_decimal_precision(value, precision);
        let is_valid = |row| array.nulls().is_none_or(|nulls| nulls.is_valid(row));
        let mut values = array.values().iter().enumerate();
        let found = values.find(|(row, value)| !fits(**value) && is_valid(*row));
        found.map(|(row, _)| row)
    }
    match *array.data_type() {
        DataType::Decimal32(precision, _) => first::<Decimal32Type>(array, precision),
        DataType::Decimal64(precision, _) => first::<Decimal64Type>(array, precision),
        DataType::Decimal128(precision, _) => {
            let fit = fit_power_of_two(array.as_primitive::<Decimal128Type>().values(), precision);
            match fit {
                true => None,
                false => first::<Decimal128Type>(array, precision),
            }
        }
        DataType::Decimal256(precision, _) => first::<Decimal256Type>(array, precision),
        _ => None,
    }
}

/// The largest power of 2 with at most `precision` digits.
pub(crate) fn power_of_two_below(precision: u8) -> i128 {
    1 << 10_i128.pow(precision.into()).ilog2()
}

/// Returns true if all values are from `-power` to `power - 1`, where `power`
/// is the [largest power of 2](power_of_two_below) with at most `precision`
/// digits. This takes no branch per value, and holds for most columns.
fn fit_power_of_two(values: &[i128], precision: u8) -> bool {
    let power = power_of_two_below(precision);
    // Few enough that the second look at them finds them in the cache.
    values.chunks(256).all(|values| {
        // A negative value has the highest bit.
        let bits = values.iter().fold(0, |bits, value| bits | *value as u128);
        bits < power as u128 || fit_with_sign(values, power)
    })
}

/// Returns true if all values are from `-power` to `power - 1`.
///
/// After `power` was added, such a value has no bits but those below `2 *
/// power`, and every other value has.
fn fit_with_sign(values: &[i128], power: i128) -> bool {
    let bits = values
        .iter()
        .fold(0, |bits, value| bits | value.wrapping_add(power) as u128);
    bits >> 1 < power as u128
}
