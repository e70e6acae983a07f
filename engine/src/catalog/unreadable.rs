//! Functions that a catalog holds and this version cannot read.

use fusebox_definition::FunctionKey;

/// Function whose definition cannot be read: damaged, or written by a newer version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct UnreadableFunction {
    /// SQL name.
    pub name: String,
    /// Argument types, as Arrow prints them.
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
        let types = key.types.iter().map(ToString::to_string);
        self.name == key.name && types.eq(self.types.iter().cloned())
    }
}
