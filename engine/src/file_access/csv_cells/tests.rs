//! Files with one value that is bad.

use datafusion::config::CsvOptions;
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{PutOptions, PutPayload};
use datafusion::physical_expr::expressions::{cast, col};
use datafusion::physical_expr::projection::ProjectionExpr;

use super::super::csv_nulls::CsvNulls;
use super::*;

/// Returns the message of the bad value of a file with the columns `a` and `b`, which is read as
/// `read` and cast to an integer.
async fn found(text: &str, has_header: bool, read: DataType, bytes_max: usize) -> Option<String> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("a", DataType::Utf8, true),
        Field::new("b", read, true),
    ]));
    let column = col("b", &schema).unwrap();
    let casted = cast(column, &schema, DataType::Int64).unwrap();
    let projection = ProjectionExprs::new([ProjectionExpr::new(casted, "n")]);
    let options = CsvOptions {
        has_header: Some(has_header),
        comment: Some(b'#'),
        ..CsvOptions::default()
    };
    let table = TableSchema::from(schema);
    let source = CsvSource::new(table.clone()).with_csv_options(options);
    let format = CsvNulls::format_of(None, &source);
    let compression = FileCompressionType::UNCOMPRESSED;
    let cells = CsvCells::new(&source, &format, compression, &table, projection);
    let store = InMemory::new();
    let payload = PutPayload::from(text.as_bytes().to_vec());
    let location = Path::from("x.csv");
    let stored = store.put_opts(&location, payload, PutOptions::default());
    stored.await.unwrap();
    let file = PartitionedFile::new("x.csv", text.len() as u64);
    let mut bytes_max = bytes_max;
    let cell = cells.find(&store, &file, &mut bytes_max).await.unwrap();
    cell.map(|cell| cell.error("x.csv").to_string())
}

#[tokio::test]
async fn lines_are_those_of_an_editor() {
    let many = "x,1\n".repeat(3 * RECORDS_MAX);
    let cases = [
        ("a,b\nx,1\ny,bad\n".to_owned(), true, 3),
        ("x,1\ny,bad".to_owned(), false, 2),
        ("x,bad".to_owned(), false, 1),
        ("a,b\r\nx,1\r\n\r\ny,bad\r\nz,2".to_owned(), true, 4),
        ("a,b\n\"x\ny\",1\nz,bad\n".to_owned(), true, 4),
        ("a,b\n# no\n\nx,1\n# no,bad\nz,bad\n".to_owned(), true, 6),
        (
            format!("a,b\n{many}y,bad\n{many}"),
            true,
            3 * RECORDS_MAX + 2,
        ),
        (format!("{many}y,bad\n"), false, 3 * RECORDS_MAX + 1),
    ];
    for (text, has_header, line) in cases {
        for (read, reason) in [
            (
                DataType::Int64,
                "expected a value of the type Int64, found 'bad'",
            ),
            (
                DataType::Utf8,
                "Cannot cast string 'bad' to value of Int64 type",
            ),
        ] {
            let found = found(&text, has_header, read, BYTES_MAX).await.unwrap();
            let place = format!("file `x.csv`, line {line}, column `b`");
            assert!(found.starts_with(&place), "{found}: {line}");
            assert!(found.contains(reason), "{found}");
        }
    }
}

#[tokio::test]
async fn files_without_bad_values_and_those_that_are_too_large_have_no_place() {
    for (text, bytes_max) in [
        ("a,b\nx,1\ny,\n", BYTES_MAX),
        ("a,b\n", BYTES_MAX),
        ("", BYTES_MAX),
        ("a,b\nx,bad\n", 3),
    ] {
        for read in [DataType::Int64, DataType::Utf8] {
            assert_eq!(found(text, true, read, bytes_max).await, None, "{text}");
        }
    }
}
