//! Functions for Fusebox, in Rust.
//!
//! A function with the attribute [`udf`] can be called from SQL once its crate
//! is compiled to WebAssembly. It stays a Rust function: tests call it
//! natively, and so may other crates.
//!
//! ```
//! #![forbid(unsafe_code)]
//! use fusebox_sdk::udf;
//!
//! /// The gross price, or an error if there is none.
//! #[udf]
//! fn gross(net: f64, tax_percent: Option<f64>) -> Result<f64, String> {
//!     match tax_percent {
//!         Some(tax) if tax < 0.0 => Err(format!("a tax of {tax} %")),
//!         tax => Ok(net * (1.0 + tax.unwrap_or(0.0) / 100.0)),
//!     }
//! }
//! # fn main() {
//! assert_eq!(gross(100.0, Some(19.0)), Ok(119.0));
//! # }
//! ```
//!
//! The crate is a `cdylib`, built for `wasm32-unknown-unknown`. SQL needs no
//! signature, since the module carries it:
//!
//! ```sql
//! CREATE MODULE prices LANGUAGE WASM FROM 'prices.wasm';
//! IMPORT FUNCTIONS FROM MODULE prices;
//! SELECT gross(100, 19);
//! ```
//!
//! The sandbox has SIMD and wide arithmetic, which the compiler uses if it is
//! told to: `RUSTFLAGS="-C target-feature=+simd128"`. With `+wide-arithmetic`, a
//! `checked_mul` of `i64` and a product of `i128` take an instruction or a few,
//! and no call; but only from LLVM 23 on, which `rustc -vV` tells: LLVM 22 makes
//! wrong code of the former.
//!
//! # Types
//!
//! | SQL | argument | result |
//! |---|---|---|
//! | `BOOLEAN` | `bool` | `bool` |
//! | `TINYINT`, `TINYINT UNSIGNED` | `i8`, `u8` | `i8`, `u8` |
//! | `SMALLINT`, `SMALLINT UNSIGNED` | `i16`, `u16` | `i16`, `u16` |
//! | `INT`, `INT UNSIGNED` | `i32`, `u32` | `i32`, `u32` |
//! | `BIGINT`, `BIGINT UNSIGNED` | `i64`, `u64` | `i64`, `u64` |
//! | `FLOAT`, `DOUBLE` | `f32`, `f64` | `f32`, `f64` |
//! | `ARROW('Float16')` | [`F16`] | [`F16`] |
//! | `DECIMAL(P, S)` | [`Decimal<P, S>`](Decimal) | [`Decimal<P, S>`](Decimal) |
//! | `DECIMAL(*)` | [`AnyDecimal`] | [`AnyDecimal`] |
//! | `DATE` | [`Date`] | [`Date`] |
//! | `TIME` | [`Time`] | [`Time`] |
//! | `TIMESTAMP` | [`Timestamp`] | [`Timestamp`] |
//! | `TIMESTAMP(0)`, `TIMESTAMP(3)`, `TIMESTAMP(6)` | [`Timestamp<Second>`](Timestamp), `<Millisecond>`, `<Microsecond>` | the same |
//! | `TIMESTAMP WITH TIME ZONE` | [`TimestampTz`] | [`TimestampTz`] |
//! | `INTERVAL` | [`Interval`] | [`Interval`] |
//! | `ARROW('Duration(ns)')` | [`Duration`] | [`Duration`] |
//! | `VARCHAR` | `&str`, `String` | `&str`, `String` |
//! | `BYTEA` | `&[u8]`, `Vec<u8>` | `&[u8]`, `Vec<u8>` |
//! | `T[]` | [`List<T>`](List), `Vec<T>` | `Vec<T>`, `List<T>` |
//! | `STRUCT(…)` | a struct with [`#[derive(Row)]`](derive@Row) | the same |
//! | `MAP(K, V)` | [`Map<K, V>`](Map), `Vec<(K, V)>` | `Vec<(K, V)>`, `Map<K, V>` |
//! | nulls | `Option` of the above | `Option` of the above |
//! | failures | | `Result` of the above, with an error that is `Display` |
//!
//! An alias is as good as the type it stands for. `&str` and `&[u8]` cost the
//! row nothing; `String` and `Vec<u8>` are copied in the row and on its fuel. A
//! result may borrow from an argument.
//!
//! In lists, structs and maps may be any of these types but [`AnyDecimal`],
//! nested as one likes. A `Vec<u8>` is a `BYTEA`, so a `TINYINT UNSIGNED[]` is a
//! `Vec<Option<u8>>` or a `List<u8>`. Like `&str`, a `List`, a `Map` and a struct
//! that borrows cost the row nothing, while a `Vec` is a copy, made on its fuel.
//!
//! ```
//! use fusebox_sdk::{List, Row, udf};
//!
//! #[derive(Row)]
//! struct Point {
//!     x: f64,
//!     y: f64,
//! }
//!
//! #[derive(Row)]
//! pub struct Place<'a> {
//!     name: Option<&'a str>,
//!     at: Point,
//! }
//!
//! /// The name of the first place in the west.
//! #[udf]
//! fn western<'a>(places: List<'a, Place<'a>>) -> Option<&'a str> {
//!     places.iter().flatten().find(|place| place.at.x < 0.0)?.name
//! }
//! # fn main() {}
//! ```
//!
//! With the features `chrono` and `jiff`, dates and times convert from and to
//! those of the two crates.
//!
//! **Nulls.** A function without an `Option` argument is `STRICT`: where an
//! argument is null, the result is null and the function is not called. With
//! one, it is `CALLED ON NULL INPUT`, and the `Option` is `None` there; where
//! another argument, not an `Option`, is null, the result still is null.
//!
//! Inside of lists, structs and maps, an `Option` sees nulls, and so do `List`
//! and `Map`, which give each item and each value as one. A null anywhere else
//! makes that null which it is in: with `y` null, a `struct Point { x: f64, y:
//! f64 }` is null, a `Vec<Point>` with it in it is too, and so is the result of
//! a function that takes the `Vec`, while `Option<Vec<Point>>` is `None`.
//!
//! **Failures.** An `Err` ends the query with its message and the row. A panic
//! ends it too, with its message and its place in the source, but costs the
//! instance: an `Err` is for what the data may do, a panic for mistakes.
//!
//! # Other kinds of functions
//!
//! - [`udaf`](macro@udaf) makes an aggregate function of the methods of its
//!   state: `SELECT geomean(value) FROM … GROUP BY …`.
//! - [`udwf`](macro@udwf) makes a window function of a method that goes on from
//!   row to row, of a function of a whole [`Partition`], or of one of [`Peers`]:
//!   `SELECT ema(value, 0.1) OVER (ORDER BY …)`.
//! - [`udtf`](macro@udtf) makes a table function of one that returns an
//!   iterator: `SELECT * FROM words('…')`.
//!
//! # What the attribute says
//!
//! The SQL name is that of the function, and each argument has its own. Names
//! are quoted as they stand, so a function that is to be called without quotes
//! has a name in lower case. Options, between commas:
//!
//! - `name = "…"`: another SQL name.
//! - `immutable`, `stable` or `volatile`: how results may change, as in
//!   PostgreSQL. Without one of them the engine takes the function to be
//!   immutable, since there is no clock or chance to be had.
//! - `columns`, of [`udf`](macro@udf) alone, and with it `strict` and
//!   `returns = "…"`: see [whole columns](#whole-columns).
//!
//! # Whole columns
//!
//! With the feature `arrow`, a function may take and give whole columns, as
//! arrays of arrow-rs 59, which its kernels work on:
//!
//! ```ignore
//! use arrow_array::{Array, ArrayRef, Int64Array, ListArray};
//! use arrow_schema::ArrowError;
//! use fusebox_sdk::{Column, udf};
//!
//! #[udf(columns, returns = "BIGINT")]
//! fn plus(a: Column<Int64Array>, b: Column<Int64Array>) -> Result<ArrayRef, ArrowError> {
//!     arrow_arith::numeric::add(&a, &b)
//! }
//!
//! #[udf(columns)]
//! fn items(#[sql("VARCHAR[]")] lists: &ListArray) -> Int64Array {
//!     let items = |list: ArrayRef| list.len() as i64;
//!     lists.iter().map(|list| list.map(items)).collect()
//! }
//! ```
//!
//! **Types.** An argument is a reference to an array, or a `Column` of one. A
//! concrete array stands for a SQL type by itself: `Int64Array` for `BIGINT`,
//! `StringArray` for `VARCHAR`, `TimestampNanosecondArray` for `TIMESTAMP`, and
//! so on. What leaves it open, such as `Decimal128Array`, `ListArray`,
//! `StructArray`, `ArrayRef` or `dyn Array`, and what has a time zone, has it
//! written down: `#[sql("…")]` stands where the argument does, so that neither
//! is renamed without the other, and `returns = "…"` says it of the result. There
//! is one array for each type, whatever layout the engine has: text is a
//! `StringArray`, codes of a dictionary are the values they stand for. A result
//! is of the declared type in this layout too, so what a kernel makes in another,
//! a `StringViewArray` say, is cast before it is given; one that is not, or has
//! not as many rows as the batch, fails the query.
//!
//! **Nulls** are the function's business, so it is `CALLED ON NULL INPUT`. With
//! the option `strict`, the result is null wherever an argument is; the function
//! still sees those rows.
//!
//! **Constants.** An argument that is one value for the batch arrives with as
//! many rows as the others, at the price of making them. As a `Column` it is the
//! one row that it is, and kernels take it for a scalar. Where all arguments are
//! such, so may be the result.
//!
//! **Failures** end the query with their message, and name no row. A panic is
//! what it is otherwise.
//!
//! **What is lent.** Arrays are the engine's memory and not a copy of it. The
//! result may be an argument or a part of one: what it shares is copied, and
//! that alone. Nothing else of an argument may be left after the call, such as a
//! clone in a `static`: the guest traps and says that the argument outlives its
//! call.
//!
//! **When to prefer it.** Kernels are fast where they do a column at a time in
//! loops without a test, and where the work for a row is small. But rows share
//! one tank of fuel, `fuel_per_call` and `fuel_per_row` for each of them, so
//! whether it suffices may depend on the other rows of a batch, and errors name
//! none. A function of rows is held to its own fuel in each, is inlined into the
//! loop if it is simple, and compiles to some 20 KiB; Arrow is 1 MB of module,
//! and kernels, which know all types, are some more of them, which takes seconds
//! to compile when the module is first used. So write a function of rows, unless
//! there is a kernel that does it.
//!
//! # How fast it is
//!
//! The function is called in a loop inside the module, over columns in memory.
//! How tight the loop is depends on what the compiler has made of the function:
//!
//! - Where a row is *bounded*, without a loop, an allocation or a call of
//!   unknown length in it, as arithmetic is, the function is inlined into the
//!   loop. A batch without nulls is then a loop without tests, of constants too;
//!   nulls cost a test per row.
//! - All other rows are held to fuel, at first some of them together, in a
//!   function of their own, so that the loops of yours have all registers. If
//!   yours is marked `#[inline]`, it stands in the loop over the rows instead,
//!   which is faster by some 10 ns a row for a short function of a text, and
//!   slower for one that works long.
//! - Where some rows burn more than one may, or one of them traps, the batch is
//!   run again, and each row announced, some 5 ns each. Text and bytes are copied
//!   to one place first, so that a row costs the same wherever it lies in the
//!   column.
//!
//! [`fusebox_abi`] says exactly when a row is bounded.
//!
//! Before each call of an immutable or stable function, the engine looks at all
//! of the guest's memory and puts it back as it was, at some 12 µs for a MiB.
//! The bundled functions do with a shadow stack of 24 KiB
//! (`-C link-arg=-zstack-size=24576`) instead of the compiler's MiB; large
//! statics are dear too.
//!
//! # Fuel and memory of a row
//!
//! A row burns fuel of its own, `fuel_per_row` at most, whatever the other rows
//! of its batch need: the code of the function, and a unit for every two bytes
//! of a text or binary result. In lists, structs and maps, each item, field, key
//! and value has 256 units more; a `Vec` of numbers without `Option` counts as
//! one of them. As arguments, they have 400 units for each column of numbers or
//! text in them, and 80 for each other. All other reading of arguments, and
//! appending results, is paid by the call.
//!
//! What a row allocates comes from a piece of 32 KiB that is empty again for the
//! next row, and costs next to nothing. The allocation made last grows and
//! shrinks in place; what else is freed is free again when the row has nothing
//! left, or ends. What does not fit comes from the standard allocator, at a
//! price that does not depend on the rows before: each call of it costs the row
//! some 256 units, one more for every 32 bytes that are asked for, and one for
//! every 8 that may have to be moved. So the SDK has the global allocator, and a
//! crate that uses it cannot set another.
//!
//! **Rows are independent of each other as long as the function keeps nothing.**
//! The engine divides batches as it likes, so what a row finds in a static, and
//! what it pays for it, depends on which rows came before. With the SQL option
//! `reset = 'row'` the engine forgets everything before each row, at some
//! microseconds a row. Without it:
//!
//! - A `static` that is written, a `thread_local!`, a cache or a lazily built
//!   table makes rows depend on each other: one of them pays for all. Prefer a
//!   `const`, which is built by the compiler. In an immutable or stable function
//!   nothing of it outlives the call anyway. What a row leaves behind in the
//!   piece of 32 KiB is missing to all rows after it.
//! - **`HashMap` and `HashSet` of the standard library** take other keys for
//!   every map, so for every row: the order of iteration and the fuel of a lookup
//!   differ from row to row. Use `BTreeMap` and `BTreeSet`, or a hasher of your
//!   own, such as `BuildHasherDefault<DefaultHasher>`, whose keys are fixed.
#![deny(unsafe_code)]

