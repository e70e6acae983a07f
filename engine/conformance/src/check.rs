//! Check of a folder of fixtures.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use fusebox_runtime::definition::DEFINITION_FORMAT;
use fusebox_runtime::{
    ABI_VERSION, Digest, LoadedModule, Runtime, RuntimeOptions, WEIGHTS_VERSION,
};

use crate::case::{self, FUNCTIONS_BYTES_MAX};
use crate::error::FixtureError;
use crate::folder::Folder;
use crate::formats;
use crate::function_check::FunctionCheck;
use crate::manifest::{MANIFEST, Manifest, ModuleEntry, shown};

/// Bytes of a module.
const MODULE_BYTES_MAX: u64 = 4 << 20;

/// Bytes of the catalog file.
const CATALOG_BYTES_MAX: u64 = 16 << 20;

/// Folder of fixtures that this program can reproduce.
#[derive(Debug)]
pub struct Fixtures {
    folder: Folder,
    manifest: Manifest,
}

/// Comparison of one function, or of the names and layouts of the release.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseReport {
    /// Module and name of the function.
    pub name: String,
    /// Number of its cases.
    pub cases: usize,
    /// One line for each difference: expected, found, and what it means.
    pub differences: Vec<String>,
}

/// Numbers of comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Functions, and the names and layouts of the release.
    pub compared: usize,
    /// Those with a difference.
    pub failed: usize,
    /// Cases of all.
    pub cases: usize,
}

impl CaseReport {
    /// Creates the report of a comparison.
    pub fn new(name: impl Into<String>, cases: usize, differences: Vec<String>) -> Self {
        Self {
            name: name.into(),
            cases,
            differences,
        }
    }
}

impl Summary {
    /// Counts a comparison.
    pub fn add(&mut self, report: &CaseReport) {
        self.compared += 1;
        self.failed += usize::from(!report.differences.is_empty());
        self.cases += report.cases;
    }
}

/// A file of a catalog, and queries of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CatalogFixture {
    /// Bytes of the file.
    pub bytes: Vec<u8>,
    /// Queries, each with its result.
    pub queries: Vec<CatalogQuery>,
}

/// A query of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CatalogQuery {
    /// Statement.
    pub query: String,
    /// Result as CSV, with a header.
    pub csv: String,
}

/// Queries of a catalog.
const QUERIES_MAX: usize = 100;

/// Decompresses a module, as far as one may be large.
fn decompressed(file: &str, bytes: &[u8]) -> Result<Vec<u8>, FixtureError> {
    let mut module = Vec::new();
    let mut limited = GzDecoder::new(bytes).take(MODULE_BYTES_MAX + 1);
    limited.read_to_end(&mut module).map_err(|error| {
        let problem = format!("expected a file compressed by gzip, found: {error}");
        FixtureError::content(file, None, problem)
    })?;
    match module.len() as u64 {
        found if found > MODULE_BYTES_MAX => {
            let problem = format!("expected a module of at most {MODULE_BYTES_MAX} bytes");
            Err(FixtureError::content(file, None, problem + ", found more"))
        }
        _ => Ok(module),
    }
}

