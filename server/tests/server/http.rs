//! Probes, metrics and queries by HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fusebox_server::{Server, UserConfig};

use crate::{ADD, SLOW, config, server};

/// Answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    head: String,
    pub(crate) body: String,
}

/// Sends a request, and reads the answer up to the end of the connection.
pub(crate) fn request(server: &Server, line: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(server.http_address().unwrap()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let length = body.len();
    let text = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = match head.to_lowercase().contains("transfer-encoding: chunked") {
        true => unchunked(body),
        false => body.to_owned(),
    };
    Answer {
        status,
        head: head.to_lowercase(),
        body,
    }
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text += &rest[..length];
        body = &rest[length + 2..];
        if length == 0 {
            break;
        }
    }
    text
}

const SQL: &str = "Content-Type: application/sql\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

fn sql(server: &Server, sql: &str) -> Answer {
    request(server, "POST /sql", SQL, sql)
}

#[test]
fn probes_tell_the_phase() {
    let server = server(config());
    assert_eq!(request(&server, "GET /healthz", "", "").body, "ok\n");
    assert_eq!(request(&server, "GET /readyz", "", "").body, "ready\n");
    assert_eq!(request(&server, "GET /nosuch", "", "").status, 404);
    let answer = request(&server, "POST /healthz", "", "");
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: get, head"));
}

#[test]
fn queries_are_lines_of_json() {
    let server = server(config());
    let created = sql(&server, ADD);
    assert_eq!((created.status, created.body.as_str()), (200, ""));
    assert!(
        created.head.contains("fusebox-tag: create function"),
        "{created:?}"
    );
    let answer = sql(
        &server,
        "SELECT add(1, 2) AS a, 'x\"y' AS b, NULL AS c, [1, 2] AS d, true AS e",
    );
    assert!(answer.head.contains("content-type: application/x-ndjson"));
    assert_eq!(
        answer.body,
        "{\"a\":3,\"b\":\"x\\\"y\",\"c\":null,\"d\":[1,2],\"e\":true}\n"
    );
    let body = "{\"sql\": \"SELECT add($1, 1) AS a, $2 AS b\", \"parameters\": [41, \"x\"]}";
    let answer = request(&server, "POST /sql", JSON, body);
    assert_eq!(answer.body, "{\"a\":42,\"b\":\"x\"}\n");
    let answer = sql(&server, "SELECT value FROM generate_series(1, 50000)");
    assert_eq!(answer.body.lines().count(), 50_000);
}

#[test]
fn errors_have_a_status_and_a_code() {
    let server = server(config());
    for (text, status, code) in [
        ("SELECT nosuch", 400, "42703"),
        ("SELECT 1; SELECT 2", 400, "42601"),
        ("BEGIN", 400, "0A000"),
        ("CREATE MODULE m LANGUAGE WASM FROM 'm.wasm'", 403, "42501"),
    ] {
        let answer = sql(&server, text);
        assert_eq!(answer.status, status, "{text}: {answer:?}");
        assert!(
            answer.body.contains(&format!("\"sqlstate\":\"{code}\"")),
            "{answer:?}"
        );
    }
    // After the first rows, an error is the last line.
    let late = "SELECT 10 / (20000 - value) AS a FROM generate_series(1, 30000)";
    let answer = sql(&server, late);
    assert!(answer.body.contains("22012"), "{answer:?}");
    assert_eq!(request(&server, "POST /sql", "", "SELECT 1").status, 415);
    assert_eq!(
        request(&server, "POST /sql", JSON, "{\"sql\": 1}").status,
        400
    );
}

#[test]
fn pages_of_others_have_no_access() {
    let server = server(config());
    let headers = format!("{SQL}Origin: https://example.com\r\n");
    assert_eq!(
        request(&server, "POST /sql", &headers, "SELECT 1").status,
        403
    );
    let mut stream = TcpStream::connect(server.http_address().unwrap()).unwrap();
    let text = "POST /sql HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\
                Content-Type: application/sql\r\nContent-Length: 8\r\n\r\nSELECT 1";
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[test]
fn users_have_passwords() {
    let mut config = config();
    let mut ada = UserConfig::default();
    "ada".clone_into(&mut ada.name);
    "pencil".clone_into(&mut ada.password);
    config.users = vec![ada];
    let server = server(config);
    let answer = sql(&server, "SELECT 1");
    assert_eq!(answer.status, 401);
    assert!(answer.head.contains("www-authenticate: basic"));
    // ada:pencil and ada:pen.
    for (credentials, status) in [("YWRhOnBlbmNpbA==", 200), ("YWRhOnBlbg==", 401)] {
        let headers = format!("{SQL}Authorization: Basic {credentials}\r\n");
        assert_eq!(
            request(&server, "POST /sql", &headers, "SELECT 1").status,
            status
        );
    }
    assert_eq!(request(&server, "GET /healthz", "", "").status, 200);
}

#[test]
fn metrics_count_statements_and_calls() {
    let server = server(config());
    sql(&server, ADD);
    sql(&server, "SELECT add(1, 2)");
    sql(&server, "SELECT nosuch");
    let answer = request(&server, "GET /metrics", "", "");
    for line in [
        "fusebox_statements_total{result=\"done\"} 2",
        "fusebox_errors_total{sqlstate=\"42703\"} 1",
        "fusebox_function_rows_total{function=\"add\",",
    ] {
        assert!(answer.body.contains(line), "{line}\n{}", answer.body);
    }
}

#[test]
fn metrics_have_the_format_that_a_client_accepts() {
    let server = server(config());
    let text = request(&server, "GET /metrics", "", "");
    let content = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(text.head.contains(content), "{}", text.head);
    let described = "# TYPE fusebox_connections_refused_total counter\n";
    assert!(text.body.contains(described), "{}", text.body);
    let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3\r\n";
    let open = request(&server, "GET /metrics", accept, "");
    let content = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(open.head.contains(content), "{}", open.head);
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);
}

