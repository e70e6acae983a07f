//! Where the rows before had a say in a verdict, which they should not have.

use sqllogictest::harness::Failed;

use super::grid::{Edge, FUEL, Grid, MEMORY, Verdict};

/// A query that has an answer with the least of an option, and the same rows
/// after others.
struct Pair {
    module: &'static str,
    function: &'static str,
    option: Edge,
    answered: &'static str,
    before: Option<&'static str>,
    after_others: &'static str,
}

const PAIRS: [Pair; 4] = [
    // Where a text lies is what those before it leave over, and Rust counts its
    // characters four bytes at a time from the first address that divides by 4.
    Pair {
        module: "text",
        function: "jaro_winkler",
        option: FUEL,
        answered: "SELECT count(jaro_winkler(a, 'crab'))
                   FROM (VALUES (''), (repeat('ab', 20))) AS t(a)",
        before: None,
        after_others: "SELECT count(jaro_winkler(a, 'crab'))
                  FROM (VALUES ('x'), (repeat('ab', 20))) AS t(a)",
    },
    // The message of a failure stays in the memory of rows, and later ones have
    // less of it.
    Pair {
        module: "types",
        function: "at_most",
        option: FUEL,
        answered: "SELECT count(at_most(repeat('x', n), 1000000))
                   FROM (SELECT 20000 + value AS n FROM range(0, 1))",
        before: Some(
            "SELECT count(at_most(repeat('x', n), 10))
             FROM (SELECT 10000 + value AS n FROM range(0, 1))",
        ),
        after_others: "SELECT count(at_most(repeat('x', n), 1000000))
                  FROM (SELECT 20000 + value AS n FROM range(0, 1))",
    },
    // A row that is denied memory since its batch has used it up may go on, and
    // then run out of fuel: that should be tried again with fewer rows.
    Pair {
        module: "types",
        function: "roundabout",
        option: MEMORY,
        answered: "SELECT count(roundabout(700000 + value, 0)) FROM range(0, 1)",
        before: None,
        after_others: "SELECT count(roundabout(CASE WHEN value = 30 THEN 700000 ELSE 0 END,
                                          CASE WHEN value = 30 THEN 0 ELSE 30000 END))
                  FROM range(0, 31)",
    },
    // An instance that has no room for the arguments of one row, since it keeps
    // a result of another's size, should give way to a fresh one.
    Pair {
        module: "types",
        function: "repeated",
        option: MEMORY,
        answered: "SELECT count(repeated(repeat('x', n), 0))
                   FROM (SELECT 900000 + value AS n FROM range(0, 1))",
        before: Some(
            "SELECT count(repeated(repeat('x', n), 1))
             FROM (SELECT 250000 + value AS n FROM range(0, 1))",
        ),
        after_others: "SELECT count(repeated(repeat('x', n), 0))
                  FROM (SELECT 900000 + value AS n FROM range(0, 1))",
    },
];

pub(super) async fn check() -> Result<(), Failed> {
    for pair in PAIRS {
        match verdict_after_others(&pair).await? {
            Verdict::Answer(_) => {}
            verdict => return Err(format!("{}: {verdict:?}", pair.function).into()),
        }
    }
    neither_has_memory_that_only_others_made().await
}

/// Memory that grew little by little is better used than memory that grew at
/// once, so a batch may have room for a row that alone has none. Then the batch
/// should not have it either: with the least memory that its rows need one by
/// one, both have an answer, and with less, none has.
async fn neither_has_memory_that_only_others_made() -> Result<(), Failed> {
    let grid = Grid::new("types", &[]).await?;
    // The last row has from 0 to 7 times 8 KiB more, so that wherever its memory
    // begins, some of these end just behind the end of a page.
    for step in (0..8).map(|eighth| 29_598 + eighth * 128) {
        let among_others = format!("SELECT max(spacious(value * {step})) FROM range(0, 65)");
        let alone = format!("SELECT max(spacious(value * {step})) FROM range(64, 65)");
        for (first, second) in [(&among_others, &alone), (&alone, &among_others)] {
            let least = grid.least("spacious", first, MEMORY).await;
            for (pages, has_answer) in [(least, true), (least - 1, false)] {
                let option = format!("memory = '{}kB'", pages * 64);
                grid.set("spacious", &option).await?;
                let verdict = grid.verdict(second).await;
                if matches!(verdict, Verdict::Answer(_)) != has_answer {
                    return Err(format!("{pages} pages: {second}: {verdict}").into());
                }
            }
        }
    }
    Ok(())
}

/// What the query after others gives, with the least that the other needs.
async fn verdict_after_others(pair: &Pair) -> Result<Verdict, Failed> {
    let grid = Grid::new(pair.module, &[]).await?;
    grid.least(pair.function, pair.answered, pair.option).await;
    if let Some(before) = pair.before {
        grid.verdict(before).await;
    }
    Ok(grid.verdict(pair.after_others).await)
}
