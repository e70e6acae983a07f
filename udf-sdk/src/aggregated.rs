//! What aggregates do with the rows of their groups.

use std::cell::RefCell;

use crate::aggregate::{Known, Shown, take_all, take_announced};
use crate::append::Append;
use crate::argument::Rows;
use crate::batch::{Failure, fill, fill_some};
use crate::column::Numbers;
use crate::entry::Array;
use crate::fuel::Terms;
use crate::item::Item;
use crate::node::Node;
use crate::number::Number;
use crate::places::Places;
use crate::results::{ByteResults, NumberResults};
use crate::sample::{Sample, set_more};
use crate::states::States;
use crate::view::View;
use fusebox_macros::Row;

/// Columns of groups, a single one of which is for all rows.
fn groups(rows: usize, groups: &[Option<u32>]) -> Sample {
    Sample::fixed(rows, groups)
}

fn read<'c, N: Number>(sample: &'c Sample) -> Numbers<'c, N> {
    Numbers::new(sample.buffers_of(sample.rows()))
}

#[derive(Clone, Debug, Default, PartialEq, Row)]
struct Sum {
    sum: i64,
    rows: i64,
    seen: Vec<i64>,
}

impl Sum {
    fn update(&mut self, value: i64) {
        self.sum += value;
        self.rows += 1;
        self.seen.push(value);
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.rows += other.rows;
        self.seen.extend(other.seen);
    }
}

type Argument = (i64, ());

/// Updates the states, in one way or the other, with the rows from `start`.
fn update(announced: bool, groups: &Sample, values: &Sample, states: &mut States<Sum>) -> usize {
    let columns = (read(groups), (read(values), ()));
    let rows = values.rows();
    let add = |sum: &mut Sum, (value, ()): Argument| sum.update(value);
    let done = match announced {
        true => take_announced::<Sum, Argument, ()>(&columns, rows, states, add),
        false => take_all::<Sum, Argument, ()>(&columns, rows, states, add),
    };
    done.unwrap()
}

/// What each group is expected to have.
fn expected(groups: &[Option<u32>], values: &[Option<i64>]) -> Vec<Sum> {
    let mut states = vec![Sum::default(); 3000];
    for (row, value) in values.iter().enumerate() {
        let group = groups[row % groups.len()];
        if let (Some(group), Some(value)) = (group, value) {
            states[group as usize].update(*value);
        }
    }
    states
}

/// Numbers that look random and are the same in every run.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |end| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 33) % end
    }
}

#[test]
fn every_row_goes_to_the_state_of_its_group_and_nulls_to_none() {
    let mut skipped = 0;
    for seed in 0..120 {
        let mut random = random(seed);
        let rows = [1, 63, 64, 65, 300, 2000][seed as usize % 6];
        let nulls = [0, 4][seed as usize / 6 % 2];
        let last = [1, 5, 3000][seed as usize / 12 % 3];
        let is_constant = seed % 5 == 0;
        let mut maybe = |end: u64| {
            let value = random(end);
            (random(16) >= nulls).then_some(value)
        };
        let distinct = if is_constant { 1 } else { rows };
        let group: Vec<_> = (0..distinct)
            .map(|_| maybe(last).map(|group| group as u32))
            .collect();
        let value: Vec<_> = (0..rows)
            .map(|_| maybe(1 << 20).map(|value| value as i64))
            .collect();
        let expected = expected(&group, &value);
        skipped += usize::from(expected.iter().all(|sum| sum.rows == 0));
        for announced in [true, false] {
            let mut states = States::new();
            let groups = groups(rows, &group);
            let done = update(
                announced,
                &groups,
                &Sample::numbers(rows, &value),
                &mut states,
            );
            assert_eq!(done, rows);
            let known = Known::new(&states);
            for (group, expected) in (0..).zip(&expected) {
                assert_eq!(known.of(group), expected, "{seed}: group {group}");
            }
        }
    }
    assert!(skipped < 20, "{skipped}");
}

#[test]
fn call_that_has_burnt_its_fuel_ends_before_the_row_that_it_has_none_for() {
    let group: Vec<_> = (0..100).map(|row| Some(row % 7)).collect();
    let value: Vec<_> = (0..100).map(|row| (row % 5 > 0).then_some(row)).collect();
    let expected = expected(&group, &value);
    for times in [0, 1, 2, 9, 50] {
        let mut states = States::new();
        let mut done = 0;
        let mut calls = 0;
        while done < 100 {
            set_more(times);
            let groups = groups(100 - done, &group[done..]);
            let values = Sample::numbers(100 - done, &value[done..]);
            let rows = update(true, &groups, &values, &mut states);
            assert!((1..=100 - done).contains(&rows));
            done += rows;
            calls += 1;
        }
        assert!((2..=100).contains(&calls), "{calls}");
        let known = Known::new(&states);
        assert!(
            (0..)
                .zip(&expected)
                .all(|(group, sum)| known.of(group) == sum)
        );
    }
    set_more(usize::MAX);
}

