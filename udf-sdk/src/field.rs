//! Fields of structs with `#[derive(Row)]`.
//!
//! The expansion names the type of a field by one trait, with all tokens at the
//! type, so that the errors of a wrong type are equal, and the compiler prints one.

use std::fmt;
use std::mem::ManuallyDrop;

use crate::aligned_copy::CopySlots;
use crate::append::AppendNullable;
use crate::column_builder::{ColumnBuilder, ColumnLayout, OffsetOverflow};
use crate::input_array::InputArray;
use crate::item::NullableItem;
use crate::sql::Sql;
use crate::view::{StructView, View};

/// A Rust type of a struct's field, with the lifetime of the struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a field in SQL",
    label = "no SQL type for this field",
    note = "use bool, i8 to i64, u8 to u64, f32, f64, F16, Decimal, &str, String, &[u8], Vec<u8>, Date, Time, Timestamp, TimestampTz, Interval, Duration, a type of chrono or jiff with that feature, or of these a List, Vec, Map, BTreeMap, HashMap with a BuildHasherDefault, tuple, struct with #[derive(Row)] or Option",
    note = "instead of usize use u64, of char, Box<str> or Rc<str> a String, of IpAddr a String or Vec<u8>, of SystemTime a Timestamp, of std::time::Duration a fusebox_sdk::Duration or Interval"
)]
pub trait FieldType<'c>: NullableItem<NullableAt<'c> = Self> + AppendNullable {}

#[diagnostic::do_not_recommend]
impl<'c, T: NullableItem<NullableAt<'c> = T> + AppendNullable> FieldType<'c> for T {}

/// The operations of a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a field in SQL",
    label = "no SQL type for this field",
    note = "use bool, i8 to i64, u8 to u64, f32, f64, F16, Decimal, &str, String, &[u8], Vec<u8>, Date, Time, Timestamp, TimestampTz, Interval, Duration, a type of chrono or jiff with that feature, or of these a List, Vec, Map, BTreeMap, HashMap with a BuildHasherDefault, tuple, struct with #[derive(Row)] or Option",
    note = "instead of usize use u64, of char, Box<str> or Rc<str> a String, of IpAddr a String or Vec<u8>, of SystemTime a Timestamp, of std::time::Duration a fusebox_sdk::Duration or Interval"
)]
pub trait Field<'c>: Sized {
    /// The SQL type.
    const SQL: Sql;

    /// Bytes that a row is charged for slicing the view.
    const READ_CHARGE_BYTES: usize;

    /// The view that values are read from. An expansion keeps it in a
    /// [`ManuallyDrop`], so that the compiler does not ask whether a view needs to
    /// be dropped, which is an error of its own in each function that has one.
    type View: Copy;

    /// Reads the column of field `index` of a column of structs.
    fn view(array: InputArray<'c>, index: usize, slots: &mut CopySlots)
    -> ManuallyDrop<Self::View>;

    /// Returns the rows of a view from `start` to `end`, as [`View::slice`] does.
    fn slice<const COPY: bool>(
        view: ManuallyDrop<Self::View>,
        start: usize,
        end: usize,
    ) -> ManuallyDrop<Self::View>;

    /// Returns the value of a row; none if it is null and the type is not an
    /// `Option`.
    fn item(view: &ManuallyDrop<Self::View>, index: usize) -> Option<Self>;

    /// Removes all rows of a column and sets the layout of the type.
    fn start(column: &mut ColumnBuilder);

    /// Appends the value.
    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow>;

    /// Returns the number of bytes that the value adds to the column and its
    /// children, or more.
    fn charged_bytes(&self) -> usize;
}

impl<'c, T: FieldType<'c>> Field<'c> for T {
    const SQL: Sql = T::ITEM_SQL;
    const READ_CHARGE_BYTES: usize = <T::NullableView<'c> as View<'c>>::READ_CHARGE_BYTES;

    type View = FieldView<'c, T>;

    #[inline]
    fn view(
        array: InputArray<'c>,
        index: usize,
        slots: &mut CopySlots,
    ) -> ManuallyDrop<Self::View> {
        ManuallyDrop::new(FieldView(T::nullable_view(array.child(index), slots), ()))
    }

    #[inline]
    fn slice<const COPY: bool>(
        view: ManuallyDrop<Self::View>,
        start: usize,
        end: usize,
    ) -> ManuallyDrop<Self::View> {
        ManuallyDrop::new(FieldView(view.0.slice::<COPY>(start, end), ()))
    }

    #[inline]
    fn item(view: &ManuallyDrop<Self::View>, index: usize) -> Option<Self> {
        T::nullable_item(&view.0, index)
    }

    #[inline]
    fn start(column: &mut ColumnBuilder) {
        T::start_nullable(column);
    }

    #[inline]
    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        self.append_nullable(column)
    }

    #[inline]
    fn charged_bytes(&self) -> usize {
        self.nullable_bytes()
    }
}

/// The view of a field. A struct of its own, so that the compiler asks for the view
/// of a type only once it is known to be a [`FieldType`].
pub struct FieldView<'c, T: FieldType<'c>>(T::NullableView<'c>, ());

impl<'c, T: FieldType<'c>> Clone for FieldView<'c, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<'c, T: FieldType<'c>> Copy for FieldView<'c, T> {}

impl<'c, T: FieldType<'c>> fmt::Debug for FieldView<'c, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("FieldView").finish_non_exhaustive()
    }
}

/// Rows of a struct, without its fields.
pub type StructRows<'c> = StructView<'c, ()>;

/// Reads the rows of a column of structs, without its fields.
pub fn struct_rows(array: InputArray<'_>) -> StructRows<'_> {
    StructView::new(array, &mut CopySlots::default(), |_, _| ())
}

/// Starts a column of structs, and returns the columns of the fields.
pub fn start_struct(column: &mut ColumnBuilder, fields: usize) -> &mut [ColumnBuilder] {
    column.start(ColumnLayout::Struct, fields)
}

/// Appends a struct, whose fields are appended to the columns that this returns.
pub fn append_struct(column: &mut ColumnBuilder) -> &mut [ColumnBuilder] {
    column.append_struct()
}

/// Appends a struct to a column without nulls, of whose fields some are left out.
pub fn append_row(column: &mut ColumnBuilder) -> &mut [ColumnBuilder] {
    column.append_row()
}
