//! Convention of a plain function for text and bytes.

use std::fmt;

/// Convention by which a plain function takes and returns text and bytes.
///
/// Option `abi` of `WITH (…)` and `ALTER FUNCTION … SET (…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlainAbi {
    /// Address and length: `abi = 'ptr_len'`.
    PtrLen,
    /// Address of bytes that end with a NUL: `abi = 'c_string'`.
    CString,
    /// Objects of AssemblyScript: `abi = 'assemblyscript'`.
    AssemblyScript,
    /// Address of a length and as many bytes: `abi = 'length_prefixed'`.
    LengthPrefixed,
    /// Core function of a component: `abi = 'canonical'`.
    Canonical,
}

impl PlainAbi {
    /// Name of the option.
    pub const OPTION: &'static str = "abi";

    /// All conventions.
    pub const ALL: [Self; 5] = [
        Self::PtrLen,
        Self::CString,
        Self::AssemblyScript,
        Self::LengthPrefixed,
        Self::Canonical,
    ];

    /// Returns the value of the option.
    pub fn name(self) -> &'static str {
        match self {
            Self::PtrLen => "ptr_len",
            Self::CString => "c_string",
            Self::AssemblyScript => "assemblyscript",
            Self::LengthPrefixed => "length_prefixed",
            Self::Canonical => "canonical",
        }
    }

    /// Parses the value of the option.
    ///
    /// # Errors
    ///
    /// A description of the expected values.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|abi| abi.name() == text);
        found.ok_or_else(Self::expected)
    }

    /// Lists the values of the option, for messages.
    pub fn expected() -> String {
        let names = Self::ALL.map(|abi| format!("'{abi}'"));
        format!("one of {}", names.join(", "))
    }
}

impl fmt::Display for PlainAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
