//! Arrays of arrow-rs, and the SQL types they stand for.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit, UnionMode};

use crate::sql::Sql;

/// An array of arrow-rs that a column can be: one of the layout that ABI 1 has
/// for its SQL type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an array that a SQL column can be",
    label = "no SQL column is such an array",
    note = "use an array of arrow-array 59 such as Int64Array, StringArray, Decimal128Array, ListArray or StructArray, or ArrayRef or dyn Array; there is one for each type, so text is a StringArray, whichever layout the engine has"
)]
pub trait Arrow: Array {
    /// The SQL types that it may stand for.
    const TYPES: Types;

    /// The array, if it is one of this type.
    fn downcast(array: &ArrayRef) -> Option<&Self>;
}

/// An array of arrow-rs that stands for one SQL type, unless something else is
/// said.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which SQL type it stands for",
    label = "which SQL type is this?",
    note = "an array that leaves its type open, such as ArrayRef or ListArray, has it written down: `#[sql(\"BIGINT[]\")]` before the argument, or `#[udf(columns, returns = \"BIGINT[]\")]` for the result; what is no array of arrow-array 59 is no column"
)]
pub trait ArrowType: Arrow {
    /// The SQL type.
    const SQL: Sql;
}

/// SQL types, as far as the compiler can tell them apart.
#[derive(Clone, Copy, Debug)]
pub enum Types {
    /// All of them.
    Any,
    /// Those of these names.
    Names(&'static [&'static str]),
    /// Decimals of up to so many digits, and of more than so many.
    Decimals(u8, u8),
    /// Lists.
    Lists,
    /// Structs.
    Structs,
    /// Maps.
    Maps,
    /// What only Arrow has a name for.
    Others,
}

impl Types {
    /// Whether a type is one of them. What `ARROW('…')` says is not looked at.
    pub(crate) const fn admit(&self, sql: &Sql) -> bool {
        match (self, sql) {
            (Self::Any, _) | (Self::Lists, Sql::List(_)) => true,
            (Self::Structs, Sql::Struct(_)) | (Self::Maps, Sql::Map(..)) => true,
            (Self::Decimals(most, less), Sql::Decimal(digits, _)) => {
                *digits <= *most && *digits > *less
            }
            (_, Sql::Name(name)) if begins(name, ARROW) => true,
            (Self::Names(names), Sql::Name(name)) => {
                let mut index = 0;
                while index < names.len() {
                    if names[index].len() == name.len() && begins(name, names[index]) {
                        return true;
                    }
                    index += 1;
                }
                false
            }
            _ => false,
        }
    }
}

/// What a type in Arrow's own spelling begins with.
const ARROW: &str = "ARROW('";

const fn begins(text: &str, beginning: &str) -> bool {
    let (text, beginning) = (text.as_bytes(), beginning.as_bytes());
    let mut index = 0;
    while index < beginning.len() {
        if index >= text.len() || text[index] != beginning[index] {
            return false;
        }
        index += 1;
    }
    true
}

impl Arrow for dyn Array + '_ {
    const TYPES: Types = Types::Any;

    fn downcast(array: &ArrayRef) -> Option<&Self> {
        Some(array.as_ref())
    }
}

impl Arrow for ArrayRef {
    const TYPES: Types = Types::Any;

    fn downcast(array: &ArrayRef) -> Option<&Self> {
        Some(array)
    }
}

