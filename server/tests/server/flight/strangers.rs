//! Clients that have not logged in: what they can call, send and hold.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use arrow_flight::{
    Action, Criteria, Empty, FlightData, FlightDescriptor, HandshakeRequest, Ticket,
};
use fusebox_server::ServerConfig;
use futures::stream;
use tonic::Code;

use super::login::{log_in, with_users};
use super::{Client, PATIENCE};
use crate::server;

/// Begin of a connection of HTTP/2, with settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn with_short_logins() -> ServerConfig {
    let mut config = with_users();
    config.login_seconds_max = 2;
    config
}

#[test]
fn strangers_call_nothing_but_the_login() {
    let server = server(with_users());
    let mut client = Client::connect(&server);
    client.run(async |client| {
        let plain = client.inner_mut();
        let command = || FlightDescriptor::new_cmd("x");
        let refusals = [
            plain.get_flight_info(command()).await.map(drop),
            plain.get_schema(command()).await.map(drop),
            plain.poll_flight_info(command()).await.map(drop),
            plain.do_get(Ticket::new("x")).await.map(drop),
            plain
                .do_put(stream::iter([FlightData::new()]))
                .await
                .map(drop),
            plain
                .do_exchange(stream::iter([FlightData::new()]))
                .await
                .map(drop),
            plain
                .do_action(Action::new("CloseSession", ""))
                .await
                .map(drop),
            plain.list_actions(Empty {}).await.map(drop),
            plain.list_flights(Criteria::default()).await.map(drop),
        ];
        for (index, refused) in refusals.into_iter().enumerate() {
            let status = refused.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{index}: {status:?}");
        }
    });
    log_in(&server, "ada", "pencil").unwrap();
}

#[test]
fn connections_without_a_login_end_in_time() {
    let server = server(with_short_logins());
    for sent in [&b""[..], PREFACE] {
        let mut stream = TcpStream::connect(server.flight_address().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(sent).unwrap();
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{sent:?}");
        }
    }
}

#[test]
fn connections_whose_session_is_closed_end_in_time() {
    let server = server(with_short_logins());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    assert_eq!(ada.rows("SELECT 1"), ["1"]);
    let ended = ada.run(async |client| {
        let action = Action::new("CloseSession", "");
        drop(client.do_action(action).await.unwrap());
        // A call that waits for the end of its connection.
        let endless = stream::pending::<HandshakeRequest>();
        client.inner_mut().handshake(endless).await.map(drop)
    });
    assert!(ended.is_err());
    log_in(&server, "ada", "pencil").unwrap();
}

#[test]
fn huge_logins_are_refused() {
    let server = server(with_short_logins());
    let mut client = Client::connect(&server);
    let payload = vec![0_u8; 1 << 20];
    let refused = client.run(async |client| {
        let request = HandshakeRequest {
            protocol_version: 0,
            payload: payload.into(),
        };
        let plain = client.inner_mut();
        plain.handshake(stream::iter([request])).await.map(drop)
    });
    assert!(refused.is_err());
    // One that does not end: its connection does.
    let refused = client.run(async |client| {
        let endless = stream::pending::<HandshakeRequest>();
        client.inner_mut().handshake(endless).await.map(drop)
    });
    assert!(refused.is_err());
    let mut client = Client::connect(&server);
    client.sql.set_header("x-long", "x".repeat(100_000));
    assert!(client.query("SELECT 1").is_err());
    let long = "x".repeat(100_000);
    assert!(log_in(&server, &long, "pencil").is_err());
    assert!(log_in(&server, "ada", &long).is_err());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    assert_eq!(ada.rows("SELECT 1"), ["1"]);
}
