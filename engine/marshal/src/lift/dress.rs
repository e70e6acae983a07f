//! What Arrow has several layouts of and the border one: dictionaries, runs and
//! sparse unions are made of plain columns.
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

use super::column::misfit;
use super::union::Places;
use super::{Allowance, Unlifted};

/// The type as which a column of `data_type` is lifted first.
pub(super) fn plain(data_type: &DataType) -> DataType {
    use DataType::*;
    let field = |field: &FieldRef| {
        let nullable = field.is_nullable() && takes_nulls(field.data_type());
        let plain = plain(field.data_type());
        let field = Field::clone(field).with_data_type(plain);
        Arc::new(field.with_nullable(nullable))
    };
    match data_type {
        Dictionary(_, values) => plain(values),
        RunEndEncoded(_, values) => plain(values.data_type()),
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

/// Whether the values may be null, as the type itself says.
fn takes_nulls(data_type: &DataType) -> bool {
    match data_type {
        DataType::RunEndEncoded(_, values) => {
            values.is_nullable() && takes_nulls(values.data_type())
        }
        _ => true,
    }
}

/// Makes a column of `data_type` of one of its plain type.
pub(super) fn dress(
    array: ArrayRef,
    data_type: &DataType,
    allowance: &mut Allowance,
) -> Result<ArrayRef, Unlifted> {
    if array.data_type() == data_type {
        return Ok(array);
    }
    match data_type {
        DataType::Dictionary(key, values) => {
            allowance.take(array.len() as u64)?;
            let values = dress(array, values, allowance)?;
            dictionary(&values, key, data_type).map_err(misfit)
        }
        DataType::RunEndEncoded(ends, field) => {
            allowance.take(array.len() as u64)?;
            let values = dress(array, field.data_type(), allowance)?;
            runs(&values, ends, data_type).map_err(misfit)
        }
        DataType::Union(fields, mode) => union(&array, fields, *mode, allowance),
        _ => {
            let data = array.to_data();
            let mut children = Vec::with_capacity(data.child_data().len());
            let fields = child_fields(data_type);
            for (child, field) in data.child_data().iter().zip(fields) {
                let child = make_array(child.clone());
                let dressed = dress(child, field.data_type(), allowance);
                let dressed =
                    dressed.map_err(|unlifted| unlifted.in_child(field.name(), |row| row));
                children.push(dressed?.to_data());
            }
            let builder = data.into_builder().data_type(data_type.clone());
            let data = builder.child_data(children).build().map_err(misfit)?;
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

/// Whether Arrow packs such values into dictionaries and runs.
fn is_packed(values: &DataType) -> bool {
    use DataType::*;
    match values {
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        other => other.is_integer() || other.is_floating(),
    }
}

/// A dictionary that holds each value once, or, where it is not known when two
/// are equal, as often as it occurs.
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
    if is_packed(values.data_type()) {
        return cast(values, data_type);
    }
    downcast_integer! {
        key => (typed),
        other => unreachable!("{other} is no key of a dictionary")
    }
}

/// Runs of equal values, or, where it is not known when two are equal, of one.
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
    let children = if is_packed(values.data_type()) {
        cast(values, data_type)?.to_data().child_data().to_vec()
    } else {
        let ends = downcast_run_end_index! {
            ends.data_type() => (typed),
            other => unreachable!("{other} is no end of a run")
        };
        let ends = ends.ok_or(ArrowError::RunEndIndexOverflowError)?;
        vec![ends, values.to_data()]
    };
    Ok(make_array(builder.child_data(children).build()?))
}

/// A union of the mode, of a dense one.
fn union(
    array: &ArrayRef,
    fields: &UnionFields,
    mode: UnionMode,
    allowance: &mut Allowance,
) -> Result<ArrayRef, Unlifted> {
    let union = array.as_union();
    let offsets = union.offsets().expect("unions are lifted as dense ones");
    let places = Places::of(fields);
    let mut children = Vec::with_capacity(fields.len());
    for (place, (id, field)) in fields.iter().enumerate() {
        let mut child = Arc::clone(union.child(id));
        if mode == UnionMode::Sparse {
            // A row that stands in another child has a null here, and so may
            // one that is not there.
            allowance.take_nulls((union.len() as u64).saturating_add(1), child.data_type())?;
            let rows = union.type_ids().iter().zip(offsets);
            let rows = rows.map(|(id, offset)| match places.get(*id) {
                Some(its) if its == place => usize::try_from(*offset).ok(),
                _ => None,
            });
            child = spread(&child, rows).map_err(misfit)?;
        }
        let dressed = dress(child, field.data_type(), allowance);
        children.push(dressed.map_err(|unlifted| unlifted.in_child(field.name(), |row| row))?);
    }
    let offsets = (mode == UnionMode::Dense).then(|| offsets.clone());
    let ids = union.type_ids().clone();
    let union = UnionArray::try_new(fields.clone(), ids, offsets, children);
    Ok(Arc::new(union.map_err(misfit)?))
}

/// Rows of an array, with nulls in between. That could be a `take`, had Arrow's
/// one a row for each list of the size 0.
fn spread(
    array: &ArrayRef,
    rows: impl ExactSizeIterator<Item = Option<usize>>,
) -> Result<ArrayRef, ArrowError> {
    let (array, null) = (array.to_data(), ArrayData::new_null(array.data_type(), 1));
    let mut spread = MutableArrayData::new(vec![&array, &null], false, rows.len());
    for row in rows {
        match row {
            Some(row) => spread.try_extend(0, row, row.saturating_add(1))?,
            None => spread.try_extend(1, 0, 1)?,
        }
    }
    Ok(make_array(spread.freeze()))
}
