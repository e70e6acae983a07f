//! Privileges on functions and modules, as grants name them.

use std::fmt;

use crate::quoting::Identifier;

/// Name of the role that everyone has.
pub const PUBLIC: &str = "public";

/// Privilege on a function or a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RolePrivilege {
    /// `CREATE`: to create, replace, alter and drop what has the name.
    Create,
    /// `USAGE`: to call a function, or those of a module, and to create functions from the module.
    Usage,
}

/// Object of a privilege: all functions of a name, a module, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PrivilegeObject {
    /// Functions of a name, whatever their arguments.
    Function(String),
    /// Module of a name.
    Module(String),
    /// All functions, those that are created later included.
    AllFunctions,
    /// All modules, those that are created later included.
    AllModules,
}

/// Privilege that a role has on an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrivilegeGrant {
    /// Name of the role; [`PUBLIC`] for everyone.
    pub grantee: String,
    /// Privilege.
    pub privilege: RolePrivilege,
    /// Object.
    pub object: PrivilegeObject,
}

impl RolePrivilege {
    /// All privileges.
    pub const ALL: [Self; 2] = [Self::Create, Self::Usage];

    /// Returns the keyword.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Usage => "USAGE",
        }
    }

    /// Returns the privilege of a keyword in upper case.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|privilege| privilege.name() == name)
    }
}

impl fmt::Display for RolePrivilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PrivilegeObject {
    /// Returns the kind and the name, as they are stored; an empty name for all objects of a kind.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Function(name) => ("function", name),
            Self::Module(name) => ("module", name),
            Self::AllFunctions => ("all functions", ""),
            Self::AllModules => ("all modules", ""),
        }
    }

    /// Returns the object of a kind and a name; `None` for an unknown kind.
    pub fn of_parts(kind: &str, name: &str) -> Option<Self> {
        Some(match kind {
            "function" => Self::Function(name.to_owned()),
            "module" => Self::Module(name.to_owned()),
            "all functions" => Self::AllFunctions,
            "all modules" => Self::AllModules,
            _ => return None,
        })
    }

    /// Returns the object that stands for all of the same kind.
    #[must_use]
    pub fn all_of_kind(&self) -> Self {
        match self {
            Self::Function(_) | Self::AllFunctions => Self::AllFunctions,
            Self::Module(_) | Self::AllModules => Self::AllModules,
        }
    }
}

/// Prints the object as in `ON FUNCTION f`.
impl fmt::Display for PrivilegeObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "FUNCTION {}", Identifier(name)),
            Self::Module(name) => write!(f, "MODULE {}", Identifier(name)),
            Self::AllFunctions => f.write_str("ALL FUNCTIONS"),
            Self::AllModules => f.write_str("ALL MODULES"),
        }
    }
}

/// Prints a grantee.
#[derive(Clone, Copy, Debug)]
pub struct Grantee<'a>(pub &'a str);

impl fmt::Display for Grantee<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PUBLIC => f.write_str("PUBLIC"),
            name => Identifier(name).fmt(f),
        }
    }
}
