//! Casts of arguments that check each value.
//!
//! A cast is one pass of Arrow's kernel over the column, and another one back where a value
//! could have changed. Only the first value that does not fit is looked at alone.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait,
    StructArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast, cast_with_options, is_null, nullif, take};
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Field,
    FieldRef, Fields,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use fusebox_marshal::row_beyond_precision;

use super::values::canonical_floats;

/// Reason that a column was not cast.
pub(super) enum CastError {
    /// The value of a row does not fit.
    Unfit { row: usize, value: String },
    /// Arrow's kernel failed.
    Arrow(ArrowError),
}

impl From<ArrowError> for CastError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// Context of casts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CastContext<'a> {
    /// Zone of timestamps without one; UTC unless given.
    pub(super) time_zone: Option<&'a str>,
    /// True if the column is a constant, whose digits may be rounded to a shorter float.
    pub(super) is_constant: bool,
}

/// Returns true if values of the type `given` are checked or cast to be those of `to`.
pub(super) fn is_needed(to: &DataType, given: &DataType) -> bool {
    to != given || has_decimals(to)
}

fn has_decimals(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        List(item)
        | LargeList(item)
        | ListView(item)
        | LargeListView(item)
        | FixedSizeList(item, _)
        | Map(item, _) => has_decimals(item.data_type()),
        Struct(fields) => fields.iter().any(|field| has_decimals(field.data_type())),
        Dictionary(_, values) => has_decimals(values),
        other => other.is_decimal(),
    }
}

/// Casts a column to the values of `to`, in whatever layout.
pub(super) fn checked_cast(
    column: &ArrayRef,
    to: &DataType,
    context: CastContext<'_>,
) -> Result<ArrayRef, CastError> {
    use DataType::*;
    match (to, column.data_type()) {
        (_, Dictionary(_, values)) if to != column.data_type() => {
            checked_cast(&cast(column, values)?, to, context)
        }
        (_, RunEndEncoded(_, values)) if to != column.data_type() => {
            checked_cast(&cast(column, values.data_type())?, to, context)
        }
        (List(item) | LargeList(item) | ListView(item) | LargeListView(item), List(_)) => {
            list::<i32>(column, item, context)
        }
        (List(item) | LargeList(item) | ListView(item) | LargeListView(item), LargeList(_)) => {
            list::<i64>(column, item, context)
        }
        (
            List(_) | LargeList(_) | ListView(_) | LargeListView(_),
            ListView(given) | LargeListView(given) | FixedSizeList(given, _),
        ) => checked_cast(&cast(column, &LargeList(Arc::clone(given)))?, to, context),
        (FixedSizeList(item, size), FixedSizeList(..)) => {
            let values = column.as_fixed_size_list().values();
            let rows = *size as usize;
            let values = within(item_cast(values, item, context), |at| at / rows.max(1))?;
            let (item, nulls) = (typed(item, &values), column.nulls().cloned());
            let lists = FixedSizeListArray::try_new(item, *size, values, nulls)?;
            Ok(Arc::new(lists))
        }
        (Struct(fields), Struct(_)) => {
            Ok(Arc::new(structure(column.as_struct(), fields, context)?))
        }
        (Map(entries, sorted), Map(..)) => map(column.as_map(), entries, *sorted, context),
        (to, given) if to == given => {
            checked_decimals(column)?;
            Ok(Arc::clone(column))
        }
        _ => leaf(column, to, context),
    }
}

/// Replaces the row of an item by the row of its list.
fn within<T>(
    done: Result<T, CastError>,
    row_of: impl FnOnce(usize) -> usize,
) -> Result<T, CastError> {
    done.map_err(|error| match error {
        CastError::Unfit { row, value } => CastError::Unfit {
            row: row_of(row),
            value,
        },
        other => other,
    })
}

fn item_cast(
    values: &ArrayRef,
    item: &FieldRef,
    context: CastContext<'_>,
) -> Result<ArrayRef, CastError> {
    match is_needed(item.data_type(), values.data_type()) {
        true => checked_cast(values, item.data_type(), context),
        false => Ok(Arc::clone(values)),
    }
}

/// Returns a field with the type of its values.
fn typed(field: &FieldRef, values: &ArrayRef) -> FieldRef {
    Arc::new(Field::clone(field).with_data_type(values.data_type().clone()))
}

