//! The benches, one after the other, and the report of what they measured.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::guests;
use crate::peers;
use crate::workspace::{Workspace, run};

/// In this order: what has goals comes first.
const BENCHES: [&str; 7] = [
    "suite",
    "metering",
    "kinds",
    "cold",
    "reset",
    "canonical",
    "border",
];

/// What a command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    is_quick: bool,
    benches: Vec<&'static str>,
    /// What names of measurements are searched for.
    filters: Vec<String>,
}

impl Asked {
    fn of(arguments: &[String]) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for argument in arguments {
            match BENCHES.into_iter().find(|bench| bench == argument) {
                Some(bench) => asked.benches.push(bench),
                None if argument == "--quick" => asked.is_quick = true,
                None if argument.starts_with('-') => return Err(Failure::Usage(argument.clone())),
                None => asked.filters.push(argument.clone()),
            }
        }
        Ok(asked)
    }

    fn benches(&self) -> Vec<&'static str> {
        match self.benches.is_empty() {
            true => BENCHES.into(),
            false => self.benches.clone(),
        }
    }

    /// Whether it is all that can be measured.
    fn is_all(&self) -> bool {
        self.benches.is_empty() && self.filters.is_empty()
    }

    /// Whether other sandboxes are measured, which the suite does.
    fn has_peers(&self) -> bool {
        let is_named = |filter: &String| filter.starts_with("peers");
        self.benches().contains(&"suite")
            && (self.filters.is_empty() || self.filters.iter().any(is_named))
    }

    /// Says it to a program that is to be started.
    fn tell(&self, command: &mut Command, records: &Path) {
        command.env("FUSEBOX_BENCH_RECORDS", records);
        match self.is_quick {
            true => command.env("FUSEBOX_BENCH_QUICK", "1"),
            false => command.env_remove("FUSEBOX_BENCH_QUICK"),
        };
    }
}

/// Runs the benches and reports what they measured. A bench that fails stops
/// neither the others nor the report.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let asked = Asked::of(arguments)?;
    guests::build(workspace)?;
    if asked.has_peers() {
        peers::build(workspace)?;
    }
    let folder = workspace.root.join("target/bench");
    fs::create_dir_all(&folder).map_err(Failure::io(format!("create {}", folder.display())))?;
    let records = folder.join("records.jsonl");
    // Records of before are not of this run.
    File::create(&records).map_err(Failure::io(format!("write {}", records.display())))?;

    let mut build = workspace.cargo();
    // All at once: another choice would be built with other features. Named by a
    // glob, since unit tests would refuse a bench's arguments.
    build.args(["bench", "--workspace", "--bench", "*", "--no-run"]);
    run("build the benches", &mut build)?;
    let mut failed = Ok(());
    for bench in asked.benches() {
        let done = measure(workspace, bench, &asked, &records);
        failed = failed.and(done);
    }
    let mut report = workspace.cargo();
    asked.tell(&mut report, &records);
    report.args([
        "run",
        "--quiet",
        "--package",
        "fusebox-benches-report",
        "--",
    ]);
    run("report", report.args([&records, &folder]))?;
    eprintln!("== {}", folder.join("report.html").display());
    failed
}

fn measure(
    workspace: &Workspace,
    bench: &'static str,
    asked: &Asked,
    records: &Path,
) -> Result<(), Failure> {
    let mut command = workspace.cargo();
    asked.tell(&mut command, records);
    command.args(["bench", "--quiet", "--workspace", "--bench", bench, "--"]);
    // What else criterion would measure takes long, and nobody reads it here.
    command.arg("--test");
    if !asked.filters.is_empty() {
        // Criterion takes one.
        command.arg(asked.filters.join("|"));
    }
    // There is one table of everything. Who asks for a part sees what it prints.
    if asked.is_all() {
        let path = records.with_file_name(format!("{bench}.txt"));
        let file = File::create(&path);
        let file = file.map_err(Failure::io(format!("write {}", path.display())))?;
        command.stdout(file);
    }
    run(bench, &mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str) -> Result<Asked, Failure> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Asked::of(&words)
    }

    #[test]
    fn without_words_every_bench_measures_everything() {
        let asked = asked("--quick").unwrap();
        assert!(asked.is_quick && asked.is_all());
        assert_eq!(asked.benches(), BENCHES);
    }

    #[test]
    fn words_choose_benches_or_what_they_measure() {
        let asked = asked("border suite call/add").unwrap();
        assert!(!asked.is_quick && !asked.is_all());
        assert_eq!(asked.benches(), ["border", "suite"]);
        assert_eq!(asked.filters, ["call/add"]);
    }

    #[test]
    fn other_sandboxes_are_built_where_they_are_measured() {
        for (words, has_peers) in [
            ("--quick", true),
            ("suite", true),
            ("suite peers/add", true),
            ("suite call/add", false),
            ("border", false),
        ] {
            assert_eq!(asked(words).unwrap().has_peers(), has_peers, "{words}");
        }
    }

    #[test]
    fn an_option_that_means_nothing_is_refused() {
        assert!(matches!(asked("--fast"), Err(Failure::Usage(word)) if word == "--fast"));
    }
}
