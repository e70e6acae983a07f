//! Statements of the session: started, and driven to their end.

use std::sync::Arc;
use std::time::Instant;

use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use fusebox::{Session, Statement};

use super::{Connection, Failure, shutdown};
use crate::execution::{Event, Execution, Job, Output, Planning, on_threads};
use crate::metrics::Counted;
use crate::pg_catalog::{self, CalledFunctions, CatalogUse, LentFunctions, Names};
use crate::protocol::TransactionStatus;
use crate::protocol::backend;
use crate::report::{CANCELLED, FAILED_TRANSACTION, Report, SYNTAX_ERROR};
use crate::shared::Phase;
use crate::statement_text::{Command, StatementText, Transaction};

/// Execution of a statement for a client.
pub(super) struct Run {
    execution: Execution,
    began: Instant,
    _counted: Counted,
}

impl Run {
    /// Returns the next event, of a statement whose rows are not fetched yet.
    pub(super) async fn event(&mut self) -> Event {
        self.execution.next().await
    }
}

/// Messages around the rows of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A description of the columns before them.
    Described,
    /// None: the client knows the columns.
    Bare,
    /// Those of a transfer.
    Copy,
}

/// State of a statement that was driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driven {
    Suspended,
    Complete,
}

/// Parses a text of one statement.
///
/// # Errors
///
/// The report of a syntax error.
pub(super) fn parsed(session: &Session, sql: &str) -> Result<Statement, Report> {
    match session.statements(sql).next() {
        Some(statement) => Ok(statement?),
        None => Err(Report::error(
            SYNTAX_ERROR,
            "expected a statement, found none",
        )),
    }
}

async fn planned(
    session: Session,
    sql: String,
    values: Vec<Option<ScalarValue>>,
) -> Result<DataFrame, Report> {
    let mut statement = parsed(&session, &sql)?;
    if !values.is_empty() {
        statement.bind(&values)?;
    }
    Ok(session.execute(statement).await?)
}

/// Plans a statement, with values for its parameters, in a session that borrows functions of the
/// catalog. If the session lacks more of PostgreSQL than these, the catalog may plan it.
async fn planned_with(
    session: &Session,
    names: &Names,
    called: &CalledFunctions,
    (sql, begin): (&str, usize),
    values: Vec<Option<ScalarValue>>,
) -> Result<DataFrame, Report> {
    let lent = LentFunctions::lend(session, names, called, sql).await?;
    let text = lent.sql().to_owned();
    let planned = planned(session.clone(), text, values.clone()).await;
    let refusal = match planned {
        Ok(frame) => return Ok(frame),
        Err(report) => lent.placed(report, begin),
    };
    drop(lent);
    if !called.is_query() || refusal.code == CANCELLED {
        return Err(refusal);
    }
    let planned = pg_catalog::plan(session, names, sql, &values).await;
    planned.map_err(|_| refusal)
}

impl Connection {
    /// Makes the plan of a statement with values for its parameters.
    pub(super) fn planning(
        &self,
        statement: &StatementText,
        values: Vec<Option<ScalarValue>>,
    ) -> Planning {
        let (session, sql) = (self.session.clone(), statement.sql.clone());
        let Some(catalog) = CatalogUse::of(statement) else {
            return Box::pin(planned(session, sql, values));
        };
        let (names, begin) = (self.names(), statement.begin);
        match catalog {
            CatalogUse::Query => {
                Box::pin(async move { pg_catalog::plan(&session, &names, &sql, &values).await })
            }
            CatalogUse::Functions(called) => Box::pin(async move {
                planned_with(&session, &names, &called, (sql.as_str(), begin), values).await
            }),
        }
    }

    /// Returns the names that functions of PostgreSQL's catalog return.
    pub(super) fn names(&self) -> Names {
        let users = self.shared.config.users.iter();
        Names {
            user: self.user.clone(),
            database: self.database.clone(),
            users: users.map(|user| user.name.clone()).collect(),
            settings: self
                .settings
                .all()
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            process: self.cancellable.process,
        }
    }

    /// Refuses statements in a transaction block that has failed.
    pub(super) fn check_transaction(&self, command: &Command) -> Result<(), Report> {
        let ends = matches!(
            command,
            Command::Transaction(
                Transaction::Commit | Transaction::Rollback | Transaction::RollbackTo
            )
        );
        if self.status != TransactionStatus::Failed || ends {
            return Ok(());
        }
        let message =
            "current transaction is aborted, commands ignored until end of transaction block";
        Err(Report::error(FAILED_TRANSACTION, message))
    }

