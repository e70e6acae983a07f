//! Files that are one JSON array.

use std::fs;

use crate::{check, check_error};

/// Array of two objects, after blanks.
const ARRAY: &str = "\n  [{\"n\":1,\"s\":\"a\"},\n {\"n\":2}]";

#[test]
fn compressed_arrays_are_tables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for compression in ["gz", "bz2", "xz", "zst"] {
        // COPY writes no arrays, but any text in one column.
        let text = folder.join(format!("array.csv.{compression}"));
        let sql = format!(
            "COPY (SELECT '{}' AS line) TO '{}' OPTIONS ('format.has_header' 'false', \
             'format.delimiter' '|', 'format.quote' '~')",
            ARRAY.replace('\n', " "),
            text.display()
        );
        check(&["--format", "csv", "-c", &sql], "count\n1\n");
        let json = folder.join(format!("array.json.{compression}"));
        fs::rename(&text, &json).unwrap();
        let sql = format!("SELECT n, s FROM '{}' ORDER BY n", json.display());
        check(&["--format", "csv", "-c", &sql], "n,s\n1,a\n2,\n");
    }
}

#[test]
fn large_arrays_are_read_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("array.json");
    fs::write(&file, ARRAY).unwrap();
    let file = file.display();
    // The size from which DataFusion divides a file.
    let divided = "SET datafusion.optimizer.repartition_file_min_size = 1; \
                   SET datafusion.execution.target_partitions = 4;";
    let sql = format!(
        "{divided} SELECT sum(n) AS n FROM '{file}';
         CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '{file}'
             OPTIONS ('format.newline_delimited' 'false');
         SELECT sum(n) AS n, max(s) AS s FROM t WHERE n > 0"
    );
    check(&["--format", "csv", "-c", &sql], "n\n3\nn,s\n3,a\n");
    let sql = format!("CREATE EXTERNAL TABLE t STORED AS JSON LOCATION '{file}'");
    // Lines are read as they are, and the first is none of an object.
    fs::write(folder.path().join("array.json"), ARRAY.replace('\n', " ")).unwrap();
    let hint = "add OPTIONS ('format.newline_delimited' 'false')";
    check_error(&["-c", &sql], 1, hint);
}

#[test]
fn objects_of_arrays_may_have_line_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pretty.json");
    let pretty = "[\n  {\n    \"n\": 1,\n    \"s\": \"a, ]\"\n  },\r\n  {\n    \"n\": 2\n  }\n]\n";
    fs::write(&file, pretty).unwrap();
    let sql = format!("SELECT n, s FROM '{}' ORDER BY n", file.display());
    check(&["--format", "csv", "-c", &sql], "n,s\n1,\"a, ]\"\n2,\n");
}
