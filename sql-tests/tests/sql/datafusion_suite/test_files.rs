//! DataFusion's test files, as shipped in a crate.
//!
//! The tests read and write files below the directory of that crate. They run in a
//! copy below cargo's target directory, with the paths of DataFusion's repository, so
//! that cargo's registry sources stay unchanged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use datafusion_sqllogictest::{DFColumnType, read_dir_recursive};
use sqllogictest::{Record, parse_file};

use super::replacements;

/// The crate that contains the files.
const CRATE: &str = "datafusion-sqllogictest";

/// The root of the copy.
pub(super) const ROOT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/datafusion_suite");

/// The directory of the crate below the root, in which the runner runs.
const DIRECTORY: &str = "datafusion/sqllogictest";

/// The directory of the files below that.
pub(super) const TEST_FILES: &str = "test_files/";

/// Copies the files and makes their copy the current directory.
///
/// Returns the paths below `test_files/` of the files that DataFusion's runner runs by
/// default.
pub(super) fn copy_and_enter() -> Result<Vec<PathBuf>, String> {
    let from = find()?;
    let to = Path::new(ROOT).join(DIRECTORY);
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
    // DataFusion's runner skips these by default: the data of TPC-H must be generated,
    // and encrypted Parquet is a feature.
    files.retain(|path| !path.starts_with("tpch") && *path != *"encrypted_parquet.slt");
    files.sort();
    Ok(files)
}

/// Tests whether a file calls a replaced function. The files below `spark/` call other
/// functions of the same names.
pub(super) fn calls_replaced_function(file: &Path) -> Result<bool, String> {
    if file.starts_with("spark") {
        return Ok(false);
    }
    Ok(records(file)?.iter().any(|record| match record {
        Record::Statement { sql, .. } | Record::Query { sql, .. } => {
            let sql = sql.to_ascii_lowercase();
            replacements::names().any(|name| calls(&sql, name))
        }
        _ => false,
    }))
}

/// Parses the records of a file, and of the files that it includes.
pub(super) fn records(file: &Path) -> Result<Vec<Record<DFColumnType>>, String> {
    parse_file(Path::new(TEST_FILES).join(file)).map_err(|error| error.to_string())
}

/// Creates the directories in which the statements of a file let `COPY` create files. DataFusion
/// creates them itself, and Fusebox refuses to.
pub(super) fn create_target_directories(file: &Path) -> Result<(), String> {
    for record in records(file)? {
        let (Record::Statement { sql, .. } | Record::Query { sql, .. }) = record else {
            continue;
        };
        let parts: Vec<&str> = sql.split('\'').collect();
        for pair in parts.windows(2) {
            let is_target = pair[0].trim_end().to_ascii_uppercase().ends_with("TO");
            let directory = Path::new(pair[1]).parent();
            if let Some(directory) = directory.filter(|_| is_target && pair[1].contains('/')) {
                fs::create_dir_all(directory).map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}

/// Tests whether a statement contains a name followed by an opening parenthesis.
fn calls(sql: &str, name: &str) -> bool {
    sql.match_indices(name).any(|(at, _)| {
        let part_of_a_word = |c: char| c == '_' || c.is_alphanumeric();
        let rest = sql[at + name.len()..].trim_start();
        !sql[..at].ends_with(part_of_a_word) && rest.starts_with('(')
    })
}

/// Finds the directory of the crate among cargo's downloaded sources.
fn find() -> Result<PathBuf, String> {
    let missing = |why: &str| {
        format!(
            "the files of {CRATE} were not found ({why}): \
             run `cargo fetch`, then run the tests through cargo"
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
    // Packages of other platforms may not be downloaded.
    let host = host.ok_or_else(|| missing("`cargo -vV` prints no host"))?;
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
    let directory = manifest.and_then(|manifest| Path::new(manifest).parent());
    directory
        .map(Path::to_owned)
        .ok_or_else(|| missing("`cargo metadata` does not list the package"))
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
