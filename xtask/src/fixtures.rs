//! Fixtures of this release: what its functions answer and burn, for later releases to reproduce.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::component;
use crate::failure::Failure;
use crate::guests;
use crate::languages;
use crate::steps::Steps;
use crate::workspace::{Workspace, quietly, run};

/// Folder of the fixtures of all releases.
const FIXTURES: &str = "fixtures";

/// Statements that make the catalog.
const CATALOG: &str = "fixtures/catalog.sql";

/// Queries of the catalog, one a line.
const QUERIES: &str = "fixtures/queries.sql";

/// Modules of the catalog, by the variables of its statements.
const MODULES: [&str; 3] = [
    "clamp=udfs/wat/clamp.wat",
    "kinds=target/guests/kinds.wasm",
    "plain=udfs/wat/plain.wat",
];

/// Bytes of the fixtures of a release, which stay in the repository.
const BYTES_MAX: u64 = 2_000_000;

/// Time for the shell to run the statements of the catalog.
const LIMIT: Duration = Duration::from_secs(300);

/// Options of the chore.
struct Options {
    replaces: bool,
    builds: bool,
}

/// Writes `fixtures/VERSION`, and compares this release with it.
///
/// Fixtures of a release do not change: they are replaced with `--replace` alone, before it is
/// published. `--built` takes the modules that are in `target/guests`.
pub(crate) fn fixtures(workspace: &Workspace, rest: &[String]) -> Result<(), Failure> {
    let mut options = Options {
        replaces: false,
        builds: true,
    };
    for option in rest {
        match option.as_str() {
            "--replace" => options.replaces = true,
            "--built" => options.builds = false,
            unknown => return Err(Failure::Usage(unknown.to_owned())),
        }
    }
    let release = format!("{FIXTURES}/{}", env!("CARGO_PKG_VERSION"));
    let folder = workspace.root.join(&release);
    if folder.exists() && !options.replaces {
        return Err(refused(format!(
            "expected no folder {release}, found one: fixtures of a release do not change; \
             --replace makes those of an unpublished one again"
        )));
    }
    if options.builds {
        build_guests(workspace)?;
    }
    let build = "build --workspace --bin fusebox --example record_fixtures --test shell";
    run("programs", workspace.cargo().args(build.split(' ')))?;
    if folder.exists() {
        let action = format!("remove {release}");
        fs::remove_dir_all(&folder).map_err(Failure::io(action))?;
    }
    let recorder = workspace.executables.join("examples/record_fixtures");
    let mut record = workspace.program(recorder);
    record.arg(&release).arg(catalog_version(workspace)?);
    run("record", &mut record)?;
    record_catalog(workspace, &release)?;
    check_size(&folder)?;
    let mut conform = workspace.program(workspace.executables.join("fusebox"));
    run("conform", conform.arg("conform").arg(&release))
}

/// Compiles all guests; each language is part of the fixtures.
fn build_guests(workspace: &Workspace) -> Result<(), Failure> {
    let mut steps = Steps::default();
    steps.require(guests::build(workspace))?;
    languages::build(workspace, &mut steps, false)?;
    component::build(workspace, &mut steps)?;
    match steps.is_complete() {
        true => Ok(()),
        false => Err(refused(format!(
            "expected a compiler for each language, found {}",
            steps.summary()
        ))),
    }
}

/// Returns the version of catalogs that the shell prints.
fn catalog_version(workspace: &Workspace) -> Result<String, Failure> {
    let mut shell = workspace.program(workspace.executables.join("fusebox"));
    let text = quietly(shell.arg("--version"), LIMIT).map_err(refused)?;
    let version = text.rsplit_once("catalog ");
    let version = version.map(|(_, version)| version.trim().to_owned());
    version.ok_or_else(|| {
        refused(format!(
            "expected the version of catalogs in `fusebox --version`, found `{text}`"
        ))
    })
}

/// Makes the catalog, and records the results of its queries, which read a copy.
fn record_catalog(workspace: &Workspace, release: &str) -> Result<(), Failure> {
    let catalog = format!("{release}/catalog/catalog.db");
    let folder = workspace.root.join(format!("{release}/catalog"));
    let action = format!("create {}", folder.display());
    fs::create_dir_all(&folder).map_err(Failure::io(action))?;
    let mut create = workspace.program(workspace.executables.join("fusebox"));
    create.args([&catalog, "-f", CATALOG]);
    for module in MODULES {
        create.args(["-v", module]);
    }
    quietly(&mut create, LIMIT).map_err(refused)?;
    let copy = workspace.executables.join("fixtures-catalog.db");
    let copied = fs::copy(workspace.root.join(&catalog), &copy);
    copied.map_err(Failure::io(format!("copy {catalog}")))?;
    let text = fs::read_to_string(workspace.root.join(QUERIES));
    let text = text.map_err(Failure::io(format!("read {QUERIES}")))?;
    let mut recorded = String::new();
    for query in text.lines().filter(|line| !line.starts_with("--")) {
        let mut shell = workspace.program(workspace.executables.join("fusebox"));
        shell.arg(&copy).args(["--format", "csv", "-c", query]);
        let csv = quietly(&mut shell, LIMIT).map_err(refused)?;
        recorded += &json!({ "query": query, "csv": csv }).to_string();
        recorded.push('\n');
    }
    let file = folder.join("queries.jsonl");
    fs::write(&file, recorded).map_err(Failure::io(format!("write {}", file.display())))
}

fn refused(message: String) -> Failure {
    Failure::unexpected("fixtures")(message)
}

fn check_size(folder: &Path) -> Result<(), Failure> {
    let read = size(folder).map_err(Failure::io(format!("read {}", folder.display())));
    let bytes = read?;
    eprintln!("{bytes} bytes of fixtures");
    match bytes <= BYTES_MAX {
        true => Ok(()),
        false => Err(refused(format!(
            "expected fixtures of at most {BYTES_MAX} bytes, found {bytes}"
        ))),
    }
}

/// Returns the bytes of all files below a folder.
fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}
