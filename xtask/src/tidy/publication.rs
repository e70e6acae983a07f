//! Crates that are published: fields of their manifests, versions of each other, and
//! files that their packages lack.

use proc_macro2::TokenTree;

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::rules::{COPIES, INCLUDED_FROM_OUTSIDE, PUBLISHED};
use crate::tidy::tokens::{inside, is_punct, levels};
use crate::tidy::tree::{Package, Tree};

/// Fields of a published manifest.
const FIELDS: [&str; 9] = [
    "description",
    "documentation",
    "readme",
    "keywords",
    "categories",
    "include",
    "version.workspace",
    "rust-version.workspace",
    "license.workspace",
];

/// Files beside a published manifest.
const FILES: [&str; 2] = ["README.md", "LICENSE"];

/// Checks the manifests, the versions of dependencies, and copies of files.
pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let members = packages.iter();
    let mut findings: Vec<_> = members
        .flat_map(|package| check_package(tree, package, packages))
        .collect();
    findings.extend(check_versions(tree.text("Cargo.toml").unwrap_or_default()));
    findings.extend(check_copies(tree));
    findings
}

fn finding(path: &str, line: usize, message: String) -> Finding {
    Finding {
        rule: Rule::Publication,
        path: path.to_owned(),
        line,
        message,
    }
}

fn is_published(name: &str) -> bool {
    PUBLISHED.contains(&name)
}

fn check_package(tree: &Tree, package: &Package, packages: &[Package]) -> Vec<Finding> {
    let Package { name, folder, .. } = package;
    let path = format!("{folder}Cargo.toml");
    let manifest = tree.text(&path).unwrap_or_default();
    let field = |key: &str| value(manifest, "package", key);
    let is_private = field("publish").is_some_and(|(_, value)| value == "false");
    if !is_published(name) {
        let message = "expected `publish = false`, or the name in PUBLISHED of \
                       xtask/src/tidy/rules.rs";
        let finding = (!is_private).then(|| finding(&path, 1, message.to_owned()));
        return Vec::from_iter(finding);
    }
    let mut findings = Vec::new();
    if is_private {
        let message = "expected a crate of PUBLISHED to have no `publish = false`";
        findings.push(finding(&path, 1, message.to_owned()));
    }
    for key in FIELDS.iter().filter(|key| field(key).is_none()) {
        let message = format!("expected the field `{key}` of a published crate");
        findings.push(finding(&path, 1, message));
    }
    for file in FILES {
        if !tree.exists(&format!("{folder}{file}")) {
            let message = format!("expected `{file}` beside the manifest of a published crate");
            findings.push(finding(&path, 1, message));
        }
    }
    for (line, dependency) in &package.dependencies {
        let is_own = packages.iter().any(|package| package.name == *dependency);
        if is_own && !is_published(dependency) {
            let message = format!("a published crate depends on `{dependency}`, which is not");
            findings.push(finding(&path, *line, message));
        }
    }
    findings
}

/// Checks that published crates are depended on by their version, and others by none, since
/// published manifests leave those out.
fn check_versions(manifest: &str) -> Vec<Finding> {
    let version = value(manifest, "workspace.package", "version");
    let version = version.map_or("", |(_, version)| version);
    let mut findings = Vec::new();
    for (line, key, value) in entries(manifest, "workspace.dependencies") {
        if part(value, "path").is_none() {
            continue;
        }
        let name = part(value, "package").unwrap_or(key);
        let found = part(value, "version");
        let message = match (is_published(name), found) {
            (true, Some(found)) if found.trim_start_matches('=') == version => continue,
            (false, None) => continue,
            (true, found) => {
                let found = found.unwrap_or("none");
                format!("expected version {version} of `{name}`, found {found}")
            }
            (false, Some(found)) => {
                format!("expected no version of `{name}`, which is not published, found {found}")
            }
        };
        findings.push(finding("Cargo.toml", line, message));
    }
    findings
}

fn check_copies(tree: &Tree) -> Vec<Finding> {
    let differ = |(original, copy): &&(&str, &str)| tree.text(original) != tree.text(copy);
    let different = COPIES.iter().filter(differ);
    let message = |original| format!("differs from {original}; copy that file");
    different
        .map(|(original, copy)| finding(copy, 1, message(original)))
        .collect()
}

