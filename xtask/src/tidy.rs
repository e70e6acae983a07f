//! Tidy: checks of the source text that need no compiler.
//!
//! One check for all crates, in place of a test in each: the order of imports,
//! the direction of dependencies, lengths, the places of unsafe code, and prose.

// Facts about this repository.
mod rules;

// Words that are not used.
mod words;

// The order of imports.
mod imports;

// Cycles of imports between files.
mod cycles;

// The places of libraries, dependencies and unsafe code.
mod places;

// Lengths of files and functions.
mod size;

// Doc summaries, and words.
mod prose;

// Links of Markdown files.
mod links;

// Crates that are published.
mod publication;

// Rust source text as token trees.
mod tokens;

// The text files of the checkout.
mod tree;

// One place that breaks one rule.
mod finding;

use crate::failure::Failure;
use crate::tidy::finding::{Finding, Rule};
use crate::tidy::prose::Summaries;
pub(crate) use crate::tidy::rules::PUBLISHED;
use crate::tidy::rules::{DEVELOPMENT_FOLDERS, ENFORCED};
use crate::tidy::tree::{Package, Tree};
use crate::workspace::Workspace;

/// Findings of a whole tree.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<Finding>,
    summaries: Summaries,
}

impl Report {
    fn of(tree: &Tree) -> Self {
        let mut report = Self::default();
        let packages = tree.packages();
        report.check_packages(tree, &packages);
        report.check_rust_files(tree, &packages);
        let published = publication::check(tree, &packages);
        report.findings.extend(published);
        for (path, text) in tree.files() {
            report.findings.extend(size::check_file(path, text));
        }
        let prose = tree.with_ending(".rs").chain(tree.with_ending(".md"));
        for (path, text) in prose.filter(|(path, _)| !is_word_list(path)) {
            report.findings.extend(prose::check_phrases(path, text));
        }
        report
            .findings
            .extend_from_slice(report.summaries.findings());
        for (path, text) in tree.with_ending(".md") {
            report.findings.extend(links::check(tree, path, text));
        }
        report
    }

    fn check_packages(&mut self, tree: &Tree, packages: &[Package]) {
        for package in packages {
            let dependencies = places::check_dependencies(package, packages);
            self.findings.extend(dependencies);
            for root in ["src/lib.rs", "src/main.rs"] {
                let root = format!("{}{root}", package.folder);
                if tree.text(&root).is_none() {
                    continue;
                }
                match imports::crate_files(tree, &root) {
                    Ok((files, rooms)) => {
                        self.findings.extend(imports::check(&root, &files, &rooms));
                        self.findings.extend(cycles::check(&root, &files));
                        self.findings
                            .extend(files.iter().flat_map(places::check_names));
                        let tokens = &files[0].tokens;
                        let forbids = places::check_forbids_unsafe(&package.name, &root, tokens);
                        self.findings.extend(forbids);
                    }
                    Err(finding) => self.findings.push(finding),
                }
            }
        }
    }

    fn check_rust_files(&mut self, tree: &Tree, packages: &[Package]) {
        for (path, text) in tree.with_ending(".rs") {
            self.summaries.add(crate_folder(path), path, text);
            // A file that is no Rust was reported with its crate, or is a
            // macro's test input.
            let Ok(tokens) = tokens::tokens(text) else {
                continue;
            };
            self.findings.extend(size::check_functions(path, &tokens));
            if !is_word_list(path) {
                self.findings
                    .extend(prose::check_identifiers(path, &tokens));
            }
            let findings = places::check_unsafe(path, &tokens);
            self.findings.extend(findings);
            let findings = publication::check_includes(tree, packages, path, &tokens);
            self.findings.extend(findings);
        }
    }

