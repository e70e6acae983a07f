//! Queries, on one thread and on two.

use super::{Section, Told, bar, cell, interval, ratio};
use crate::numbers::{count, time};
use crate::plot::{Bar, Bars};
use crate::records::{Records, distinct};
use crate::summary::{gains, twin};
use crate::table::Table;

/// Queries over the flights of a year.
pub(super) fn flights(records: &Records) -> Told {
    queries(
        records,
        "flights",
        "What does a query over flights cost?",
        "every flight that left New York City in 2013, grouped by carrier",
    )
}

/// Queries over TPC-H.
pub(super) fn lineitem(records: &Records) -> Told {
    queries(
        records,
        "lineitem",
        "What does a query over TPC-H cost?",
        "the line items of TPC-H, grouped by flag and status",
    )
}

fn queries(records: &Records, table_name: &'static str, title: &'static str, about: &str) -> Told {
    let all = || {
        records
            .ours("query")
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
        axis: "times the query with the native function".to_owned(),
        series: threads.collect(),
        categories: kernels.into_iter().map(category).collect(),
        goals: vec![1.10],
        base: Some(1.0),
        shown: ratio,
    };
    Ok(Some(Section {
        id: table_name,
        title,
        about: format!(
            "A sum, a maximum or a count of the function's results over {} rows in memory: \
             {about}; from its plan to its last batch. The goal is 1.10 in the geometric mean of \
             all queries on one thread.",
            count(rows)
        ),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// How much faster two threads are.
pub(super) fn threads(records: &Records) -> Told {
    let mut table = Table::new(["query", "native", "Fusebox"]);
    let mut categories = Vec::new();
    for (one, gain) in gains(records) {
        let name = format!("{}, {}", one.kernel, one.part);
        let two = twin(records, one).and_then(|two| two.base_ns);
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
        title: "How many times faster queries are on two threads".to_owned(),
        axis: "times as fast as on one thread".to_owned(),
        series: vec!["Fusebox".to_owned(), "native".to_owned()],
        categories,
        goals: vec![1.9],
        base: None,
        shown: ratio,
    };
    Ok(Some(Section {
        id: "threads",
        title: "What do two threads gain?",
        about: "The time of a query on one thread, divided by that on two. The goal is 1.9. A \
                machine whose two cores are two threads of one cannot double anything: what the \
                native functions gain is what there is to gain."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}
