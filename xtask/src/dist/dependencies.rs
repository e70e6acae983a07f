//! Dependencies of a release, with their features, as cargo resolves them for its targets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::dist::{MODULES, files};
use crate::failure::Failure;
use crate::toolchain::TARGET;
use crate::workspace::{Workspace, quietly};

/// The package of the executable.
pub(crate) const SHELL: &str = "fusebox-shell";

/// Time to fetch what no build has needed.
const LIMIT: Duration = Duration::from_secs(300);

/// One package that is built for a release, those of the build itself included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An expression of SPDX.
    pub(crate) license: String,
    pub(crate) repository: Option<String>,
    /// SHA-256 of the package on crates.io; `None` for packages of this workspace.
    pub(crate) checksum: Option<String>,
    /// The folder of the manifest.
    pub(crate) folder: PathBuf,
    /// The package URLs of its dependencies, in order.
    pub(crate) dependencies: BTreeSet<String>,
}

impl Dependency {
    /// The package URL.
    pub(crate) fn url(&self) -> String {
        url(&self.name, &self.version)
    }
}

fn url(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// Returns the dependencies of the shell on `host`, and of the bundled modules, in order of
/// their names.
pub(crate) fn of_release(workspace: &Workspace, host: &str) -> Result<Vec<Dependency>, Failure> {
    let modules = MODULES.map(|module| format!("udfs-{module}"));
    let mut built = built(workspace, host, &[SHELL.to_owned()])?;
    built.extend(self::built(workspace, TARGET, &modules)?);
    let mut metadata = workspace.cargo();
    metadata.args(["metadata", "--locked", "--format-version", "1"]);
    metadata.args(["--filter-platform", host, "--filter-platform", TARGET]);
    let failure = || Failure::unexpected("dependencies");
    let metadata = quietly(&mut metadata, LIMIT).map_err(failure())?;
    let metadata = serde_json::from_str::<Value>(&metadata).map_err(|error| error.to_string());
    let lock = files::read_text(&workspace.root.join("Cargo.lock"))?;
    read(&metadata.map_err(failure())?, &lock, &built).map_err(failure())
}

/// Names and versions of all packages that are built for some.
fn built(
    workspace: &Workspace,
    target: &str,
    packages: &[String],
) -> Result<BTreeSet<String>, Failure> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]);
    tree.args(["--edges", "normal,build", "--target", target]);
    for package in packages {
        tree.args(["--package", package]);
    }
    let tree = quietly(&mut tree, LIMIT).map_err(Failure::unexpected("dependencies"))?;
    Ok(tree.lines().filter_map(named).collect())
}

/// Reads a line of the tree: `arrow v59.3.2`, and a remark.
fn named(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some(url(name, version))
}

/// Reads those packages of cargo's metadata that are built.
///
/// # Errors
///
/// One line about what is missing.
fn read(metadata: &Value, lock: &str, built: &BTreeSet<String>) -> Result<Vec<Dependency>, String> {
    let checksums = checksums(lock);
    // Identifiers of cargo, which are the keys of the graph.
    let mut urls = BTreeMap::new();
    let mut found = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        let dependency = package_of(package, &checksums)?;
        let url = dependency.url();
        if built.contains(&url) {
            urls.insert(text(package, "id")?, url.clone());
            found.insert(url, dependency);
        }
    }
    for node in list(&metadata["resolve"]["nodes"]) {
        let url = urls.get(text(node, "id")?);
        let Some(dependency) = url.and_then(|url| found.get_mut(url)) else {
            continue;
        };
        for edge in list(&node["deps"]).iter().filter(|edge| is_built(edge)) {
            let target = urls.get(text(edge, "pkg")?);
            dependency.dependencies.extend(target.cloned());
        }
    }
    match built.iter().find(|url| !found.contains_key(*url)) {
        Some(missing) => Err(format!("expected {missing} in the metadata of cargo")),
        None => Ok(found.into_values().collect()),
    }
}

