//! `fusebox bench`: measures the functions of a module.
//!
//! Each function that the module declares is called as DataFusion calls it, on one
//! thread, in a session with these functions only. Total times come from a session
//! without metrics, phases and counters from a second session with metrics, and
//! profiles from a third session that samples guest backtraces.

// Tables and columns of results.
mod report;

// Profiles of guests.
mod profile;

// The measured module and its functions.
mod module;

// Measurement: sizes, samples, phases.
mod measure;

// Fixed cost of a call and cost of a row.
mod cost_model;

// Calls of a function.
mod target;

// Arguments: generated, or rows of a query.
mod data;

// Generated columns of any type.
mod columns;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use arrow::array::ArrayRef;
use fusebox::{Definition, Kind, Session};
use tokio::runtime::Builder;

use crate::arguments::{BenchArguments, Confinement};
use crate::failure::Failure;
use crate::output::Output;
use crate::runtime::Interrupt;
use crate::session::session;
use crate::text::escape_control;
use columns::ColumnShape;
use data::ArgumentData;
use measure::{BenchError, Cost, measure, reused_time};
use module::{BenchModule, display_name, select};
use profile::Profiles;
use report::FunctionReport;
use target::{Target, argument_types};

/// Measures the selected functions and prints the results.
///
/// # Errors
///
/// [`Failure`] if the module or a function does not exist, or if printing fails. The
/// error of a function that fails is a note in its line.
pub(crate) fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    if arguments.format.needs_file() {
        return Err(Failure::NeedsFile);
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::System)?;
    let module = BenchModule::new(&arguments.module, arguments.with.as_deref())?;
    let profile = arguments.profile.as_deref().map(create).transpose()?;
    let with_metrics = module.session(&runtime, |builder| builder.metrics(true))?;
    let definitions = select(&with_metrics, &arguments.function, &module)?;
    let plain = module.session(&runtime, |builder| builder)?;
    if arguments.reuse {
        // Holds in executions, which all other measurements are not.
        runtime.block_on(plain.sql("SET fusebox.reuse = 'always'"))?;
    }
    let data = match &arguments.data {
        None => ArgumentData::Generated(ColumnShape {
            rows: arguments.rows,
            nulls_percent: arguments.nulls,
            length: arguments.length,
            numbers: arguments.numbers.0,
        }),
        Some(sql) => {
            let session = session(&Confinement::default(), None)?;
            runtime.block_on(ArgumentData::of_query(&session, sql, arguments.rows))?
        }
    };
    let mut reports: Vec<FunctionReport> = Vec::new();
    for definition in &definitions {
        let name = display_name(definition, &definitions);
        progress(&format!("measuring {name}"));
        let sessions = (&plain, &with_metrics);
        reports.push(report_of(sessions, definition, name, &data, arguments));
    }
    progress("");
    let mut out = Output::new(Interrupt::default());
    let printed = report::print(&reports, arguments.format, &mut out);
    printed.map_err(|error| out.explain(error.into()))?;
    let Some((file, name)) = profile else {
        return Ok(());
    };
    let profiled = module.session(&runtime, |builder| builder.profile(profile::INTERVAL))?;
    let mut profiles = Profiles::new(&module.name);
    for report in &reports {
        if let Some(cost) = &report.cost {
            progress(&format!("profiling {}", report.name));
            run_profiled(&profiled, report, cost.rows, &data, arguments)?;
            profiles.add(&report.name, &profiled.engine().take_profile());
        }
    }
    progress("");
    let written = profiles.write(file);
    written.map_err(|source| Failure::Write { name, source })?;
    let printed = report::print_hottest(&profiles.hottest, arguments.format, &mut out);
    printed.map_err(|error| out.explain(error.into()))
}

/// Creates the file of the profile; returns it with its name for messages. It is
/// created before the measurement, so that an error is reported at once.
fn create(path: &Path) -> Result<(File, String), Failure> {
    let name = format!("`{}`", path.display());
    match File::create(path) {
        Ok(file) => Ok((file, name)),
        Err(source) => Err(Failure::Write { name, source }),
    }
}

