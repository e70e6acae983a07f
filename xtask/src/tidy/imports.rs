//! The order of imports: the `mod` list of a crate's root, read top to bottom,
//! is the order in which its files may import each other.
//!
//! A *room* is a `mod` of the root with the files in its folder. Inside of a
//! room imports are free; outside of it only rooms further down may be named,
//! one path at a time and not through the root's re-exports. So there is no
//! cycle between rooms. Test code may import everything.

use proc_macro2::{Delimiter, TokenTree};

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::tokens::{inside, is_path_separator, is_punct, modules, tokens, without_tests};
use crate::tidy::tree::Tree;

/// A file that is compiled into a library or a program, without its test code.
#[derive(Debug)]
pub(crate) struct CrateFile {
    pub(crate) path: String,
    /// Number of modules around it: 0 for the root.
    pub(crate) depth: usize,
    pub(crate) tokens: Vec<TokenTree>,
}

/// The files of the crate with this root, and its rooms in order.
///
/// # Errors
///
/// The first file that is not lexically Rust.
pub(crate) fn crate_files(
    tree: &Tree,
    root: &str,
) -> Result<(Vec<CrateFile>, Vec<String>), Finding> {
    let mut files = Vec::new();
    collect(tree, root, 0, &mut files)?;
    let rooms = tree.text(root).and_then(|text| tokens(text).ok());
    let rooms = modules(&rooms.unwrap_or_default()).into_iter();
    let rooms = rooms.filter(|module| !module.is_test);
    Ok((files, rooms.map(|module| module.name).collect()))
}

fn collect(
    tree: &Tree,
    path: &str,
    depth: usize,
    files: &mut Vec<CrateFile>,
) -> Result<(), Finding> {
    let Some(text) = tree.text(path) else {
        // Generated, or named by a `path` attribute.
        return Ok(());
    };
    let all = tokens(text).map_err(|(line, message)| Finding {
        rule: Rule::Imports,
        path: path.to_owned(),
        line,
        message,
    })?;
    let stem = path.trim_end_matches(".rs");
    let folder = match depth {
        0 => stem.rsplit_once('/').map_or("", |(folder, _)| folder),
        _ => stem.trim_end_matches("/mod"),
    };
    files.push(CrateFile {
        path: path.to_owned(),
        depth,
        tokens: without_tests(&all),
    });
    for module in modules(&all).iter().filter(|module| !module.is_test) {
        let name = &module.name;
        let flat = format!("{folder}/{name}.rs");
        let nested = format!("{folder}/{name}/mod.rs");
        let child = if tree.text(&flat).is_some() {
            flat
        } else {
            nested
        };
        collect(tree, &child, depth + 1, files)?;
    }
    Ok(())
}

/// Checks one crate, of which [`crate_files`] told the files and the rooms.
pub(crate) fn check(root: &str, files: &[CrateFile], rooms: &[String]) -> Vec<Finding> {
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.depth > 0) {
        let inner = file.path.strip_prefix(folder).unwrap_or(&file.path);
        let inner = inner.trim_start_matches('/').trim_end_matches(".rs");
        let room = inner.split('/').next().unwrap_or(inner);
        let position = rooms.iter().position(|name| name == room);
        let below = position.map_or(&[][..], |position| &rooms[position + 1..]);
        let mut found = Vec::new();
        imports(&file.tokens, file.depth, &mut found);
        for (line, imported) in found {
            if imported != room && !below.contains(&imported) {
                findings.push(Finding {
                    rule: Rule::Imports,
                    path: file.path.clone(),
                    line,
                    message: format!(
                        "imports crate::{imported}, which is not below {room} in {root}"
                    ),
                });
            }
        }
    }
    findings
}

