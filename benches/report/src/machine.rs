//! What all of it ran on.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is said of the machine: nothing that tells it from another of its kind.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Names and what they are.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// The release of these is a part of the result.
const LIBRARIES: [&str; 2] = ["datafusion", "wasmtime"];

impl Machine {
    /// Asks the system. What it does not say is left out.
    pub(crate) fn describe() -> Self {
        let cores = std::thread::available_parallelism().ok();
        let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
        let libraries = LIBRARIES.map(|library| {
            let release = locked(&lock, library)?;
            Some(format!("{library} {release}"))
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
            ("compiler", said("rustc", &["--version"])),
            (
                "libraries",
                Some(libraries.join(", ")).filter(|all| !all.is_empty()),
            ),
            (
                "turns",
                env::var_os("FUSEBOX_BENCH_QUICK").map(|_| "few, for a quick look".to_owned()),
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

/// What a program prints, on one line.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

fn commit() -> Option<String> {
    let commit = said("git", &["rev-parse", "--short=10", "HEAD"])?;
    match said("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Some(_) => Some(format!("{commit}, with changes")),
        None => Some(commit),
    }
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let named = line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
    named
        .or_else(|| said("sysctl", &["-n", "machdep.cpu.brand_string"]))
        .or_else(|| Some(env::consts::ARCH.to_owned()))
}

fn memory() -> Option<String> {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let bytes = kib.map(|kib| kib * 1024.0).or_else(|| {
        let bytes = said("sysctl", &["-n", "hw.memsize"])?;
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
    name.or_else(|| said("sw_vers", &["-productVersion"]).map(|release| format!("macOS {release}")))
        .or_else(|| Some(env::consts::OS.to_owned()))
}

/// The release of a library that a lock file names.
fn locked(lock: &str, library: &str) -> Option<String> {
    let name = format!("name = \"{library}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let release = lines.nth(1)?.strip_prefix("version = ")?;
    Some(release.trim_matches('"').to_owned())
}

/// The day of a time since 1970 in seconds, in UTC.
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
    fn dates_are_those_of_the_calendar() {
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
    fn a_release_is_the_one_that_is_locked() {
        let lock = "[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked(lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked(lock, "wasm"), None);
    }

    #[test]
    fn a_machine_is_of_some_kind() {
        let machine = Machine::describe();
        let names: Vec<&str> = machine.facts.iter().map(|(name, _)| *name).collect();
        for name in ["date", "processor", "cores", "system"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }
}
