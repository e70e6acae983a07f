//! Titles of the columns of a result.
//!
//! DataFusion names a column after its expression, in which it writes constants with their types:
//! `sum(t.x) / Int64(100)`, and windows with brackets and all defaults. A title has both as they are
//! written in SQL.

// Windows as in SQL.
mod windows;

// Expressions as they are written.
mod written;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use windows::with_windows;
pub(crate) use written::WrittenTitles;

/// Types of constants that are written without quotes.
const PLAIN: [&str; 13] = [
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float16", "Float32",
    "Float64", "Boolean", "Utf8",
];

/// Types of constants that DataFusion writes in quotes.
const QUOTED: [&str; 8] = [
    "Utf8",
    "LargeUtf8",
    "Utf8View",
    "Date32",
    "Date64",
    "IntervalMonthDayNano",
    "IntervalDayTime",
    "IntervalYearMonth",
];

/// Gives the columns of a stream their titles, those that are `written` if there are any, unless
/// columns of different names would have the same.
pub(crate) fn titled(
    stream: SendableRecordBatchStream,
    written: &[Option<String>],
) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let names: Vec<&str> = names.collect();
    let distinct_names = names.iter().collect::<HashSet<_>>().len();
    let keeps_apart =
        |titles: &Vec<String>| titles.iter().collect::<HashSet<_>>().len() >= distinct_names;
    let plain: Vec<String> = names.iter().map(|name| title(name)).collect();
    let as_written = (written.len() == names.len()).then(|| {
        let titles = written.iter().zip(&plain);
        let titles = titles.map(|(written, plain)| written.as_ref().unwrap_or(plain).clone());
        titles.collect::<Vec<_>>()
    });
    let titles = as_written.into_iter().chain([plain]).find(keeps_apart);
    let Some(titles) = titles.filter(|titles| *titles != names) else {
        return stream;
    };
    let titled_schema = with_titles(&schema, &titles);
    let batches = stream.map(move |batch| {
        let batch = batch?;
        // Its own schema, which can allow fewer nulls than that of the stream.
        let schema = with_titles(&batch.schema(), &titles);
        let renamed = RecordBatch::try_new(schema, batch.columns().to_vec());
        renamed.map_err(DataFusionError::from)
    });
    Box::pin(RecordBatchStreamAdapter::new(titled_schema, batches))
}

fn with_titles(schema: &Schema, titles: &[String]) -> SchemaRef {
    let fields = schema.fields().iter().zip(titles);
    let fields = fields.map(|(field, title)| Field::clone(field).with_name(title));
    let fields: Vec<Field> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Returns the name of a column with its constants and windows as in SQL.
pub(crate) fn title(name: &str) -> String {
    with_windows(&with_constants(name))
}

fn with_constants(name: &str) -> String {
    let mut title = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let constant = match title.ends_with(is_word) {
            true => None,
            false => constant(rest),
        };
        match constant {
            Some((text, after)) => {
                title += &text;
                rest = after;
            }
            None => {
                title.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    title
}

/// Parses a constant with its type at the begin of a text; returns it as in SQL, and the rest.
fn constant(text: &str) -> Option<(String, &str)> {
    let (data_type, inside) = text.split_once('(')?;
    if let Some(quoted) = inside.strip_prefix('"')
        && QUOTED.contains(&data_type)
    {
        let (value, rest) = quoted.split_once("\")")?;
        let interval = interval(value).map(|interval| format!("INTERVAL '{interval}'"));
        let text = || format!("'{}'", value.replace('\'', "''"));
        return Some((interval.unwrap_or_else(text), rest));
    }
    let (value, rest) = inside.split_once(')')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_constant = PLAIN.contains(&data_type) && value.chars().all(is_plain);
    is_constant.then(|| (value.to_owned(), rest))
}

/// Converts the Debug text of an interval, `IntervalMonthDayNano { months: 0, days: 1, … }`.
fn interval(text: &str) -> Option<String> {
    let (_, fields) = text.strip_prefix("Interval")?.split_once(" { ")?;
    let fields = fields.strip_suffix(" }")?.split(", ");
    let mut parts = Vec::new();
    for field in fields {
        let (unit, count) = field.split_once(": ")?;
        let count: i64 = count.parse().ok()?;
        let (count, unit) = match (unit, count % 1_000_000_000) {
            ("nanoseconds", 0) => (count / 1_000_000_000, "seconds"),
            _ => (count, unit),
        };
        match count {
            0 => {}
            1 => parts.push(format!("1 {}", unit.trim_end_matches('s'))),
            _ => parts.push(format!("{count} {unit}")),
        }
    }
    match parts.is_empty() {
        true => Some("0 seconds".to_owned()),
        false => Some(parts.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_written_as_in_sql() {
        for (name, expected) in [
            ("Int64(1)", "1"),
            ("sum(t.x) / Int64(-100)", "sum(t.x) / -100"),
            ("round(avg(t.x),Int64(1))", "round(avg(t.x),1)"),
            ("Float64(0.5) * t.a + Float64(1e-7)", "0.5 * t.a + 1e-7"),
            ("date_part(Utf8(\"year\"),t.d)", "date_part('year',t.d)"),
            ("Utf8(\"it's (a) b\") || Utf8(\"\")", "'it''s (a) b' || ''"),
            ("Boolean(true) AND Boolean(NULL)", "true AND NULL"),
            ("Utf8(NULL)", "NULL"),
            (
                "now() - IntervalMonthDayNano(\"IntervalMonthDayNano { months: 0, days: 1, \
                 nanoseconds: 7200000000000 }\")",
                "now() - INTERVAL '1 day 7200 seconds'",
            ),
            // Names that are like constants, and constants whose text is not known.
            ("my_Int64(1)", "my_Int64(1)"),
            ("Int64(a_b)", "Int64(a_b)"),
            ("Decimal128(Some(150),3,2)", "Decimal128(Some(150),3,2)"),
            ("Utf8(\"open", "Utf8(\"open"),
            ("größe (m²)", "größe (m²)"),
            ("", ""),
        ] {
            assert_eq!(title(name), expected, "{name}");
        }
    }
}
