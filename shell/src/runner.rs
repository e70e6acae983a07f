//! Execution of SQL text.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use fusebox::{Session, Statement};

use crate::arguments::Confinement;
use crate::diagnosis::{Diagnosis, diagnose, surprises};
use crate::display::Display;
use crate::failure::Failure;
use crate::format::Format;
use crate::listing::{Listing, listed};
use crate::names::Names;
use crate::notices::print_notices;
use crate::open::Open;
use crate::output::{Output, Sink};
use crate::partitions::{ends_of_partitions, partitions_in_order};
use crate::place::Place;
use crate::progress::Progress;
use crate::result::{self, Batches, Captured, Rows};
use crate::runtime::Runtime;
use crate::session::{dialect, dialect_name, session};
use crate::text::split_statements;
use crate::titles::{WrittenTitles, titled};

/// A session and the printer of its results.
pub(crate) struct Runner {
    session: Arc<Session>,
    runtime: Runtime,
    /// Settings of the display of results.
    pub(crate) display: Display,
    /// True if statements of scripts are printed before their results.
    pub(crate) has_echo: bool,
    is_confined: bool,
    out: Output,
    /// Result that is captured instead of printed, if set.
    pub(crate) captured: Option<Captured>,
    /// List that results are shown as, if set.
    pub(crate) listing: Option<Listing>,
    /// Script whose statements are executed.
    pub(crate) script: Option<Script>,
    /// Lines of its text above the executed one.
    above: usize,
}

/// Script that errors name.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Name of the file.
    pub(crate) name: String,
    /// Lines before the executed text.
    pub(crate) lines: usize,
}

