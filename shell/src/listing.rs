//! Results of commands that list the catalog, for readers.

// Kinds of relations.
mod relations;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use fusebox::Session;
use futures::StreamExt;

use crate::sql_types::type_name;
use relations::with_kinds;

/// Kind of the rows of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Columns of a relation, whose types are named as in SQL.
    Columns,
    /// Functions, with the columns that fit on a screen.
    Functions,
    /// Tables and views, with their kinds.
    Relations,
}

/// Columns of types, of `DESCRIBE` and `SUMMARIZE`.
const OF_TYPES: [&str; 2] = ["data_type", "column_type"];

/// Columns of functions that are shown.
const OF_FUNCTIONS: [&str; 6] = [
    "name",
    "arguments",
    "returns",
    "kind",
    "module",
    "description",
];

/// Converts the rows of a list.
pub(crate) async fn listed(
    stream: SendableRecordBatchStream,
    listing: Listing,
    session: &Session,
) -> SendableRecordBatchStream {
    match listing {
        Listing::Columns => columns(stream),
        Listing::Functions => functions(stream),
        Listing::Relations => with_kinds(stream, session).await,
    }
}

fn columns(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let index = OF_TYPES.iter().find_map(|name| schema.index_of(name).ok());
    let Some(index) = index else {
        return stream;
    };
    let batches = stream.map(move |batch| {
        let batch = batch?;
        let mut columns = batch.columns().to_vec();
        if let Some(types) = columns[index].as_string_opt::<i32>() {
            let names = types.iter().map(|text| text.map(sql_type));
            let names: ArrayRef = Arc::new(names.collect::<StringArray>());
            columns[index] = names;
        }
        let renamed = RecordBatch::try_new(batch.schema(), columns);
        renamed.map_err(DataFusionError::from)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Converts the text of an Arrow type; one that Arrow does not parse stays as it is.
fn sql_type(text: &str) -> String {
    match text.parse::<DataType>() {
        Ok(data_type) => type_name(&data_type),
        Err(_) => text.to_owned(),
    }
}

fn functions(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let indices = OF_FUNCTIONS.iter().map(|name| schema.index_of(name));
    let Ok(indices) = indices.collect::<Result<Vec<_>, _>>() else {
        return stream;
    };
    let Ok(projected) = schema.project(&indices) else {
        return stream;
    };
    let batches = stream.map(move |batch| {
        let batch = batch?.project(&indices);
        batch.map_err(DataFusionError::from)
    });
    Box::pin(RecordBatchStreamAdapter::new(Arc::new(projected), batches))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_types_are_converted() {
        for (text, expected) in [
            ("Utf8View", "VARCHAR"),
            ("Int64", "BIGINT"),
            ("Timestamp(ns)", "TIMESTAMP"),
            ("List(non-null Utf8, field: 'element')", "VARCHAR[]"),
            ("Struct(\"a\": Int32)", "STRUCT(a INT)"),
            ("Dictionary(Int32, Utf8)", "Dictionary(Int32, Utf8)"),
            ("of the future", "of the future"),
        ] {
            assert_eq!(sql_type(text), expected);
        }
    }
}
