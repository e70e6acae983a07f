//! Privileges of a session's statements.

use fusebox_definition::{Definition, Limits, StatementError, Subject, Volatility};
use fusebox_runtime::{Error, Result};

use crate::file_access::FileAccess;

/// Rights of the statements of a session, beyond queries.
///
/// The default is for statements of strangers: they create functions within modest limits,
/// and read no files. [`all`](Self::all) is for a user who has the rights of the process, as
/// in a local shell.
///
/// ```
/// use fusebox::{Engine, Privileges};
///
/// # fn main() -> Result<(), fusebox::Error> {
/// let engine = Engine::builder().build()?;
/// let reader = Privileges { create: false, ..Privileges::default() };
/// let session = engine.session().privileges(reader).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Privileges {
    /// Ceiling of the limits of functions that the session creates or alters;
    /// [`Limits::DEFAULT_MAX`] by default.
    pub limits_max: Limits,
    /// Files that SQL may read and write; none by default.
    pub files: FileAccess,
    /// `CREATE`, `IMPORT`, `ALTER` and `DROP` of functions and modules, and the same without
    /// SQL; granted by default.
    pub create: bool,
    /// Creation of `VOLATILE` functions, which keep state between rows and calls: one can
    /// remember rows of a query and return them in a later one of the session.
    pub volatile_functions: bool,
    /// Replacement of DataFusion's own functions by `CREATE OR REPLACE FUNCTION`.
    pub replace_built_ins: bool,
    /// Settings of the process or of files (`datafusion.runtime.*`, `datafusion.catalog.location`
    /// and `format`), and values of others above their ceilings, such as 65,536 for
    /// `datafusion.execution.batch_size`.
    pub settings: bool,
    /// Management of users, roles and grants, and the table `fusebox.audit`; calls of all
    /// functions, and changes of those that others own.
    pub users: bool,
}

impl Default for Privileges {
    fn default() -> Self {
        Self {
            limits_max: Limits::DEFAULT_MAX,
            files: FileAccess::denied(),
            create: true,
            volatile_functions: false,
            replace_built_ins: false,
            settings: false,
            users: false,
        }
    }
}

impl Privileges {
    /// All privileges: [`Limits::MAX`], and reading and writing of all files of the process.
    pub fn all() -> Self {
        Self {
            limits_max: Limits::MAX,
            files: FileAccess::any().writable(),
            create: true,
            volatile_functions: true,
            replace_built_ins: true,
            settings: true,
            users: true,
        }
    }

    /// Checks the privilege to manage users, roles and grants, and to read the audit.
    pub(crate) fn check_users(&self, subject: &Subject) -> Result<()> {
        let reason = StatementError::Privilege {
            refusal: "cannot be changed or shown",
            privilege: "users",
            remedy: "a superuser can ALTER USER … SUPERUSER, or the embedder can grant it by \
                     `Privileges::users`",
        };
        allow(self.users, subject, reason)
    }

    /// Checks the privilege to define functions and modules.
    pub(crate) fn check_create(&self, subject: &Subject) -> Result<()> {
        let reason = StatementError::Privilege {
            refusal: "cannot be created, altered or dropped",
            privilege: "create",
            remedy: "the embedder can grant it by `Privileges::create`",
        };
        allow(self.create, subject, reason)
    }

    /// Checks the privilege to replace the built-in function of a name.
    pub(crate) fn check_replacement(&self, subject: &Subject) -> Result<()> {
        let reason = StatementError::Privilege {
            refusal: "is built in and cannot be replaced",
            privilege: "replace_built_ins",
            remedy: "choose another name, or the embedder can grant it by \
                     `Privileges::replace_built_ins`",
        };
        allow(self.replace_built_ins, subject, reason)
    }

    /// Checks the limits and the volatility of a function that the session creates or alters.
    pub(crate) fn check_definition(&self, definition: &Definition) -> Result<()> {
        let subject = Subject::Function(definition.name.clone());
        let within = definition.limits.check(self.limits_max);
        within.map_err(|reason| Error::refused(subject.clone(), reason))?;
        let reason = StatementError::Privilege {
            refusal: "is VOLATILE and keeps state",
            privilege: "volatile_functions",
            remedy: "define it as STABLE, or the embedder can grant it by \
                     `Privileges::volatile_functions`",
        };
        let keeps_state = definition.volatility == Volatility::Volatile;
        allow(!keeps_state || self.volatile_functions, &subject, reason)
    }
}

fn allow(is_granted: bool, subject: &Subject, reason: StatementError) -> Result<()> {
    match is_granted {
        true => Ok(()),
        false => Err(Error::refused(subject.clone(), reason)),
    }
}
