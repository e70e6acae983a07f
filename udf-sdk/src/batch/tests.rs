use super::*;

use std::cell::RefCell;
use std::iter;

use crate::argument::Argument;
use crate::column::{Bits, Numbers, TextColumn};
use crate::results::{BitBuilder, BytesBuilder, NumberBuilder};
use crate::sample::Sample;

const MODES: [MeteringMode; 4] = [
    MeteringMode::PerRow,
    MeteringMode::Grouped,
    MeteringMode::Bounded,
    MeteringMode::Speculatable,
];

type Two<'c> = (Numbers<'c, i64>, (Numbers<'c, i64>, ()));

/// Around one validity word, one expanded constant, and both.
const ROWS: [usize; 12] = [1, 2, 63, 64, 65, 127, 128, 255, 256, 257, 320, 1000];

/// Pseudorandom numbers, the same in every run.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let next = |state: &u64| Some(state.wrapping_mul(6364136223846793005).wrapping_add(1));
    iter::successors(Some(seed), next).map(|state| state >> 33)
}

/// A column, or sometimes a constant, with `nulls` nulls in 16 rows on average.
fn column(seed: u64, rows: usize, nulls: u64) -> Vec<Option<i64>> {
    let length = if numbers(seed).nth(9) < Some(1 << 30) {
        1
    } else {
        rows
    };
    let mut numbers = numbers(seed).skip(10);
    let mut value = || numbers.next().filter(|number| number % 16 >= nulls);
    let value = || value().map(|number| number as i64);
    iter::repeat_with(value).take(length).collect()
}

/// All rows of a column, with a constant repeated.
fn expand(column: &[Option<i64>], rows: usize) -> impl Iterator<Item = Option<i64>> {
    column.iter().copied().cycle().take(rows)
}

/// Runs `function` on batches of two columns of all kinds, and compares the
/// results.
fn check<A, B, O>(
    function: impl Fn((A, (B, ()))) -> O,
    expected: impl Fn(Option<i64>, Option<i64>) -> Option<i64>,
) where
    A: for<'c> Argument<'c, Value = i64>,
    B: for<'c> Argument<'c, Value = i64>,
    O: Output<Value = i64>,
{
    let mut results = NumberBuilder::new();
    let mut nulls_seen = [0; 2];
    for (seed, rows) in (0..600).zip(ROWS.iter().copied().cycle()) {
        let [a, b] =
            [seed, seed + 1000].map(|seed| column(seed, rows, [0, 1, 16][seed as usize % 3]));
        let samples = [&a, &b].map(|column| Sample::numbers(rows, column));
        let columns: Two<'_> = (samples[0].as_numbers(), (samples[1].as_numbers(), ()));
        let both = expand(&a, rows).zip(expand(&b, rows));
        let expected: Vec<_> = both.map(|(a, b)| expected(a, b)).collect();
        let ways = MODES.map(|mode| [(mode, false), (mode, true)]);
        for (mode, is_inline) in ways.into_iter().flatten() {
            let outcome = match is_inline {
                false => fill::<false, _, _>(&columns, rows, mode, &function, &mut results),
                true => fill::<true, _, _>(&columns, rows, mode, &function, &mut results),
            };
            assert_eq!(outcome, Ok(()));
            assert_eq!(
                results.to_options(),
                expected,
                "{seed}: {rows} rows, {mode:?}"
            );
        }
        for value in expected {
            nulls_seen[usize::from(value.is_none())] += 1;
        }
    }
    assert!(
        nulls_seen.iter().all(|seen| *seen > 10_000),
        "{nulls_seen:?}"
    );
}

#[test]
fn strict_function_is_not_called_for_nulls() {
    check(
        |(a, (b, ())): (i64, (i64, ()))| a.wrapping_add(b),
        |a, b| Some(a? + b?),
    );
}

#[test]
fn option_sees_nulls_and_another_argument_does_not() {
    check(
        |(a, (b, ())): (Option<i64>, (i64, ()))| a.unwrap_or(7) + b,
        |a, b| Some(a.unwrap_or(7) + b?),
    );
}

#[test]
fn result_may_be_null_without_null_arguments() {
    check(
        |(a, (b, ())): (Option<i64>, (Option<i64>, ()))| a.xor(b).filter(|n| n % 2 == 0),
        |a, b| a.xor(b).filter(|n| n % 2 == 0),
    );
}

