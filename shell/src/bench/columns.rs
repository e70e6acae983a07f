//! Deterministic generated columns of any type.
//!
//! Values are numbers of a range, days of ten years, and words of lower-case letters.
//! Functions that need meaningful values are measured with the rows of a query.

// Types without child types.
mod leaf;

// The pseudorandom number generator.
mod random;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, FixedSizeListArray, Int32Array, Int64Array,
    LargeListArray, LargeListViewArray, ListArray, ListViewArray, MapArray, StructArray,
    UnionArray, make_array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, UnionFields, UnionMode};
use arrow::error::ArrowError;

pub(super) use random::Random;

type Result<T> = std::result::Result<T, ArrowError>;

/// Parameters of generated columns.
#[derive(Clone, Debug)]
pub(crate) struct ColumnShape {
    pub(crate) rows: usize,
    /// Percentage of nulls.
    pub(crate) nulls_percent: u8,
    /// Mean length of texts and binaries, in bytes.
    pub(crate) length: usize,
    /// Lowest and highest number.
    pub(crate) numbers: (i64, i64),
}

/// Generates columns of these types.
pub(super) fn generate<'a>(
    types: impl IntoIterator<Item = &'a DataType>,
    shape: &ColumnShape,
) -> Result<Vec<ArrayRef>> {
    let numbered = types.into_iter().zip(1..);
    // The seed of a column depends only on its position.
    let column = |(data_type, seed): (&DataType, u64)| {
        let mut generator = ColumnGenerator {
            shape,
            random: Random::new(seed),
        };
        generator.column(data_type, shape.rows, true)
    };
    numbered.map(column).collect()
}

struct ColumnGenerator<'a> {
    shape: &'a ColumnShape,
    random: Random,
}

/// Ratio of the mean length of texts to that of lists.
const TEXT_TO_LIST_LENGTH: usize = 4;

/// Maximum number of values of a dictionary.
const DICTIONARY_ROWS: usize = 100;

/// Length of a run of equal values.
const RUN_ROWS: usize = 8;

