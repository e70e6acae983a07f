//! Recording of fixtures by the release that makes them.

use std::fs;
use std::io::Write;
use std::path::Path;

use arrow_schema::DataType;
use flate2::Compression;
use flate2::write::GzEncoder;
use fusebox_runtime::definition::statement::{CreateFunction, parse_type};
use fusebox_runtime::definition::{ArrowText, DEFINITION_FORMAT, Literal};
use fusebox_runtime::{
    ABI_VERSION, Definition, Kind, LoadedModule, Runtime, RuntimeOptions, WEIGHTS_VERSION,
};
use serde_json::Value;

use crate::case::{CaseLine, FunctionLine, print};
use crate::case_check::outcome;
use crate::error::FixtureError;
use crate::execution::Callable;
use crate::formats;
use crate::manifest::{FIXTURES_VERSION, MANIFEST, Manifest, ModuleEntry};

/// Groups that the rows of an aggregate are divided into.
const GROUPS: usize = 3;

/// Bytes of a module above which its file is compressed.
const UNCOMPRESSED_BYTES_MAX: usize = 256 << 10;

/// A module, and what of it is recorded.
#[derive(Debug)]
pub struct Recording<'a> {
    /// Name of its files.
    pub name: &'a str,
    /// Language and convention, for people.
    pub made_of: &'a str,
    /// Module in the binary or the text format.
    pub bytes: &'a [u8],
    /// Functions beside those that the module declares.
    pub functions: &'a [RecordedFunction],
}

/// A function that the module does not declare, or not so.
#[derive(Clone, Debug)]
pub struct RecordedFunction {
    /// Statement `CREATE FUNCTION` without a source.
    pub statement: String,
    /// SQL types of arguments that the signature leaves open.
    pub types: Option<Vec<String>>,
}

/// Makes rows of arguments of the given types for a function.
pub type MakeRows<'a> = &'a dyn Fn(&Definition, &[DataType]) -> Vec<Vec<Value>>;

/// Records modules and their functions into a folder, for a catalog of this version.
///
/// # Errors
///
/// [`FixtureError::Program`] if a function cannot be created, and [`FixtureError::File`] if a file
/// cannot be written.
pub fn record(
    folder: &Path,
    catalog_version: u64,
    modules: &[Recording<'_>],
    rows: MakeRows<'_>,
) -> Result<(), FixtureError> {
    let runtime = Runtime::new(RuntimeOptions::default()).map_err(program)?;
    let mut entries = Vec::new();
    for module in modules {
        entries.push(record_module(folder, &runtime, module, rows)?);
    }
    let manifest = Manifest {
        fixtures: FIXTURES_VERSION,
        fusebox: env!("CARGO_PKG_VERSION").to_owned(),
        abi: ABI_VERSION.into(),
        weights: WEIGHTS_VERSION.into(),
        definitions: DEFINITION_FORMAT.into(),
        catalog: catalog_version,
        layout: formats::layout(),
        names: formats::names(),
        options: formats::options(),
        types: formats::types(),
        modules: entries,
    };
    let mut text = serde_json::to_string_pretty(&manifest).map_err(program)?;
    text.push('\n');
    write(folder, MANIFEST, text.as_bytes())
}

fn program(error: impl ToString) -> FixtureError {
    FixtureError::Program(error.to_string())
}

fn write(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), FixtureError> {
    let path = folder.join(file);
    let parent = path.parent().unwrap_or(folder);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes));
    written.map_err(|source| FixtureError::File {
        file: file.to_owned(),
        source,
    })
}

fn record_module(
    folder: &Path,
    runtime: &Runtime,
    recording: &Recording<'_>,
    rows: MakeRows<'_>,
) -> Result<ModuleEntry, FixtureError> {
    let name = recording.name;
    let failed = |error: &dyn ToString| program(format!("{name}: {}", error.to_string()));
    let module = LoadedModule::new(recording.bytes, u64::MAX).map_err(|error| failed(&error))?;
    let declared = module
        .declarations()
        .iter()
        .map(|declared| RecordedFunction {
            statement: statement(declared),
            types: None,
        });
    let functions: Vec<_> = declared
        .chain(recording.functions.iter().cloned())
        .collect();
    let mut text = String::new();
    for function in &functions {
        let lines = record_function(runtime, &module, function, rows);
        text += &lines.map_err(|error| failed(&format!("{}: {error}", function.statement)))?;
    }
    let mut bytes = module.bytes().to_vec();
    let entry = ModuleEntry {
        name: name.to_owned(),
        made_of: recording.made_of.to_owned(),
        sha256: module.digest(),
        gzip: bytes.len() > UNCOMPRESSED_BYTES_MAX,
        functions: functions.len(),
    };
    if entry.gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(&bytes).and_then(|()| encoder.finish());
        bytes = written.map_err(program)?;
    }
    write(folder, &entry.module_file(), &bytes)?;
    write(folder, &entry.functions_file(), text.as_bytes())?;
    Ok(entry)
}