// The attributes for functions of other kinds.
mod kinds;

// The operations of an aggregate.
mod aggregate;

// The states of an aggregate's groups.
mod states;

// The operations of a window function.
mod window;

// The rows of a table function.
mod table;

// Functions over whole columns.
#[cfg(feature = "arrow")]
mod columns;

// The loop over the rows of a batch.
mod batch;

// The arguments of a row, gathered from their columns.
mod row;

// Rust types that SQL arguments arrive as.
mod argument;

// Rust types that become SQL results.
mod output;

// Result columns in the making.
mod results;

// Rust structs that become SQL structs, or the rows of a table.
mod structure;

// Rust types that become parts of results.
mod append;

// What a window function sees of a partition.
mod partition;

// Lists and maps that borrow from an argument.
mod list;

// Rust types that arrive inside of lists, structs and maps.
mod item;

// Result columns with others inside.
mod node;

// Result columns as the host reads them.
mod answer;

// What the host is told of rows and panics.
mod fuel;

// Guest addresses into columns, and results into addresses: all unsafe code.
mod entry;

// What a failure or a panic says, as the host reads it.
mod report;

// The memory that the host writes a call's arguments to.
mod arena;

// Places for copies that lie at aligned addresses.
mod places;

// The memory of a row.
#[cfg(any(target_arch = "wasm32", test))]
mod scratch;

