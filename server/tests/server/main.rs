//! End-to-end tests of the server: clients of PostgreSQL's protocol, of Flight SQL and of HTTP.

mod bounds;
mod cancellation;
mod catalog;
mod client;
mod clients;
mod copy;
mod drivers;
mod extended;
mod flight;
mod hostile;
mod http;
mod kept;
mod login;
mod queries;
mod transactions;
mod types;
mod users;

use fusebox::{Engine, FileAccess, Privileges};
use fusebox_server::{Server, ServerConfig};

use client::Client;

/// Directory of files of the tests.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server");

/// Configuration of a server for everyone on this machine.
fn config() -> ServerConfig {
    let mut config = ServerConfig::default();
    config.postgres = Some("127.0.0.1:0".parse().unwrap());
    config.http = Some("127.0.0.1:0".parse().unwrap());
    config
}

/// Starts a server.
fn server(config: ServerConfig) -> Server {
    Server::start(config, engine()).unwrap()
}

fn engine() -> Engine {
    let privileges = Privileges {
        files: FileAccess::denied(),
        ..Privileges::default()
    };
    Engine::builder().privileges(privileges).build().unwrap()
}

/// Starts a server, and connects to it.
fn connected() -> (Server, Client) {
    let server = server(config());
    let client = Client::connect(&server);
    (server, client)
}

/// Statement that creates a function which adds.
const ADD: &str = "CREATE FUNCTION add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module \
     (func (export \"add\") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))$$";

/// Statement that creates a function which takes some milliseconds for a row.
const SLOW: &str = "CREATE FUNCTION slow(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module \
     (func (export \"slow\") (param i64) (result i64) (local $i i32) \
     (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) \
     (br_if $l (i32.lt_u (local.get $i) (i32.const 100000)))) (local.get 0)))$$";
