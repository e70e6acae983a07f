//! Arrow encodings that the ABI has one layout for: dictionaries, runs and
//! sparse unions are encoded from decoded columns.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, RunEndIndexType};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, PrimitiveArray, UnionArray, downcast_integer,
    downcast_run_end_index, make_array, new_empty_array,
};
use arrow_buffer::ArrowNativeType;
use arrow_cast::cast;
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, UnionFields, UnionMode};

use super::column::invalid_array;
use super::union::ChildPositions;
use super::{LiftBudget, LiftError, null_column_bytes};

/// The type to lift a column of `data_type` as, before it is encoded: the same
/// values without dictionaries, runs and sparse unions.
pub(super) fn decoded_type(data_type: &DataType) -> DataType {
    use DataType::*;
    let field = |field: &FieldRef| {
        let nullable = field.is_nullable() && allows_null_values(field.data_type());
        let decoded = decoded_type(field.data_type());
        let field = Field::clone(field).with_data_type(decoded);
        Arc::new(field.with_nullable(nullable))
    };
    match data_type {
        Dictionary(_, values) => decoded_type(values),
        RunEndEncoded(_, values) => decoded_type(values.data_type()),
        List(item) => List(field(item)),
        LargeList(item) => LargeList(field(item)),
        ListView(item) => ListView(field(item)),
        LargeListView(item) => LargeListView(field(item)),
        FixedSizeList(item, size) => FixedSizeList(field(item), *size),
        Map(entries, sorted) => Map(field(entries), *sorted),
        Struct(fields) => Struct(fields.iter().map(field).collect()),
        Union(fields, _) => {
            let fields = fields.iter().map(|(id, child)| (id, field(child)));
            Union(fields.collect(), UnionMode::Dense)
        }
        other => other.clone(),
    }
}

/// Returns true if the encoding itself allows null values.
fn allows_null_values(data_type: &DataType) -> bool {
    match data_type {
        DataType::RunEndEncoded(_, values) => {
            values.is_nullable() && allows_null_values(values.data_type())
        }
        _ => true,
    }
}

/// Encodes a column of the [decoded type](decoded_type) of `data_type` as
/// `data_type`.
pub(super) fn encode(
    array: ArrayRef,
    data_type: &DataType,
    budget: &mut LiftBudget<'_>,
) -> Result<ArrayRef, LiftError> {
    if array.data_type() == data_type {
        return Ok(array);
    }
    match data_type {
        DataType::Dictionary(key, values) => {
            budget.take(array.len() as u64)?;
            let values = encode(array, values, budget)?;
            dictionary(&values, key, data_type).map_err(invalid_array)
        }
        DataType::RunEndEncoded(ends, field) => {
            budget.take(array.len() as u64)?;
            let values = encode(array, field.data_type(), budget)?;
            runs(&values, ends, data_type).map_err(invalid_array)
        }
        DataType::Union(fields, mode) => encode_union(&array, fields, *mode, budget),
        _ => {
            let data = array.to_data();
            let mut children = Vec::with_capacity(data.child_data().len());
            let fields = child_fields(data_type);
            for (child, field) in data.child_data().iter().zip(fields) {
                let child = make_array(child.clone());
                let encoded = encode(child, field.data_type(), budget);
                let encoded = encoded.map_err(|error| error.in_child(field.name(), |row| row));
                children.push(encoded?.to_data());
            }
            let builder = data.into_builder().data_type(data_type.clone());
            let data = builder
                .child_data(children)
                .build()
                .map_err(invalid_array)?;
            Ok(make_array(data))
        }
    }
}

