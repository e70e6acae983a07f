//! Columns of a batch in the layouts that are written.

use std::str::FromStr;

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    Decimal256Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, PrimitiveArray, StringViewArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use chrono::{DateTime, Offset, TimeZone};

use super::EncodingError;
use super::json::{display_texts, json_texts};
use super::types::{PgType, ScalarType, item};

/// Column in a layout that is written.
pub(crate) struct Column {
    pub(super) values: Values,
    is_json: bool,
}

/// Values of a column.
pub(super) enum Values {
    Bool(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Float4(Float32Array),
    Float8(Float64Array),
    Decimal128(Decimal128Array),
    Decimal256(Decimal256Array),
    Text(StringViewArray),
    Bytea(BinaryViewArray),
    Date(Date32Array),
    /// Microseconds of the day.
    Time(Int64Array),
    /// Microseconds since 1970.
    Timestamp(Int64Array, Option<Tz>),
    Interval(IntervalMonthDayNanoArray),
    Array {
        lists: ListArray,
        items: Box<Column>,
        item_type: ScalarType,
    },
}

impl Column {
    /// Converts a column to the layout of a type.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] for a value outside of the type's range.
    pub(crate) fn new(array: &ArrayRef, pg_type: PgType) -> Result<Self, EncodingError> {
        let converted = match pg_type.is_array {
            true => array_values(array, pg_type.scalar)?,
            false => {
                scalar_values(array, pg_type.scalar).map_err(|cause| EncodingError::Result {
                    expected: pg_type.to_string(),
                    cause,
                })?
            }
        };
        Ok(Self {
            values: converted,
            is_json: pg_type.scalar == ScalarType::Json,
        })
    }

    /// Returns true if the texts of the column are JSON.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Returns true if a row is null.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match &self.values {
            Values::Bool(array) => array.is_null(row),
            Values::Int2(array) => array.is_null(row),
            Values::Int4(array) => array.is_null(row),
            Values::Int8(array) | Values::Time(array) | Values::Timestamp(array, _) => {
                array.is_null(row)
            }
            Values::Float4(array) => array.is_null(row),
            Values::Float8(array) => array.is_null(row),
            Values::Decimal128(array) => array.is_null(row),
            Values::Decimal256(array) => array.is_null(row),
            Values::Text(array) => array.is_null(row),
            Values::Bytea(array) => array.is_null(row),
            Values::Date(array) => array.is_null(row),
            Values::Interval(array) => array.is_null(row),
            Values::Array { lists, .. } => lists.is_null(row),
        }
    }
}

fn array_values(array: &ArrayRef, item_type: ScalarType) -> Result<Values, EncodingError> {
    let failed = |cause| EncodingError::Result {
        expected: format!("{}[]", item_type.name()),
        cause,
    };
    let item = item(array.data_type()).map(|item| item.data_type().clone());
    let list = DataType::new_list(item.unwrap_or_else(|| item_type.arrow()), true);
    let cast = cast(array, &list).map_err(failed)?;
    let mut lists = cast.as_list::<i32>().clone();
    if lists.len() != array.len() {
        // Arrow's cast loses the rows of lists of no items.
        let (field, _, items, _) = lists.into_parts();
        let offsets = OffsetBuffer::new_zeroed(array.len());
        let nulls = array.nulls().cloned();
        lists = ListArray::try_new(field, offsets, items, nulls).map_err(failed)?;
    }
    let items = Column::new(lists.values(), PgType::scalar(item_type))?;
    Ok(Values::Array {
        lists,
        items: Box::new(items),
        item_type,
    })
}

fn scalar_values(array: &ArrayRef, scalar: ScalarType) -> Result<Values, ArrowError> {
    let array = &plain(array)?;
    Ok(match scalar {
        ScalarType::Bool => Values::Bool(cast(array, &DataType::Boolean)?.as_boolean().clone()),
        ScalarType::Int2 => Values::Int2(primitive(array, &DataType::Int16)?),
        ScalarType::Int4 => Values::Int4(primitive(array, &DataType::Int32)?),
        ScalarType::Int8 => Values::Int8(primitive(array, &DataType::Int64)?),
        ScalarType::Float4 => Values::Float4(primitive(array, &DataType::Float32)?),
        ScalarType::Float8 => Values::Float8(primitive(array, &DataType::Float64)?),
        ScalarType::Numeric => numeric(array)?,
        ScalarType::Text | ScalarType::Json => Values::Text(texts(array)?),
        ScalarType::Bytea => Values::Bytea(bytes(array)?),
        ScalarType::Date => Values::Date(primitive(array, &DataType::Date32)?),
        ScalarType::Time => Values::Time(times(array)?),
        ScalarType::Timestamp | ScalarType::Timestamptz => timestamps(array, scalar)?,
        ScalarType::Interval => Values::Interval(intervals(array)?),
    })
}

/// Casts a column; a value that does not fit is an error.
fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(ArrayRef::clone(array));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, to, &options)
}

fn primitive<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    to: &DataType,
) -> Result<PrimitiveArray<T>, ArrowError> {
    Ok(cast(array, to)?.as_primitive::<T>().clone())
}

