//! Arguments of a call, cast to the types of its function.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::{not, nullif, prep_null_mask_filter};
use arrow::datatypes::DataType;
use fusebox_definition::{SqlType, canonical_type};
use fusebox_runtime::Error;

use super::arrow;
use super::checked_cast::{CastContext, CastError, checked_cast, is_needed};
use super::lazy::LazyFunction;
use super::overload::Overload;

/// Casts of the arguments of a call, decided once for its types.
#[derive(Clone, Debug)]
pub(super) struct ArgumentCasts {
    function: Arc<LazyFunction>,
    /// Types after the casts.
    types: Vec<DataType>,
    /// Flags of the arguments that are cast or checked; empty if none is.
    needed: Vec<bool>,
}

impl ArgumentCasts {
    /// The casts of arguments of the types `given`, whose call resolves to `overload`.
    pub(super) fn new(overload: &Overload, given: &[DataType]) -> Self {
        let types = overload.accepted(given);
        let needed = types.iter().zip(given);
        let needed: Vec<_> = needed.map(|(to, given)| is_needed(to, given)).collect();
        Self {
            function: Arc::clone(&overload.function),
            types,
            needed: match needed.contains(&true) {
                true => needed,
                false => Vec::new(),
            },
        }
    }

    /// No casts.
    pub(super) fn none(overload: &Overload) -> Self {
        Self {
            function: Arc::clone(&overload.function),
            types: overload.types().to_vec(),
            needed: Vec::new(),
        }
    }

    /// Returns the types of the arguments after the casts.
    pub(super) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// Casts the columns of a batch. Those after the arguments stay as they are, and rows for
    /// which `mask` is not true are null where they would have been checked.
    pub(super) fn columns(
        &self,
        columns: &[ArrayRef],
        mask: Option<&BooleanArray>,
        time_zone: Option<&str>,
    ) -> Result<Vec<ArrayRef>, Error> {
        if self.needed.is_empty() {
            return Ok(columns.to_vec());
        }
        let context = CastContext {
            time_zone,
            is_constant: false,
        };
        let hidden = mask.map(|mask| match mask.null_count() {
            0 => not(mask),
            _ => not(&prep_null_mask_filter(mask)),
        });
        let hidden = hidden.transpose().map_err(arrow)?;
        let cast = |(index, column): (usize, &ArrayRef)| match &hidden {
            Some(hidden) if self.is_needed(index) => {
                self.column(index, &nullif(column, hidden).map_err(arrow)?, context)
            }
            _ => self.column(index, column, context),
        };
        columns.iter().enumerate().map(cast).collect()
    }

    fn is_needed(&self, index: usize) -> bool {
        self.needed.get(index).copied().unwrap_or_default()
    }

    /// Casts the column of the argument at `index`.
    pub(super) fn column(
        &self,
        index: usize,
        column: &ArrayRef,
        context: CastContext<'_>,
    ) -> Result<ArrayRef, Error> {
        if !self.is_needed(index) {
            return Ok(Arc::clone(column));
        }
        let cast = checked_cast(column, &self.types[index], context);
        cast.map_err(|error| match error {
            CastError::Arrow(error) => arrow(error),
            CastError::Unfit { row, value } => Error::Argument {
                function: self.function.definition().name.clone(),
                position: index + 1,
                row: row as u64,
                expected: SqlType(&self.types[index]).to_string(),
                value,
                given: SqlType(&canonical_type(column.data_type().clone())).to_string(),
            },
        })
    }
}