#[test]
fn failure_names_the_row_and_no_row_is_taken_after_it() {
    for (group, announced) in [
        (vec![Some(3); 200], true),
        (vec![Some(3); 200], false),
        (vec![Some(3)], true),
        (vec![Some(3)], false),
    ] {
        let value: Vec<Option<i64>> = (0..200).map(Some).collect();
        let (groups, values) = (groups(200, &group), Sample::numbers(200, &value));
        let columns = (read(&groups), (read(&values), ()));
        let add = |sum: &mut Sum, (value, ()): Argument| {
            if value == 70 {
                return Err("that is enough");
            }
            sum.update(value);
            Ok(())
        };
        let mut states = States::new();
        let outcome = match announced {
            true => take_announced::<Sum, Argument, _>(&columns, 200, &mut states, add),
            false => take_all::<Sum, Argument, _>(&columns, 200, &mut states, add),
        };
        let (row, message) = (70, "that is enough".to_owned());
        assert_eq!(outcome, Err(Failure { row, message }));
        assert_eq!(states.get(3).map(|sum| sum.rows), Some(70));
    }
}

#[test]
fn states_go_out_and_are_merged_into_others() {
    let mut states = States::new();
    let group = [Some(2), Some(0), Some(2), Some(1500)];
    let value = [1, 20, 300, 4000].map(Some);
    update(
        true,
        &groups(4, &group),
        &Sample::numbers(4, &value),
        &mut states,
    );
    // In any order, again and again, and those that nobody has named too.
    let asked = groups(5, &[2, 0, 7, 1500, 2].map(Some));
    let mut node = Node::new();
    Shown::<Sum>::start(&mut node);
    let known = Known::new(&states);
    for group in [2, 0, 7, 1500, 2] {
        let shown = Shown(known.of(group));
        assert!(shown.settled_bytes() > 16);
        shown.append(&mut node).unwrap();
    }
    let lowered = node.lowered();
    let columns = (
        read(&asked),
        (
            Rows::<Sum>::new(Array::Sample(&lowered), 5, &mut Places::default()),
            (),
        ),
    );
    let merge = |sum: &mut Sum, (other, ()): (Sum, ())| sum.merge(other);
    let mut both = [States::new(), States::new()];
    take_all::<Sum, (Sum, ()), _>(&columns, 5, &mut both[0], merge).unwrap();
    take_announced::<Sum, (Sum, ()), _>(&columns, 5, &mut both[1], merge).unwrap();
    for states in &both {
        let known = Known::new(states);
        assert_eq!(known.of(0), &Known::new(states).of(0).clone());
        assert_eq!((known.of(0).sum, known.of(7).rows), (20, 0));
        assert_eq!(known.of(2).seen, [1, 300, 1, 300]);
        assert_eq!((known.of(1500).sum, known.of(1).rows), (4000, 0));
    }
    let view = Sum::view(Array::Sample(&lowered), &mut Places::default());
    assert_eq!(view.rows(), 5);
}

#[test]
fn results_are_those_of_the_groups_that_are_asked_for() {
    let mut states: States<Sum> = States::new();
    let value = [5, 6].map(Some);
    update(
        false,
        &groups(2, &[Some(1)]),
        &Sample::numbers(2, &value),
        &mut states,
    );
    let asked = groups(3, &[1, 0, 1].map(Some));
    let columns: (Numbers<'_, u32>, ()) = (read(&asked), ());
    let known = Known::new(&states);
    let finish = |(group, ()): (u32, ())| {
        let sum = known.of(group);
        (sum.rows > 0).then_some(sum.sum)
    };
    let mut results = NumberResults::new();
    fill::<false, _, _>(&columns, 3, Terms::Bounded, finish, &mut results).unwrap();
    assert_eq!(results.to_options(), [Some(11), None, Some(11)]);
    assert_eq!(fill_some(&columns, 3, finish, &mut results), Ok(3));
    assert_eq!(results.to_options(), [Some(11), None, Some(11)]);
    // Without fuel for more, those in front.
    set_more(1);
    assert_eq!(fill_some(&columns, 3, finish, &mut results), Ok(2));
    assert_eq!(results.to_options(), [Some(11), None]);
    set_more(usize::MAX);
    states.forget(1);
    let known = Known::new(&states);
    assert_eq!((known.of(0).sum, known.of(1).sum), (11, 0));
}

#[test]
fn result_may_borrow_from_the_state() {
    let mut states: States<String> = States::new();
    let words = Sample::texts(3, &[Some("a"), None, Some("b")]);
    let groups = groups(3, &[Some(0)]);
    let columns = (read(&groups), (words.as_text(), ()));
    let push = |state: &mut String, (word, ()): (&str, ())| state.push_str(word);
    take_announced::<String, (&str, ()), _>(&columns, 3, &mut states, push).unwrap();
    let known = Known::new(&states);
    let finish = |(group, ()): (u32, ())| known.of(group).as_str();
    let columns: (Numbers<'_, u32>, ()) = (read(&groups), ());
    let mut results = ByteResults::new();
    fill::<false, _, _>(&columns, 3, Terms::Bounded, finish, &mut results).unwrap();
    assert_eq!(results.to_options(), [Some(&b"ab"[..]); 3]);
}

#[test]
fn option_sees_the_nulls_but_not_those_of_the_groups() {
    let seen = RefCell::new(Vec::new());
    let group = [Some(0), None, Some(0)];
    let (groups, values) = (
        groups(3, &group),
        Sample::numbers(3, &[Some(1), Some(2), None]),
    );
    let columns = (read(&groups), (read(&values), ()));
    let see = |_: &mut (), (value, ()): (Option<i64>, ())| seen.borrow_mut().push(value);
    let mut states = States::new();
    take_all::<(), (Option<i64>, ()), _>(&columns, 3, &mut states, see).unwrap();
    take_announced::<(), (Option<i64>, ()), _>(&columns, 3, &mut states, see).unwrap();
    assert_eq!(seen.into_inner(), [Some(1), None, Some(1), None]);
}
