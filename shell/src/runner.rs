//! SQL text through the session and on to standard output.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use fusebox::{Paths, Session, Statement};
use futures::StreamExt;

use crate::failure::Failure;
use crate::format::{Format, Printer};
use crate::threads::Threads;

/// A session, and where its results go.
pub(crate) struct Runner {
    session: Arc<Session>,
    threads: Threads,
    format: Format,
    /// Whether this is not the first result.
    printed: bool,
    out: Output,
}

/// How a statement went.
pub(crate) struct Summary {
    /// The rows of its result; `None` for a statement without one.
    pub(crate) rows: Option<usize>,
    /// From its start to the last row printed.
    pub(crate) time: Duration,
}

/// A session that may read what its user can read, also as a table: a query
/// names a file as it does in DataFusion's own shell.
pub(crate) fn session() -> Result<Session, Failure> {
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config(config).enable_url_table();
    let builder = Session::builder().context(context).paths(Paths::Any);
    // A module is compiled once per machine, or where the cache folder cannot
    // be written, once per process.
    match builder.clone().cache(true).build() {
        Ok(session) => Ok(session),
        Err(_) => Ok(builder.build()?),
    }
}

impl Runner {
    /// A session that may read the files its user can read.
    ///
    /// # Errors
    ///
    /// [`Failure::Machine`] if the machine refuses a thread.
    pub(crate) fn new(format: Format) -> Result<Self, Failure> {
        let session = Arc::new(session()?);
        let running = Arc::clone(&session);
        let threads = Threads::start(move || running.cancel());
        Ok(Self {
            session,
            threads: threads.map_err(Failure::Machine)?,
            format,
            printed: false,
            out: Output::new(),
        })
    }

    /// The session, to ask it things.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Forgets a Ctrl-C that was meant for an earlier statement.
    pub(crate) fn forget_interrupt(&self) {
        self.threads.forget_interrupt();
    }

    /// Runs every statement of `sql` until one fails; tells `after` how each
    /// one went.
    pub(crate) fn run(&mut self, sql: &str, after: impl Fn(Summary)) -> Result<(), Failure> {
        let session = Arc::clone(&self.session);
        for statement in session.statements(sql) {
            after(self.statement(statement?)?);
        }
        Ok(())
    }

    /// Prints a statement as it is written.
    pub(crate) fn echo(&mut self, sql: &str) -> Result<(), Failure> {
        let printed = writeln!(self.out, "{sql}").and_then(|()| self.out.flush());
        printed.map_err(|error| self.out.blame(Failure::Print(error.into())))
    }

    fn statement(&mut self, statement: Statement) -> Result<Summary, Failure> {
        let start = Instant::now();
        let session = Arc::clone(&self.session);
        let stream = self.threads.finish(async move {
            let frame = session.execute(statement).await?;
            Ok::<_, Failure>(frame.execute_stream().await?)
        })??;
        let rows = match stream.schema().fields().is_empty() {
            true => {
                self.drain(stream)?;
                None
            }
            false => Some(
                self.print(stream)
                    .map_err(|failure| self.out.blame(failure))?,
            ),
        };
        Ok(Summary {
            rows,
            time: start.elapsed(),
        })
    }

    /// Runs a statement without a result to its end.
    fn drain(&self, mut stream: SendableRecordBatchStream) -> Result<(), Failure> {
        self.threads.finish(async move {
            while let Some(batch) = stream.next().await {
                batch?;
            }
            Ok(())
        })?
    }

    /// Prints a result and counts its rows.
    fn print(&mut self, mut stream: SendableRecordBatchStream) -> Result<usize, Failure> {
        if self.format == Format::Markdown && self.printed {
            // Or this table would continue the one before it.
            writeln!(self.out).map_err(ArrowError::from)?;
        }
        self.printed = true;
        let mut rows = 0;
        let mut printer = Printer::new(self.format, &stream.schema(), &mut self.out)?;
        loop {
            let next = async { (stream.next().await, stream) };
            let (batch, rest) = self.threads.finish(next)?;
            stream = rest;
            let Some(batch) = batch.transpose()? else {
                break;
            };
            rows += batch.num_rows();
            printer.write(&batch)?;
        }
        printer.finish()?;
        Ok(rows)
    }
}

/// The dialect that the session reads right now: SQL can change it.
pub(crate) fn dialect(session: &Session) -> Box<dyn Dialect> {
    let config = session.context().copied_config();
    let name = config.options().sql_parser.dialect.to_string();
    dialect_from_str(name).unwrap_or_else(|| Box::new(GenericDialect {}))
}

/// Standard output, which remembers that its reader has gone: the writers of
/// CSV and JSON wrap an error until its kind is lost.
pub(crate) struct Output {
    inner: BufWriter<Stdout>,
    broken: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            inner: BufWriter::new(io::stdout()),
            broken: false,
        }
    }

    /// What a failure to print comes down to.
    pub(crate) fn blame(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Print(_) if self.broken => Failure::BrokenPipe,
            other => other,
        }
    }

    fn noting<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome {
            self.broken |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        outcome
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.noting(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.noting(flushed)
    }
}
