//! Tests of aggregates over samples.

use std::cell::RefCell;

use crate::aggregate::{GroupStates, StateRef, update_all, update_per_row};
use crate::aligned_copy::CopySlots;
use crate::append::Append;
use crate::argument::NestedColumn;
use crate::batch::{RowFailure, fill, fill_some};
use crate::column::Numbers;
use crate::column_builder::ColumnBuilder;
use crate::fuel::MeteringMode;
use crate::fuel::simulated::set_rows_with_fuel;
use crate::input_array::InputArray;
use crate::item::Item;
use crate::number::Number;
use crate::results::{BytesBuilder, NumberBuilder};
use crate::sample::Sample;
use crate::states::States;
use crate::view::View;
use fusebox_macros::Row;

/// A column of groups, constant if it has a single one.
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

/// Updates the states in either way with rows of these groups.
fn update(is_metered: bool, groups: &Sample, values: &Sample, states: &mut States<Sum>) -> usize {
    let columns = (read(groups), (read(values), ()));
    let rows = values.rows();
    let add = |sum: &mut Sum, (value, ()): Argument| sum.update(value);
    let done = match is_metered {
        true => update_per_row::<Sum, Argument, ()>(&columns, rows, states, add),
        false => update_all::<Sum, Argument, ()>(&columns, rows, states, add),
    };
    done.unwrap()
}

/// The expected state of each group.
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

/// Pseudorandom numbers, the same in every run.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |end| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 33) % end
    }
}

#[test]
fn every_row_updates_its_group_and_nulls_update_none() {
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
        for is_metered in [true, false] {
            let mut states = States::new();
            let groups = groups(rows, &group);
            let done = update(
                is_metered,
                &groups,
                &Sample::numbers(rows, &value),
                &mut states,
            );
            assert_eq!(done, rows);
            let known = GroupStates::new(&states);
            for (group, expected) in (0..).zip(&expected) {
                assert_eq!(known.of(group), expected, "{seed}: group {group}");
            }
        }
    }
    assert!(skipped < 20, "{skipped}");
}

#[test]
fn call_without_fuel_ends_before_the_next_row() {
    let group: Vec<_> = (0..100).map(|row| Some(row % 7)).collect();
    let value: Vec<_> = (0..100).map(|row| (row % 5 > 0).then_some(row)).collect();
    let expected = expected(&group, &value);
    for times in [0, 1, 2, 9, 50] {
        let mut states = States::new();
        let mut done = 0;
        let mut calls = 0;
        while done < 100 {
            set_rows_with_fuel(times);
            let groups = groups(100 - done, &group[done..]);
            let values = Sample::numbers(100 - done, &value[done..]);
            let rows = update(true, &groups, &values, &mut states);
            assert!((1..=100 - done).contains(&rows));
            done += rows;
            calls += 1;
        }
        assert!((2..=100).contains(&calls), "{calls}");
        let known = GroupStates::new(&states);
        assert!(
            (0..)
                .zip(&expected)
                .all(|(group, sum)| known.of(group) == sum)
        );
    }
    set_rows_with_fuel(usize::MAX);
}

#[test]
fn failure_names_its_row_and_ends_the_call() {
    for (group, is_metered) in [
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
        let outcome = match is_metered {
            true => update_per_row::<Sum, Argument, _>(&columns, 200, &mut states, add),
            false => update_all::<Sum, Argument, _>(&columns, 200, &mut states, add),
        };
        let (row, message) = (70, "that is enough".to_owned());
        assert_eq!(outcome, Err(RowFailure { row, message }));
        assert_eq!(states.get(3).map(|sum| sum.rows), Some(70));
    }
}

