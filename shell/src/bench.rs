//! What the functions of a module cost: `fusebox bench`.
//!
//! Each function that the module declares is called as DataFusion calls it, in a
//! session that has nothing else, on one thread. Times are those of a session
//! that does not look at itself; how they are made up says a second one, which
//! writes down what each step of a call takes; and where guests spend them a
//! third, whose guests are looked at while they run.

// What is printed.
mod report;

// Where guests spend their time.
mod profile;

// The module and its functions.
mod module;

// The measuring.
mod measure;

// What a call costs whatever its rows.
mod fit;

// A function, called.
mod target;

// The arguments of the functions.
mod data;

// Columns of any type, made up.
mod columns;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use arrow::array::ArrayRef;
use fusebox::{Definition, Kind, Session};
use tokio::runtime::Builder;

use crate::arguments::BenchArguments;
use crate::failure::Failure;
use crate::runner::{self, Output};
use crate::text::harmless;
use columns::Shape;
use data::Data;
use measure::{Cost, Stopped, measure};
use module::{Module, chosen, displayed};
use profile::Profiles;
use report::Line;
use target::{Target, argument_types};

/// Measures and prints what was asked for.
///
/// # Errors
///
/// [`Failure`] if there is no such module or function, or nothing can be
/// printed. A function that fails is no error: its line says so.
pub(crate) fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Machine)?;
    let module = Module::new(&arguments.module)?;
    let profile = arguments.profile.as_deref().map(create).transpose()?;
    let watched = module.session(&runtime, |builder| builder.measure(true))?;
    let definitions = chosen(&watched, &arguments.function, &module)?;
    let plain = module.session(&runtime, |builder| builder)?;
    let data = match &arguments.data {
        None => Data::MadeUp(Shape {
            rows: arguments.rows,
            nulls_percent: arguments.nulls,
            length: arguments.length,
            numbers: arguments.numbers.0,
        }),
        Some(sql) => {
            let session = runner::session()?;
            runtime.block_on(Data::of_query(&session, sql, arguments.rows))?
        }
    };
    let mut lines: Vec<Line> = Vec::new();
    for definition in &definitions {
        let name = displayed(definition, &definitions);
        progress(&format!("measuring {name}"));
        lines.push(line((&plain, &watched), definition, name, &data, arguments));
    }
    progress("");
    let mut out = Output::new();
    let printed = report::print(&lines, arguments.format, &mut out);
    printed.map_err(|error| out.blame(error.into()))?;
    let Some((file, name)) = profile else {
        return Ok(());
    };
    let seen = module.session(&runtime, |builder| builder.profile(profile::INTERVAL))?;
    let mut profiles = Profiles::new(&module.name);
    for line in &lines {
        if let Some(cost) = &line.cost {
            progress(&format!("profiling {}", line.name));
            look(&seen, line, cost.rows, &data, arguments)?;
            profiles.add(&line.name, &seen.take_profile());
        }
    }
    progress("");
    let written = profiles.write(file);
    written.map_err(|source| Failure::Write { name, source })?;
    let printed = report::print_hottest(&profiles.rows, arguments.format, &mut out);
    printed.map_err(|error| out.blame(error.into()))
}

/// A file for the profile, before anything takes time, and its name.
fn create(path: &Path) -> Result<(File, String), Failure> {
    let name = format!("`{}`", path.display());
    match File::create(path) {
        Ok(file) => Ok((file, name)),
        Err(source) => Err(Failure::Write { name, source }),
    }
}

fn line(
    (plain, watched): (&Session, &Session),
    definition: &Definition,
    name: String,
    data: &Data,
    arguments: &BenchArguments,
) -> Line {
    let measured = || -> Result<Cost, Stopped> {
        let (target, columns) = prepared(plain, definition, data, arguments)?;
        let (other, _) = prepared(watched, definition, data, arguments)?;
        let watched = (&other, watched, definition);
        measure(&target, watched, &columns, arguments.rows, arguments.time())
    };
    let (cost, note) = match measured() {
        Ok(cost) => {
            let note = remark(definition, &cost, arguments);
            (Some(cost), note)
        }
        Err(Stopped::Failed(error)) => {
            let error = Failure::from(error).to_string();
            // Which function that is, the line says.
            let prefix = format!("function `{}` ", definition.name);
            let note = error.strip_prefix(&prefix).unwrap_or(&error);
            (None, Some(note.to_owned()))
        }
        Err(Stopped::Arguments(message)) => (None, Some(message)),
        Err(Stopped::NoRows) => (None, Some("has no rows with these arguments".to_owned())),
    };
    Line {
        definition: definition.clone(),
        name,
        cost,
        note,
    }
}

/// A function that is ready to be called, and its arguments.
fn prepared(
    session: &Session,
    definition: &Definition,
    data: &Data,
    arguments: &BenchArguments,
) -> Result<(Target, Vec<ArrayRef>), Stopped> {
    let types = argument_types(definition);
    let in_order = definition.kind == Kind::Window;
    let columns = data.columns(&types, in_order);
    let columns = columns.map_err(Stopped::Arguments)?;
    let target = Target::new(session, definition, &types, arguments.rows)?;
    Ok((target, columns))
}

/// What is to be known of a cost.
fn remark(definition: &Definition, cost: &Cost, arguments: &BenchArguments) -> Option<String> {
    let Cost { rows, steps, .. } = cost;
    if steps.calls == 0 {
        return Some("was not called: all rows are null".to_owned());
    }
    let folds = definition.kind == Kind::Scalar && definition.signature.arguments.is_empty();
    if folds && steps.called_rows < steps.rows as u64 {
        return Some("has no arguments: one row answers for all".to_owned());
    }
    let unit = if *rows == 1 { "row" } else { "rows" };
    (*rows < arguments.rows).then(|| match definition.kind {
        Kind::Table => format!("a table of {rows} {unit}"),
        _ => format!("{rows} {unit} in a call, since more take long"),
    })
}

/// Runs a function for as long as it was measured.
fn look(
    session: &Session,
    line: &Line,
    rows: usize,
    data: &Data,
    arguments: &BenchArguments,
) -> Result<(), Failure> {
    let ran = || -> Result<(), Stopped> {
        let (target, columns) = prepared(session, &line.definition, data, arguments)?;
        let slices = target.arguments(&columns, rows)?;
        session.take_profile();
        let start = Instant::now();
        for slice in slices.iter().cycle() {
            target.run(slice)?;
            if start.elapsed() >= arguments.time() {
                break;
            }
        }
        Ok(())
    };
    match ran() {
        Err(Stopped::Failed(error)) => Err(error.into()),
        // It had rows when it was measured.
        Ok(()) | Err(Stopped::Arguments(_) | Stopped::NoRows) => Ok(()),
    }
}

/// Says to whom waits what takes so long.
fn progress(what: &str) {
    if io::stderr().is_terminal() {
        // Nothing depends on it.
        let _ = write!(io::stderr(), "\r\x1b[K{}", harmless(what));
    }
}
