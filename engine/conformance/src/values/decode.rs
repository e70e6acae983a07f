//! JSON to columns. The text is not trusted: what does not fit its type is an error, and the
//! bytes of a column are bounded.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray,
    FixedSizeListArray, GenericListArray, GenericListViewArray, LargeBinaryArray, LargeStringArray,
    MapArray, NullArray, OffsetSizeTrait, StringArray, StringViewArray, StructArray, UnionArray,
    make_array,
};
use arrow_buffer::{MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, FieldRef, Fields, UnionFields, UnionMode};
use serde_json::Value;

use super::scalar::{boolean, bytes, each, expected, list, nulls, numbers, refused, text};

/// Bytes of the values of a column, those under nulls included.
const BYTES_MAX: u64 = 16 << 20;

/// Bytes that a value takes at least while it is decoded.
const VALUE_BYTES: u64 = 32;

/// Makes a column of a type.
///
/// # Errors
///
/// One line with what was expected and what was found.
pub(crate) fn decode(data_type: &DataType, values: &[Value]) -> Result<ArrayRef, String> {
    Decoder { bytes: BYTES_MAX }.column(data_type, &values.iter().collect::<Vec<_>>())
}

/// Decoder of one column.
struct Decoder {
    /// Bytes that are left.
    bytes: u64,
}

const NULL: &Value = &Value::Null;