/// Returns the statement that creates a declared function.
fn statement(declared: &CreateFunction) -> String {
    let text = declared.to_string();
    let kinds = ["AGGREGATE ", "WINDOW "].into_iter();
    let mut kinds = kinds.filter_map(|kind| Some((kind, text.strip_prefix(kind)?)));
    let (kind, signature) = kinds.next().unwrap_or(("", &text));
    let symbol = Literal(declared.symbol());
    format!("CREATE {kind}FUNCTION {signature} LANGUAGE WASM EXPORT {symbol}")
}

/// Returns the lines of a function and its cases.
fn record_function(
    runtime: &Runtime,
    module: &LoadedModule,
    function: &RecordedFunction,
    rows: MakeRows<'_>,
) -> Result<String, String> {
    let text = |error: fusebox_runtime::Error| error.to_string();
    let definition = module.define(&function.statement).map_err(text)?;
    let linked = module.linked_digest(&definition).map_err(text)?;
    let types = function.types.as_ref().map(|types| {
        let parsed = types.iter().map(|sql| parse_type(sql, "generic", "f"));
        parsed.collect::<Result<Vec<_>, _>>()
    });
    let types = types.transpose().map_err(|error| error.to_string())?;
    let given = types
        .clone()
        .unwrap_or_else(|| definition.signature.types());
    let rows = rows(&definition, &given);
    let kind = definition.kind;
    let line = FunctionLine {
        function: definition.name.clone(),
        statement: function.statement.clone(),
        types: types.as_ref().map(|types| {
            let texts = types
                .iter()
                .map(|data_type| ArrowText(data_type).to_string());
            texts.collect()
        }),
        cases: 0,
        linked: linked.to_string(),
        definition: serde_json::from_str(&definition.to_json()).map_err(|e| e.to_string())?,
    };
    let callable = Callable::new(runtime, definition, module, types).map_err(text)?;
    let cases = match kind {
        Kind::Scalar => scalar_cases(&callable, rows)?,
        kind => stateful_cases(&callable, kind, rows)?,
    };
    let line = FunctionLine {
        cases: cases.len(),
        ..line
    };
    Ok(print(&line, &cases))
}

/// Calls a scalar function with one row after the other.
fn scalar_cases(callable: &Callable, rows: Vec<Vec<Value>>) -> Result<Vec<CaseLine>, String> {
    let scope = Callable::scope();
    let case = |row: Vec<Value>| -> Result<CaseLine, String> {
        let columns = callable.columns(&[&row])?;
        let mut outcome = callable.call(&columns, (0, 1), &scope);
        let is_answer = outcome.failure.is_none();
        Ok(CaseLine {
            arguments: Some(row),
            answer: is_answer.then(|| outcome.answers.remove(0)),
            failure: outcome.failure,
            fuel: is_answer.then_some(outcome.fuel),
            ..CaseLine::default()
        })
    };
    rows.into_iter().map(case).collect()
}

/// Calls a function that keeps state: an aggregate or a window function with the rows that do not
/// fail alone, with all, and with the first; a table function with one row after the other.
fn stateful_cases(
    callable: &Callable,
    kind: Kind,
    rows: Vec<Vec<Value>>,
) -> Result<Vec<CaseLine>, String> {
    if kind == Kind::Table {
        let case = |row: Vec<Value>| -> Result<CaseLine, String> {
            let columns = callable.columns(&[&row])?;
            let case = CaseLine {
                arguments: Some(row),
                ..CaseLine::default()
            };
            Ok(recorded(callable, kind, case, (&columns, 0)))
        };
        return rows.into_iter().map(case).collect();
    }
    let case = |rows: Vec<Vec<Value>>| -> Result<CaseLine, String> {
        let slices: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        let columns = callable.columns(&slices)?;
        let count = rows.len();
        let groups = (0..count).map(|row| (row % GROUPS) as u32).collect();
        let peers = [[0, 1], [1, 3], [3, count as u64]];
        let peers = peers
            .into_iter()
            .filter(|[first, end]| first < end && *end <= count as u64);
        let case = CaseLine {
            rows: Some(rows),
            groups: (kind == Kind::Aggregate).then_some(groups),
            peers: callable.has_ranks().then(|| peers.collect()),
            ..CaseLine::default()
        };
        Ok(recorded(callable, kind, case, (&columns, count)))
    };
    let mut answered = Vec::new();
    for row in &rows {
        if case(vec![row.clone()])?.failure.is_none() {
            answered.push(row.clone());
        }
    }
    let first = rows.iter().take(1).cloned().collect();
    let is_other = answered.len() < rows.len() && !answered.is_empty();
    let sets = is_other
        .then_some(answered)
        .into_iter()
        .chain([rows, first]);
    sets.map(case).collect()
}

fn recorded(
    callable: &Callable,
    kind: Kind,
    case: CaseLine,
    columns: (&[arrow_array::ArrayRef], usize),
) -> CaseLine {
    let outcome = outcome(callable, kind, &case, columns, 1);
    let is_answer = outcome.failure.is_none();
    let [states, merged] = outcome
        .states
        .map_or([None, None], |states| states.map(Some));
    CaseLine {
        answers: is_answer.then_some(outcome.answers),
        states,
        merged,
        failure: outcome.failure,
        fuel: is_answer.then_some(outcome.fuel),
        ..case
    }
}
