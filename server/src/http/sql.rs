//! Queries by `POST /sql`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use fusebox::Session;
use futures::StreamExt;
use futures::stream;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Request, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::authentication::authenticate;
use super::{Body, Peer, error_json, streamed, text, with_type};
use crate::admission::Admission;
use crate::execution::{Event, Execution, Job, Output, SHORT_BYTES_MAX, on_threads};
use crate::metrics::Counted;
use crate::report::{NOT_SUPPORTED, Report, SYNTAX_ERROR};
use crate::shared::{Phase, Shared};
use crate::statement_text::{Command, StatementText};

/// Body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    sql: String,
    /// Values of `$1`, `$2` and so on.
    #[serde(default)]
    parameters: Vec<serde_json::Value>,
}

/// Statements of a text, of which there must be one, and values of its parameters.
struct ParsedQuery {
    statements: Vec<StatementText>,
    parameters: Vec<serde_json::Value>,
}

/// Execution of a query, until its client has all rows or is gone.
struct Running {
    execution: Execution,
    session: Session,
    shared: Arc<Shared>,
    began: Instant,
    error: Option<&'static str>,
    is_done: bool,
    admission: Arc<Admission>,
    _counted: Counted,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Running {
    /// Notes the end, with an error.
    fn end(&mut self, error: Option<&Report>) {
        self.is_done = true;
        self.error = error.map(|report| report.code);
        if let Some(report) = error {
            self.admission.stopped(report);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let is_cut = !self.is_done;
        if is_cut {
            self.session.cancel();
        }
        let error = self.error.or(is_cut.then_some("08006"));
        self.shared.metrics.ended(self.began.elapsed(), error);
    }
}

/// Executes the query of a request.
pub(super) async fn execute(
    request: Request<Incoming>,
    peer: Peer,
    shared: &Arc<Shared>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let (user, name) = match authenticate(&head.headers, peer, shared).await {
        Ok(user) => user,
        Err((status, message)) => {
            let mut response = text(status, message);
            if status == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Basic realm=\"fusebox\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            return response;
        }
    };
    if *shared.phase.borrow() > Phase::Running {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    // Bodies that do not come keep no more connections than this.
    let Ok(permit) = Arc::clone(&shared.http_requests).try_acquire_owned() else {
        return busy(shared);
    };
    let (bytes, is_json) = match read(&head.headers, body, shared).await {
        Ok(read) => read,
        Err((status, message)) => return text(status, &message),
    };
    let (query, permit) = match parsed(bytes, is_json, shared, permit).await {
        Ok((Ok(query), permit)) => (query, permit),
        Ok((Err(message), _)) => return text(StatusCode::BAD_REQUEST, &message),
        Err(report) => return failed(&report),
    };
    let Ok(session) = Arc::clone(&shared.sessions).try_acquire_owned() else {
        return busy(shared);
    };
    let started = started(query, shared, &user, &name, [permit, session]);
    let mut running = match started {
        Ok(running) => running,
        Err(report) => return failed(&report),
    };
    running.execution.fetch(0).await;
    loop {
        match running.execution.next().await {
            Event::Notice(_) => {}
            Event::Columns(..) => return rows(running),
            Event::Complete(tag) => {
                running.end(None);
                let mut response = with_type(StatusCode::OK, "application/x-ndjson", String::new());
                if let Ok(tag) = HeaderValue::from_str(&tag) {
                    response.headers_mut().insert("fusebox-tag", tag);
                }
                return response;
            }
            Event::Failed(report) => {
                running.end(Some(&report));
                return failed(&report);
            }
            Event::Rows(_) | Event::Suspended | Event::Schema(_) | Event::Batch(_) => {}
        }
    }
}

/// Reads the body: a query as text of the type `application/sql`, or as JSON, which the second part
/// of the result says. Forms of a page have neither.
async fn read(
    headers: &HeaderMap,
    body: Incoming,
    shared: &Shared,
) -> Result<(Bytes, bool), (StatusCode, String)> {
    let content = headers
        .get(CONTENT_TYPE)
        .and_then(|content| content.to_str().ok());
    let content = content
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let is_json = content.eq_ignore_ascii_case("application/json");
    if !is_json && !content.eq_ignore_ascii_case("application/sql") {
        let message = "expected Content-Type application/json or application/sql\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, message.to_owned()));
    }
    let bytes_max = shared.config.message_bytes_max();
    let reading = Limited::new(body, bytes_max).collect();
    let read = tokio::time::timeout(shared.config.write_timeout(), reading).await;
    let read = read.map_err(|_| {
        let message = "expected the body in time, found its begin\n";
        (StatusCode::REQUEST_TIMEOUT, message.to_owned())
    })?;
    let read = read.map_err(|_| {
        let message = format!("expected a body of at most {bytes_max} bytes, found a larger one\n");
        (StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    Ok((read.to_bytes(), is_json))
}

/// Refuses a request beyond the maximum.
fn busy(shared: &Shared) -> Response<Body> {
    shared.metrics.refused.inc();
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many clients already\n",
    )
}

/// Query, or what is wrong with its body; and the permit of its request.
type Parsed = (Result<ParsedQuery, String>, OwnedSemaphorePermit);

/// Parses a body, on the threads of queries if it is large. The permit is held to the end of that,
/// also if the client leaves meanwhile.
async fn parsed(
    bytes: Bytes,
    is_json: bool,
    shared: &Shared,
    permit: OwnedSemaphorePermit,
) -> Result<Parsed, Report> {
    let is_short = bytes.len() <= SHORT_BYTES_MAX;
    let parse = move || (ParsedQuery::of(bytes, is_json), permit);
    match is_short {
        true => Ok(parse()),
        false => on_threads(&shared.threads, async move { parse() }).await,
    }
}

impl ParsedQuery {
    fn of(bytes: Bytes, is_json: bool) -> Result<Self, String> {
        let query: Query = match is_json {
            true => serde_json::from_slice(&bytes).map_err(|error| {
                format!("expected {{\"sql\": …, \"parameters\": […]}}: {error}\n")
            })?,
            false => Query {
                sql: String::from_utf8(bytes.into())
                    .map_err(|_| "expected text in UTF-8, found other bytes\n".to_owned())?,
                parameters: Vec::new(),
            },
        };
        Ok(Self {
            statements: StatementText::split(&query.sql, &GenericDialect {}),
            parameters: query.parameters,
        })
    }
}

fn started(
    query: ParsedQuery,
    shared: &Arc<Shared>,
    user: &crate::users::User,
    name: &str,
    permits: [OwnedSemaphorePermit; 2],
) -> Result<Running, Report> {
    let [statement] = &query.statements[..] else {
        let message = format!("expected one statement, found {}", query.statements.len());
        return Err(Report::error(SYNTAX_ERROR, message));
    };
    let tag = match Command::of(statement) {
        Command::Session(tag) => tag,
        Command::Show(_) => "SHOW",
        Command::Deallocate(_) => "DEALLOCATE",
        Command::Set { .. } | Command::Reset(_) => "SET",
        _ => {
            let message = "expected a statement without a transaction and a transfer, since each \
                           request has a session of its own";
            return Err(Report::error(NOT_SUPPORTED, message));
        }
    };
    if !["SELECT", "SHOW", "EXPLAIN"].contains(&tag) {
        let text = statement.logged();
        tracing::info!(target: "fusebox_server::audit", user = name, tag, statement = text);
    }
    let (session, admission) = Admission::open(shared, user, name)?;
    let values = query.parameters.into_iter().map(value);
    let values: Vec<_> = values.collect::<Result<_, _>>()?;
    let (planning, sql, begin) = (session.clone(), statement.sql.clone(), statement.begin);
    let planning = async move {
        let planned = async {
            let statement = planning.statements(&sql).next().transpose()?;
            let empty = || fusebox::Error::Syntax("expected a statement, found none".to_owned());
            let mut statement = statement.ok_or_else(empty)?;
            statement.bind(&values)?;
            planning.execute(statement).await
        };
        planned
            .await
            .map_err(|error| Report::from(error).placed(&sql, begin))
    };
    let (planning, place) = admission.admitted(&session, Box::pin(planning));
    let job = Job {
        session: session.clone(),
        planning,
        output: Output::Json,
        tag,
        place,
    };
    let counted = Counted::new(&shared.metrics.running);
    Ok(Running {
        execution: Execution::start(&shared.threads, job),
        session,
        shared: Arc::clone(shared),
        began: Instant::now(),
        error: None,
        is_done: false,
        admission,
        _counted: counted,
        _permits: permits,
    })
}

/// Converts a value of JSON. Arrays and objects are their text.
fn value(value: serde_json::Value) -> Result<Option<ScalarValue>, Report> {
    Ok(Some(match value {
        serde_json::Value::Null => ScalarValue::Null,
        serde_json::Value::Bool(value) => ScalarValue::from(value),
        serde_json::Value::String(value) => ScalarValue::from(value),
        serde_json::Value::Number(value) => match (value.as_i64(), value.as_f64()) {
            (Some(value), _) => ScalarValue::from(value),
            (None, Some(value)) => ScalarValue::from(value),
            (None, None) => {
                let message = format!("expected a number of 64 bits, found {value}");
                return Err(Report::error("22003", message));
            }
        },
        other => ScalarValue::from(other.to_string()),
    }))
}

/// Makes an answer of the rows. An error after the first is the last line.
fn rows(running: Running) -> Response<Body> {
    let parts = stream::unfold(running, |mut running| async move {
        if running.is_done {
            return None;
        }
        loop {
            match running.execution.next().await {
                Event::Rows(rows) => {
                    running.shared.metrics.bytes.inc_by(rows.len() as u64);
                    return Some((rows, running));
                }
                Event::Complete(_) => {
                    running.end(None);
                    return None;
                }
                Event::Failed(report) => {
                    running.end(Some(&report));
                    return Some((Bytes::from(error_json(&report)), running));
                }
                Event::Notice(_)
                | Event::Columns(..)
                | Event::Suspended
                | Event::Schema(_)
                | Event::Batch(_) => {}
            }
        }
    });
    streamed(parts.boxed())
}

/// Makes an answer of an error before the first row.
fn failed(report: &Report) -> Response<Body> {
    let status = match report.code {
        "57014" => StatusCode::REQUEST_TIMEOUT,
        "42501" => StatusCode::FORBIDDEN,
        code if code.starts_with("XX") || code.starts_with("58") => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        code if code.starts_with("53") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    with_type(status, "application/json", error_json(report))
}
