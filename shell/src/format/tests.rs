//! Formats are parsed back by libraries.

use std::cell::Cell;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int32Array, ListArray, MapBuilder, StringArray, StringBuilder,
    StructArray, UInt32Builder,
};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::ipc::reader::FileReader;
use arrow::json::ReaderBuilder;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use fusebox_testing::{check_cases, column, show_rows};

use super::columnar::ColumnarFile;
use super::*;

const STYLE: Style<'_> = Style {
    null: "∅",
    has_header: true,
};

fn printed(format: Format, batch: &RecordBatch) -> String {
    let mut out = Vec::new();
    let mut printer = Printer::new(format, STYLE, &batch.schema(), &mut out).unwrap();
    // Batches decide nothing.
    let half = batch.num_rows() / 2;
    printer.write(&batch.slice(0, half)).unwrap();
    let rest = batch.num_rows() - half;
    printer.write(&batch.slice(half, rest)).unwrap();
    printer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

/// A column of texts, a list, a struct and a map, with nulls and empty strings.
fn awkward() -> RecordBatch {
    let texts = StringArray::from(vec![Some("a|\"b\n<c>\t,"), Some(""), None]);
    let mut keys = MapBuilder::new(None, UInt32Builder::new(), StringBuilder::new());
    keys.keys().append_value(7);
    keys.values().append_value("");
    keys.keys().append_value(8);
    keys.values().append_null();
    keys.append(true).unwrap();
    keys.append(true).unwrap();
    keys.append(false).unwrap();
    let list = [Some(vec![Some(1), None]), Some(vec![]), None];
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(list);
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some(""), None, Some("x")]));
    let field = Arc::new(Field::new("f", DataType::Utf8, true));
    let structs = StructArray::from(vec![(field, inner)]);
    batch(vec![
        ("t", Arc::new(texts)),
        ("l", Arc::new(list)),
        ("s", Arc::new(structs)),
        ("m", Arc::new(keys.finish())),
    ])
}

#[test]
fn nulls_empty_strings_and_nested_values_are_told_apart() {
    for (format, expected) in [
        (
            Format::Csv,
            "t,l,s,m\n\
             \"a|\"\"b\n<c>\t,\",\"[1,null]\",\"{\"\"f\"\":\"\"\"\"}\",\"{\"\"7\"\":\"\"\"\",\"\"8\"\":null}\"\n\
             \"\",[],\"{\"\"f\"\":null}\",{}\n,,\"{\"\"f\"\":\"\"x\"\"}\",\n",
        ),
        (
            Format::Tsv,
            "t\tl\ts\tm\n\
             \"a|\"\"b\n<c>\t,\"\t[1,null]\t\"{\"\"f\"\":\"\"\"\"}\"\t\"{\"\"7\"\":\"\"\"\",\"\"8\"\":null}\"\n\
             \"\"\t[]\t\"{\"\"f\"\":null}\"\t{}\n\t\t\"{\"\"f\"\":\"\"x\"\"}\"\t\n",
        ),
        (
            Format::Ndjson,
            "{\"t\":\"a|\\\"b\\n<c>\\t,\",\"l\":[1,null],\"s\":{\"f\":\"\"},\"m\":{\"7\":\"\",\"8\":null}}\n\
             {\"t\":\"\",\"l\":[],\"s\":{\"f\":null},\"m\":{}}\n\
             {\"t\":null,\"l\":null,\"s\":{\"f\":\"x\"},\"m\":null}\n",
        ),
        (
            Format::Line,
            "t = a|\"b\n    <c>\\t,\nl = [1,null]\ns = {\"f\":\"\"}\nm = {\"7\":\"\",\"8\":null}\n\n\
             t = \nl = []\ns = {\"f\":null}\nm = {}\n\n\
             t = ∅\nl = ∅\ns = {\"f\":\"x\"}\nm = ∅\n",
        ),
        (
            Format::Html,
            "<table>\n<thead>\n<tr><th>t</th><th>l</th><th>s</th><th>m</th></tr>\n</thead>\n<tbody>\n\
             <tr><td>a|&quot;b<br>&lt;c&gt;\\t,</td><td>[1,null]</td><td>{&quot;f&quot;:&quot;&quot;}</td>\
             <td>{&quot;7&quot;:&quot;&quot;,&quot;8&quot;:null}</td></tr>\n\
             <tr><td></td><td>[]</td><td>{&quot;f&quot;:null}</td><td>{}</td></tr>\n\
             <tr><td class=\"null\">∅</td><td class=\"null\">∅</td><td>{&quot;f&quot;:&quot;x&quot;}</td>\
             <td class=\"null\">∅</td></tr>\n</tbody>\n</table>\n",
        ),
    ] {
        assert_eq!(printed(format, &awkward()), expected, "{format:?}");
    }
    let table = printed(Format::Table, &awkward());
    let empty = "|        | []       | {\"f\":null} | {} ";
    assert!(table.contains(empty), "{table}");
    let null = "| ∅      | ∅        | {\"f\":\"x\"}  | ∅ ";
    assert!(table.contains(null), "{table}");
}

