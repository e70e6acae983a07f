//! Clients that break the protocol: an error to them, and nothing to the others.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::sql::{
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementQuery,
    CommandStatementUpdate, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{Action, Criteria, FlightData, FlightDescriptor, Ticket};
use fusebox_testing::SplitMix64;
use futures::{TryStreamExt, stream};
use prost::Message;
use tonic::Code;

use super::{Client, connected, flight_config};
use crate::server;

#[test]
fn malformed_calls_are_refused() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let plain = client.inner_mut();
        let unknown = b"\x0a\x08example.".to_vec();
        let query = CommandStatementQuery {
            query: "SELECT 1".to_owned(),
            transaction_id: Some("x".into()),
        };
        for (command, code) in [
            (vec![], Code::Unimplemented),
            (unknown, Code::Unimplemented),
            (b"\xff\xff".to_vec(), Code::InvalidArgument),
            (query.as_any().encode_to_vec(), Code::Unimplemented),
        ] {
            let descriptor = FlightDescriptor::new_cmd(command.clone());
            let info = plain.get_flight_info(descriptor.clone()).await;
            assert_eq!(info.unwrap_err().code(), code, "{command:?}");
            let schema = plain.get_schema(descriptor.clone()).await;
            assert_eq!(schema.unwrap_err().code(), code, "{command:?}");
            let put = FlightData::new().with_descriptor(descriptor);
            let put = plain.do_put(stream::iter([put])).await;
            assert_eq!(put.map(drop).unwrap_err().code(), code, "{command:?}");
            let rows = plain.do_get(Ticket::new(command)).await;
            assert!(rows.is_err());
        }
        let path = FlightDescriptor::new_path(vec!["a".to_owned()]);
        assert!(plain.get_flight_info(path).await.is_err());
        for action in [
            "CreatePreparedStatement",
            "ClosePreparedStatement",
            "CancelQuery",
        ] {
            let acted = plain.do_action(Action::new(action, "\u{ff}\0")).await;
            assert_eq!(
                acted.map(drop).unwrap_err().code(),
                Code::InvalidArgument,
                "{action}"
            );
        }
        let acted = plain.do_action(Action::new("nosuch", "")).await;
        assert_eq!(acted.map(drop).unwrap_err().code(), Code::Unimplemented);
        let listed = plain.list_flights(Criteria::default()).await;
        assert_eq!(listed.map(drop).unwrap_err().code(), Code::Unimplemented);
    });
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn handles_of_nothing_are_refused() {
    let (_server, mut client) = connected();
    client.run(async |client| {
        let plain = client.inner_mut();
        for length in [0, 1, 15, 16, 17, 1_000] {
            let statement_handle = vec![7_u8; length].into();
            let ticket = TicketStatementQuery { statement_handle };
            let ticket = Ticket::new(ticket.as_any().encode_to_vec());
            let rows = plain.do_get(ticket).await.map(drop);
            assert_eq!(rows.unwrap_err().code(), Code::NotFound);
            let prepared_statement_handle = vec![7_u8; length].into();
            let command = CommandPreparedStatementQuery {
                prepared_statement_handle,
            };
            let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
            let info = plain.get_flight_info(descriptor).await;
            assert_eq!(info.unwrap_err().code(), Code::NotFound);
        }
    });
}

#[test]
fn uploads_without_their_parts_are_refused() {
    let (_server, mut client) = connected();
    client.update("CREATE TABLE t (a BIGINT)").unwrap();
    client.run(async |client| {
        let prepared = client
            .prepare("INSERT INTO t VALUES ($1)".into(), None)
            .await
            .unwrap();
        drop(prepared);
        let plain = client.inner_mut();
        let nothing = plain.do_put(stream::iter(Vec::<FlightData>::new())).await;
        assert_eq!(nothing.map(drop).unwrap_err().code(), Code::InvalidArgument);
        let without = plain.do_put(stream::iter([FlightData::new()])).await;
        assert_eq!(without.map(drop).unwrap_err().code(), Code::InvalidArgument);
        // Neither for a handle of nothing are batches read.
        let command = CommandPreparedStatementUpdate {
            prepared_statement_handle: vec![7_u8; 16].into(),
        };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let put = FlightData::new().with_descriptor(descriptor);
        let put = plain.do_put(stream::iter([put])).await;
        assert_eq!(put.map(drop).unwrap_err().code(), Code::NotFound);
        let command = CommandStatementUpdate {
            query: "INSERT INTO t VALUES (1)".to_owned(),
            transaction_id: None,
        };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let put = FlightData::new().with_descriptor(descriptor);
        plain.do_put(stream::iter([put])).await.unwrap();
    });
    assert_eq!(client.rows("SELECT count(*) FROM t"), ["1"]);
}

