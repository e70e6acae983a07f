//! Arrow types as SQL text, and the types that a signature accepts.
//!
//! The printed text parses back, in `statement/types.rs`, to exactly the type
//! that was printed. A definition also stores its types as [`ArrowText`], so a
//! type that does not survive that text is refused.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, IntervalUnit, TimeUnit};

use crate::arrow_parser::parse_arrow_type;
use crate::arrow_printer::{ANY_DECIMAL, ArrowText};
use crate::quoting::{Identifier, Literal};
use crate::statement_error::StatementError;

/// Formats types as SQL, separated by commas.
pub fn sql_types<'a>(types: impl IntoIterator<Item = &'a DataType>) -> String {
    let types: Vec<_> = types.into_iter().map(|t| SqlType(t).to_string()).collect();
    types.join(", ")
}

/// Formats alternative lists of argument types without the outermost parentheses:
/// `BIGINT) or (DOUBLE, DOUBLE`.
pub fn argument_lists<'a>(lists: impl IntoIterator<Item = &'a [DataType]>) -> String {
    let lists: Vec<_> = lists.into_iter().map(sql_types).collect();
    lists.join(") or (")
}

/// Maps the layouts that Arrow has for one SQL type to the one that SQL uses.
pub fn canonical_type(data_type: DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other,
    }
}

/// Zone of `TIMESTAMP WITH TIME ZONE`. Not the session's zone, because a definition
/// means the same in every session.
pub(crate) const ZONE: &str = "+00:00";

/// Field names inside a `MAP`, as DataFusion has them.
pub(crate) const MAP_NAMES: [&str; 3] = ["entries", "key", "value"];

/// Prints an Arrow type as in a statement: its SQL name, or `ARROW('…')` with the text of
/// [`ArrowText`] where SQL has none.
#[derive(Clone, Copy, Debug)]
pub struct SqlType<'a>(pub &'a DataType);

impl fmt::Display for SqlType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            DataType::Boolean => "BOOLEAN",
            DataType::Int8 => "TINYINT",
            DataType::Int16 => "SMALLINT",
            DataType::Int32 => "INT",
            DataType::Int64 => "BIGINT",
            DataType::UInt8 => "TINYINT UNSIGNED",
            DataType::UInt16 => "SMALLINT UNSIGNED",
            DataType::UInt32 => "INT UNSIGNED",
            DataType::UInt64 => "BIGINT UNSIGNED",
            DataType::Float32 => "FLOAT",
            DataType::Float64 => "DOUBLE",
            DataType::Utf8View => "VARCHAR",
            DataType::Binary => "BYTEA",
            DataType::Date32 => "DATE",
            DataType::Time64(TimeUnit::Nanosecond) => "TIME",
            DataType::Interval(IntervalUnit::MonthDayNano) => "INTERVAL",
            DataType::Timestamp(unit, zone) => return timestamp(f, self.0, *unit, zone.as_deref()),
            any if *any == ANY_DECIMAL => "DECIMAL(*)",
            DataType::Decimal128(precision, scale) if scale.unsigned_abs() <= *precision => {
                return write!(f, "DECIMAL({precision}, {scale})");
            }
            DataType::Decimal256(precision, scale)
                if *precision > DECIMAL128_MAX_PRECISION && scale.unsigned_abs() <= *precision =>
            {
                return write!(f, "DECIMAL({precision}, {scale})");
            }
            nested => return self::nested(f, nested),
        };
        f.write_str(name)
    }
}

fn timestamp(
    f: &mut fmt::Formatter<'_>,
    data_type: &DataType,
    unit: TimeUnit,
    zone: Option<&str>,
) -> fmt::Result {
    if zone.is_some_and(|zone| zone != ZONE) {
        return arrow(f, data_type);
    }
    f.write_str(match unit {
        TimeUnit::Second => "TIMESTAMP(0)",
        TimeUnit::Millisecond => "TIMESTAMP(3)",
        TimeUnit::Microsecond => "TIMESTAMP(6)",
        TimeUnit::Nanosecond => "TIMESTAMP",
    })?;
    match zone {
        Some(_) => f.write_str(" WITH TIME ZONE"),
        None => Ok(()),
    }
}

fn nested(f: &mut fmt::Formatter<'_>, data_type: &DataType) -> fmt::Result {
    let item = |field: &Field| is_plain(field) && field.name() == Field::LIST_FIELD_DEFAULT_NAME;
    match data_type {
        DataType::List(field) if item(field) => write!(f, "{}[]", SqlType(field.data_type())),
        DataType::FixedSizeList(field, size) if item(field) => {
            write!(f, "{}[{size}]", SqlType(field.data_type()))
        }
        DataType::Struct(fields)
            if !fields.is_empty()
                && fields
                    .iter()
                    .all(|field| is_plain(field) && is_name(field.name())) =>
        {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| {
                    format!(
                        "{} {}",
                        Identifier(field.name()),
                        SqlType(field.data_type())
                    )
                })
                .collect();
            write!(f, "STRUCT({})", fields.join(", "))
        }
        DataType::Map(entries, false) => match map(entries) {
            Some((key, value)) if [key, value].iter().all(|t| **t == in_map((*t).clone())) => {
                let [key, value] = [key, value].map(|t| outside_of_map(t.clone()));
                write!(f, "MAP({}, {})", SqlType(&key), SqlType(&value))
            }
            _ => arrow(f, data_type),
        },
        other => arrow(f, other),
    }
}

fn arrow(f: &mut fmt::Formatter<'_>, data_type: &DataType) -> fmt::Result {
    write!(f, "ARROW({})", Literal(&ArrowText(data_type).to_string()))
}