macro_rules! arrays {
    ($($array:ident, $types:expr;)*) => {$(
        impl Arrow for arrow_array::$array {
            const TYPES: Types = $types;

            fn downcast(array: &ArrayRef) -> Option<&Self> {
                array.as_any().downcast_ref()
            }
        }
    )*};
}
macro_rules! typed {
    ($($array:ident, $sql:literal $(, $other:literal)*;)*) => {
        arrays! { $($array, Types::Names(&[$sql $(, $other)*]);)* }
        $(
            impl ArrowType for arrow_array::$array {
                const SQL: Sql = Sql::Name($sql);
            }
        )*
    };
}
typed! {
    BooleanArray, "BOOLEAN";
    Int8Array, "TINYINT";
    UInt8Array, "TINYINT UNSIGNED";
    Int16Array, "SMALLINT";
    UInt16Array, "SMALLINT UNSIGNED";
    Int32Array, "INT";
    UInt32Array, "INT UNSIGNED";
    Int64Array, "BIGINT";
    UInt64Array, "BIGINT UNSIGNED";
    Float16Array, "ARROW('Float16')";
    Float32Array, "FLOAT";
    Float64Array, "DOUBLE";
    StringArray, "VARCHAR";
    BinaryArray, "BYTEA";
    Date32Array, "DATE";
    Date64Array, "ARROW('Date64')";
    Time32SecondArray, "ARROW('Time32(s)')";
    Time32MillisecondArray, "ARROW('Time32(ms)')";
    Time64MicrosecondArray, "ARROW('Time64(µs)')";
    Time64NanosecondArray, "TIME";
    TimestampSecondArray, "TIMESTAMP(0)", "TIMESTAMP(0) WITH TIME ZONE";
    TimestampMillisecondArray, "TIMESTAMP(3)", "TIMESTAMP(3) WITH TIME ZONE";
    TimestampMicrosecondArray, "TIMESTAMP(6)", "TIMESTAMP(6) WITH TIME ZONE";
    TimestampNanosecondArray, "TIMESTAMP", "TIMESTAMP WITH TIME ZONE";
    DurationSecondArray, "ARROW('Duration(s)')";
    DurationMillisecondArray, "ARROW('Duration(ms)')";
    DurationMicrosecondArray, "ARROW('Duration(µs)')";
    DurationNanosecondArray, "ARROW('Duration(ns)')";
    IntervalYearMonthArray, "ARROW('Interval(YearMonth)')";
    IntervalDayTimeArray, "ARROW('Interval(DayTime)')";
    IntervalMonthDayNanoArray, "INTERVAL";
    NullArray, "ARROW('Null')";
}
arrays! {
    Decimal32Array, Types::Others;
    Decimal64Array, Types::Others;
    Decimal128Array, Types::Decimals(DECIMAL128_DIGITS, 0);
    Decimal256Array, Types::Decimals(u8::MAX, DECIMAL128_DIGITS);
    FixedSizeBinaryArray, Types::Others;
    FixedSizeListArray, Types::Others;
    ListArray, Types::Lists;
    MapArray, Types::Maps;
    StructArray, Types::Structs;
    UnionArray, Types::Others;
}

/// The most digits of a decimal of 128 bits.
const DECIMAL128_DIGITS: u8 = arrow_schema::DECIMAL128_MAX_PRECISION;

/// Arrow's name of a SQL type, in the one layout that ABI 1 has for it.
pub(crate) fn data_type(sql: &Sql) -> Result<DataType, String> {
    let child = |name: &str, sql: &Sql, nullable| {
        data_type(sql).map(|data_type| Field::new(name, data_type, nullable))
    };
    Ok(match sql {
        Sql::Name(name) => return named(name),
        Sql::Decimal(digits, scale) if *digits <= DECIMAL128_DIGITS => {
            DataType::Decimal128(*digits, *scale)
        }
        Sql::Decimal(digits, scale) => DataType::Decimal256(*digits, *scale),
        Sql::List(item) => {
            DataType::List(Arc::new(child(Field::LIST_FIELD_DEFAULT_NAME, item, true)?))
        }
        Sql::Struct(fields) => {
            let fields = fields.iter().map(|(name, sql)| child(name, sql, true));
            DataType::Struct(fields.collect::<Result<Fields, String>>()?)
        }
        Sql::Map(key, value) => {
            let fields = [child("key", key, false)?, child("value", value, true)?];
            let entries = DataType::Struct(fields.into_iter().collect());
            DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
        }
    })
}

