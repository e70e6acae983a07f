//! Which arguments a function can be called with.
//!
//! DataFusion's usual coercion, with two differences: an argument in another
//! layout of its type stays as it is, and decimals and integers become decimals
//! that hold all of their values, which DataFusion does for operators only.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::type_coercion::functions::{UDFCoercionExt, fields_with_udf};
use datafusion::logical_expr::{Signature, Volatility};

use crate::marshal::same_values;

/// Whether arguments of the types `given` are what `declared` takes, as they
/// are.
pub(super) fn accepts(declared: &[DataType], given: &[DataType]) -> bool {
    declared.len() == given.len() && declared.iter().zip(given).all(|(d, g)| fits(d, g))
}

fn fits(declared: &DataType, given: &DataType) -> bool {
    declared == given || same_values(declared, given)
}

/// Whether no call can tell the two lists of argument types apart.
pub(crate) fn are_alike(one: &[DataType], other: &[DataType]) -> bool {
    accepts(one, other) || accepts(other, one)
}

/// What arguments of the types `given` must become for `declared` to take them,
/// if they can.
pub(super) fn coerced(declared: &[DataType], given: &[DataType]) -> Option<Vec<DataType>> {
    if declared.len() != given.len() {
        return None;
    }
    let coerce = |(declared, given): (&DataType, &DataType)| {
        if fits(declared, given) {
            return Some(given.clone());
        }
        if widens(declared, given) {
            return Some(declared.clone());
        }
        let coerced = Coercion::to(declared).from(given)?;
        fits(declared, &coerced).then_some(coerced)
    };
    declared.iter().zip(given).map(coerce).collect()
}

/// How many arguments of the types `given` become texts that are none: anything
/// can, so it is the last resort.
pub(super) fn written_out(declared: &[DataType], given: &[DataType]) -> usize {
    let is_text = |data_type: &DataType| same_values(&DataType::Utf8View, data_type);
    let pairs = declared.iter().zip(given);
    pairs
        .filter(|(declared, given)| is_text(declared) && !is_text(given) && !given.is_null())
        .count()
}

/// Whether a decimal holds every value of the type `given`, scaled or not.
fn widens(declared: &DataType, given: &DataType) -> bool {
    use DataType::*;
    let digits = |data_type: &DataType| match data_type {
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => Some((i16::from(*precision), i16::from(*scale))),
        _ => None,
    };
    let integer = match given {
        Int8 | UInt8 => Some((3, 0)),
        Int16 | UInt16 => Some((5, 0)),
        Int32 | UInt32 => Some((10, 0)),
        Int64 => Some((19, 0)),
        UInt64 => Some((20, 0)),
        _ => None,
    };
    match (digits(declared), digits(given).or(integer)) {
        (Some((precision, scale)), Some((given_precision, given_scale))) => {
            scale >= given_scale && precision - scale >= given_precision - given_scale
        }
        _ => false,
    }
}

/// DataFusion's coercion to one type, which it offers only for functions.
struct Coercion(Signature);

impl Coercion {
    fn to(declared: &DataType) -> Self {
        let volatility = Volatility::Immutable; // has no part in it
        Self(Signature::exact(vec![declared.clone()], volatility))
    }

    fn from(&self, given: &DataType) -> Option<DataType> {
        let field = Arc::new(Field::new("", given.clone(), true));
        let coerced = fields_with_udf(&[field], self).ok()?;
        coerced.first().map(|field| field.data_type().clone())
    }
}

impl UDFCoercionExt for Coercion {
    fn name(&self) -> &str {
        ""
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_takes_what_it_holds_and_no_more() {
        use DataType::*;
        let decimal = |precision, scale| vec![Decimal128(precision, scale)];
        for (declared, fits, given) in [
            (decimal(12, 2), true, Decimal128(10, 0)),
            (decimal(12, 2), true, Decimal64(12, 2)),
            (decimal(12, 2), false, Decimal128(13, 2)),
            (decimal(12, 2), false, Decimal128(11, 0)),
            (decimal(12, 2), false, Decimal128(5, 3)),
            (decimal(12, 2), true, Int32),
            (decimal(11, 2), false, Int32),
            (decimal(19, 0), true, Int64),
            (decimal(19, 0), false, UInt64),
            (decimal(10, -2), true, Decimal128(10, -2)),
            (decimal(10, -2), false, Int8),
            (decimal(12, 2), false, Float64),
            (decimal(12, 2), true, Null),
        ] {
            let coerced = coerced(&declared, std::slice::from_ref(&given));
            assert_eq!(coerced.is_some(), fits, "{declared:?} of {given}");
        }
    }
}