/// Decodes dictionaries and runs.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, &values.as_ref().clone()),
        DataType::RunEndEncoded(_, values) => cast(array, &values.data_type().clone()),
        _ => Ok(ArrayRef::clone(array)),
    }
}

fn numeric(array: &ArrayRef) -> Result<Values, ArrowError> {
    Ok(match array.data_type() {
        DataType::Decimal256(..) => Values::Decimal256(array.as_primitive().clone()),
        DataType::Decimal128(..) => Values::Decimal128(array.as_primitive().clone()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            let to = DataType::Decimal128(*precision, *scale);
            Values::Decimal128(primitive(array, &to)?)
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            Values::Decimal256(primitive(array, &DataType::Decimal256(76, 20))?)
        }
        _ => Values::Decimal128(primitive(array, &DataType::Decimal128(20, 0))?),
    })
}

fn texts(array: &ArrayRef) -> Result<StringViewArray, ArrowError> {
    match PgType::of(array.data_type()) {
        _ if matches!(array.data_type(), DataType::Null) => {
            Ok(StringViewArray::new_null(array.len()))
        }
        PgType {
            scalar: ScalarType::Text,
            is_array: false,
        } if array.data_type().is_string() => {
            Ok(cast(array, &DataType::Utf8View)?.as_string_view().clone())
        }
        PgType {
            scalar: ScalarType::Json,
            ..
        } => json_texts(array),
        _ => display_texts(array),
    }
}

fn bytes(array: &ArrayRef) -> Result<BinaryViewArray, ArrowError> {
    let array = match array.data_type() {
        DataType::FixedSizeBinary(_) => cast(array, &DataType::Binary)?,
        _ => ArrayRef::clone(array),
    };
    Ok(cast(&array, &DataType::BinaryView)?
        .as_binary_view()
        .clone())
}

fn times(array: &ArrayRef) -> Result<Int64Array, ArrowError> {
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            let seconds = array.as_primitive::<Time32SecondType>();
            Ok(seconds.unary(|value| i64::from(value) * 1_000_000))
        }
        DataType::Time32(_) => {
            let millis = array.as_primitive::<Time32MillisecondType>();
            Ok(millis.unary(|value| i64::from(value) * 1_000))
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            let nanos = array.as_primitive::<Time64NanosecondType>();
            Ok(nanos.unary(|value| value / 1_000))
        }
        _ => {
            let micros = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
            Ok(micros
                .as_primitive::<Time64MicrosecondType>()
                .unary(|value| value))
        }
    }
}

fn timestamps(array: &ArrayRef, scalar: ScalarType) -> Result<Values, ArrowError> {
    let array = match array.data_type() {
        DataType::Timestamp(..) => ArrayRef::clone(array),
        _ => cast(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?,
    };
    let zone = match array.data_type() {
        DataType::Timestamp(_, Some(zone)) => Some(Tz::from_str(zone)?),
        _ if scalar == ScalarType::Timestamptz => Some(Tz::from_str("+00:00")?),
        _ => None,
    };
    let zone = zone.filter(|_| scalar == ScalarType::Timestamptz);
    let micros = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            times_factor::<TimestampSecondType>(&array, 1_000_000)?
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            times_factor::<TimestampMillisecondType>(&array, 1_000)?
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            times_factor::<TimestampMicrosecondType>(&array, 1)?
        }
        _ => {
            let nanos = array.as_primitive::<TimestampNanosecondType>();
            nanos.unary::<_, Int64Type>(|value| value.div_euclid(1_000))
        }
    };
    Ok(Values::Timestamp(micros, zone))
}

fn times_factor<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    factor: i64,
) -> Result<Int64Array, ArrowError> {
    array.as_primitive::<T>().try_unary(|value| {
        let product = value.checked_mul(factor);
        product.ok_or_else(|| ArrowError::ComputeError(format!("{value} is out of range")))
    })
}

fn intervals(array: &ArrayRef) -> Result<IntervalMonthDayNanoArray, ArrowError> {
    let nanos = match array.data_type() {
        DataType::Duration(TimeUnit::Second) => {
            times_factor::<DurationSecondType>(array, 1_000_000_000)?
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            times_factor::<DurationMillisecondType>(array, 1_000_000)?
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            times_factor::<DurationMicrosecondType>(array, 1_000)?
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            times_factor::<DurationNanosecondType>(array, 1)?
        }
        _ => return primitive(array, &DataType::Interval(IntervalUnit::MonthDayNano)),
    };
    let interval = |nanos| IntervalMonthDayNano::new(0, 0, nanos);
    Ok(nanos.unary::<_, IntervalMonthDayNanoType>(interval))
}

/// Returns the seconds east of UTC of a time zone at a moment; 0 in years that it has no rules for.
pub(super) fn offset_at(zone: Tz, micros: i64) -> i32 {
    let moment = DateTime::from_timestamp_micros(micros);
    moment.map_or(0, |moment| {
        let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
        offset.fix().local_minus_utc()
    })
}
