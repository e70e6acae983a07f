//! The attributes for functions of other kinds than scalar ones, explained.

/// Makes an aggregate function of the methods of its state.
///
/// The state is a struct with `#[derive(Default, Row)]`, whose fields own what
/// they hold: numbers, `String`, `Vec`, other such structs, and `Option` of these.
/// The attribute goes on an `impl` block of it. Whatever else is in the block
/// stays as it is.
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
/// - `update` takes the arguments of a row into the state of its group. They
///   follow the rules of a [function](crate::udf): without an `Option` among them
///   the aggregate is `STRICT`, and rows with a null are left out.
/// - `merge` takes another state into the state: batches are aggregated by
///   several instances, and their states may have been on disk.
/// - `finish` makes the result, of any type that a function may have. It may be
///   asked more than once, and may borrow from the state.
/// - `retract` takes back what `update` took, with the same arguments. Without
///   it, an aggregate over a frame that moves begins anew for each row.
///
/// Those that change the state may answer a `Result<(), E>` whose error is
/// `Display`: an `Err` ends the query with its message and the row.
///
/// The SQL name is that of the struct in snake case, unless `name = "…"` says
/// otherwise. The other options are those of a [function](crate::udf).
///
/// **The order of rows is not the query's**, and how they are divided among
/// states is up to the engine. So a sum of floats depends on the order of merging
/// in its last digits, unless the state makes it not to: by adding up whole
/// numbers, say, or by keeping what is lost. The engine promises the same result
/// for the same calls, not for another number of partitions.
///
/// **Fuel.** Each row of `update`, `merge` and `retract` burns fuel of its own,
/// `fuel_per_row` at most, and so does each group of `finish` and each state that
/// is handed out. To hand out a state costs what a result of its type does: 256
/// units for each item of a list. Where the row is bounded, the loop over rows
/// holds the method itself; where all rows are of one group, the state is in the
/// machine's registers.
///
/// **Memory.** What a method allocates outlives the row, so it comes from the
/// standard allocator, at some 256 units for each call of it. States are kept in
/// blocks of 1,024, in which one that owns no memory takes what its struct takes,
/// whether its group was touched or not. All of an instance's groups share the
/// function's `memory` limit.
pub use fusebox_macros::udaf;

/// Makes a window function of a method of its state, or of a function.
///
/// **Row by row.** On an `impl` block of a struct that is `Default`, the method
/// `next` makes the result of each row of a partition in turn, from its arguments
/// and what the struct has kept of the rows before. The partition begins with the
/// default. The SQL name is that of the struct in snake case.
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
/// Arguments and results are those of a [function](crate::udf), and so are
/// nulls and fuel. What a row allocates outlives it, as in an
/// [aggregate](macro@udaf).
///
/// **A partition at once.** A function whose arguments are
/// [`Partition`](crate::Partition)s sees all rows, nulls too, and answers a `Vec`
/// with a result for each, or a `Result` of one. Its fuel is that of all rows
/// together.
///
/// ```
/// use fusebox_sdk::{Partition, udwf};
///
/// /// What a value lacks to the largest.
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
/// called for each set of rows that are equal in what the window is ordered by,
/// and its result is that of each of them. It has no arguments in SQL.
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

/// Makes a table function of a function that returns an iterator.
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
/// function may return a `Result` of the iterator, too. What it returns must say
/// what its items are: `impl Iterator<Item = …>`, or a type by its name.
///
/// The iterator is kept from call to call, and asked for as many rows as the
/// query wants. So it may be endless, if the query has a `LIMIT`; and it cannot
/// borrow from the arguments, which are of types that own what they hold.
/// Without an `Option` among them the function is `STRICT`: with a null, the table
/// has no rows.
///
/// Each row burns fuel of its own, `fuel_per_row` at most; the first one's has to
/// do for what the function does before it returns, too. Columns that the query
/// does not want are not copied. What the iterator allocates may outlive the row,
/// as in an [aggregate](macro@udaf).
///
/// The options are those of a [function](crate::udf).
pub use fusebox_macros::udtf;
