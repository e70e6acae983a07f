//! The attributes of functions, documented.

/// Runs a function when an instance is made, before its first call.
///
/// Its writes to memory are there in every call: the engine resets
/// instances to the state after it. It runs on `fuel_init`, a billion units by
/// default, once for an instance, and no call pays for it. A module has at most one
/// such function, without arguments; a failure or a panic makes the module unusable.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::LazyLock;
///
/// use fusebox_sdk::{init, udf};
///
/// static SQUARES: LazyLock<BTreeMap<i64, i64>> =
///     LazyLock::new(|| (0..1000).map(|root| (root * root, root)).collect());
///
/// #[init]
/// fn prepare() {
///     LazyLock::force(&SQUARES);
/// }
///
/// /// The root of a square.
/// #[udf]
/// fn square_root(square: i64) -> Option<i64> {
///     SQUARES.get(&square).copied()
/// }
/// # fn main() {}
/// ```
///
/// A `Regex` compiles more when it first matches: match a text once there.
#[doc(inline)]
pub use fusebox_macros::init;

/// Makes a function callable from SQL.
///
/// The arguments and the result are of the [types](crate#types) that have a SQL type.
///
/// # Names and options
///
/// The SQL name is that of the function, and each argument has its own. Names are
/// quoted as they are, so a function to be called without quotes has a name in lower
/// case. Options, separated by commas:
///
/// - `name = "…"`: another SQL name.
/// - `immutable`, `stable` or `volatile`: the volatility, as in PostgreSQL. The engine
///   takes a function without this option to be immutable, since a guest has no
///   clock and no random numbers.
/// - `fuel_per_row`, `fuel_per_call` and `fuel_init` with a number, `memory`, `stack`
///   and `result_bytes` with a size, as `memory = "128MB"`: limits that the function
///   asks for. It gets no more than the session allows, and a statement overrides them.
/// - `columns`, and with it `strict` and `returns = "…"`: see [whole
///   columns](#whole-columns).
///
/// # Prepared constants
///
/// An argument with `#[constant(prepare = …)]` is what a function makes of the SQL
/// argument, borrowed: a compiled pattern, a parsed date format. The function takes the
/// argument, of one of the types above, and returns a `Result` whose error is `Display`.
///
/// ```ignore
/// use fusebox_sdk::udf;
/// use regex::Regex;
///
/// #[udf]
/// fn matches(text: &str, #[constant(prepare = Regex::new)] pattern: &Regex) -> bool {
///     pattern.is_match(text)
/// }
/// ```
///
/// It is called once for a batch if the argument is constant, on the fuel of the call,
/// and otherwise for each row, on the row's fuel. A failure is one of the row. Such a
/// function asks for `fuel_per_call = 5_000_000` and `fuel_per_row = 10_000_000`, unless
/// its options state them.
///
/// # Whole columns
///
/// With the feature `arrow` and the option `columns`, a function takes and returns
/// whole columns, as arrays of arrow-rs 59, which its kernels work on:
///
/// ```ignore
/// use arrow_array::{Array, ArrayRef, Int64Array, ListArray};
/// use arrow_schema::ArrowError;
/// use fusebox_sdk::{Column, udf};
///
/// #[udf(columns, returns = "BIGINT")]
/// fn plus(a: Column<Int64Array>, b: Column<Int64Array>) -> Result<ArrayRef, ArrowError> {
///     arrow_arith::numeric::add(&a, &b)
/// }
///
/// #[udf(columns)]
/// fn items(#[sql("VARCHAR[]")] lists: &ListArray) -> Int64Array {
///     let items = |list: ArrayRef| list.len() as i64;
///     lists.iter().map(|list| list.map(items)).collect()
/// }
/// ```
///
/// **Types.** An argument is a reference to an array, or a [`Column`](crate::Column) of
/// one. Many arrays have a SQL type: `Int64Array` is `BIGINT`, `StringArray` is
/// `VARCHAR`, `TimestampNanosecondArray` is `TIMESTAMP`, and so on. Arrays of several
/// types, such as `Decimal128Array`, `ListArray`, `StructArray`, `ArrayRef` or
/// `dyn Array`, and types with a time zone, need a declaration: `#[sql("…")]` before an
/// argument, and `returns = "…"` for the result. Each SQL type has one array,
/// whatever layout the engine has: text is a `StringArray`, and dictionaries arrive as
/// their values. The result must have this layout too, so the result of a kernel in
/// another layout, such as a `StringViewArray`, must be cast; a result of another type,
/// or with another number of rows than the batch, fails the query.
///
/// **Nulls.** The function handles nulls itself, so it is `CALLED ON NULL INPUT`. With
/// the option `strict`, the result is null wherever an argument is null; the function
/// still receives those rows.
///
/// **Constants.** An argument that is constant for the batch is expanded to all rows, at
/// the cost of a copy. As a `Column` it is a single row, which kernels accept as a
/// scalar. If the function has received only such arguments, its result may be a single
/// row too.
///
/// **Failures** end the query with their message and name no row. A panic ends the
/// query as in other functions.
///
/// **Borrowing.** Arrays refer to the arena of the host and are no copies. The result
/// may be an argument or a part of one: only the shared buffers are copied. Nothing
/// else may keep memory of an argument after the call, such as a clone in a `static`:
/// the guest traps with the message that the argument outlives its call.
///
/// **When to use columns.** Kernels are fast where they process columns in loops
/// without tests, and where the work per row is small. But all rows share one fuel
/// counter of `fuel_per_call` plus `fuel_per_row` for each of them, so whether it
/// suffices may depend on the other rows of a batch, and errors name no row. A function
/// of rows has a fuel budget for each row, is inlined into the loop if it is simple, and
/// compiles to some 20 KiB. Arrow adds 1 MB of code, and kernels for all types some more,
/// which takes seconds to compile when the module is first used. So write a function of
/// rows unless a kernel does the work.
pub use fusebox_macros::udf;

