//! The rows of a table function: the one place where the author's iterator is
//! asked for them.
//!
//! The iterator is kept from call to call. Each row has fuel of its own, the
//! first one's being for what the function does before it hands out its
//! iterator, too.

use std::cell::Cell;
use std::fmt::{self, Display};
use std::thread::LocalKey;

use crate::append::Append;
use crate::batch::Failure;
use crate::entry::Call;
use crate::fuel;
use crate::list::List;
use crate::node::Node;
use crate::results::{NestedResults, Results};
use crate::row::Row;
use crate::sql::Sql;
use crate::structure::Structure;

/// A Rust type that the rows of a table are of: a struct with `#[derive(Row)]`,
/// or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the rows of a table can be",
    label = "not a row",
    note = "use a struct with #[derive(Row)], or a Result of one whose error implements Display"
)]
pub trait Produced: 'static {
    /// The row.
    type Row: Structure;

    /// The row, or the message of its failure.
    fn into_row(self) -> Result<Self::Row, String>;
}

impl<S: Structure + 'static> Produced for S {
    type Row = S;

    fn into_row(self) -> Result<S, String> {
        Ok(self)
    }
}

impl<S, E> Produced for Result<S, E>
where
    S: Structure + 'static,
    E: Display + 'static,
{
    type Row = S;

    fn into_row(self) -> Result<S, String> {
        self.map_err(|error| error.to_string())
    }
}

/// The SQL struct that a row is.
pub const fn row_of<P: Produced>() -> Sql {
    Sql::Struct(<P::Row as Structure>::FIELDS)
}

/// How far a table has come.
#[derive(Default)]
pub enum Table<P> {
    /// No row was asked for.
    #[default]
    New,
    /// There may be more.
    Going(Box<dyn Iterator<Item = P>>),
    /// There are no more.
    Over,
}

impl<P> fmt::Debug for Table<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::New => "New",
            Self::Going(_) => "Going",
            Self::Over => "Over",
        })
    }
}

/// What a table function answers: its rows, or why there are none.
pub type Rows<P> = Result<Box<dyn Iterator<Item = P>>, String>;

/// Boxes what a table function answers.
pub fn rows<P, I, E>(answer: Result<I, E>) -> Rows<P>
where
    I: Iterator<Item = P> + 'static,
    E: Display,
{
    match answer {
        Ok(rows) => Ok(Box::new(rows)),
        Err(error) => Err(error.to_string()),
    }
}

thread_local! {
    /// The host reads it after the export has returned.
    static RESULTS: Cell<NestedResults> = const { Cell::new(NestedResults::new()) };
}