impl Fixtures {
    /// Opens a folder.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Version`] if its ABI, weights or definitions are of versions that this
    /// program cannot reproduce, or its catalog is newer than `catalog_version`; any other if its
    /// manifest cannot be read.
    pub fn open(path: &Path, catalog_version: u64) -> Result<Self, FixtureError> {
        let folder = Folder::open(path)?;
        let manifest = Manifest::read(&folder)?;
        let check = |format: &'static str, found: u64, supported: [u64; 2]| {
            let [first, last] = supported;
            let expected = match first == last {
                true => last.to_string(),
                false => format!("{first} to {last}"),
            };
            match (first..=last).contains(&found) {
                true => Ok(()),
                false => Err(FixtureError::Version {
                    format,
                    expected,
                    found,
                    fusebox: manifest.fusebox.clone(),
                }),
            }
        };
        check("ABI", manifest.abi, [1, ABI_VERSION.into()])?;
        check("weights", manifest.weights, [WEIGHTS_VERSION.into(); 2])?;
        let definitions = [1, DEFINITION_FORMAT.into()];
        check("definition format", manifest.definitions, definitions)?;
        check("catalog version", manifest.catalog, [1, catalog_version])?;
        Ok(Self { folder, manifest })
    }

    /// Returns the version of the program that made the fixtures.
    pub fn version(&self) -> &str {
        &self.manifest.fusebox
    }

    /// Returns the names of the modules.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.manifest
            .modules
            .iter()
            .map(|module| module.name.as_str())
    }

    /// Compares names and layouts, and the functions of `modules`, or of all if there are none.
    /// Each comparison is passed to `report`.
    ///
    /// # Errors
    ///
    /// [`FixtureError`] if a file cannot be read, or is no fixture.
    pub fn check(
        &self,
        modules: &[String],
        report: &mut dyn FnMut(CaseReport),
    ) -> Result<(), FixtureError> {
        let known = |name: &&String| self.manifest.modules.iter().any(|m| m.name == **name);
        if let Some(name) = modules.iter().find(|name| !known(name)) {
            let names = self
                .manifest
                .modules
                .iter()
                .map(|module| module.name.clone());
            return Err(FixtureError::Module {
                name: shown(name),
                names: names.collect(),
            });
        }
        let Manifest {
            layout,
            names,
            options,
            types,
            ..
        } = &self.manifest;
        let count = layout.len() + names.len() + options.len() + types.len();
        let differences = formats::differences(&self.manifest);
        report(CaseReport::new("formats", count, differences));
        let runtime = Runtime::new(RuntimeOptions::default())
            .map_err(|error| FixtureError::Program(error.to_string()))?;
        let is_chosen = |name: &String| modules.is_empty() || modules.contains(name);
        for entry in &self.manifest.modules {
            if is_chosen(&entry.name) {
                self.check_module(&runtime, entry, report)?;
            }
        }
        Ok(())
    }

    fn check_module(
        &self,
        runtime: &Runtime,
        entry: &ModuleEntry,
        report: &mut dyn FnMut(CaseReport),
    ) -> Result<(), FixtureError> {
        let file = entry.module_file();
        let mut bytes = self.folder.read(&file, MODULE_BYTES_MAX)?;
        if entry.gzip {
            bytes = decompressed(&file, &bytes)?;
        }
        let digest = Digest::of(&bytes);
        if digest != entry.sha256 {
            let expected = entry.sha256;
            let problem = format!("expected SHA-256 {expected} as in {MANIFEST}, found {digest}");
            return Err(FixtureError::content(&file, None, problem));
        }
        let functions_file = entry.functions_file();
        let text = self
            .folder
            .read_text(&functions_file, FUNCTIONS_BYTES_MAX)?;
        let functions = case::parse(&functions_file, &text)?;
        if functions.len() != entry.functions {
            let (expected, found) = (entry.functions, functions.len());
            let problem = format!("expected {expected} functions as in {MANIFEST}, found {found}");
            return Err(FixtureError::content(&functions_file, None, problem));
        }
        let module = LoadedModule::new(&bytes, MODULE_BYTES_MAX);
        for function in &functions {
            let name = format!("{}.{}", entry.name, shown(&function.function.function));
            let differences = match &module {
                Ok(module) => FunctionCheck {
                    runtime,
                    module,
                    file: &functions_file,
                    name: &name,
                    function,
                }
                .differences()?,
                Err(error) => vec![format!(
                    "module of {name}: expected that it is accepted, found: {error}; modules of \
                     ABI {} run in each release that supports it",
                    self.manifest.abi
                )],
            };
            report(CaseReport::new(name, function.cases.len(), differences));
        }
        Ok(())
    }

    /// Reads the catalog file and its queries.
    ///
    /// # Errors
    ///
    /// [`FixtureError`] if a file cannot be read, or is no fixture.
    pub fn catalog(&self) -> Result<CatalogFixture, FixtureError> {
        const QUERIES: &str = "catalog/queries.jsonl";
        let bytes = self.folder.read("catalog/catalog.db", CATALOG_BYTES_MAX)?;
        let text = self.folder.read_text(QUERIES, 1 << 20)?;
        let query = |(line, text): (usize, &str)| {
            serde_json::from_str(text).map_err(|error| {
                let problem = format!("expected a query and its CSV, found {error}");
                FixtureError::content(QUERIES, Some(line), problem)
            })
        };
        let queries = (1..).zip(text.lines().take(QUERIES_MAX)).map(query);
        Ok(CatalogFixture {
            bytes,
            queries: queries.collect::<Result<_, _>>()?,
        })
    }
}
