//! Lists, maps and partitions made natively, for tests.

use crate::aligned_copy::CopySlots;
use crate::append::Append;
use crate::column_builder::ColumnBuilder;
use crate::input_array::InputArray;
use crate::item::Item;
use crate::list::{List, Map};
use crate::partition::Partition;
use crate::raw::{Arguments, NativeColumn};
use crate::sample::Sample;
use crate::view::View;

/// Lowers values, as the host does.
pub(crate) fn lower<T: Append>(values: &[Option<T>]) -> Sample {
    let mut column = ColumnBuilder::new();
    T::start(&mut column);
    for value in values {
        match value {
            Some(value) => value.append(&mut column).expect("the values fit a column"),
            None => column.append_null(),
        }
    }
    column.lowered()
}

/// Returns a column unread.
fn native(column: &'static Sample) -> InputArray<'static> {
    let columns: &'static [&'static dyn NativeColumn] = vec![column as &dyn NativeColumn].leak();
    InputArray::Lowered(Arguments::native(columns, 1).next_array())
}

/// Returns the view of values.
fn view<T: Item + Append>(values: &[Option<T>]) -> T::View<'static> {
    view_of::<T, T>(values)
}

/// Returns the view of values that are lowered as others of the same SQL type.
pub(crate) fn view_of<T: Item, A: Append>(values: &[Option<A>]) -> T::View<'static> {
    let column: &'static Sample = Box::leak(Box::new(lower(values)));
    T::view(native(column), &mut CopySlots::default())
}

/// Makes a list for a test; its memory is not released.
impl<T: Item + Append> From<Vec<Option<T>>> for List<'static, T> {
    fn from(items: Vec<Option<T>>) -> Self {
        List::of_view(view(&items))
    }
}

/// Makes a list for a test; its memory is not released.
impl<T: Item + Append, const N: usize> From<[T; N]> for List<'static, T> {
    fn from(items: [T; N]) -> Self {
        Self::from(items.map(Some).into_iter().collect::<Vec<_>>())
    }
}

/// Makes a map for a test; its memory is not released.
impl<K: Item + Append, V: Item + Append> From<Vec<(K, Option<V>)>> for Map<'static, K, V> {
    fn from(entries: Vec<(K, Option<V>)>) -> Self {
        let (keys, values): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .map(|(key, value)| (Some(key), value))
            .unzip();
        Map::of_views(view(&keys), view(&values))
    }
}

/// Makes a map for a test; its memory is not released.
impl<K: Item + Append, V: Item + Append, const N: usize> From<[(K, V); N]> for Map<'static, K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        let entries = entries.map(|(key, value)| (key, Some(value)));
        Self::from(entries.into_iter().collect::<Vec<_>>())
    }
}

/// Makes a partition for a test; its memory is not released.
impl<T: Item + Append> From<Vec<Option<T>>> for Partition<'static, T> {
    fn from(rows: Vec<Option<T>>) -> Self {
        let view = view(&rows);
        Partition::new(view, view.rows())
    }
}

/// Makes a partition for a test; its memory is not released.
impl<T: Item + Append, const N: usize> From<[T; N]> for Partition<'static, T> {
    fn from(rows: [T; N]) -> Self {
        Self::from(rows.map(Some).into_iter().collect::<Vec<_>>())
    }
}