/// Prepares a statement, and returns the command that binds its parameters.
pub(super) fn prepared(client: &mut Client) -> FlightDescriptor {
    use arrow_flight::sql::{
        ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
    };
    let request = ActionCreatePreparedStatementRequest {
        query: "SELECT $1 + 1".to_owned(),
        transaction_id: None,
    };
    let action = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
    client.run(async |client| {
        let mut results = client.do_action(action).await.unwrap();
        let body = results.message().await.unwrap().unwrap().body;
        let any = Any::decode(body).unwrap();
        let result: ActionCreatePreparedStatementResult = any.unpack().unwrap().unwrap();
        let command = CommandPreparedStatementQuery {
            prepared_statement_handle: result.prepared_statement_handle,
        };
        FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
    })
}

#[test]
fn changed_batches_end_nothing_but_their_call() {
    let (_server, mut client) = connected();
    let descriptor = prepared(&mut client);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let batch = RecordBatch::try_from_iter([("a", numbers)]).unwrap();
    let messages = FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor.clone()))
        .build(stream::iter([Ok(batch)]));
    let messages: Vec<FlightData> = client.run(async |_| messages.try_collect().await.unwrap());
    let mut random = SplitMix64(7);
    for _ in 0..300 {
        let mut changed = messages.clone();
        let index = random.below(changed.len());
        let mut header = changed[index].data_header.to_vec();
        let place = random.below(header.len());
        header[place] = random.next_u64() as u8;
        changed[index].data_header = header.into();
        if random.one_in(4) {
            changed.remove(1);
        }
        client.run(async |client| {
            let put = client.inner_mut().do_put(stream::iter(changed)).await;
            if let Err(status) = put {
                assert_ne!(status.code(), Code::Unavailable, "{status:?}");
            }
        });
    }
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn batches_without_a_schema_and_with_huge_ones_are_refused() {
    let mut config = flight_config();
    config.message_megabytes_max = 1;
    let server = server(config);
    let mut client = Client::connect(&server);
    let descriptor = prepared(&mut client);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 100_000]));
    let batch = RecordBatch::try_from_iter([("a", numbers)]).unwrap();
    let batches: Vec<_> = std::iter::repeat_n(batch, 10).map(Ok).collect();
    let messages = FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor.clone()))
        .build(stream::iter(batches));
    let messages: Vec<FlightData> = client.run(async |_| messages.try_collect().await.unwrap());
    let mut without = vec![messages[1].clone()];
    without[0].flight_descriptor = Some(descriptor);
    for (put, code) in [
        (messages, Code::ResourceExhausted),
        (without, Code::InvalidArgument),
    ] {
        let put = client.run(async |client| client.inner_mut().do_put(stream::iter(put)).await);
        assert_eq!(put.map(drop).unwrap_err().code(), code);
    }
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn bytes_that_are_no_http_end_their_connection() {
    let (server, mut client) = connected();
    let mut random = SplitMix64(7);
    for length in [0, 1, 24, 100, 10_000] {
        let mut stream = TcpStream::connect(server.flight_address().unwrap()).unwrap();
        let bytes: Vec<u8> = (0..length).map(|_| random.next_u64() as u8).collect();
        let _ = stream.write_all(&bytes);
        let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let _ = stream.write_all(&bytes);
    }
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}
