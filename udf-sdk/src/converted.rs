//! Types of other crates as SQL types: each is converted from and to a type of
//! this crate.
//!
//! A value that the other type does not have is a panic in its row, since a null
//! would be a wrong result.

use std::any::type_name;

use crate::aligned_copy::CopySlots;
use crate::append::Append;
#[cfg(feature = "jiff")]
use crate::calendar::Interval;
use crate::calendar::{Date, Duration, Time};
use crate::column_builder::{ColumnBuilder, OffsetOverflow};
use crate::input_array::InputArray;
use crate::item::Item;
use crate::sql::{ListItem, Nested, Sql, SqlType};
use crate::timestamp::{Nanosecond, Timestamp, TimestampTz};

/// Converts a value.
fn converted<From, To: TryFrom<From>>(from: From) -> To {
    To::try_from(from).unwrap_or_else(|_| {
        let (from, to) = (type_name::<From>(), type_name::<To>());
        panic!("a {from} is out of the range of {to}")
    })
}

macro_rules! converted {
    ($($theirs:ty = $ours:ty;)*) => {$(
        impl SqlType for $theirs {
            const SQL: Sql = <$ours as SqlType>::SQL;
        }

        impl ListItem for $theirs {}
        impl Nested for $theirs {}

        impl Item for $theirs {
            type At<'c> = $theirs;
            type View<'c> = <$ours as Item>::View<'c>;

            fn view<'c>(array: InputArray<'c>, slots: &mut CopySlots) -> Self::View<'c> {
                <$ours as Item>::view(array, slots)
            }

            #[inline]
            fn item<'c>(view: &Self::View<'c>, index: usize) -> Option<Self::At<'c>> {
                <$ours as Item>::item(view, index).map(converted)
            }
        }

        impl Append for $theirs {
            fn start(column: &mut ColumnBuilder) {
                <$ours as Append>::start(column);
            }

            fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
                converted::<_, $ours>(*self).append(column)
            }

            // Called within the row, so that a panic names it.
            fn charged_bytes(&self) -> usize {
                converted::<_, $ours>(*self).charged_bytes()
            }
        }
    )*};
}

#[cfg(feature = "chrono")]
converted! {
    chrono::NaiveDate = Date;
    chrono::NaiveTime = Time;
    chrono::NaiveDateTime = Timestamp<Nanosecond>;
    chrono::DateTime<chrono::Utc> = TimestampTz;
    chrono::TimeDelta = Duration;
}

#[cfg(feature = "jiff")]
converted! {
    jiff::civil::Date = Date;
    jiff::civil::Time = Time;
    jiff::civil::DateTime = Timestamp<Nanosecond>;
    jiff::Timestamp = TimestampTz;
    jiff::SignedDuration = Duration;
    jiff::Span = Interval;
}
