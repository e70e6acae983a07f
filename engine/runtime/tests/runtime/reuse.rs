//! Functions whose answers are used again, beside the same functions where each row is asked.

use arrow_array::{Array, ArrayRef, StringArray, UInt32Array};
use arrow_schema::DataType;
use arrow_select::take::take;
use fusebox_runtime::{Error, FunctionStatistics, IdleLimits, Reuse, Scope, WasmFunction};
use proptest::prelude::*;

use crate::plain_numbers::{bind_count, column, turns};
use crate::plain_text::{bind, bind_module, call_in};
use crate::runtime;

/// Outcome of a batch, its error with its row and its message.
fn outcome(result: Result<ArrayRef, Error>) -> Result<ArrayRef, String> {
    result.map_err(|error| error.to_string())
}

/// Calls a function with batches in one execution; ends with the first error.
fn outcomes(
    function: &WasmFunction,
    batches: &[Vec<ArrayRef>],
    reuse: Reuse,
) -> (Vec<Result<ArrayRef, String>>, FunctionStatistics) {
    let scope = Scope::default().with_reuse(reuse);
    let mut outcomes = Vec::new();
    for batch in batches {
        outcomes.push(outcome(call_in(function, batch, &scope)));
        if outcomes.last().is_some_and(Result::is_err) {
            break;
        }
    }
    let statistics = scope.statistics().into_values().next();
    (outcomes, statistics.unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn batches_end_as_where_each_row_is_asked(
        values in prop::collection::vec(turns(), 1..300),
        rows in 1_usize..90,
        fuel_per_row in 8_000_u64..400_000,
    ) {
        let runtime = runtime(IdleLimits::default());
        let count = bind_count(&runtime, fuel_per_row);
        let batches: Vec<_> = values.chunks(rows).map(|rows| vec![column(rows)]).collect();
        let (asked, _) = outcomes(&count, &batches, Reuse::Off);
        let (reused, _) = outcomes(&count, &batches, Reuse::Always);
        prop_assert_eq!(asked, reused);
    }
}

#[test]
fn rows_that_were_answered_are_not_asked_again() {
    let runtime = runtime(IdleLimits::default());
    let count = bind_count(&runtime, 100_000);
    let batch = |rows: i64| {
        let values: Vec<_> = (0..rows)
            .map(|row| (row % 5 > 0).then_some(row % 12))
            .collect();
        vec![column(&values)]
    };
    let batches = [batch(500), batch(700), batch(60)];
    for (reuse, asked, reused) in [(Reuse::Off, 1_260, 0), (Reuse::Always, 13, 1_247)] {
        let (results, sums) = outcomes(&count, &batches, reuse);
        assert!(results.iter().all(Result::is_ok));
        assert_eq!((sums.rows, sums.reused_rows), (asked, reused), "{reuse:?}");
    }
    // By itself, the first batch is asked, which shows what a row costs.
    let (_, sums) = outcomes(&count, &batches, Reuse::Auto);
    assert_eq!((sums.rows, sums.reused_rows), (500 + 13 + 60, 700 - 13));
}

#[test]
fn texts_and_constants_have_their_own_answers() {
    let runtime = runtime(IdleLimits::default());
    let function = "upper(t VARCHAR) RETURNS VARCHAR LANGUAGE WASM WITH (abi = 'ptr_len')";
    let upper = bind(&runtime, "wat/text_ptr_len", function).unwrap();
    let kinds = [
        "",
        "a",
        "a rather long text, in a block",
        "exactly 12 b",
        "longer: 13 b!",
    ];
    let kinds = StringArray::from_iter(kinds.map(Some).into_iter().chain([None]));
    let texts = [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View].map(|data_type| {
        let rows = UInt32Array::from_iter_values((0..100).map(|row| row * 7 % 6));
        let texts = arrow_cast::cast(&kinds, &data_type).unwrap();
        vec![take(&texts, &rows, None).unwrap()]
    });
    for batch in texts {
        let batches = [batch.clone(), vec![batch[0].slice(3, 50)]];
        let (asked, _) = outcomes(&upper, &batches, Reuse::Off);
        let (reused, sums) = outcomes(&upper, &batches, Reuse::Always);
        assert_eq!(asked, reused);
        assert_eq!((sums.rows, sums.reused_rows), (6, 144));
    }

    let module = br#"(module (func (export "add") (param i64 i64) (result i64)
        (i64.add (local.get 0) (local.get 1))))"#;
    let function = "add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM";
    let add = bind_module(&runtime, module, function).unwrap();
    let values: Vec<_> = (0..40).map(|row| Some(row % 4)).collect();
    let with = |constant| vec![column(&values), column(&[Some(constant)])];
    let batches = [with(1), with(2), with(1)];
    let (asked, _) = outcomes(&add, &batches, Reuse::Off);
    let (reused, sums) = outcomes(&add, &batches, Reuse::Always);
    assert_eq!(asked, reused);
    assert_eq!((sums.rows, sums.reused_rows), (8, 112));
}

#[test]
fn rows_of_a_module_that_begins_none_are_all_asked() {
    let runtime = runtime(IdleLimits::default());
    let guest = crate::guest(1, "");
    let refused = crate::bind(&runtime, &guest, "WITH (reuse = 'always')").unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("begins no rows"), "{refused}");
    for (clauses, is_allowed) in [
        ("WITH (reset = 'row', reuse = 'always')", true),
        ("STABLE WITH (reset = 'row', reuse = 'always')", false),
        ("STABLE WITH (reset = 'row')", true),
        ("WITH (on_error = 'null', reuse = 'off')", true),
    ] {
        let bound = crate::bind(&runtime, &guest, clauses);
        assert_eq!(bound.is_ok(), is_allowed, "{clauses}");
    }
    let counts = crate::bind(&runtime, &guest, "").unwrap();
    let rows = vec![column(&vec![Some(0); 30])];
    let (_, sums) = outcomes(&counts, &[rows], Reuse::Always);
    assert_eq!(sums.reused_rows, 0);
}
