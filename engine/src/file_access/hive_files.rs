//! Patterns of files whose folders state values of columns, as `h/*/*.csv` of `h/year=2013/a.csv`.
//!
//! DataFusion finds these columns below the folder of a table alone, and not of single files.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{LogicalPlanBuilder, ident, lit};
use datafusion::object_store::path::Path;
use url::Url;

/// Files below one folder, chosen by the values of columns.
pub(super) struct HiveFiles {
    /// The folder of all of them.
    pub(super) folder: ListingTableUrl,
    /// Columns with the values of the files that are chosen, where these are not all.
    chosen: Vec<(String, BTreeSet<String>)>,
}

/// Columns that the folders of a file state, and the ending of its name.
struct Placed<'a> {
    columns: Vec<(&'a str, &'a str)>,
    ending: &'a str,
}

impl HiveFiles {
    /// Finds the columns of the `matched` files of a pattern, which are among `all` below a
    /// folder; `None` if they have none, or other files of the folder have the same values.
    pub(super) fn of(folder: ListingTableUrl, all: &[Path], matched: &[Path]) -> Option<Self> {
        let placed = |path| Placed::of(&folder, path);
        let matched: Vec<_> = matched.iter().map(placed).collect::<Option<_>>()?;
        let first = matched.first().filter(|first| !first.columns.is_empty())?;
        let of_format = all.iter().map(placed).collect::<Option<Vec<_>>>()?;
        let of_format = of_format.iter().filter(|file| file.ending == first.ending);
        let of_format: Vec<_> = of_format.collect();
        let mut others = of_format.iter().copied().chain(&matched);
        if !others.all(|file| file.names().eq(first.names())) {
            return None;
        }
        let values = |files: &mut dyn Iterator<Item = &Placed<'_>>, index: usize| {
            let values = files.map(|file| file.columns[index].1.to_owned());
            values.collect::<BTreeSet<_>>()
        };
        let chosen = first.names().enumerate().map(|(index, name)| {
            let chosen = values(&mut matched.iter(), index);
            let is_part = chosen != values(&mut of_format.iter().copied(), index);
            (index, name.to_owned(), chosen, is_part)
        });
        let chosen: Vec<_> = chosen.collect();
        let is_chosen = |file: &&&Placed<'_>| {
            let mut columns = chosen.iter();
            columns.all(|(index, _, values, _)| values.contains(file.columns[*index].1))
        };
        if of_format.iter().filter(is_chosen).count() != matched.len() {
            return None;
        }
        let parts = chosen.into_iter().filter(|(.., is_part)| *is_part);
        let chosen: Vec<_> = parts.map(|(_, name, values, _)| (name, values)).collect();
        Some(Self { chosen, folder })
    }

    /// Restricts the table of the folder to the files that are chosen.
    pub(super) fn choose(&self, table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
        if self.chosen.is_empty() {
            return Ok(table);
        }
        let mut plan = LogicalPlanBuilder::scan("files", provider_as_source(table), None)?;
        for (name, values) in &self.chosen {
            let values = values.iter().map(|value| lit(value.as_str()));
            plan = plan.filter(ident(name).in_list(values.collect(), false))?;
        }
        Ok(Arc::new(ViewTable::new(plan.build()?, None)))
    }
}

/// Returns the folder above those in the fixed part of a pattern that state values of columns: `h/`
/// of `h/year=2013/*/*.csv`.
pub(super) fn folder_of_columns(pattern: &ListingTableUrl) -> Result<ListingTableUrl> {
    let mut url = pattern.get_url().clone();
    let is_column = |url: &Url| {
        let mut parts = url.path_segments()?.rev().filter(|part| !part.is_empty());
        Some(parts.next()?.contains('='))
    };
    while is_column(&url) == Some(true) {
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().pop().push("");
        }
    }
    ListingTableUrl::try_new(url, None)
}

impl<'a> Placed<'a> {
    /// Returns the place of a file; `None` if a folder states no column.
    fn of(url: &'a ListingTableUrl, path: &'a Path) -> Option<Self> {
        let mut parts: Vec<_> = url.strip_prefix(path)?.collect();
        let name = parts.pop()?;
        let columns = parts.into_iter().map(|part| part.split_once('='));
        Some(Self {
            columns: columns.collect::<Option<_>>()?,
            ending: name.split_once('.').map_or("", |(_, ending)| ending),
        })
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.columns.iter().map(|(name, _)| *name)
    }
}