/// Answers a call with the next rows of a table. They come from what `function`
/// answers to the arguments of the first call.
pub fn produce<'c, R: Row<'c>, P: Produced>(
    call: &'c Call,
    memory: &'static LocalKey<Cell<Table<P>>>,
    function: impl Fn(R) -> Rows<P>,
) -> u32 {
    let mut arguments = call.arguments();
    let wanted = wanted(&<(List<'c, bool>, ())>::columns(&mut arguments));
    let columns = R::columns(&mut arguments);
    let mut table = memory.take();
    let mut results = RESULTS.take();
    fuel::report_panics();
    let is_called = R::is_called(&columns, 0);
    let raw = R::get(&columns, 0);
    let begin = || match is_called {
        true => R::with(
            raw,
            |row| function(row).map(Table::Going),
            || Ok(Table::Over),
        ),
        false => Ok(Table::Over),
    };
    let outcome = fill_table(&mut table, &begin, call.rows(), &wanted, &mut results);
    let status = match outcome {
        Ok(rows) => results.answer(&call.of_first(rows)),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(table);
    RESULTS.set(results);
    status
}

/// Which columns are wanted.
pub(crate) fn wanted<'c>(columns: &<(List<'c, bool>, ()) as Row<'c>>::Columns) -> Vec<bool> {
    let raw = <(List<'c, bool>, ())>::get(columns, 0);
    let is_wanted = |wanted| wanted != Some(false);
    Row::with(
        raw,
        |(wanted, ()): (List<'c, bool>, ())| wanted.iter().map(is_wanted).collect(),
        Vec::new,
    )
}

/// Fills `results` with the next rows, as many as there are, up to `rows`.
/// Returns how many.
pub(crate) fn fill_table<P: Produced>(
    table: &mut Table<P>,
    begin: &dyn Fn() -> Result<Table<P>, String>,
    rows: usize,
    wanted: &[bool],
    results: &mut NestedResults,
) -> Result<usize, Failure> {
    results.start(rows);
    let column = &mut results.root;
    P::Row::start(column);
    let mut done = 0;
    while done < rows && !matches!(table, Table::Over) {
        if done > 0 && !fuel::more() {
            break;
        }
        match one(table, begin, done, wanted) {
            Ok(None) => break,
            Ok(Some(row)) => append(&row, done, wanted, column)?,
            Err(message) => {
                *table = Table::Over;
                return Err(Failure { row: done, message });
            }
        }
        done += 1;
    }
    column.append_nulls(wanted);
    Ok(done)
}

/// Asks for one row, on the row's fuel. There is one copy of this in the module.
/// What it allocates may be for the iterator.
#[inline(never)]
fn one<P: Produced>(
    table: &mut Table<P>,
    begin: &dyn Fn() -> Result<Table<P>, String>,
    row: usize,
    wanted: &[bool],
) -> Result<Option<P::Row>, String> {
    fuel::announce_keeping(row);
    let row = ask(table, begin);
    let value = row.as_ref().ok().and_then(Option::as_ref);
    fuel::settle(value.map_or(0, |row| row.wanted_bytes(wanted)));
    row
}

/// The next row. An iterator that has come to its end is not asked again.
fn ask<P: Produced>(
    table: &mut Table<P>,
    begin: &dyn Fn() -> Result<Table<P>, String>,
) -> Result<Option<P::Row>, String> {
    if let Table::New = table {
        *table = begin()?;
    }
    let Table::Going(rows) = table else {
        return Ok(None);
    };
    match rows.next() {
        Some(row) => row.into_row().map(Some),
        None => {
            *table = Table::Over;
            Ok(None)
        }
    }
}

fn append<S: Structure>(
    value: &S,
    row: usize,
    wanted: &[bool],
    column: &mut Node,
) -> Result<(), Failure> {
    let full = |_| Failure {
        row,
        message: NestedResults::OVERFLOW.to_owned(),
    };
    value.append_wanted(wanted, column).map_err(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;
    use std::rc::Rc;

    use fusebox_macros::Row;

    use crate::argument::Rows as ListColumn;
    use crate::entry::Array;
    use crate::item::Item;
    use crate::places::Places;
    use crate::sample::{Sample, set_more};
    use crate::view::View;

    #[derive(Debug, PartialEq, Row)]
    struct Line {
        number: Option<i64>,
        text: Option<String>,
        parts: Option<Vec<Option<Inner>>>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Row)]
    struct Inner {
        flag: bool,
    }

    fn line(number: i64) -> Line {
        Line {
            number: Some(number),
            text: Some(format!("line {number}")),
            parts: Some(vec![Some(Inner { flag: true }), None]),
        }
    }

    /// A column's rows, read back.
    fn read(results: &mut NestedResults) -> Vec<Line> {
        let sample = results.root.lowered();
        let view = Line::view(Array::Sample(&sample), &mut Places::default());
        let lines = (0..view.rows()).map(|row| Line::item(&view, row).unwrap());
        lines.collect()
    }

    /// Asks for rows until there are none, and returns how many came at once.
    fn all<P: Produced<Row = Line>>(
        begin: &dyn Fn() -> Result<Table<P>, String>,
        rows: usize,
        wanted: &[bool],
    ) -> Result<(Vec<usize>, Vec<Line>), Failure> {
        let mut table = Table::New;
        let (mut counts, mut lines) = (Vec::new(), Vec::new());
        loop {
            let mut results = NestedResults::new();
            let count = fill_table(&mut table, begin, rows, wanted, &mut results)?;
            let read = read(&mut results);
            assert_eq!(read.len(), count);
            if count == 0 {
                assert!(matches!(table, Table::Over));
                return Ok((counts, lines));
            }
            counts.push(count);
            lines.extend(read);
        }
    }

    fn lines(end: i64) -> Result<Table<Line>, String> {
        Ok(Table::Going(Box::new((0..end).map(line))))
    }

    #[test]
    fn rows_come_as_many_at_a_time_as_are_wanted() {
        for (rows, expected) in [(4, vec![4, 4, 2]), (5, vec![5, 5]), (100, vec![10])] {
            let (counts, all) = all(&|| lines(10), rows, &[]).unwrap();
            assert_eq!(counts, expected);
            assert!(all.into_iter().eq((0..10).map(line)));
        }
        assert_eq!(all(&|| lines(0), 4, &[]), Ok((vec![], vec![])));
    }

    #[test]
    fn call_without_fuel_answers_with_the_rows_it_has() {
        set_more(2);
        let mut table = Table::New;
        let mut results = NestedResults::new();
        let begin = || lines(i64::MAX);
        let count = fill_table(&mut table, &begin, 1000, &[], &mut results);
        assert_eq!(count, Ok(3));
        assert!(read(&mut results).into_iter().eq((0..3).map(line)));
        let count = fill_table(&mut table, &begin, 2, &[], &mut results);
        assert_eq!(count, Ok(2));
        set_more(usize::MAX);
        assert!(read(&mut results).into_iter().eq((3..5).map(line)));
    }

    #[test]
    fn columns_that_nobody_wants_are_null_and_cost_nothing() {
        let unwanted = || Line {
            number: None,
            text: None,
            parts: None,
        };
        for wanted in [
            [true, false, false],
            [false, true, false],
            [false, false, true],
            [false; 3],
            [true; 3],
        ] {
            let (_, all) = all(&|| lines(10), 9, &wanted).unwrap();
            let expected = (0..10).map(line).map(|line| Line {
                number: line.number.filter(|_| wanted[0]),
                text: line.text.filter(|_| wanted[1]),
                parts: line.parts.filter(|_| wanted[2]),
            });
            assert!(all.into_iter().eq(expected), "{wanted:?}");
        }
        let line = line(7);
        assert_eq!(line.wanted_bytes(&[false; 3]), 0);
        assert_eq!(line.wanted_bytes(&[]), Append::settled_bytes(&line));
        assert!(line.wanted_bytes(&[false, true, false]) >= 6);
        assert_eq!(unwanted().wanted_bytes(&[false; 3]), 0);
    }

    #[test]
    fn failure_ends_the_table() {
        let begin = || {
            let rows = (0..9).map(|n| if n < 3 { Ok(line(n)) } else { Err("no line 3") });
            Ok(Table::Going(Box::new(rows) as Box<dyn Iterator<Item = _>>))
        };
        let (row, message) = (3, "no line 3".to_owned());
        assert_eq!(all(&begin, 8, &[]), Err(Failure { row, message }));
        let begin = || Err::<Table<Line>, _>("no table".to_owned());
        let (row, message) = (0, "no table".to_owned());
        assert_eq!(all(&begin, 8, &[]), Err(Failure { row, message }));
    }

    #[test]
    fn iterator_that_has_ended_is_dropped_and_not_asked_again() {
        let asked = Rc::new(RefCell::new(0));
        let begin = || {
            let asked = Rc::clone(&asked);
            // It would go on after its end.
            let rows = std::iter::from_fn(move || {
                *asked.borrow_mut() += 1;
                (*asked.borrow() != 3).then(|| line(1))
            });
            Ok(Table::Going(Box::new(rows) as Box<dyn Iterator<Item = _>>))
        };
        let mut table = Table::New;
        let mut results = NestedResults::new();
        let mut ask = || fill_table(&mut table, &begin, 10, &[], &mut results);
        assert_eq!([ask(), ask(), ask()], [Ok(2), Ok(0), Ok(0)]);
        assert_eq!((*asked.borrow(), Rc::strong_count(&asked)), (3, 1));
    }

    #[test]
    fn list_says_which_columns_are_wanted() {
        let mut node = Node::new();
        <Vec<Option<bool>> as Append>::start(&mut node);
        let list = vec![Some(true), Some(false), None];
        list.append(&mut node).unwrap();
        let sample: Sample = node.lowered();
        let array = Array::Sample(&sample);
        for rows in [1, 500] {
            let column = ListColumn::<List<'_, bool>>::new(array, rows, &mut Places::default());
            assert_eq!(wanted(&(column, ())), [true, false, true]);
        }
    }

    #[test]
    fn answer_may_be_a_failure() {
        let failed: Result<std::iter::Empty<Line>, i32> = Err(7);
        assert_eq!(rows(failed).err(), Some("7".to_owned()));
        let empty: Result<_, i32> = Ok(std::iter::empty::<Line>());
        assert!(rows(empty).is_ok_and(|mut rows| rows.next().is_none()));
    }
}
