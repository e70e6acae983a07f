//! Printing of results while they are computed.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::EmptyRecordBatchStream;
use futures::StreamExt;

use crate::cells::Cells;
use crate::display::{Display, Expanded};
use crate::failure::Failure;
use crate::format::{Format, Printer};
use crate::output::Output;
use crate::pager::PagerProcess;
use crate::progress::Progress;
use crate::runtime::Runtime;
use crate::sample::Sample;
use crate::screen::{is_wider, print_expanded, print_table};
use crate::text::escape_control;

/// Batches of a result, which worker threads compute.
pub(crate) struct Batches<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) stream: SendableRecordBatchStream,
    /// Rows that the stream leaves out.
    pub(crate) omitted: Arc<AtomicUsize>,
    pub(crate) progress: &'a mut Progress,
    /// Pager of the result, if there is one.
    pub(crate) pager: Option<PagerProcess>,
}

/// Numbers of rows and columns of a result.
#[derive(Default)]
pub(crate) struct Rows {
    /// All rows; `None` if there is no result, or it was left.
    pub(crate) all: Option<usize>,
    /// A pager or a command was left before the last row.
    pub(crate) is_left: bool,
    /// Rows that were printed, if not all.
    pub(crate) shown: Option<usize>,
    /// All columns, and those that were printed, if not all.
    pub(crate) columns: Option<(usize, usize)>,
}

impl Rows {
    /// Returns the number of rows that were all printed.
    pub(crate) fn whole(rows: usize) -> Self {
        Self {
            all: Some(rows),
            ..Self::default()
        }
    }

    /// Returns the numbers of a result whose reader has ended before it.
    fn left() -> Self {
        Self {
            is_left: true,
            ..Self::default()
        }
    }
}

/// Names, number of rows and first rows of a result that is not printed.
#[derive(Default)]
pub(crate) struct Captured {
    pub(crate) names: Vec<String>,
    /// Number of all rows.
    pub(crate) count: usize,
    /// Values of the first rows, as text; `None` is a null.
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// Rows that determine the first widths of the columns of a table in a pager.
const MEASURED_ROWS: usize = 1_000;

/// Time after which fewer rows do.
const MEASURE_TIME: Duration = Duration::from_millis(500);

/// Rows of which the values are captured: more than one are too many.
const CAPTURED_MAX: usize = 2;

impl Batches<'_> {
    /// Takes the next batch.
    fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        // The task owns the stream while it runs.
        let empty = EmptyRecordBatchStream::new(self.stream.schema());
        let mut taken = std::mem::replace(&mut self.stream, Box::pin(empty));
        let work = async move { (taken.next().await, taken) };
        let pager = self.pager.as_ref();
        if pager.is_some_and(PagerProcess::is_started) {
            // The screen is the pager's.
            self.progress.end();
        }
        let is_wanted = || !pager.is_some_and(PagerProcess::has_ended);
        let (batch, rest) = self.runtime.run_while(work, self.progress, is_wanted)?;
        self.stream = rest;
        Ok(batch.transpose()?)
    }

    /// Executes a statement without result.
    pub(crate) fn drain(mut self) -> Result<(), Failure> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

/// Captures a result instead of printing it.
pub(crate) fn capture(mut batches: Batches<'_>) -> Result<Captured, Failure> {
    let fields = batches.stream.schema();
    let names = fields.fields().iter().map(|field| field.name().clone());
    let mut captured = Captured {
        names: names.collect(),
        ..Captured::default()
    };
    while let Some(batch) = batches.next()? {
        captured.count += batch.num_rows();
        let mut cells = Cells::of(&batch)?;
        let wanted = CAPTURED_MAX - captured.rows.len();
        for row in 0..cells.rows().min(wanted) {
            captured.rows.push(cells.row(row)?);
        }
    }
    Ok(captured)
}

/// Returns true if the first and last rows of a result are printed, and no others.
pub(crate) fn is_sampled(display: &Display, out: &Output) -> bool {
    let is_table = out.format(display.format) == Format::Table;
    display.expanded.is_some() && display.pager().is_none() && is_table && !out.is_file()
}

/// Prints a result.
pub(crate) fn print(
    batches: Batches<'_>,
    display: &mut Display,
    out: &mut Output,
) -> Result<Rows, Failure> {
    let format = out.format(display.format);
    if format.needs_file() {
        return print_file(batches, format, out);
    }
    match (display.expanded, display.pager()) {
        (Some(_), Some(pager)) if !out.is_file() => print_paged(batches, pager, display, out),
        (Some(expanded), _) if is_sampled(display, out) => match is_plan(&batches) {
            true => print_plan(batches, out),
            false => print_sample(batches, display, expanded, out),
        },
        _ => {
            let printed = print_whole(batches, display, out);
            match out.is_closed() {
                true => Ok(Rows::left()),
                false => printed,
            }
        }
    }
}