fn package_of(
    package: &Value,
    checksums: &BTreeMap<(&str, &str), &str>,
) -> Result<Dependency, String> {
    let name = text(package, "name")?;
    let version = text(package, "version")?;
    // `/` is an older spelling.
    let license = package["license"].as_str().unwrap_or("NOASSERTION");
    let license: Vec<&str> = license.split('/').map(str::trim).collect();
    let manifest = Path::new(text(package, "manifest_path")?);
    Ok(Dependency {
        name: name.to_owned(),
        version: version.to_owned(),
        license: license.join(" OR "),
        repository: package["repository"].as_str().map(str::to_owned),
        checksum: checksums.get(&(name, version)).map(ToString::to_string),
        folder: manifest.parent().unwrap_or(manifest).to_owned(),
        dependencies: BTreeSet::new(),
    })
}

/// True for an edge that is not only of tests.
fn is_built(edge: &Value) -> bool {
    let kinds = list(&edge["dep_kinds"]);
    kinds.iter().any(|kind| kind["kind"] != "dev")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = value[key].as_str();
    text.ok_or_else(|| format!("expected `{key}` in the metadata of cargo"))
}

/// Reads the checksums of a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let packages = lock.split("[[package]]").skip(1);
    let checksum = |package| {
        let field = |key: &str| {
            let lines = str::lines(package);
            let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            values.next().map(|value| value.trim_matches('"'))
        };
        Some(((field("name")?, field("version")?), field("checksum")?))
    };
    packages.filter_map(checksum).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"fusebox-shell\"\nversion = \"0.1.0\"\n\n\
        [[package]]\nname = \"zstd-sys\"\nversion = \"2.0.16+zstd.1.5.7\"\nsource = \"registry\"\n\
        checksum = \"91e1\"\n";

    fn metadata() -> Value {
        let edge = |to: &str, kind: Value| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [
                { "id": "shell", "name": "fusebox-shell", "version": "0.1.0",
                  "license": "Apache-2.0", "manifest_path": "/w/shell/Cargo.toml" },
                { "id": "zstd", "name": "zstd-sys", "version": "2.0.16+zstd.1.5.7",
                  "license": "MIT/Apache-2.0", "repository": "https://example.org/zstd",
                  "manifest_path": "/r/zstd-sys/Cargo.toml" },
                { "id": "rexpect", "name": "rexpect", "version": "0.7.0", "license": "MIT",
                  "manifest_path": "/r/rexpect/Cargo.toml" },
            ],
            "resolve": { "nodes": [
                { "id": "shell", "deps": [edge("zstd", Value::Null), edge("rexpect", "dev".into())] },
                { "id": "zstd", "deps": [edge("shell", "dev".into())] },
                { "id": "rexpect", "deps": [] },
            ]},
        })
    }

    fn built(lines: &[&str]) -> BTreeSet<String> {
        lines.iter().filter_map(|line| named(line)).collect()
    }

    #[test]
    fn dependencies_are_those_that_are_built() {
        let built = built(&[
            "fusebox-shell v0.1.0 (/w/shell)",
            "zstd-sys v2.0.16+zstd.1.5.7 (*)",
            "",
        ]);
        let found = read(&metadata(), LOCK, &built).unwrap();
        let zstd = "pkg:cargo/zstd-sys@2.0.16%2Bzstd.1.5.7";
        let urls: Vec<_> = found.iter().map(Dependency::url).collect();
        assert_eq!(urls, ["pkg:cargo/fusebox-shell@0.1.0", zstd]);
        assert_eq!(found[0].dependencies, BTreeSet::from([zstd.to_owned()]));
        assert_eq!(found[0].checksum, None);
        let expected = Dependency {
            name: "zstd-sys".to_owned(),
            version: "2.0.16+zstd.1.5.7".to_owned(),
            license: "MIT OR Apache-2.0".to_owned(),
            repository: Some("https://example.org/zstd".to_owned()),
            checksum: Some("91e1".to_owned()),
            folder: PathBuf::from("/r/zstd-sys"),
            dependencies: BTreeSet::new(),
        };
        assert_eq!(found[1], expected);
    }

    #[test]
    fn a_package_without_metadata_is_reported() {
        let built = built(&["fusebox-shell v0.1.0", "absent v1.0.0"]);
        let message = read(&metadata(), LOCK, &built).unwrap_err();
        assert!(message.contains("pkg:cargo/absent@1.0.0"), "{message}");
    }
}
