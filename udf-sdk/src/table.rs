//! The rows of a table function, from the author's iterator.
//!
//! The iterator is kept from call to call. Each row has fuel of its own; that
//! of the first row also pays for the function that returns the iterator.

use std::cell::Cell;
use std::fmt::{self, Display};
use std::thread::LocalKey;

use crate::append::Append;
use crate::batch::RowFailure;
use crate::column_builder::ColumnBuilder;
use crate::fuel;
use crate::list::List;
use crate::raw::Call;
use crate::results::{NestedBuilder, ResultBuilder};
use crate::row::RowArguments;
use crate::structure::Structure;

/// A Rust type of the rows of a table: a struct with `#[derive(Row)]`, or a
/// `Result` of one.
pub trait TableRow: 'static {
    /// The type of a row without failures.
    type Row: Structure;

    /// Returns the row, or the message of the failure.
    fn into_row(self) -> Result<Self::Row, String>;
}

#[diagnostic::do_not_recommend]
impl<S: Structure + 'static> TableRow for S {
    type Row = S;

    fn into_row(self) -> Result<S, String> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<S, E> TableRow for Result<S, E>
where
    S: Structure + 'static,
    E: Display + 'static,
{
    type Row = S;

    fn into_row(self) -> Result<S, String> {
        self.map_err(|error| error.to_string())
    }
}

/// The progress of a table function.
#[derive(Default)]
pub enum TableState<P> {
    /// No row has been asked for.
    #[default]
    New,
    /// There may be more rows.
    Running(Box<dyn Iterator<Item = P>>),
    /// There are no more rows.
    Finished,
}

impl<P> fmt::Debug for TableState<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::New => "New",
            Self::Running(_) => "Going",
            Self::Finished => "Over",
        })
    }
}

/// The result of a table function: its rows, or the message of its failure.
pub type BoxedRows<P> = Result<Box<dyn Iterator<Item = P>>, String>;

/// Boxes the result of a table function.
pub fn boxed_rows<P, I, E>(outcome: Result<I, E>) -> BoxedRows<P>
where
    I: Iterator<Item = P> + 'static,
    E: Display,
{
    match outcome {
        Ok(rows) => Ok(Box::new(rows)),
        Err(error) => Err(error.to_string()),
    }
}

thread_local! {
    /// The host reads the builder's memory after the export has returned.
    static RESULTS: Cell<NestedBuilder> = const { Cell::new(NestedBuilder::new()) };
}

/// Returns the next rows of a table. `function` is called with the arguments of
/// the first call.
pub fn next_rows<'c, R: RowArguments<'c>, P: TableRow>(
    call: &'c Call,
    memory: &'static LocalKey<Cell<TableState<P>>>,
    function: impl Fn(R) -> BoxedRows<P>,
) -> u32 {
    let mut arguments = call.arguments();
    let projection = projection(&<(List<'c, bool>, ())>::columns(&mut arguments));
    let columns = R::columns(&mut arguments);
    let mut table = memory.take();
    let mut results = RESULTS.take();
    fuel::report_panics();
    let is_called = R::is_called(&columns, 0);
    let raw = R::get(&columns, 0);
    let begin = || match is_called {
        true => R::with(
            raw,
            |row| function(row).map(TableState::Running),
            || Ok(TableState::Finished),
        ),
        false => Ok(TableState::Finished),
    };
    let outcome = fill_table(&mut table, &begin, call.rows(), &projection, &mut results);
    let status = match outcome {
        Ok(rows) => results.return_to(&call.of_first(rows)),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(table);
    RESULTS.set(results);
    status
}

/// Reads the projection: a flag for each column of the table.
pub(crate) fn projection<'c>(
    columns: &<(List<'c, bool>, ()) as RowArguments<'c>>::Columns,
) -> Vec<bool> {
    let raw = <(List<'c, bool>, ())>::get(columns, 0);
    let is_projected = |projection| projection != Some(false);
    RowArguments::with(
        raw,
        |(projection, ()): (List<'c, bool>, ())| projection.iter().map(is_projected).collect(),
        Vec::new,
    )
}

/// Fills `results` with the next rows, at most `rows`. Returns the number of
/// rows.
pub(crate) fn fill_table<P: TableRow>(
    table: &mut TableState<P>,
    begin: &dyn Fn() -> Result<TableState<P>, String>,
    rows: usize,
    projection: &[bool],
    results: &mut NestedBuilder,
) -> Result<usize, RowFailure> {
    results.start(rows);
    let column = &mut results.root;
    P::Row::start(column);
    let mut done = 0;
    while done < rows && !matches!(table, TableState::Finished) {
        if done > 0 && !fuel::has_fuel() {
            break;
        }
        match produce_row(table, begin, done, projection) {
            Ok(None) => break,
            Ok(Some(row)) => append(&row, done, projection, column)?,
            Err(message) => {
                *table = TableState::Finished;
                return Err(RowFailure { row: done, message });
            }
        }
        done += 1;
    }
    column.append_nulls(projection);
    Ok(done)
}

/// Produces one row, on the row's fuel. The module has one copy of this
/// function. Its allocations may belong to the iterator.
#[inline(never)]
fn produce_row<P: TableRow>(
    table: &mut TableState<P>,
    begin: &dyn Fn() -> Result<TableState<P>, String>,
    row: usize,
    projection: &[bool],
) -> Result<Option<P::Row>, String> {
    fuel::begin_stateful_row(row);
    let row = poll_row(table, begin);
    let value = row.as_ref().ok().and_then(Option::as_ref);
    fuel::end_metered_row(value.map_or(0, |row| row.projected_bytes(projection)));
    row
}

/// Returns the next row. An iterator that has ended is not polled again.
fn poll_row<P: TableRow>(
    table: &mut TableState<P>,
    begin: &dyn Fn() -> Result<TableState<P>, String>,
) -> Result<Option<P::Row>, String> {
    if let TableState::New = table {
        *table = begin()?;
    }
    let TableState::Running(rows) = table else {
        return Ok(None);
    };
    match rows.next() {
        Some(row) => row.into_row().map(Some),
        None => {
            *table = TableState::Finished;
            Ok(None)
        }
    }
}

fn append<S: Structure>(
    value: &S,
    row: usize,
    projection: &[bool],
    column: &mut ColumnBuilder,
) -> Result<(), RowFailure> {
    let full = |_| RowFailure {
        row,
        message: NestedBuilder::OVERFLOW.to_owned(),
    };
    value.append_projected(projection, column).map_err(full)
}

#[cfg(test)]
mod tests;