/// Makes an aggregate function from the methods of its state.
///
/// The state is a struct with `#[derive(Default, Row)]`, whose fields own their
/// values: numbers, `String`, `Vec`, other such structs, and `Option` of these.
/// The attribute goes on an `impl` block of the struct. All other items of the
/// block stay as they are.
///
/// ```
/// use fusebox_sdk::{Row, udaf};
///
/// #[derive(Default, Row)]
/// struct Geomean {
///     ln_sum: f64,
///     count: i64,
/// }
///
/// /// The geometric mean.
/// #[udaf]
/// impl Geomean {
///     fn update(&mut self, value: f64) {
///         self.ln_sum += value.ln();
///         self.count += 1;
///     }
///
///     fn merge(&mut self, other: Self) {
///         self.ln_sum += other.ln_sum;
///         self.count += other.count;
///     }
///
///     fn finish(&self) -> Option<f64> {
///         (self.count > 0).then(|| (self.ln_sum / self.count as f64).exp())
///     }
///
///     fn retract(&mut self, value: f64) {
///         self.ln_sum -= value.ln();
///         self.count -= 1;
///     }
/// }
/// # fn main() {}
/// ```
///
/// - `update` adds the arguments of a row to the state of its group. They
///   follow the rules of a [function](crate::udf): without an `Option` among
///   them the aggregate is `STRICT`, and rows with a null are skipped.
/// - `merge` adds another state to the state: several instances aggregate
///   batches, and their states may have been on disk.
/// - `finish` returns the result, of any type that a function may return. It
///   may be called more than once, and the result may borrow from the state.
/// - `retract` removes a row that `update` added, with the same arguments.
///   Without it, an aggregate over a moving frame is recomputed for each row.
///
/// The methods that change the state may return a `Result<(), E>` whose error
/// is `Display`: an `Err` ends the query with its message and the row.
///
/// The SQL name is that of the struct in snake case, unless `name = "…"` gives
/// another. The other options are those of a [function](crate::udf).
///
/// **The order of rows is not that of the query**, and the engine divides them
/// among states arbitrarily. So the last digits of a sum of floats depend on
/// the order of merging, unless the state avoids it: by adding integers, say,
/// or by keeping the rounding errors. The engine promises the same result for
/// the same calls, not for another number of partitions.
///
/// **Fuel.** Each row of `update`, `merge` and `retract` has a fuel budget of
/// its own, `fuel_per_row`, and so has each group of `finish` and each state
/// that is returned. Returning a state costs as much as a result of its type:
/// 256 units for each item of a list. If rows are bounded, the method is
/// inlined into the loop over rows; if all rows are of one group, the state is
/// in registers.
///
/// **Memory.** Allocations of a method outlive the row, so they come from the
/// standard allocator, at some 256 units for each operation. States are kept in
/// blocks of 1,024, in which a state that owns no memory takes the size of its
/// struct, whether its group was named or not. All groups of an instance share
/// the `memory` limit of the function.
pub use fusebox_macros::udaf;

