//! One connection of PostgreSQL's protocol.

// The first messages: TLS, parameters, and requests to cancel.
mod startup;

// Passwords.
mod login;

// Queries as text.
mod simple;

// Statements and portals.
mod extended;

// COPY … FROM STDIN.
mod copy_in;

// Statements that the server executes itself.
mod commands;

// Statements of the session.
mod running;

// Texts and values of the client.
mod reading;

// Bytes of the client.
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use fusebox::Session;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::admission::Admission;
use crate::encoding::parameters::ParameterType;
use crate::encoding::rows::ResultColumns;
use crate::execution::Leftover;
use crate::metrics::Counted;
use crate::protocol::frontend::Message;
use crate::protocol::{Format, TransactionStatus, backend};
use crate::report::{
    ADMIN_SHUTDOWN, IDLE_TIMEOUT, LIMIT_EXCEEDED, PROTOCOL_VIOLATION, Report, Severity,
};
use crate::settings::ClientSettings;
use crate::shared::{Cancellable, Phase, Shared};
use crate::statement_text::{Command, StatementText};

use running::Run;
use startup::start;
use wire::Wire;

/// Maximum number of statements and of portals that a connection keeps.
const KEPT_MAX: usize = 1_000;

/// Reason for not going on.
enum Failure {
    /// The statement failed, or the connection if the report is fatal.
    Report(Report),
    /// The client is gone.
    Closed,
}

impl<T: Into<Report>> From<T> for Failure {
    fn from(report: T) -> Self {
        Self::Report(report.into())
    }
}

/// Connection of a client that has logged in.
struct Connection {
    wire: Wire,
    shared: Arc<Shared>,
    session: Session,
    admission: Arc<Admission>,
    user: String,
    database: String,
    settings: ClientSettings,
    cancellable: Cancellable,
    status: TransactionStatus,
    /// True if the open transaction block has changed something.
    has_changed: bool,
    statements: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
    /// Cancelled statement that has not ended.
    leftover: Option<Leftover>,
    _permit: OwnedSemaphorePermit,
}

/// Statement that a client has parsed.
struct Prepared {
    /// The statement; `None` if the text was empty.
    statement: Option<(StatementText, Command)>,
    parameters: Vec<ParameterType>,
    /// Columns of the result; `None` for statements without one.
    columns: Option<Arc<ResultColumns>>,
    /// Size in memory.
    bytes: usize,
}

impl Prepared {
    fn new(
        statement: Option<(StatementText, Command)>,
        parameters: Vec<ParameterType>,
        columns: Option<Arc<ResultColumns>>,
    ) -> Self {
        let text = statement.as_ref().map_or(0, |(text, _)| text.bytes());
        let described = columns.as_ref().map_or(0, |columns| columns.bytes());
        Self {
            bytes: text + described + parameters.len() * size_of::<ParameterType>(),
            statement,
            parameters,
            columns,
        }
    }
}

/// Statement with values for its parameters.
struct Portal {
    prepared: Arc<Prepared>,
    values: Vec<Option<ScalarValue>>,
    formats: Vec<Format>,
    /// Execution that was suspended after some rows.
    run: Option<Run>,
    is_done: bool,
}

impl Connection {
    /// Refuses another statement or portal of a size beyond what a connection keeps.
    fn check_kept(&self, bytes: usize) -> Result<(), Report> {
        // A portal keeps its statement, also after another has the name.
        let bound = self.portals.values().map(|portal| &portal.prepared);
        let prepared = self.statements.values().chain(bound);
        let prepared: HashMap<_, _> = prepared
            .map(|prepared| (Arc::as_ptr(prepared), prepared.bytes))
            .collect();
        let prepared: usize = prepared.values().sum();
        let names = self.statements.keys().chain(self.portals.keys());
        let names: usize = names.map(String::len).sum();
        let values = self
            .portals
            .values()
            .flat_map(|portal| &portal.values)
            .flatten();
        let values: usize = values.map(ScalarValue::size).sum();
        let bytes_max = 2 * self.shared.config.message_bytes_max();
        let count = self.statements.len().max(self.portals.len());
        if count < KEPT_MAX && names + prepared + values + bytes <= bytes_max {
            return Ok(());
        }
        let message = format!(
            "expected at most {KEPT_MAX} statements and as many portals of {bytes_max} bytes, found \
             more; close those that are not needed"
        );
        Err(Report::error(LIMIT_EXCEEDED, message))
    }
}

