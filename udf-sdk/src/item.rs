//! Rust types of items and fields of arguments, and the views they are read
//! from.

use crate::aligned_copy::CopySlots;
use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::Decimal;
use crate::float::F16;
use crate::input_array::InputArray;
use crate::sql::{ListItem, SqlItem, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};
use crate::view::{BitView, ByteView, ListView, NumberView, StructView, TextView, View};

/// A Rust type of a list's items, a struct's fields or a map's keys or values
/// in an argument: one of [the table](crate#types).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an item or a field in SQL",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, or a struct with #[derive(Row)]; instead of usize use u64, of char, Box<str> or Rc<str> a String, of IpAddr a String or Vec<u8>, of SystemTime a Timestamp, of std::time::Duration a fusebox_sdk::Duration or Interval"
)]
pub trait Item: SqlType {
    /// The type with the lifetime of a call's arguments, if it borrows.
    type At<'c>;

    /// The view that values are read from.
    type View<'c>: View<'c>;

    /// Reads a column.
    fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c>;

    /// Returns the value of a row; none if it is null.
    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>>;

    /// Returns the view for [`row_value`](Self::row_value) of a row that is not
    /// null. If `COPY`, its contents are copied to aligned addresses.
    #[inline]
    fn row_view<'c, const COPY: bool>(view: &Self::View<'c>, row: usize) -> Self::View<'c> {
        view.slice::<COPY>(row, row + 1)
    }

    /// Returns the value of that row; none if it has a null inside that the
    /// type does not allow.
    #[inline]
    fn row_value<'c>(view: &Self::View<'c>) -> Option<Self::At<'c>> {
        Self::item(view, 0)
    }
}

/// An [`Item`], or `Option` of one, which sees nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an item or a field in SQL",
    label = "no SQL type for this item or field",
    note = "use a type of a SQL argument or result, a struct with #[derive(Row)], or an Option of either"
)]
pub trait NullableItem: SqlItem {
    /// The type with the lifetime of a call's arguments, if it borrows.
    type NullableAt<'c>;

    /// The view that values are read from.
    type NullableView<'c>: View<'c>;

    /// Reads a column.
    fn nullable_view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::NullableView<'c>;

    /// Returns the value of a row; none if it is null and the type is not an
    /// `Option`.
    fn nullable_item<'c>(
        view: &Self::NullableView<'c>,
        index: usize,
    ) -> Option<Self::NullableAt<'c>>;
}

#[diagnostic::do_not_recommend]
impl<T: Item> NullableItem for T {
    type NullableAt<'c> = T::At<'c>;
    type NullableView<'c> = T::View<'c>;

    fn nullable_view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> T::View<'c> {
        T::view(array, slots)
    }

    #[inline]
    fn nullable_item<'c>(view: &T::View<'c>, index: usize) -> Option<T::At<'c>> {
        T::item(view, index)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Item> NullableItem for Option<T> {
    type NullableAt<'c> = Option<T::At<'c>>;
    type NullableView<'c> = T::View<'c>;

    fn nullable_view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> T::View<'c> {
        T::view(array, slots)
    }

    #[inline]
    fn nullable_item<'c>(view: &T::View<'c>, index: usize) -> Option<Option<T::At<'c>>> {
        Some(T::item(view, index))
    }
}

/// The fields of a struct, as pairs: `(A, (B, ()))`.
pub trait Fields {
    /// The views that the fields are read from.
    type Views<'c>: View<'c>;

    /// Reads the columns of the fields from field `index` on.
    fn views<'c>(array: InputArray<'c>, index: usize, slots: &mut CopySlots) -> Self::Views<'c>;
}

impl Fields for () {
    type Views<'c> = ();

    fn views<'c>(_array: InputArray<'c>, _index: usize, _places: &mut CopySlots) {}
}

impl<P: NullableItem, R: Fields> Fields for (P, R) {
    type Views<'c> = (P::NullableView<'c>, R::Views<'c>);

    fn views<'c>(array: InputArray<'c>, index: usize, slots: &mut CopySlots) -> Self::Views<'c> {
        let first = P::nullable_view(array.child(index), slots);
        (first, R::views(array, index + 1, slots))
    }
}

/// The view that a struct is read from.
pub(crate) type FieldsView<'c, F> = StructView<'c, <F as Fields>::Views<'c>>;

/// Reads a column of structs.
pub(crate) fn fields_view<'c, F: Fields>(
    array: InputArray<'c>,
    slots: &mut CopySlots,
) -> FieldsView<'c, F> {
    StructView::new(array, slots, |array, slots| F::views(array, 0, slots))
}

macro_rules! items {
    ($($view:ident: $([$($generics:tt)*] $rust:ty = $at:ty),+ => $make:expr;)*) => {$($(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Item for $rust {
            type At<'c> = $at;
            type View<'c> = items!(@$view 'c $at);

            fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
                $view::new(array, slots)
            }

            #[inline]
            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                view.get(index).map($make)
            }
        }
    )+)*};
    (@NumberView $c:lifetime $at:ty) => { NumberView<$c, $at> };
    (@$view:ident $c:lifetime $at:ty) => { $view<$c> };
}
items! {
    NumberView:
        [] i8 = i8, [] i16 = i16, [] i32 = i32, [] i64 = i64,
        [] u8 = u8, [] u16 = u16, [] u32 = u32, [] u64 = u64,
        [] f32 = f32, [] f64 = f64, [] F16 = F16,
        [const P: u8, const S: i8] Decimal<P, S> = Self,
        [] Date = Date, [] Time = Time, [U: Unit] Timestamp<U> = Self,
        [] TimestampTz = Self, [] Duration = Self, [] Interval = Self
        => |value| value;
    BitView: [] bool = bool => |value| value;
    TextView: [] &str = &'c str => |value| value;
    TextView: [] String = String => str::to_owned;
    ByteView: [] &[u8] = &'c [u8] => |value| value;
    ByteView: [] Vec<u8> = Vec<u8> => <[u8]>::to_vec;
}

#[diagnostic::do_not_recommend]
impl<T: NullableItem + ListItem> Item for Vec<T> {
    type At<'c> = Vec<T::NullableAt<'c>>;
    type View<'c> = ListView<'c, T::NullableView<'c>>;

    fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
        ListView::new(array, slots, T::nullable_view)
    }

    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
        let items = view.get(index)?;
        let mut all = Vec::with_capacity(items.rows());
        for index in 0..items.rows() {
            all.push(T::nullable_item(&items, index)?);
        }
        Some(all)
    }
}

/// The view that a map is read from.
pub(crate) type MapView<'c, K, V> = ListView<'c, FieldsView<'c, (K, (V, ()))>>;

#[diagnostic::do_not_recommend]
impl<K: Item, V: NullableItem> Item for Vec<(K, V)> {
    type At<'c> = Vec<(K::At<'c>, V::NullableAt<'c>)>;
    type View<'c> = MapView<'c, K, V>;

    fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
        ListView::new(array, slots, fields_view::<(K, (V, ()))>)
    }

    fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
        let entries = view.get(index)?;
        let mut all = Vec::with_capacity(entries.rows());
        for index in 0..entries.rows() {
            let (keys, (values, ())) = entries.get(index)?;
            all.push((K::item(keys, index)?, V::nullable_item(values, index)?));
        }
        Some(all)
    }
}
