//! The folders of libraries, types and unsafe code, and the direction of
//! dependencies between crates.

use proc_macro2::TokenTree;

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::imports::CrateFile;
use crate::tidy::rules::{DEPENDENCIES, LIBRARIES, NAMES, UNSAFE_CRATES, UNSAFE_PLACES};
use crate::tidy::tokens::{identifiers, inside, is_path_separator, is_punct, levels};
use crate::tidy::tree::Package;

/// Compares a name with a pattern: an equal name, or a beginning and `*`.
fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// Checks that a file names only the libraries and types of its folder.
pub(crate) fn check_names(file: &CrateFile) -> Vec<Finding> {
    let is_below = |folder: &&str| file.path.starts_with(*folder);
    let forbidden: Vec<&str> = NAMES
        .iter()
        .filter(|name| !name.folders.iter().any(is_below))
        .map(|name| name.name)
        .collect();
    let mut findings = Vec::new();
    for level in levels(&file.tokens) {
        for (index, token) in level.iter().enumerate() {
            let TokenTree::Ident(ident) = token else {
                continue;
            };
            let name = ident.to_string();
            // A type by itself is a use of it, while a library is named in paths.
            let is_used = name.starts_with(char::is_uppercase)
                || is_path_separator(&level, index + 1)
                || matches!(level.get(index.wrapping_sub(1)), Some(TokenTree::Ident(word)) if word == "use");
            if is_used && forbidden.contains(&name.as_str()) {
                findings.push(Finding {
                    rule: Rule::Names,
                    path: file.path.clone(),
                    line: ident.span().start().line,
                    message: format!("names `{name}`, which belongs to other folders"),
                });
            }
        }
    }
    findings
}

/// Checks the dependencies of one package against the direction of the rooms.
pub(crate) fn check_dependencies(package: &Package, packages: &[Package]) -> Vec<Finding> {
    let path = format!("{}Cargo.toml", package.folder);
    let finding = |line, message| Finding {
        rule: Rule::Dependencies,
        path: path.clone(),
        line,
        message,
    };
    let name = &package.name;
    let Some((_, allowed)) = DEPENDENCIES
        .iter()
        .find(|(pattern, _)| is_match(pattern, name))
    else {
        let message = format!("add `{name}` to DEPENDENCIES in xtask/src/tidy/rules.rs");
        return vec![finding(1, message)];
    };
    let mut findings = Vec::new();
    for (line, dependency) in &package.dependencies {
        let is_own = packages.iter().any(|package| package.name == *dependency);
        let is_allowed = match is_own {
            true => allowed.iter().any(|pattern| is_match(pattern, dependency)),
            false => LIBRARIES
                .iter()
                .filter(|(pattern, _)| is_match(pattern, dependency))
                .all(|(_, crates)| crates.contains(&name.as_str())),
        };
        if !is_allowed {
            let message = format!("`{name}` may not depend on `{dependency}`");
            findings.push(finding(*line, message));
        }
    }
    findings
}

/// Checks the places of `unsafe` in one file.
pub(crate) fn check_unsafe(path: &str, tokens: &[TokenTree]) -> Vec<Finding> {
    if UNSAFE_PLACES
        .iter()
        .any(|(place, _)| path.starts_with(place))
    {
        return Vec::new();
    }
    let keywords = identifiers(tokens).into_iter();
    keywords
        .filter(|ident| ident == "unsafe")
        .map(|ident| Finding {
            rule: Rule::Unsafe,
            path: path.to_owned(),
            line: ident.span().start().line,
            message: "unsafe code outside of UNSAFE_PLACES in xtask/src/tidy/rules.rs".to_owned(),
        })
        .collect()
}

