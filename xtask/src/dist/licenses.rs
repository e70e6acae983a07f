//! Licences of all dependencies, with their texts, as one page.
//!
//! The texts are the files of the packages themselves, since the names of authors differ.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dist::dependencies::Dependency;
use crate::dist::files;
use crate::failure::Failure;

/// Beginnings of the names of files with licences, in capitals.
const NAMES: [&str; 6] = [
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "UNLICENSE",
];

/// Endings of other files with such names: `copying.rs`, `license-check.sh`.
const OTHER_ENDINGS: [&str; 4] = ["rs", "sh", "toml", "json"];

/// Folders below a package that a file may be in: sources in C come with their own licence.
const DEPTH_MAX: usize = 2;

/// Titles of licences that are always one of a choice: the others are taken.
const NOT_CHOSEN: [&str; 2] = ["GNU GENERAL PUBLIC LICENSE", "GNU LESSER GENERAL PUBLIC"];

/// The licence of Fusebox. Its text names no author, so that it is the same for all packages.
const APACHE: &str = "Apache-2.0";

/// Another one whose text is the same for all packages.
const APACHE_LLVM: &str = "Apache-2.0 WITH LLVM-exception";

const TITLE: &str = "\
Licences of the packages that Fusebox and its modules are built of, those of the build
itself included. The licence of Fusebox is in the file LICENSE, and those of the standard
library of Rust are in LICENSES-rust-std.html. sbom.cdx.json lists the same packages.
";

/// Returns the page: each package with its licences, and each text once, with the packages
/// that it is of. `apache` is the text of that licence.
///
/// # Errors
///
/// [`Failure::Unexpected`] for a package without a text.
pub(crate) fn document(dependencies: &[Dependency], apache: &str) -> Result<String, Failure> {
    let foreign = || dependencies.iter().filter(|one| one.checksum.is_some());
    let mut own_texts = BTreeMap::new();
    for dependency in foreign() {
        own_texts.insert(dependency.url(), texts(&dependency.folder)?);
    }
    let mut page = TITLE.to_owned() + "\n";
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    for dependency in foreign() {
        let name = format!("{} {}", dependency.name, dependency.version);
        page += &format!("{name}: {}\n", dependency.license);
        for text in texts_of(dependency, dependencies, &own_texts, apache)? {
            match texts.iter_mut().find(|(known, _)| *known == text) {
                Some((_, names)) => names.push(name.clone()),
                None => texts.push((text, vec![name.clone()])),
            }
        }
    }
    let line = "-".repeat(80);
    for (text, names) in texts {
        page += &format!("\n{line}\n{}\n{line}\n\n{text}\n", names.join(", "));
    }
    Ok(page)
}

/// Returns the texts of a package, or of another one of its repository; or those of a licence
/// without an author.
fn texts_of(
    dependency: &Dependency,
    all: &[Dependency],
    own_texts: &BTreeMap<String, Vec<String>>,
    apache: &str,
) -> Result<Vec<String>, Failure> {
    let own = |one: &Dependency| own_texts.get(&one.url()).filter(|texts| !texts.is_empty());
    let is_sibling = |one: &&Dependency| {
        let is_near = one.repository.is_some() && one.repository == dependency.repository;
        one.license == dependency.license && (is_near || one.license == APACHE_LLVM)
    };
    let siblings = || all.iter().filter(is_sibling).find_map(own);
    if let Some(texts) = own(dependency).or_else(siblings) {
        return Ok(texts.clone());
    }
    let is_offered = dependency.license.split(" OR ").any(|one| one == APACHE);
    match is_offered {
        true => Ok(vec![tidied(apache)]),
        false => Err(Failure::unexpected("licenses")(format!(
            "expected a file with the licence {} in {}, found none",
            dependency.license,
            dependency.folder.display()
        ))),
    }
}

