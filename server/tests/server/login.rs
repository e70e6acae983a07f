//! Passwords and certificates.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fusebox::Engine;
use fusebox_server::{Server, ServerConfig, TlsConfig, UserConfig};
use ring::{digest, hmac, pbkdf2};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{Client, Report, message, startup};
use crate::{FILES, config, server};

fn user(name: &str, password: &str) -> UserConfig {
    let mut user = UserConfig::default();
    name.clone_into(&mut user.name);
    password.clone_into(&mut user.password);
    user
}

fn with_users() -> ServerConfig {
    let mut config = config();
    let mut reader = user("reader", "secret");
    reader.create = Some(false);
    config.users = vec![user("ada", "pencil"), reader];
    config
}

/// Logs in by SCRAM-SHA-256.
pub(crate) fn log_in(client: &mut Client, name: &str, password: &str) -> Result<(), Report> {
    client.send(&startup(&[("user", name)]));
    let (kind, body) = client.receive().unwrap();
    assert_eq!((kind, &body[..4]), (b'R', &10_i32.to_be_bytes()[..]));
    let first = "n=,r=abc";
    let initial = format!("n,,{first}");
    let length = u32::try_from(initial.len()).unwrap().to_be_bytes();
    client.send(&message(
        b'p',
        &[b"SCRAM-SHA-256\0", &length, initial.as_bytes()],
    ));
    let (_, body) = client.receive().unwrap();
    let challenge = String::from_utf8(body[4..].to_vec()).unwrap();
    let field = |name: &str| {
        let found = challenge
            .split(',')
            .find_map(|field| field.strip_prefix(name));
        found.unwrap().to_owned()
    };
    let salt = BASE64.decode(field("s=")).unwrap();
    let rounds = field("i=").parse().unwrap();
    let mut salted = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        &salt,
        password.as_bytes(),
        &mut salted,
    );
    let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let client_key = sign(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let last = format!("c=biws,r={}", field("r="));
    let signature = sign(
        stored_key.as_ref(),
        format!("{first},{challenge},{last}").as_bytes(),
    );
    let proof = client_key.as_ref().iter().zip(signature.as_ref());
    let proof: Vec<u8> = proof.map(|(a, b)| a ^ b).collect();
    let last = format!("{last},p={}", BASE64.encode(proof));
    client.send(&message(b'p', &[last.as_bytes()]));
    let (kind, body) = client.receive().unwrap();
    if kind == b'E' {
        let fields = body
            .split(|byte| *byte == 0)
            .filter(|field| !field.is_empty());
        let text = |field: &[u8]| {
            (
                char::from(field[0]),
                String::from_utf8_lossy(&field[1..]).into(),
            )
        };
        return Err(fields.map(text).collect());
    }
    assert_eq!(&body[..4], 12_i32.to_be_bytes());
    client.started()
}

#[test]
fn users_have_passwords() {
    let server = server(with_users());
    let mut client = Client::open(&server);
    log_in(&mut client, "ada", "pencil").unwrap();
    assert_eq!(client.rows("SELECT current_user"), ["ada"]);
    for (name, password) in [("ada", "pen"), ("stranger", "pencil"), ("reader", "pencil")] {
        let error = log_in(&mut Client::open(&server), name, password).unwrap_err();
        assert_eq!(error[&'C'], "28P01", "{name}");
        let expected = format!("password authentication failed for user \"{name}\"");
        assert_eq!(error[&'M'], expected);
    }
}

#[test]
fn users_have_privileges() {
    let server = server(with_users());
    let mut client = Client::open(&server);
    log_in(&mut client, "reader", "secret").unwrap();
    assert_eq!(client.query(crate::ADD).code(), "42501");
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}

#[test]
fn addresses_that_others_reach_need_users() {
    let mut config = config();
    config.postgres = Some("0.0.0.0:0".parse().unwrap());
    let error = Server::start(config, Engine::builder().build().unwrap()).unwrap_err();
    assert!(error.to_string().contains("--password-file"), "{error}");
}

fn tls(certificate: &str, key: &str) -> ServerConfig {
    let mut config = with_users();
    config.tls = Some(TlsConfig {
        certificate: format!("{FILES}/tls/{certificate}").into(),
        key: format!("{FILES}/tls/{key}").into(),
    });
    config
}

#[test]
fn clients_may_ask_for_tls() {
    let server = server(tls("server.crt", "server.key"));
    let address = server.postgres_address().unwrap();
    let mut roots = RootCertStore::empty();
    let certificate = fs::read(format!("{FILES}/tls/server.crt")).unwrap();
    roots
        .add(CertificateDer::from_pem_slice(&certificate).unwrap())
        .unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut plain = Client::open(&server);
    plain.send(&[8, 80_877_103].map(i32::to_be_bytes).concat());
    assert_eq!(plain.receive_bytes(), Some(*b"S"));
    drop(plain);
    let mut stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, &[8, 80_877_103].map(i32::to_be_bytes).concat())
        .unwrap();
    let mut answer = [0];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(&answer, b"S");
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(connection, stream);
    let mut client = Client::over(Box::new(stream), address);
    log_in(&mut client, "ada", "pencil").unwrap();
    let sql = "SELECT value, repeat('x', 1000) FROM generate_series(1, 10000)";
    assert_eq!(client.query(sql).unwrap().rows.len(), 10_000);
}

#[test]
fn a_bad_certificate_is_an_error_at_the_start() {
    for (certificate, key) in [
        ("server.crt", "other.key"),
        ("server.key", "server.key"),
        ("server.crt", "server.crt"),
        ("none.crt", "server.key"),
    ] {
        let started = Server::start(tls(certificate, key), Engine::builder().build().unwrap());
        let error = started.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot use TLS: "),
            "{certificate} {key}: {error}"
        );
    }
}

#[test]
fn a_server_without_a_certificate_refuses_tls() {
    let server = server(config());
    let mut client = Client::open(&server);
    for code in [80_877_103, 80_877_104] {
        client.send(&[8, code].map(i32::to_be_bytes).concat());
        assert_eq!(client.receive_bytes(), Some(*b"N"));
    }
    client.send(&startup(&[("user", "ada")]));
    client.started().unwrap();
    assert_eq!(client.rows("SELECT 1"), ["1"]);
}