/// Makes a window function from a method of its state, or from a function.
///
/// **Row by row.** On an `impl` block of a struct that is `Default`, the method
/// `next` returns the result of each row of a partition in order, from its
/// arguments and the state that the earlier rows left in the struct. The state
/// of a partition begins as the default. The SQL name is that of the struct in
/// snake case.
///
/// ```
/// use fusebox_sdk::udwf;
///
/// #[derive(Default)]
/// struct Ema {
///     mean: Option<f64>,
/// }
///
/// /// The exponential moving average.
/// #[udwf]
/// impl Ema {
///     fn next(&mut self, value: f64, alpha: f64) -> f64 {
///         let before = self.mean.unwrap_or(value);
///         *self.mean.insert(before + alpha * (value - before))
///     }
/// }
/// # fn main() {}
/// ```
///
/// Arguments, results, nulls and fuel are those of a [function](crate::udf).
/// Allocations of a row outlive it, as in an [aggregate](macro@udaf).
///
/// **Whole partitions.** A function whose arguments are
/// [`Partition`](crate::Partition)s receives all rows, nulls included, and
/// returns a `Vec` with a result for each, or a `Result` of one. Its fuel is
/// that of all rows together.
///
/// ```
/// use fusebox_sdk::{Partition, udwf};
///
/// /// The difference of a value to the largest.
/// #[udwf]
/// fn behind(value: Partition<'_, i64>) -> Vec<Option<i64>> {
///     let largest = value.iter().flatten().max().unwrap_or(0);
///     let behind = value.iter().map(|value| Some(largest - value?));
///     behind.collect()
/// }
/// # fn main() {}
/// ```
///
/// **Ranks.** With the option `rank`, a function of [`Peers`](crate::Peers) is
/// called for each set of rows that are equal in the window's order, and its
/// result is that of each of them. It has no arguments in SQL.
///
/// ```
/// use fusebox_sdk::{Peers, udwf};
///
/// /// `CUME_DIST()`.
/// #[udwf(rank)]
/// fn share(peers: Peers) -> f64 {
///     peers.end() as f64 / peers.partition_rows() as f64
/// }
/// # fn main() {
/// assert_eq!(share(Peers::new(1, 3, 4)), 0.75);
/// # }
/// ```
///
/// The other options are those of a [function](crate::udf).
pub use fusebox_macros::udwf;

/// Makes a table function from a function that returns an iterator.
///
/// ```
/// use fusebox_sdk::{Row, udtf};
///
/// #[derive(Row)]
/// struct Word {
///     position: i64,
///     word: String,
/// }
///
/// /// The words of a text.
/// #[udtf]
/// fn words(text: String) -> impl Iterator<Item = Word> {
///     let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
///     (1..).zip(words).map(|(position, word)| Word { position, word })
/// }
/// # fn main() {}
/// ```
///
/// The rows are structs with `#[derive(Row)]`, whose fields are the columns, or
/// `Result`s of one whose error is `Display`: an `Err` ends the query. The
/// function may return a `Result` of the iterator, too. Its return type must
/// name the type of the items: `impl Iterator<Item = …>`, or a named type.
///
/// The iterator is kept from call to call and polled for as many rows as the
/// query needs. So it may be infinite, if the query has a `LIMIT`; and it
/// cannot borrow from the arguments, which are of owned types. Without an
/// `Option` among them the function is `STRICT`: with a null, the table has no
/// rows.
///
/// Each row has a fuel budget of its own, `fuel_per_row`; that of the first row
/// also pays for the function itself. Columns that the query does not read are
/// not copied. Allocations of the iterator may outlive the row, as in an
/// [aggregate](macro@udaf).
///
/// The options are those of a [function](crate::udf).
pub use fusebox_macros::udtf;