/// Checks that a source file of a published crate includes only files of its package.
pub(crate) fn check_includes(
    tree: &Tree,
    packages: &[Package],
    path: &str,
    tokens: &[TokenTree],
) -> Vec<Finding> {
    let is_exempt = INCLUDED_FROM_OUTSIDE.iter().any(|(file, _)| *file == path);
    let is_built = |package: &&Package| {
        let inner = path.strip_prefix(&package.folder);
        inner.is_some_and(|inner| inner.starts_with("src/") || inner == "build.rs")
    };
    let package = packages.iter().find(is_built);
    let Some(package) = package.filter(|package| !is_exempt && is_published(&package.name)) else {
        return Vec::new();
    };
    let manifest = tree.text(&format!("{}Cargo.toml", package.folder));
    let patterns = value(manifest.unwrap_or_default(), "package", "include");
    let patterns: Vec<&str> = patterns.map_or_else(Vec::new, |(_, list)| quoted(list));
    let mut findings = Vec::new();
    for (line, file) in included(tokens) {
        let target = resolve(path, &file);
        let inner = target
            .as_deref()
            .and_then(|file| file.strip_prefix(&package.folder));
        let is_packed = inner.is_some_and(|inner| patterns.iter().any(|p| is_match(p, inner)));
        if !is_packed {
            let message = format!("includes `{file}`, which its package does not hold");
            findings.push(finding(path, line, message));
        }
    }
    findings
}

/// The files that `include_str!`, `include_bytes!` and `include!` name, with their lines.
fn included(tokens: &[TokenTree]) -> Vec<(usize, String)> {
    let mut files = Vec::new();
    for level in levels(tokens) {
        for window in level.windows(3) {
            let [TokenTree::Ident(name), bang, TokenTree::Group(group)] = window else {
                continue;
            };
            let is_include = name == "include_str" || name == "include_bytes" || name == "include";
            if !is_include || !is_punct(bang, '!') {
                continue;
            }
            if let [TokenTree::Literal(file)] = &inside(group)[..] {
                let file = file.to_string().trim_matches('"').to_owned();
                files.push((name.span().start().line, file));
            }
        }
    }
    files
}

/// Compares a path with a pattern of `include`: `/folder/**`, or `/file`.
fn is_match(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches('/');
    match pattern.strip_suffix("**") {
        Some(folder) => path.starts_with(folder),
        None => path == pattern,
    }
}

/// The path that `relative` has in a file at `path`; `None` if that is outside of the root.
fn resolve(path: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The lines `key = value` of one table of a manifest: number, key and value.
fn entries<'a>(manifest: &'a str, table: &str) -> impl Iterator<Item = (usize, &'a str, &'a str)> {
    let header = format!("[{table}]");
    let lines = manifest.lines().enumerate();
    let lines = lines.skip_while(move |(_, line)| *line != header).skip(1);
    let lines = lines.take_while(|(_, line)| !line.starts_with('['));
    lines.filter_map(|(index, line)| {
        let (key, value) = line.split_once('=')?;
        let is_comment = key.starts_with('#');
        (!is_comment).then(|| (index + 1, key.trim(), value.trim().trim_matches('"')))
    })
}

/// The line and the value of one key.
fn value<'a>(manifest: &'a str, table: &str, key: &str) -> Option<(usize, &'a str)> {
    let mut entries = entries(manifest, table);
    entries.find_map(|(line, found, value)| (found == key).then_some((line, value)))
}

/// The text of one key of an inline table.
fn part<'a>(value: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = value.split_once(&format!("{key} = \""))?;
    rest.split('"').next()
}

