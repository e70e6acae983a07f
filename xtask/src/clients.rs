//! Clients of other projects that tests of the server use, installed if missing.
//!
//! They are packages of PyPI, pinned by version, in a folder beside those that cargo builds into,
//! and packages of Debian, which are named and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::steps::Outcome;
use crate::workspace::{Workspace, quietly};

/// Variable that names the folder to the tests.
pub(crate) const VARIABLE: &str = "FUSEBOX_CLIENTS";

/// Packages of PyPI; pip chooses those that they depend on.
const PACKAGES: [&str; 6] = [
    "adbc-driver-flightsql==1.13.0",
    "adbc-driver-postgresql==1.13.0",
    "asyncpg==0.32.0",
    "psycopg[binary]==3.3.9",
    "pyarrow==26.0.1",
    "sqlalchemy==2.1.9",
];

/// Programs that show whether packages of Debian are installed.
const PROGRAMS: [(&[&str], &str); 4] = [
    (&["psql", "--version"], "postgresql-client"),
    (&["java", "-version"], "default-jre-headless"),
    (&["isql", "--version"], "unixodbc"),
    (
        &["odbcinst", "-q", "-d", "-n", "PostgreSQL Unicode"],
        "odbc-postgresql",
    ),
];

/// File of pgjdbc, and its package.
const JDBC: (&str, &str) = ("/usr/share/java/postgresql.jar", "libpostgresql-jdbc-java");

/// Time to fetch the packages over a slow connection.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Time for a program to print its version.
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

/// Returns the folder of the packages of PyPI.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.executables.with_file_name("clients")
}

/// Installs the packages of PyPI, unless the folder has these versions.
pub(crate) fn install(workspace: &Workspace) -> Outcome {
    let folder = folder(workspace);
    let list = PACKAGES.join("\n");
    if fs::read_to_string(list_file(&folder)).is_ok_and(|installed| installed == list) {
        return Outcome::Passed;
    }
    // Renamed into place, so that a download which was interrupted is repeated.
    let partial = folder.with_extension("partial");
    // An error means that there is none, or shows in what follows.
    let _ = fs::remove_dir_all(&partial);
    let _ = fs::remove_dir_all(&folder);
    let words = |folder: &Path| {
        let words = "-m pip install --quiet --disable-pip-version-check --target".split(' ');
        let words = words.map(str::to_owned);
        let packages = PACKAGES.map(str::to_owned);
        words
            .chain([folder.display().to_string()])
            .chain(packages)
            .collect::<Vec<_>>()
    };
    eprintln!("installing {}", PACKAGES.join(" "));
    let mut pip = workspace.program("python3");
    let installed = quietly(pip.args(words(&partial)), DOWNLOAD_LIMIT).and_then(|_| {
        let moved = fs::rename(&partial, &folder);
        let written = moved.and_then(|()| fs::write(list_file(&folder), &list));
        written.map_err(|error| error.to_string())
    });
    match installed {
        Ok(()) => Outcome::Passed,
        Err(reason) => Outcome::Skipped {
            reason,
            install: format!("python3 {}", words(&folder).join(" ")),
        },
    }
}

/// Looks for the packages of Debian. Tests that need a missing one are skipped.
pub(crate) fn of_debian(workspace: &Workspace) -> Outcome {
    let is_missing = |words: &[&str]| {
        let mut command = workspace.program(words[0]);
        quietly(command.args(&words[1..]), LOCAL_LIMIT).is_err()
    };
    let programs = PROGRAMS.iter().filter(|(words, _)| is_missing(words));
    let mut missing: Vec<_> = programs.map(|(_, package)| *package).collect();
    if !Path::new(JDBC.0).exists() {
        missing.push(JDBC.1);
    }
    if missing.is_empty() {
        return Outcome::Passed;
    }
    Outcome::Skipped {
        reason: "clients of PostgreSQL are missing".to_owned(),
        install: format!("apt-get install {}", missing.join(" ")),
    }
}

/// Returns the file that lists what was installed.
fn list_file(folder: &Path) -> PathBuf {
    folder.join("packages.txt")
}