#[test]
fn bodies_have_a_maximum() {
    let mut config = config();
    config.message_megabytes_max = 1;
    let server = server(config);
    let large = format!("SELECT '{}'", "x".repeat(2 << 20));
    let mut stream = TcpStream::connect(server.http_address().unwrap()).unwrap();
    let head = format!(
        "POST /sql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{SQL}Content-Length: {}\r\n\r\n",
        large.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(large.as_bytes());
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

/// Sends the head of a query whose body is yet to come.
fn begin(server: &Server, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.http_address().unwrap()).unwrap();
    let head =
        format!("POST /sql HTTP/1.1\r\nHost: localhost\r\n{SQL}Content-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

const ENDLESS: &str = "SELECT sum(slow(value)) FROM generate_series(1, 1000000000)";

/// Waits until a number of statements run.
fn wait_for_running(server: &Server, count: usize) {
    let line = format!("fusebox_statements_running {count}\n");
    let end = Instant::now() + Duration::from_secs(30);
    while !request(server, "GET /metrics", "", "").body.contains(&line) {
        assert!(Instant::now() < end, "expected {line}");
    }
}

#[test]
fn a_full_house_of_queries_leaves_probes_alone() {
    let mut config = config();
    config.connections_max = 1;
    let server = server(config);
    assert_eq!(sql(&server, SLOW).status, 200);
    let mut running = begin(&server, ENDLESS.len());
    running.write_all(ENDLESS.as_bytes()).unwrap();
    wait_for_running(&server, 1);
    // As many connections as there are at most, each with a query that does not come.
    let _waiting: Vec<_> = (0..110).map(|_| begin(&server, 10)).collect();
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200)] {
        let answer = request(&server, &format!("GET {path}"), "", "");
        assert_eq!(answer.status, status, "{path}");
    }
    let refused = sql(&server, "SELECT 1");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("connection: close"), "{refused:?}");
}

#[test]
fn clients_that_close_early_leave_no_permit_behind() {
    let mut config = config();
    config.connections_max = 1;
    let server = server(config);
    assert_eq!(sql(&server, SLOW).status, 200);
    let free = |server: &Server| {
        let end = Instant::now() + Duration::from_secs(30);
        while sql(server, "SELECT 1").status != 200 {
            assert!(Instant::now() < end, "the permit is not free");
        }
        wait_for_running(server, 0);
    };
    // Before the first row.
    let mut stream = begin(&server, ENDLESS.len());
    stream.write_all(ENDLESS.as_bytes()).unwrap();
    wait_for_running(&server, 1);
    drop(stream);
    free(&server);
    // Within the rows.
    let rows = "SELECT value FROM generate_series(1, 1000000000)";
    let mut stream = begin(&server, rows.len());
    stream.write_all(rows.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 1_000]).unwrap();
    drop(stream);
    free(&server);
    // Within the body.
    let mut stream = begin(&server, 100);
    stream.write_all(b"SELECT").unwrap();
    drop(stream);
    free(&server);
}

#[test]
fn users_of_the_catalog_query_by_their_passwords() {
    let engine = crate::engine();
    crate::users::administer(&engine, "CREATE USER ada PASSWORD 'pencil'");
    let server = Server::start(config(), engine).unwrap();
    let query = |authorization: &str| {
        let headers = format!("{SQL}{authorization}");
        request(&server, "POST /sql", &headers, "SELECT 1 AS one")
    };
    // ada:pencil, ada:pen and eve:pencil.
    let ada = query("Authorization: Basic YWRhOnBlbmNpbA==\r\n");
    assert_eq!(ada.status, 200, "{ada:?}");
    for other in ["YWRhOnBlbg==", "ZXZlOnBlbmNpbA=="] {
        let answer = query(&format!("Authorization: Basic {other}\r\n"));
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(query("").status, 401);
}

#[test]
fn values_that_are_used_often_are_refused() {
    let server = server(config());
    let large = "x".repeat(1 << 20);
    let body = |uses: usize| {
        let sql = format!(
            "SELECT length(concat({})) AS a",
            vec!["$1"; uses].join(", ")
        );
        format!("{{\"sql\": \"{sql}\", \"parameters\": [\"{large}\"]}}")
    };
    let answer = request(&server, "POST /sql", JSON, &body(2));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = request(&server, "POST /sql", JSON, &body(300));
    assert_eq!(answer.status, 400);
    let expected = "expected parameters whose uses after the first have at most 268435456 bytes";
    assert!(answer.body.contains(expected), "{}", answer.body);
}
