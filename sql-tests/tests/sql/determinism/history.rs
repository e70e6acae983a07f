//! Outcomes that once depended on earlier rows and calls of the same instance.

use sqllogictest::harness::Failed;

use super::config_matrix::{ConfigMatrix, FUEL, LimitOption, MEMORY, PrintedOutcome};
use crate::sessions::TestResult;

/// A query that succeeds with the least value of an option, and a query with the
/// same rows after others, which must succeed with that value too.
struct HistoryCase {
    module: &'static str,
    function: &'static str,
    option: LimitOption,
    alone: &'static str,
    /// Makes an earlier call on the same instance.
    earlier_call: Option<&'static str>,
    after_others: &'static str,
}

const CASES: [HistoryCase; 4] = [
    // The address of a text depends on the texts before it, and Rust counts
    // characters four bytes at a time from the first address divisible by 4.
    HistoryCase {
        module: "text",
        function: "jaro_winkler",
        option: FUEL,
        alone: "SELECT count(jaro_winkler(a, 'crab'))
                FROM (VALUES (''), (repeat('ab', 20))) AS t(a)",
        earlier_call: None,
        after_others: "SELECT count(jaro_winkler(a, 'crab'))
                  FROM (VALUES ('x'), (repeat('ab', 20))) AS t(a)",
    },
    // An error message stays in the scratch memory of rows, and leaves less of it
    // for later rows.
    HistoryCase {
        module: "types",
        function: "at_most",
        option: FUEL,
        alone: "SELECT count(at_most(repeat('x', n), 1000000))
                FROM (SELECT 20000 + value AS n FROM range(0, 1))",
        earlier_call: Some(
            "SELECT count(at_most(repeat('x', n), 10))
             FROM (SELECT 10000 + value AS n FROM range(0, 1))",
        ),
        after_others: "SELECT count(at_most(repeat('x', n), 1000000))
                  FROM (SELECT 20000 + value AS n FROM range(0, 1))",
    },
    // A row for which memory.grow fails, because its batch has used the memory, may
    // continue and run out of fuel. It is retried in a smaller batch.
    HistoryCase {
        module: "types",
        function: "roundabout",
        option: MEMORY,
        alone: "SELECT count(roundabout(700000 + value, 0)) FROM range(0, 1)",
        earlier_call: None,
        after_others: "SELECT count(roundabout(CASE WHEN value = 30 THEN 700000 ELSE 0 END,
                                          CASE WHEN value = 30 THEN 0 ELSE 30000 END))
                  FROM range(0, 31)",
    },
    // An instance that keeps a result buffer of another size, and has no memory for
    // the arguments of one row, is replaced by a new one.
    HistoryCase {
        module: "types",
        function: "repeated",
        option: MEMORY,
        alone: "SELECT count(repeated(repeat('x', n), 0))
                FROM (SELECT 900000 + value AS n FROM range(0, 1))",
        earlier_call: Some(
            "SELECT count(repeated(repeat('x', n), 1))
             FROM (SELECT 250000 + value AS n FROM range(0, 1))",
        ),
        after_others: "SELECT count(repeated(repeat('x', n), 0))
                  FROM (SELECT 900000 + value AS n FROM range(0, 1))",
    },
];

pub(super) async fn check() -> TestResult {
    for case in CASES {
        let outcome = outcome_after_others(&case).await?;
        if !outcome.is_result() {
            return Err(format!("{}: {outcome:?}", case.function).into());
        }
    }
    least_memory_does_not_depend_on_growth().await
}

/// Returns the outcome after other rows, with the least limit that suffices for the
/// rows alone.
async fn outcome_after_others(case: &HistoryCase) -> Result<PrintedOutcome, Failed> {
    let matrix = ConfigMatrix::new(case.module, &[]).await?;
    let threshold = matrix
        .find_threshold(case.function, case.alone, case.option)
        .await;
    // A query that fails for another reason would have no threshold.
    let outcome = matrix.outcome(case.alone).await;
    if !outcome.is_result() {
        return Err(format!("{} alone with {threshold}: {outcome}", case.function).into());
    }
    if let Some(sql) = case.earlier_call {
        matrix.outcome(sql).await;
    }
    Ok(matrix.outcome(case.after_others).await)
}

/// Checks that a row needs the same memory alone and after others.
///
/// Memory that grew in small steps is used better than memory that grew at once, so
/// that a batch may have memory for a row for which it does not suffice alone. Both
/// must succeed with the least memory that either needs, and fail with less.
async fn least_memory_does_not_depend_on_growth() -> TestResult {
    let matrix = ConfigMatrix::new("types", &[]).await?;
    // The last row allocates up to 7 times 8 KiB more, so that for some of these
    // sizes its allocation ends just behind the end of a page.
    for step in (0..8).map(|eighth| 29_598 + eighth * 128) {
        let after_others = format!("SELECT max(spacious(value * {step})) FROM range(0, 65)");
        let alone = format!("SELECT max(spacious(value * {step})) FROM range(64, 65)");
        for (first, second) in [(&after_others, &alone), (&alone, &after_others)] {
            let least = matrix.find_threshold("spacious", first, MEMORY).await;
            for (pages, succeeds) in [(least, true), (least - 1, false)] {
                let setting = format!("memory = '{}kB'", pages * 64);
                matrix.set("spacious", &setting).await?;
                let outcome = matrix.outcome(second).await;
                if outcome.is_result() != succeeds {
                    return Err(format!("{pages} pages: {second}: {outcome}").into());
                }
            }
        }
    }
    Ok(())
}