/// Rows and time of a statement.
pub(crate) struct Summary {
    /// Rows of the result, and those that were printed.
    pub(crate) rows: Rows,
    /// Time from the start to the last printed row.
    pub(crate) time: Duration,
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
        // The thread of Ctrl-C never ends: it would keep the session, and so its catalog, open.
        let running = Arc::downgrade(&session);
        let cancel = move || {
            if let Some(session) = running.upgrade() {
                session.cancel();
            }
        };
        let runtime = Runtime::start(cancel).map_err(Failure::System)?;
        Ok(Self {
            session,
            out: Output::new(runtime.interrupt()),
            runtime,
            display: Display::new(format),
            has_echo: false,
            is_confined: confinement.root.is_some(),
            captured: None,
            listing: None,
            script: None,
            above: 0,
        })
    }

    /// Prepares for a prompt: results are fitted to the terminal, and Ctrl-C never ends the
    /// shell.
    pub(crate) fn open_prompt(&mut self) {
        self.display.show_on_screen();
        self.runtime.set_patient();
    }

    /// Writes results to a file from now on, or to standard output.
    ///
    /// # Errors
    ///
    /// [`Failure::Write`] if the file cannot be created, or the shell is confined.
    pub(crate) fn set_output(&mut self, file: Option<&Path>) -> Result<(), Failure> {
        self.swap_output(file).map(drop)
    }

    /// The same as [`set_output`](Self::set_output); returns what results went to before.
    pub(crate) fn swap_output(&mut self, file: Option<&Path>) -> Result<Sink, Failure> {
        let Some(path) = file else {
            return Ok(self.out.replace(Sink::Standard));
        };
        let command = path.to_str().and_then(|path| path.strip_prefix('|'));
        let sink = match command {
            _ if self.is_confined => Err(io::Error::other("refused with --root: use COPY … TO")),
            Some(command) => Sink::pipe(command),
            None => Sink::file(path, self.display.format.of_file(path)),
        };
        let sink = sink.map_err(|source| Failure::Write {
            name: format!("`{}`", path.display()),
            source,
        })?;
        Ok(self.out.replace(sink))
    }

    /// Writes results to where they went before.
    pub(crate) fn restore_output(&mut self, before: Sink) {
        self.out.replace(before);
    }

    /// Returns true if SQL is confined to a directory.
    pub(crate) fn is_confined(&self) -> bool {
        self.is_confined
    }

    /// Waits; false if Ctrl-C was pressed meanwhile.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        // A sleep is made on the runtime, whose timer it needs.
        let sleep = async move { tokio::time::sleep(time).await };
        self.runtime.run(sleep).is_ok()
    }

    /// Runs `work` on the worker threads until it ends or Ctrl-C is pressed.
    ///
    /// # Errors
    ///
    /// [`Failure::Cancelled`] after Ctrl-C, [`Failure::Panicked`] if `work` panics.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.runtime.run(work)
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
        for surprise in surprises(sql, dialect(&self.session).as_ref()) {
            let _ = writeln!(io::stderr(), "warning: {surprise}");
        }
        let session = Arc::clone(&self.session);
        let written = WrittenTitles::of(sql, dialect(&self.session).as_ref());
        for (index, statement) in session.statements(sql).enumerate() {
            let titles = written.titles(index, dialect(&self.session).as_ref());
            let listing = written.lists_columns(index).then_some(Listing::Columns);
            let shown = (titles, self.listing.or(listing));
            let summary = statement
                .map_err(Failure::from)
                .and_then(|statement| self.statement(statement, shown));
            print_notices(&self.session);
            let is_left = |summary: &Summary| summary.rows.is_left;
            if summary.as_ref().is_ok_and(is_left) {
                // The rest is not read: functions stop too.
                self.session.cancel();
            }
            if summary.as_ref().map_or(true, is_left) {
                self.settle()?;
            }
            after(summary.map_err(|failure| self.explained(failure, sql, index))?);
        }
        Ok(())
    }

    /// Waits a moment for what a statement left behind, and reports if it does not stop.
    fn settle(&mut self) -> Result<(), Failure> {
        if !self.runtime.settle().map_err(Failure::System)? {
            let _ = writeln!(io::stderr(), "{LEFT}");
        }
        Ok(())
    }

    /// The same as [`run`](Self::run), and prints each statement before its result.
    pub(crate) fn run_echoed(&mut self, sql: &str, after: impl Fn(Summary)) -> Result<(), Failure> {
        let executed = self.split(sql, |runner, statement, lines| {
            runner.echo(statement)?;
            runner.above = lines;
            runner.run(statement, &after)
        });
        self.above = 0;
        executed
    }

    /// Executes the statements of `sql`, each whatever became of those before it. Calls `after`
    /// with the summary of each, and `failed` with each error and the text below its statement.
    ///
    /// # Errors
    ///
    /// That of `failed`.
    pub(crate) fn run_each(
        &mut self,
        sql: &str,
        after: impl Fn(Summary),
        mut failed: impl FnMut(Failure, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let executed = self.split(sql, |runner, statement, lines| {
            runner.above = lines;
            match runner.run(statement, &after) {
                Ok(()) => Ok(()),
                Err(failure) => {
                    let begin = statement.as_ptr().addr() - sql.as_ptr().addr();
                    failed(failure, &sql[begin + statement.len()..])
                }
            }
        });
        self.above = 0;
        executed
    }

    /// Calls `each` with the statements of a text and the number of lines above each, split off in
    /// the dialect that is set then.
    ///
    /// # Errors
    ///
    /// The first of `each`.
    fn split(
        &mut self,
        text: &str,
        mut each: impl FnMut(&mut Self, &str, usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (mut rest, mut counted, mut lines) = (text, 0, 0);
        'dialect: loop {
            let name = dialect_name(&self.session);
            let dialect = dialect(&self.session);
            for statement in split_statements(rest, dialect.as_ref()) {
                let begin = statement.as_ptr().addr() - text.as_ptr().addr();
                lines += text[counted..begin].matches('\n').count();
                counted = begin;
                each(self, statement, lines)?;
                if dialect_name(&self.session) != name {
                    rest = &text[begin + statement.len()..];
                    continue 'dialect;
                }
            }
            return Ok(());
        }
    }

    /// Adds the place in the text and a suggestion to an error of the statement of this index,
    /// if there are any.
    fn explained(&self, failure: Failure, sql: &str, index: usize) -> Failure {
        let Failure::Fusebox(_) = &failure else {
            return failure;
        };
        let text = failure.to_string();
        let dialect = dialect(&self.session);
        let dialect = dialect.as_ref();
        // The explanation of an open string states its line, which is one of the whole text; other
        // messages state lines of the statement.
        let (sql, above) = match Open::unclosed(sql, dialect) {
            Some(_) => (Cow::Owned("\n".repeat(self.above) + sql), 0),
            None => (Cow::Borrowed(sql), self.above),
        };
        let names = || Names::of(&self.session);
        let Diagnosis {
            place,
            text: explanation,
        } = diagnose(&text, &sql, index, dialect, names);
        let place = self.script.as_ref().and_then(|Script { name, lines }| {
            let place = place.or_else(|| Place::of_statement(&sql, index, dialect))?;
            Some(format!("{name}:{}", place.below(lines + above)))
        });
        match place.is_none() && explanation.is_empty() {
            true => failure,
            false => Failure::Explained {
                failure: Box::new(failure),
                place,
                explanation,
            },
        }
    }

    /// Prints the text of a statement, also where results are written to a file that takes no
    /// text.
    pub(crate) fn echo(&mut self, sql: &str) -> Result<(), Failure> {
        if self.out.format(self.display.format).needs_file() {
            return writeln!(io::stdout(), "{sql}").map_err(Failure::of_standard_output);
        }
        self.out.clear_stop();
        let printed = writeln!(self.out, "{sql}").and_then(|()| self.out.flush());
        match printed {
            // The command that reads it has ended.
            Err(_) if self.out.is_closed() => Ok(()),
            printed => printed.map_err(|error| self.out.explain(Failure::Print(error.into()))),
        }
    }

    fn statement(
        &mut self,
        statement: Statement,
        (titles, listing): (Vec<Option<String>>, Option<Listing>),
    ) -> Result<Summary, Failure> {
        let memory = &self.session.context().runtime_env().memory_pool;
        let mut progress = Progress::start(Arc::clone(memory), self.display.width);
        self.out.clear_stop();
        let session = Arc::clone(&self.session);
        let omitted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&omitted);
        let is_sampled = self.captured.is_none() && result::is_sampled(&self.display, &self.out);
        let kept = is_sampled.then_some(self.display.rows);
        let started = async move {
            let frame = session.execute(statement).await?;
            let context = frame.task_ctx();
            let plan = frame.create_physical_plan().await?;
            let stream = match kept {
                Some(kept) => ends_of_partitions(&plan, context, kept, counted)?,
                None => partitions_in_order(&plan, context)?,
            };
            let stream = titled(stream, &titles);
            let stream = match listing {
                Some(listing) => listed(stream, listing, &session).await,
                None => stream,
            };
            Ok::<_, Failure>((plan, stream))
        };
        let (plan, stream) = self.runtime.run_watched(started, &mut progress)??;
        progress.watch(&plan);
        let has_result = !stream.schema().fields().is_empty();
        let batches = Batches {
            runtime: &self.runtime,
            stream,
            omitted,
            progress: &mut progress,
            pager: None,
        };
        let rows = match has_result {
            true if self.captured.is_some() => {
                let captured = result::capture(batches)?;
                let rows = Rows::whole(captured.count);
                self.captured = Some(captured);
                rows
            }
            true => {
                let printed = result::print(batches, &mut self.display, &mut self.out);
                printed.map_err(|failure| self.out.explain(failure))?
            }
            false => {
                batches.drain()?;
                Rows::default()
            }
        };
        Ok(Summary {
            rows,
            time: progress.elapsed(),
        })
    }
}

/// Message about a query that has not stopped in time.
const LEFT: &str = "warning: the statement does not stop by itself; it is left on threads of its own until it ends";
