//! Rows of a result as messages.

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use bytes::{BufMut, BytesMut};

use super::EncodingError;
use super::column::Column;
use super::types::{PgType, modifier};
use crate::protocol::Format;
use crate::protocol::backend::{FieldDescription, data_row, null, value};

/// Maximum size of a row in bytes.
pub(crate) const ROW_BYTES_MAX: usize = 1 << 28;

/// Columns of a result, as they were described to the client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResultColumns {
    pub(crate) fields: Vec<FieldDescription>,
    types: Vec<(PgType, DataType)>,
}

/// Rows of a batch, ready to be written.
pub(crate) struct Rows {
    columns: Vec<(Column, Format)>,
    count: usize,
}

impl ResultColumns {
    /// Describes the columns of a schema.
    pub(crate) fn new(schema: &Schema) -> Self {
        let fields = schema.fields().iter();
        let types = fields.map(|field| {
            let data_type = field.data_type().clone();
            (PgType::of(&data_type), data_type)
        });
        let types: Vec<_> = types.collect();
        let fields = schema.fields().iter().zip(&types);
        let fields = fields.map(|(field, (pg_type, data_type))| FieldDescription {
            name: field.name().clone(),
            oid: pg_type.oid(),
            size: pg_type.size(),
            modifier: modifier(data_type),
        });
        Self {
            fields: fields.collect(),
            types,
        }
    }

    /// Returns the size in memory.
    pub(crate) fn bytes(&self) -> usize {
        let fields = self.fields.iter();
        let fields = fields.map(|field| size_of::<FieldDescription>() + field.name.len());
        let types = self.types.iter();
        let types = types.map(|(_, data_type)| size_of::<PgType>() + data_type.size());
        fields.chain(types).sum()
    }

    /// Gives columns other names, where there are any.
    pub(crate) fn renamed(mut self, names: &[Option<String>]) -> Self {
        if names.len() == self.fields.len() {
            for (field, name) in self.fields.iter_mut().zip(names) {
                if let Some(name) = name {
                    field.name.clone_from(name);
                }
            }
        }
        self
    }

    /// Returns the format of each column, given none, one for all, or one for each.
    pub(crate) fn formats(&self, stated: &[Format]) -> Vec<Format> {
        let format = |index| match stated {
            [] => Format::Text,
            [one] => *one,
            all => all.get(index).copied().unwrap_or_default(),
        };
        (0..self.types.len()).map(format).collect()
    }

    /// Prepares the rows of a batch. A column of another type than was described is cast to it.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] for a value that its type cannot express.
    pub(crate) fn rows(
        &self,
        batch: &RecordBatch,
        formats: &[Format],
    ) -> Result<Rows, EncodingError> {
        let columns = batch.columns().iter().zip(&self.types).zip(formats);
        let columns = columns.map(|((array, (pg_type, data_type)), format)| {
            // A column of nulls is of text, in which all types can be written.
            let fits = PgType::of(array.data_type()) == *pg_type || data_type.is_null();
            let column = match fits {
                true => Column::new(array, *pg_type)?,
                false => {
                    let array = cast(array, data_type).map_err(|cause| EncodingError::Result {
                        expected: pg_type.to_string(),
                        cause,
                    })?;
                    Column::new(&array, *pg_type)?
                }
            };
            Ok((column, *format))
        });
        Ok(Rows {
            columns: columns.collect::<Result<_, _>>()?,
            count: batch.num_rows(),
        })
    }
}

impl Rows {
    /// Returns the number of rows.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().map(|(column, _)| column)
    }

    /// Writes a row as a message.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] for a value that its format cannot express, and for a row that is too
    /// large. What was written is no message then.
    pub(crate) fn write(&self, row: usize, out: &mut BytesMut) -> Result<(), EncodingError> {
        let begin = out.len();
        let mut written = Ok(());
        data_row(out, self.columns.len(), |out| {
            written = self.write_values(row, begin, out);
        });
        written
    }

    /// Writes a row as a tuple of a binary `COPY`.
    ///
    /// # Errors
    ///
    /// As for a message. What was written is no tuple then.
    pub(crate) fn write_tuple(&self, row: usize, out: &mut BytesMut) -> Result<(), EncodingError> {
        let begin = out.len();
        out.put_u16(u16::try_from(self.columns.len()).unwrap_or(u16::MAX));
        self.write_values(row, begin, out)
    }

    /// Writes the values of a row that begins at a byte, each with its length.
    fn write_values(
        &self,
        row: usize,
        begin: usize,
        out: &mut BytesMut,
    ) -> Result<(), EncodingError> {
        for (column, format) in &self.columns {
            if column.is_null(row) {
                null(out);
                continue;
            }
            let mut written = Ok(());
            value(out, |out| match format {
                Format::Text => column.write_text(row, out),
                Format::Binary => written = column.write_binary(row, out),
            });
            written?;
            if out.len() - begin > ROW_BYTES_MAX {
                return Err(EncodingError::RowTooLarge);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;
    use fusebox_testing::{check_cases, column};

    use super::*;

    /// Returns the lengths that a row states for its columns.
    fn lengths(row: &[u8]) -> Vec<i32> {
        let mut rest = &row[7..];
        let mut lengths = Vec::new();
        while !rest.is_empty() {
            let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
            lengths.push(length);
            rest = &rest[4 + usize::try_from(length).unwrap_or(0)..];
        }
        lengths
    }

    #[test]
    fn arbitrary_columns_are_rows_or_errors() {
        check_cases(2_000, &column(), |array| {
            let field = Field::new("a", array.data_type().clone(), true);
            let schema = Arc::new(Schema::new(vec![field]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
            let columns = ResultColumns::new(&schema);
            for format in [Format::Text, Format::Binary] {
                let Ok(rows) = columns.rows(&batch, &[format]) else {
                    continue;
                };
                for row in 0..rows.count() {
                    let mut out = BytesMut::new();
                    if rows.write(row, &mut out).is_ok() {
                        assert_eq!(lengths(&out).len(), 1);
                    }
                    rows.columns()
                        .for_each(|column| column.write_json(row, &mut out));
                }
            }
        });
    }
}
