//! Execution of SQL text and printing of results.

use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use fusebox::{CompileHelper, Engine, FileAccess, Privileges, Session, Statement};
use fusebox_catalog::SqliteCatalog;
use futures::StreamExt;

use crate::arguments::Confinement;
use crate::failure::Failure;
use crate::format::{Format, Printer};
use crate::runtime::Runtime;
use crate::text::message;

/// A session and the printer of its results.
pub(crate) struct Runner {
    session: Arc<Session>,
    runtime: Runtime,
    format: Format,
    /// A result was printed before.
    has_printed: bool,
    out: Output,
}

/// Rows and time of a statement.
pub(crate) struct Summary {
    /// Rows of the result; `None` for a statement without result.
    pub(crate) rows: Option<usize>,
    /// Time from the start to the last printed row.
    pub(crate) time: Duration,
}

/// Creates a session with all privileges, which its user has anyway, but for what it is
/// confined to. As in DataFusion's shell, a query can name a file as a table.
///
/// Definitions are kept in the file `catalog`, if there is one.
pub(crate) fn session(
    confinement: &Confinement,
    catalog: Option<&Path>,
) -> Result<Session, Failure> {
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config(config).enable_url_table();
    let mut privileges = Privileges::all();
    if let Some(root) = &confinement.root {
        privileges.files = FileAccess::under(root)?.writable();
    }
    let mut builder = Engine::builder().privileges(privileges);
    if let Some(path) = catalog {
        let catalog = SqliteCatalog::open(path).map_err(Failure::Catalog)?;
        builder = builder.catalog(Arc::new(catalog));
    }
    if let Some(megabytes) = confinement.compile_memory {
        let program = std::env::current_exe().map_err(Failure::System)?;
        let mut helper = CompileHelper::new(program, ["compile-helper".into()]);
        helper.memory_bytes_max = u64::from(megabytes) * 1_000_000;
        builder = builder.compile_helper(helper);
    }
    // With the cache, a module is compiled once per machine. Where the folder of the
    // cache cannot be written, it is compiled once per process.
    let engine = match builder.clone().cache(true).build() {
        Ok(engine) => engine,
        Err(_) => builder.build()?,
    };
    Ok(engine.session().context(context).build()?)
}

impl Runner {
    /// Creates a session and starts the worker threads.
    ///
    /// # Errors
    ///
    /// [`Failure::System`] if a thread cannot be started, [`Failure::Catalog`] if the catalog
    /// cannot be opened.
    pub(crate) fn new(
        format: Format,
        confinement: &Confinement,
        catalog: Option<&Path>,
    ) -> Result<Self, Failure> {
        let session = Arc::new(session(confinement, catalog)?);
        let running = Arc::clone(&session);
        let runtime = Runtime::start(move || running.cancel());
        Ok(Self {
            session,
            runtime: runtime.map_err(Failure::System)?,
            format,
            has_printed: false,
            out: Output::new(),
        })
    }

    /// Returns the session.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Discards a Ctrl-C that was meant for an earlier statement.
    pub(crate) fn clear_interrupt(&self) {
        self.runtime.clear_interrupt();
    }

    /// Executes the statements of `sql` until one fails. Calls `after` with the
    /// summary of each.
    pub(crate) fn run(&mut self, sql: &str, after: impl Fn(Summary)) -> Result<(), Failure> {
        let session = Arc::clone(&self.session);
        for statement in session.statements(sql) {
            let summary = self.statement(statement?);
            self.warn();
            after(summary?);
        }
        Ok(())
    }

    /// Reports messages of functions, and rows that failed and are null.
    fn warn(&self) {
        let logged = self.session.take_messages();
        for notice in &logged.messages {
            let _ = writeln!(io::stderr(), "notice: {}", message(&notice.to_string()));
        }
        if logged.dropped > 0 {
            let dropped = logged.dropped;
            let _ = writeln!(io::stderr(), "notice: {dropped} more messages were dropped");
        }
        for (function, rows) in self.session.take_failed_rows() {
            let failed = match rows.total() {
                1 => "1 row, which is NULL".to_owned(),
                total => format!("{total} rows, which are NULL"),
            };
            let warning = format!("function `{function}` failed for {failed}: {rows}");
            let _ = writeln!(io::stderr(), "warning: {}", message(&warning));
        }
    }

    /// Prints the text of a statement.
    pub(crate) fn echo(&mut self, sql: &str) -> Result<(), Failure> {
        let printed = writeln!(self.out, "{sql}").and_then(|()| self.out.flush());
        printed.map_err(|error| self.out.map_broken_pipe(Failure::Print(error.into())))
    }

    fn statement(&mut self, statement: Statement) -> Result<Summary, Failure> {
        let start = Instant::now();
        let session = Arc::clone(&self.session);
        let stream = self.runtime.run(async move {
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
                    .map_err(|failure| self.out.map_broken_pipe(failure))?,
            ),
        };
        Ok(Summary {
            rows,
            time: start.elapsed(),
        })
    }

    /// Executes a statement without result.
    fn drain(&self, mut stream: SendableRecordBatchStream) -> Result<(), Failure> {
        self.runtime.run(async move {
            while let Some(batch) = stream.next().await {
                batch?;
            }
            Ok(())
        })?
    }

    /// Prints a result; returns the number of its rows.
    fn print(&mut self, mut stream: SendableRecordBatchStream) -> Result<usize, Failure> {
        if self.format == Format::Markdown && self.has_printed {
            // A blank line separates this table from the one before it.
            writeln!(self.out).map_err(ArrowError::from)?;
        }
        self.has_printed = true;
        let mut rows = 0;
        let mut printer = Printer::new(self.format, &stream.schema(), &mut self.out)?;
        loop {
            let next = async { (stream.next().await, stream) };
            let (batch, rest) = self.runtime.run(next)?;
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

/// Returns the current dialect of the session, which `SET` can change.
pub(crate) fn dialect(session: &Session) -> Box<dyn Dialect> {
    let name = dialect_name(session);
    dialect_from_str(name).unwrap_or_else(|| Box::new(GenericDialect {}))
}

/// Returns the name of the dialect that a session is set to.
pub(crate) fn dialect_name(session: &Session) -> String {
    let config = session.context().copied_config();
    config.options().sql_parser.dialect.to_string()
}

/// Buffered standard output that records a broken pipe.
///
/// The writers of CSV and JSON wrap errors in a way that loses their kind.
pub(crate) struct Output {
    inner: BufWriter<Stdout>,
    is_broken: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            inner: BufWriter::new(io::stdout()),
            is_broken: false,
        }
    }

    /// Replaces an error of printing by [`Failure::BrokenPipe`] if the pipe is broken.
    pub(crate) fn map_broken_pipe(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Print(_) if self.is_broken => Failure::BrokenPipe,
            other => other,
        }
    }

    fn record_error<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.is_broken |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.record_error(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.record_error(flushed)
    }
}
