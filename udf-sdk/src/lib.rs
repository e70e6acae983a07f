//! User-defined functions for Fusebox, in Rust.
//!
//! A function with the attribute [`udf`] can be called from SQL once its crate
//! is compiled to WebAssembly. It stays a Rust function: tests and other crates
//! call it natively.
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
//! The sandbox has SIMD and wide arithmetic, which the compiler uses with
//! `RUSTFLAGS="-C target-feature=+simd128"`. With `+wide-arithmetic`, a
//! `checked_mul` of `i64` and a product of `i128` take one or a few instructions
//! instead of a call; use it only from LLVM 23 on (see `rustc -vV`), since LLVM 22
//! miscompiles `checked_mul`.
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
//! | `VARCHAR` | `&str`, `String`, `Cow<str>` | the same |
//! | `BYTEA` | `&[u8]`, `Vec<u8>`, `Cow<[u8]>` | the same |
//! | `T[]` | [`List<T>`](List), `Vec<T>`, `&[f64]` and slices of other numbers | the same |
//! | `STRUCT(…)` | a struct with [`#[derive(Row)]`](derive@Row), or a tuple: `STRUCT(c0 …, c1 …)` | the same |
//! | `MAP(K, V)` | [`Map<K, V>`](Map), `Vec<(K, V)>`, `BTreeMap<K, V>`, `HashMap` with a fixed hasher | the same |
//! | nulls | `Option` of the above | `Option` of the above |
//! | failures | | `Result` of the above, with an error that is `Display` |
//!
//! An alias of a type works like the type. `&str` and `&[u8]` cost the row nothing;
//! `String` and `Vec<u8>` are copied within the row, on its fuel. A result may
//! borrow from an argument.
//!
//! Lists, structs and maps may contain any of these types except [`AnyDecimal`],
//! nested to any depth. A `Vec<u8>` is a `BYTEA`, so a `TINYINT UNSIGNED[]` is a
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
//! With the features `chrono` and `jiff`, the dates, times and spans of these crates are
//! types too, and convert from and to those above. Values out of their range are panics.
//! With `rust_decimal`, [`Decimal`] converts from and to that crate's by `try_from`.
//!
//! **Nulls.** A function without an `Option` argument is `STRICT`: if an argument is
//! null, the result is null and the function is not called. With an `Option`
//! argument it is `CALLED ON NULL INPUT`, and a null is `None`; if another argument,
//! not an `Option`, is null, the result is still null.
//!
//! Inside of lists, structs and maps, an `Option` sees nulls, and so do `List` and
//! `Map`, which return each item and each value as an `Option`. A null anywhere else
//! makes the value that contains it null: with `y` null, a `struct Point { x: f64,
//! y: f64 }` is null, a `Vec<Point>` that contains it is null too, and so is the
//! result of a function that takes the `Vec`, while `Option<Vec<Point>>` is `None`.
//!
//! **Failures.** An `Err` ends the query with its message and the row. A panic also
//! ends the query, with its message and its location in the source, but discards the
//! instance: return an `Err` for invalid data, and panic for bugs.
//!
//! # Other kinds of functions
//!
//! - [`udaf`](macro@udaf) makes an aggregate function from the methods of its state:
//!   `SELECT geomean(value) FROM … GROUP BY …`.
//! - [`udwf`](macro@udwf) makes a window function from a method that keeps state from
//!   row to row, from a function of a whole [`Partition`], or from a function of
//!   [`Peers`]: `SELECT ema(value, 0.1) OVER (ORDER BY …)`.
//! - [`udtf`](macro@udtf) makes a table function from a function that returns an
//!   iterator: `SELECT * FROM words('…')`.
//! - [`udf`] with the option `columns` makes a scalar function of whole columns, as
//!   arrays of arrow-rs.
//!
//! # Performance
//!
//! The function is called in a loop inside the module, over columns in memory. The
//! shape of the loop depends on the compiled function:
//!
//! - If a row is *bounded*, without loops, allocations and calls of unknown length,
//!   as arithmetic is, the function is inlined into the loop. For a batch without
//!   nulls the loop has no tests, with constants too; nulls cost a test per row.
//! - All other rows are metered, at first in groups, in a function that is not
//!   inlined, so that its loops have all registers. A function marked `#[inline]` is
//!   inlined into the loop over the rows instead, which is faster by some 10 ns a row
//!   for a short function of a text, and slower for a long one.
//! - If a group consumes more fuel than one row may, or a row traps, the batch is
//!   repeated and each row is metered, at some 5 ns each. Text and bytes are first
//!   copied to a fixed address, so that a row costs the same wherever it lies in the
//!   column.
//!
//! [`fusebox_abi`] specifies exactly when a row is bounded.
//!
//! Before each call of an immutable or stable function, the engine compares all of
//! the guest's memory with the baseline and restores it, at some 12 µs per MiB. The
//! bundled functions have a shadow stack of 24 KiB (`-C link-arg=-zstack-size=24576`)
//! instead of the compiler's 1 MiB; large statics are expensive too.
//!
//! # Fuel and memory of a row
//!
//! A row has a fuel budget of its own, `fuel_per_row`, whatever the other rows of its
//! batch need. It pays for the code of the function, and one unit for every two bytes
//! of a text or binary result. In lists, structs and maps, each item, field, key and
//! value costs 256 more units; a `Vec` of numbers without `Option` counts as one of
//! them. Nested arguments cost 400 units for each column of numbers or text in them,
//! and 80 for each other column. All other reading of arguments, and appending
//! results, is overhead fuel of the call.
//!
//! Allocations of a row come from 32 KiB of scratch memory, which is reset for the
//! next row, and cost next to nothing. The latest allocation grows and shrinks in
//! place; other freed memory becomes available when the row has no allocations left,
//! or ends. Allocations that do not fit, and those of states, have a price that does not
//! depend on earlier rows and covers the work: up to 8 KiB, allocating and freeing cost
//! the row some 96 units each, and one more for every 16 bytes; larger ones 2,048, one
//! more for every 32 bytes, and one for every 8 that may have to be moved. The SDK
//! defines the global allocator for this, so a crate that uses it cannot.
//!
//! **Rows are independent of each other if the function keeps no state.** The engine
//! divides batches arbitrarily, so the content of a static, and its cost to a row,
//! depend on earlier rows. With the SQL option `reset = 'row'` the engine resets the
//! instance before each row, at some microseconds a row. Without it:
//!
//! - A `static` that is written, a `thread_local!`, a cache or a lazily built table
//!   makes rows depend on each other: one of them pays for all. Prefer a `const`,
//!   which the compiler evaluates, or force it in an [`init`](macro@init) function. In
//!   an immutable or stable function such state does not outlive the call.
//! - Scratch memory that a row does not free is missing to all later rows of the call.
//! - **`HashMap` and `HashSet` of the standard library** use different keys for every
//!   map, so for every row: the order of iteration and the fuel of a lookup differ
//!   from row to row. Use `BTreeMap` and `BTreeSet`, or a hasher with fixed keys, such
//!   as `BuildHasherDefault<DefaultHasher>`.
#![deny(unsafe_code)]