/// Returns true for a name that a statement accepts; [`ArrowText`] escapes others.
fn is_name(name: &str) -> bool {
    !name.chars().any(char::is_control)
}

/// Returns true if name and type are all that distinguishes the field.
fn is_plain(field: &Field) -> bool {
    field.is_nullable() && field.metadata().is_empty()
}

/// Maps a type to that which it is inside of a `MAP`.
///
/// Text is `Utf8` there, as in the maps that DataFusion makes of literals: it compares keys
/// with a literal as they are.
pub(crate) fn in_map(data_type: DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        nested => with_children(nested, &in_map),
    }
}

/// Inverse of [`in_map`].
fn outside_of_map(data_type: DataType) -> DataType {
    match data_type {
        DataType::Utf8 => DataType::Utf8View,
        map @ DataType::Map(..) => map,
        nested => with_children(nested, &outside_of_map),
    }
}

fn with_children(data_type: DataType, child: &dyn Fn(DataType) -> DataType) -> DataType {
    let of = |field: &FieldRef| -> FieldRef {
        let data_type = child(field.data_type().clone());
        Arc::new(Field::clone(field).with_data_type(data_type))
    };
    match data_type {
        DataType::List(item) => DataType::List(of(&item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(of(&item), size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(of).collect()),
        DataType::Map(entries, sorted) => DataType::Map(of(&entries), sorted),
        other => other,
    }
}

/// Returns the key and value types of a map that `MAP(…)` can express.
fn map(entries: &Field) -> Option<(&DataType, &DataType)> {
    let DataType::Struct(fields) = entries.data_type() else {
        return None;
    };
    let [key, value] = &fields[..] else {
        return None;
    };
    let names = [entries, key, value].map(|field| field.name().as_str());
    let nullable = [entries, key, value].map(|field| field.is_nullable());
    let plain = [entries, key, value].map(|field| field.metadata().is_empty());
    let standard =
        names == MAP_NAMES && nullable == [false, false, true] && plain == [true, true, true];
    standard.then(|| (key.data_type(), value.data_type()))
}

/// Maximum nesting depth of a type; bounds recursion on the native stack.
pub(crate) const TYPE_DEPTH_MAX: usize = 32;

/// Maximum number of types that one type consists of, itself included.
const TYPE_PARTS_MAX: usize = 1_000;

/// Maximum number of fixed-size values, or bytes, of one row. A null takes as many.
const TYPE_WIDTH_MAX: u64 = 65_536;

/// Rule broken by a type whose Arrow text does not parse back.
pub(crate) const UNSPELLABLE: &str = "has a name in it that Arrow cannot spell";

/// Checks that a type is bounded, meaningful, and storable in a definition.
///
/// # Errors
///
/// [`StatementError::TypeRule`] with the broken rule.
pub fn check_type(data_type: &DataType) -> Result<(), StatementError> {
    Survey::default().visit(data_type, 1, 1)?;
    match parse_arrow_type(&ArrowText(data_type).to_string()) {
        Some(stored) if stored == *data_type => Ok(()),
        _ => Err(StatementError::TypeRule(UNSPELLABLE)),
    }
}

/// Counts over the types visited so far.
#[derive(Default)]
struct Survey {
    parts: usize,
}

impl Survey {
    /// Visits a type at `depth`, of which one row of the whole has `width` values.
    fn visit(
        &mut self,
        data_type: &DataType,
        depth: usize,
        width: u64,
    ) -> Result<(), StatementError> {
        use DataType::*;
        self.parts += 1;
        let rule = |holds: bool, broken| match holds {
            true => Ok(()),
            false => Err(StatementError::TypeRule(broken)),
        };
        rule(depth <= TYPE_DEPTH_MAX, "is nested more than 32 deep")?;
        rule(
            self.parts <= TYPE_PARTS_MAX,
            "is made of more than 1000 types",
        )?;
        rule(
            depth == 1 || *data_type != ANY_DECIMAL,
            "has a DECIMAL(*) inside of another type",
        )?;
        let width = match data_type {
            FixedSizeBinary(size) | FixedSizeList(_, size) => {
                let size = u64::try_from(*size);
                rule(size.is_ok(), "has a negative size")?;
                width.saturating_mul(size.unwrap_or_default().max(1))
            }
            _ => width,
        };
        rule(
            width <= TYPE_WIDTH_MAX,
            "has more than 65536 values of a fixed size in a row",
        )?;
        match data_type {
            Map(entries, _) => rule(
                matches!(entries.data_type(), Struct(fields) if fields.len() == 2),
                "is a map of something else than keys and values",
            )?,
            Dictionary(key, _) => rule(
                key.is_dictionary_key_type(),
                "is a dictionary whose keys are no integers",
            )?,
            RunEndEncoded(ends, _) => rule(
                ends.data_type().is_run_ends_type() && !ends.is_nullable(),
                "has run ends that are not SMALLINT, INT or BIGINT, or can be null",
            )?,
            _ => {}
        }
        let mut visit = |inner: &DataType| self.visit(inner, depth + 1, width);
        match data_type {
            List(field) | LargeList(field) | ListView(field) | LargeListView(field) => {
                // A null row has no elements.
                self.visit(field.data_type(), depth + 1, 1)
            }
            FixedSizeList(field, _) | Map(field, _) => visit(field.data_type()),
            Struct(fields) => fields.iter().try_for_each(|field| visit(field.data_type())),
            Union(fields, _) => fields
                .iter()
                .try_for_each(|(_, field)| visit(field.data_type())),
            Dictionary(key, value) => visit(key).and_then(|()| visit(value)),
            RunEndEncoded(ends, values) => {
                visit(ends.data_type()).and_then(|()| visit(values.data_type()))
            }
            _ => Ok(()),
        }
    }
}
