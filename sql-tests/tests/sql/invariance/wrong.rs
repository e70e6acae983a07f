//! Where the rows before still have a say in a verdict, which they should not.
//!
//! Whoever mends one of these finds its test failing, and deletes it here.

use sqllogictest::harness::Failed;

use super::grid::{Edge, FUEL, Grid, MEMORY, Verdict};

/// A query that has an answer with the least of an option, and the same rows
/// after others, which do not.
struct Wrong {
    module: &'static str,
    function: &'static str,
    option: Edge,
    answered: &'static str,
    before: Option<&'static str>,
    stopped: &'static str,
}

const WRONG: [Wrong; 5] = [
    // Where a text lies is what those before it leave over, and Rust counts its
    // characters four bytes at a time from the first address that divides by 4.
    Wrong {
        module: "text",
        function: "jaro_winkler",
        option: FUEL,
        answered: "SELECT count(jaro_winkler(a, 'crab'))
                   FROM (VALUES (''), (repeat('ab', 20))) AS t(a)",
        before: None,
        stopped: "SELECT count(jaro_winkler(a, 'crab'))
                  FROM (VALUES ('x'), (repeat('ab', 20))) AS t(a)",
    },
    // The message of a failure stays in the memory of rows, and later ones have
    // less of it.
    Wrong {
        module: "types",
        function: "at_most",
        option: FUEL,
        answered: "SELECT count(at_most(repeat('x', n), 1000000))
                   FROM (SELECT 20000 + value AS n FROM range(0, 1))",
        before: Some(
            "SELECT count(at_most(repeat('x', n), 10))
             FROM (SELECT 10000 + value AS n FROM range(0, 1))",
        ),
        stopped: "SELECT count(at_most(repeat('x', n), 1000000))
                  FROM (SELECT 20000 + value AS n FROM range(0, 1))",
    },
    // A row that is denied memory since its batch has used it up may go on, and
    // then run out of fuel: that should be tried again with fewer rows.
    Wrong {
        module: "types",
        function: "roundabout",
        option: MEMORY,
        answered: "SELECT count(roundabout(700000 + value, 0)) FROM range(0, 1)",
        before: None,
        stopped: "SELECT count(roundabout(CASE WHEN value = 30 THEN 700000 ELSE 0 END,
                                          CASE WHEN value = 30 THEN 0 ELSE 30000 END))
                  FROM range(0, 31)",
    },
    // An instance that has no room for the arguments of one row, since it keeps
    // a result of another's size, should give way to a fresh one.
    Wrong {
        module: "types",
        function: "repeated",
        option: MEMORY,
        answered: "SELECT count(repeated(repeat('x', n), 0))
                   FROM (SELECT 900000 + value AS n FROM range(0, 1))",
        before: Some(
            "SELECT count(repeated(repeat('x', n), 1))
             FROM (SELECT 250000 + value AS n FROM range(0, 1))",
        ),
        stopped: "SELECT count(repeated(repeat('x', n), 0))
                  FROM (SELECT 900000 + value AS n FROM range(0, 1))",
    },
    // Memory that grew little by little is better used than memory that grew at
    // once, so a batch may have room for a row that alone has none.
    Wrong {
        module: "types",
        function: "spacious",
        option: MEMORY,
        answered: "SELECT max(spacious(value * 29598)) FROM range(0, 65)",
        before: None,
        stopped: "SELECT max(spacious(value * 29598)) FROM range(64, 65)",
    },
];

pub(super) async fn check() -> Result<(), Failed> {
    for wrong in WRONG {
        let function = wrong.function;
        let grid = Grid::new(wrong.module, &[]).await?;
        grid.least(function, wrong.answered, wrong.option).await;
        if let Some(before) = wrong.before {
            grid.verdict(before).await;
        }
        match grid.verdict(wrong.stopped).await {
            Verdict::Stopped(reason) if reason.starts_with(function) => {}
            verdict => return Err(format!("{function}: {verdict:?}").into()),
        }
        // That instance is gone.
        let verdict = grid.verdict(wrong.answered).await;
        assert!(
            matches!(verdict, Verdict::Answer(_)),
            "{function}: {verdict:?}"
        );
    }
    Ok(())
}