// What is inside of columns.
mod view;

// Argument columns, as slices.
mod column;

// Numbers as columns hold them.
mod number;

// The declaration of a function of any kind.
mod declared;

// Arrays of arrow-rs, and the SQL types they stand for.
#[cfg(feature = "arrow")]
mod array;

// SQL types, and the declaration of a function.
mod sql;

// Dates and times of the crate `chrono`.
#[cfg(feature = "chrono")]
mod with_chrono;

// Dates and times of the crate `jiff`.
#[cfg(feature = "jiff")]
mod with_jiff;

// Points in time.
mod timestamp;

// Days, times of day and spans of time.
mod calendar;

// Decimal numbers.
mod decimal;

// Numbers of 16 bits.
mod float;

// Columns as a host would lower them.
#[cfg(test)]
mod sample;

// What goes out as a result comes in again as an argument.
#[cfg(test)]
mod round_trip;

// What aggregates do with the rows of their groups.
#[cfg(test)]
mod aggregated;

// What window functions do with the rows of a partition.
#[cfg(test)]
mod windowed;

// What is lent to functions over columns comes back.
#[cfg(all(feature = "arrow", test))]
mod lent;

// Columns as Arrow itself exports them.
#[cfg(all(feature = "arrow", test))]
mod exported;

// What the macros write names the crate.
#[cfg(test)]
extern crate self as fusebox_sdk;

