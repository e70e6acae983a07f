//! Cycles of imports between the files of one crate.
//!
//! A parent module and the modules in its folder may import each other: the
//! parent declares them, and they use the types that it holds for them. Other
//! cycles are found here, which the order of the root's list does not exclude
//! inside of a room.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenTree};

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::imports::CrateFile;
use crate::tidy::tokens::{inside, is_path_separator, is_punct};

/// Names from the root of the crate to a module or an item.
type Path = Vec<String>;

/// The modules that a file imports, with the line of the first import of each.
type Imports = BTreeMap<Path, usize>;

/// Checks the files of the crate with this root.
pub(crate) fn check(root: &str, files: &[CrateFile]) -> Vec<Finding> {
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    let modules: BTreeMap<Path, &CrateFile> = files
        .iter()
        .filter(|file| file.depth > 0)
        .map(|file| (module_path(folder, &file.path), file))
        .collect();
    let graph: BTreeMap<&Path, Imports> = modules
        .iter()
        .map(|(path, file)| (path, imports(path, file, &modules)))
        .collect();
    let mut findings = Vec::new();
    for (path, imports) in &graph {
        for (imported, line) in imports {
            if reaches(&graph, imported, path) {
                findings.push(Finding {
                    rule: Rule::Cycles,
                    path: modules[*path].path.clone(),
                    line: *line,
                    message: format!(
                        "imports crate::{}, which imports this file, directly or through others",
                        imported.join("::")
                    ),
                });
            }
        }
    }
    findings
}

fn module_path(folder: &str, path: &str) -> Path {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    let inner = inner.trim_start_matches('/').trim_end_matches(".rs");
    let names = inner.trim_end_matches("/mod").split('/');
    names.map(str::to_owned).collect()
}

fn imports(path: &Path, file: &CrateFile, modules: &BTreeMap<Path, &CrateFile>) -> Imports {
    let mut found = Vec::new();
    paths(&file.tokens, path, &mut found);
    let mut imports = Imports::new();
    for (line, imported) in found {
        let module = (1..=imported.len())
            .rev()
            .map(|length| &imported[..length])
            .find(|prefix| modules.contains_key(*prefix));
        let is_relative = |module: &[String]| path.starts_with(module) || module.starts_with(path);
        if let Some(module) = module.filter(|module| !is_relative(module)) {
            imports.entry(module.to_vec()).or_insert(line);
        }
    }
    imports
}

/// Lists the paths that begin with `crate` or `super`, from the root on.
fn paths(tokens: &[TokenTree], module: &[String], found: &mut Vec<(usize, Path)>) {
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let is_first = index < 2 || !is_path_separator(tokens, index - 2);
        match token {
            TokenTree::Ident(ident)
                if (ident == "crate" || ident == "super")
                    && is_first
                    && is_path_separator(tokens, index + 1) =>
            {
                let line = ident.span().start().line;
                let base = match ident == "crate" {
                    true => Path::new(),
                    false => module[..module.len().saturating_sub(1)].to_vec(),
                };
                follow(&tokens[index + 3..], base, line, found);
            }
            TokenTree::Group(group) => {
                let mut inner = module.to_vec();
                if group.delimiter() == Delimiter::Brace
                    && let Some([TokenTree::Ident(keyword), TokenTree::Ident(name)]) =
                        index.checked_sub(2).map(|start| &tokens[start..index])
                    && keyword == "mod"
                {
                    inner.push(name.to_string());
                }
                paths(&inside(group), &inner, found);
            }
            _ => {}
        }
        index += 1;
    }
}

/// Reads the rest of a path, with each branch of a `use` tree.
fn follow(tokens: &[TokenTree], mut base: Path, line: usize, found: &mut Vec<(usize, Path)>) {
    match tokens.first() {
        Some(TokenTree::Ident(name)) => {
            match name == "super" {
                true => drop(base.pop()),
                false => base.push(name.to_string()),
            }
            match is_path_separator(tokens, 1) {
                true => follow(&tokens[3..], base, line, found),
                false => found.push((line, base)),
            }
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let branches = inside(group);
            for branch in branches.split(|token| is_punct(token, ',')) {
                follow(branch, base.clone(), line, found);
            }
        }
        _ => found.push((line, base)),
    }
}

/// True if imports lead from one module to another.
fn reaches(graph: &BTreeMap<&Path, Imports>, from: &Path, to: &Path) -> bool {
    let mut pending = vec![from];
    let mut seen = vec![from];
    while let Some(module) = pending.pop() {
        if module == to {
            return true;
        }
        for next in graph.get(module).into_iter().flat_map(BTreeMap::keys) {
            if !seen.contains(&next) {
                seen.push(next);
                pending.push(next);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::imports::crate_files;
    use crate::tidy::tree::Tree;

    /// Lists the findings in a room of a parent and the files `b` and `c`.
    fn cycles(parent: &str, b: &str, c: &str) -> Vec<String> {
        let parent = format!("mod b; mod c; {parent}");
        let tree = Tree::from([
            ("x/src/lib.rs", "mod a;"),
            ("x/src/a.rs", &parent),
            ("x/src/a/b.rs", b),
            ("x/src/a/c.rs", c),
        ]);
        let (files, _) = crate_files(&tree, "x/src/lib.rs").unwrap();
        let findings = check("x/src/lib.rs", &files);
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn files_may_import_their_parent_and_one_direction_of_siblings() {
        for (parent, b, c) in [
            ("use b::B;", "use super::A;", "use super::b::B;"),
            ("", "use super::{A, c::C};", "use super::A;"),
            (
                "",
                "use super::c::C;",
                "#[cfg(test)] mod tests { use super::super::b::B; }",
            ),
        ] {
            assert!(cycles(parent, b, c).is_empty(), "{parent} | {b} | {c}");
        }
    }

    #[test]
    fn siblings_that_import_each_other_are_refused() {
        for (b, c) in [
            ("\nuse super::c::C;", "\nuse super::b::B;"),
            ("\nuse super::{A, c::C};", "\nuse crate::a::{b::B};"),
            (
                "\nfn f() { super::c::g() }",
                "\nmod d { use super::super::b::B; }",
            ),
        ] {
            let message =
                "imports crate::a::c, which imports this file, directly or through others";
            let findings = cycles("", b, c);
            assert_eq!(findings.len(), 2, "{findings:?}");
            assert_eq!(findings[0], format!("x/src/a/b.rs:2: {message}"));
        }
    }
}