fn list<O: OffsetSizeTrait>(
    column: &ArrayRef,
    item: &FieldRef,
    context: CastContext<'_>,
) -> Result<ArrayRef, CastError> {
    // Without items of lists that are null.
    let shown = match column.null_count() {
        0 => Arc::clone(column),
        _ => take(
            column,
            &UInt32Array::from_iter_values(0..column.len() as u32),
            None,
        )?,
    };
    let lists = shown.as_list::<O>();
    let offsets = lists.offsets();
    let first = offsets[0].as_usize();
    let values = lists
        .values()
        .slice(first, offsets[lists.len()].as_usize() - first);
    let row_of = |at: usize| offsets.partition_point(|offset| offset.as_usize() <= first + at) - 1;
    let values = within(item_cast(&values, item, context), row_of)?;
    let offsets = OffsetBuffer::<O>::from_lengths(offsets.lengths());
    let (item, nulls) = (typed(item, &values), lists.nulls().cloned());
    Ok(Arc::new(GenericListArray::try_new(
        item, offsets, values, nulls,
    )?))
}

/// Casts the fields of a struct, by name.
fn structure(
    given: &StructArray,
    fields: &Fields,
    context: CastContext<'_>,
) -> Result<StructArray, CastError> {
    let mask = given.nulls().map(|_| is_null(given)).transpose()?;
    let mut columns = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        // Keys and values of maps are named by their position.
        let column = given.column_by_name(field.name());
        let column = column.unwrap_or_else(|| given.column(index));
        let column = match &mask {
            Some(mask) => nullif(column, mask)?,
            None => Arc::clone(column),
        };
        columns.push(item_cast(&column, field, context)?);
    }
    let fields = fields.iter().zip(&columns);
    let fields: Fields = fields.map(|(field, column)| typed(field, column)).collect();
    let (len, nulls) = (given.len(), given.nulls().cloned());
    Ok(StructArray::try_new_with_length(
        fields, columns, nulls, len,
    )?)
}

fn map(
    given: &MapArray,
    entries: &FieldRef,
    sorted: bool,
    context: CastContext<'_>,
) -> Result<ArrayRef, CastError> {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(ArrowError::CastError("a map without entries".to_owned()).into());
    };
    let offsets = given.offsets();
    let row_of = |at: usize| offsets.partition_point(|offset| *offset as usize <= at) - 1;
    let cast = within(structure(given.entries(), fields, context), row_of)?;
    let cast: ArrayRef = Arc::new(cast);
    let entries = typed(entries, &cast);
    let cast = cast.as_struct().clone();
    let nulls = given.nulls().cloned();
    let map = MapArray::try_new(entries, offsets.clone(), cast, nulls, sorted)?;
    Ok(Arc::new(map))
}

const SAFE: CastOptions<'_> = CastOptions {
    safe: true,
    format_options: FormatOptions::new(),
};

fn leaf(column: &ArrayRef, to: &DataType, context: CastContext<'_>) -> Result<ArrayRef, CastError> {
    use DataType::*;
    let given = column.data_type();
    let result = match (to, given) {
        (Timestamp(unit, Some(_)), from) if !matches!(from, Timestamp(_, Some(_))) => {
            let zone = context.time_zone.unwrap_or("+00:00");
            let local = Timestamp(*unit, Some(zone.into()));
            // Only a timestamp is read in a zone.
            let column = match from.is_string() {
                true => Arc::clone(column),
                false => cast_with_options(column, &Timestamp(*unit, None), &SAFE)?,
            };
            let moments = cast_with_options(&column, &local, &SAFE)?;
            cast(&moments, to)?
        }
        // Views of text are views of its bytes.
        (Binary | LargeBinary | BinaryView, Utf8View) => cast(column, &BinaryView)?,
        (Binary | LargeBinary | BinaryView, LargeUtf8) => cast(column, &LargeBinary)?,
        _ => cast_with_options(column, to, &SAFE)?,
    };
    if result.null_count() > column.null_count() {
        let lost = |row: &usize| result.is_null(*row) && column.is_valid(*row);
        return Err(unfit(column, (0..column.len()).find(lost)));
    }
    let may_round = match to {
        Float16 | Float32 => given.is_floating() && !context.is_constant,
        decimal if decimal.is_decimal() => !given.is_integer(),
        _ => false,
    };
    if may_round {
        let back = cast_with_options(&result, given, &SAFE)?;
        let [back, given] = [canonical_floats(&back)?, canonical_floats(column)?];
        let changed = distinct(&back, &given)?;
        if changed.values().count_set_bits() > 0 {
            return Err(unfit(column, changed.values().set_indices().next()));
        }
    }
    Ok(result)
}

