//! The benches, run one after the other, and their report.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::guests;
use crate::peers;
use crate::workspace::{Workspace, run};

/// Benches in the order in which they run: those with goals come first.
const BENCHES: [&str; 8] = [
    "suite",
    "metering",
    "kinds",
    "cold",
    "reopened",
    "reset",
    "canonical",
    "border",
];

/// Benches and measurements that a command line selects.
#[derive(Debug, Default, PartialEq, Eq)]
struct Selection {
    is_quick: bool,
    benches: Vec<&'static str>,
    /// Parts of the names of measurements.
    filters: Vec<String>,
}

impl Selection {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut selection = Self::default();
        for argument in arguments {
            match BENCHES.into_iter().find(|bench| bench == argument) {
                Some(bench) => selection.benches.push(bench),
                None if argument == "--quick" => selection.is_quick = true,
                None if argument.starts_with('-') => return Err(Failure::Usage(argument.clone())),
                None => selection.filters.push(argument.clone()),
            }
        }
        Ok(selection)
    }

    fn benches(&self) -> Vec<&'static str> {
        match self.benches.is_empty() {
            true => BENCHES.into(),
            false => self.benches.clone(),
        }
    }

    /// True if everything is selected.
    fn is_all(&self) -> bool {
        self.benches.is_empty() && self.filters.is_empty()
    }

    /// True if the suite measures other sandboxes.
    fn has_peers(&self) -> bool {
        let is_named = |filter: &String| filter.starts_with("peers") || filter.starts_with("plain");
        self.benches().contains(&"suite")
            && (self.filters.is_empty() || self.filters.iter().any(is_named))
    }

    /// Passes the selection to a program, in variables of its environment.
    fn pass_to(&self, command: &mut Command, records: &Path) {
        command.env("FUSEBOX_BENCH_RECORDS", records);
        match self.is_quick {
            true => command.env("FUSEBOX_BENCH_QUICK", "1"),
            false => command.env_remove("FUSEBOX_BENCH_QUICK"),
        };
    }
}

/// Runs the selected benches and writes their report. If one fails, the others
/// and the report still run.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let selection = Selection::parse(arguments)?;
    guests::build(workspace)?;
    if selection.has_peers() {
        peers::build(workspace)?;
    }
    let folder = workspace.root.join("target/bench");
    fs::create_dir_all(&folder).map_err(Failure::io(format!("create {}", folder.display())))?;
    let records = folder.join("records.jsonl");
    // Records of the last run are discarded.
    File::create(&records).map_err(Failure::io(format!("write {}", records.display())))?;

    let mut build = workspace.cargo();
    // All at once: a part of them would be built with other features. Selected by
    // a glob, since the harness of unit tests rejects the arguments of a bench.
    build.args(["bench", "--workspace", "--bench", "*", "--no-run"]);
    run("build the benches", &mut build)?;
    let mut failed = Ok(());
    for bench in selection.benches() {
        let done = measure(workspace, bench, &selection, &records);
        failed = failed.and(done);
    }
    let mut report = workspace.cargo();
    selection.pass_to(&mut report, &records);
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
    selection: &Selection,
    records: &Path,
) -> Result<(), Failure> {
    let mut command = workspace.cargo();
    selection.pass_to(&mut command, records);
    command.args(["bench", "--quiet", "--workspace", "--bench", bench, "--"]);
    // Criterion runs each bench once; the benches time themselves.
    command.arg("--test");
    if !selection.filters.is_empty() {
        // Criterion accepts one filter.
        command.arg(selection.filters.join("|"));
    }
    // A full run prints one table at the end; a partial run its own output.
    if selection.is_all() {
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

    fn parse(words: &str) -> Result<Selection, Failure> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Selection::parse(&words)
    }

    #[test]
    fn no_word_selects_every_bench_and_measurement() {
        let selection = parse("--quick").unwrap();
        assert!(selection.is_quick && selection.is_all());
        assert_eq!(selection.benches(), BENCHES);
    }

    #[test]
    fn a_word_selects_a_bench_or_measurements() {
        let selection = parse("border suite call/add").unwrap();
        assert!(!selection.is_quick && !selection.is_all());
        assert_eq!(selection.benches(), ["border", "suite"]);
        assert_eq!(selection.filters, ["call/add"]);
    }

    #[test]
    fn other_sandboxes_are_built_if_they_are_measured() {
        for (words, has_peers) in [
            ("--quick", true),
            ("suite", true),
            ("suite peers/add", true),
            ("plain/", true),
            ("suite call/add", false),
            ("border", false),
        ] {
            assert_eq!(parse(words).unwrap().has_peers(), has_peers, "{words}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(matches!(parse("--fast"), Err(Failure::Usage(word)) if word == "--fast"));
    }
}
