//! Limits of what a catalog holds.

use fusebox_definition::StatementError;

use super::CatalogContents;

/// Maximum contents of a catalog. They hold for a catalog that sessions share, and for the
/// temporary functions of each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogLimits {
    /// Maximum number of functions; 10,000 unless given.
    pub functions_max: u64,
    /// Maximum number of modules, those of functions without a named module included;
    /// 1,000 unless given.
    pub modules_max: u64,
    /// Maximum bytes of all modules and statements together; 1 GiB unless given.
    pub module_bytes_max: u64,
    /// Maximum bytes of the rows of all tables that the catalog keeps together, and of those that
    /// a session keeps in memory; 4 GiB unless given.
    pub row_bytes_max: u64,
    /// Maximum number of tables, views and schemas; 10,000 unless given.
    pub relations_max: u64,
    /// Maximum bytes of the plans of views and prepared statements that a session keeps together,
    /// as estimated from their nodes and columns; 1 GiB unless given.
    pub plan_bytes_max: u64,
}

impl Default for CatalogLimits {
    fn default() -> Self {
        Self {
            functions_max: 10_000,
            modules_max: 1_000,
            module_bytes_max: 1 << 30,
            row_bytes_max: 4 << 30,
            relations_max: 10_000,
            plan_bytes_max: 1 << 30,
        }
    }
}

impl CatalogLimits {
    /// Checks that contents exceed no limit, unless they exceeded it `before` by as much.
    ///
    /// # Errors
    ///
    /// [`StatementError::CatalogFull`] for the first limit that is exceeded.
    pub(crate) fn check(
        self,
        before: &CatalogContents,
        after: &CatalogContents,
    ) -> Result<(), StatementError> {
        let check =
            |found: fn(&CatalogContents) -> u64, max, limit, what: &dyn Fn(u64) -> String| {
                let found_after = found(after);
                match found_after > max && found_after > found(before) {
                    true => Err(StatementError::CatalogFull {
                        contents: what(found_after),
                        limit,
                        max: max.to_string(),
                    }),
                    false => Ok(()),
                }
            };
        let functions = |contents: &CatalogContents| contents.functions.len() as u64;
        let modules = |contents: &CatalogContents| contents.distinct_modules().len() as u64;
        let bytes = |contents: &CatalogContents| {
            contents.distinct_modules().values().sum::<u64>() + contents.text_bytes()
        };
        check(functions, self.functions_max, "functions_max", &|found| {
            format!("{found} functions")
        })?;
        check(modules, self.modules_max, "modules_max", &|found| {
            format!("{found} modules")
        })?;
        check(bytes, self.module_bytes_max, "module_bytes_max", &|found| {
            format!("modules and statements of {found} bytes")
        })?;
        let rows = |contents: &CatalogContents| contents.row_bytes();
        check(rows, self.row_bytes_max, "row_bytes_max", &|found| {
            format!("rows of {found} bytes")
        })?;
        let relations = |contents: &CatalogContents| contents.relations().count() as u64;
        check(relations, self.relations_max, "relations_max", &|found| {
            format!("{found} tables and views")
        })
    }
}