impl ColumnGenerator<'_> {
    /// Generates a column of `rows` rows, with nulls if it is nullable.
    fn column(&mut self, data_type: &DataType, rows: usize, nullable: bool) -> Result<ArrayRef> {
        use DataType::*;
        let column = match data_type {
            List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
                self.lists(data_type, item, rows)?
            }
            FixedSizeList(item, size) => {
                let all = rows.saturating_mul(usize::try_from(*size).unwrap_or_default());
                let child = self.child(item, all)?;
                let item = Arc::clone(item);
                Arc::new(FixedSizeListArray::try_new_with_length(
                    item, *size, child, None, rows,
                )?)
            }
            Struct(fields) => {
                let children = fields.iter().map(|field| self.child(field, rows));
                let children = children.collect::<Result<_>>()?;
                Arc::new(StructArray::try_new_with_length(
                    fields.clone(),
                    children,
                    None,
                    rows,
                )?)
            }
            Map(entries, sorted) => {
                let (offsets, all) = self.offsets(rows);
                let child = self.child(entries, all)?;
                let child = child.as_struct_opt().ok_or_else(|| unknown(data_type))?;
                let (entries, child) = (Arc::clone(entries), child.clone());
                Arc::new(MapArray::try_new(entries, offsets, child, None, *sorted)?)
            }
            Dictionary(key, value) => self.dictionary(data_type, key, value, rows)?,
            // These types have no validity bitmap.
            Union(fields, mode) => return self.union(fields, *mode, rows),
            RunEndEncoded(ends, values) => return self.runs(data_type, ends, values, rows),
            Null => return Ok(new_null_array(data_type, rows)),
            leaf => self.leaf(leaf, rows)?,
        };
        match nullable && self.shape.nulls_percent > 0 {
            true => self.with_nulls(&column),
            false => Ok(column),
        }
    }

    fn lists(&mut self, data_type: &DataType, item: &FieldRef, rows: usize) -> Result<ArrayRef> {
        use DataType::*;
        let (offsets, all) = self.offsets(rows);
        let child = self.child(item, all)?;
        let item = Arc::clone(item);
        let starts = offsets[..rows].iter();
        let sizes = offsets.lengths();
        Ok(match data_type {
            LargeList(_) => {
                let offsets = OffsetBuffer::from_lengths(sizes);
                Arc::new(LargeListArray::try_new(item, offsets, child, None)?)
            }
            ListView(_) => {
                let starts = starts.copied().collect();
                let sizes = sizes.map(|size| size as i32).collect();
                Arc::new(ListViewArray::try_new(item, starts, sizes, child, None)?)
            }
            LargeListView(_) => {
                let starts = starts.map(|start| i64::from(*start)).collect();
                let sizes = sizes.map(|size| size as i64).collect();
                Arc::new(LargeListViewArray::try_new(
                    item, starts, sizes, child, None,
                )?)
            }
            _ => Arc::new(ListArray::try_new(item, offsets.clone(), child, None)?),
        })
    }

    fn child(&mut self, field: &Field, rows: usize) -> Result<ArrayRef> {
        self.column(field.data_type(), rows, field.is_nullable())
    }

    /// Replaces a percentage of the values by nulls.
    fn with_nulls(&mut self, column: &ArrayRef) -> Result<ArrayRef> {
        let percent = u64::from(self.shape.nulls_percent);
        let valid = (0..column.len()).map(|_| self.random.below(100) >= percent);
        let nulls: NullBuffer = valid.collect::<Vec<bool>>().into();
        let data = column.to_data().into_builder().nulls(Some(nulls)).build()?;
        Ok(make_array(data))
    }

    /// Generates the offsets of lists; returns them with the total number of items.
    fn offsets(&mut self, rows: usize) -> (OffsetBuffer<i32>, usize) {
        let mean = self.shape.length / TEXT_TO_LIST_LENGTH;
        let lengths: Vec<usize> = (0..rows).map(|_| self.random.length(mean)).collect();
        let all = lengths.iter().sum();
        (OffsetBuffer::from_lengths(lengths), all)
    }

    fn dictionary(
        &mut self,
        data_type: &DataType,
        key: &DataType,
        value: &DataType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let distinct = DICTIONARY_ROWS.min(rows);
        let values = self.column(value, distinct, false)?;
        let keys = (0..rows).map(|_| self.random.below(distinct as u64) as i64);
        let keys = cast(&Int64Array::from_iter_values(keys), key)?;
        let data = keys.to_data().into_builder().data_type(data_type.clone());
        let data = data.add_child_data(values.to_data()).build()?;
        Ok(make_array(data))
    }

    fn runs(
        &mut self,
        data_type: &DataType,
        ends: &FieldRef,
        values: &FieldRef,
        rows: usize,
    ) -> Result<ArrayRef> {
        let numbers = (1..=rows.div_ceil(RUN_ROWS)).map(|run| (run * RUN_ROWS).min(rows) as i64);
        let numbers = Int64Array::from_iter_values(numbers);
        let values = self.child(values, numbers.len())?;
        let numbers = cast(&numbers, ends.data_type())?;
        if numbers.null_count() > 0 {
            let message = format!("{rows} rows are too many for {data_type}");
            return Err(ArrowError::InvalidArgumentError(message));
        }
        let data = ArrayData::builder(data_type.clone()).len(rows);
        let data = data.child_data(vec![numbers.to_data(), values.to_data()]);
        Ok(make_array(data.build()?))
    }

    fn union(&mut self, fields: &UnionFields, mode: UnionMode, rows: usize) -> Result<ArrayRef> {
        let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
        if ids.is_empty() {
            return Err(unknown(&DataType::Union(fields.clone(), mode)));
        }
        let row_ids = (0..rows).map(|_| ids[self.random.below(ids.len() as u64) as usize]);
        let row_ids: ScalarBuffer<i8> = row_ids.collect();
        // The offsets of a dense union are the row numbers, as in a sparse union.
        let offsets = Int32Array::from_iter_values((0..rows).map(|row| row as i32));
        let offsets = (mode == UnionMode::Dense).then(|| offsets.values().clone());
        let children = fields.iter().map(|(_, field)| self.child(field, rows));
        let children = children.collect::<Result<_>>()?;
        let union = UnionArray::try_new(fields.clone(), row_ids, offsets, children)?;
        Ok(Arc::new(union))
    }
}

