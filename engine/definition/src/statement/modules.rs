//! Statements about modules.

use super::{Options, SourceClause};

/// `IMPORT FUNCTIONS FROM MODULE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFunctions {
    /// True for `OR REPLACE`.
    pub or_replace: bool,
    /// Name of the module.
    pub module: String,
    /// `LIKE` pattern of the names that the module declares.
    pub like: Option<String>,
    /// `EXCEPT`: names that the module declares and that are not imported.
    pub except: Vec<String>,
    /// `AS PREFIX`: text before the names of the functions.
    pub prefix: Option<String>,
    /// `WITH`: options of each function, before those that the module declares.
    pub options: Option<Options>,
}

/// All functions of the module of a name.
impl From<&str> for ImportFunctions {
    fn from(module: &str) -> Self {
        Self {
            module: module.to_owned(),
            ..Self::default()
        }
    }
}

/// `CREATE MODULE`.
#[derive(Debug)]
pub struct CreateModule {
    /// True for `OR REPLACE`.
    pub or_replace: bool,
    /// True for `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Name of the module.
    pub name: String,
    /// Language in upper case.
    pub language: Option<String>,
    /// Source of the bytes.
    pub source: SourceClause,
    /// Pinned digest.
    pub sha256: Option<String>,
    /// `WITH`: constants that the module may read.
    pub options: Option<Options>,
}
