//! Description of the machine.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Hardware and software, without anything that identifies the machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Names and values.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// Libraries whose versions are reported.
const LIBRARIES: [&str; 2] = ["datafusion", "wasmtime"];

impl Machine {
    /// Queries the system. Facts that it does not report are omitted.
    pub(crate) fn describe() -> Self {
        let cores = std::thread::available_parallelism().ok();
        let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
        let libraries = LIBRARIES.map(|library| {
            let version = locked_version(&lock, library)?;
            Some(format!("{library} {version}"))
        });
        let libraries: Vec<String> = libraries.into_iter().flatten().collect();
        let facts = [
            (
                "date",
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .ok()
                    .map(|now| date(now.as_secs())),
            ),
            ("commit", commit()),
            ("processor", processor()),
            ("cores", cores.map(|cores| cores.to_string())),
            ("memory", memory()),
            ("system", system()),
            ("compiler", output_of("rustc", &["--version"])),
            (
                "libraries",
                Some(libraries.join(", ")).filter(|all| !all.is_empty()),
            ),
            (
                "samples",
                env::var_os("FUSEBOX_BENCH_QUICK").map(|_| "few (quick run)".to_owned()),
            ),
        ];
        let facts = facts.into_iter();
        Self {
            facts: facts
                .filter_map(|(name, fact)| Some((name, fact?)))
                .collect(),
        }
    }
}

/// Runs a program; returns its trimmed standard output if it succeeds and prints
/// anything.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

fn commit() -> Option<String> {
    let commit = output_of("git", &["rev-parse", "--short=10", "HEAD"])?;
    match output_of("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Some(_) => Some(format!("{commit}, with changes")),
        None => Some(commit),
    }
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let named = line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
    named
        .or_else(|| output_of("sysctl", &["-n", "machdep.cpu.brand_string"]))
        .or_else(|| Some(env::consts::ARCH.to_owned()))
}

fn memory() -> Option<String> {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let bytes = kib.map(|kib| kib * 1024.0).or_else(|| {
        let bytes = output_of("sysctl", &["-n", "hw.memsize"])?;
        bytes.parse().ok()
    });
    Some(format!("{:.0} GiB", bytes? / f64::from(1 << 30)))
}

fn system() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map(|name| name.trim_matches('"').to_owned());
    name.or_else(|| {
        let version = output_of("sw_vers", &["-productVersion"])?;
        Some(format!("macOS {version}"))
    })
    .or_else(|| Some(env::consts::OS.to_owned()))
}

/// Returns the version of a package in a lock file.
fn locked_version(lock: &str, library: &str) -> Option<String> {
    let name = format!("name = \"{library}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = ")?;
    Some(version.trim_matches('"').to_owned())
}

/// Formats the date, in UTC, of a time in seconds since 1970-01-01.
fn date(seconds: u64) -> String {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut days = seconds / 86_400;
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_251_199, "2024-02-29"),
            (1_709_251_200, "2024-03-01"),
            (1_798_761_599, "2026-12-31"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn the_version_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked_version(lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn the_description_has_date_processor_cores_and_system() {
        let machine = Machine::describe();
        let names: Vec<&str> = machine.facts.iter().map(|(name, _)| *name).collect();
        for name in ["date", "processor", "cores", "system"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }
}
