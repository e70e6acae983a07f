//! Arrays of arrow-rs, and their SQL types.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit, UnionMode};

use crate::sql::Sql;

/// An array type of arrow-rs whose layout is that of ABI 1 for its SQL type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an array type of a SQL column",
    label = "not an array of a SQL column",
    note = "use an array of arrow-array 59 such as Int64Array, StringArray, Decimal128Array, ListArray or StructArray, or ArrayRef or dyn Array; each SQL type has one, so text is a StringArray in any layout of the engine"
)]
pub trait Arrow: Array {
    /// The SQL types that the array may have.
    const TYPES: Types;

    /// Downcasts an array; none if it is of another type.
    fn downcast(array: &ArrayRef) -> Option<&Self>;
}

/// An array type of arrow-rs that has one SQL type by default.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no default SQL type",
    label = "no SQL type by default",
    note = "declare the type of an array such as ArrayRef or ListArray: `#[sql(\"BIGINT[]\")]` before the argument, or `#[udf(columns, returns = \"BIGINT[]\")]` for the result; only arrays of arrow-array 59 are columns"
)]
pub trait ArrowType: Arrow {
    /// The SQL type.
    const SQL: Sql;
}

/// Sets of SQL types, as far as the compiler can tell types apart.
#[derive(Clone, Copy, Debug)]
pub enum Types {
    /// All types.
    Any,
    /// The types of these names.
    Names(&'static [&'static str]),
    /// Decimals of at most the first and more than the second number of digits.
    Decimals(u8, u8),
    /// Lists.
    Lists,
    /// Structs.
    Structs,
    /// Maps.
    Maps,
    /// Types that only `ARROW('…')` names.
    Others,
}

impl Types {
    /// Returns true if the set contains a type. The text of `ARROW('…')` is not
    /// checked.
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

/// Start of a type in Arrow's own spelling.
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

/// Maximum number of digits of a 128-bit decimal.
const DECIMAL128_DIGITS: u8 = arrow_schema::DECIMAL128_MAX_PRECISION;

/// Returns the Arrow type of a SQL type, in its layout of ABI 1.
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
            let parsed: DataType = parsed.ok_or_else(|| format!("{name} is not an Arrow type"))?;
            in_layout(&parsed)
        }
    })
}

/// Returns the type with the same values in the layout of ABI 1.
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

/// Returns true if an array of type `actual` is a valid result of type
/// `declared`, with values of the same meaning. Only the names of struct fields
/// must match; time zones may differ.
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

/// Returns an array of `rows` copies of the single row of `array`.
///
/// # Errors
///
/// If the data of the rows exceeds the range of offsets.
pub(crate) fn expand(array: &ArrayData, rows: usize) -> Result<ArrayData, String> {
    // First a few copies, then copies of those: fewer and longer copies are
    // faster.
    const REPEATED_ROWS: usize = 64;
    let repeat = |array: &ArrayData, rows: usize| {
        let mut expanded = MutableArrayData::new(vec![array], false, rows);
        for start in (0..rows).step_by(array.len()) {
            let copied = expanded.try_extend(0, 0, array.len().min(rows - start));
            copied.map_err(|error| error.to_string())?;
        }
        Ok(expanded.freeze())
    };
    let few = repeat(array, REPEATED_ROWS.min(rows))?;
    repeat(&few, rows)
}

/// The addresses of the buffers of arrays.
#[derive(Debug)]
pub(crate) struct BorrowedBuffers(Vec<NonNull<u8>>);

/// The validity and the buffers of an array, with copies of those that were
/// borrowed.
pub(crate) struct CopiedBuffers {
    pub(crate) nulls: Option<NullBuffer>,
    pub(crate) buffers: Vec<Buffer>,
}

impl BorrowedBuffers {
    /// Collects the addresses of all buffers of these arrays.
    pub(crate) fn of(arrays: &[ArrayData]) -> Self {
        let mut slots = Vec::new();
        let mut left: Vec<&ArrayData> = arrays.iter().collect();
        while let Some(array) = left.pop() {
            let nulls = array.nulls().map(NullBuffer::buffer);
            slots.extend(array.buffers().iter().chain(nulls).map(Buffer::data_ptr));
            left.extend(array.child_data());
        }
        Self(slots)
    }

    /// Copies those buffers of an array that belong to one of these arrays.
    pub(crate) fn copied(&self, array: &ArrayData) -> CopiedBuffers {
        let copied = |buffer: &Buffer| match self.0.contains(&buffer.data_ptr()) {
            true => Buffer::from_slice_ref(buffer.as_slice()),
            false => buffer.clone(),
        };
        let nulls = array.nulls().map(|nulls| {
            let bits = copied(nulls.buffer());
            NullBuffer::new(BooleanBuffer::new(bits, nulls.offset(), nulls.len()))
        });
        let buffers = array.buffers().iter().map(copied).collect();
        CopiedBuffers { nulls, buffers }
    }
}

// The struct of arrow-rs and that of ABI 1 are the same.
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