/// Measures a function.
fn report_of(
    (plain, with_metrics): (&Session, &Session),
    definition: &Definition,
    name: String,
    data: &ArgumentData,
    arguments: &BenchArguments,
) -> FunctionReport {
    let measured = || -> Result<Cost, BenchError> {
        let (target, columns) = prepare(plain, definition, data, arguments)?;
        let (other, _) = prepare(with_metrics, definition, data, arguments)?;
        let with_metrics = (&other, with_metrics, definition);
        let time = arguments.time();
        let mut cost = measure(&target, with_metrics, &columns, arguments.rows, time)?;
        if arguments.reuse && definition.kind == Kind::Scalar {
            let nanos = reused_time(&target, plain, &columns, cost.rows, time)?;
            cost.reused_nanos = Some(nanos);
        }
        Ok(cost)
    };
    let (cost, note) = match measured() {
        Ok(cost) => {
            let note = note(definition, &cost, arguments);
            (Some(cost), note)
        }
        Err(BenchError::Failed(error)) => {
            let error = Failure::from(error).to_string();
            // The name of the function is in the first column of the line.
            let prefix = format!("function `{}` ", definition.name);
            let note = error.strip_prefix(&prefix).unwrap_or(&error);
            (None, Some(note.to_owned()))
        }
        Err(BenchError::Arguments(message)) => (None, Some(message)),
        Err(BenchError::NoRows) => (
            None,
            Some("returns no rows with these arguments".to_owned()),
        ),
    };
    FunctionReport {
        definition: definition.clone(),
        name,
        cost,
        note,
    }
}

/// Prepares a function for calls, and its arguments.
fn prepare(
    session: &Session,
    definition: &Definition,
    data: &ArgumentData,
    arguments: &BenchArguments,
) -> Result<(Target, Vec<ArrayRef>), BenchError> {
    let types = argument_types(definition);
    let in_order = definition.kind == Kind::Window;
    let columns = data.columns(&types, in_order);
    let columns = columns.map_err(BenchError::Arguments)?;
    let target = Target::new(session, definition, &types, arguments.rows)?;
    Ok((target, columns))
}

/// Returns the note on a measurement, if it needs one.
fn note(definition: &Definition, cost: &Cost, arguments: &BenchArguments) -> Option<String> {
    let Cost { rows, phases, .. } = cost;
    if phases.calls == 0 {
        return Some("was not called: all rows are null".to_owned());
    }
    let is_constant = definition.kind == Kind::Scalar && definition.signature.arguments.is_empty();
    if is_constant && phases.called_rows < phases.rows as u64 {
        return Some("has no arguments: one row is computed for all".to_owned());
    }
    let unit = if *rows == 1 { "row" } else { "rows" };
    (*rows < arguments.rows).then(|| match definition.kind {
        Kind::Table => format!("a table of {rows} {unit}"),
        _ => format!("{rows} {unit} per call: larger calls take too long"),
    })
}

/// Runs a function in the session with a profiler, for the time of the measurement.
fn run_profiled(
    session: &Session,
    report: &FunctionReport,
    rows: usize,
    data: &ArgumentData,
    arguments: &BenchArguments,
) -> Result<(), Failure> {
    let run = || -> Result<(), BenchError> {
        let (target, columns) = prepare(session, &report.definition, data, arguments)?;
        let slices = target.arguments(&columns, rows)?;
        session.engine().take_profile();
        let start = Instant::now();
        for slice in slices.iter().cycle() {
            target.run(slice)?;
            if start.elapsed() >= arguments.time() {
                break;
            }
        }
        Ok(())
    };
    match run() {
        Err(BenchError::Failed(error)) => Err(error.into()),
        // The function was measured with the same arguments before.
        Ok(()) | Err(BenchError::Arguments(_) | BenchError::NoRows) => Ok(()),
    }
}

/// Shows the current step on standard error, if it is a terminal.
fn progress(step: &str) {
    if io::stderr().is_terminal() {
        // Progress is not part of the output: an error of writing it is ignored.
        let _ = write!(io::stderr(), "\r\x1b[K{}", escape_control(step));
    }
}
