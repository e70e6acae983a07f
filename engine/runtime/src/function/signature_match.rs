//! Argument types that a function accepts without coercion.

use arrow_schema::DataType;
use fusebox_definition::ANY_DECIMAL;
use fusebox_marshal::same_values;

/// Returns true if arguments of the types `given` are accepted as they are, in whatever
/// layout.
pub fn accepts(declared: &[DataType], given: &[DataType]) -> bool {
    let any = any_decimals(declared, given);
    declared.len() == given.len()
        && declared.iter().zip(given).all(|(d, g)| accepts_one(d, g))
        && any.clone().zip(any.skip(1)).all(|(one, next)| one == next)
}

fn accepts_one(declared: &DataType, given: &DataType) -> bool {
    match *declared == ANY_DECIMAL {
        true => matches!(value_type(given), DataType::Decimal128(..)),
        false => declared == given || same_values(declared, given),
    }
}

/// Returns the type of the values of a column: that of a dictionary's or of runs'
/// values, or its own.
pub fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, inner) => value_type(inner),
        DataType::RunEndEncoded(_, inner) => value_type(inner.data_type()),
        other => other,
    }
}

/// Returns the value types given for the `DECIMAL(*)` arguments.
fn any_decimals<'a>(
    declared: &'a [DataType],
    given: &'a [DataType],
) -> impl Iterator<Item = &'a DataType> + Clone {
    let pairs = declared.iter().zip(given);
    pairs
        .filter(|(declared, _)| **declared == ANY_DECIMAL)
        .map(|(_, given)| value_type(given))
}

/// Returns the type of the result for arguments that are accepted: that of the
/// `DECIMAL(*)` arguments if `returns` is `DECIMAL(*)`.
pub fn result_type(returns: &DataType, declared: &[DataType], given: &[DataType]) -> DataType {
    let any = any_decimals(declared, given).next();
    let any = any.filter(|_| *returns == ANY_DECIMAL);
    any.unwrap_or(returns).clone()
}
