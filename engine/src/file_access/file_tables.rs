//! Tables that are named by paths.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::{
    ListingTable, ListingTableConfig, ListingTableConfigExt, ListingTableUrl,
};
use datafusion::execution::context::SessionState;
use datafusion::object_store::{self, ObjectMeta};
use fusebox_definition::FileAccessError;
use fusebox_runtime::Error;
use futures::TryStreamExt;

use super::copied_files::{TargetColumns, copied_format, stated_options};
use super::csv_head::detect_format;
use super::formats::endings;
use super::hive_files::{HiveFiles, folder_of_columns};
use super::json_arrays::is_json_array;
use super::location::is_of_home;
use super::text_files::TextFormat;
use super::{FileAccess, FileUse};
use crate::copy_options::CopySource;
use crate::function::external;

/// Makes tables of paths.
#[derive(Clone)]
pub(super) struct FileTables {
    pub(super) files: FileAccess,
    /// Returns the state of the context, which holds these tables.
    pub(super) state: Arc<dyn Fn() -> Option<SessionState> + Send + Sync>,
}

impl FileTables {
    /// Returns the table of the files that `name` leads to; `None` if there are none.
    pub(super) async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(source) = CopySource::parse(name) else {
            return self.table_of(name, None).await;
        };
        let table = self.table_of(source.file, Some(&source)).await?;
        // DataFusion's message would name the options.
        let missing = || FileUse::Read.refused(source.file, FileAccessError::NotFound);
        table.map_or_else(|| Err(external(missing())), |table| Ok(Some(table)))
    }

    /// Returns the table of the files that `name` leads to, as a `COPY` reads them.
    async fn table_of(
        &self,
        name: &str,
        copy: Option<&CopySource<'_>>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(state) = (self.state)() else {
            return Ok(None);
        };
        let stores = &state.runtime_env().object_store_registry;
        let has_store = |url: &_| stores.get_store(url).is_ok();
        let location = match self.files.resolve(name, FileUse::Read, has_store) {
            Ok(location) => location,
            // Any other name is that of a missing table.
            Err(_) if !name.contains(['/', '\\', '.', '*']) => return Ok(None),
            Err(error) => return Err(external(FileUse::Read.refused(name, error))),
        };
        let Ok(url) = ListingTableUrl::parse(location) else {
            return Ok(None);
        };
        let (paths, hive) = match first_file(&url, &state).await? {
            Some(_) => (vec![url], None),
            None => matching_files(&url, &state).await?,
        };
        let Some(url) = paths.first().cloned() else {
            return unreadable(name, None);
        };
        let config = ListingTableConfig::new_with_multi_paths(paths);
        let mut config = match config.clone().infer_options(&state).await {
            Ok(config) => config,
            Err(error) if Error::find_in(&error).is_some() => return Err(error),
            Err(_) => match copy.map(|copy| stated_options(copy, &state)).transpose()? {
                Some(Some(options)) => config.with_listing_options(options),
                _ => return unreadable(name, first_file(&url, &state).await?),
            },
        };
        let columns = match copy {
            Some(copy) => TargetColumns::find(copy, &state).await,
            None => None,
        };
        if let Some((options, copy)) = config.options.as_mut().zip(copy) {
            options.format = copied_format(copy, &options.format)?;
        }
        if let Some(options) = &mut config.options {
            let copy = copy.map(|copy| (copy, columns.as_ref()));
            detect_format(options, copy, &config.table_paths, &state).await?;
        }
        if let Some(options) = &mut config.options
            && let Some(TextFormat::JsonLines(json)) = options.format.downcast_ref::<TextFormat>()
            && let Ok(Some(file)) = first_file(&url, &state).await
            && is_json_array(
                json,
                &file,
                state.runtime_env().object_store(&url)?.as_ref(),
            )
            .await?
        {
            options.format = Arc::new(TextFormat::array(json));
        }
        let config = config.infer_partitions_from_path(&state).await?;
        let config = config.infer_schema(&state).await?;
        let table = Arc::new(ListingTable::try_new(config)?);
        if let Some(columns) = columns.filter(|_| is_separated(&table)) {
            check_columns(name, &columns, &table)?;
        }
        match hive {
            Some(hive) => hive.choose(table).map(Some),
            None => Ok(Some(table)),
        }
    }
}