/// The strings of a list.
fn quoted(list: &str) -> Vec<&str> {
    list.split('"').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens::tokens;

    const ROOT: &str = "[workspace]\nmembers = [\n    \"udf-sdk/abi\",\n]\n\
                        [workspace.package]\nversion = \"0.2.0\"\n[workspace.dependencies]\n";

    const MANIFEST: &str = "[package]\nname = \"fusebox-abi\"\ndescription = \"D\"\n\
        documentation = \"https://docs.rs/fusebox-abi\"\nreadme = \"README.md\"\n\
        keywords = [\"udf\"]\ncategories = [\"wasm\"]\ninclude = [\"/src/**\", \"/README.md\"]\n\
        version.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n";

    fn tree(manifest: &str) -> Tree {
        Tree::from([
            ("Cargo.toml", ROOT),
            ("udf-sdk/abi/Cargo.toml", manifest),
            ("udf-sdk/abi/README.md", ""),
            ("udf-sdk/abi/LICENSE", ""),
        ])
    }

    fn check(tree: &Tree) -> Vec<Finding> {
        super::check(tree, &tree.packages())
    }

    fn messages(findings: Vec<Finding>) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_complete_manifest_is_accepted() {
        assert_eq!(check(&tree(MANIFEST)), []);
    }

    #[test]
    fn manifests_lack_no_field_and_no_file() {
        let findings = check(&tree(&MANIFEST.replace("keywords", "words")));
        let message =
            "udf-sdk/abi/Cargo.toml:1: expected the field `keywords` of a published crate";
        assert_eq!(messages(findings), [message]);

        let private = MANIFEST.replace("readme", "publish = false\nreadme");
        assert_eq!(check(&tree(&private)).len(), 1);

        let files = [("Cargo.toml", ROOT), ("udf-sdk/abi/Cargo.toml", MANIFEST)];
        assert_eq!(check(&Tree::from(files)).len(), FILES.len());
    }

    #[test]
    fn other_crates_are_private() {
        let other = MANIFEST.replace("fusebox-abi", "fusebox-testing");
        assert_eq!(check(&tree(&other)).len(), 1);
        let private = other.replace("readme", "publish = false\nreadme");
        assert_eq!(check(&tree(&private)), []);
    }

    #[test]
    fn published_crates_depend_on_published_crates() {
        let root = ROOT.replace("    \"udf", "    \"paired\",\n    \"udf");
        let dependent = format!("{MANIFEST}\n[dependencies]\nfusebox-paired.workspace = true\n");
        let files = Tree::from([
            ("Cargo.toml", root.as_str()),
            ("udf-sdk/abi/Cargo.toml", dependent.as_str()),
            ("udf-sdk/abi/README.md", ""),
            ("udf-sdk/abi/LICENSE", ""),
            (
                "paired/Cargo.toml",
                "[package]\nname = \"fusebox-paired\"\npublish = false\n",
            ),
        ]);
        let message = "udf-sdk/abi/Cargo.toml:14: a published crate depends on `fusebox-paired`, \
                       which is not";
        assert_eq!(messages(check(&files)), [message]);
    }

    #[test]
    fn versions_are_those_of_the_workspace() {
        let check = |line: &str| check_versions(&format!("{ROOT}{line}\n")).len();
        for line in [
            "fusebox-abi = { path = \"udf-sdk/abi\", version = \"0.2.0\" }",
            "fusebox-linker = { path = \"engine/linker\", version = \"=0.2.0\" }",
            "fusebox-paired = { path = \"benches/paired\" }",
            "log = \"0.4\"",
            "arrow = { version = \"59\", features = [\"ffi\"] }",
        ] {
            assert_eq!(check(line), 0, "{line}");
        }
        for line in [
            "fusebox-abi = { path = \"udf-sdk/abi\" }",
            "fusebox-abi = { path = \"udf-sdk/abi\", version = \"0.1.0\" }",
            "fusebox = { package = \"datafusion-fusebox\", path = \"engine\" }",
            "fusebox-paired = { path = \"benches/paired\", version = \"0.2.0\" }",
        ] {
            assert_eq!(check(line), 1, "{line}");
        }
    }

    #[test]
    fn copies_are_equal() {
        let (original, copy) = COPIES[0];
        assert_eq!(
            check_copies(&Tree::from([(original, "a"), (copy, "a")])),
            []
        );
        let findings = check_copies(&Tree::from([(original, "a"), (copy, "b")]));
        assert_eq!(
            messages(findings),
            [format!("{copy}:1: differs from {original}; copy that file")]
        );
    }

    fn includes(path: &str, code: &str) -> Vec<String> {
        let tree = tree(MANIFEST);
        let tokens = tokens(code).unwrap();
        messages(check_includes(&tree, &tree.packages(), path, &tokens))
    }

    #[test]
    fn packages_hold_what_they_include() {
        let library = "udf-sdk/abi/src/lib.rs";
        let code =
            "const A: &str = include_str!(\"a/b.wat\");\n#[doc = include_str!(\"../README.md\")]";
        assert_eq!(includes(library, code), [""; 0]);
        for (file, line) in [
            ("../../c/fusebox.h", 2),
            ("../tests/a.wat", 2),
            ("../../../../a", 2),
        ] {
            let code = format!("\nfn f() {{ g(include_bytes!(\"{file}\")) }}");
            let message = "which its package does not hold";
            assert_eq!(
                includes(library, &code),
                [format!("{library}:{line}: includes `{file}`, {message}")]
            );
        }
    }

    #[test]
    fn tests_and_other_crates_include_any_file() {
        let code = "const A: &str = include_str!(\"../../../a.wat\");";
        assert_eq!(includes("udf-sdk/abi/tests/abi.rs", code), [""; 0]);
        assert_eq!(includes("udfs/geo/src/lib.rs", code), [""; 0]);
    }
}
