//! Tuples as SQL structs, whose fields have the names that DataFusion's `struct`
//! gives: `STRUCT(c0 BIGINT, c1 VARCHAR)`.

use crate::aligned_copy::CopySlots;
use crate::append::{Append, AppendNullable};
use crate::column_builder::{ColumnBuilder, OffsetOverflow};
use crate::input_array::InputArray;
use crate::item::{FieldsView, Item, NullableItem, fields_view};
use crate::sql::{Nested, Sql, SqlItem, SqlType};
use crate::structure::{
    Structure, append_fields, append_projected_fields, fields_bytes, projected_fields_bytes,
    start_fields,
};

/// Nests elements in pairs.
macro_rules! pairs {
    () => { () };
    ($first:expr $(, $rest:expr)*) => { ($first, pairs!($($rest),*)) };
}

/// Nests types in pairs.
macro_rules! pair_types {
    () => { () };
    ($first:ty $(, $rest:ty)*) => { ($first, pair_types!($($rest),*)) };
}

/// Nests patterns in pairs.
macro_rules! pair_patterns {
    () => { () };
    ($first:ident $(, $rest:ident)*) => { ($first, pair_patterns!($($rest),*)) };
}

macro_rules! tuples {
    ($($($name:literal $field:ident $ty:ident),+;)*) => {$(
        impl<$($ty: SqlItem),+> SqlType for ($($ty,)+) {
            const SQL: Sql = Sql::Struct(&[$(($name, $ty::ITEM_SQL)),+]);
        }

        impl<$($ty),+> Nested for ($($ty,)+) {}

        #[diagnostic::do_not_recommend]
        impl<$($ty: NullableItem),+> Item for ($($ty,)+) {
            type At<'c> = ($($ty::NullableAt<'c>,)+);
            type View<'c> = FieldsView<'c, pair_types!($($ty),+)>;

            fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
                fields_view::<pair_types!($($ty),+)>(array, slots)
            }

            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                let pair_patterns!($($field),+) = view.get(index)?;
                Some(($($ty::nullable_item($field, index)?,)+))
            }
        }

        impl<$($ty: AppendNullable),+> Append for ($($ty,)+) {
            fn start(column: &mut ColumnBuilder) {
                start_fields::<pair_types!($($ty),+)>(column);
            }

            fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                let ($($field,)+) = self;
                append_fields(pairs!($($field),+), column)
            }

            fn charged_bytes(&self) -> usize {
                let ($($field,)+) = self;
                fields_bytes(pairs!($($field),+))
            }
        }

        impl<$($ty: AppendNullable),+> Structure for ($($ty,)+) {
            const FIELDS: &'static [(&'static str, Sql)] = &[$(($name, $ty::ITEM_SQL)),+];

            fn append_projected(
                &self,
                projection: &[bool],
                column: &mut ColumnBuilder,
            ) -> Result<(), OffsetOverflow> {
                let ($($field,)+) = self;
                append_projected_fields(pairs!($($field),+), projection, column)
            }

            fn projected_bytes(&self, projection: &[bool]) -> usize {
                let ($($field,)+) = self;
                projected_fields_bytes(pairs!($($field),+), projection)
            }
        }
    )*};
}
tuples! {
    "c0" a A, "c1" b B;
    "c0" a A, "c1" b B, "c2" c C;
    "c0" a A, "c1" b B, "c2" c C, "c3" d D;
    "c0" a A, "c1" b B, "c2" c C, "c3" d D, "c4" e E;
    "c0" a A, "c1" b B, "c2" c C, "c3" d D, "c4" e E, "c5" f F;
    "c0" a A, "c1" b B, "c2" c C, "c3" d D, "c4" e E, "c5" f F, "c6" g G;
    "c0" a A, "c1" b B, "c2" c C, "c3" d D, "c4" e E, "c5" f F, "c6" g G, "c7" h H;
}
