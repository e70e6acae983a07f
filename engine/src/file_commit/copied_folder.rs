//! Directories that `COPY` fills.
//!
//! Each statement gives its files new names. In a directory that has files, a second `COPY` would
//! add its rows to those of the first, which a user of other systems does not expect.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::physical_plan::FileOutputMode;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::logical_expr::{LogicalPlan, Statement};
use datafusion::object_store;
use fusebox_definition::{FileAccessError, StatementError, Subject};
use fusebox_runtime::Error;
use futures::TryStreamExt;

use crate::function::external;

/// Option of `COPY` that adds files to those of a directory, with DataFusion's prefix.
const APPEND: &str = "format.append";

/// Directory that is to have no files before a `COPY`.
#[derive(Clone, Debug)]
pub(crate) struct CopiedFolder {
    url: ListingTableUrl,
    /// As in messages.
    name: String,
}

impl CopiedFolder {
    /// Returns the directory that a `COPY` fills; `None` if it writes one file.
    fn of(copy: &CopyTo) -> Result<Option<Self>> {
        let url = ListingTableUrl::parse(&copy.output_url)?;
        let stated = copy.options.get("single_file_output");
        let is_single = match stated.map(|stated| stated.trim()) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        let is_single = FileOutputMode::from(is_single).single_file_output(&url);
        let is_folder = !copy.partition_by.is_empty() || !is_single;
        Ok(is_folder.then(|| Self {
            url,
            name: copy.output_url.clone(),
        }))
    }

    /// Checks that the directory has no files that a table of it would have.
    ///
    /// # Errors
    ///
    /// A refusal with the number of files; the errors of the object store.
    pub(super) async fn check(&self, context: &TaskContext) -> Result<()> {
        let store = context.runtime_env().object_store(&self.url)?;
        let options = &context.session_config().options().execution;
        let is_flat = options.listing_table_ignore_subdirectory;
        let mut found = store.list(Some(self.url.prefix()));
        let mut files = 0;
        loop {
            match found.try_next().await {
                Ok(Some(file)) if self.url.contains(&file.location, is_flat) => files += 1,
                Ok(Some(_)) => {}
                Ok(None) | Err(object_store::Error::NotFound { .. }) => break,
                Err(error) => return Err(DataFusionError::from(error)),
            }
        }
        match files {
            0 => Ok(()),
            files => {
                let error = FileAccessError::FolderNotEmpty { files };
                Err(external(refused(&self.name, error)))
            }
        }
    }
}

/// States the option `APPEND` of a plan that is a `COPY` to a directory, which is false unless it
/// is stated. `EXPLAIN` writes nothing, and prints no such option.
///
/// # Errors
///
/// [`Error::Refused`] for a value that is neither true nor false, and for a file that is to be
/// added to.
pub(crate) fn state_append(plan: LogicalPlan) -> Result<LogicalPlan, Error> {
    let inner = |input| state_append(Arc::unwrap_or_clone(input));
    Ok(match plan {
        LogicalPlan::Copy(mut copy) => {
            state_append_of(&mut copy)?;
            LogicalPlan::Copy(copy)
        }
        LogicalPlan::Analyze(mut analyze) => {
            analyze.input = Arc::new(inner(analyze.input)?);
            LogicalPlan::Analyze(analyze)
        }
        LogicalPlan::Statement(Statement::Prepare(mut prepare)) => {
            prepare.input = Arc::new(inner(prepare.input)?);
            LogicalPlan::Statement(Statement::Prepare(prepare))
        }
        LogicalPlan::Explain(mut explain) => {
            let mut explained = inner(explain.plan)?;
            if let LogicalPlan::Copy(copy) = &mut explained {
                copy.options.remove(APPEND);
            }
            explain.plan = Arc::new(explained);
            LogicalPlan::Explain(explain)
        }
        other => other,
    })
}

fn state_append_of(copy: &mut CopyTo) -> Result<(), Error> {
    let folder = CopiedFolder::of(copy).map_err(|error| Error::Query(Box::new(error)))?;
    let value = copy.options.get(APPEND).map(String::as_str);
    let is_append = match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(found) => {
            let reason = StatementError::OptionValue {
                name: "APPEND".to_owned(),
                expected: "expected true or false".to_owned(),
                found: found.to_owned(),
            };
            let subject = Subject::File(copy.output_url.clone());
            return Err(Error::refused(subject, reason));
        }
    };
    match folder {
        Some(_) => {
            copy.options
                .insert(APPEND.to_owned(), is_append.to_string());
        }
        None if is_append => {
            return Err(refused(&copy.output_url, FileAccessError::AppendedFile));
        }
        None => {
            copy.options.remove(APPEND);
        }
    }
    Ok(())
}

/// Returns a plan without the option `APPEND`, which DataFusion does not know, and the directory
/// that is to have no files. Plans that do not have the option are those of programs.
pub(crate) fn copied_folder(
    plan: &LogicalPlan,
) -> Result<(Cow<'_, LogicalPlan>, Option<CopiedFolder>)> {
    match plan {
        LogicalPlan::Copy(copy) => {
            let Some(append) = copy.options.get(APPEND) else {
                return Ok((Cow::Borrowed(plan), None));
            };
            let folder = match append.as_str() {
                "false" => CopiedFolder::of(copy)?,
                _ => None,
            };
            let mut copy = copy.clone();
            copy.options.remove(APPEND);
            Ok((Cow::Owned(LogicalPlan::Copy(copy)), folder))
        }
        LogicalPlan::Analyze(analyze) => {
            let (Cow::Owned(input), folder) = copied_folder(&analyze.input)? else {
                return Ok((Cow::Borrowed(plan), None));
            };
            let mut analyze = analyze.clone();
            analyze.input = Arc::new(input);
            Ok((Cow::Owned(LogicalPlan::Analyze(analyze)), folder))
        }
        _ => Ok((Cow::Borrowed(plan), None)),
    }
}

fn refused(name: &str, error: FileAccessError) -> Error {
    Error::refused(Subject::File(name.to_owned()), StatementError::Write(error))
}