fn named(name: &str) -> Result<DataType, String> {
    let zone = Some("+00:00".into());
    Ok(match name {
        "BOOLEAN" => DataType::Boolean,
        "TINYINT" => DataType::Int8,
        "TINYINT UNSIGNED" => DataType::UInt8,
        "SMALLINT" => DataType::Int16,
        "SMALLINT UNSIGNED" => DataType::UInt16,
        "INT" => DataType::Int32,
        "INT UNSIGNED" => DataType::UInt32,
        "BIGINT" => DataType::Int64,
        "BIGINT UNSIGNED" => DataType::UInt64,
        "FLOAT" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "VARCHAR" => DataType::Utf8,
        "BYTEA" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Nanosecond),
        "TIMESTAMP(0)" => DataType::Timestamp(TimeUnit::Second, None),
        "TIMESTAMP(3)" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "TIMESTAMP(6)" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "TIMESTAMP(0) WITH TIME ZONE" => DataType::Timestamp(TimeUnit::Second, zone),
        "TIMESTAMP(3) WITH TIME ZONE" => DataType::Timestamp(TimeUnit::Millisecond, zone),
        "TIMESTAMP(6) WITH TIME ZONE" => DataType::Timestamp(TimeUnit::Microsecond, zone),
        "TIMESTAMP WITH TIME ZONE" => DataType::Timestamp(TimeUnit::Nanosecond, zone),
        "INTERVAL" => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => {
            let text = name
                .strip_prefix(ARROW)
                .and_then(|text| text.strip_suffix("')"));
            let parsed = text.and_then(|text| text.replace("''", "'").parse().ok());
            let parsed: DataType = parsed.ok_or_else(|| format!("{name} is no type of Arrow's"))?;
            in_layout(&parsed)
        }
    })
}