#[cfg(feature = "arrow")]
pub use columns::Column;

pub use calendar::{Date, Duration, Interval, OutOfRange, Time};
pub use decimal::{AnyDecimal, Decimal, ParseDecimalError};
pub use float::F16;
pub use fusebox_macros::{Row, udf};
pub use kinds::{udaf, udtf, udwf};
pub use list::{Iter, List, Map};
pub use partition::{Partition, PartitionIter, Peers};
pub use timestamp::{Microsecond, Millisecond, Nanosecond, Second, Timestamp, TimestampTz, Unit};

/// Chooses what `#[udf(columns)]` expands to, with the feature it needs.
#[cfg(feature = "arrow")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_arrow {
    ({ $($with:tt)* } { $($without:tt)* }) => { $($with)* };
}

/// The same without.
#[cfg(not(feature = "arrow"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_arrow {
    ({ $($with:tt)* } { $($without:tt)* }) => { $($without)* };
}

/// What the attribute's expansion needs. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use fusebox_abi::ArrowArray;

    #[cfg(feature = "arrow")]
    pub use crate::columns::{
        column_parameter, column_returns, declared_parameter, declared_returns, run_columns,
    };

    pub use crate::aggregate::{forget, is_done, look, show, state, take};
    pub use crate::append::Append;
    pub use crate::batch::{run, run_some};
    pub use crate::declared::Declared;
    pub use crate::entry::{Array, Call};
    pub use crate::item::{FieldsView, Item, Part, fields_view};
    pub use crate::node::{Full, Node};
    pub use crate::output::returns;
    pub use crate::places::Places;
    pub use crate::sql::{
        Declaration, InVec, Kind, Nested, Parameter, Sql, SqlPart, SqlType, text,
    };
    pub use crate::states::States;
    pub use crate::structure::{
        Structure, append_fields, append_wanted_fields, fields_bytes, start_fields,
        wanted_fields_bytes,
    };
    pub use crate::table::{Rows, Table, produce, row_of, rows};
    pub use crate::view::View;
    pub use crate::window::{Answers, next, partition, rank};
}
