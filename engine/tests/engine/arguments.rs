//! Arguments that are not what their type says.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array, ListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use datafusion::prelude::SessionContext;
use fusebox::Session;

use crate::{privileges, run};

#[tokio::test]
async fn decimal_beyond_its_precision_is_the_fault_of_the_argument() {
    let values = vec![Some(150), None, Some(1_000_000_000_000), Some(-20)];
    let decimals = Decimal128Array::from(values).with_precision_and_scale(10, 2);
    let decimals: ArrayRef = Arc::new(decimals.unwrap());
    let item = Arc::new(Field::new_list_field(decimals.data_type().clone(), true));
    let lists = OffsetBuffer::from_lengths([1, 3, 0, 0]);
    let lists = ListArray::new(item, lists, Arc::clone(&decimals), None);
    let columns: [(&str, ArrayRef); 2] = [("x", decimals), ("y", Arc::new(lists))];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true)));
    let context = SessionContext::new();
    context.register_batch("t", batch.unwrap()).unwrap();
    let builder = Session::builder().context(context).privileges(privileges());
    let session = builder.build().unwrap();
    let same = "LANGUAGE WASM AS 'wat/same.wat' EXPORT 'same'";
    let create = format!(
        "CREATE FUNCTION same(DECIMAL(10, 2)) RETURNS DECIMAL(10, 2) {same};
         CREATE FUNCTION any_same(DECIMAL(*)) RETURNS DECIMAL(*) {same};
         CREATE FUNCTION list_same(DECIMAL(10, 2)[]) RETURNS DECIMAL(10, 2)[] {same};"
    );
    run(&session, &create).await.unwrap();
    for (query, function, row, expected, given) in [
        ("same(x)", "same", 2, "DECIMAL(10, 2)", "DECIMAL(10, 2)"),
        (
            "any_same(x)",
            "any_same",
            2,
            "DECIMAL(10, 2)",
            "DECIMAL(10, 2)",
        ),
        (
            "list_same(y)",
            "list_same",
            1,
            "DECIMAL(10, 2)[]",
            "DECIMAL(10, 2)[]",
        ),
    ] {
        let error = run(&session, &format!("SELECT {query} FROM t")).await;
        let expected = format!(
            "function `{function}` cannot take argument 1 at row {row}: expected a value that \
             fits in {expected}, found 10000000000.00 of {given}"
        );
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
    let valid = run(&session, "SELECT same(x) FROM t WHERE x < 100").await;
    let rows: usize = valid.unwrap().iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 2);
}
