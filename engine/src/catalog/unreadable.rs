//! Functions that a catalog holds and this version cannot read.

use fusebox_definition::FunctionKey;

/// Function whose definition cannot be read: damaged, or written by a newer version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct UnreadableFunction {
    /// SQL name.
    pub name: String,
    /// Texts of the argument types, as of [`FunctionKey::types_text`].
    pub types: Vec<String>,
    /// Reason for which it cannot be read.
    pub reason: String,
}

impl UnreadableFunction {
    /// Creates a function that cannot be read for a reason.
    pub fn new(name: String, types: Vec<String>, reason: String) -> Self {
        Self {
            name,
            types,
            reason,
        }
    }

    /// Returns true if it has this name and these argument types.
    pub(crate) fn is(&self, key: &FunctionKey) -> bool {
        self.name == key.name && self.types == key.types_text()
    }
}