#[test]
fn returned_states_are_merged_into_others() {
    let mut states = States::new();
    let group = [Some(2), Some(0), Some(2), Some(1500)];
    let value = [1, 20, 300, 4000].map(Some);
    update(
        true,
        &groups(4, &group),
        &Sample::numbers(4, &value),
        &mut states,
    );
    // In any order, repeatedly, and also groups that no operation has named.
    let asked = groups(5, &[2, 0, 7, 1500, 2].map(Some));
    let mut node = ColumnBuilder::new();
    StateRef::<Sum>::start(&mut node);
    let known = GroupStates::new(&states);
    for group in [2, 0, 7, 1500, 2] {
        let shown = StateRef(known.of(group));
        assert!(shown.charged_bytes() > 16);
        shown.append(&mut node).unwrap();
    }
    let lowered = node.lowered();
    let columns = (
        read(&asked),
        (
            NestedColumn::<Sum>::new(InputArray::Sample(&lowered), 5, &mut CopySlots::default()),
            (),
        ),
    );
    let merge = |sum: &mut Sum, (other, ()): (Sum, ())| sum.merge(other);
    let mut both = [States::new(), States::new()];
    update_all::<Sum, (Sum, ()), _>(&columns, 5, &mut both[0], merge).unwrap();
    update_per_row::<Sum, (Sum, ()), _>(&columns, 5, &mut both[1], merge).unwrap();
    for states in &both {
        let known = GroupStates::new(states);
        assert_eq!(known.of(0), &GroupStates::new(states).of(0).clone());
        assert_eq!((known.of(0).sum, known.of(7).rows), (20, 0));
        assert_eq!(known.of(2).seen, [1, 300, 1, 300]);
        assert_eq!((known.of(1500).sum, known.of(1).rows), (4000, 0));
    }
    let view = Sum::view(InputArray::Sample(&lowered), &mut CopySlots::default());
    assert_eq!(view.rows(), 5);
}

#[test]
fn finish_returns_the_results_of_the_requested_groups() {
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
    let known = GroupStates::new(&states);
    let finish = |(group, ()): (u32, ())| {
        let sum = known.of(group);
        (sum.rows > 0).then_some(sum.sum)
    };
    let mut results = NumberBuilder::new();
    fill::<false, _, _>(&columns, 3, MeteringMode::Bounded, finish, &mut results).unwrap();
    assert_eq!(results.to_options(), [Some(11), None, Some(11)]);
    assert_eq!(fill_some(&columns, 3, finish, &mut results), Ok(3));
    assert_eq!(results.to_options(), [Some(11), None, Some(11)]);
    // Without fuel for more rows, only the first ones are returned.
    set_rows_with_fuel(1);
    assert_eq!(fill_some(&columns, 3, finish, &mut results), Ok(2));
    assert_eq!(results.to_options(), [Some(11), None]);
    set_rows_with_fuel(usize::MAX);
    states.release(1);
    let known = GroupStates::new(&states);
    assert_eq!((known.of(0).sum, known.of(1).sum), (11, 0));
}

#[test]
fn result_may_borrow_from_the_state() {
    let mut states: States<String> = States::new();
    let words = Sample::texts(3, &[Some("a"), None, Some("b")]);
    let groups = groups(3, &[Some(0)]);
    let columns = (read(&groups), (words.as_text(), ()));
    let push = |state: &mut String, (word, ()): (&str, ())| state.push_str(word);
    update_per_row::<String, (&str, ()), _>(&columns, 3, &mut states, push).unwrap();
    let known = GroupStates::new(&states);
    let finish = |(group, ()): (u32, ())| known.of(group).as_str();
    let columns: (Numbers<'_, u32>, ()) = (read(&groups), ());
    let mut results = BytesBuilder::new();
    fill::<false, _, _>(&columns, 3, MeteringMode::Bounded, finish, &mut results).unwrap();
    assert_eq!(results.to_options(), [Some(&b"ab"[..]); 3]);
}

#[test]
fn option_sees_nulls_except_those_of_groups() {
    let seen = RefCell::new(Vec::new());
    let group = [Some(0), None, Some(0)];
    let (groups, values) = (
        groups(3, &group),
        Sample::numbers(3, &[Some(1), Some(2), None]),
    );
    let columns = (read(&groups), (read(&values), ()));
    let see = |_: &mut (), (value, ()): (Option<i64>, ())| seen.borrow_mut().push(value);
    let mut states = States::new();
    update_all::<(), (Option<i64>, ()), _>(&columns, 3, &mut states, see).unwrap();
    update_per_row::<(), (Option<i64>, ()), _>(&columns, 3, &mut states, see).unwrap();
    assert_eq!(seen.into_inner(), [Some(1), None, Some(1), None]);
}
