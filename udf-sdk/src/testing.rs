//! Functions called natively, as the engine calls them: over columns with nulls
//! and constants, in several batches.
//!
//! So `cargo test` covers what a call of the bare function does not: nulls, what is
//! kept from row to row, and states that travel from one instance to another.
//! Fuel and memory are those of the engine alone. Columns stay in memory until the
//! tests end.
//!
//! ```
//! use fusebox_sdk::testing::{Column, scalar};
//! use fusebox_sdk::udf;
//!
//! #[udf]
//! fn gross(net: f64, tax_percent: Option<f64>) -> Result<f64, String> {
//!     match tax_percent {
//!         Some(tax) if tax < 0.0 => Err(format!("a tax of {tax} %")),
//!         tax => Ok(net * (1.0 + tax.unwrap_or(0.0) / 100.0)),
//!     }
//! }
//!
//! # fn main() {
//! let net = Column::new([Some(100.0), None, Some(200.0)]);
//! let tax = Column::new([Some(19.0), Some(7.0), None]);
//! assert_eq!(scalar(gross, &[net, tax]), Ok(vec![Some(119.0), None, Some(200.0)]));
//!
//! let tax = Column::constant(Some(-1.0));
//! let error = scalar(gross, &[Column::new([Some(1.0)]), tax]).unwrap_err();
//! assert_eq!(error, "row 0: a tax of -1 %");
//! # }
//! ```

// Window functions.
mod windows;

use std::fmt::{self, Debug};
use std::ops::Range;
use std::rc::Rc;

use crate::aggregate::{State, StateRef, UpdateOutput};
use crate::append::Append;
use crate::made_natively::{lower, view_of};
use crate::output::Output;
use crate::raw::{Arguments, NativeColumn};
use crate::row::RowArguments;
use crate::sample::Sample;
use crate::sql::Sql;

pub use windows::{partition, ranks, window};

/// An argument column.
#[derive(Clone)]
pub struct Column {
    /// Lowers some of the rows.
    lower: Rc<dyn Fn(Range<usize>) -> Sample>,
    /// Number of rows; none for a constant.
    rows: Option<usize>,
    sql: Sql,
}

impl Column {
    /// Creates a column of values, none for a null.
    pub fn new<T: Append + 'static>(values: impl IntoIterator<Item = Option<T>>) -> Self {
        let values: Vec<Option<T>> = values.into_iter().collect();
        Self {
            rows: Some(values.len()),
            lower: Rc::new(move |rows| lower(&values[rows])),
            sql: T::SQL,
        }
    }

    /// Creates a column of one value for all rows.
    pub fn constant<T: Append + 'static>(value: Option<T>) -> Self {
        let value = [value];
        Self {
            rows: None,
            lower: Rc::new(move |_| lower(&value)),
            sql: T::SQL,
        }
    }

    fn leaked(&self, rows: Range<usize>) -> &'static dyn NativeColumn {
        Box::leak(Box::new((self.lower)(rows)))
    }
}

impl Debug for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut column = formatter.debug_struct("Column");
        column.field("rows", &self.rows).field("sql", &self.sql);
        column.finish_non_exhaustive()
    }
}

/// A function of the arguments `R`, as pairs.
pub trait Function<R, O> {
    /// Calls the function.
    fn call(&self, row: R) -> O;
}

/// A method that changes a state of type `S`, with the arguments `R`, as pairs.
pub trait Method<S, R, O> {
    /// Calls the method.
    fn call(&self, state: &mut S, row: R) -> O;
}

macro_rules! callable {
    ($($($argument:ident $ty:ident)*;)*) => {$(
        impl<Called: Fn($($ty),*) -> O, O $(, $ty)*> Function<callable!(@pairs $($ty)*), O> for Called {
            fn call(&self, callable!(@pairs $($argument)*): callable!(@pairs $($ty)*)) -> O {
                self($($argument),*)
            }
        }

        impl<Called: Fn(&mut S $(, $ty)*) -> O, S, O $(, $ty)*> Method<S, callable!(@pairs $($ty)*), O>
            for Called
        {
            fn call(&self, state: &mut S, callable!(@pairs $($argument)*): callable!(@pairs $($ty)*)) -> O {
                self(state $(, $argument)*)
            }
        }
    )*};
    (@pairs) => { () };
    (@pairs $first:ident $($rest:ident)*) => { ($first, callable!(@pairs $($rest)*)) };
}
callable! {
    ;
    a A;
    a A b B;
    a A b B c C;
    a A b B c C d D;
    a A b B c C d D e E;
    a A b B c C d D e E f F;
    a A b B c C d D e E f F g G;
    a A b B c C d D e E f F g G h H;
}

/// Sizes of batches that functions are called with.
const BATCH_ROWS: [usize; 4] = [usize::MAX, 64, 3, 1];

/// Returns the number of rows of all columns, of which one is enough if all are
/// constant.
fn row_count(columns: &[Column]) -> usize {
    let mut counts = columns.iter().filter_map(|column| column.rows);
    let rows = counts.next().unwrap_or(1);
    assert!(
        counts.all(|other| other == rows),
        "expected columns of {rows} rows each, or constants, found {columns:?}"
    );
    rows
}

/// Lowers some rows of the columns, which are of these types.
fn lowered(columns: &[Column], types: &[Sql], rows: Range<usize>) -> Arguments<'static> {
    let found: Vec<Sql> = columns.iter().map(|column| column.sql).collect();
    assert_eq!(
        format!("{found:?}"),
        format!("{types:?}"),
        "expected columns of the types of the arguments"
    );
    let lowered = columns.iter().map(|column| column.leaked(rows.clone()));
    let lowered: &'static [&'static dyn NativeColumn] = lowered.collect::<Vec<_>>().leak();
    Arguments::native(lowered, rows.len())
}