// The attributes, documented.
mod attributes;

// Functions called natively, as the engine calls them.
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

// Types of signatures, as the expansions of the macros name them.
mod named_types;

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

// Constants that are prepared once for a batch.
mod prepared;

// The arguments of a row, gathered from their columns.
mod row;

// Rust types of SQL arguments.
mod argument;

// Rust types of SQL results.
mod output;

// Builders of result columns.
mod results;

// Collections of the standard library as lists, maps and texts.
mod collections;

// Tuples as SQL structs.
mod tuples;

// Types of other crates as SQL types.
#[cfg(any(feature = "chrono", feature = "jiff"))]
mod converted;

// Lists, maps and partitions made natively.
#[cfg(not(target_arch = "wasm32"))]
mod made_natively;

// Rust structs as SQL structs, or as the rows of a table, and their fields.
mod field;
mod structure;

// Rust types of items and fields of results.
mod append;

// The partition of a window function.
mod partition;

// Lists and maps that borrow from an argument.
mod list;

// Rust types of items and fields of arguments.
mod item;

// Builders of nested result columns.
mod column_builder;

// Metering of rows, reports of panics, messages for people.
mod fuel;
mod log;

// Items and fields of columns, as slices.
mod view;

// Argument columns, as slices.
mod column;

// A column that has not been read yet, and numbers in the layout of columns.
mod input_array;
mod number;

