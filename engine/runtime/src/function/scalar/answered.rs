//! Rows whose answers are kept, which are not asked again.

use arrow_array::ArrayRef;
use fusebox_definition::{Reset, Reuse};

use super::Batch;
use crate::error::{Error, Result};
use crate::function::WasmFunction;
use crate::function::arrow;
use crate::function::rebuilt::copied_out;
use crate::reuse::{Found, Site, SiteBatch};

/// Rows below which a batch is not worth the choice whether its rows are looked up.
const ROWS_MIN: usize = 64;

impl WasmFunction {
    /// Calls the guest for the rows whose answers are not kept, in calls of the calibrated
    /// size.
    pub(super) fn call_unanswered(&self, batch: &Batch<'_>, rows: usize) -> Result<ArrayRef> {
        let Some((mut site, is_forced)) = self.site(batch, rows) else {
            return self.call_rows(batch, rows);
        };
        let sums = batch.execution.statistics.get();
        let found = site.find(SiteBatch {
            columns: &batch.arguments.varying_columns(),
            rows,
            fuel_per_row: (sums.rows > 0).then(|| sums.fuel as f64 / sums.rows as f64),
            is_row_by_row: self.definition.reset == Reset::Row,
            is_forced,
            open: &|| batch.scope.open(&self.definition.name),
        });
        // After an error, the site is not put back: it lacks answers.
        let column = match found.map_err(arrow)? {
            Some(found) => self.call_asked(batch, rows, &mut site, found)?,
            None => self.call_rows(batch, rows)?,
        };
        batch.execution.sites.put(site);
        Ok(column)
    }

    /// Returns the site of a batch, and true if answers are kept whatever that costs; `None`
    /// if they are not kept.
    fn site(&self, batch: &Batch<'_>, rows: usize) -> Option<(Site, bool)> {
        let reuse = match batch.scope.reuse() {
            Reuse::Auto => self.definition.reuse,
            of_scope => of_scope,
        };
        let is_forced = reuse == Reuse::Always;
        let is_worth_it = is_forced || reuse == Reuse::Auto && rows >= ROWS_MIN;
        if !self.has_reusable_answers || !is_worth_it {
            return None;
        }
        let key = batch.arguments.site_key(batch.returns)?;
        let site = batch.execution.sites.take(key)?;
        Some((site, is_forced))
    }

    /// Calls the guest for the rows that have no answer, and takes those of the others.
    fn call_asked(
        &self,
        batch: &Batch<'_>,
        rows: usize,
        site: &mut Site,
        found: Found,
    ) -> Result<ArrayRef> {
        // Where nothing is asked, nothing else looks.
        if batch.scope.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let asked = found.asked.len();
        let new = match asked {
            0 => None,
            _ if asked == rows => Some(self.call_rows(batch, rows)?),
            _ => {
                let arguments = batch.arguments.at(&found.asked).map_err(arrow)?;
                let of_asked = Batch {
                    arguments: &arguments,
                    ..*batch
                };
                Some(self.call_rows(&of_asked, asked)?)
            }
        };
        batch.execution.statistics.count_reused(rows - asked);
        let answers = site.complete(&found, new.as_ref()).map_err(arrow)?;
        match (answers, new) {
            (_, Some(new)) if asked == rows => Ok(new),
            (Some(answers), _) => {
                let indices = found.answers.into();
                let column = copied_out(&answers, &indices, batch.results);
                column.map_err(|error| self.rebuild_error(error, rows))
            }
            (None, _) => Err(Error::Internal("no answers are kept".to_owned())),
        }
    }
}
