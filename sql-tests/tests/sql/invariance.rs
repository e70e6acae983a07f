//! A query ends the same way whatever the size of its batches and the number of
//! its partitions: with the same answer, or stopped by the same limit of the
//! same function.

mod grid;
mod rows_before;
mod tables;

use std::sync::Arc;

use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use self::grid::{FUEL, Grid, MEMORY, RESULT, Verdict};
use self::tables::Table;
pub(crate) use self::{
    grid::stopped,
    tables::{Random, deal},
};

const DENSE: Table = Table {
    name: "dense",
    rows: 1_100,
    nulls: 0,
    characters_log2: 11,
    numbers_log2: 11,
};

const SPARSE: Table = Table {
    name: "sparse",
    rows: 1_300,
    nulls: 5,
    ..DENSE
};

/// More than one batch of any size.
const LONG: Table = Table {
    name: "long",
    rows: 8_300,
    nulls: 14,
    ..DENSE
};

/// Few rows, of which a few need a lot of memory.
const HEAVY: Table = Table {
    name: "heavy",
    rows: 300,
    nulls: 1,
    characters_log2: 17,
    numbers_log2: 16,
};

pub(crate) fn trials(runtime: &Arc<Runtime>) -> Vec<Trial> {
    vec![
        trial!(runtime, bundled_functions_need_the_same_fuel_in_every_batch),
        trial!(
            runtime,
            functions_that_allocate_need_the_same_fuel_in_every_batch
        ),
        trial!(runtime, rows_that_fail_do_so_in_every_batch),
        trial!(
            runtime,
            memory_and_results_are_too_large_in_every_batch_or_in_none
        ),
        trial!(
            runtime,
            verdicts_that_depended_on_the_rows_before_do_no_more
        ),
    ]
}

type Outcome = Result<(), Failed>;

async fn bundled_functions_need_the_same_fuel_in_every_batch() -> Outcome {
    for (module, calls) in [
        (
            "geo",
            &[
                "haversine_km(x, y, x + 1, y / 2)",
                "haversine_km(x, y, 52.5, 13.4)",
                "geohash(x, y, 1 + n % 12)",
                "geohash(x, 13.4, 12)",
            ][..],
        ),
        (
            "math",
            &[
                "collatz_steps(1 + n)",
                "mod_pow(m, n, 1000003)",
                "checked_div(m, 1 + n)",
            ],
        ),
        (
            "text",
            &[
                // Of longer texts, `wrong` has something to say.
                "jaro_winkler(left(u, 3), left(t, 3))",
                "jaro_winkler(left(u, 3), 'crab')",
                "slug(t)",
                "luhn_ok(u)",
            ],
        ),
    ] {
        let mut grid = Grid::new(module, &[DENSE, SPARSE, LONG]).await?;
        for call in calls {
            grid.check_edge(call, FUEL).await?;
        }
        grid.agree_on_both()?;
    }
    Ok(())
}

async fn functions_that_allocate_need_the_same_fuel_in_every_batch() -> Outcome {
    let mut grid = Grid::new("types", &[DENSE, SPARSE]).await?;
    for call in [
        "repeated(t, n % 40)",
        "repeated('crab', n)",
        "words(t)",
        "spacious(n * 30)",
        "or_else(t, u)",
        "or_else(NULL, u)",
        "first_word(t)",
        "\"Reversed\"(b)",
        "root(x * x)",
        "busy(n)",
        "differ(n % 2 = 0, m > 0)",
        "nulls(t, n)",
        "narrow(m)",
        "panics(-1 - n)",
        "at_most(t, 1000000)",
    ] {
        grid.check_edge(call, FUEL).await?;
    }
    grid.agree_on_both()
}

async fn rows_that_fail_do_so_in_every_batch() -> Outcome {
    for (module, calls, verdict) in [
        (
            "geo",
            &["geohash(x * 2, y, 5)", "geohash(x, y, 12 + n % 2)"][..],
            "failed",
        ),
        ("math", &["checked_div(m, n)", "collatz_steps(n)"], "failed"),
        ("types", &["root(x)", "at_most(t, 10)"], "failed"),
        ("types", &["panics(n - 3)", "panics(m)"], "trapped"),
    ] {
        let mut grid = Grid::new(module, &[DENSE, SPARSE, LONG]).await?;
        for call in calls {
            let (function, _) = call.split_once('(').expect("it is a call");
            let stopped = Verdict::Stopped(format!("{function} {verdict}"));
            let verdicts = grid.check_all(call).await?;
            assert!(
                verdicts.iter().all(|verdict| *verdict == stopped),
                "{call}: {verdicts:?}"
            );
        }
        grid.agree()?;
    }
    Ok(())
}

async fn memory_and_results_are_too_large_in_every_batch_or_in_none() -> Outcome {
    let mut grid = Grid::new("types", &[HEAVY]).await?;
    for call in [
        "repeated(repeat('crab', 99), n % 1000)",
        "repeated(t, n % 10)",
    ] {
        grid.check_edge(call, MEMORY).await?;
    }
    for call in ["repeated(t, 3)", "words(left(t, 500))", "\"Reversed\"(b)"] {
        grid.check_edge(call, RESULT).await?;
    }
    grid.agree_on_both()
}

async fn verdicts_that_depended_on_the_rows_before_do_no_more() -> Outcome {
    rows_before::check().await
}