fn unfit(column: &ArrayRef, row: Option<usize>) -> CastError {
    let row = row.unwrap_or_default();
    let formatter = ArrayFormatter::try_new(column, &FormatOptions::new());
    let value = formatter.map(|formatter| formatter.value(row).to_string());
    let value = value.unwrap_or_default();
    let value = match value.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    };
    CastError::Unfit { row, value }
}

/// Maximum characters of a value in a message.
const VALUE_CHARACTERS_MAX: usize = 64;

/// Checks that decimals have no more digits than their type says: Arrow does not check
/// those that it reads from files.
fn checked_decimals(column: &ArrayRef) -> Result<(), CastError> {
    if let DataType::Dictionary(..) = column.data_type() {
        return checked_decimals(column.as_any_dictionary().values());
    }
    match row_beyond_precision(column) {
        None => Ok(()),
        // Arrow would cut the digits that are too many.
        Some(row) => Err(CastError::Unfit {
            row,
            value: all_digits(column, row),
        }),
    }
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

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, ListArray, StringViewArray};
    use arrow::buffer::NullBuffer;
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    use super::*;

    fn check(column: ArrayRef, to: &DataType) -> Result<ArrayRef, (usize, String)> {
        checked_cast(&column, to, CastContext::default()).map_err(|error| match error {
            CastError::Unfit { row, value } => (row, value),
            CastError::Arrow(error) => panic!("{error}"),
        })
    }

    proptest! {
        #[test]
        fn first_number_that_does_not_fit_is_reported(
            numbers in prop::collection::vec(prop::option::weighted(0.9, -140..140_i64), 0..40),
        ) {
            let column: ArrayRef = Arc::new(Int64Array::from(numbers.clone()));
            let beyond = |n: &Option<i64>| n.is_some_and(|n| i8::try_from(n).is_err());
            let expected = numbers.iter().position(beyond);
            let expected = expected.map(|row| (row, numbers[row].unwrap_or_default().to_string()));
            match check(Arc::clone(&column), &DataType::Int8) {
                Ok(cast_column) => {
                    prop_assert_eq!(expected, None);
                    prop_assert_eq!(&cast(&cast_column, &DataType::Int64).unwrap(), &column);
                }
                Err(found) => prop_assert_eq!(expected, Some(found)),
            }
        }

        #[test]
        fn decimal_of_a_float_is_the_float(hundredths in -100_000..100_000_i32, third in 0..10) {
            let exact = f64::from(hundredths) / 100.0;
            let value = if third == 0 { exact + 0.001 } else { exact };
            let column: ArrayRef = Arc::new(Float64Array::from(vec![value]));
            let decimal = check(column, &DataType::Decimal128(10, 2));
            prop_assert_eq!(decimal.is_ok(), third > 0);
            if let Ok(decimal) = decimal {
                let decimal = decimal.as_primitive::<Decimal128Type>().value(0);
                prop_assert_eq!(decimal, i128::from(hundredths));
            }
        }
    }

    #[test]
    fn row_of_an_item_is_that_of_its_list() {
        let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
        let values = Int64Array::from(vec![900, 1, 2, 800, 3, 700, 4]);
        // The second list is null, though it has an item, and the first is sliced off.
        let nulls = NullBuffer::from(vec![true, true, false, true, true]);
        let offsets = OffsetBuffer::from_lengths([1, 2, 1, 1, 2]);
        let lists = ListArray::new(
            item(DataType::Int64),
            offsets,
            Arc::new(values),
            Some(nulls),
        );
        let lists: ArrayRef = Arc::new(lists.slice(1, 4));
        let to = DataType::List(item(DataType::Int8));
        assert_eq!(check(Arc::clone(&lists), &to), Err((3, "700".to_owned())));
        let fits = check(lists.slice(0, 3), &to).unwrap();
        let expected = [Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3)])];
        let expected = ListArray::from_iter_primitive::<Int64Type, _, _>(expected);
        assert_eq!(
            cast(&fits, expected.data_type()).unwrap().as_list(),
            &expected
        );
    }

    #[test]
    fn long_values_are_shortened() {
        let text: ArrayRef = Arc::new(StringViewArray::from(vec!["é".repeat(100)]));
        let (row, value) = check(text, &DataType::Date32).unwrap_err();
        assert_eq!((row, value), (0, format!("{}…", "é".repeat(64))));
    }
}
