//! Text of Arrow types, which is stored.
//!
//! Definitions, the keys of catalogs and `ARROW('…')` have it, so it must not change. It is that
//! of arrow-schema 59, whose later versions print some types otherwise. The inverse is
//! `arrow_parser.rs`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};

use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit, UnionMode};

/// `DECIMAL(*)`: any decimal of 128 bits. Only signatures have it. Arrow has no
/// decimal of precision 0, so the encoding is unambiguous.
pub const ANY_DECIMAL: DataType = DataType::Decimal128(0, 0);

/// Prints an Arrow type as it is stored: `List(non-null Int64)`.
#[derive(Clone, Copy, Debug)]
pub struct ArrowText<'a>(pub &'a DataType);

impl fmt::Display for ArrowText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DataType::*;
        match self.0 {
            any if *any == ANY_DECIMAL => f.write_str("Decimal128(*)"),
            Decimal32(precision, scale) => write!(f, "Decimal32({precision}, {scale})"),
            Decimal64(precision, scale) => write!(f, "Decimal64({precision}, {scale})"),
            Decimal128(precision, scale) => write!(f, "Decimal128({precision}, {scale})"),
            Decimal256(precision, scale) => write!(f, "Decimal256({precision}, {scale})"),
            Time32(unit) => write!(f, "Time32({})", unit_text(*unit)),
            Time64(unit) => write!(f, "Time64({})", unit_text(*unit)),
            Duration(unit) => write!(f, "Duration({})", unit_text(*unit)),
            Timestamp(unit, None) => write!(f, "Timestamp({})", unit_text(*unit)),
            Timestamp(unit, Some(zone)) => {
                write!(f, "Timestamp({}, {})", unit_text(*unit), Quoted(zone))
            }
            Interval(unit) => write!(f, "Interval({})", interval_text(*unit)),
            FixedSizeBinary(size) => write!(f, "FixedSizeBinary({size})"),
            List(item) => write!(f, "List({})", ItemText(item)),
            LargeList(item) => write!(f, "LargeList({})", ItemText(item)),
            ListView(item) => write!(f, "ListView({})", ItemText(item)),
            LargeListView(item) => write!(f, "LargeListView({})", ItemText(item)),
            FixedSizeList(item, size) => write!(f, "FixedSizeList({size} x {})", ItemText(item)),
            Struct(fields) => {
                f.write_str("Struct(")?;
                separated(f, fields.iter().map(|field| FieldText(field)))?;
                f.write_str(")")
            }
            Map(entries, true) => write!(f, "Map({}, sorted)", FieldText(entries)),
            Map(entries, false) => write!(f, "Map({}, unsorted)", FieldText(entries)),
            Union(fields, mode) => {
                write!(f, "Union({}", mode_text(*mode))?;
                let mut fields = fields.iter();
                fields.try_for_each(|(id, field)| write!(f, ", {id}: ({})", FieldText(field)))?;
                f.write_str(")")
            }
            Dictionary(keys, values) => {
                write!(f, "Dictionary({}, {})", ArrowText(keys), ArrowText(values))
            }
            RunEndEncoded(ends, values) => {
                write!(
                    f,
                    "RunEndEncoded({}, {})",
                    FieldText(ends),
                    FieldText(values)
                )
            }
            Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64
            | Float16 | Float32 | Float64 | Date32 | Date64 | Binary | LargeBinary | BinaryView
            | Utf8 | LargeUtf8 | Utf8View => f.write_str(simple_text(self.0)),
        }
    }
}

/// Types without parameters, and their texts.
pub(crate) static SIMPLE: [(DataType, &str); 21] = [
    (DataType::Null, "Null"),
    (DataType::Boolean, "Boolean"),
    (DataType::Int8, "Int8"),
    (DataType::Int16, "Int16"),
    (DataType::Int32, "Int32"),
    (DataType::Int64, "Int64"),
    (DataType::UInt8, "UInt8"),
    (DataType::UInt16, "UInt16"),
    (DataType::UInt32, "UInt32"),
    (DataType::UInt64, "UInt64"),
    (DataType::Float16, "Float16"),
    (DataType::Float32, "Float32"),
    (DataType::Float64, "Float64"),
    (DataType::Date32, "Date32"),
    (DataType::Date64, "Date64"),
    (DataType::Binary, "Binary"),
    (DataType::LargeBinary, "LargeBinary"),
    (DataType::BinaryView, "BinaryView"),
    (DataType::Utf8, "Utf8"),
    (DataType::LargeUtf8, "LargeUtf8"),
    (DataType::Utf8View, "Utf8View"),
];

fn simple_text(data_type: &DataType) -> &'static str {
    let found = SIMPLE.iter().find(|(simple, _)| simple == data_type);
    found.map_or("", |(_, text)| *text)
}

fn unit_text(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "µs",
        TimeUnit::Nanosecond => "ns",
    }
}

fn interval_text(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::YearMonth => "YearMonth",
        IntervalUnit::DayTime => "DayTime",
        IntervalUnit::MonthDayNano => "MonthDayNano",
    }
}

fn mode_text(mode: UnionMode) -> &'static str {
    match mode {
        UnionMode::Sparse => "Sparse",
        UnionMode::Dense => "Dense",
    }
}

/// Prints a field with its name: `"name": non-null Int64, metadata: {"a": "b"}`.
struct FieldText<'a>(&'a Field);

impl fmt::Display for FieldText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Quoted(self.0.name()), NullableText(self.0))?;
        metadata(f, self.0.metadata())
    }
}

/// Prints the field of the items of a list: `non-null Int64, field: 'name'`.
struct ItemText<'a>(&'a Field);

impl fmt::Display for ItemText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", NullableText(self.0))?;
        // Not escaped: `check_type` refuses names that would not parse back.
        if self.0.name() != Field::LIST_FIELD_DEFAULT_NAME {
            write!(f, ", field: '{}'", self.0.name())?;
        }
        metadata(f, self.0.metadata())
    }
}

/// Prints the type of a field: `non-null Int64`.
struct NullableText<'a>(&'a Field);

impl fmt::Display for NullableText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_nullable() {
            f.write_str("non-null ")?;
        }
        write!(f, "{}", ArrowText(self.0.data_type()))
    }
}

/// Prints metadata, sorted by key.
fn metadata(f: &mut fmt::Formatter<'_>, metadata: &HashMap<String, String>) -> fmt::Result {
    if metadata.is_empty() {
        return Ok(());
    }
    let sorted: BTreeMap<_, _> = metadata.iter().collect();
    f.write_str(", metadata: {")?;
    let entries = sorted.into_iter();
    separated(
        f,
        entries.map(|(key, value)| format!("{}: {}", Quoted(key), Quoted(value))),
    )?;
    f.write_str("}")
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    parts: impl Iterator<Item = T>,
) -> fmt::Result {
    for (position, part) in parts.enumerate() {
        let comma = if position > 0 { ", " } else { "" };
        write!(f, "{comma}{part}")?;
    }
    Ok(())
}

/// Prints text in double quotes.
///
/// Escaped are quotes, backslashes and control characters alone. Rust's `Debug` escapes others
/// too, and which ones depends on its version of Unicode.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\0' => f.write_str("\\0")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                control if control.is_control() => {
                    write!(f, "\\u{{{:x}}}", u32::from(control))?;
                }
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}
