//! Coercion of arguments.
//!
//! DataFusion's coercion of functions, with three differences: an argument in another layout
//! of its type stays as it is; decimals and integers are widened to a decimal that holds all
//! of their values, which DataFusion does for operators only; and arguments whose type holds
//! values that the parameter cannot take are passed on as they are, and cast by the
//! [checked cast](super::checked_cast) when their values are known. Literals, constants and
//! columns have the same types, and so the same coercion.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{
    DECIMAL_DEFAULT_SCALE, DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef,
};
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
        match conversion(declared, given)? {
            Conversion::None => Some(given.clone()),
            Conversion::Cast(to) => Some(to),
            Conversion::Check(_) => None,
        }
    };
    declared.iter().zip(given).map(coerce).collect()
}

/// Returns the types that arguments of the types `given` have for `declared` after checked
/// casts.
pub(super) fn accepted(declared: &[DataType], given: &[DataType]) -> Vec<DataType> {
    let pairs = || declared.iter().zip(given);
    let any = pairs().filter(|(declared, _)| **declared == ANY_DECIMAL);
    let any = common_decimal(any.map(|(_, given)| value_type(given)));
    let type_of = |(declared, given): (&DataType, &DataType)| {
        if *declared == ANY_DECIMAL {
            return any.clone().unwrap_or_else(|| given.clone());
        }
        match same_values(declared, given) {
            true => given.clone(),
            false => declared.clone(),
        }
    };
    pairs().map(type_of).collect()
}

/// Ranks checked casts: the number of texts that are parsed, of floats that become decimals,
/// and of all checks; `None` if an argument cannot be cast.
pub(super) fn check_cost(declared: &[DataType], given: &[DataType]) -> Option<[usize; 3]> {
    if declared.len() != given.len() {
        return None;
    }
    let pairs = || declared.iter().zip(given);
    let any = pairs().filter(|(declared, _)| **declared == ANY_DECIMAL);
    common_decimal(any.map(|(_, given)| value_type(given)))?;
    let mut cost = [0; 3];
    for (declared, given) in pairs() {
        // Those have one type among them.
        if *declared == ANY_DECIMAL {
            continue;
        }
        match conversion(declared, given)? {
            Conversion::Check(Check::Text) => cost[0] += 1,
            Conversion::Check(Check::Decimal) => cost[1] += 1,
            Conversion::Check(Check::Narrow) => cost[2] += 1,
            Conversion::None | Conversion::Cast(_) => {}
        }
    }
    Some(cost)
}

/// Conversion of an argument.
enum Conversion {
    /// The values are the same.
    None,
    /// DataFusion casts all values without loss, or formats them as text.
    Cast(DataType),
    /// Each value is checked.
    Check(Check),
}

/// Kind of a checked cast.
enum Check {
    /// Text is parsed.
    Text,
    /// A float becomes a decimal.
    Decimal,
    /// Other values become those of a narrower type, or of another structure.
    Narrow,
}

/// Returns the conversion of values of the type `given` to `declared`.
fn conversion(declared: &DataType, given: &DataType) -> Option<Conversion> {
    use DataType::*;
    let check = |check| Some(Conversion::Check(check));
    if declared == given || same_values(declared, given) {
        return Some(Conversion::None);
    }
    let values = value_type(given);
    match (declared, values) {
        (
            List(item) | LargeList(item) | ListView(item) | LargeListView(item),
            List(given)
            | LargeList(given)
            | ListView(given)
            | LargeListView(given)
            | FixedSizeList(given, _),
        ) if !given.data_type().is_null() => {
            return field_converts(item, given).then_some(Conversion::Check(Check::Narrow));
        }
        (FixedSizeList(item, size), FixedSizeList(given, other)) if size == other => {
            return field_converts(item, given).then_some(Conversion::Check(Check::Narrow));
        }
        (Struct(fields), Struct(given)) => {
            let converts = |field: &FieldRef| {
                let same = given.iter().find(|given| given.name() == field.name());
                same.is_some_and(|given| field_converts(field, given))
            };
            let all = fields.len() == given.len() && fields.iter().all(converts);
            return all.then_some(Conversion::Check(Check::Narrow));
        }
        (Map(entries, false), Map(given, _)) => {
            let (Struct(fields), Struct(given)) = (entries.data_type(), given.data_type()) else {
                return None;
            };
            let mut pairs = fields.iter().zip(given);
            let all = fields.len() == given.len() && pairs.all(|(f, g)| field_converts(f, g));
            return all.then_some(Conversion::Check(Check::Narrow));
        }
        (Timestamp(_, Some(_)), Timestamp(_, None) | Date32 | Date64) => {
            return check(Check::Narrow);
        }
        (to, from) if to.is_temporal() && from.is_string() && can_cast_types(from, to) => {
            return check(Check::Text);
        }
        _ => {}
    }
    if widens(declared, given) {
        return Some(Conversion::Cast(declared.clone()));
    }
    let cast = Coercion::to(declared).from(given);
    let cast =
        cast.filter(|cast| accepts(std::slice::from_ref(declared), std::slice::from_ref(cast)));
    if let Some(cast) = cast {
        return Some(Conversion::Cast(cast));
    }
    let is_float = |data_type: &DataType| data_type.is_floating();
    match (declared, values) {
        (any, _) if *any == ANY_DECIMAL => None,
        (to, from) if to.is_integer() && from.is_integer() => check(Check::Narrow),
        (to, from) if is_float(to) && is_float(from) => check(Check::Narrow),
        (to, from) if to.is_decimal() && digits(from).is_some() => check(Check::Narrow),
        (to, from) if to.is_decimal() && is_float(from) => check(Check::Decimal),
        (Binary | LargeBinary | BinaryView, from) if from.is_string() => check(Check::Text),
        _ => None,
    }
}

/// Returns true if values of a field within another type are converted, and not to text.
fn field_converts(declared: &Field, given: &Field) -> bool {
    if given.is_nullable() && !declared.is_nullable() {
        return false;
    }
    let (declared, given) = (declared.data_type(), given.data_type());
    let is_formatted = declared.is_string() && !value_type(given).is_string();
    match conversion(declared, given) {
        Some(Conversion::Cast(_)) => !is_formatted && can_cast_types(given, declared),
        Some(_) => true,
        None => false,
    }
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
