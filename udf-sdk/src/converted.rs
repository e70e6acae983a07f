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

        #[diagnostic::do_not_recommend]
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

#[cfg(test)]
mod tests {
    use super::*;

    use crate::testing::{Column, scalar};

    #[cfg(feature = "chrono")]
    #[test]
    fn dates_of_chrono_are_arguments_and_results() {
        use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};

        let next = |date: NaiveDate| date.checked_add_days(Days::new(1));
        let day = |day| NaiveDate::from_ymd_opt(2024, 2, day);
        let dates = Column::new([day(28), None, day(29)]);
        let expected = vec![day(29), None, NaiveDate::from_ymd_opt(2024, 3, 1)];
        assert_eq!(scalar(next, &[dates]), Ok(expected));
        // The same column as one of this crate's dates.
        let dates = Column::new([Some(Date::from_days(0))]);
        let expected = vec![NaiveDate::from_ymd_opt(1970, 1, 2)];
        assert_eq!(scalar(next, &[dates]), Ok(expected));

        let spans = |starts: Vec<DateTime<Utc>>, end: Option<NaiveDateTime>| {
            let end = end.unwrap_or_default().and_utc();
            let spans = starts.into_iter().map(|start| end - start);
            spans.collect::<Vec<TimeDelta>>()
        };
        let starts = Column::new([Some(vec![DateTime::<Utc>::from_timestamp_nanos(5)])]);
        let ends = Column::new([None::<NaiveDateTime>]);
        let expected = vec![Some(vec![TimeDelta::nanoseconds(-5)])];
        assert_eq!(scalar(spans, &[starts, ends]), Ok(expected));
    }

    #[cfg(feature = "chrono")]
    #[test]
    #[should_panic(expected = "is out of the range of chrono")]
    fn date_that_chrono_does_not_have_is_a_panic() {
        let same = |date: chrono::NaiveDate| date;
        let _ = scalar(same, &[Column::new([Some(Date::from_days(i32::MAX))])]);
    }

    #[cfg(feature = "jiff")]
    #[test]
    fn dates_of_jiff_are_arguments_and_results() {
        use jiff::{SignedDuration, Timestamp, civil};

        let next = |date: civil::Date| date.tomorrow().ok();
        let dates = Column::new([Some(civil::date(2024, 2, 29)), None]);
        let expected = vec![Some(civil::date(2024, 3, 1)), None];
        assert_eq!(scalar(next, &[dates]), Ok(expected));

        let later = |at: Timestamp, span: Option<SignedDuration>| at + span.unwrap_or_default();
        let at = Column::new([Timestamp::from_second(5).ok()]);
        let span = Column::constant(Some(SignedDuration::from_secs(-5)));
        let expected = vec![Some(Timestamp::UNIX_EPOCH)];
        assert_eq!(scalar(later, &[at, span]), Ok(expected));
    }
}
