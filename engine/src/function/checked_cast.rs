//! Casts of arguments that check each value.
//!
//! A cast is one pass of Arrow's kernel over the column, and another one back where a value
//! could have changed. Only the first value that does not fit is looked at alone.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait,
    StructArray, UInt32Array, UnionArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast, cast_with_options, is_null, nullif, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, UnionFields};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::decimals::decimal_beyond_precision;
use super::values::{canonical_floats, has_leaf};

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
    has_leaf(data_type, &DataType::is_decimal)
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
        (Union(fields, _), given) if to == given => {
            checked_union(column.as_union(), fields, context)?;
            Ok(Arc::clone(column))
        }
        (Dictionary(_, values), given) if to == given => {
            checked_encoded(column, values, context)?;
            Ok(Arc::clone(column))
        }
        (RunEndEncoded(_, values), given) if to == given => {
            checked_encoded(column, values.data_type(), context)?;
            Ok(Arc::clone(column))
        }
        (to, given) if to == given => {
            match decimal_beyond_precision(column) {
                None => Ok(Arc::clone(column)),
                // Arrow would cut the digits that are too many.
                Some((row, value)) => Err(CastError::Unfit { row, value }),
            }
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
    // Of some types, such as the type of NULL, the array itself has no nulls.
    let (before, after) = (column.logical_nulls(), result.logical_nulls());
    let is_null = |nulls: &Option<NullBuffer>, row| nulls.as_ref().is_some_and(|n| n.is_null(row));
    let count = |nulls: &Option<NullBuffer>| nulls.as_ref().map_or(0, NullBuffer::null_count);
    if count(&after) > count(&before) {
        let lost = |row: &usize| is_null(&after, *row) && !is_null(&before, *row);
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

/// Checks the values that a union has: a child has others, which no row shows.
fn checked_union(
    column: &UnionArray,
    fields: &UnionFields,
    context: CastContext<'_>,
) -> Result<(), CastError> {
    for (id, field) in fields.iter().filter(|(_, f)| has_decimals(f.data_type())) {
        let rows = 0..column.len();
        let rows: Vec<usize> = rows.filter(|row| column.type_id(*row) == id).collect();
        let places = rows.iter().map(|row| column.value_offset(*row) as u32);
        let places = UInt32Array::from_iter_values(places);
        let child = take(column.child(id), &places, None)?;
        within(checked_cast(&child, field.data_type(), context), |at| {
            rows[at]
        })?;
    }
    Ok(())
}

/// Checks the values of a dictionary or of runs, of the type `values`.
fn checked_encoded(
    column: &ArrayRef,
    values: &DataType,
    context: CastContext<'_>,
) -> Result<(), CastError> {
    if has_decimals(values) {
        checked_cast(&cast(column, values)?, values, context)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
