//! HTTP: probes, metrics, and queries.

// Queries, as JSON in and lines of JSON out.
mod sql;

// Names and passwords.
mod authentication;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::execution::on_threads;
use crate::metrics::MetricsFormat;
use crate::report::Report;
use crate::shared::{Phase, Shared};
use crate::timed::Timed;
use crate::tls::MaybeTls;

/// Maximum size of the head of a request in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Body of an answer.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Connection of a client.
#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    /// True if no other machine reads what is sent.
    is_private: bool,
}

/// Serves a client until it is gone.
pub(crate) async fn serve(stream: TcpStream, address: SocketAddr, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let is_local = stream
        .local_addr()
        .is_ok_and(|local| local.ip().is_loopback());
    let stream = match &shared.http_tls {
        None => MaybeTls::Plain(stream),
        Some(acceptor) => {
            let timeout = shared.config.login_timeout();
            match tokio::time::timeout(timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => MaybeTls::Tls(Box::new(stream)),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let peer = Peer {
        address,
        is_private: stream.is_tls() || is_local,
    };
    let stream = Timed::new(stream, shared.config.write_timeout());
    let answering = Arc::clone(&shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&answering);
        async move {
            let mut response = answer(request, peer, &shared).await;
            if shared.is_http_crowded() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.login_timeout())
        .max_buf_size(HEAD_BYTES_MAX);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        served = serving => {
            if let Err(error) = served {
                tracing::debug!(peer = %address, %error, "a connection failed");
            }
        }
        () = shared.reached(Phase::Stopping) => {}
    }
}

async fn answer(request: Request<Incoming>, peer: Peer, shared: &Arc<Shared>) -> Response<Body> {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    match (request.uri().path(), is_read) {
        ("/healthz", true) => text(StatusCode::OK, "ok\n"),
        ("/readyz", true) => match *shared.phase.borrow() {
            Phase::Running => text(StatusCode::OK, "ready\n"),
            _ => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        },
        ("/metrics", true) => {
            let format = accepted_format(request.headers());
            metrics(shared, format).await
        }
        ("/sql", _) if request.method() == Method::POST => {
            sql::execute(request, peer, shared).await
        }
        ("/healthz" | "/readyz" | "/metrics", false) => not_allowed("GET, HEAD"),
        ("/sql", _) => not_allowed("POST"),
        _ => text(
            StatusCode::NOT_FOUND,
            "expected /healthz, /readyz, /metrics or /sql\n",
        ),
    }
}

/// Returns the format of counters for a client: OpenMetrics if it is accepted by name.
fn accepted_format(headers: &HeaderMap) -> MetricsFormat {
    let mut accepted = headers.get_all(ACCEPT).iter();
    let is_open = accepted.any(|types| {
        let types = types.to_str().unwrap_or_default();
        types.contains("application/openmetrics-text")
    });
    match is_open {
        true => MetricsFormat::OpenMetrics,
        false => MetricsFormat::Prometheus,
    }
}

/// Prints the counters. Those of functions are read from the catalog.
async fn metrics(shared: &Arc<Shared>, format: MetricsFormat) -> Response<Body> {
    let printing = Arc::clone(shared);
    let printed = on_threads(&shared.threads, async move {
        let session = printing.engine.session().build()?;
        let functions = session.statistics()?;
        let Shared {
            metrics, engine, ..
        } = &*printing;
        Ok::<_, fusebox::Error>(metrics.print(engine, &functions, format))
    });
    match printed.await {
        Ok(Ok(printed)) => with_type(StatusCode::OK, format.content_type(), printed),
        Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        Err(report) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("{}\n", report.message),
        ),
    }
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "expected another method\n");
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    response
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", text.to_owned())
}

fn with_type(status: StatusCode, content: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = status;
    let content = HeaderValue::from_static(content);
    response.headers_mut().insert(CONTENT_TYPE, content);
    response
}

/// Makes an answer whose body comes in parts.
fn streamed(parts: BoxStream<'static, Bytes>) -> Response<Body> {
    let frames = parts.map(|part| Ok::<_, Infallible>(Frame::data(part)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let content = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, content);
    response
}

/// Prints an error as JSON.
fn error_json(report: &Report) -> String {
    let mut error = serde_json::Map::new();
    error.insert("sqlstate".to_owned(), report.code.into());
    error.insert("message".to_owned(), report.message.as_str().into());
    if let Some(detail) = &report.detail {
        error.insert("detail".to_owned(), detail.as_str().into());
    }
    if let Some(hint) = &report.hint {
        error.insert("hint".to_owned(), hint.as_str().into());
    }
    if let Some(position) = report.position {
        error.insert("position".to_owned(), position.into());
    }
    let error = serde_json::Value::Object(error);
    format!("{{\"error\":{error}}}\n")
}
