//! Answers of one function with arguments of the same types and the same constants.

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, DataType};

use super::answers::Answers;
use super::decision::{Costs, Decision};
use super::key_columns::plain;
use super::map::{ENTRIES_MAX, Found, Map};
use super::row_keys::Keys;
use super::sample::Sample;
use crate::sandbox::MemoryReservation;

/// Argument of a site.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SiteArgument {
    /// A column of this type.
    Varying(DataType),
    /// One row, which stands for all.
    Constant(ArrayRef),
}

/// Identity of a site among those of one function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SiteKey {
    pub(crate) arguments: Vec<SiteArgument>,
    pub(crate) returns: DataType,
}

/// Batch of a site.
#[derive(Clone, Copy)]
pub(crate) struct SiteBatch<'a> {
    /// Arguments that are not constant.
    pub(crate) columns: &'a [ArrayRef],
    pub(crate) rows: usize,
    /// Fuel of a row, if some were asked.
    pub(crate) fuel_per_row: Option<f64>,
    /// True if each row is a call of its own.
    pub(crate) is_row_by_row: bool,
    /// True if answers are kept whatever that costs.
    pub(crate) is_forced: bool,
    /// Opens a reservation of memory.
    pub(crate) open: &'a dyn Fn() -> Box<dyn MemoryReservation>,
}

/// Answers that a function has given, and the choice whether they are looked up.
pub(crate) struct Site {
    key: SiteKey,
    decision: Decision,
    kept: Option<Kept>,
    /// Costs of the batch that is looked up.
    costs: Costs,
}

/// Rows that were asked, and their answers.
struct Kept {
    map: Map,
    answers: Answers,
    reservation: Box<dyn MemoryReservation>,
    reserved: usize,
}

/// Times of a row outside of the guest, in nanoseconds: of a number, of a text, and of a call
/// of one row.
const NUMBER_NANOS: f64 = 1.0;
const TEXT_NANOS: f64 = 4.0;
const CALL_NANOS: f64 = 3_000.0;

/// Times of taking an answer, in nanoseconds: of a number and of another.
const TAKE_NANOS: [f64; 2] = [1.0, 3.0];

/// Additional times of a row whose key is no words, in nanoseconds.
const LONG_FIND_NANOS: f64 = 9.0;
const LONG_ADD_NANOS: f64 = 15.0;

/// Maximum number of rows of a batch that is looked up.
const ROWS_MAX: usize = 1 << 30;

impl SiteKey {
    /// Returns the time that a row takes outside of the guest, and that of taking an answer.
    fn border(&self) -> [f64; 2] {
        let nanos = |data_type: &DataType| match data_type.is_primitive() {
            true => NUMBER_NANOS,
            false => TEXT_NANOS,
        };
        let arguments = self.arguments.iter().map(|argument| match argument {
            SiteArgument::Varying(data_type) => nanos(data_type),
            SiteArgument::Constant(_) => 0.0,
        });
        let [number, other] = TAKE_NANOS;
        let take = if self.returns.is_primitive() {
            number
        } else {
            other
        };
        [arguments.sum::<f64>() + nanos(&self.returns), take]
    }
}

impl Site {
    pub(super) fn new(key: SiteKey) -> Self {
        Self {
            key,
            decision: Decision::default(),
            kept: None,
            costs: Costs {
                ask: 0.0,
                find: 0.0,
                keep: 0.0,
            },
        }
    }

    pub(super) fn key(&self) -> &SiteKey {
        &self.key
    }

    /// Looks up the rows of a batch. Returns `None` if each row is to be asked.
    ///
    /// # Errors
    ///
    /// An error of Arrow's kernels.
    pub(crate) fn find(&mut self, batch: SiteBatch<'_>) -> Result<Option<Found>, ArrowError> {
        if batch.rows > ROWS_MAX || !self.looks_up(batch)? {
            return Ok(None);
        }
        let columns = batch.columns.iter().map(plain);
        let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
        let Some(keys) = Keys::of(&columns) else {
            self.end();
            return Ok(None);
        };
        let mut kept = self.kept.take().unwrap_or_else(|| Kept {
            map: Map::default(),
            answers: Answers::default(),
            reservation: (batch.open)(),
            reserved: 0,
        });
        if !kept.begin(&keys, batch.rows) {
            // There is no memory for it, now or later.
            self.end();
            return Ok(None);
        }
        let found = kept.map.find(&keys, batch.rows, kept.answers.len());
        self.kept = Some(kept);
        Ok(Some(found))
    }