#[test]
fn floats_that_are_no_numbers_are_no_nulls() {
    let floats = Float64Array::from(vec![
        Some(f64::NAN),
        Some(f64::NEG_INFINITY),
        Some(0.5),
        None,
    ]);
    let text = printed(Format::Ndjson, &batch(vec![("x", Arc::new(floats))]));
    assert_eq!(
        text,
        "{\"x\":\"NaN\"}\n{\"x\":\"-inf\"}\n{\"x\":0.5}\n{\"x\":null}\n"
    );
}

/// Two columns, so that no line of CSV is empty.
fn beside_numbers(column: ArrayRef) -> RecordBatch {
    let numbers = Int32Array::from_iter_values(0..column.len() as i32);
    batch(vec![("n", Arc::new(numbers)), ("c", column)])
}

#[test]
fn csv_and_tsv_are_parsed_back() {
    let filled = Cell::new(0);
    check_cases(300, &column(), |column| {
        let batch = beside_numbers(column);
        let mut cells = Cells::of(&batch).unwrap();
        let Ok(expected) = cells.texts("") else {
            return;
        };
        for (format, delimiter) in [(Format::Csv, b','), (Format::Tsv, b'\t')] {
            let text = printed(format, &batch);
            let fields = ["n", "c"].map(|name| Field::new(name, DataType::Utf8, true));
            let schema = Arc::new(Schema::new(fields.to_vec()));
            let mut reader = csv::ReaderBuilder::new(schema)
                .with_header(true)
                .with_delimiter(delimiter)
                .build(text.as_bytes())
                .unwrap();
            let mut rows = Vec::new();
            for read in &mut reader {
                rows.extend(Cells::of(&read.unwrap()).unwrap().texts("").unwrap());
            }
            assert_eq!(rows, expected);
        }
        filled.set(filled.get() + usize::from(batch.num_rows() > 0));
    });
    assert!(filled.get() > 200, "{}", filled.get());
}

#[test]
fn json_has_the_same_values_as_the_column() {
    let (compared, parsed) = (Cell::new(0), Cell::new(0));
    check_cases(600, &column(), |column| {
        let batch = beside_numbers(column);
        let text = printed(Format::Ndjson, &batch);
        // Whatever the type, each row is an object of two keys.
        for (line, row) in text.lines().zip(0..) {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(object["n"], row);
            let nulls = batch.column(1).logical_nulls();
            let is_null = nulls.is_some_and(|nulls| nulls.is_null(row));
            assert_eq!(object["c"].is_null(), is_null, "{line}");
            parsed.set(parsed.get() + 1);
        }
        assert_eq!(text.lines().count(), batch.num_rows());
        let array: Vec<serde_json::Value> =
            serde_json::from_str(&printed(Format::Json, &batch)).unwrap();
        assert_eq!(array.len(), batch.num_rows());
        // The reader of arrow lacks some types, and loses bits of others.
        if !is_read_exactly(batch.column(1).data_type()) {
            return;
        }
        let reader = ReaderBuilder::new(batch.schema()).build(text.as_bytes());
        for read in reader.unwrap() {
            let read = read.unwrap();
            assert_eq!(show_rows(read.column(1)), show_rows(batch.column(1)));
            compared.set(compared.get() + 1);
        }
    });
    assert!(parsed.get() > 5_000, "{}", parsed.get());
    assert!(compared.get() > 50, "{}", compared.get());
}

fn is_read_exactly(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Boolean | Utf8 | LargeUtf8 | Utf8View | Date32 | Float64 => true,
        List(item) | LargeList(item) => is_read_exactly(item.data_type()),
        Struct(fields) => fields
            .iter()
            .all(|field| is_read_exactly(field.data_type())),
        other => other.is_integer(),
    }
}

#[test]
fn parquet_and_arrow_files_are_read_back_or_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, refused) = (Cell::new(0), Cell::new(0));
    check_cases(300, &column(), |column| {
        let batch = beside_numbers(column);
        for format in [Format::Parquet, Format::Arrow] {
            let path = folder.path().join("result");
            let _ = std::fs::remove_file(&path);
            let written =
                ColumnarFile::create(format, &batch.schema(), &path).and_then(|mut file| {
                    file.write(&batch.slice(0, batch.num_rows() / 2))?;
                    let rest = batch.num_rows() - batch.num_rows() / 2;
                    file.write(&batch.slice(batch.num_rows() / 2, rest))?;
                    assert!(!path.exists());
                    file.finish()
                });
            if written.is_err() {
                assert!(!path.exists());
                refused.set(refused.get() + 1);
                continue;
            }
            let file = std::fs::File::open(&path).unwrap();
            let batches: Vec<RecordBatch> = match format {
                Format::Arrow => FileReader::try_new(file, None)
                    .unwrap()
                    .map(Result::unwrap)
                    .collect(),
                _ => {
                    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
                    reader.build().unwrap().map(Result::unwrap).collect()
                }
            };
            let rows = batches.iter().flat_map(|batch| show_rows(batch.column(1)));
            let rows: Vec<_> = rows.collect();
            if is_read_exactly(batch.column(1).data_type()) {
                assert_eq!(rows, show_rows(batch.column(1)), "{format:?}");
                kept.set(kept.get() + 1);
            }
            assert_eq!(rows.len(), batch.num_rows());
        }
    });
    assert!(kept.get() > 30, "{}", kept.get());
    assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 1);
}
