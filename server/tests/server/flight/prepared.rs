//! Prepared statements.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, UnionBuilder,
};
use arrow::datatypes::{DataType, Int64Type, Schema};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::PreparedStatement;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
    CommandPreparedStatementQuery, ProstMessageExt,
};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, Ticket};
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{connected, fetch, sqlstate};
use crate::ADD;

fn numbers(columns: &[&[i64]]) -> RecordBatch {
    let columns = columns.iter().enumerate().map(|(index, values)| {
        let values: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        (format!("${}", index + 1), values)
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

fn types(statement: &PreparedStatement<Channel>) -> Vec<DataType> {
    let fields = statement.parameter_schema().unwrap().fields().iter();
    fields.map(|field| field.data_type().clone()).collect()
}

#[test]
fn parameters_have_the_types_of_their_places() {
    let (_server, mut client) = connected();
    client.query(ADD).unwrap();
    client.run(async |client| {
        let sql = "SELECT add($1, $2) AS sum".to_owned();
        let mut statement = client.prepare(sql, None).await.unwrap();
        assert_eq!(types(&statement), [DataType::Int64, DataType::Int64]);
        let columns = statement.dataset_schema().unwrap().clone();
        assert_eq!(columns.field(0).name(), "sum");
        for (one, other, sum) in [(40, 2, "42"), (1, 2, "3")] {
            statement
                .set_parameters(numbers(&[&[one], &[other]]))
                .unwrap();
            let info = statement.execute().await.unwrap();
            let fetched = fetch(client, info).await.unwrap();
            assert_eq!(fetched.schema, columns);
            assert_eq!(fetched.texts(), [sum]);
        }
        statement.close().await.unwrap();
    });
}

#[test]
fn rows_of_parameters_are_inserted() {
    let (_server, mut client) = connected();
    client
        .update("CREATE TABLE t (a BIGINT, b VARCHAR)")
        .unwrap();
    client.run(async |client| {
        let sql = "INSERT INTO t VALUES ($1, $2)".to_owned();
        let mut statement = client.prepare(sql, None).await.unwrap();
        assert_eq!(types(&statement), [DataType::Int64, DataType::Utf8]);
        assert_eq!(statement.dataset_schema().unwrap().fields().len(), 0);
        let values: [(&str, ArrayRef); 2] = [
            (
                "a",
                Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            ),
            (
                "b",
                Arc::new(StringArray::from(vec![Some("it's"), Some("y"), None])),
            ),
        ];
        let values = RecordBatch::try_from_iter(values).unwrap();
        statement.set_parameters(values.slice(0, 2)).unwrap();
        assert_eq!(statement.execute_update().await.unwrap(), 2);
        // By a call that asks for rows.
        statement.set_parameters(values.slice(2, 1)).unwrap();
        let info = statement.execute().await.unwrap();
        assert_eq!(info.total_records, 1);
        assert_eq!(fetch(client, info).await.unwrap().count(), 0);
        statement.set_parameters(values.slice(0, 2)).unwrap();
        assert_eq!(statement.execute().await.unwrap().total_records, 2);
    });
    let rows = client.rows("SELECT a, b FROM t ORDER BY a NULLS LAST, b NULLS LAST");
    assert_eq!(rows, ["1|it's", "1|it's", "3|", "|y", "|y"]);
}

#[test]
fn statements_that_create_are_prepared_without_effect() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let mut statement = client.prepare(ADD.to_owned(), None).await.unwrap();
        client.prepare(ADD.to_owned(), None).await.unwrap();
        let info = statement.execute().await.unwrap();
        assert_eq!(fetch(client, info).await.unwrap().count(), 0);
        let status = Status::from(statement.execute_update().await.unwrap_err());
        assert_eq!(status.code(), Code::AlreadyExists);
    });
    assert_eq!(client.rows("SELECT add(40, 2)"), ["42"]);
}

#[test]
fn parameters_that_are_not_those_of_the_statement_are_refused() {
    let (_server, mut client) = connected();
    client.query(ADD).unwrap();
    let refused = |result: Result<FlightInfo, FlightError>| {
        let status = Status::from(result.unwrap_err());
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        sqlstate(&status).to_owned()
    };
    client.run(async |client| {
        let sql = "SELECT add($1, $2) AS sum".to_owned();
        let mut statement = client.prepare(sql, None).await.unwrap();
        assert_eq!(refused(statement.execute().await), "22023");
        statement.set_parameters(numbers(&[&[1]])).unwrap();
        assert_eq!(refused(statement.execute().await), "22023");
        statement
            .set_parameters(numbers(&[&[1, 2], &[3, 4]]))
            .unwrap();
        assert_eq!(refused(statement.execute().await), "22023");
        let status = Status::from(
            client
                .prepare("SELECT nosuch".into(), None)
                .await
                .unwrap_err(),
        );
        assert_eq!(sqlstate(&status), "42703");
    });
}