fn unknown(data_type: &DataType) -> ArrowError {
    ArrowError::NotYetImplemented(format!("cannot generate values of type {data_type}"))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Fields, IntervalUnit, TimeUnit};

    use super::*;

    const SHAPE: ColumnShape = ColumnShape {
        rows: 500,
        nulls_percent: 0,
        length: 16,
        numbers: (1, 90),
    };

    fn field(data_type: DataType) -> FieldRef {
        Arc::new(Field::new_list_field(data_type, true))
    }

    fn leaves() -> Vec<DataType> {
        use DataType::*;
        use TimeUnit::*;
        let mut types = vec![
            Boolean,
            Int8,
            Int16,
            Int32,
            Int64,
            UInt8,
            UInt16,
            UInt32,
            UInt64,
            Float16,
            Float32,
            Float64,
            Date32,
            Date64,
            Utf8,
            LargeUtf8,
            Utf8View,
            Binary,
            LargeBinary,
            BinaryView,
        ];
        types.extend([FixedSizeBinary(3), FixedSizeBinary(0)]);
        types.extend([Decimal32(9, 2), Decimal64(18, 4), Decimal128(38, 38)]);
        types.extend([Decimal128(3, -2), Decimal256(60, 5), Decimal256(76, 76)]);
        types.extend([Time32(Second), Time32(Millisecond)]);
        types.extend([Time64(Microsecond), Time64(Nanosecond)]);
        for unit in [Second, Millisecond, Microsecond, Nanosecond] {
            let zones = [None, Some("+00:00".into()), Some("Europe/Paris".into())];
            types.extend(zones.map(|zone| Timestamp(unit, zone)));
            types.push(Duration(unit));
        }
        use IntervalUnit::*;
        types.extend([YearMonth, DayTime, MonthDayNano].map(Interval));
        types
    }

    fn nested() -> Vec<DataType> {
        use DataType::*;
        let pair = Fields::from(vec![
            Field::new("key", Utf8View, false),
            Field::new("value", Int64, true),
        ]);
        let entries = Arc::new(Field::new("entries", Struct(pair.clone()), false));
        let union = UnionFields::try_new([0, 3], pair.iter().cloned()).unwrap();
        vec![
            Null,
            List(field(Int64)),
            List(field(List(field(Utf8View)))),
            LargeList(field(Float64)),
            ListView(field(Utf8)),
            LargeListView(field(Int8)),
            FixedSizeList(field(Int64), 2),
            FixedSizeList(field(Int64), 0),
            Struct(pair),
            Struct(Fields::empty()),
            Map(entries, false),
            Dictionary(Box::new(Int8), Box::new(Utf8)),
            Dictionary(Box::new(UInt64), Box::new(Int64)),
            RunEndEncoded(Arc::new(Field::new("run_ends", Int16, false)), field(Utf8)),
            Union(union.clone(), UnionMode::Sparse),
            Union(union, UnionMode::Dense),
        ]
    }

    #[test]
    fn columns_of_every_type_are_valid_and_deterministic() {
        let shapes = [0, 30, 100].map(|nulls_percent| ColumnShape {
            nulls_percent,
            ..SHAPE
        });
        for data_type in leaves().into_iter().chain(nested()) {
            for shape in &shapes {
                let made = generate([&data_type], shape).unwrap();
                assert_eq!(made, generate([&data_type], shape).unwrap(), "{data_type}");
                let [column] = &made[..] else { panic!() };
                assert_eq!(column.data_type(), &data_type);
                assert_eq!(column.len(), shape.rows, "{data_type}");
                column.to_data().validate_full().unwrap();
            }
        }
    }

    #[test]
    fn the_percentage_of_nulls_is_respected() {
        for data_type in leaves() {
            let nulls = |nulls_percent| {
                let shape = ColumnShape {
                    nulls_percent,
                    ..SHAPE
                };
                generate([&data_type], &shape).unwrap()[0].null_count()
            };
            assert_eq!((nulls(0), nulls(100)), (0, SHAPE.rows), "{data_type}");
            assert!((100..200).contains(&nulls(30)), "{data_type}");
        }
    }

    #[test]
    fn columns_of_one_type_have_different_values() {
        let made = generate([&DataType::Int64, &DataType::Int64], &SHAPE).unwrap();
        assert_ne!(&made[0], &made[1]);
    }

    #[test]
    fn run_ends_that_exceed_their_type_are_an_error() {
        let ends = Arc::new(Field::new("run_ends", DataType::Int16, false));
        let runs = DataType::RunEndEncoded(ends, field(DataType::Utf8));
        let rows = |rows| generate([&runs], &ColumnShape { rows, ..SHAPE });
        assert!(rows(32_767).is_ok());
        assert!(rows(32_768).is_err());
    }
}