/// Checks that the root of a crate forbids unsafe code.
pub(crate) fn check_forbids_unsafe(
    name: &str,
    root: &str,
    tokens: &[TokenTree],
) -> Option<Finding> {
    let forbids = tokens.windows(3).any(|window| match window {
        [hash, bang, TokenTree::Group(attribute)] => {
            let words = identifiers(&inside(attribute));
            is_punct(hash, '#')
                && is_punct(bang, '!')
                && words.first().is_some_and(|word| word == "forbid")
                && words.iter().any(|word| word == "unsafe_code")
        }
        _ => false,
    });
    (!forbids && !UNSAFE_CRATES.contains(&name)).then(|| Finding {
        rule: Rule::Unsafe,
        path: root.to_owned(),
        line: 1,
        message: "expected #![forbid(unsafe_code)]".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::imports::crate_files;
    use crate::tidy::tokens::tokens;
    use crate::tidy::tree::Tree;

    fn names(path: &str, text: &str) -> usize {
        let tree = Tree::from([(path, text)]);
        let (files, _) = crate_files(&tree, path).unwrap();
        check_names(&files[0]).len()
    }

    #[test]
    fn libraries_are_named_in_their_folders() {
        assert_eq!(
            names(
                "engine/runtime/src/sandbox/pool.rs",
                "use wasmtime::Engine;"
            ),
            0
        );
        assert_eq!(names("engine/src/lib.rs", "use datafusion::sql;"), 0);
        assert_eq!(
            names(
                "shell/src/main.rs",
                "// wasmtime::\nstruct A { wasmtime: u8 }"
            ),
            0
        );
        assert_eq!(
            names("engine/marshal/src/lib.rs", "fn f(a: GuestAddr) {}"),
            0
        );
    }

    #[test]
    fn libraries_are_not_named_elsewhere() {
        assert_eq!(names("shell/src/main.rs", "use wasmtime::Engine;"), 1);
        assert_eq!(names("shell/src/main.rs", "fn f() { g(wasmtime::h()) }"), 1);
        assert_eq!(names("engine/runtime/src/lib.rs", "use datafusion;"), 1);
        let function = "engine/runtime/src/function/scalar.rs";
        assert_eq!(names(function, "use wasmtime::Engine;"), 1);
        assert_eq!(
            names("engine/instrument/src/lib.rs", "fn f(a: GuestAddr) {}"),
            1
        );
    }

    fn dependencies(name: &str, dependency: &str) -> usize {
        let package = |name: &str, dependencies| Package {
            name: name.to_owned(),
            folder: format!("{name}/"),
            dependencies,
        };
        let packages = [
            package(name, vec![(1, dependency.to_owned())]),
            package("datafusion-fusebox", Vec::new()),
            package("fusebox-abi", Vec::new()),
            package("fusebox-sdk", Vec::new()),
        ];
        check_dependencies(&packages[0], &packages).len()
    }

    #[test]
    fn crates_depend_on_crates_below_them() {
        for (name, dependency) in [
            ("fusebox-marshal", "fusebox-abi"),
            ("fusebox-shell", "datafusion-fusebox"),
            ("udfs-geo", "fusebox-sdk"),
            ("fusebox-sql-tests", "datafusion"),
            ("fusebox-marshal", "arrow-array"),
        ] {
            assert_eq!(dependencies(name, dependency), 0, "{name} on {dependency}");
        }
    }

    #[test]
    fn crates_do_not_depend_on_crates_above_them() {
        for (name, dependency) in [
            ("fusebox-abi", "datafusion-fusebox"),
            ("fusebox-runtime", "fusebox-sdk"),
            ("fusebox-runtime", "datafusion"),
            ("fusebox-marshal", "wasmtime"),
            ("a-crate-without-a-rule", "datafusion-fusebox"),
        ] {
            assert_eq!(dependencies(name, dependency), 1, "{name} on {dependency}");
        }
    }

    #[test]
    fn unsafe_code_stands_in_its_folder() {
        let code = tokens("// unsafe\nfn f() { unsafe { g() } }").unwrap();
        assert_eq!(check_unsafe("udf-sdk/src/raw/memory.rs", &code).len(), 0);
        assert_eq!(check_unsafe("udf-sdk/src/list.rs", &code).len(), 1);
    }

    #[test]
    fn crate_roots_forbid_unsafe_code() {
        let check = |text| check_forbids_unsafe("a", "a/src/lib.rs", &tokens(text).unwrap());
        assert_eq!(check("//! A.\n#![forbid(unsafe_code)]"), None);
        assert!(check("#![deny(unsafe_code)]").is_some());
    }
}
