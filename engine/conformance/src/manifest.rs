//! The file `manifest.json`: versions, names and layouts of the release, and the modules.

use std::collections::BTreeMap;

use fusebox_runtime::Digest;
use serde::{Deserialize, Serialize};

use crate::error::FixtureError;
use crate::folder::{Folder, is_name};

/// Name of the file.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Version of the format of fixtures.
pub(crate) const FIXTURES_VERSION: u64 = 1;

const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const MODULES_MAX: usize = 1_000;

/// Contents of the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of the format of fixtures.
    pub(crate) fixtures: u64,
    /// Version of the program that made them.
    pub(crate) fusebox: String,
    /// Version of the ABI.
    pub(crate) abi: u64,
    /// Version of the weights of fuel.
    pub(crate) weights: u64,
    /// Format of stored definitions.
    pub(crate) definitions: u64,
    /// Version of the tables of the catalog file.
    pub(crate) catalog: u64,
    /// Sizes and offsets of the structs of the ABI, and its numbers.
    pub(crate) layout: BTreeMap<String, u64>,
    /// Names of exports, imports and sections of the ABI, by their names in the crate of the ABI.
    pub(crate) names: BTreeMap<String, String>,
    /// Options of functions.
    pub(crate) options: Vec<StatedOption>,
    /// Types: the text that is stored, and the SQL name.
    pub(crate) types: Vec<(String, String)>,
    /// Modules, in the order in which they are checked.
    pub(crate) modules: Vec<ModuleEntry>,
}

/// An option of functions as it is stated, and the field of the definition that it sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatedOption {
    /// `name = value`.
    pub(crate) sql: String,
    /// Path of the field.
    pub(crate) field: String,
    /// Value of the field.
    pub(crate) value: serde_json::Value,
}

/// A module, and the program that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModuleEntry {
    /// Name of its files: `modules/NAME.wasm`, or `modules/NAME.wasm.gz`, and
    /// `functions/NAME.jsonl`.
    pub(crate) name: String,
    /// Language and convention, for people.
    pub(crate) made_of: String,
    /// SHA-256 of the bytes of the module.
    pub(crate) sha256: Digest,
    /// True if its file is compressed by gzip.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) gzip: bool,
    /// Number of functions in the file: one that was cut has fewer.
    pub(crate) functions: usize,
}

impl ModuleEntry {
    /// Returns the path of the module.
    pub(crate) fn module_file(&self) -> String {
        let ending = if self.gzip { ".gz" } else { "" };
        format!("modules/{}.wasm{ending}", self.name)
    }

    /// Returns the path of the functions and their rows.
    pub(crate) fn functions_file(&self) -> String {
        format!("functions/{}.jsonl", self.name)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Fields that all formats have, read before the others.
#[derive(Deserialize)]
struct Envelope {
    fixtures: u64,
    fusebox: String,
}

impl Manifest {
    /// Reads the manifest of a folder.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Version`] if the format of the fixtures is unknown, and those of files.
    pub(crate) fn read(folder: &Folder) -> Result<Self, FixtureError> {
        Self::parse(&folder.read_text(MANIFEST, MANIFEST_BYTES_MAX)?)
    }

    /// Parses the text of a manifest.
    ///
    /// # Errors
    ///
    /// [`FixtureError::Content`] with the place of what is unknown, missing or out of its bounds.
    pub(crate) fn parse(text: &str) -> Result<Self, FixtureError> {
        let content = |problem: String| FixtureError::content(MANIFEST, None, problem);
        let unread = |error: serde_json::Error| {
            content(format!("expected a manifest of fixtures, found {error}"))
        };
        let envelope: Envelope = serde_json::from_str(text).map_err(unread)?;
        if envelope.fixtures != FIXTURES_VERSION {
            return Err(FixtureError::Version {
                format: "format",
                expected: FIXTURES_VERSION.to_string(),
                found: envelope.fixtures,
                fusebox: shown(&envelope.fusebox),
            });
        }
        let mut manifest: Self = serde_json::from_str(text).map_err(unread)?;
        manifest.fusebox = shown(&manifest.fusebox);
        if manifest.modules.len() > MODULES_MAX {
            let found = manifest.modules.len();
            return Err(content(format!(
                "expected at most {MODULES_MAX} modules, found {found}"
            )));
        }
        for module in &manifest.modules {
            if !is_name(&module.name) {
                return Err(content(format!(
                    "expected a name of lower-case letters, digits and `_` for a module, found \
                     `{}`",
                    shown(&module.name)
                )));
            }
        }
        Ok(manifest)
    }
}

/// Returns the first characters of a text, for a message.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let refused = Manifest::parse(&text).unwrap_err().to_string();
            prop_assert!(refused.starts_with("fixtures: `manifest.json`: expected "), "{}", refused);
        }
    }

    #[test]
    fn unknown_format_is_refused_before_its_fields() {
        let refused = Manifest::parse(r#"{"fixtures":2,"fusebox":"0.9.0","other":[]}"#);
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("expected format 1, found format 2 in fixtures of Fusebox 0.9.0"),
            "{refused}"
        );
    }
}
