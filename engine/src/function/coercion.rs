//! Coercion of arguments.
//!
//! DataFusion's coercion of functions, with two differences: an argument in another layout
//! of its type stays as it is, and decimals and integers are widened to a decimal that holds
//! all of their values, which DataFusion does for operators only.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL_DEFAULT_SCALE, DECIMAL128_MAX_PRECISION, DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::type_coercion::functions::{UDFCoercionExt, fields_with_udf};
use datafusion::logical_expr::{Signature, Volatility};
use fusebox_marshal::same_values;

use fusebox_definition::ANY_DECIMAL;
use fusebox_runtime::{accepts, value_type};

/// Returns true if no call distinguishes the two lists of argument types.
pub(crate) fn are_alike(one: &[DataType], other: &[DataType]) -> bool {
    // DECIMAL(*) and one decimal are distinct.
    let any =
        |types: &[DataType]| -> Vec<bool> { types.iter().map(|t| *t == ANY_DECIMAL).collect() };
    any(one) == any(other) && (accepts(one, other) || accepts(other, one))
}

/// Returns the types that arguments of the types `given` are coerced to for `declared`;
/// `None` if they cannot be.
pub(super) fn coerced(declared: &[DataType], given: &[DataType]) -> Option<Vec<DataType>> {
    if declared.len() != given.len() {
        return None;
    }
    let given_for_any = declared.iter().zip(given);
    let given_for_any = given_for_any.filter(|(declared, _)| **declared == ANY_DECIMAL);
    let any = common_decimal(given_for_any.map(|(_, given)| value_type(given)))?;
    let coerce = |(declared, given): (&DataType, &DataType)| {
        let declared = match *declared == ANY_DECIMAL {
            true => &any,
            false => declared,
        };
        if declared == given || same_values(declared, given) {
            return Some(given.clone());
        }
        if widens(declared, given) {
            return Some(declared.clone());
        }
        let coerced = Coercion::to(declared).from(given)?;
        let (declared, coerced) = ([declared.clone()], [coerced]);
        accepts(&declared, &coerced).then(|| {
            let [coerced] = coerced;
            coerced
        })
    };
    declared.iter().zip(given).map(coerce).collect()
}

/// Returns the smallest decimal that holds all values of these types; for untyped nulls,
/// DataFusion's `DECIMAL`.
fn common_decimal<'a>(types: impl Iterator<Item = &'a DataType>) -> Option<DataType> {
    let mut common: Option<(i16, i16)> = None;
    for data_type in types.filter(|data_type| !data_type.is_null()) {
        if *data_type == ANY_DECIMAL {
            // The types of another overload instead of a call's.
            return Some(ANY_DECIMAL);
        }
        let (precision, scale) = digits(data_type)?;
        let (whole, behind) = (precision - scale, scale);
        common = Some(match common {
            Some(before) => (before.0.max(whole), before.1.max(behind)),
            None => (whole, behind),
        });
    }
    let Some((whole, behind)) = common else {
        let (precision, scale) = (DECIMAL128_MAX_PRECISION, DECIMAL_DEFAULT_SCALE);
        return Some(DataType::Decimal128(precision, scale));
    };
    let precision = u8::try_from((whole + behind).max(1)).ok()?;
    let scale = i8::try_from(behind).ok()?;
    (precision <= DECIMAL128_MAX_PRECISION).then_some(DataType::Decimal128(precision, scale))
}

/// Ranks the loss of coercing arguments of the types `given`: the number of values that
/// are formatted as text, which every type allows, and the number of integers and decimals
/// that become floats narrower than `DOUBLE`.
pub(super) fn loss(declared: &[DataType], given: &[DataType]) -> (usize, usize) {
    let is_text = |data_type: &DataType| same_values(&DataType::Utf8View, data_type);
    let is_short =
        |data_type: &DataType| matches!(data_type, DataType::Float16 | DataType::Float32);
    let count = |is_lost: &dyn Fn(&DataType, &DataType) -> bool| {
        let pairs = declared.iter().zip(given.iter().map(value_type));
        pairs.filter(|(d, g)| is_lost(d, g)).count()
    };
    let written_out = |d: &_, g: &DataType| is_text(d) && !is_text(g) && !g.is_null();
    (
        count(&written_out),
        count(&|d, g| is_short(d) && digits(g).is_some()),
    )
}

