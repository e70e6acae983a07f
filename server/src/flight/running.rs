//! Statements that run for a client.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::dialect::{GenericDialect, dialect_from_str};
use fusebox::Session;
use tokio::sync::OwnedSemaphorePermit;

use super::Caller;
use crate::admission::Admission;
use crate::execution::{Event, Execution, Job, Output, Planning, SHORT_BYTES_MAX};
use crate::metrics::Counted;
use crate::report::{NOT_SUPPORTED, Report, SYNTAX_ERROR, TOO_MANY_CONNECTIONS};
use crate::shared::Shared;
use crate::statement_text::{Command, StatementText};

/// Code of a statement whose client has left.
const CONNECTION_FAILURE: &str = "08006";

/// Maximum number of statements of a session that run, or whose rows wait to be fetched: as many
/// as a connection has calls.
pub(super) const RUNNING_MAX: usize = 32;

/// Characters of a statement in the log.
const LOGGED_CHARACTERS: usize = 200;

/// Statement with the tag of its end.
pub(super) type Tagged = (StatementText, &'static str);

/// Statement that runs until it is dropped.
pub(super) struct Running {
    execution: Option<Execution>,
    /// Session of the statement alone, whose planning is cancelled too.
    session: Option<Session>,
    shared: Arc<Shared>,
    admission: Arc<Admission>,
    began: Instant,
    error: Option<&'static str>,
    is_complete: bool,
    /// Places of the statement and of its session, and the count of those that run.
    held: Option<(OwnedSemaphorePermit, Arc<OwnedSemaphorePermit>, Counted)>,
}

/// First that is known of a statement.
pub(super) enum Outcome {
    /// Its columns; the rows come when they are fetched.
    Rows(SchemaRef, Box<Running>),
    /// It had none, and is done; the number of rows that it has changed.
    Done(i64),
}

/// Reads the text of one statement.
///
/// # Errors
///
/// A report if there is another number of them, or if it belongs to a transaction or a transfer.
pub(super) async fn tagged(caller: &Caller, sql: String) -> Result<Tagged, Report> {
    let config = caller.session.session.context().copied_config();
    let dialect = config.options().sql_parser.dialect.to_string();
    let is_short = sql.len() <= SHORT_BYTES_MAX;
    let split = move || {
        let dialect = dialect_from_str(dialect).unwrap_or_else(|| Box::new(GenericDialect {}));
        StatementText::split(&sql, dialect.as_ref())
    };
    let mut statements = match is_short {
        true => split(),
        false => caller.on_threads(async move { split() }).await?,
    };
    let count = statements.len();
    let Some(statement) = statements.pop().filter(|_| count == 1) else {
        let message = format!("expected one statement, found {count}");
        return Err(Report::error(SYNTAX_ERROR, message));
    };
    let tag = match Command::of(&statement) {
        Command::Session(tag) => tag,
        Command::Show(_) => "SHOW",
        Command::Deallocate(_) => "DEALLOCATE",
        Command::Set { .. } | Command::Reset(_) => "SET",
        _ => {
            let message = "expected a statement without a transaction and a transfer, found one; \
                           each statement takes effect when it ends";
            return Err(Report::error(NOT_SUPPORTED, message));
        }
    };
    Ok((statement, tag))
}

/// Logs a statement that may change something, with its user.
pub(super) fn audit(user: &str, tag: &str, text: impl FnOnce() -> String) {
    if !["SELECT", "SHOW", "EXPLAIN"].contains(&tag) {
        let text: String = text().chars().take(LOGGED_CHARACTERS).collect();
        tracing::info!(target: "fusebox_server::audit", user, tag, statement = text);
    }
}

impl Running {
    /// Starts a statement with values for its parameters.
    ///
    /// # Errors
    ///
    /// A report if too many run.
    pub(super) fn start(
        caller: &Caller,
        (statement, tag): &Tagged,
        values: Vec<Option<ScalarValue>>,
    ) -> Result<Self, Report> {
        let session = caller.session.session.cancellable();
        let own = session.clone();
        let (sql, begin) = (statement.sql.clone(), statement.begin);
        let planning = async move {
            let planned = async {
                let statement = session.statements(&sql).next().transpose()?;
                let empty =
                    || fusebox::Error::Syntax("expected a statement, found none".to_owned());
                let mut statement = statement.ok_or_else(empty)?;
                statement.bind(&values)?;
                session.execute(statement).await
            };
            planned
                .await
                .map_err(|error| Report::from(error).placed(&sql, begin))
        };
        let mut running = Self::start_plan(caller, Box::pin(planning), tag)?;
        running.session = Some(own);
        Ok(running)
    }

    /// Starts a plan in the place of its session; its end has a tag.
    ///
    /// # Errors
    ///
    /// A report if too many run.
    pub(super) fn start_plan(
        caller: &Caller,
        planning: Planning,
        tag: &'static str,
    ) -> Result<Self, Report> {
        let (shared, session) = (caller.shared(), &caller.session);
        // The session has the place itself, and each of its statements shares it.
        if Arc::strong_count(&session.permit) > RUNNING_MAX {
            let message = format!(
                "expected at most {RUNNING_MAX} statements of a session at a time, found more; \
                 fetch the rows of others"
            );
            return Err(Report::error(TOO_MANY_CONNECTIONS, message));
        }
        let permit = Arc::clone(&shared.flight_statements).try_acquire_owned();
        let permit = permit.map_err(|_| {
            shared.metrics.refused.inc();
            let message = "too many statements already; fetch the rows of others, or try again";
            Report::error(TOO_MANY_CONNECTIONS, message)
        })?;
        let admission = Arc::clone(&session.admission);
        let held = Arc::clone(&session.permit);
        let (planning, place) = admission.admitted(&session.session, planning);
        let job = Job {
            session: session.session.clone(),
            planning,
            output: Output::Arrow,
            tag,
            place,
        };
        let counted = Counted::new(&shared.metrics.running);
        Ok(Self {
            execution: Some(Execution::start(&shared.threads, job)),
            session: None,
            shared: Arc::clone(shared),
            admission,
            began: Instant::now(),
            error: None,
            is_complete: false,
            held: Some((permit, held, counted)),
        })
    }

    /// Waits for the columns of the result, or for the end of a statement that has none.
    ///
    /// # Errors
    ///
    /// The report of a statement that fails.
    pub(super) async fn outcome(mut self) -> Result<Outcome, Report> {
        loop {
            match self.next().await {
                Event::Schema(schema) => return Ok(Outcome::Rows(schema, Box::new(self))),
                Event::Complete(tag) => return Ok(Outcome::Done(count(&tag))),
                Event::Failed(report) => return Err(report),
                _ => {}
            }
        }
    }

    /// Executes the statement to its end, without its rows; returns their number, or that of the
    /// rows that it has changed.
    ///
    /// # Errors
    ///
    /// The report of a statement that fails.
    pub(super) async fn run_to_end(self) -> Result<i64, Report> {
        let mut running = match self.outcome().await? {
            Outcome::Done(count) => return Ok(count),
            Outcome::Rows(_, running) => running,
        };
        running.fetch().await;
        loop {
            match running.next().await {
                Event::Complete(tag) => return Ok(count(&tag)),
                Event::Failed(report) => return Err(report),
                _ => {}
            }
        }
    }

    /// Asks for all rows.
    pub(super) async fn fetch(&self) {
        if let Some(execution) = &self.execution {
            execution.fetch(0).await;
        }
    }

    /// Returns the next event, and notes an end.
    pub(super) async fn next(&mut self) -> Event {
        let event = match &mut self.execution {
            Some(execution) => execution.next().await,
            None => Event::Failed(Report::panicked()),
        };
        match &event {
            Event::Complete(_) => self.is_complete = true,
            Event::Failed(report) => self.fail(report),
            _ => {}
        }
        event
    }

    /// Notes an error, which may not be of the statement. The first counts.
    pub(super) fn fail(&mut self, report: &Report) {
        if self.error.is_none() {
            self.error = Some(report.code);
            self.admission.stopped(report);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let is_cut = !self.is_complete && self.error.is_none();
        let error = self.error.or(is_cut.then_some(CONNECTION_FAILURE));
        self.shared.metrics.ended(self.began.elapsed(), error);
        let held = self.held.take();
        let Some(execution) = self.execution.take().filter(|_| !self.is_complete) else {
            return;
        };
        if let Some(session) = &self.session {
            session.cancel();
        }
        // What cannot be stopped keeps its places: clients that try again would collect more of it.
        self.shared.threads.spawn(async move {
            if let Some(leftover) = execution.stop().await {
                let _ = leftover.await;
            }
            drop(held);
        });
    }
}

/// Returns the number at the end of a tag; 0 if there is none.
fn count(tag: &str) -> i64 {
    let last = tag.rsplit(' ').next();
    last.and_then(|last| last.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_end_with_a_count() {
        for (tag, expected) in [
            ("INSERT 0 7", 7),
            ("SELECT 3", 3),
            ("UPDATE 0", 0),
            ("CREATE FUNCTION", 0),
        ] {
            assert_eq!(count(tag), expected, "{tag}");
        }
    }
}
