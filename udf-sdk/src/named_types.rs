//! Types of signatures, as the expansions of the macros name them.
//!
//! One wrong type is one error. An expansion names a type again and again, in
//! the declaration and in each export, and always by a trait of this file,
//! `<T as ArgumentType<'_, _>>::This`, whose tokens all lie at the type:
//!
//! - Each trait has two implementations for any type, the second of which holds
//!   for none. So the compiler checks the bounds of both before it continues, and
//!   the type without a bound is the same error wherever it is named, which is
//!   printed once.
//! - `This` is then unknown, and the errors that would follow from it are not
//!   printed at all.

use std::cell::Cell;
use std::thread::LocalKey;

use crate::aggregate::{State, UpdateOutput};
use crate::argument::Argument;
use crate::output::Output;
use crate::sql::{Sql, SqlType};
use crate::states::States;
use crate::structure::Structure;
use crate::table::{BoxedRows, TableRow, TableState};
use crate::window::{PartitionArg, PartitionOutput};

/// The implementation for the types that have the bound.
#[derive(Debug)]
pub struct Known;

/// The implementation for no type.
#[derive(Debug)]
pub struct Unknown;

/// A bound that no type has.
pub trait Unsatisfied {}

macro_rules! named_types {
    ($(
        $(#[$attribute:meta])*
        $named:ident<$($c:lifetime)?>: $bound:path {
            $(const $constant:ident: $constant_type:ty = $value:expr;)*
            $(static $held:ident$(, returned $returned:ident)?;)?
        }
    )*) => {$(
        $(#[$attribute])*
        pub trait $named<$($c,)? By>: Sized {
            /// The type itself.
            type This;

            $(
                /// A property of the type.
                const $constant: $constant_type;
            )*

            /// Converts to the type.
            fn of(this: Self::This) -> Self;

            /// Converts from the type.
            fn this(self) -> Self::This;

            $(
                /// Converts a borrow.
                fn of_ref(this: &Self::This) -> &Self;

                /// Converts a mutable borrow.
                fn of_mut(this: &mut Self::This) -> &mut Self;

                /// Converts the static of an expansion.
                fn memory(
                    memory: &'static LocalKey<Cell<$held<Self>>>,
                ) -> &'static LocalKey<Cell<$held<Self::This>>>;

                $(
                    /// Converts the output of the author's function.
                    fn returned(output: $returned<Self>) -> $returned<Self::This>;
                )?
            )?
        }

        named_types! {
            @impl $named<$($c)?>: $bound as Known { $($constant: $constant_type = $value;)* }
            $($held $($returned)?)?
        }
        named_types! {
            @impl $named<$($c)?>: Unsatisfied as Unknown {
                $($constant: $constant_type = panic!("the implementation is for no type");)*
            }
            $($held $($returned)?)?
        }
    )*};
    (
        @impl $named:ident<$($c:lifetime)?>: $bound:path as $by:ident {
            $($constant:ident: $constant_type:ty = $value:expr;)*
        }
        $($held:ident $($returned:ident)?)?
    ) => {
        #[diagnostic::do_not_recommend]
        impl<$($c,)? T: $bound> $named<$($c,)? $by> for T {
            type This = T;

            $(const $constant: $constant_type = $value;)*

            #[inline(always)]
            fn of(this: T) -> T {
                this
            }

            #[inline(always)]
            fn this(self) -> T {
                self
            }

            $(
                #[inline(always)]
                fn of_ref(this: &T) -> &T {
                    this
                }

                #[inline(always)]
                fn of_mut(this: &mut T) -> &mut T {
                    this
                }

                #[inline(always)]
                fn memory(
                    memory: &'static LocalKey<Cell<$held<T>>>,
                ) -> &'static LocalKey<Cell<$held<T>>> {
                    memory
                }

                $(
                    #[inline(always)]
                    fn returned(output: $returned<T>) -> $returned<T> {
                        output
                    }
                )?
            )?
        }
    };
}
named_types! {
    /// The type of an argument.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a type of a SQL argument",
        label = "no SQL type for this argument",
        note = "use bool, i8 to i64, u8 to u64, f32, f64, F16, Decimal, &str, String, &[u8], Vec<u8>, Date, Time, Timestamp, TimestampTz, Interval, Duration, a type of chrono or jiff with that feature, or of these a List, Vec, Map, BTreeMap, HashMap with a BuildHasherDefault, tuple, struct with #[derive(Row)] or Option",
        note = "instead of usize use u64, of char, Box<str> or Rc<str> a String, of IpAddr a String or Vec<u8>, of SystemTime a Timestamp, of std::time::Duration a fusebox_sdk::Duration or Interval"
    )]
    ArgumentType<'c>: Argument<'c> {
        const SQL: Sql = <T::Value as SqlType>::SQL;
        const SEES_NULLS: bool = T::SEES_NULLS;
    }

    /// The type of a result.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a type of a SQL result",
        label = "no SQL type for this result",
        note = "use bool, i8 to i64, u8 to u64, f32, f64, F16, Decimal, &str, String, &[u8], Vec<u8>, Date, Time, Timestamp, TimestampTz, Interval, Duration, a type of chrono or jiff with that feature, or of these a List, Vec, Map, BTreeMap, HashMap with a BuildHasherDefault, tuple, struct with #[derive(Row)] or Option, or a Result whose error implements Display",
        note = "instead of usize use u64, of char, Box<str> or Rc<str> a String, of IpAddr a String or Vec<u8>, of SystemTime a Timestamp, of std::time::Duration a fusebox_sdk::Duration or Interval"
    )]
    ResultType<>: Output {
        const SQL: Sql = <T::Value as SqlType>::SQL;
    }

    /// The return type of a method that changes a state.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a return type of a method that changes a state",
        label = "neither () nor a Result<(), …>",
        note = "return nothing, or use a Result<(), E> whose error implements Display"
    )]
    UpdateType<>: UpdateOutput {
        const CHECKED: () = ();
    }

    /// The type of an aggregate's states.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be the state of an aggregate",
        label = "not a state",
        note = "a state has #[derive(Default, Row)], and fields that own their values"
    )]
    StateType<>: State {
        const FIELDS: &'static [(&'static str, Sql)] = T::FIELDS;
        static States;
    }

    /// The type of a window function's state.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be the state of a window function",
        label = "not a state",
        note = "a state has #[derive(Default)]"
    )]
    WindowStateType<>: Default {
        const CHECKED: () = ();
        static Option;
    }

    /// The type of an argument over a whole partition.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a type of an argument over a whole partition",
        label = "not a Partition",
        note = "a window function over whole partitions takes arguments like Partition<'_, f64>; one that keeps state from row to row is a method `next` of its state"
    )]
    PartitionType<'c>: PartitionArg<'c> {
        const SQL: Sql = <T::Sql as SqlType>::SQL;
        const SEES_NULLS: bool = true;
    }

    /// The return type of a window function over whole partitions.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a return type of a window function over whole partitions",
        label = "not a Vec",
        note = "use a Vec<T> with a result for each row, or a Result<Vec<T>, E> whose error implements Display"
    )]
    PartitionResultType<>: PartitionOutput {
        const SQL: Sql = <<T::Row as Output>::Value as SqlType>::SQL;
    }

    /// The type of the rows of a table.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a type of the rows of a table",
        label = "not a row",
        note = "use a struct with #[derive(Row)], or a Result of one whose error implements Display"
    )]
    RowType<>: TableRow {
        const SQL: Sql = Sql::Struct(<T::Row as Structure>::FIELDS);
        static TableState, returned BoxedRows;
    }
}