/// Lists the names behind `crate::`, and behind as many `super::` as lead to the
/// root, with their lines.
fn imports(tokens: &[TokenTree], depth: usize, found: &mut Vec<(usize, String)>) {
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        match token {
            TokenTree::Ident(ident) if ident == "crate" && is_path_separator(tokens, index + 1) => {
                found.push((ident.span().start().line, name(tokens.get(index + 3))));
            }
            TokenTree::Ident(ident) if ident == "super" => {
                let line = ident.span().start().line;
                let mut supers = 1;
                let is_super = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Ident(ident)) if ident == "super");
                while is_path_separator(tokens, index + 1) && is_super(tokens.get(index + 3)) {
                    supers += 1;
                    index += 3;
                }
                if supers >= depth && is_path_separator(tokens, index + 1) {
                    found.push((line, name(tokens.get(index + 3))));
                }
            }
            TokenTree::Group(group) => {
                let is_module = group.delimiter() == Delimiter::Brace
                    && matches!(tokens.get(index.wrapping_sub(2)), Some(TokenTree::Ident(word)) if word == "mod");
                imports(&inside(group), depth + usize::from(is_module), found);
            }
            _ => {}
        }
        index += 1;
    }
}

fn name(token: Option<&TokenTree>) -> String {
    match token {
        Some(TokenTree::Ident(ident)) => ident.to_string(),
        Some(TokenTree::Group(_)) => "{…}".to_owned(),
        Some(token) if is_punct(token, '*') => "*".to_owned(),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "//! Map.\nmod top;\nmod bottom;\n#[cfg(test)]\nmod tests;\n";

    /// Lists the imports of `text`, in the file `path`, that break the order.
    fn refused(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::from([
            ("a/src/lib.rs", ROOT),
            ("a/src/top.rs", "mod inner;"),
            ("a/src/bottom.rs", "mod inner; #[cfg(test)] mod tests;"),
            (path, text),
        ]);
        let (files, rooms) = crate_files(&tree, "a/src/lib.rs").unwrap();
        assert_eq!(rooms, ["top", "bottom"]);
        let findings = check("a/src/lib.rs", &files, &rooms);
        let messages = findings.iter().map(Finding::to_string);
        messages.collect()
    }

    #[test]
    fn imports_of_files_below_are_accepted() {
        for (path, text) in [
            (
                "a/src/top.rs",
                "use crate::bottom::A; use crate::top::inner;",
            ),
            (
                "a/src/top/inner.rs",
                "use super::A; mod b { use super::super::A; }",
            ),
            ("a/src/bottom/inner.rs", "use crate::bottom::A;"),
            ("a/src/bottom/tests.rs", "use crate::top::A;"),
            (
                "a/src/bottom.rs",
                "#[cfg(test)] mod tests { use crate::top::A; }",
            ),
            ("a/src/bottom.rs", "// crate::top\npub(crate) fn f() {}"),
        ] {
            assert!(refused(path, text).is_empty(), "{path}: {text}");
        }
    }

    #[test]
    fn imports_of_files_above_are_refused() {
        let message =
            "a/src/bottom.rs:2: imports crate::top, which is not below bottom in a/src/lib.rs";
        for text in [
            "\nuse crate::top::A;",
            "\nuse super::top::A;",
            "\nfn f() { let a = [crate::top::A]; }",
            "\nmod b { use super::super::top::A; }",
            "\nmacro_rules! m { () => { $crate::top::A } }",
        ] {
            assert_eq!(refused("a/src/bottom.rs", text), [message], "{text}");
        }
    }

    #[test]
    fn imports_through_the_root_are_refused() {
        for text in [
            "use crate::{bottom, b};",
            "use crate::*;",
            "use crate::Error;",
        ] {
            assert_eq!(refused("a/src/top.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn files_inside_of_a_room_follow_its_place() {
        assert_eq!(
            refused("a/src/bottom/inner.rs", "use crate::top::A;").len(),
            1
        );
        assert_eq!(
            refused("a/src/bottom/inner.rs", "use super::super::top;").len(),
            1
        );
    }
}