impl Decoder {
    /// Uses bytes for values.
    fn charge(&mut self, values: usize, bytes: u64) -> Result<(), String> {
        let bytes = (values as u64).saturating_mul(bytes.max(VALUE_BYTES));
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            format!("expected values of at most {BYTES_MAX} bytes in a column, found more")
        })?;
        Ok(())
    }

    fn column(&mut self, data_type: &DataType, values: &[&Value]) -> Result<ArrayRef, String> {
        use DataType::*;
        self.charge(values.len(), 0)?;
        let nulls = || nulls(values);
        Ok(match data_type {
            Null => match values.iter().find(|value| !value.is_null()) {
                None => Arc::new(NullArray::new(values.len())),
                Some(found) => return Err(expected("null", found)),
            },
            Boolean => Arc::new(BooleanArray::from(each(values, boolean)?)),
            Utf8 => Arc::new(StringArray::from_iter(each(values, text)?)),
            LargeUtf8 => Arc::new(LargeStringArray::from_iter(each(values, text)?)),
            Utf8View => Arc::new(StringViewArray::from_iter(each(values, text)?)),
            Binary => Arc::new(BinaryArray::from_iter(each(values, bytes)?)),
            LargeBinary => Arc::new(LargeBinaryArray::from_iter(each(values, bytes)?)),
            BinaryView => Arc::new(BinaryViewArray::from_iter(each(values, bytes)?)),
            FixedSizeBinary(size) => self.fixed_size_binary(*size, values)?,
            List(item) => self.list::<i32>(item, values)?,
            LargeList(item) => self.list::<i64>(item, values)?,
            ListView(item) => self.list_view::<i32>(item, values)?,
            LargeListView(item) => self.list_view::<i64>(item, values)?,
            FixedSizeList(item, size) => self.fixed_size_list(item, *size, values)?,
            Struct(fields) => Arc::new(self.structs(fields, values, nulls())?),
            Map(entries, is_sorted) => self.map(entries, *is_sorted, values)?,
            Union(fields, mode) => self.union(fields, *mode, values)?,
            Dictionary(keys, values_type) => {
                self.dictionary(data_type, keys, values_type, values)?
            }
            RunEndEncoded(ends, field) => self.runs(data_type, ends, field.data_type(), values)?,
            other => numbers(other, values, nulls())?,
        })
    }

    fn fixed_size_binary(&mut self, size: i32, values: &[&Value]) -> Result<ArrayRef, String> {
        let length = usize::try_from(size).unwrap_or_default();
        self.charge(values.len(), length as u64)?;
        let mut buffer = MutableBuffer::new(0);
        for value in values {
            match bytes(value)? {
                Some(bytes) if bytes.len() == length => buffer.extend_from_slice(&bytes),
                None => buffer.extend_zeros(length),
                Some(_) => return Err(expected(&format!("{length} bytes"), value)),
            }
        }
        let nulls = nulls(values);
        let made = FixedSizeBinaryArray::try_new_with_len(size, buffer.into(), nulls, values.len());
        Ok(Arc::new(made.map_err(refused)?))
    }

    fn list<O: OffsetSizeTrait>(
        &mut self,
        item: &FieldRef,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        let (lengths, items) = flattened(each(values, list)?);
        let items = self.column(item.data_type(), &items)?;
        let offsets = OffsetBuffer::<O>::from_lengths(lengths);
        let made = GenericListArray::try_new(Arc::clone(item), offsets, items, nulls(values));
        Ok(Arc::new(made.map_err(refused)?))
    }

    fn list_view<O: OffsetSizeTrait>(
        &mut self,
        item: &FieldRef,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        let (lengths, items) = flattened(each(values, list)?);
        let items = self.column(item.data_type(), &items)?;
        let offsets = OffsetBuffer::<O>::from_lengths(lengths.iter().copied());
        let offsets: ScalarBuffer<O> = offsets[..values.len()].iter().copied().collect();
        let sizes: ScalarBuffer<O> = lengths.into_iter().map(O::usize_as).collect();
        let nulls = nulls(values);
        let made = GenericListViewArray::try_new(Arc::clone(item), offsets, sizes, items, nulls);
        Ok(Arc::new(made.map_err(refused)?))
    }

    fn fixed_size_list(
        &mut self,
        item: &FieldRef,
        size: i32,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        let length = usize::try_from(size).unwrap_or_default();
        self.charge(values.len(), (length as u64).saturating_mul(VALUE_BYTES))?;
        let mut items = Vec::new();
        for value in values {
            match list(value)? {
                Some(list) if list.len() == length => items.extend(list),
                None => items.extend(std::iter::repeat_n(NULL, length)),
                Some(_) => return Err(expected(&format!("a list of {length} items"), value)),
            }
        }
        let items = self.column(item.data_type(), &items)?;
        let (item, nulls, rows) = (Arc::clone(item), nulls(values), values.len());
        let made = FixedSizeListArray::try_new_with_length(item, size, items, nulls, rows);
        Ok(Arc::new(made.map_err(refused)?))
    }

    /// Makes a column of structs, of lists with a value for each field.
    fn structs(
        &mut self,
        fields: &Fields,
        values: &[&Value],
        nulls: Option<NullBuffer>,
    ) -> Result<StructArray, String> {
        self.charge(
            values.len(),
            (fields.len() as u64).saturating_mul(VALUE_BYTES),
        )?;
        let mut columns = vec![Vec::with_capacity(values.len()); fields.len()];
        for value in values {
            let row = list(value)?;
            if row.as_ref().is_some_and(|row| row.len() != fields.len()) {
                return Err(expected(
                    &format!("a list of {} fields", fields.len()),
                    value,
                ));
            }
            for (index, column) in columns.iter_mut().enumerate() {
                column.push(row.as_ref().map_or(NULL, |row| row[index]));
            }
        }
        let columns = fields.iter().zip(&columns);
        let columns = columns.map(|(field, values)| self.column(field.data_type(), values));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let made = StructArray::try_new_with_length(fields.clone(), columns, nulls, values.len());
        made.map_err(refused)
    }

    fn map(
        &mut self,
        entries: &FieldRef,
        is_sorted: bool,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        let (lengths, items) = flattened(each(values, list)?);
        let DataType::Struct(fields) = entries.data_type() else {
            return Err("expected a map whose entries are structs, found another".to_owned());
        };
        if let Some(null) = items.iter().find(|item| item.is_null()) {
            return Err(expected("an entry with key and value", null));
        }
        let items = self.structs(fields, &items, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls = nulls(values);
        let made = MapArray::try_new(Arc::clone(entries), offsets, items, nulls, is_sorted);
        Ok(Arc::new(made.map_err(refused)?))
    }

    fn union(
        &mut self,
        fields: &UnionFields,
        mode: UnionMode,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        if fields.iter().any(|(id, _)| id < 0) {
            return Err("expected numbers of types from 0 on, found a negative one".to_owned());
        }
        self.charge(
            values.len(),
            (fields.len() as u64).saturating_mul(VALUE_BYTES),
        )?;
        let ids = fields.iter().map(|(id, _)| id).collect::<Vec<_>>();
        let mut children = vec![Vec::new(); ids.len()];
        let (mut type_ids, mut offsets) = (Vec::new(), Vec::new());
        for value in values {
            let wrong = || expected("a list of the number of a type and a value", value);
            let (id, inner) = match value.as_array().map(Vec::as_slice) {
                Some([id, inner]) => (id.as_i64().and_then(|id| i8::try_from(id).ok()), inner),
                // Below a null, or beside the type of a sparse union: a union has no nulls.
                None if value.is_null() => (ids.first().copied(), NULL),
                _ => return Err(wrong()),
            };
            let index = ids.iter().position(|other| Some(*other) == id);
            let index = index.ok_or_else(wrong)?;
            type_ids.push(ids[index]);
            offsets.push(i32::try_from(children[index].len()).map_err(|_| wrong())?);
            if mode == UnionMode::Sparse {
                children.iter_mut().for_each(|child| child.push(NULL));
                children[index].pop();
            }
            children[index].push(inner);
        }
        let columns = fields.iter().zip(&children).map(|((id, field), values)| {
            let column = self.column(field.data_type(), values)?;
            Ok(match mode {
                UnionMode::Sparse => without_nulls_beside(&column, &type_ids, id),
                UnionMode::Dense => column,
            })
        });
        let columns = columns.collect::<Result<Vec<_>, String>>()?;
        let offsets = (mode == UnionMode::Dense).then(|| offsets.into());
        let made = UnionArray::try_new(fields.clone(), type_ids.into(), offsets, columns);
        Ok(Arc::new(made.map_err(refused)?))
    }

    /// Makes a dictionary with a value of its own for each row.
    fn dictionary(
        &mut self,
        data_type: &DataType,
        keys: &DataType,
        value_type: &DataType,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        let key = |(row, value): (usize, &&Value)| match value.is_null() {
            true => Value::Null,
            false => Value::String(row.to_string()),
        };
        let key_values: Vec<Value> = values.iter().enumerate().map(key).collect();
        let key_values: Vec<&Value> = key_values.iter().collect();
        let keys = self.column(keys, &key_values)?;
        let values = self.column(value_type, values)?;
        let made = keys.to_data().into_builder().data_type(data_type.clone());
        let made = made.add_child_data(values.to_data()).build();
        Ok(make_array(made.map_err(refused)?))
    }

    /// Makes runs of one row each.
    fn runs(
        &mut self,
        data_type: &DataType,
        ends: &FieldRef,
        value_type: &DataType,
        values: &[&Value],
    ) -> Result<ArrayRef, String> {
        let end_values = (1..=values.len()).map(|end| Value::String(end.to_string()));
        let end_values: Vec<Value> = end_values.collect();
        let end_values: Vec<&Value> = end_values.iter().collect();
        let ends = self.column(ends.data_type(), &end_values)?;
        let rows = values.len();
        let values = self.column(value_type, values)?;
        let made = ArrayData::builder(data_type.clone())
            .len(rows)
            .child_data(vec![ends.to_data(), values.to_data()])
            .build();
        Ok(make_array(made.map_err(refused)?))
    }
}

/// Returns the lengths of lists, 0 for null, and the items of all.
fn flattened(lists: Vec<Option<Vec<&Value>>>) -> (Vec<usize>, Vec<&Value>) {
    let (mut lengths, mut items) = (Vec::new(), Vec::new());
    for list in lists {
        let list = list.unwrap_or_default();
        lengths.push(list.len());
        items.extend(list);
    }
    (lengths, items)
}

/// Returns a column of a sparse union without the nulls beside its type, which Arrow counts as
/// those of the union: a list of unions that are not null would be refused.
fn without_nulls_beside(column: &ArrayRef, type_ids: &[i8], id: i8) -> ArrayRef {
    let Some(nulls) = column.nulls() else {
        return Arc::clone(column);
    };
    let valid = nulls
        .iter()
        .zip(type_ids)
        .map(|(valid, of)| valid || *of != id);
    let nulls = NullBuffer::from_iter(valid);
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    // A key of an empty dictionary is no value: such nulls stay.
    let data = column.to_data().into_builder().nulls(nulls).build();
    data.map_or_else(|_| Arc::clone(column), make_array)
}
