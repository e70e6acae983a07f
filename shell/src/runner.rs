//! Execution of SQL text and printing of results.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::EmptyRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use fusebox::{CompileHelper, Engine, FileAccess, Privileges, Session, Statement};
use fusebox_catalog::SqliteCatalog;
use futures::StreamExt;

use crate::arguments::Confinement;
use crate::command::Switch;
use crate::diagnosis::{caret, hint};
use crate::failure::Failure;
use crate::format::{Format, Printer};
use crate::names::Names;
use crate::output::Output;
use crate::runtime::Runtime;
use crate::sample::Sample;
use crate::screen::{is_wider, print_expanded, print_table};
use crate::text::message;

/// A session and the printer of its results.
pub(crate) struct Runner {
    session: Arc<Session>,
    runtime: Runtime,
    format: Format,
    /// A result was printed before.
    has_printed: bool,
    /// Display of tables at a terminal; `None` where results are printed whole.
    expanded: Option<Expanded>,
    /// Columns of the terminal.
    width: usize,
    is_confined: bool,
    out: Output,
}

/// Display of a table at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expanded {
    /// One line for each row.
    Off,
    /// One line for each value.
    On,
    /// One line for each value where a table is wider than the terminal.
    Auto,
}

/// Columns of a terminal whose width is unknown.
const WIDTH: usize = 80;

/// Rows and time of a statement.
pub(crate) struct Summary {
    /// Rows of the result; `None` for a statement without result.
    pub(crate) rows: Option<usize>,
    /// Rows that were printed, if not all.
    pub(crate) shown: Option<usize>,
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
            expanded: None,
            width: WIDTH,
            is_confined: confinement.root.is_some(),
            out: Output::new(),
        })
    }

    /// From now on, prints the first and last rows of tables fitted to the terminal, if there
    /// is one.
    pub(crate) fn show_on_screen(&mut self) {
        if io::stdout().is_terminal() {
            self.expanded = Some(Expanded::Off);
        }
    }

    /// Sets the number of columns of the terminal.
    pub(crate) fn set_width(&mut self, width: usize) {
        self.width = width;
    }

    /// Sets the expanded display; returns its state.
    pub(crate) fn set_expanded(&mut self, switch: Switch) -> &'static str {
        let next = match (self.expanded, switch) {
            (Some(Expanded::On), Switch::Toggle) | (_, Switch::Off) => Expanded::Off,
            (_, Switch::On | Switch::Toggle) => Expanded::On,
            (_, Switch::Auto) => Expanded::Auto,
        };
        self.expanded = Some(next);
        match next {
            Expanded::On => "on",
            Expanded::Off => "off",
            Expanded::Auto => "on where a table is too wide",
        }
    }

    /// Sets the output format.
    pub(crate) fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// Writes results to a file from now on, or to standard output.
    ///
    /// # Errors
    ///
    /// [`Failure::Write`] if the file cannot be created, or the shell is confined.
    pub(crate) fn set_output(&mut self, file: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = file else {
            self.out = Output::new();
            return Ok(());
        };
        let created = match self.is_confined {
            true => Err(io::Error::other("refused with --root: use COPY … TO")),
            false => File::create(path),
        };
        let file = created.map_err(|source| Failure::Write {
            name: format!("`{}`", path.display()),
            source,
        })?;
        self.out = Output::to(file);
        Ok(())
    }

    /// Returns true if SQL is confined to a directory.
    pub(crate) fn is_confined(&self) -> bool {
        self.is_confined
    }

    /// Waits; false if Ctrl-C was pressed meanwhile.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        self.runtime.run(tokio::time::sleep(time)).is_ok()
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
            let summary = statement
                .map_err(Failure::from)
                .and_then(|statement| self.statement(statement));
            self.warn();
            after(summary.map_err(|failure| self.explained(failure, sql))?);
        }
        Ok(())
    }

    /// Adds the place in the statement and a suggestion to an error, if there are any.
    fn explained(&self, failure: Failure, sql: &str) -> Failure {
        let Failure::Fusebox(_) = &failure else {
            return failure;
        };
        let text = failure.to_string();
        let hint = hint(&text, || Names::of(&self.session)).map(|hint| format!("; {hint}"));
        let place = caret(&text, sql).map(|place| format!("\n{place}"));
        match (hint, place) {
            (None, None) => failure,
            (hint, place) => Failure::Explained {
                failure: Box::new(failure),
                explanation: hint.unwrap_or_default() + &place.unwrap_or_default(),
            },
        }
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
        let (rows, shown) = match stream.schema().fields().is_empty() {
            true => {
                self.drain(stream)?;
                (None, None)
            }
            false => {
                let printed = match self.expanded {
                    Some(expanded) if self.format == Format::Table && !self.out.is_file() => {
                        self.print_sample(stream, expanded)
                    }
                    _ => self.print(stream).map(|rows| (rows, None)),
                };
                let (rows, shown) = printed.map_err(|failure| self.out.map_broken_pipe(failure))?;
                (Some(rows), shown)
            }
        };
        Ok(Summary {
            rows,
            shown,
            time: start.elapsed(),
        })
    }

    /// Prints the first and last rows of a result, fitted to the terminal. Returns the number
    /// of all rows, and of those that were printed if they are fewer.
    fn print_sample(
        &mut self,
        mut stream: SendableRecordBatchStream,
        expanded: Expanded,
    ) -> Result<(usize, Option<usize>), Failure> {
        let mut sample = Sample::new(&stream.schema());
        while let Some(batch) = next_batch(&self.runtime, &mut stream)? {
            sample.add(&batch)?;
        }
        let rows = sample.finish()?;
        let width = self.width;
        let is_expanded = match expanded {
            Expanded::Auto => is_wider(&rows, width),
            Expanded::On => true,
            Expanded::Off => false,
        };
        let printed = match is_expanded {
            true => print_expanded(&rows, width, &mut self.out),
            false => print_table(&rows, width, &mut self.out),
        };
        printed
            .and_then(|()| self.out.flush())
            .map_err(ArrowError::from)?;
        let shown = rows.rows - rows.omitted();
        Ok((rows.rows, (shown < rows.rows).then_some(shown)))
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
        while let Some(batch) = next_batch(&self.runtime, &mut stream)? {
            rows += batch.num_rows();
            printer.write(&batch)?;
        }
        printer.finish()?;
        Ok(rows)
    }
}

/// Takes the next batch of a result, on the worker threads.
fn next_batch(
    runtime: &Runtime,
    stream: &mut SendableRecordBatchStream,
) -> Result<Option<RecordBatch>, Failure> {
    // The task owns the stream while it runs.
    let schema = stream.schema();
    let mut taken = std::mem::replace(stream, Box::pin(EmptyRecordBatchStream::new(schema)));
    let (batch, rest) = runtime.run(async move { (taken.next().await, taken) })?;
    *stream = rest;
    Ok(batch.transpose()?)
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