/// Prints all rows of a result, by a pager if they do not fit on the screen. It shows the first
/// ones while others are computed; the statement ends when the pager is left.
fn print_paged(
    mut batches: Batches<'_>,
    pager: String,
    display: &mut Display,
    out: &mut Output,
) -> Result<Rows, Failure> {
    batches.pager = Some(out.begin_paging(pager, display.height));
    let printed = print_whole(batches, display, out);
    if let Err(failure) = &printed {
        out.show_in_pager(failure);
    }
    let was_quit = out.end_paging().map_err(ArrowError::from)?;
    match printed {
        Err(Failure::Cancelled | Failure::Print(_)) if was_quit => Ok(Rows::left()),
        printed => printed,
    }
}

/// Prints the first and last rows of a result, fitted to the terminal.
fn print_sample(
    mut batches: Batches<'_>,
    display: &Display,
    expanded: Expanded,
    out: &mut Output,
) -> Result<Rows, Failure> {
    let mut sample = Sample::new(&batches.stream.schema(), &display.null, display.rows);
    while let Some(batch) = batches.next()? {
        sample.add(&batch)?;
    }
    sample.omit(batches.omitted.load(Ordering::Relaxed));
    let mut rows = sample.finish()?;
    let width = display.width;
    let is_expanded = match expanded {
        Expanded::Auto => is_wider(&rows, width),
        Expanded::On => true,
        Expanded::Off => false,
    };
    if !is_expanded && !display.has_header {
        rows.columns
            .iter_mut()
            .for_each(|column| column.name.clear());
    }
    let all_columns = rows.columns.len();
    let printed = match is_expanded {
        true => print_expanded(&rows, width, out).map(|()| all_columns),
        false => print_table(&rows, width, display.has_header, out),
    };
    let columns = printed.map_err(ArrowError::from)?;
    out.flush().map_err(ArrowError::from)?;
    let shown = rows.rows - rows.omitted();
    Ok(Rows {
        is_left: false,
        all: Some(rows.rows),
        shown: (shown < rows.rows).then_some(shown),
        columns: (columns < all_columns).then_some((all_columns, columns)),
    })
}

/// Returns true for the result of `EXPLAIN`, whose plans have many lines.
fn is_plan(batches: &Batches<'_>) -> bool {
    let schema = batches.stream.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    names.eq(["plan_type", "plan"])
}

/// Prints plans as they are, each line as wide as it is.
fn print_plan(mut batches: Batches<'_>, out: &mut Output) -> Result<Rows, Failure> {
    let mut rows = 0;
    while let Some(batch) = batches.next()? {
        rows += batch.num_rows();
        let mut cells = Cells::of(&batch)?;
        for row in 0..cells.rows() {
            let mut texts = cells.row(row)?.into_iter().map(Option::unwrap_or_default);
            let (kind, plan) = (texts.next(), texts.next());
            writeln!(out, "{}", escape_control(&kind.unwrap_or_default()))
                .map_err(ArrowError::from)?;
            for line in plan.unwrap_or_default().lines() {
                writeln!(out, "  {}", escape_control(line)).map_err(ArrowError::from)?;
            }
        }
    }
    out.flush().map_err(ArrowError::from)?;
    Ok(Rows::whole(rows))
}

/// Prints all rows of a result.
fn print_whole(
    mut batches: Batches<'_>,
    display: &mut Display,
    out: &mut Output,
) -> Result<Rows, Failure> {
    let format = match out.format(display.format) {
        Format::Table => display.whole_format(),
        format => format,
    };
    if matches!(format, Format::Markdown | Format::Line) && display.has_printed {
        // A blank line separates this result from the one before it.
        writeln!(out).map_err(ArrowError::from)?;
    }
    display.has_printed = true;
    let mut rows = 0;
    let mut first_time = None;
    let schema = batches.stream.schema();
    let mut printer = Printer::new(format, display.style(), &schema, out)?;
    while let Some(batch) = batches.next()? {
        rows += batch.num_rows();
        printer.write(&batch)?;
        let first_time = first_time.get_or_insert_with(Instant::now);
        let is_measured = rows >= MEASURED_ROWS || first_time.elapsed() >= MEASURE_TIME;
        if is_measured && batches.pager.is_some() {
            printer.print_so_far()?;
        }
        if !matches!(format, Format::Table | Format::Markdown) {
            // Rows are on the screen, where progress would be drawn.
            batches.progress.end();
        }
    }
    printer.finish()?;
    Ok(Rows::whole(rows))
}

/// Writes a result to a file of its own.
fn print_file(mut batches: Batches<'_>, format: Format, out: &mut Output) -> Result<Rows, Failure> {
    let mut rows = 0;
    let mut file = out.columnar_file(format, &batches.stream.schema())?;
    while let Some(batch) = batches.next()? {
        rows += batch.num_rows();
        // On a worker thread, since compression takes time.
        let written = async move {
            file.write(&batch)?;
            Ok::<_, ArrowError>(file)
        };
        let runtime = batches.runtime;
        file = runtime.run_watched(written, batches.progress)??;
    }
    let finished = async move { file.finish() };
    batches.runtime.run_watched(finished, batches.progress)??;
    out.finish_columnar();
    Ok(Rows::whole(rows))
}