/// Reads the files with licences of a package, in order of their paths.
fn texts(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for file in files::list(folder)?.iter().filter(|file| is_license(file)) {
        let bytes = files::read(&folder.join(file))?;
        let text = tidied(&String::from_utf8_lossy(&bytes));
        let mut title = text.lines().take(3);
        let is_left_out = title.any(|line| NOT_CHOSEN.iter().any(|name| line.contains(name)));
        if !is_left_out && !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(texts)
}

/// True for the path of a file with a licence.
fn is_license(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().to_uppercase();
    // `LICENSES/MIT.txt`, as REUSE has it.
    let is_listed = path.starts_with("LICENSES/");
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let is_named = is_listed || NAMES.iter().any(|start| name.starts_with(start));
    is_named && parts.count() <= DEPTH_MAX && !OTHER_ENDINGS.contains(&ending.as_str())
}

/// The text without blanks at the ends of lines, so that equal texts are found.
fn tidied(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dist::files::tests::Folder;

    fn dependency(folder: &Folder, name: &str, license: &str, repository: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.to_owned(),
            repository: Some(repository.to_owned()),
            checksum: Some("00".to_owned()),
            folder: folder.0.join(name),
            dependencies: BTreeSet::new(),
        }
    }

    #[test]
    fn the_page_has_each_text_once() {
        let folder = Folder::new(
            "licenses",
            &[
                ("a/LICENSE-MIT", "Copyright A \r\n"),
                ("a/src/license.rs", "code"),
                ("b/LICENSE", "\nCopyright A"),
                ("b/c/COPYING", "GNU GENERAL PUBLIC LICENSE\nVersion 2"),
                ("b/c/LICENSE", "Copyright C"),
                ("of-b/lib.rs", ""),
                ("llvm/LICENSE", "Apache License, LLVM Exceptions"),
                ("other-llvm/lib.rs", ""),
                ("offers/lib.rs", ""),
            ],
        );
        let all = [
            dependency(&folder, "a", "MIT", "ra"),
            dependency(&folder, "b", "BSD-3-Clause", "rb"),
            dependency(&folder, "of-b", "BSD-3-Clause", "rb"),
            dependency(&folder, "llvm", APACHE_LLVM, "rl"),
            dependency(&folder, "other-llvm", APACHE_LLVM, "ro"),
            dependency(&folder, "offers", "MIT OR Apache-2.0", "ro"),
        ];
        let page = document(&all, "Apache License").unwrap();
        assert!(
            page.contains("\noffers 1.0.0: MIT OR Apache-2.0\n"),
            "{page}"
        );
        let line = "-".repeat(80);
        let part = |names: &str, text: &str| format!("\n{line}\n{names}\n{line}\n\n{text}\n");
        let texts = part("a 1.0.0, b 1.0.0, of-b 1.0.0", "Copyright A")
            + &part("b 1.0.0, of-b 1.0.0", "Copyright C")
            + &part(
                "llvm 1.0.0, other-llvm 1.0.0",
                "Apache License, LLVM Exceptions",
            )
            + &part("offers 1.0.0", "Apache License");
        assert!(page.ends_with(&texts), "{page}");
    }

    #[test]
    fn a_package_without_a_text_is_refused() {
        let folder = Folder::new("no-license", &[("a/lib.rs", "")]);
        let all = [dependency(&folder, "a", "BSD-3-Clause", "ra")];
        let message = document(&all, "").unwrap_err().to_string();
        assert!(
            message.contains("expected a file with the licence BSD-3-Clause"),
            "{message}"
        );
    }

    #[test]
    fn licences_are_told_from_other_files() {
        for path in [
            "LICENSE",
            "license-mit.txt",
            "LICENSES/MIT.txt",
            "zstd/COPYING",
            "NOTICE",
        ] {
            assert!(is_license(path), "{path}");
        }
        for path in [
            "src/lib.rs",
            "a/b/c/LICENSE",
            "src/gc/copying.rs",
            "README.md",
        ] {
            assert!(!is_license(path), "{path}");
        }
    }
}