    /// Starts a statement, after one that was cancelled has ended.
    pub(super) async fn start(
        &mut self,
        planning: Planning,
        output: Output,
        tag: &'static str,
    ) -> Result<Run, Failure> {
        self.wait_for_leftover().await?;
        let counted = Counted::new(&self.shared.metrics.running);
        let (planning, place) = self.admission.admitted(&self.session, planning);
        let job = Job {
            session: self.session.clone(),
            planning,
            output,
            tag,
            place,
        };
        Ok(Run {
            execution: Execution::start(&self.shared.threads, job),
            began: Instant::now(),
            _counted: counted,
        })
    }

    pub(super) async fn wait_for_leftover(&mut self) -> Result<(), Failure> {
        let Some(mut leftover) = self.leftover.take() else {
            return Ok(());
        };
        let waited = self.attended(&mut leftover).await;
        if waited.is_err() {
            self.leftover = Some(leftover);
        }
        waited.map(drop)
    }

    /// Waits for something, unless the client cancels it or leaves.
    pub(super) async fn attended<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        loop {
            let Self {
                wire,
                cancellable,
                shared,
                ..
            } = self;
            let has_room = wire.has_room();
            tokio::select! {
                biased;
                _ = cancellable.requests.changed() => return Err(Report::cancelled().into()),
                () = shared.reached(Phase::Stopping) => return Err(shutdown()),
                is_open = wire.fill(), if has_room => {
                    if !is_open {
                        return Err(Failure::Closed);
                    }
                }
                done = &mut work => return Ok(done),
            }
        }
    }

    /// Polls on the threads of queries what has no effect, if the user may still have a session,
    /// and unless the client cancels it.
    pub(super) async fn on_threads<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let threads = self.shared.threads.clone();
        let (admission, session) = (Arc::clone(&self.admission), self.session.clone());
        let checked = async move {
            admission.check(&session)?;
            Ok::<_, Report>(work.await)
        };
        let done = self.attended(on_threads(&threads, checked)).await?;
        Ok(done??)
    }

    /// Executes a statement to its end, and sends its result.
    pub(super) async fn run_to_end(
        &mut self,
        mut run: Run,
        framing: Framing,
    ) -> Result<(), Failure> {
        let driven = self.drive(&mut run, 0, framing).await;
        self.finish(run, driven).await.map(drop)
    }

    /// Sends the next rows of a statement; 0 for all.
    pub(super) async fn drive(
        &mut self,
        run: &mut Run,
        rows_max: usize,
        framing: Framing,
    ) -> Result<Driven, Failure> {
        run.execution.fetch(rows_max).await;
        loop {
            let event = self.attended(run.execution.next()).await?;
            let out = self.wire.out();
            match event {
                Event::Columns(columns, formats) => match framing {
                    Framing::Described => backend::row_description(out, &columns.fields, &formats),
                    Framing::Bare => {}
                    Framing::Copy => {
                        let format = formats.first().copied().unwrap_or_default();
                        backend::copy_response(out, false, columns.fields.len(), format);
                    }
                },
                Event::Rows(rows) => {
                    self.shared.metrics.bytes.inc_by(rows.len() as u64);
                    self.wire.write(&rows).await?;
                }
                Event::Notice(notice) => notice.write(out),
                // Of results in batches, which are not asked for.
                Event::Schema(_) | Event::Batch(_) => {}
                Event::Suspended => {
                    backend::portal_suspended(out);
                    return Ok(Driven::Suspended);
                }
                Event::Complete(tag) => {
                    match framing {
                        Framing::Copy => {
                            backend::copy_done(out);
                            backend::command_complete(out, &tag.replace("SELECT", "COPY"));
                        }
                        _ => backend::command_complete(out, &tag),
                    }
                    self.wire.flush_if_full().await?;
                    return Ok(Driven::Complete);
                }
                Event::Failed(report) => return Err(report.into()),
            }
        }
    }

    /// Notes the end of a statement, and stops it if it failed; returns it if it is suspended.
    pub(super) async fn finish(
        &mut self,
        run: Run,
        driven: Result<Driven, Failure>,
    ) -> Result<Option<Run>, Failure> {
        let code = match &driven {
            Ok(Driven::Suspended) => return Ok(Some(run)),
            Ok(Driven::Complete) => None,
            Err(Failure::Report(report)) => {
                self.admission.stopped(report);
                Some(report.code)
            }
            Err(Failure::Closed) => Some("08006"),
        };
        self.shared.metrics.ended(run.began.elapsed(), code);
        if code.is_some() {
            // Of a statement alone, its stream cancels what belongs to it.
            if matches!(driven, Err(Failure::Closed)) {
                self.session.cancel();
            }
            let stopped = run.execution.stop().await;
            self.keep(stopped);
        }
        driven.map(|_| None)
    }

    /// Drops a suspended statement.
    pub(super) async fn abandon(&mut self, run: Run) {
        self.shared.metrics.ended(run.began.elapsed(), None);
        let stopped = run.execution.stop().await;
        self.keep(stopped);
    }
}