#[test]
fn booleans_are_read_and_written_bit_by_bit() {
    let mut results = BitBuilder::new();
    for rows in ROWS {
        for nulls in [0, 3] {
            let [a, b] = [1, 2].map(|seed| -> Vec<Option<bool>> {
                let is_odd = |n| n % 2 == 1;
                let column = column(seed + 20, rows, nulls);
                column.into_iter().map(|value| value.map(is_odd)).collect()
            });
            let samples = [&a, &b].map(|column| Sample::bits(rows, column));
            let columns: (Bits<'_>, (Bits<'_>, ())) =
                (samples[0].as_bits(), (samples[1].as_bits(), ()));
            let exclusive = |(a, (b, ())): (bool, (bool, ()))| a != b;
            let expected = (0..rows).map(|row| {
                let at = |column: &[Option<bool>]| column[row % column.len()];
                Some(at(&a)? != at(&b)?)
            });
            let expected: Vec<_> = expected.collect();
            assert_eq!(
                fill::<false, _, _>(
                    &columns,
                    rows,
                    MeteringMode::Bounded,
                    exclusive,
                    &mut results
                ),
                Ok(())
            );
            assert_eq!(results.to_options(rows), expected);
            let outcome = fill::<false, _, _>(
                &columns,
                rows,
                MeteringMode::PerRow,
                exclusive,
                &mut results,
            );
            assert_eq!(outcome, Ok(()));
            assert_eq!(results.to_options(rows), expected);
        }
    }
}

#[test]
fn text_borrowed_from_an_argument_is_a_valid_result() {
    let words = [Some("ein"), None, Some(""), Some("Süßes zum Schluß")];
    let words = Sample::texts(4, &words);
    let suffix = Sample::texts(4, &[Some("ß")]);
    let columns: (TextColumn<'_>, (TextColumn<'_>, ())) = (words.as_text(), (suffix.as_text(), ()));
    fn trim<'c>((word, (suffix, ())): (&'c str, (&'c str, ()))) -> Option<&'c str> {
        word.strip_suffix(suffix)
    }
    let mut results = BytesBuilder::new();
    let expected = [None, None, None, Some("Süßes zum Schlu")];
    let expected = expected.map(|text| text.map(str::as_bytes));
    assert_eq!(
        fill::<false, _, _>(&columns, 4, MeteringMode::Bounded, trim, &mut results),
        Ok(())
    );
    assert_eq!(results.to_options(), expected);
    assert_eq!(
        fill::<false, _, _>(&columns, 4, MeteringMode::PerRow, trim, &mut results),
        Ok(())
    );
    assert_eq!(results.to_options(), expected);
}

#[test]
fn function_without_arguments_is_called_for_every_row() {
    let count = RefCell::new(0_i64);
    let next = |()| {
        *count.borrow_mut() += 1;
        *count.borrow()
    };
    let mut results = NumberBuilder::new();
    assert_eq!(
        fill::<false, _, _>(&(), 3, MeteringMode::Bounded, next, &mut results),
        Ok(())
    );
    assert_eq!(results.to_options(), [Some(1), Some(2), Some(3)]);
    assert_eq!(
        fill::<false, _, _>(&(), 2, MeteringMode::PerRow, next, &mut results),
        Ok(())
    );
    assert_eq!(results.to_options(), [Some(4), Some(5)]);
}

#[test]
fn no_row_is_called_after_the_one_that_failed() {
    let cases = [(false, 0), (false, 700), (true, 0), (true, 699)];
    for ((nulls, failing), mode) in cases
        .into_iter()
        .flat_map(|case| MODES.map(|mode| (case, mode)))
    {
        let mut column: Vec<Option<i64>> = (0..1000).map(Some).collect();
        if nulls {
            column[5] = None;
        }
        let sample = Sample::numbers(1000, &column);
        let last = RefCell::new(0);
        let up_to = |(n, ()): (i64, ())| {
            assert!(n <= failing, "row {n} is called after row {failing}");
            last.replace(n);
            if n == failing { Err("enough") } else { Ok(n) }
        };
        let mut results = NumberBuilder::new();
        let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
        let outcome = fill::<false, _, _>(&columns, 1000, mode, up_to, &mut results);
        let (row, message) = (failing as usize, "enough".to_owned());
        assert_eq!(outcome, Err(RowFailure { row, message }));
        assert_eq!(last.into_inner(), failing);
    }
}
