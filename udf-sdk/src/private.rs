//! Items for the expansions of the macros.

pub use fusebox_abi::ArrowArray;

#[cfg(feature = "arrow")]
pub use crate::columns::{
    column_parameter, column_returns, declared_parameter, declared_returns, run_columns,
};

pub use crate::aggregate::{initialize, release_groups, return_states, update, with_states};
pub use crate::aligned_copy::CopySlots;
pub use crate::append::Append;
pub use crate::batch::{run, run_some};
pub use crate::column_builder::{ColumnBuilder, OffsetOverflow};
pub use crate::const_text::text;
pub use crate::declared::Declared;
pub use crate::field::{Field, StructRows, append_row, append_struct, start_struct, struct_rows};
pub use crate::input_array::InputArray;
pub use crate::item::Item;
pub use crate::log::{log, logged, print};
pub use crate::named_types::{
    ArgumentType, PartitionResultType, PartitionType, ResultType, RowType, StateType, UpdateType,
    WindowStateType,
};
pub use crate::output::returns;
pub use crate::prepared::{Prepared, prepared_parameter};
pub use crate::raw::Call;
pub use crate::sql::{Declaration, Kind, ListItem, Nested, Parameter, Sql, SqlType};
pub use crate::sql_check::checked_fields;
pub use crate::states::States;
pub use crate::structure::{Structure, split_projection};
pub use crate::table::{BoxedRows, TableState, boxed_rows, next_rows};
pub use crate::view::View;
pub use crate::window::{next, partition, rank};
