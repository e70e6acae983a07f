//! Determinism: a query has the same outcome for every number of partitions, batch
//! size and row order, and whether answers are used again or not. Its outcome is its result, to the bit, or the function and
//! the limit that ended it.

// The queries of the golden files.
mod golden_queries;

// Outcomes that once depended on earlier rows and calls.
mod history;

// A call in every execution config, and the least limit with which it succeeds.
mod config_matrix;

// Tables of pseudo-random rows.
mod random_table;

// Outcomes of queries.
mod outcome;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::compute::concat_batches;
use fusebox_sql_tests::ExecutionConfig;
use sqllogictest::harness::Trial;
use tokio::runtime::Runtime;

use self::config_matrix::{ConfigMatrix, FUEL, MEMORY, RESULT};
use self::outcome::QueryOutcome;
use self::random_table::RandomTable;
use crate::sessions::{TestResult, collect, collect_integer, row_count, with_scalars};

const DENSE: RandomTable = RandomTable {
    name: "dense",
    rows: 1_100,
    nulls: 0,
    characters_log2: 11,
    numbers_log2: 11,
};

const SPARSE: RandomTable = RandomTable {
    name: "sparse",
    rows: 1_300,
    nulls: 5,
    ..DENSE
};

/// More rows than the largest batch size.
const LONG: RandomTable = RandomTable {
    name: "long",
    rows: 8_300,
    nulls: 14,
    ..DENSE
};

/// Few rows, a few of which need a lot of memory.
const HEAVY: RandomTable = RandomTable {
    name: "heavy",
    rows: 300,
    nulls: 1,
    characters_log2: 17,
    numbers_log2: 16,
};

pub(crate) fn trials(runtime: &Arc<Runtime>, files: &[PathBuf]) -> Vec<Trial> {
    let mut trials = golden_queries::trials(runtime, files);
    trials.extend([
        trial!(
            runtime,
            least_fuel_of_bundled_functions_does_not_depend_on_batches
        ),
        trial!(
            runtime,
            least_fuel_of_allocating_functions_does_not_depend_on_batches
        ),
        trial!(runtime, errors_and_traps_do_not_depend_on_batches),
        trial!(
            runtime,
            least_memory_and_result_bytes_do_not_depend_on_batches
        ),
        trial!(runtime, outcomes_do_not_depend_on_earlier_rows),
        trial!(
            runtime,
            two_partitions_give_the_rows_of_one_for_a_year_of_flights
        ),
        trial!(
            runtime,
            batches_of_one_row_give_the_results_of_large_batches
        ),
    ]);
    trials
}

async fn least_fuel_of_bundled_functions_does_not_depend_on_batches() -> TestResult {
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
                // Longer texts fail with errors of their own.
                "jaro_winkler(left(u, 3), left(t, 3))",
                "jaro_winkler(left(u, 3), 'crab')",
                "slug(t)",
                "luhn_ok(u)",
            ],
        ),
    ] {
        let mut matrix = ConfigMatrix::new(module, &[DENSE, SPARSE, LONG]).await?;
        for call in calls {
            matrix.check_threshold(call, FUEL).await?;
        }
        matrix.finish_with_both_outcomes()?;
    }
    Ok(())
}

async fn least_fuel_of_allocating_functions_does_not_depend_on_batches() -> TestResult {
    let mut matrix = ConfigMatrix::new("types", &[DENSE, SPARSE]).await?;
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
        matrix.check_threshold(call, FUEL).await?;
    }
    matrix.finish_with_both_outcomes()
}

async fn errors_and_traps_do_not_depend_on_batches() -> TestResult {
    for (module, calls, error) in [
        (
            "geo",
            &["geohash(x * 2, y, 5)", "geohash(x, y, 12 + n % 2)"][..],
            "failed",
        ),
        ("math", &["checked_div(m, n)", "collatz_steps(n)"], "failed"),
        ("types", &["root(x)", "at_most(t, 10)"], "failed"),
        ("types", &["panics(n - 3)", "panics(m)"], "trapped"),
    ] {
        let mut matrix = ConfigMatrix::new(module, &[DENSE, SPARSE, LONG]).await?;
        for call in calls {
            let (function, _) = call.split_once('(').expect("it is a call");
            let expected = QueryOutcome::Error(format!("{function} {error}"));
            let outcomes = matrix.check_with_defaults(call).await?;
            assert!(
                outcomes.iter().all(|outcome| *outcome == expected),
                "{call}: {outcomes:?}"
            );
        }
        matrix.finish()?;
    }
    Ok(())
}

async fn least_memory_and_result_bytes_do_not_depend_on_batches() -> TestResult {
    let mut matrix = ConfigMatrix::new("types", &[HEAVY]).await?;
    for call in [
        "repeated(repeat('crab', 99), n % 1000)",
        "repeated(t, n % 10)",
    ] {
        matrix.check_threshold(call, MEMORY).await?;
    }
    for call in ["repeated(t, 3)", "words(left(t, 500))", "\"Reversed\"(b)"] {
        matrix.check_threshold(call, RESULT).await?;
    }
    matrix.finish_with_both_outcomes()
}

async fn outcomes_do_not_depend_on_earlier_rows() -> TestResult {
    history::check().await
}

/// Calls of several functions for every flight, in an order that is unique.
const YEAR: &str = "
    SELECT f.carrier, f.flight, f.time_hour, f.tailnum,
           haversine_km(o.lat, o.lon, d.lat, d.lon) AS km,
           geohash(d.lat, d.lon, 6) AS place,
           slug(d.name) AS slug,
           jaro_winkler(o.name, d.name) AS likeness
    FROM flights f JOIN airports o ON o.faa = f.origin JOIN airports d ON d.faa = f.dest
    ORDER BY f.carrier, f.flight, f.time_hour, f.tailnum, o.faa, d.faa, f.dep_time";

async fn two_partitions_give_the_rows_of_one_for_a_year_of_flights() -> TestResult {
    let one = with_scalars(ExecutionConfig::new(1, 8192)).await?;
    let two = with_scalars(ExecutionConfig::new(2, 8192)).await?;
    one.sql("SET fusebox.reuse = 'off'").await?;
    two.sql("SET fusebox.reuse = 'always'").await?;
    let flights = collect_integer(&two, "SELECT count(*) FROM flights").await?;
    assert_eq!(flights, 336_776);
    let (one, two) = (collect(&one, YEAR).await?, collect(&two, YEAR).await?);
    assert_eq!(row_count(&one), 329_174);
    let schema = one[0].schema();
    assert!(concat_batches(&schema, &one)? == concat_batches(&schema, &two)?);
    Ok(())
}

async fn batches_of_one_row_give_the_results_of_large_batches() -> TestResult {
    let sql = "SELECT faa, haversine_km(lat, lon, 40.6, -73.8), geohash(lat, lon, 8), slug(name)
               FROM airports ORDER BY faa";
    let small = collect(&with_scalars(ExecutionConfig::new(2, 1)).await?, sql).await?;
    let large = collect(&with_scalars(ExecutionConfig::new(1, 8192)).await?, sql).await?;
    let schema = large[0].schema();
    assert_eq!(row_count(&large), 1458);
    assert!(concat_batches(&schema, &small)? == concat_batches(&schema, &large)?);
    Ok(())
}