/// Reads the columns of some rows.
fn read<R: RowArguments<'static>>(columns: &[Column], rows: Range<usize>) -> R::Columns {
    let mut types = Vec::new();
    R::sql_types(&mut types);
    R::columns(&mut lowered(columns, &types, rows))
}

/// Calls `each` for the rows that the engine calls the function for; the others are
/// null.
fn for_each<R: RowArguments<'static>, T>(
    columns: &[Column],
    rows: Range<usize>,
    mut each: impl FnMut(R) -> Result<Option<T>, String>,
) -> Result<Vec<Option<T>>, String> {
    let first = rows.start;
    let read = read::<R>(columns, rows.clone());
    let results = (0..rows.len()).map(|row| match R::is_called(&read, row) {
        true => R::with(R::get(&read, row), |row| Some(row), || None)
            .map_or(Ok(None), |arguments| in_row(first + row, each(arguments))),
        false => Ok(None),
    });
    results.collect()
}

/// Divides rows into batches of at most `batch` rows.
fn batches(rows: usize, batch: usize) -> impl Iterator<Item = Range<usize>> {
    let batch = batch.min(rows.max(1));
    (0..rows)
        .step_by(batch)
        .map(move |start| start..rows.min(start + batch))
}

/// Calls a scalar function for each row; none is a null result.
///
/// # Errors
///
/// The row and the message of the first failure.
///
/// # Panics
///
/// If the columns are not those of the arguments, or if results depend on how the
/// rows are divided into batches: then the function keeps state.
pub fn scalar<R, O, V>(
    function: impl Function<R, O>,
    columns: &[Column],
) -> Result<Vec<Option<V>>, String>
where
    R: RowArguments<'static>,
    O: Output<Value = V>,
    V: PartialEq + Debug,
{
    let rows = row_count(columns);
    let run = |batch| {
        let each = |row| function.call(row).into_row();
        let results = batches(rows, batch).map(|rows| for_each::<R, V>(columns, rows, each));
        let results: Result<Vec<_>, String> = results.collect();
        results.map(|results| results.into_iter().flatten().collect::<Vec<_>>())
    };
    same(BATCH_ROWS.map(run))
}

/// Returns the outcome of every division into batches.
fn same<T: PartialEq + Debug, const N: usize>(outcomes: [T; N]) -> T {
    let mut outcomes = outcomes.into_iter();
    let first = outcomes.next().expect("there are several divisions");
    for other in outcomes {
        assert_eq!(
            first, other,
            "expected the same results however rows are divided into batches"
        );
    }
    first
}

/// Evaluates an aggregate over all rows: in one state, in one for each batch of
/// several sizes, merged, and with states that were copied in between. Returns the
/// result of each.
///
/// ```
/// use fusebox_sdk::testing::{Column, aggregate};
/// use fusebox_sdk::{Row, udaf};
///
/// #[derive(Default, Row)]
/// struct Longest {
///     text: String,
/// }
///
/// #[udaf]
/// impl Longest {
///     fn update(&mut self, text: &str) {
///         if text.len() > self.text.len() {
///             self.text = text.to_owned();
///         }
///     }
///
///     fn merge(&mut self, other: Self) {
///         self.update(&other.text);
///     }
///
///     fn finish(&self) -> String {
///         self.text.clone()
///     }
/// }
///
/// # fn main() {
/// let texts = Column::new([Some("a"), None, Some("abc"), Some("ab")]);
/// for result in aggregate(Longest::update, Longest::merge, Longest::finish, &[texts]) {
///     assert_eq!(result, Ok(Some("abc".to_owned())));
/// }
/// # }
/// ```
pub fn aggregate<S, R, O, D, E>(
    update: impl Method<S, R, D>,
    merge: impl Fn(&mut S, S) -> E,
    finish: impl Fn(&'static S) -> O,
    columns: &[Column],
) -> Vec<Result<Option<O::Value>, String>>
where
    S: State + 'static,
    R: RowArguments<'static>,
    D: UpdateOutput,
    E: UpdateOutput,
    O: Output,
{
    let rows = row_count(columns);
    let run = |batch| {
        let mut states = Vec::new();
        for rows in batches(rows, batch) {
            let mut state = S::default();
            for_each::<R, ()>(columns, rows, |row| {
                update.call(&mut state, row).done().map(Some)
            })?;
            states.push(copied(&state));
        }
        let mut all = S::default();
        for state in states {
            merge(&mut all, state).done()?;
        }
        finish(Box::leak(Box::new(copied(&all)))).into_row()
    };
    BATCH_ROWS.into_iter().map(run).collect()
}

/// Copies a state, as the host does between instances.
fn copied<S: State>(state: &S) -> S {
    let view = view_of::<S, _>(&[Some(StateRef(state))]);
    S::item(&view, 0).expect("a state is not null")
}

/// Adds the row to a message.
fn in_row<T>(row: usize, result: Result<T, String>) -> Result<T, String> {
    result.map_err(|message| format!("row {row}: {message}"))
}

/// Evaluates a table function for the first row of its arguments, which are
/// constants; a null argument makes an empty table.
///
/// # Errors
///
/// The message of the failure.
pub fn table<R, I, T>(function: impl Function<R, I>, columns: &[Column]) -> Result<Vec<T>, String>
where
    R: RowArguments<'static>,
    I: IntoIterator<Item = T>,
{
    let each = |row| Ok(Some(function.call(row).into_iter().collect::<Vec<T>>()));
    let mut tables = for_each::<R, Vec<T>>(columns, 0..1, each)?;
    Ok(tables.pop().flatten().unwrap_or_default())
}