fn child_fields(data_type: &DataType) -> Vec<&FieldRef> {
    use DataType::*;
    match data_type {
        List(field) | LargeList(field) | ListView(field) | LargeListView(field) => vec![field],
        FixedSizeList(field, _) | Map(field, _) => vec![field],
        Struct(fields) => fields.iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns true if Arrow's cast encodes such values as dictionaries and runs.
fn can_cast_to_encoded(values: &DataType) -> bool {
    use DataType::*;
    match values {
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        other => other.is_integer() || other.is_floating(),
    }
}

/// A dictionary of distinct values, or of all values if Arrow cannot compare
/// them.
fn dictionary(
    values: &ArrayRef,
    key: &DataType,
    data_type: &DataType,
) -> Result<ArrayRef, ArrowError> {
    fn array<K: ArrowDictionaryKeyType>(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let keys = (0..values.len()).map(K::Native::from_usize);
        let keys = keys.collect::<Option<Vec<_>>>();
        let keys = keys.ok_or(ArrowError::DictionaryKeyOverflowError)?;
        let keys = PrimitiveArray::<K>::try_new(keys.into(), values.logical_nulls())?;
        Ok(Arc::new(DictionaryArray::try_new(
            keys,
            Arc::clone(values),
        )?))
    }
    macro_rules! typed {
        ($t:ty) => {
            array::<$t>(values)
        };
    }
    if can_cast_to_encoded(values.data_type()) {
        return cast(values, data_type);
    }
    downcast_integer! {
        key => (typed),
        other => unreachable!("{other} is not a dictionary key type")
    }
}

/// Runs of equal values, or runs of one row if Arrow cannot compare them.
fn runs(values: &ArrayRef, ends: &FieldRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    fn ends_of_one<E: RunEndIndexType>(rows: usize) -> Option<ArrayData> {
        let ends = (1..=rows).map(E::Native::from_usize);
        let ends = ends.collect::<Option<Vec<_>>>()?;
        Some(PrimitiveArray::<E>::new(ends.into(), None).to_data())
    }
    macro_rules! typed {
        ($t:ty) => {
            ends_of_one::<$t>(values.len())
        };
    }
    if values.is_empty() {
        return Ok(new_empty_array(data_type));
    }
    let builder = ArrayData::builder(data_type.clone()).len(values.len());
    let children = if can_cast_to_encoded(values.data_type()) {
        cast(values, data_type)?.to_data().child_data().to_vec()
    } else {
        let ends = downcast_run_end_index! {
            ends.data_type() => (typed),
            other => unreachable!("{other} is not a run end type")
        };
        let ends = ends.ok_or(ArrowError::RunEndIndexOverflowError)?;
        vec![ends, values.to_data()]
    };
    Ok(make_array(builder.child_data(children).build()?))
}

/// Encodes a dense union as one of `mode`.
fn encode_union(
    array: &ArrayRef,
    fields: &UnionFields,
    mode: UnionMode,
    budget: &mut LiftBudget<'_>,
) -> Result<ArrayRef, LiftError> {
    let union = array.as_union();
    let offsets = union.offsets().expect("unions are lifted as dense ones");
    let positions = ChildPositions::of(fields);
    let mut children = Vec::with_capacity(fields.len());
    for (position, (id, field)) in fields.iter().enumerate() {
        let mut child = Arc::clone(union.child(id));
        if mode == UnionMode::Sparse {
            // A row of another child is null here, and one more null is
            // allocated.
            let nulls = (union.len() as u64).saturating_add(1);
            budget.take(null_column_bytes(nulls, child.data_type()))?;
            let rows = union.type_ids().iter().zip(offsets);
            let rows = rows.map(|(id, offset)| match positions.get(*id) {
                Some(child) if child == position => usize::try_from(*offset).ok(),
                _ => None,
            });
            child = scatter(&child, rows).map_err(invalid_array)?;
        }
        let encoded = encode(child, field.data_type(), budget);
        children.push(encoded.map_err(|error| error.in_child(field.name(), |row| row))?);
    }
    let offsets = (mode == UnionMode::Dense).then(|| offsets.clone());
    let ids = union.type_ids().clone();
    let union = UnionArray::try_new(fields.clone(), ids, offsets, children);
    Ok(Arc::new(union.map_err(invalid_array)?))
}

/// Copies rows of an array, with nulls between them. Arrow's `take` would do,
/// but returns one row for any number of lists of size 0.
fn scatter(
    array: &ArrayRef,
    rows: impl ExactSizeIterator<Item = Option<usize>>,
) -> Result<ArrayRef, ArrowError> {
    let (array, null) = (array.to_data(), ArrayData::new_null(array.data_type(), 1));
    let mut scattered = MutableArrayData::new(vec![&array, &null], false, rows.len());
    for row in rows {
        match row {
            Some(row) => scattered.try_extend(0, row, row.saturating_add(1))?,
            None => scattered.try_extend(1, 0, 1)?,
        }
    }
    Ok(make_array(scattered.freeze()))
}
