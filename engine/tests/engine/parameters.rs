//! Parameters of statements: their types, and values for them.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::session;

const ADD: &str = "CREATE FUNCTION add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module \
     (func (export \"add\") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))$$";

#[tokio::test]
async fn parameters_have_the_types_of_columns_and_arguments() {
    let session = session();
    session.sql(ADD).await.unwrap();
    session
        .sql("CREATE TABLE t (a INT, b DOUBLE)")
        .await
        .unwrap();
    for (sql, parameters, columns) in [
        ("SELECT add($1, 1)", vec![Some(DataType::Int64)], 1),
        (
            "SELECT b FROM t WHERE a = $1",
            vec![Some(DataType::Int32)],
            1,
        ),
        (
            "INSERT INTO t VALUES ($1, $2)",
            vec![Some(DataType::Int32), Some(DataType::Float64)],
            1,
        ),
        ("SELECT $1, 1", vec![None], 2),
        (
            "SELECT CAST($1 AS INT) + 1, CAST($2 AS DATE)",
            vec![Some(DataType::Int32), Some(DataType::Date32)],
            2,
        ),
        ("SELECT 1", vec![], 1),
    ] {
        let statement = session.statements(sql).next().unwrap().unwrap();
        let described = session.describe(statement).await.unwrap();
        assert_eq!(described.parameters, parameters, "{sql}");
        assert_eq!(described.columns.fields().len(), columns, "{sql}");
    }
    let count = session.sql("SELECT * FROM t").await.unwrap().count().await;
    assert_eq!(count.unwrap(), 0);
}

#[tokio::test]
async fn bound_values_are_constants() {
    let session = session();
    session.sql(ADD).await.unwrap();
    let mut statement = session
        .statements("SELECT add($1, $2) AS a")
        .next()
        .unwrap()
        .unwrap();
    let values = [
        Some(ScalarValue::from(40_i64)),
        Some(ScalarValue::from(2_i64)),
    ];
    statement.bind(&values).unwrap();
    let rows = session
        .execute(statement)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let found = ScalarValue::try_from_array(rows[0].column(0), 0).unwrap();
    assert_eq!(found, ScalarValue::from(42_i64));
}

#[tokio::test]
async fn other_statements_are_not_described() {
    let session = session();
    let statement = session.statements("SHOW MODULES").next().unwrap().unwrap();
    let error = session.describe(statement).await.unwrap_err();
    assert!(error.to_string().contains("expected a query"), "{error}");
}
