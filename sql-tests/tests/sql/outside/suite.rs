//! DataFusion's test files, in the crate that ships them.
//!
//! They name files below the folder of that crate, and write some. So they run
//! in a copy below cargo's target folder, which is laid out as DataFusion's
//! repository is: nothing is written among cargo's sources.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use datafusion_sqllogictest::{DFColumnType, read_dir_recursive};
use sqllogictest::{Record, parse_file};

use super::twins;

/// The crate that ships the files.
const CRATE: &str = "datafusion-sqllogictest";

/// Where the copy of DataFusion's repository lies.
pub(super) const ROOT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/outside");

/// Below that, where its runner has its files, and runs.
const FOLDER: &str = "datafusion/sqllogictest";

/// Below that, the files themselves.
pub(super) const TEST_FILES: &str = "test_files/";

/// Copies the files and makes their folder the current one.
///
/// Returns the path of each file below `test_files/` that DataFusion's runner
/// would run too.
pub(super) fn enter() -> Result<Vec<PathBuf>, String> {
    let from = find()?;
    let to = Path::new(ROOT).join(FOLDER);
    let copied = || {
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        copy(&from.join("test_files"), &to.join("test_files"))?;
        copy(&from.join("data"), &to.join("data"))?;
        std::env::set_current_dir(&to)
    };
    copied().map_err(|error| format!("{} cannot be copied: {error}", from.display()))?;
    let all = read_dir_recursive(TEST_FILES).map_err(|error| error.to_string())?;
    let below = |path: PathBuf| path.strip_prefix(TEST_FILES).ok().map(PathBuf::from);
    let mut files: Vec<_> = all.into_iter().filter_map(below).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    // As its runner has it, unless it is told otherwise: the data of TPC-H is
    // generated, and encrypted Parquet is a feature.
    files.retain(|path| !path.starts_with("tpch") && *path != *"encrypted_parquet.slt");
    files.sort();
    Ok(files)
}

/// Whether a file calls a function that has a twin. Those below `spark/` call
/// others of the same names.
pub(super) fn calls_a_twin(file: &Path) -> Result<bool, String> {
    if file.starts_with("spark") {
        return Ok(false);
    }
    Ok(records(file)?.iter().any(|record| match record {
        Record::Statement { sql, .. } | Record::Query { sql, .. } => {
            let sql = sql.to_ascii_lowercase();
            twins::names().any(|name| calls(&sql, name))
        }
        _ => false,
    }))
}

/// The records of a file, and of those it includes.
pub(super) fn records(file: &Path) -> Result<Vec<Record<DFColumnType>>, String> {
    parse_file(Path::new(TEST_FILES).join(file)).map_err(|error| error.to_string())
}

/// Whether a name stands in a text with an opening parenthesis behind it.
fn calls(sql: &str, name: &str) -> bool {
    sql.match_indices(name).any(|(at, _)| {
        let part_of_a_word = |c: char| c == '_' || c.is_alphanumeric();
        let rest = sql[at + name.len()..].trim_start();
        !sql[..at].ends_with(part_of_a_word) && rest.starts_with('(')
    })
}

/// The folder of the crate, which cargo has downloaded to build it.
fn find() -> Result<PathBuf, String> {
    let missing = |why: &str| {
        format!(
            "the files of {CRATE} are not to be found ({why}): \
             run the tests through cargo, and `cargo fetch` once before"
        )
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&cargo);
        command
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command
            .output()
            .map_err(|error| missing(&error.to_string()))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(missing(&String::from_utf8_lossy(&output.stderr))),
        }
    };
    let version = run(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    // Packages of other platforms need not be there.
    let host = host.ok_or_else(|| missing("cargo does not say its host"))?;
    let metadata = run(&[
        "metadata",
        "--offline",
        "--format-version=1",
        "--filter-platform",
        host,
    ])?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|error| missing(&error.to_string()))?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.find(|package| package["name"] == CRATE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    folder
        .map(Path::to_owned)
        .ok_or_else(|| missing("cargo does not know the package"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => drop(fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}
