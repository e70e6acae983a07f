//! Folders of the checkout, and commands that run in it.

use std::env;
use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Variable with which tests try all cases, where a part of them is tried otherwise.
pub(crate) const EXHAUSTIVE: &str = "FUSEBOX_EXHAUSTIVE";

/// Variable with which tests leave out what takes an emulator too long.
pub(crate) const EMULATED: &str = "FUSEBOX_EMULATED";

/// Variable with the part of the modules of a release that a process checks.
pub(crate) const FIXTURES_PART: &str = "FUSEBOX_FIXTURES_PART";

/// The checkout, and the folder of the executables built from it.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`; every program is started in it.
    pub(crate) root: PathBuf,
    /// The folder that cargo builds this program and the shell into.
    pub(crate) executables: PathBuf,
}

impl Workspace {
    /// Finds the checkout that `cargo run` started this program in. It may have
    /// been built in another one that shares the target folder.
    pub(crate) fn find() -> Result<Self, Failure> {
        let xtask = env::var_os("CARGO_MANIFEST_DIR");
        let xtask = xtask.map_or(PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask.join("..");
        let root = root
            .canonicalize()
            .map_err(Failure::io(format!("find {}", root.display())))?;
        // Correct for every way to choose the target folder.
        let mut executables =
            env::current_exe().map_err(Failure::io("find the folder of this program"))?;
        executables.pop();
        Ok(Self { root, executables })
    }

    /// The cargo that started this program.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        self.program(cargo)
    }

    /// A program that runs in the root. Variables that `cargo run` has set for
    /// the package `xtask` are removed, since builds would depend on them.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text == "CARGO" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIF")
            {
                command.env_remove(&name);
            }
        }
        // Relative to the current folder, which is not the program's.
        if let Some(target) = env::var_os("CARGO_TARGET_DIR")
            && let Ok(here) = env::current_dir()
        {
            command.env("CARGO_TARGET_DIR", here.join(target));
        }
        command
    }
}

/// Runs `command` as a step, with its output shown, and prints the time that it took.
pub(crate) fn run(step: &'static str, command: &mut Command) -> Result<(), Failure> {
    eprintln!("== {step}");
    let begin = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(Failure::io(format!("start step `{step}`")))?;
    eprintln!("== {step}: {} s", begin.elapsed().as_secs());
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Step { step, status })
    }
}

/// Runs `command` without showing its output, for at most `limit`, and returns
/// its standard output.
///
/// # Errors
///
/// One line: the error of starting it, the exceeded limit, or a part of what it
/// printed to standard error.
pub(crate) fn quietly(command: &mut Command, limit: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = end_within(&mut child, limit)?;
    let [stdout, stderr] = [stdout, stderr].map(|text| text.join().unwrap_or_default());
    if status {
        return Ok(stdout);
    }
    Err(cause(&stderr))
}

/// The first line that is marked as an error, or else the last three lines.
fn cause(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).collect();
    let is_error = |line: &&&str| line.starts_with("error") || line.starts_with("fatal error");
    match lines.iter().find(is_error) {
        Some(line) => (*line).to_owned(),
        None => lines[lines.len().saturating_sub(3)..].join("; "),
    }
}

/// Reads a pipe in a thread, since a full pipe would block the program.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // On an error, the bytes before it are returned.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for `child` and returns whether it succeeded; kills it after `limit`.
fn end_within(child: &mut Child, limit: Duration) -> Result<bool, String> {
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => return Ok(status.success()),
            None if start.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            None => {
                // An error means that it has ended in the meantime.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("did not end within {limit:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<String, String> {
        quietly(
            Command::new("sh").args(["-c", script]),
            Duration::from_millis(500),
        )
    }

    #[test]
    fn a_quiet_program_returns_what_it_printed() {
        assert_eq!(shell("echo out; echo aside >&2"), Ok("out\n".to_owned()));
    }

    #[test]
    fn a_quiet_program_that_fails_returns_its_last_lines() {
        let script = "for i in 1 2 3 4; do echo $i >&2; done; exit 1";
        assert_eq!(shell(script), Err("2; 3; 4".to_owned()));
    }

    #[test]
    fn a_quiet_program_that_reports_an_error_returns_that_line() {
        let script = "printf 'info: a\nerror: b\nstack backtrace:\n1\n2\n' >&2; exit 1";
        assert_eq!(shell(script), Err("error: b".to_owned()));
    }

    #[test]
    fn a_quiet_program_is_killed_after_the_limit() {
        let verdict = shell("exec sleep 600");
        assert_eq!(verdict, Err("did not end within 500ms".to_owned()));
    }

    #[test]
    fn more_output_than_a_pipe_holds_does_not_block() {
        let output = shell("head -c 200000 /dev/zero | tr '\\0' x");
        assert_eq!(output.map(|text| text.len()), Ok(200_000));
    }
}
