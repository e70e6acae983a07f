//! The trait of Rust structs that are aggregate functions.

use std::fmt::Debug;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use crate::columns::Columns;

/// The state of a group, and its conversions between rows, states, results and
/// arrays.
pub(crate) trait Aggregate: Default + Debug + Send + Sync + 'static {
    /// The SQL name.
    const NAME: &'static str;

    /// True if rows can be retracted.
    const CAN_RETRACT: bool;

    /// True if a state owns heap memory.
    const HAS_HEAP: bool;

    /// The arguments of a row.
    type Row<'a>: Copy;

    /// The columns of its arguments.
    type Columns<'a>: Columns<'a, Row = Self::Row<'a>>;

    /// The columns of states, as another accumulator has emitted them.
    type States<'a>;

    /// The type of the result.
    fn returns() -> DataType;

    /// The fields of a state.
    fn state_fields() -> Vec<Field>;

    fn update(&mut self, row: Self::Row<'_>) -> Result<()>;

    fn retract(&mut self, row: Self::Row<'_>) -> Result<()>;

    fn merge(&mut self, other: Self) -> Result<()>;

    /// Returns the heap memory of the state, in bytes.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Converts states to arrays, one for each field.
    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>>;

    /// Converts arrays to the columns of states.
    fn read(arrays: &[ArrayRef]) -> Result<Self::States<'_>>;

    /// Returns the state of a row.
    fn state(states: &Self::States<'_>, row: usize) -> Self;

    /// Returns the results of groups.
    fn finish(states: &[Self]) -> Result<ArrayRef>;
}
