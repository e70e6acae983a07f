//! Rows of arguments as keys, for DISTINCT.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::ScalarValue;

use fusebox_runtime::Error;

use super::super::arrow;
use super::super::values::{canonical_floats, plain, plain_type};
use super::row_fields;

/// Key of a row: bytes that are equal if the rows are, and ordered as they are.
pub(super) type Key = Box<[u8]>;

/// Memory of a key besides its bytes: its slot in a set and its allocation.
pub(super) const KEY_BYTES: usize = 64;

/// Converter of rows to keys and back.
///
/// Rows are equal as in SQL: 0.0 and -0.0, all NaNs and nulls, at any depth.
#[derive(Debug)]
pub(super) struct DistinctRows {
    /// Types of the arguments, then of the sort keys.
    types: Vec<DataType>,
    arguments: RowConverter,
    ordering: Option<RowConverter>,
    arguments_count: usize,
}

impl DistinctRows {
    /// A converter of arguments, and of the sort keys of an ORDER BY, of these types.
    pub(super) fn new(
        arguments: &[DataType],
        ordering: &[DataType],
        order: &[SortOptions],
    ) -> Result<Self, Error> {
        let types = arguments.iter().chain(ordering).map(plain_type);
        let types: Vec<_> = types.collect();
        let (arguments, ordering) = types.split_at(arguments.len());
        let fields = arguments.iter().cloned().map(SortField::new).collect();
        let sorts = ordering.iter().cloned().zip(order);
        let sorts = sorts.map(|(ty, options)| SortField::new_with_options(ty, *options));
        let sorts: Vec<_> = sorts.collect();
        let converter = |fields| RowConverter::new(fields).map_err(arrow);
        Ok(Self {
            arguments_count: arguments.len(),
            arguments: converter(fields)?,
            ordering: match sorts.is_empty() {
                true => None,
                false => Some(converter(sorts)?),
            },
            types,
        })
    }

    /// Converts rows to the keys of their arguments, and those of their order.
    pub(super) fn keys(&self, columns: &[ArrayRef]) -> Result<(Rows, Option<Rows>), Error> {
        if columns.len() != self.types.len() {
            let (found, expected) = (columns.len(), self.types.len());
            let message = format!("rows of {found} columns, not {expected}");
            return Err(Error::Internal(message));
        }
        let canonical = |column: &ArrayRef| canonical_floats(&plain(column)?);
        let columns: Result<Vec<_>, ArrowError> = columns.iter().map(canonical).collect();
        let columns = columns.map_err(arrow)?;
        let (arguments, ordering) = columns.split_at(self.arguments_count);
        let arguments = self.arguments.convert_columns(arguments).map_err(arrow)?;
        let ordering = match &self.ordering {
            Some(converter) => Some(converter.convert_columns(ordering).map_err(arrow)?),
            None => None,
        };
        Ok((arguments, ordering))
    }

    /// Converts keys to columns of arguments.
    pub(super) fn arguments<'a>(
        &self,
        keys: impl Iterator<Item = &'a Key>,
    ) -> Result<Vec<ArrayRef>, Error> {
        decoded(&self.arguments, keys)
    }

    /// Converts keys to a partial state: a list of structs.
    pub(super) fn state<'a>(
        &self,
        keys: impl Iterator<Item = (&'a Key, &'a Key)>,
    ) -> Result<ScalarValue, Error> {
        let (keys, order): (Vec<&Key>, Vec<&Key>) = keys.unzip();
        let rows = keys.len();
        let mut columns = decoded(&self.arguments, keys.into_iter())?;
        if let Some(ordering) = &self.ordering {
            columns.extend(decoded(ordering, order.into_iter())?);
        }
        list_of_rows(&self.types, columns, rows)
    }

    /// Memory in bytes.
    pub(super) fn size(&self) -> usize {
        let ordering = self.ordering.as_ref();
        self.arguments.size() + ordering.map_or(0, RowConverter::size)
    }
}

fn decoded<'a>(
    converter: &RowConverter,
    keys: impl Iterator<Item = &'a Key>,
) -> Result<Vec<ArrayRef>, Error> {
    let parser = converter.parser();
    let rows = keys.map(|key| parser.parse(key));
    converter.convert_rows(rows).map_err(arrow)
}

/// Makes a partial state of rows: a list of structs.
pub(super) fn list_of_rows(
    types: &[DataType],
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<ScalarValue, Error> {
    let values = StructArray::try_new_with_length(row_fields(types), columns, None, rows);
    let values: ArrayRef = Arc::new(values.map_err(arrow)?);
    let field = Field::new_list_field(values.data_type().clone(), true);
    let offsets = OffsetBuffer::from_lengths([rows]);
    let list = ListArray::try_new(Arc::new(field), offsets, values, None);
    Ok(ScalarValue::List(Arc::new(list.map_err(arrow)?)))
}
