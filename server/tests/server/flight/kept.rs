//! Bounds of a session of Flight SQL: of all that it keeps, and of its calls and connections.

use std::thread;
use std::time::Duration;

use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, Any, CommandGetTables, CommandPreparedStatementQuery,
    ProstMessageExt,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightData, Ticket,
};
use futures::{TryStreamExt, stream};
use prost::Message;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use super::hostile::prepared;
use super::login::{log_in, with_users};
use super::{Client, connected, eventually, fetch, flight_config, sqlstate};
use crate::server;

#[test]
fn prepared_statements_have_a_maximum() {
    let (server, mut client) = connected();
    client.run(async |client| {
        // It is described without a plan.
        let sql = || "CREATE TABLE t (a BIGINT)".to_owned();
        let first = client.prepare(sql(), None).await.unwrap();
        for _ in 1..1_000 {
            client.prepare(sql(), None).await.unwrap();
        }
        let status = Status::from(client.prepare(sql(), None).await.unwrap_err());
        assert_eq!(
            (status.code(), sqlstate(&status)),
            (Code::ResourceExhausted, "54000")
        );
        first.close().await.unwrap();
        client.prepare(sql(), None).await.unwrap();
    });
    assert_eq!(Client::connect(&server).rows("SELECT 1"), ["1"]);
}

#[test]
fn prepared_statements_have_a_maximum_size_together() {
    let mut config = flight_config();
    config.message_megabytes_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    client.run(async |client| {
        let sql = || format!("CREATE TABLE t (a BIGINT /* {} */)", "x".repeat(500_000));
        let one = client.prepare(sql(), None).await.unwrap();
        client.prepare(sql(), None).await.unwrap();
        let status = Status::from(client.prepare(sql(), None).await.unwrap_err());
        assert_eq!(sqlstate(&status), "54000", "{status:?}");
        one.close().await.unwrap();
        client.prepare(sql(), None).await.unwrap();
    });
}

#[test]
fn prepared_statements_that_are_not_used_expire() {
    let mut config = flight_config();
    config.token_seconds_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let mut statement =
        client.run(async |client| client.prepare("SELECT 7".to_owned(), None).await.unwrap());
    // Each use would keep it.
    thread::sleep(Duration::from_secs(4));
    let status = client.run(async |_| Status::from(statement.execute().await.unwrap_err()));
    assert_eq!(
        (status.code(), sqlstate(&status)),
        (Code::NotFound, "26000")
    );
}

#[test]
fn handles_and_tickets_of_others_are_refused() {
    let server = server(with_users());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    let mut reader = log_in(&server, "reader", "secret").unwrap();
    let statement = prepared(&mut ada);
    let any = Any::decode(statement.cmd.clone()).unwrap();
    let command: CommandPreparedStatementQuery = any.unpack().unwrap().unwrap();
    let close = ActionClosePreparedStatementRequest {
        prepared_statement_handle: command.prepared_statement_handle,
    };
    let info = ada.run(async |client| client.execute("SELECT 7".into(), None).await.unwrap());
    reader.run(async |client| {
        let ticket = Ticket::new(statement.cmd.clone());
        let stolen = client.do_get(ticket).await.map(drop);
        assert_eq!(Status::from(stolen.unwrap_err()).code(), Code::NotFound);
        let put = FlightData::new().with_descriptor(statement.clone());
        let bound = client.do_put(stream::iter([put])).await.map(drop);
        assert_eq!(Status::from(bound.unwrap_err()).code(), Code::NotFound);
        let request = CancelFlightInfoRequest::new(info.clone());
        let action = Action::new("CancelFlightInfo", request.encode_to_vec());
        let mut results = client.do_action(action).await.unwrap();
        let body = results.message().await.unwrap().unwrap().body;
        let result = CancelFlightInfoResult::decode(body).unwrap();
        assert_eq!(result.status, CancelStatus::NotCancellable as i32);
        let close = close.as_any().encode_to_vec();
        let closed = client
            .do_action(Action::new("ClosePreparedStatement", close))
            .await;
        closed.unwrap().try_collect::<Vec<_>>().await.unwrap();
    });
    ada.run(async |client| {
        assert_eq!(fetch(client, info).await.unwrap().texts(), ["7"]);
        // It is known, and lacks its parameter.
        let rows = client.do_get(Ticket::new(statement.cmd)).await.map(drop);
        assert_eq!(sqlstate(&Status::from(rows.unwrap_err())), "22023");
    });
}

#[test]
fn calls_of_a_session_have_a_maximum() {
    let server = server(with_users());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    let token = ada.sql.token().unwrap().clone();
    let others: Vec<_> = (0..2).map(|_| Client::connect(&server)).collect();
    for other in &others {
        for _ in 0..32 {
            let mut sql = other.sql.clone();
            sql.set_token(token.clone());
            other.runtime.spawn(async move {
                // It waits for what does not come; one that is refused has met a query.
                loop {
                    let _ = sql.do_put(stream::pending::<FlightData>()).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
    }
    eventually(|| {
        let refused = ada.query("SELECT 1").map(drop);
        refused.is_err_and(|status| status.code() == Code::ResourceExhausted)
    });
    let mut reader = log_in(&server, "reader", "secret").unwrap();
    assert_eq!(reader.rows("SELECT 1"), ["1"]);
    drop(others);
    eventually(|| ada.query("SELECT 1").is_ok());
}

#[test]
fn connections_of_a_session_have_a_maximum() {
    let server = server(with_users());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    let token = ada.sql.token().unwrap().clone();
    let address = format!("http://{}", server.flight_address().unwrap());
    let (status, others) = ada.run(async |_| {
        let mut others = Vec::new();
        loop {
            let endpoint = Endpoint::from_shared(address.clone()).unwrap();
            let channel = endpoint.connect().await.unwrap();
            let mut sql = arrow_flight::sql::client::FlightSqlServiceClient::new(channel);
            sql.set_token(token.clone());
            match sql.get_sql_info(vec![]).await {
                Ok(_) => others.push(sql),
                Err(error) => break (Status::from(error), others),
            }
        }
    });
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    // With its own.
    assert_eq!(others.len(), 31);
    assert_eq!(ada.rows("SELECT 1"), ["1"]);
}

#[test]
fn long_lists_are_not_read() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let command = CommandGetTables {
            catalog: None,
            db_schema_filter_pattern: None,
            table_name_filter_pattern: None,
            table_types: vec!["OTHER".to_owned(); 20_000],
            include_schema: false,
        };
        let status = Status::from(client.get_tables(command).await.unwrap_err());
        assert_eq!(
            (status.code(), sqlstate(&status)),
            (Code::ResourceExhausted, "54000")
        );
        // Endpoints of two bytes each.
        let action = Action::new("CancelFlightInfo", b"\x1a\0".repeat(1 << 20));
        let status = Status::from(client.do_action(action).await.map(drop).unwrap_err());
        assert_eq!(sqlstate(&status), "54000", "{status:?}");
    });
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}