/// Returns true if `declared` is a decimal that holds every value of the type `given`.
fn widens(declared: &DataType, given: &DataType) -> bool {
    match (
        declared.is_decimal().then(|| digits(declared)),
        digits(given),
    ) {
        (Some(Some((precision, scale))), Some((given_precision, given_scale))) => {
            scale >= given_scale && precision - scale >= given_precision - given_scale
        }
        _ => false,
    }
}

/// Returns precision and scale of a decimal or an integer.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    use DataType::*;
    match data_type {
        any if *any == ANY_DECIMAL => None,
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => Some((i16::from(*precision), i16::from(*scale))),
        Int8 | UInt8 => Some((3, 0)),
        Int16 | UInt16 => Some((5, 0)),
        Int32 | UInt32 => Some((10, 0)),
        Int64 => Some((19, 0)),
        UInt64 => Some((20, 0)),
        _ => None,
    }
}

/// DataFusion's coercion to one type, through its interface for functions.
struct Coercion(Signature);

impl Coercion {
    fn to(declared: &DataType) -> Self {
        let volatility = Volatility::Immutable; // irrelevant to coercion
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
    use fusebox_runtime::result_type;

    use super::*;

    #[test]
    fn decimal_accepts_types_that_it_holds() {
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

    #[test]
    fn any_decimals_are_coerced_to_one_that_holds_them_all() {
        use DataType::*;
        let of = |given: &[DataType]| {
            let declared = vec![ANY_DECIMAL; given.len()];
            let coerced = coerced(&declared, given)?;
            assert!(accepts(&declared, &coerced), "{coerced:?}");
            assert_eq!(accepts(&declared, given), coerced == given);
            Some(result_type(&ANY_DECIMAL, &declared, &coerced))
        };
        let stored = Dictionary(Box::new(Int8), Box::new(Decimal128(5, 2)));
        for (given, common) in [
            (vec![Decimal128(5, 2)], Some(Decimal128(5, 2))),
            (vec![stored.clone()], Some(Decimal128(5, 2))),
            (vec![stored, Decimal128(5, 2)], Some(Decimal128(5, 2))),
            (
                vec![Decimal128(5, 2), Decimal128(4, 3)],
                Some(Decimal128(6, 3)),
            ),
            (vec![Decimal32(5, 2), Int32], Some(Decimal128(12, 2))),
            (vec![Decimal128(3, -2), Int8], Some(Decimal128(5, 0))),
            (vec![Null, Decimal128(5, 2)], Some(Decimal128(5, 2))),
            (vec![Null, Null], Some(Decimal128(38, 10))),
            (
                vec![Decimal128(38, 0), Decimal128(1, 0)],
                Some(Decimal128(38, 0)),
            ),
            (vec![Decimal128(38, 0), Decimal128(1, 1)], None),
            (vec![Decimal256(39, 0)], None),
            (vec![Float64], None),
            (vec![Utf8], None),
        ] {
            assert_eq!(of(&given), common, "{given:?}");
        }
    }

    #[test]
    fn overload_of_one_decimal_is_more_specific_than_any_decimal() {
        let some = [DataType::Decimal128(12, 2)];
        assert!(coerced(&[ANY_DECIMAL], &some).is_some());
        assert!(coerced(&some, &[ANY_DECIMAL]).is_none());
        assert!(!are_alike(&some, &[ANY_DECIMAL]));
        assert!(are_alike(&[ANY_DECIMAL], &[ANY_DECIMAL]));
    }
}
