//! Version, completions and manual page.

use std::fs;

use crate::shell;

#[test]
fn version_names_the_commit_and_the_engines() {
    let version = shell(&["--version"], "").stdout;
    assert!(version.starts_with("fusebox 0."), "{version}");
    for part in ["DataFusion 55.", "Wasmtime 48."] {
        assert!(version.contains(part), "{version}");
    }
    let formats = "\nABI 1, weights 9, definitions 1, catalog 4\n";
    assert!(version.ends_with(formats), "{version}");
    let short = shell(&["-V"], "").stdout;
    assert!(
        version.starts_with(&short) && short.lines().count() == 1,
        "{short}"
    );
}

#[test]
fn page_of_stability_has_the_versions_of_the_formats() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../STABILITY.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (row, version) in [
        ("| [ABI](#the-abi) |", fusebox::ABI_VERSION),
        (
            "| [definitions](#definitions) |",
            fusebox::DEFINITION_FORMAT,
        ),
        (
            "| [catalog file](#the-catalog-file) |",
            fusebox_catalog::CATALOG_VERSION as u32,
        ),
        (
            "| [weights](#fuel-and-the-weights) |",
            fusebox::WEIGHTS_VERSION,
        ),
    ] {
        assert!(
            page.contains(&format!("{row} {version} |")),
            "{row} {version}"
        );
    }
}

#[test]
fn completions_and_manual_know_the_options() {
    for (name, begin) in [
        ("bash", "_fusebox"),
        ("zsh", "#compdef fusebox"),
        ("fish", "complete"),
    ] {
        let run = shell(&["completions", name], "");
        assert_eq!((run.status, &*run.stderr), (Some(0), ""), "{name}");
        assert!(run.stdout.contains(begin), "{name}: {}", run.stdout);
        assert!(run.stdout.contains("parquet"), "{name}: {}", run.stdout);
    }
    let manual = shell(&["man"], "").stdout;
    for part in [
        ".TH fusebox",
        "SQL with functions",
        "ndjson",
        "\\-\\-output",
    ] {
        assert!(manual.contains(part), "{part}: {manual}");
    }
    assert_eq!(shell(&["completions", "tcl"], "").status, Some(2));
}

#[test]
fn each_subcommand_has_a_manual() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let run = shell(&["man", "--output", &path], "");
    assert_eq!((run.status, &*run.stderr), (Some(0), ""));
    let mut pages: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for page in [
        "fusebox.1",
        "fusebox-bench.1",
        "fusebox-inspect.1",
        "fusebox-new.1",
    ] {
        assert!(pages.iter().any(|name| name == page), "{page}: {pages:?}");
    }
    assert!(
        !pages.iter().any(|name| name.contains("helper")),
        "{pages:?}"
    );
    let bench = fs::read_to_string(folder.path().join("fusebox-bench.1")).unwrap();
    assert!(
        bench.contains(".TH fusebox\\-bench") || bench.contains(".TH fusebox-bench"),
        "{bench}"
    );
    assert!(
        bench.contains("Measures the functions of a module"),
        "{bench}"
    );

    let missing = folder.path().join("missing").display().to_string();
    let run = shell(&["man", "--output", &missing], "");
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.contains("cannot write"), "{}", run.stderr);
}