// Columns as the host would lower them.
#[cfg(not(target_arch = "wasm32"))]
mod sample;

// Guest memory as the host sees it: all unsafe code.
mod raw;

// Failures and panics as the host reads them.
mod report;

// Offsets of strings and lists.
mod offsets;

// Slots for copies at aligned addresses.
mod aligned_copy;

// The arena that the host lowers arguments into.
mod arena;

// The memory of a row.
#[cfg(any(target_arch = "wasm32", test))]
mod scratch;

// Sizes of the blocks of a guest's heap.
#[cfg(any(target_arch = "wasm32", test))]
mod size_classes;

// The declaration of a function of any kind.
mod declared;

// Arrays of arrow-rs, and their SQL types.
#[cfg(feature = "arrow")]
mod array;

// Checks of SQL types at compile time.
mod sql_check;

// SQL types, and the declaration of a function.
mod sql;

// Texts that are built at compile time.
mod const_text;

// Dates, times and decimal numbers of other crates.
#[cfg(feature = "chrono")]
mod with_chrono;
#[cfg(feature = "jiff")]
mod with_jiff;
#[cfg(feature = "rust_decimal")]
mod with_rust_decimal;

// Points in time, days, times of day and spans of time.
mod timestamp;

mod calendar;

// Products, quotients and rounding of decimals, in numbers of 256 bits.
mod decimal_arithmetic;
mod wide;

// Decimal numbers.
mod decimal;

// Numbers of 16 bits.
mod float;

// Results read back as arguments.
#[cfg(test)]
mod round_trip;

// Aggregates and window functions over samples.
#[cfg(test)]
mod aggregated;
#[cfg(test)]
mod windowed;

// Borrowed arguments of functions over columns.
#[cfg(all(feature = "arrow", test))]
mod borrowed_arguments;

// Columns as Arrow itself exports them.
#[cfg(all(feature = "arrow", test))]
mod exported;

// The expansions of the macros name the crate.
#[cfg(test)]
extern crate self as fusebox_sdk;

#[cfg(feature = "arrow")]
pub use columns::Column;

pub use attributes::{init, udaf, udf, udtf, udwf};
pub use calendar::{Date, Duration, Interval, OutOfRange, Time};
pub use decimal::{AnyDecimal, Decimal, ParseDecimalError};
pub use float::F16;
pub use fusebox_macros::Row;
pub use list::{Iter, List, Map};
pub use partition::{Partition, PartitionIter, Peers};
pub use timestamp::{Microsecond, Millisecond, Nanosecond, Second, Timestamp, TimestampTz, Unit};

/// Selects the expansion of `#[udf(columns)]`, with its feature.
#[cfg(feature = "arrow")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_arrow {
    ({ $($with:tt)* } { $($without:tt)* }) => { $($with)* };
}

/// Selects the expansion of `#[udf(columns)]`, without its feature.
#[cfg(not(feature = "arrow"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_arrow {
    ({ $($with:tt)* } { $($without:tt)* }) => { $($without)* };
}

/// Items for the expansions of the macros. Not a public API.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