/// Serves a client until it is gone.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let timeout = shared.config.login_timeout();
    let started = tokio::time::timeout(timeout, start(stream, peer, &shared)).await;
    let mut connection = match started {
        Ok(Some(connection)) => connection,
        Ok(None) => return,
        Err(_) => {
            tracing::info!(%peer, "a client did not log in in time");
            return;
        }
    };
    let _counted = Counted::new(&shared.metrics.connections);
    let user = connection.user.clone();
    tracing::info!(%peer, user, database = connection.database, "connected");
    connection.run().await;
    tracing::info!(%peer, user, "disconnected");
}

impl Connection {
    async fn run(&mut self) {
        loop {
            match self.next_message().await {
                Ok(Some(message)) => {
                    // A request to cancel that came before concerns what has ended.
                    self.cancellable.requests.borrow_and_update();
                    let handled = self.handle(message).await;
                    if let Err(failure) = handled
                        && !self.answer(failure).await
                    {
                        break;
                    }
                }
                Ok(None) => break,
                Err(failure) => {
                    if !self.answer(failure).await {
                        break;
                    }
                }
            }
        }
        // What runs for the client ends with it.
        self.session.cancel();
        self.close_portals().await;
        self.wire.close().await;
        // What cannot be stopped keeps the place of its session: clients that connect again would
        // collect more of it.
        if let Some(leftover) = self.leftover.take() {
            let _ = leftover.await;
        }
    }

    /// Waits for a message; `None` if the client has left.
    async fn next_message(&mut self) -> Result<Option<Message>, Failure> {
        let idle = self.shared.config.idle_timeout();
        let idle = async move {
            match idle {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let shared = Arc::clone(&self.shared);
        let message = tokio::select! {
            biased;
            message = self.wire.message() => message?,
            () = shared.reached(Phase::Draining) => return Err(shutdown()),
            () = idle => {
                let message = "terminating connection due to idle timeout";
                return Err(Report::fatal(IDLE_TIMEOUT, message).into());
            }
        };
        Ok(message.filter(|message| *message != Message::Terminate))
    }

    async fn handle(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Query(query) => self.query(query).await,
            Message::Parse { name, sql, types } => self.parse(name, sql, &types).await,
            Message::Bind(bind) => self.bind(bind).await,
            Message::Describe(target) => self.describe(&target),
            Message::Execute { portal, rows_max } => self.execute(&portal, rows_max).await,
            Message::Close(target) => self.close(target).await,
            Message::Flush => self.wire.flush().await,
            Message::Sync => self.sync().await,
            // What a client sends after its COPY has failed.
            Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => Ok(()),
            Message::Terminate => Ok(()),
            Message::Password(_) => {
                let message = "expected a statement, found a password";
                Err(Report::fatal(PROTOCOL_VIOLATION, message).into())
            }
        }
    }

    /// Sends an error; returns false if the connection ends.
    async fn answer(&mut self, failure: Failure) -> bool {
        let Failure::Report(report) = failure else {
            return false;
        };
        report.write(self.wire.out());
        if report.severity == Severity::Fatal {
            let _ = self.wire.flush().await;
            return false;
        }
        if self.status == TransactionStatus::Open {
            self.status = TransactionStatus::Failed;
        }
        let skipped = match self.wire.is_extended() {
            true => self.skip_to_sync().await,
            false => Ok(()),
        };
        match skipped {
            Ok(()) => self.sync().await.is_ok(),
            Err(Failure::Closed) => false,
            Err(Failure::Report(report)) => {
                report.write(self.wire.out());
                let _ = self.wire.flush().await;
                false
            }
        }
    }

    /// Skips the rest of a query that has failed, unless the server stops: its client may send
    /// nothing more.
    async fn skip_to_sync(&mut self) -> Result<(), Failure> {
        let Self { wire, shared, .. } = self;
        tokio::select! {
            biased;
            skipped = wire.skip_to_sync() => skipped,
            () = shared.reached(Phase::Draining) => Err(shutdown()),
        }
    }

    /// Ends a query: says that the next may come.
    async fn sync(&mut self) -> Result<(), Failure> {
        if self.status == TransactionStatus::Idle {
            self.close_portals().await;
        }
        backend::ready_for_query(self.wire.out(), self.status);
        self.wire.flush().await
    }
}

/// Error of a connection that the server ends.
fn shutdown() -> Failure {
    let message = "terminating connection due to administrator command";
    Failure::Report(Report::fatal(ADMIN_SHUTDOWN, message))
}
