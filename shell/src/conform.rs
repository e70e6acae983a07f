//! `fusebox conform`: compares this program with what a release recorded.
//!
//! The folder may be a stranger's: its functions run in the sandbox, and its queries in a session
//! that may neither create anything nor read files, over a copy of its catalog.

use std::fs;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::memory_pool::GreedyMemoryPool;
use fusebox::{Engine, Privileges, Session};
use fusebox_catalog::{CATALOG_VERSION, SqliteCatalog};
use fusebox_conformance::{
    CaseReport, CatalogFixture, CatalogQuery, FixtureError, Fixtures, Summary,
};
use futures::StreamExt;
use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::format::{Format, NULL, Printer, Style};
use crate::text::escape_control;

/// Lines that are printed of one function.
const LINES_MAX: usize = 3;

/// Time of one query of a catalog.
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);

/// Memory of a query of a catalog, and of its rows, in bytes.
const QUERY_BYTES_MAX: usize = 256 << 20;
const ROW_BYTES_MAX: usize = 16 << 20;

/// Compares the functions of `modules`, or all of a folder and its catalog if there are none.
///
/// # Errors
///
/// [`Failure::Refused`] if something differs, or the folder is none of fixtures that this program
/// can reproduce.
pub(crate) fn run(folder: &Path, modules: &[String]) -> Result<(), Failure> {
    let version = CATALOG_VERSION as u64;
    let fixtures = Fixtures::open(folder, version).map_err(refused)?;
    let mut summary = Summary::default();
    let mut printed = Ok(());
    let mut report = |report: CaseReport| {
        summary.add(&report);
        if printed.is_ok() {
            printed = print(&report);
        }
    };
    let checked = fixtures.check(modules, &mut report);
    checked.map_err(refused)?;
    if modules.is_empty() {
        report(compare_catalog(&fixtures.catalog().map_err(refused)?)?);
    }
    let Summary {
        compared,
        failed,
        cases,
        ..
    } = summary;
    let release = fixtures.version();
    let end = match failed {
        0 => writeln!(
            io::stdout(),
            "{compared} comparisons, {cases} cases: as Fusebox {release}"
        ),
        _ => Ok(()),
    };
    printed.and(end).map_err(Failure::of_standard_output)?;
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Refused(format!(
            "{failed} of {compared} comparisons with Fusebox {release} failed"
        ))),
    }
}

fn refused(error: FixtureError) -> Failure {
    Failure::Refused(error.to_string())
}

/// Prints a line for a comparison, or its first differences.
fn print(report: &CaseReport) -> io::Result<()> {
    let mut out = io::stdout();
    let name = one_line(&report.name);
    if report.differences.is_empty() {
        return writeln!(out, "ok      {name}: {} cases", report.cases);
    }
    for difference in report.differences.iter().take(LINES_MAX) {
        writeln!(out, "FAILED  {}", one_line(difference))?;
    }
    match report.differences.len().saturating_sub(LINES_MAX) {
        0 => Ok(()),
        more => writeln!(out, "FAILED  {name}: {more} more differences"),
    }
}

/// Escapes control characters, line breaks too.
fn one_line(text: &str) -> String {
    let text = escape_control(text);
    text.replace('\n', "\\n").replace('\t', "\\t")
}

/// Opens a copy of the catalog, and compares the results of its queries.
fn compare_catalog(fixture: &CatalogFixture) -> Result<CaseReport, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::System)?;
    let folder = tempfile::tempdir().map_err(Failure::System)?;
    let file = folder.path().join("catalog.db");
    fs::write(&file, &fixture.bytes).map_err(Failure::System)?;
    let mut differences = Vec::new();
    match SqliteCatalog::open(&file) {
        Ok(catalog) => {
            let session = session(catalog)?;
            for query in &fixture.queries {
                let run = || runtime.block_on(csv(&session, &query.query));
                // DataFusion panics on some queries, and the query is a stranger's.
                let found = catch_unwind(AssertUnwindSafe(run));
                let found = found.unwrap_or(Err(Failure::Panicked));
                differences.extend(difference(query, found));
            }
        }
        Err(error) => differences.push(format!(
            "catalog: expected that version {CATALOG_VERSION} or an older one is opened, found: \
             {error}"
        )),
    }
    let queries = fixture.queries.len();
    Ok(CaseReport::new("catalog", queries, differences))
}

/// Creates a session that only reads a catalog.
fn session(catalog: SqliteCatalog) -> Result<Session, Failure> {
    let privileges = Privileges {
        create: false,
        ..Privileges::default()
    };
    let engine = Engine::builder()
        .catalog(Arc::new(catalog))
        .privileges(privileges)
        .statement_timeout(QUERY_TIMEOUT)
        .build()?;
    let pool = Arc::new(GreedyMemoryPool::new(QUERY_BYTES_MAX));
    Ok(engine.session().memory_pool(pool).build()?)
}

/// Returns the results of statements as CSV.
async fn csv(session: &Session, text: &str) -> Result<String, Failure> {
    let mut out = Vec::new();
    for statement in session.statements(text) {
        let frame = session.execute(statement?).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let style = Style {
            null: NULL,
            has_header: true,
        };
        let mut printer = Printer::new(Format::Csv, style, &schema, &mut out)?;
        let mut rows = frame.execute_stream().await?;
        let mut bytes = 0;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            bytes += batch.get_array_memory_size();
            if bytes > ROW_BYTES_MAX {
                return Err(Failure::Refused(format!(
                    "expected rows of at most {ROW_BYTES_MAX} bytes, found more"
                )));
            }
            printer.write(&batch)?;
        }
        printer.finish()?;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Returns a line for another result, or an error.
fn difference(query: &CatalogQuery, found: Result<String, Failure>) -> Option<String> {
    let (query, expected) = (&query.query, &query.csv);
    match found {
        Ok(found) if found == *expected => None,
        Ok(found) => Some(format!(
            "catalog query `{query}`: expected {expected:?}, found {found:?}; a table of the \
             catalog, a stored definition or its meaning was changed"
        )),
        Err(error) => Some(format!(
            "catalog query `{query}`: expected {expected:?}, found the error: {error}"
        )),
    }
}
