//! Values of arguments as they are buffered: without dictionaries and runs, and with one
//! bit pattern for floats that SQL takes for equal.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, UInt64Array, downcast_run_array,
    make_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float16Type, Float32Type, Float64Type, UnionFields,
};
use arrow::error::ArrowError;

/// Size up to which a value may be a literal, in bytes: DataFusion copies one for each row, in no
/// account.
pub(super) const LARGE_BYTES: usize = 4 << 10;

/// Returns the type of buffered values: without dictionaries and runs, at any depth.
///
/// Keys of several batches may not fit in the type of the keys of one.
pub(super) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => shared(plain_type(values)),
        DataType::RunEndEncoded(_, values) => shared(plain_type(values.data_type())),
        other => with_children(other, &|child| plain_type(child)),
    }
}

/// Returns a column in its [plain type](plain_type).
pub(super) fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let unpacked = match column.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let values = shared_values(plain(dictionary.values())?)?;
            return take(&values, dictionary.keys(), None);
        }
        DataType::RunEndEncoded(..) => {
            let (values, runs) = downcast_run_array!(
                column => {
                    let ends = column.run_ends();
                    let run = |row| ends.get_physical_index(row) as u64;
                    let runs = (0..column.len()).map(run);
                    (Arc::clone(column.values()), UInt64Array::from_iter_values(runs))
                },
                _ => return Ok(Arc::clone(column)),
            );
            let values = shared_values(plain(&values)?)?;
            return take(&values, &runs, None);
        }
        other => plain_type(other),
    };
    match unpacked == *column.data_type() {
        true => Ok(Arc::clone(column)),
        false => rebuilt(column, unpacked, &plain),
    }
}

/// Returns the type of values that are repeated: rows share long texts as views.
fn shared(data_type: DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other,
    }
}

fn shared_values(values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data_type = shared(values.data_type().clone());
    match data_type == *values.data_type() {
        true => Ok(values),
        false => cast(&values, &data_type),
    }
}

/// Returns a column whose floats are equal in bits if SQL takes them for equal, at any depth:
/// 0.0 for -0.0, and one NaN for all.
pub(crate) fn canonical_floats(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match column.data_type() {
        DataType::Float16 => canonical::<Float16Type>(column, Half::NAN),
        DataType::Float32 => canonical::<Float32Type>(column, f32::NAN),
        DataType::Float64 => canonical::<Float64Type>(column, f64::NAN),
        nested if has_floats(nested) => {
            rebuilt(column, column.data_type().clone(), &canonical_floats)?
        }
        _ => Arc::clone(column),
    })
}

type Half = <Float16Type as ArrowPrimitiveType>::Native;

fn canonical<T: ArrowPrimitiveType>(column: &ArrayRef, nan: T::Native) -> ArrayRef {
    let zero = T::Native::default();
    let of = |value: T::Native| match value.partial_cmp(&value) {
        None => nan,
        Some(_) if value == zero => zero,
        Some(_) => value,
    };
    let column: PrimitiveArray<T> = column.as_primitive::<T>().unary(of);
    Arc::new(column)
}

/// Returns true if values of a type contain floats.
fn has_floats(data_type: &DataType) -> bool {
    has_leaf(data_type, &DataType::is_floating)
}

/// Returns true if values of a type contain values of a type without children for which
/// `is_found` is true.
pub(super) fn has_leaf(data_type: &DataType, is_found: &dyn Fn(&DataType) -> bool) -> bool {
    use DataType::*;
    match data_type {
        List(item)
        | LargeList(item)
        | ListView(item)
        | LargeListView(item)
        | FixedSizeList(item, _)
        | Map(item, _)
        | RunEndEncoded(_, item) => has_leaf(item.data_type(), is_found),
        Dictionary(_, values) => has_leaf(values, is_found),
        Struct(fields) => {
            let mut fields = fields.iter();
            fields.any(|field| has_leaf(field.data_type(), is_found))
        }
        Union(fields, _) => {
            let mut fields = fields.iter();
            fields.any(|(_, field)| has_leaf(field.data_type(), is_found))
        }
        other => is_found(other),
    }
}