/// Checks that files have as many columns as `COPY` fills.
fn check_columns(name: &str, columns: &TargetColumns, table: &ListingTable) -> Result<()> {
    let (expected, found) = (columns.filled, table.schema().fields().len());
    if expected == found {
        return Ok(());
    }
    let error = FileAccessError::ColumnCount { expected, found };
    Err(external(FileUse::Read.refused(name, error)))
}

/// Returns true for a table of files of separated values.
fn is_separated(table: &ListingTable) -> bool {
    let format = table.options().format.downcast_ref::<TextFormat>();
    matches!(format, Some(TextFormat::Csv(_)))
}

/// Returns the first file that a location leads to; `None` if there is none.
async fn first_file(url: &ListingTableUrl, state: &SessionState) -> Result<Option<ObjectMeta>> {
    let store = state.runtime_env().object_store(url)?;
    let first = async {
        let mut files = url.list_all_files(state, store.as_ref(), "").await?;
        files.try_next().await
    };
    match first.await {
        Err(DataFusionError::ObjectStore(error)) if is_missing(&error) => Ok(None),
        first => first,
    }
}

fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}

/// Returns the files that a pattern with directories means: DataFusion compares the names in
/// the first of its directories alone. If the folders state values of columns, it is the folder of
/// all of them.
async fn matching_files(
    url: &ListingTableUrl,
    state: &SessionState,
) -> Result<(Vec<ListingTableUrl>, Option<HiveFiles>)> {
    let Some(glob) = url.get_glob() else {
        return Ok((Vec::new(), None));
    };
    let store = state.runtime_env().object_store(url)?;
    // A star of this pattern also matches a slash, unless their number is that of the pattern.
    let slashes = |path: &str| path.matches('/').count();
    let is_deep = glob.as_str().contains("**");
    let is_match =
        |path: &str| glob.matches(path) && (is_deep || slashes(path) == slashes(glob.as_str()));
    let folder = folder_of_columns(url)?;
    let mut files = store.list(Some(folder.prefix()));
    let (mut all, mut matched) = (Vec::new(), Vec::new());
    while let Some(file) = files.try_next().await? {
        let parts = url.strip_prefix(&file.location);
        let below = parts.map(|parts| parts.collect::<Vec<_>>().join("/"));
        if below.is_some_and(|below| is_match(&below)) {
            matched.push(file.location.clone());
        }
        all.push(file.location);
    }
    if let Some(hive) = HiveFiles::of(folder, &all, &matched) {
        return Ok((vec![hive.folder.clone()], Some(hive)));
    }
    matched.sort_unstable();
    let urls = matched.iter().map(|path| {
        let mut location = url.get_url().clone();
        location.set_path(path.as_ref());
        ListingTableUrl::try_new(location, None)
    });
    Ok((urls.collect::<Result<_>>()?, None))
}

/// Refuses a name whose files cannot be read, with their first `file` if there is one; `None`
/// if the name is more likely one of a table.
fn unreadable<T>(name: &str, file: Option<ObjectMeta>) -> Result<Option<T>> {
    let ending = |path: &str| {
        let inferred = ListingTableConfig::infer_file_extension_and_compression_type(path);
        inferred.map_or_else(|_| String::new(), |(ending, _)| ending)
    };
    let is_known = |ending: &str| endings().any(|known| known == ending);
    let error = match file {
        Some(file) => FileAccessError::UnknownFormat {
            found: match file.location.extension() {
                Some(_) => format!("the ending {}", ending(file.location.as_ref())),
                None => "no ending".to_owned(),
            },
            expected: endings().collect::<Vec<_>>().join(", "),
        },
        None if is_of_home(name) => FileAccessError::Home {
            path: name.to_owned(),
        },
        None if name.contains(['/', '*']) || is_known(&ending(name)) => FileAccessError::NotFound,
        None => return Ok(None),
    };
    Err(external(FileUse::Read.refused(name, error)))
}

impl fmt::Debug for FileTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTables")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}