#[test]
fn parameters_of_other_shapes_are_refused() {
    let (_server, mut client) = connected();
    let mut union = UnionBuilder::new_dense();
    union.append::<Int64Type>("a", 7).unwrap();
    let union: ArrayRef = Arc::new(union.build().unwrap());
    let text: ArrayRef = Arc::new(StringArray::from(vec!["seven"]));
    let none = RecordBatchOptions::new().with_row_count(Some(1));
    let none = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &none);
    client.run(async |client| {
        let sql = "SELECT $1 + 1".to_owned();
        let mut statement = client.prepare(sql, None).await.unwrap();
        for values in [
            RecordBatch::try_from_iter([("$1", union)]).unwrap(),
            RecordBatch::try_from_iter([("$1", text)]).unwrap(),
            none.unwrap(),
            numbers(&[&[]]),
            numbers(&[&[1], &[2]]),
        ] {
            statement.set_parameters(values).unwrap();
            let executed = match statement.execute().await {
                Ok(info) => fetch(client, info).await.map(drop),
                Err(error) => Err(error),
            };
            let status = Status::from(executed.unwrap_err());
            assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        }
        statement.set_parameters(numbers(&[&[41]])).unwrap();
        let info = statement.execute().await.unwrap();
        assert_eq!(fetch(client, info).await.unwrap().texts(), ["42"]);
    });
}

#[test]
fn rows_of_parameters_before_one_that_fails_have_taken_effect() {
    let (_server, mut client) = connected();
    client.update("CREATE TABLE t (a BIGINT)").unwrap();
    let status = client.run(async |client| {
        let sql = "INSERT INTO t VALUES ($1)".to_owned();
        let mut statement = client.prepare(sql, None).await.unwrap();
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "two", "3"]));
        let values = RecordBatch::try_from_iter([("$1", texts)]).unwrap();
        statement.set_parameters(values).unwrap();
        Status::from(statement.execute_update().await.unwrap_err())
    });
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let detail = status.metadata().get_bin("detail-bin").unwrap();
    assert_eq!(detail.to_bytes().unwrap(), "Row of the parameters: 2.");
    assert_eq!(client.rows("SELECT a FROM t"), ["1"]);
}

#[test]
fn handles_are_tickets_and_have_a_schema() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let request = ActionCreatePreparedStatementRequest {
            query: "SELECT 7 AS a".to_owned(),
            transaction_id: None,
        };
        let action = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
        let mut results = client.do_action(action).await.unwrap();
        let body = results.message().await.unwrap().unwrap().body;
        let any = Any::decode(body).unwrap();
        let result: ActionCreatePreparedStatementResult = any.unpack().unwrap().unwrap();
        let columns = Schema::try_from(IpcMessage(result.dataset_schema)).unwrap();
        let command = CommandPreparedStatementQuery {
            prepared_statement_handle: result.prepared_statement_handle,
        };
        let command = command.as_any().encode_to_vec();
        let described = FlightDescriptor::new_cmd(command.clone());
        let described = client.inner_mut().get_schema(described).await.unwrap();
        assert_eq!(Schema::try_from(described.into_inner()).unwrap(), columns);
        let info = FlightInfo::new().try_with_schema(&columns).unwrap();
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(command));
        let fetched = fetch(client, info.with_endpoint(endpoint)).await.unwrap();
        assert_eq!(fetched.texts(), ["7"]);
    });
}

#[test]
fn values_that_are_used_often_are_refused() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let sql = format!("SELECT length(concat({})) AS a", vec!["$1"; 300].join(", "));
        let mut statement = client.prepare(sql, None).await.unwrap();
        let large: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
        let values = RecordBatch::try_from_iter([("$1", large)]).unwrap();
        statement.set_parameters(values).unwrap();
        let status = Status::from(statement.execute().await.map(drop).unwrap_err());
        let expected = "expected parameters whose uses after the first have at most 268435456";
        assert!(status.message().contains(expected), "{status:?}");
    });
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}
