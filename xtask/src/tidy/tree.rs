//! The text files of the checkout, and the crates among them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use crate::failure::Failure;

/// Endings of the files that are read.
const ENDINGS: [&str; 8] = [".rs", ".md", ".toml", ".wat", ".sql", ".h", ".zig", ".go"];

/// Files of the checkout by path, relative to the root and with `/`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    /// All files, read or not, and all folders.
    paths: BTreeSet<String>,
}

/// A package of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest, relative to the root, with a `/` at the end.
    pub(crate) folder: String,
    /// Its dependencies but those for development: the line, and the name of the package.
    pub(crate) dependencies: Vec<(usize, String)>,
}

impl Tree {
    /// Reads the checkout: no hidden folder but `.github`, and no `target`.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        tree.read_folder(root, "")
            .map_err(Failure::io(format!("read {}", root.display())))?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            self.paths.insert(path.clone());
            if entry.file_type()?.is_dir() {
                let is_hidden = name.starts_with('.') && name != ".github";
                if !is_hidden && name != "target" {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                self.files.insert(path, fs::read_to_string(entry.path())?);
            }
        }
        Ok(())
    }

    /// The files whose names end with `ending`.
    pub(crate) fn with_ending<'a>(
        &'a self,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files().filter(move |(path, _)| path.ends_with(ending))
    }

    /// Iterates over all files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// True if `path` is a file or a folder of the checkout.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The members of the workspace, in the order of the root manifest.
    pub(crate) fn packages(&self) -> Vec<Package> {
        let manifest = self.text("Cargo.toml").unwrap_or_default();
        let members = manifest
            .lines()
            .skip_while(|line| !line.starts_with("members"))
            .skip(1)
            .take_while(|line| !line.starts_with(']'));
        let folders = members.filter_map(|line| line.split('"').nth(1));
        folders
            .filter_map(|folder| {
                let text = self.text(&format!("{folder}/Cargo.toml"))?;
                let mut package = package(folder, text);
                for (_, dependency) in &mut package.dependencies {
                    if let Some(name) = renamed(manifest, dependency) {
                        name.clone_into(dependency);
                    }
                }
                Some(package)
            })
            .collect()
    }
}

/// The package that the workspace's dependency `key` renames, if it does.
fn renamed<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = manifest.lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    let (_, rest) = value.split_once("package = \"")?;
    rest.split('"').next()
}

/// Reads a manifest, whose tables all have headers of their own.
fn package(folder: &str, manifest: &str) -> Package {
    let mut package = Package {
        name: String::new(),
        folder: format!("{folder}/"),
        dependencies: Vec::new(),
    };
    let mut section = "";
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim();
        if section == "package" && key == "name" {
            package.name = value.trim().trim_matches('"').to_owned();
        }
        let is_needed = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
        if is_needed && !key.starts_with('#') {
            let name = key.split('.').next().unwrap_or(key);
            package.dependencies.push((index + 1, name.to_owned()));
        }
    }
    package
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Tree {
    fn from(files: [(&str, &str); N]) -> Self {
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self {
            paths: files.iter().map(|(path, _)| path.clone()).collect(),
            files: files.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_the_members_with_their_dependencies() {
        let tree = Tree::from([
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\n    \"catalog\",\n]\n[workspace.dependencies]\n\
                 fusebox = { package = \"datafusion-fusebox\", path = \"engine\" }\nlog = \"1\"\n",
            ),
            (
                "catalog/Cargo.toml",
                "[package]\nname = \"fusebox-catalog\"\n\n[dependencies]\n# one\nlog.workspace = true\n\
                 fusebox.workspace = true\nwasmtime = { version = \"48\" }\n\n\
                 [dev-dependencies]\ntempfile = \"3\"\n",
            ),
        ]);
        let dependencies = [(6, "log"), (7, "datafusion-fusebox"), (8, "wasmtime")];
        let expected = Package {
            name: "fusebox-catalog".to_owned(),
            folder: "catalog/".to_owned(),
            dependencies: dependencies
                .map(|(line, name)| (line, name.to_owned()))
                .into(),
        };
        assert_eq!(tree.packages(), [expected]);
    }
}