    fn count(&self, rule: Rule) -> usize {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.rule == rule).count()
    }

    /// The counts, by rule.
    fn counts(&self) -> String {
        let counts = Rule::ALL.map(|rule| format!("{rule} {}", self.count(rule)));
        counts.join(", ")
    }

    /// Every finding, and the figures behind them.
    fn print(&self) {
        for rule in Rule::ALL {
            println!("== {rule}: {}", self.count(rule));
            for finding in self.findings.iter().filter(|finding| finding.rule == rule) {
                println!("{finding}");
            }
        }
        if self.summaries.findings().is_empty() {
            println!("== summaries within the allowed share");
            for offender in &self.summaries.offenders {
                println!("{offender}");
            }
        }
        println!("== summaries that begin with a question word, by crate");
        for (folder, share) in &self.summaries.crates {
            let (percent, count) = (share.percent(), share.summaries);
            println!("{percent:>5.1} % of {count:>4}  {folder}");
        }
        let total = self.summaries.total();
        println!(
            "{:>5.1} % of {:>4}  in all",
            total.percent(),
            total.summaries
        );
    }
}

/// True for files that may hold retired words: their list and its tests, and the
/// history of names.
fn is_word_list(path: &str) -> bool {
    path.starts_with("xtask/src/tidy") || path == "CHANGELOG.md"
}

/// The folder of the crate that a file belongs to.
fn crate_folder(path: &str) -> &str {
    let is_inner = |part: &str| part == "src" || DEVELOPMENT_FOLDERS.contains(&part);
    let mut end = 0;
    for part in path.split('/') {
        // `benches` is also the name of a crate's folder.
        if is_inner(part) && end > 0 {
            break;
        }
        end += part.len() + 1;
    }
    path.get(..end).unwrap_or(path)
}

/// Checks everything and prints each finding.
///
/// # Errors
///
/// [`Failure::Untidy`] with the number of findings.
pub(crate) fn tidy(workspace: &Workspace) -> Result<(), Failure> {
    let report = Report::of(&Tree::read(&workspace.root)?);
    report.print();
    match report.findings.len() {
        0 => Ok(()),
        findings => Err(Failure::Untidy { findings }),
    }
}

/// Checks everything; prints and counts only the findings of rules that are
/// [`ENFORCED`].
///
/// # Errors
///
/// [`Failure::Untidy`] with the number of those findings.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    let report = Report::of(&Tree::read(&workspace.root)?);
    eprintln!("== tidy: {}", report.counts());
    let is_enforced = |finding: &&Finding| ENFORCED.contains(&finding.rule);
    let findings: Vec<&Finding> = report.findings.iter().filter(is_enforced).collect();
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        findings => Err(Failure::Untidy { findings }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_violations_has_no_findings() {
        let tree = Tree::from([
            ("Cargo.toml", "members = [\n    \"engine\",\n]\n"),
            (
                "engine/Cargo.toml",
                "[package]\nname = \"fusebox-testing\"\npublish = false\n",
            ),
            (
                "engine/src/lib.rs",
                "//! Map.\n#![forbid(unsafe_code)]\nmod a;\n",
            ),
            ("engine/src/a.rs", "//! A.\n"),
        ]);
        let report = Report::of(&tree);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.summaries.total().summaries, 2);
    }

    #[test]
    fn every_rule_is_applied_to_a_tree() {
        let long = "//! What.\n".to_owned() + &"// tank\n".repeat(500) + "use super::b::B;\n";
        let tree = Tree::from([
            ("Cargo.toml", "members = [\n    \"engine\",\n]\n"),
            (
                "engine/Cargo.toml",
                "[package]\nname = \"fusebox-abi\"\n[dependencies]\nwasmtime = \"1\"\n",
            ),
            ("engine/src/lib.rs", "mod c;\nmod a;\nmod b;\n"),
            ("engine/src/a.rs", &long),
            ("engine/src/c.rs", "use crate::a::A;\n"),
            ("README.md", "[a](engine/src/d.rs)"),
            ("engine/src/b.rs", "use crate::c::A;\nuse wasmtime::B;\n"),
        ]);
        let report = Report::of(&tree);
        for rule in Rule::ALL {
            assert!(report.count(rule) > 0, "{rule}: {:?}", report.findings);
        }
    }

    #[test]
    fn files_belong_to_the_crate_around_them() {
        for (path, folder) in [
            ("engine/src/session/ddl.rs", "engine/"),
            ("engine/marshal/benches/border.rs", "engine/marshal/"),
            ("benches/benches/cold.rs", "benches/"),
            ("sql-tests/tests/sql/main.rs", "sql-tests/"),
        ] {
            assert_eq!(crate_folder(path), folder);
        }
    }
}
