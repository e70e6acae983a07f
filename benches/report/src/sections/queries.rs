//! Queries on one thread and on two.

use super::{Section, SectionResult, bar, cell, interval, ratio};
use crate::numbers::{count, time};
use crate::plot::{Bar, Bars};
use crate::records::{Records, distinct};
use crate::summary::{gains, on_two_threads};
use crate::table::Table;

/// Queries over the flights of a year.
pub(super) fn flights(records: &Records) -> SectionResult {
    queries(
        records,
        "flights",
        "Queries over flights",
        "every departure from New York City in 2013, grouped by carrier",
    )
}

/// Queries over TPC-H.
pub(super) fn lineitem(records: &Records) -> SectionResult {
    queries(
        records,
        "lineitem",
        "Queries over TPC-H",
        "the line items of TPC-H, grouped by flag and status",
    )
}

fn queries(
    records: &Records,
    table_name: &'static str,
    title: &'static str,
    about: &str,
) -> SectionResult {
    let all = || {
        records
            .of_fusebox("query")
            .filter(move |record| record.part == table_name)
    };
    let Some(rows) = all().map(|record| record.rows).next() else {
        return Ok(None);
    };
    let threads = distinct(all().map(|record| record.threads));
    let mut table = Table::new(["kernel", "threads", "native", "Fusebox", "ratio", "95 %"]);
    for record in all() {
        table.rows.push(vec![
            record.kernel.clone(),
            record.threads.to_string(),
            cell(record.base_ns, time),
            cell(record.ns, time),
            cell(record.ratio, ratio),
            interval(record),
        ]);
    }
    let category = |kernel: &String| {
        let of = |threads: &u64| all().find(|r| r.kernel == *kernel && r.threads == *threads);
        let bars = threads.iter().map(|threads| of(threads).and_then(bar));
        (kernel.clone(), bars.collect())
    };
    let kernels = distinct(all().map(|record| &record.kernel));
    let threads = threads.iter().map(|threads| match threads {
        1 => "one thread".to_owned(),
        2 => "two threads".to_owned(),
        more => format!("{more} threads"),
    });
    let bars = Bars {
        title: format!(
            "Queries over {} {table_name}: ratios to native functions",
            count(rows)
        ),
        axis: "ratio to the query with the native function".to_owned(),
        series: threads.collect(),
        categories: kernels.into_iter().map(category).collect(),
        goals: vec![1.10],
        base: Some(1.0),
        format: ratio,
    };
    Ok(Some(Section {
        id: table_name,
        title,
        about: format!(
            "A sum, a maximum or a count of the function's results over {} rows in memory: \
             {about}. FunctionMetrics is the execution of the physical plan. The goal is 1.10 for the \
             geometric mean of all queries on one thread.",
            count(rows)
        ),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// Speedup of queries on two threads.
pub(super) fn threads(records: &Records) -> SectionResult {
    let mut table = Table::new(["query", "native", "Fusebox"]);
    let mut categories = Vec::new();
    for (one, gain) in gains(records) {
        let name = format!("{}, {}", one.kernel, one.part);
        let two = on_two_threads(records, one).and_then(|two| two.base_ns);
        let native = one.base_ns.zip(two).map(|(one, two)| one / two);
        table
            .rows
            .push(vec![name.clone(), cell(native, ratio), ratio(gain)]);
        let bar = |value| Bar {
            value,
            low: value,
            high: value,
        };
        categories.push((name, vec![Some(bar(gain)), native.map(bar)]));
    }
    if categories.is_empty() {
        return Ok(None);
    }
    let bars = Bars {
        title: "Speedup of queries on two threads".to_owned(),
        axis: "speedup over one thread".to_owned(),
        series: vec!["Fusebox".to_owned(), "native".to_owned()],
        categories,
        goals: vec![1.9],
        base: None,
        format: ratio,
    };
    Ok(Some(Section {
        id: "threads",
        title: "Speedup on two threads",
        about: "The time of a query on one thread, divided by the time on two. The goal is 1.9. \
                Where the two cores are hardware threads of one physical core, no query becomes \
                twice as fast: the speedup of the native functions is the attainable one."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}