    /// Keeps the answers of the rows that were asked, and returns all that are kept.
    ///
    /// # Errors
    ///
    /// An error of Arrow's kernels.
    pub(crate) fn complete(
        &mut self,
        found: &Found,
        new: Option<&ArrayRef>,
    ) -> Result<Option<ArrayRef>, ArrowError> {
        let Some(kept) = &mut self.kept else {
            return Ok(None);
        };
        // What is appended is copied with what is kept.
        let copied = new.map_or(0, |new| {
            kept.answers.allocated() + new.get_buffer_memory_size()
        });
        let fits = kept.reserve(kept.allocated() + copied);
        // Answers of rows that were all asked are the column: they are not copied without memory.
        if !fits && found.asked.len() == found.answers.len() {
            self.end();
            return Ok(None);
        }
        if let Some(new) = new {
            kept.answers.append(new)?;
        }
        let answers = kept.answers.column().cloned();
        let fits = fits && kept.reserve(kept.allocated());
        if !fits {
            self.end();
        } else if !self
            .decision
            .settle(found.answers.len(), found.asked.len(), self.costs)
        {
            self.kept = None;
        }
        Ok(answers)
    }

    /// Decides whether the rows of a batch are looked up.
    fn looks_up(&mut self, batch: SiteBatch<'_>) -> Result<bool, ArrowError> {
        if batch.is_forced {
            return Ok(!self.decision.has_ended());
        }
        // What a row costs is known once some were asked.
        let Some(fuel) = batch.fuel_per_row else {
            return Ok(false);
        };
        if self.decision.is_on() {
            return Ok(true);
        }
        if !self.decision.is_due() {
            return Ok(false);
        }
        let [border, take] = self.key.border();
        let call = if batch.is_row_by_row { CALL_NANOS } else { 0.0 };
        let ask = Costs::of_asking(fuel, border + call);
        if Costs::are_below_any_gain(ask) {
            self.decision.pause();
            return Ok(false);
        }
        let Some(sample) = Sample::of(batch.columns, batch.rows)? else {
            self.end();
            return Ok(false);
        };
        let (keys, long) = (sample.key_costs(), sample.long_share());
        self.costs = Costs {
            ask,
            find: keys.find + long * LONG_FIND_NANOS + take,
            keep: keys.add + long * LONG_ADD_NANOS + border,
        };
        let distinct = sample.distinct_among(batch.rows);
        self.decision.judge(batch.rows, distinct, self.costs);
        Ok(self.decision.is_on())
    }

    /// Gives the answers up for good.
    fn end(&mut self) {
        self.kept = None;
        self.decision.end();
    }
}

impl Kept {
    /// Makes room for a batch, and reserves memory for looking its rows up; returns false if
    /// that is refused.
    fn begin(&mut self, keys: &Keys<'_>, rows: usize) -> bool {
        if self.map.is_full() || self.answers.is_full() || self.answers.len() >= ENTRIES_MAX {
            self.map.clear();
            self.answers = Answers::default();
        }
        let bytes = self.map.allocated_with(keys, rows) + self.answers.allocated();
        self.reserve(bytes)
    }

    fn allocated(&self) -> usize {
        self.map.allocated() + self.answers.allocated()
    }

    /// Reserves `bytes` in all; returns false if that is refused.
    fn reserve(&mut self, bytes: usize) -> bool {
        let (more, less) = (
            bytes.saturating_sub(self.reserved),
            self.reserved.saturating_sub(bytes),
        );
        if more > 0 && !self.reservation.try_grow(more) {
            return false;
        }
        self.reservation.shrink(less);
        self.reserved = bytes;
        true
    }
}
