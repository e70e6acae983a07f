//! What a Rust struct must say to become an aggregate function.

use std::fmt::Debug;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use crate::columns::Columns;

/// The state of a group, and how rows, states and results become arrays.
pub(crate) trait Aggregate: Default + Debug + Send + Sync + 'static {
    /// The SQL name.
    const NAME: &'static str;

    /// Whether rows can be taken away again.
    const CAN_RETRACT: bool;

    /// Whether a state has memory besides itself.
    const HAS_HEAP: bool;

    /// The arguments of a row.
    type Row<'a>: Copy;

    /// The columns of its arguments.
    type Columns<'a>: Columns<'a, Row = Self::Row<'a>>;

    /// The columns of states, as another has emitted them.
    type States<'a>;

    /// The type of the result.
    fn returns() -> DataType;

    /// The fields of a state.
    fn state_fields() -> Vec<Field>;

    fn update(&mut self, row: Self::Row<'_>) -> Result<()>;

    fn retract(&mut self, row: Self::Row<'_>) -> Result<()>;

    fn merge(&mut self, other: Self) -> Result<()>;

    /// Memory besides the state itself, in bytes.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// States as arrays, one for each field.
    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>>;

    /// The arrays of states.
    fn read(arrays: &[ArrayRef]) -> Result<Self::States<'_>>;

    /// The state of a row.
    fn state(states: &Self::States<'_>, row: usize) -> Self;

    /// The results of groups.
    fn finish(states: &[Self]) -> Result<ArrayRef>;
}
