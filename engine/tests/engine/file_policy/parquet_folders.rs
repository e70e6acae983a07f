//! Folders of Parquet files of several writers.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, BinaryArray, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Folders, assert_number, session_with};
use crate::run;

/// Writes a file as another program does, with one row of a text, bytes and a list of a text.
fn write_foreign(path: &str, text: &DataType, bytes: &DataType) {
    let texts = Arc::new(StringArray::from(vec!["foreign"])) as ArrayRef;
    let item = cast(&texts, text).unwrap();
    let field = Arc::new(Field::new("element", item.data_type().clone(), true));
    let list = ListArray::new(field, OffsetBuffer::from_lengths([1]), item, None);
    let blobs = Arc::new(BinaryArray::from_vec(vec![b"foreign".as_slice()])) as ArrayRef;
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("s", cast(&texts, text).unwrap(), true),
        ("b", cast(&blobs, bytes).unwrap(), true),
        ("l", Arc::new(list) as ArrayRef, true),
    ])
    .unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Returns the schemas that the files of a folder state.
fn schemas(folder: &str) -> Vec<SchemaRef> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let schema = |path: PathBuf| {
        let file = File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        Arc::clone(reader.schema())
    };
    paths.map(schema).collect()
}

const ROW: &str = "'own' AS s, CAST('own' AS BYTEA) AS b, make_array('own') AS l";

const CREATE: &str = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'many/'";

#[tokio::test]
async fn rows_inserted_beside_files_of_another_program_are_read_again() {
    for (text, bytes) in [
        (DataType::Utf8, DataType::Binary),
        (DataType::LargeUtf8, DataType::LargeBinary),
        (DataType::Utf8View, DataType::BinaryView),
    ] {
        let folders = Folders::new();
        std::fs::create_dir(folders.path("in/many")).unwrap();
        write_foreign(&folders.path("in/many/a.parquet"), &text, &bytes);
        let session = session_with(folders.inside().writable());
        let insert = format!("{CREATE}; INSERT INTO t SELECT {ROW}");
        run(&session, &insert).await.unwrap();
        for session in [session, session_with(folders.inside())] {
            run(&session, &format!("DROP TABLE IF EXISTS t; {CREATE}"))
                .await
                .unwrap();
            for (sql, expected) in [
                ("SELECT count(*) FROM t", 2),
                ("SELECT count(*) FROM t WHERE s = 'own'", 1),
                ("SELECT count(*) FROM t WHERE l[1] = s", 2),
                (
                    "SELECT count(*) FROM t WHERE b = CAST('foreign' AS BYTEA)",
                    1,
                ),
                ("SELECT count(*) FROM 'many/' WHERE l[1] = 'own'", 1),
            ] {
                assert_number(&session, sql, expected).await;
            }
        }
    }
}

#[tokio::test]
async fn copied_and_inserted_rows_are_read_again() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    let copy = format!("COPY (SELECT {ROW}) TO 'many/' STORED AS PARQUET; {CREATE}");
    run(&session, &copy).await.unwrap();
    // The texts of a table are views in memory, and those of constants are not.
    for query in [ROW, "s, b, l FROM t"] {
        let insert = format!("INSERT INTO t SELECT {query}; DROP TABLE t; {CREATE}");
        run(&session, &insert).await.unwrap();
    }
    assert_number(&session, "SELECT count(*) FROM t WHERE l[1] = s", 4).await;
    assert_number(&session, "SELECT count(*) FROM 'many/' WHERE s = 'own'", 4).await;
    for schema in schemas(&folders.path("in/many")) {
        assert_eq!(*schema.field(0).data_type(), DataType::Utf8);
        assert_eq!(*schema.field(1).data_type(), DataType::Binary);
        let DataType::List(item) = schema.field(2).data_type() else {
            panic!("{schema}");
        };
        assert_eq!(*item.data_type(), DataType::Utf8);
    }
}

#[tokio::test]
async fn files_of_all_types_of_texts_and_bytes_are_one_table() {
    let folders = Folders::new();
    std::fs::create_dir(folders.path("in/many")).unwrap();
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for (index, (text, bytes)) in [
        (DataType::Utf8View, DataType::Binary),
        (DataType::Utf8, DataType::BinaryView),
        (DataType::LargeUtf8, DataType::LargeBinary),
        (dictionary, DataType::Binary),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folders.path(&format!("in/many/{index}.parquet"));
        write_foreign(&path, &text, &bytes);
    }
    let session = session_with(folders.inside().writable());
    run(&session, CREATE).await.unwrap();
    for (sql, expected) in [
        ("SELECT count(*) FROM t", 4),
        ("SELECT count(*) FROM 'many/' WHERE s = 'foreign'", 4),
        ("SELECT count(*) FROM t WHERE l[1] = s", 4),
        ("SELECT count(DISTINCT b) FROM t", 1),
        ("SELECT count(*) FROM 'many/' WHERE l[1] = 'foreign'", 4),
    ] {
        assert_number(&session, sql, expected).await;
    }
    // Files that differ in more than that are refused as before.
    let copy = "COPY (SELECT 1 AS s) TO 'many/x.parquet'";
    run(&session, copy).await.unwrap();
    let refused = super::error_of(&session, "SELECT count(*) FROM 'many/'").await;
    let refused = refused.to_string();
    assert!(
        refused.contains("data_type = Int64 does not equal Utf8View"),
        "{refused}"
    );
}

/// The Arrow types that Parquet has no types of stay.
#[tokio::test]
async fn other_types_of_copies_stay() {
    let folders = Folders::new();
    let session = session_with(folders.inside().writable());
    let copy = "COPY (SELECT arrow_cast('x', 'Utf8View') AS s, 1 AS p,
            arrow_cast(5, 'Duration(Second)') AS d, arrow_cast('x', 'LargeUtf8') AS t)
         TO 'many/' STORED AS PARQUET PARTITIONED BY (p)";
    run(&session, copy).await.unwrap();
    let schemas = schemas(&folders.path("in/many/p=1"));
    let types: Vec<_> = schemas[0].fields().iter().map(|f| f.data_type()).collect();
    let duration = DataType::Duration(TimeUnit::Second);
    assert_eq!(types, [&DataType::Utf8, &duration, &DataType::LargeUtf8]);
    let sql = "SELECT count(*) FROM 'many/' WHERE s = 'x' AND p = '1'";
    assert_number(&session, sql, 1).await;
}
