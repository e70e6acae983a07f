//! Passwords, tokens and certificates.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{Action, HandshakeRequest};
use fusebox_server::{Server, ServerConfig, TlsConfig, UserConfig};
use futures::{TryStreamExt, stream};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::codegen::{Service, http::Uri};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::{Client, connected, eventually, fetch, flight_config, sqlstate};
use crate::users::administer;
use crate::{ADD, FILES, engine, server};

fn user(name: &str, password: &str) -> UserConfig {
    let mut user = UserConfig::default();
    name.clone_into(&mut user.name);
    password.clone_into(&mut user.password);
    user
}

pub(super) fn with_users() -> ServerConfig {
    let mut config = flight_config();
    let mut reader = user("reader", "secret");
    reader.create = Some(false);
    config.users = vec![user("ada", "pencil"), reader];
    config
}

pub(super) fn log_in(server: &Server, name: &str, password: &str) -> Result<Client, String> {
    let mut client = Client::connect(server);
    let logged_in = client.run(async |client| client.handshake(name, password).await);
    match logged_in {
        Ok(_) => Ok(client),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn users_log_in_and_have_privileges() {
    let server = server(with_users());
    let mut stranger = Client::connect(&server);
    let status = stranger.query("SELECT 1").map(drop).unwrap_err();
    assert_eq!(
        (status.code(), sqlstate(&status)),
        (Code::Unauthenticated, "28000")
    );
    for (name, password) in [("ada", "secret"), ("stranger", "pencil"), ("", "")] {
        let error = log_in(&server, name, password).map(drop).unwrap_err();
        assert!(error.contains("password authentication failed"), "{error}");
    }
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    ada.update(ADD).unwrap();
    let mut reader = log_in(&server, "reader", "secret").unwrap();
    assert_eq!(reader.rows("SELECT add(40, 2)"), ["42"]);
    let status = reader.update("DROP FUNCTION add").unwrap_err();
    assert_eq!(
        (status.code(), sqlstate(&status)),
        (Code::PermissionDenied, "42501")
    );
}

#[test]
fn users_of_the_catalog_have_rights_and_quotas() {
    let engine = engine();
    let server = Server::start(flight_config(), engine.clone()).unwrap();
    let mut stranger = Client::connect(&server);
    assert_eq!(stranger.rows("SELECT 1"), ["1"]);
    administer(&engine, "CREATE USER ada PASSWORD 'pencil'");
    // No client is trusted from now on.
    let status = stranger.query("SELECT 1").map(drop).unwrap_err();
    assert_eq!(sqlstate(&status), "28000");
    let status = stranger.run(async |client| {
        let info = client.get_catalogs().await.unwrap();
        Status::from(fetch(client, info).await.map(drop).unwrap_err())
    });
    assert_eq!(sqlstate(&status), "28000");
    let status = Client::connect(&server).query("SELECT 1").map(drop);
    assert_eq!(sqlstate(&status.unwrap_err()), "28000");
    for (name, password) in [("ada", "pen"), ("stranger", "pencil"), ("", "")] {
        let error = log_in(&server, name, password).map(drop).unwrap_err();
        assert!(error.contains("password authentication failed"), "{error}");
    }
    administer(&engine, "ALTER USER ada SET fusebox.quota.sessions = 1");
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    assert_eq!(ada.rows("SELECT 1"), ["1"]);
    assert_eq!(sqlstate(&ada.update(ADD).unwrap_err()), "42501");
    let module = "geo\0(module)";
    let status = ada.run(async |client| {
        let action = Action::new("fusebox.create_module", module);
        Status::from(client.do_action(action).await.map(drop).unwrap_err())
    });
    assert_eq!(sqlstate(&status), "42501", "{status:?}");
    administer(&engine, "ALTER USER ada SET fusebox.quota.queries = 0");
    let status = ada.query("SELECT 1").map(drop).unwrap_err();
    assert_eq!(sqlstate(&status), "53400");
    let error = log_in(&server, "ada", "pencil").map(drop).unwrap_err();
    assert!(error.contains("too many connections"), "{error}");
    // A token of a client that is gone makes place.
    drop(ada);
    eventually(|| log_in(&server, "ada", "pencil").is_ok());
}

#[test]
fn tokens_are_of_one_session() {
    let server = server(with_users());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    let mut reader = log_in(&server, "reader", "secret").unwrap();
    let info = ada.run(async |client| client.execute("SELECT 7".into(), None).await.unwrap());
    let stolen = reader.run(async |client| fetch(client, info.clone()).await.map(drop));
    assert_eq!(Status::from(stolen.unwrap_err()).code(), Code::NotFound);
    let own = ada.run(async |client| fetch(client, info).await.unwrap());
    assert_eq!(own.texts(), ["7"]);
    // A token is of any connection.
    let mut other = Client::connect(&server);
    other.sql.set_token(ada.sql.token().unwrap().clone());
    ada.update("CREATE TABLE t (a BIGINT)").unwrap();
    assert_eq!(other.query("SELECT * FROM t").unwrap().count(), 0);
    for token in ["", "x", "é"] {
        other.sql.set_token(token.to_owned());
        assert!(other.query("SELECT 1").is_err());
    }
}

#[test]
fn sessions_are_closed() {
    let server = server(with_users());
    let mut ada = log_in(&server, "ada", "pencil").unwrap();
    assert_eq!(ada.rows("SELECT 1"), ["1"]);
    ada.run(async |client| {
        let results = client
            .do_action(Action::new("CloseSession", ""))
            .await
            .unwrap();
        let bodies: Vec<_> = results
            .map_ok(|result| result.body)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(bodies, [bytes::Bytes::from_static(&[8, 1])]);
    });
    let status = ada.query("SELECT 1").map(drop).unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[test]
fn tokens_of_clients_that_are_gone_make_place() {
    let mut config = with_users();
    config.connections_max = 1;
    let server = server(config);
    let ada = log_in(&server, "ada", "pencil").unwrap();
    let error = log_in(&server, "ada", "pencil").map(drop).unwrap_err();
    assert!(error.contains("too many clients"), "{error}");
    drop(ada);
    eventually(|| log_in(&server, "ada", "pencil").is_ok());
}

#[test]
fn logins_of_the_header_wait_for_no_message() {
    let server = server(with_users());
    let mut client = Client::connect(&server);
    client.run(async |client| {
        // As clients in Go send it: without padding, and before their messages end.
        let mut request = Request::new(stream::pending::<HandshakeRequest>());
        let header = "Basic YWRhOnBlbmNpbA".parse().unwrap();
        request.metadata_mut().insert("authorization", header);
        let response = client.inner_mut().handshake(request).await.unwrap();
        let token = response.metadata().get("authorization").unwrap();
        let token = token.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        client.set_token(token.to_owned());
    });
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn everyone_may_log_in_where_everyone_is_trusted() {
    let server = server(flight_config());
    let mut client = log_in(&server, "whoever", "whatever").unwrap();
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn requests_of_pages_are_refused_where_everyone_is_trusted() {
    let (_server, mut client) = connected();
    assert_eq!(client.rows("SELECT 1"), ["1"]);
    client.sql.set_header("origin", "http://example.com");
    let status = client.query("SELECT 1").map(drop).unwrap_err();
    assert_eq!(sqlstate(&status), "28000");
    let logged_in = client.run(async |client| client.handshake("ada", "pencil").await);
    assert!(logged_in.is_err());
}

/// Connects to an address, with TLS.
#[derive(Clone)]
struct Tls {
    address: SocketAddr,
    connector: TlsConnector,
}

impl Service<Uri> for Tls {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { address, connector } = self.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            let name = ServerName::try_from("localhost").unwrap();
            let stream = connector.connect(name, stream).await?;
            Ok(TokioIo::new(stream))
        })
    }
}

#[test]
fn connections_are_encrypted() {
    let mut config = with_users();
    config.tls = Some(TlsConfig {
        certificate: format!("{FILES}/tls/server.crt").into(),
        key: format!("{FILES}/tls/server.key").into(),
    });
    let server = server(config);
    let mut roots = RootCertStore::empty();
    let certificate = fs::read(format!("{FILES}/tls/server.crt")).unwrap();
    roots
        .add(CertificateDer::from_pem_slice(&certificate).unwrap())
        .unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = Tls {
        address: server.flight_address().unwrap(),
        connector: TlsConnector::from(Arc::new(tls)),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = super::block_on(&runtime, async {
        let endpoint = Endpoint::from_static("http://localhost");
        let channel: Channel = endpoint.connect_with_connector(tls).await.unwrap();
        let mut client = FlightSqlServiceClient::new(channel);
        client.handshake("ada", "pencil").await.unwrap();
        let sql = "SELECT value FROM generate_series(1, 100000)".to_owned();
        let info = client.execute(sql, None).await.unwrap();
        fetch(&mut client, info).await.unwrap()
    });
    assert_eq!(rows.count(), 100_000);
}