/// Returns a nested type with other types of its children.
fn with_children(data_type: &DataType, child: &dyn Fn(&DataType) -> DataType) -> DataType {
    use DataType::*;
    let of = |field: &FieldRef| -> FieldRef {
        let data_type = child(field.data_type());
        Arc::new(Field::clone(field).with_data_type(data_type))
    };
    match data_type {
        List(item) => List(of(item)),
        LargeList(item) => LargeList(of(item)),
        ListView(item) => ListView(of(item)),
        LargeListView(item) => LargeListView(of(item)),
        FixedSizeList(item, size) => FixedSizeList(of(item), *size),
        Map(entries, sorted) => Map(of(entries), *sorted),
        Struct(fields) => Struct(fields.iter().map(of).collect::<Fields>()),
        Union(fields, mode) => {
            let fields = fields.iter().map(|(id, field)| (id, of(field)));
            Union(fields.collect::<UnionFields>(), *mode)
        }
        other => other.clone(),
    }
}

/// Returns a nested column of the type `data_type` with other children.
fn rebuilt(
    column: &ArrayRef,
    data_type: DataType,
    child: &dyn Fn(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let data = column.to_data();
    let children = data.child_data().iter();
    let children = children.map(|data| Ok(child(&make_array(data.clone()))?.to_data()));
    let children = children.collect::<Result<_, ArrowError>>()?;
    let built = data.into_builder().data_type(data_type);
    Ok(make_array(built.child_data(children).build()?))
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Float64Array, Int8Array, ListArray, StringArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Int8Type;

    use super::*;

    fn list(values: ArrayRef, lengths: &[usize]) -> ArrayRef {
        let item = Field::new_list_field(values.data_type().clone(), true);
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(Arc::new(item), offsets, values, None))
    }

    #[test]
    fn dictionaries_are_unpacked_at_any_depth() {
        let keys = Int8Array::from(vec![Some(1), None, Some(0), Some(2)]);
        let values = StringArray::from(vec![Some("a"), Some("b"), None]);
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(values));
        let dictionary: ArrayRef = Arc::new(dictionary);
        let texts = StringArray::from(vec![Some("b"), None, Some("a"), None]);
        let texts = cast(&texts, &DataType::Utf8View).unwrap();
        assert_eq!(&plain(&dictionary).unwrap(), &texts);
        let nested = list(list(Arc::clone(&dictionary), &[3, 1]), &[0, 1, 1]).slice(1, 2);
        let expected = list(list(texts, &[3, 1]), &[0, 1, 1]).slice(1, 2);
        let found = plain(&nested).unwrap();
        assert_eq!(found.data_type(), &plain_type(nested.data_type()));
        assert_eq!(&found, &expected);
    }

    #[test]
    fn floats_that_sql_takes_for_equal_have_equal_bits_at_any_depth() {
        let other_nan = f64::from_bits(f64::NAN.to_bits() | 1);
        let floats = [
            0.0,
            -0.0,
            f64::NAN,
            -f64::NAN,
            other_nan,
            f64::INFINITY,
            -1.5,
        ];
        let floats: ArrayRef = Arc::new(Float64Array::from(floats.to_vec()));
        let bits = |column: &ArrayRef| -> Vec<u64> {
            let floats = column.as_primitive::<Float64Type>().values();
            floats.iter().map(|float| float.to_bits()).collect()
        };
        let nan = f64::NAN;
        let expected = [0.0, 0.0, nan, nan, nan, f64::INFINITY, -1.5].map(f64::to_bits);
        assert_eq!(bits(&canonical_floats(&floats).unwrap()), expected);
        let lists = canonical_floats(&list(floats, &[2, 5])).unwrap();
        assert_eq!(bits(lists.as_list::<i32>().values()), expected);
    }
}
