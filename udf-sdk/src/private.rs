//! Items for the expansions of the macros.

pub use fusebox_abi::ArrowArray;

#[cfg(feature = "arrow")]
pub use crate::columns::{
    column_parameter, column_returns, declared_parameter, declared_returns, run_columns,
};

pub use crate::aggregate::{
    check_update_output, initialize, release_groups, return_states, state_fields, update,
    with_states,
};
pub use crate::aligned_copy::CopySlots;
pub use crate::append::Append;
pub use crate::batch::{run, run_some};
pub use crate::column_builder::{ColumnBuilder, OffsetOverflow};
pub use crate::const_text::text;
pub use crate::declared::Declared;
pub use crate::input_array::InputArray;
pub use crate::item::{FieldsView, Item, NullableItem, fields_view};
pub use crate::log::{log, logged, print};
pub use crate::output::returns;
pub use crate::prepared::{Prepared, prepared_parameter};
pub use crate::raw::Call;
pub use crate::sql::{Declaration, Kind, ListItem, Nested, Parameter, Sql, SqlItem, SqlType};
pub use crate::states::States;
pub use crate::structure::{
    Structure, append_fields, append_projected_fields, fields_bytes, projected_fields_bytes,
    start_fields,
};
pub use crate::table::{BoxedRows, TableState, boxed_rows, next_rows, row_type};
pub use crate::view::View;
pub use crate::window::{PartitionOutput, next, partition, rank};
