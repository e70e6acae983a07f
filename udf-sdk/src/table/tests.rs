use super::*;

use std::cell::RefCell;
use std::rc::Rc;

use fusebox_macros::Row;

use crate::aligned_copy::CopySlots;
use crate::argument::NestedColumn as ListColumn;
use crate::fuel::simulated::set_rows_with_fuel;
use crate::input_array::InputArray;
use crate::item::Item;
use crate::sample::Sample;
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

/// Reads back the rows of a column.
fn read(results: &mut NestedBuilder) -> Vec<Line> {
    let sample = results.root.lowered();
    let view = Line::view(InputArray::Sample(&sample), &mut CopySlots::default());
    let lines = (0..view.rows()).map(|row| Line::item(&view, row).unwrap());
    lines.collect()
}

/// Calls for rows until there are none; returns the number of rows of each
/// call, and all rows.
fn all<P: TableRow<Row = Line>>(
    begin: &dyn Fn() -> Result<TableState<P>, String>,
    rows: usize,
    projection: &[bool],
) -> Result<(Vec<usize>, Vec<Line>), RowFailure> {
    let mut table = TableState::New;
    let (mut counts, mut lines) = (Vec::new(), Vec::new());
    loop {
        let mut results = NestedBuilder::new();
        let count = fill_table(&mut table, begin, rows, projection, &mut results)?;
        let read = read(&mut results);
        assert_eq!(read.len(), count);
        if count == 0 {
            assert!(matches!(table, TableState::Finished));
            return Ok((counts, lines));
        }
        counts.push(count);
        lines.extend(read);
    }
}

fn lines(end: i64) -> Result<TableState<Line>, String> {
    Ok(TableState::Running(Box::new((0..end).map(line))))
}

#[test]
fn each_call_returns_as_many_rows_as_requested() {
    for (rows, expected) in [(4, vec![4, 4, 2]), (5, vec![5, 5]), (100, vec![10])] {
        let (counts, all) = all(&|| lines(10), rows, &[]).unwrap();
        assert_eq!(counts, expected);
        assert!(all.into_iter().eq((0..10).map(line)));
    }
    assert_eq!(all(&|| lines(0), 4, &[]), Ok((vec![], vec![])));
}

#[test]
fn call_without_fuel_returns_the_rows_before() {
    set_rows_with_fuel(2);
    let mut table = TableState::New;
    let mut results = NestedBuilder::new();
    let begin = || lines(i64::MAX);
    let count = fill_table(&mut table, &begin, 1000, &[], &mut results);
    assert_eq!(count, Ok(3));
    assert!(read(&mut results).into_iter().eq((0..3).map(line)));
    let count = fill_table(&mut table, &begin, 2, &[], &mut results);
    assert_eq!(count, Ok(2));
    set_rows_with_fuel(usize::MAX);
    assert!(read(&mut results).into_iter().eq((3..5).map(line)));
}

#[test]
fn columns_outside_the_projection_are_null_and_cost_nothing() {
    let unwanted = || Line {
        number: None,
        text: None,
        parts: None,
    };
    for projection in [
        [true, false, false],
        [false, true, false],
        [false, false, true],
        [false; 3],
        [true; 3],
    ] {
        let (_, all) = all(&|| lines(10), 9, &projection).unwrap();
        let expected = (0..10).map(line).map(|line| Line {
            number: line.number.filter(|_| projection[0]),
            text: line.text.filter(|_| projection[1]),
            parts: line.parts.filter(|_| projection[2]),
        });
        assert!(all.into_iter().eq(expected), "{projection:?}");
    }
    let line = line(7);
    assert_eq!(line.projected_bytes(&[false; 3]), 0);
    assert_eq!(line.projected_bytes(&[]), Append::charged_bytes(&line));
    assert!(line.projected_bytes(&[false, true, false]) >= 6);
    assert_eq!(unwanted().projected_bytes(&[false; 3]), 0);
}

#[test]
fn failure_ends_the_table() {
    let begin = || {
        let rows = (0..9).map(|n| if n < 3 { Ok(line(n)) } else { Err("no line 3") });
        Ok(TableState::Running(
            Box::new(rows) as Box<dyn Iterator<Item = _>>
        ))
    };
    let (row, message) = (3, "no line 3".to_owned());
    assert_eq!(all(&begin, 8, &[]), Err(RowFailure { row, message }));
    let begin = || Err::<TableState<Line>, _>("no table".to_owned());
    let (row, message) = (0, "no table".to_owned());
    assert_eq!(all(&begin, 8, &[]), Err(RowFailure { row, message }));
}

#[test]
fn iterator_that_has_ended_is_dropped_and_not_polled_again() {
    let asked = Rc::new(RefCell::new(0));
    let begin = || {
        let asked = Rc::clone(&asked);
        // Would return more rows after its end.
        let rows = std::iter::from_fn(move || {
            *asked.borrow_mut() += 1;
            (*asked.borrow() != 3).then(|| line(1))
        });
        Ok(TableState::Running(
            Box::new(rows) as Box<dyn Iterator<Item = _>>
        ))
    };
    let mut table = TableState::New;
    let mut results = NestedBuilder::new();
    let mut next = || fill_table(&mut table, &begin, 10, &[], &mut results);
    assert_eq!([next(), next(), next()], [Ok(2), Ok(0), Ok(0)]);
    assert_eq!((*asked.borrow(), Rc::strong_count(&asked)), (3, 1));
}

#[test]
fn projection_is_read_from_a_list() {
    let mut node = ColumnBuilder::new();
    <Vec<Option<bool>> as Append>::start(&mut node);
    let list = vec![Some(true), Some(false), None];
    list.append(&mut node).unwrap();
    let sample: Sample = node.lowered();
    let array = InputArray::Sample(&sample);
    for rows in [1, 500] {
        let column = ListColumn::<List<'_, bool>>::new(array, rows, &mut CopySlots::default());
        assert_eq!(projection(&(column, ())), [true, false, true]);
    }
}

#[test]
fn result_may_be_a_failure() {
    let failed: Result<std::iter::Empty<Line>, i32> = Err(7);
    assert_eq!(boxed_rows(failed).err(), Some("7".to_owned()));
    let empty: Result<_, i32> = Ok(std::iter::empty::<Line>());
    assert!(boxed_rows(empty).is_ok_and(|mut rows| rows.next().is_none()));
}
