//! Compilation in a helper process, under limits of the operating system.
//!
//! The helper compiles a module into a cache directory, and the runtime loads the code from
//! there. Compilation that needs more memory or time than the limits ends with the helper, and
//! costs the process nothing. The helper is no boundary of trust: its code is loaded.
//!
//! A helper is started for each module, by the command of [`CompileHelper`] and five more
//! arguments: the cache directory and its kind, the engine's settings, the bytes of address
//! space and the seconds of CPU time. It reads the module from standard input, and writes an error to
//! standard error.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use super::code_cache::{CacheKind, CodeCache, compile_into};
use super::engine_settings::EngineSettings;

/// Program that compiles modules in a process of its own, with limits.
///
/// Its `main` calls [`run_compile_helper`] with the arguments that follow `arguments`. It has
/// to be built with the same version of Wasmtime; the program itself is the simplest choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileHelper {
    /// Path of the program.
    pub program: PathBuf,
    /// Arguments before those of the helper.
    pub arguments: Vec<OsString>,
    /// Maximum address space of the helper in bytes. Some 100 MB are its program and threads.
    pub memory_bytes_max: u64,
    /// Maximum CPU time of a compilation in seconds, and a fourth of its time on the clock.
    pub seconds_max: u64,
}

impl CompileHelper {
    /// Creates a helper with a maximum of 1 GB and 60 s.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            memory_bytes_max: 1_000_000_000,
            seconds_max: 60,
        }
    }

    /// Compiles a module into a cache.
    ///
    /// # Errors
    ///
    /// A message if the module does not compile, or not within the limits.
    pub(super) fn compile(
        &self,
        cache: &CodeCache,
        settings: EngineSettings,
        module: &[u8],
    ) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(cache.directory())
            .arg(cache.kind().to_string())
            .arg(settings.to_string())
            .arg(self.memory_bytes_max.to_string())
            .arg(self.seconds_max.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let failed = |error| {
            let program = self.program.display();
            format!("the compile helper {program} cannot be started: {error}")
        };
        let mut child = command.spawn().map_err(failed)?;
        let (input, output) = (child.stdin.take(), child.stderr.take());
        let (status, message) = thread::scope(|scope| {
            // Ends with an error if the helper ends before it has read everything.
            scope.spawn(move || input.map(|mut input| input.write_all(module)));
            let message = scope.spawn(move || {
                let mut message = Vec::new();
                let read = output.map(|o| o.take(MESSAGE_BYTES_MAX).read_to_end(&mut message));
                drop(read);
                String::from_utf8_lossy(&message).trim().to_owned()
            });
            let status = wait(&mut child, Duration::from_secs(4 * self.seconds_max));
            (status, message.join().unwrap_or_default())
        });
        self.outcome(status?, &message)
    }

    fn outcome(&self, status: Option<ExitStatus>, message: &str) -> Result<(), String> {
        match status.map(|status| (status.success(), status.code())) {
            Some((true, _)) => Ok(()),
            Some((_, Some(code))) if code == i32::from(FAILED) => Err(message.to_owned()),
            // A signal, a panic, or the clock.
            _ => Err(format!(
                "expected a module that compiles with {} bytes of memory within {} s (limits of \
                 the compile helper), found one that needs more: give it fewer or smaller functions",
                self.memory_bytes_max, self.seconds_max
            )),
        }
    }
}

/// Maximum bytes of a helper's message that are read.
const MESSAGE_BYTES_MAX: u64 = 16 << 10;

/// Exit status of a helper that has written an error.
const FAILED: u8 = 1;

/// Exit status of a helper whose arguments are invalid.
const MISUSED: u8 = 2;

/// Waits until a helper ends; kills it after `limit`, and returns `None` then.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, String> {
    let since = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        let status = child.try_wait();
        let status = status.map_err(|error| format!("the compile helper is lost: {error}"))?;
        if status.is_some() {
            return Ok(status);
        }
        if since.elapsed() > limit {
            // It has ended meanwhile if this fails.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Runs as a compile helper: `arguments` are those that follow the
/// [`arguments`](CompileHelper::arguments) of the command.
///
/// Limits the memory and the time of this process, compiles the module on standard input, and
/// returns the exit status.
pub fn run_compile_helper(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let Some(task) = Task::from_arguments(&arguments) else {
        eprintln!(
            "expected DIRECTORY KIND SETTINGS BYTES SECONDS, found {arguments:?}: a compile helper \
             is started by the engine"
        );
        return ExitCode::from(MISUSED);
    };
    match task.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(FAILED)
        }
    }
}

/// Compilation of one module.
struct Task<'a> {
    directory: &'a Path,
    kind: CacheKind,
    settings: EngineSettings,
    memory_bytes_max: u64,
    seconds_max: u64,
}

impl<'a> Task<'a> {
    fn from_arguments(arguments: &'a [OsString]) -> Option<Self> {
        let [directory, kind, settings, bytes, seconds] = arguments else {
            return None;
        };
        Some(Self {
            directory: Path::new(directory),
            kind: CacheKind::from_str(kind.to_str()?).ok()?,
            settings: EngineSettings::from_str(settings.to_str()?).ok()?,
            memory_bytes_max: bytes.to_str()?.parse().ok()?,
            seconds_max: seconds.to_str()?.parse().ok()?,
        })
    }

    fn run(&self) -> Result<(), String> {
        limit_process(self.memory_bytes_max, self.seconds_max)
            .map_err(|error| format!("the limits of the compile helper are refused: {error}"))?;
        let mut module = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut module);
        read.map_err(|error| format!("the module cannot be read: {error}"))?;
        let compiled = compile_into(self.directory, self.kind, self.settings, &module);
        match compiled.map_err(|error| format!("{error:#}"))? {
            true => Ok(()),
            false => {
                let directory = self.directory.display();
                Err(format!(
                    "the compiled module cannot be written to {directory}: is the disk full?"
                ))
            }
        }
    }
}

/// Limits the address space and the CPU time of this process, and forbids core dumps.
#[cfg(unix)]
fn limit_process(memory_bytes_max: u64, seconds_max: u64) -> std::io::Result<()> {
    use rlimit::Resource;
    Resource::CORE.set(0, 0)?;
    Resource::AS.set(memory_bytes_max, memory_bytes_max)?;
    Resource::CPU.set(seconds_max, seconds_max)
}

#[cfg(not(unix))]
fn limit_process(_: u64, _: u64) -> std::io::Result<()> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
}