/// The same type in the one layout that ABI 1 has for it.
fn in_layout(data_type: &DataType) -> DataType {
    let child = |field: &FieldRef| {
        let data_type = in_layout(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(child(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(child(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(child).collect()),
        DataType::Map(entries, sorted) => DataType::Map(child(entries), *sorted),
        DataType::Union(fields, _) => {
            let fields = fields.iter().map(|(id, field)| (id, child(field)));
            DataType::Union(fields.collect(), UnionMode::Dense)
        }
        DataType::Dictionary(_, values) => in_layout(values),
        DataType::RunEndEncoded(_, values) => in_layout(values.data_type()),
        plain => plain.clone(),
    }
}

/// Whether a result may be an array of the type `actual` where it is declared
/// to be `declared`: the values must mean the same. Names count in a struct,
/// and nowhere else; a time zone is how points in time are shown.
pub(crate) fn is_result(actual: &DataType, declared: &DataType) -> bool {
    let child = |a: &FieldRef, b: &FieldRef| is_result(a.data_type(), b.data_type());
    match (actual, declared) {
        (DataType::List(a), DataType::List(b)) => child(a, b),
        (DataType::FixedSizeList(a, size), DataType::FixedSizeList(b, of)) => {
            size == of && child(a, b)
        }
        (DataType::Struct(a), DataType::Struct(b)) => {
            let mut pairs = a.iter().zip(b);
            a.len() == b.len() && pairs.all(|(a, b)| a.name() == b.name() && child(a, b))
        }
        (DataType::Map(a, _), DataType::Map(b, _)) => match (a.data_type(), b.data_type()) {
            (DataType::Struct(a), DataType::Struct(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| child(a, b))
            }
            _ => false,
        },
        (DataType::Union(a, a_mode), DataType::Union(b, b_mode)) => {
            let mut pairs = a.iter().zip(b.iter());
            let same = |((a_id, a), (b_id, b))| a_id == b_id && child(a, b);
            a_mode == b_mode && a.len() == b.len() && pairs.all(same)
        }
        (DataType::Timestamp(a, a_zone), DataType::Timestamp(b, b_zone)) => {
            a == b && a_zone.is_some() == b_zone.is_some()
        }
        _ => actual == declared,
    }
}

/// An array of `rows` rows, each of which is the one row of `array`.
///
/// # Errors
///
/// If the rows have more bytes than offsets can say.
pub(crate) fn spread(array: &ArrayData, rows: usize) -> Result<ArrayData, String> {
    // First a few, and those so often: rows that are copied together cost less.
    const TOGETHER: usize = 64;
    let repeat = |array: &ArrayData, rows: usize| {
        let mut spread = MutableArrayData::new(vec![array], false, rows);
        for start in (0..rows).step_by(array.len()) {
            let copied = spread.try_extend(0, 0, array.len().min(rows - start));
            copied.map_err(|error| error.to_string())?;
        }
        Ok(spread.freeze())
    };
    let few = repeat(array, TOGETHER.min(rows))?;
    repeat(&few, rows)
}

/// Where the buffers of arrays lie.
#[derive(Debug)]
pub(crate) struct Borrowed(Vec<NonNull<u8>>);

/// The nulls and buffers of an array, with copies of those that were borrowed.
pub(crate) struct Copied {
    pub(crate) nulls: Option<NullBuffer>,
    pub(crate) buffers: Vec<Buffer>,
}

impl Borrowed {
    /// Finds all buffers of these arrays.
    pub(crate) fn of(arrays: &[ArrayData]) -> Self {
        let mut places = Vec::new();
        let mut left: Vec<&ArrayData> = arrays.iter().collect();
        while let Some(array) = left.pop() {
            let nulls = array.nulls().map(NullBuffer::buffer);
            places.extend(array.buffers().iter().chain(nulls).map(Buffer::data_ptr));
            left.extend(array.child_data());
        }
        Self(places)
    }

    /// Copies those buffers of an array that are a part of one of these.
    pub(crate) fn copied(&self, array: &ArrayData) -> Copied {
        let copied = |buffer: &Buffer| match self.0.contains(&buffer.data_ptr()) {
            true => Buffer::from_slice_ref(buffer.as_slice()),
            false => buffer.clone(),
        };
        let nulls = array.nulls().map(|nulls| {
            let bits = copied(nulls.buffer());
            NullBuffer::new(BooleanBuffer::new(bits, nulls.offset(), nulls.len()))
        });
        let buffers = array.buffers().iter().map(copied).collect();
        Copied { nulls, buffers }
    }
}

// The struct of this crate and that of ABI 1 are one and the same.
#[cfg(target_arch = "wasm32")]
const _: () = {
    use std::mem::offset_of;

    use arrow_array::ffi::FFI_ArrowArray;
    use fusebox_abi::ArrowArray;

    assert!(size_of::<FFI_ArrowArray>() == ArrowArray::SIZE);
    assert!(align_of::<FFI_ArrowArray>() == align_of::<ArrowArray>());
    assert!(offset_of!(FFI_ArrowArray, length) == offset_of!(ArrowArray, length));
    assert!(offset_of!(FFI_ArrowArray, null_count) == offset_of!(ArrowArray, null_count));
    assert!(offset_of!(FFI_ArrowArray, offset) == offset_of!(ArrowArray, offset));
    assert!(offset_of!(FFI_ArrowArray, n_buffers) == offset_of!(ArrowArray, n_buffers));
    assert!(offset_of!(FFI_ArrowArray, n_children) == offset_of!(ArrowArray, n_children));
    assert!(offset_of!(FFI_ArrowArray, buffers) == offset_of!(ArrowArray, buffers));
    assert!(offset_of!(FFI_ArrowArray, children) == offset_of!(ArrowArray, children));
    assert!(offset_of!(FFI_ArrowArray, dictionary) == offset_of!(ArrowArray, dictionary));
    assert!(offset_of!(FFI_ArrowArray, release) == offset_of!(ArrowArray, release));
    assert!(offset_of!(FFI_ArrowArray, private_data) == offset_of!(ArrowArray, private_data));
};
