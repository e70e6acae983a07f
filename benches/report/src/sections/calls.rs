//! Calls: their ratios, their sizes, their parts.

use fusebox_turns::Record;

use super::{Section, Told, bar, cell, interval, ratio};
use crate::numbers::{count, time};
use crate::plot::{Bars, Curve, Lines, Stacks};
use crate::records::{Records, distinct};
use crate::summary::{ROWS, calls};
use crate::table::Table;

/// What the ratio of a call should be in the geometric mean, and at worst.
const GOALS: [f64; 2] = [1.35, 2.5];

/// Kernels in batches of DataFusion's size, without nulls.
pub(super) fn ratios(records: &Records) -> Told {
    let full = calls(records).filter(|record| record.nulls == 0);
    if full.clone().next().is_none() {
        return Ok(None);
    }
    let mut table = Table::new(["kernel", "native, a row", "Fusebox, a row", "ratio", "95 %"]);
    for record in full.clone() {
        let per_row = |nanos: Option<f64>| cell(nanos.map(|nanos| nanos / ROWS as f64), time);
        table.rows.push(vec![
            record.kernel.clone(),
            per_row(record.base_ns),
            per_row(record.ns),
            cell(record.ratio, ratio),
            interval(record),
        ]);
    }
    let bars = Bars {
        title: "Calls of 8,192 rows: ratios to native functions".to_owned(),
        axis: "times the native function".to_owned(),
        series: vec!["Fusebox".to_owned()],
        categories: full
            .map(|record| (record.kernel.clone(), vec![bar(record)]))
            .collect(),
        goals: GOALS.into(),
        base: Some(1.0),
        shown: ratio,
    };
    Ok(Some(Section {
        id: "calls",
        title: "What does a call cost?",
        about: "A call of 8,192 rows on one thread, from Arrow arrays in to an Arrow array out, \
                with fuel, canonical NaNs and a reset, beside the same Rust in a native function \
                of DataFusion. The two take turns; a bar is the median of the ratios of turns \
                side by side, and the line through its end an interval that holds the median \
                with 95 %. Vertical lines are the goals: 1.35 in the geometric mean, and 2.5 at \
                worst."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// The same with nulls in the first argument.
pub(super) fn nulls(records: &Records) -> Told {
    let percents = distinct(calls(records).map(|record| record.nulls));
    if percents.len() < 2 {
        return Ok(None);
    }
    let named = |percent: &u64| format!("{percent} % nulls");
    let mut table = Table::new(
        ["kernel".to_owned()]
            .into_iter()
            .chain(percents.iter().map(named)),
    );
    let mut categories = Vec::new();
    for kernel in distinct(calls(records).map(|record| &record.kernel)) {
        let found: Vec<Option<&Record>> = percents
            .iter()
            .map(|nulls| calls(records).find(|r| r.kernel == *kernel && r.nulls == *nulls))
            .collect();
        let ratios = found
            .iter()
            .map(|found| cell(found.and_then(|r| r.ratio), ratio));
        table
            .rows
            .push([kernel.clone()].into_iter().chain(ratios).collect());
        let bars = found.iter().map(|found| found.and_then(bar));
        categories.push((kernel.clone(), bars.collect()));
    }
    let bars = Bars {
        title: "Calls of 8,192 rows with nulls: ratios to native functions".to_owned(),
        axis: "times the native function".to_owned(),
        series: percents.iter().map(named).collect(),
        categories,
        goals: GOALS.into(),
        base: Some(1.0),
        shown: ratio,
    };
    Ok(Some(Section {
        id: "nulls",
        title: "What do nulls change?",
        about: "The same calls, with nulls in no order in the first argument. Native functions \
                skip them 64 at a time, or compute what lies under them."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// Calls of one row to many.
pub(super) fn sizes(records: &Records) -> Told {
    let full = || records.ours("call").filter(|record| record.nulls == 0);
    let mut sizes = distinct(full().map(|record| record.rows));
    sizes.sort_unstable();
    if sizes.len() < 2 {
        return Ok(None);
    }
    let named = |rows: &u64| format!("{} rows", count(*rows));
    let mut table = Table::new(
        ["kernel".to_owned()]
            .into_iter()
            .chain(sizes.iter().map(named)),
    );
    let mut plots = Vec::new();
    for kernel in distinct(full().map(|record| &record.kernel)) {
        let of = |rows: &u64| full().find(|r| r.kernel == *kernel && r.rows == *rows);
        let found: Vec<&Record> = sizes.iter().filter_map(of).collect();
        let curve = |nanos: fn(&Record) -> Option<f64>| -> Curve {
            let points = found
                .iter()
                .filter_map(|r| Some((r.rows as f64, nanos(r)?)));
            points.collect()
        };
        plots.push((kernel.clone(), vec![curve(|r| r.ns), curve(|r| r.base_ns)]));
        let cells = sizes.iter().map(|rows| match of(rows) {
            Some(record) => format!("{} ({})", cell(record.ns, time), cell(record.ratio, ratio)),
            None => String::new(),
        });
        table
            .rows
            .push([kernel.clone()].into_iter().chain(cells).collect());
    }
    let lines = Lines {
        title: "Time of a call by its rows, both on logarithmic axes".to_owned(),
        series: vec!["Fusebox".to_owned(), "native".to_owned()],
        plots,
    };
    Ok(Some(Section {
        id: "rows",
        title: "What is fixed, and what is per row?",
        about: "The time of a call by its rows, both on logarithmic axes: the flat part is what a \
                call costs whatever its rows are, the slope what each row costs. The table has \
                Fusebox's time, and its ratio to the native function."
            .to_owned(),
        plots: vec![lines.svg()?],
        table,
    }))
}

/// What a call is made of.
pub(super) fn split(records: &Records) -> Told {
    let splits = || records.ours("split");
    let steps = distinct(splits().map(|record| &record.part));
    if steps.is_empty() {
        return Ok(None);
    }
    let head = ["kernel", "rows", "all"].map(str::to_owned).into_iter();
    let mut table = Table::new(head.chain(steps.iter().map(|step| (*step).clone())));
    let mut plots = Vec::new();
    for rows in distinct(splits().map(|record| record.rows)) {
        let mut categories = Vec::new();
        let of_rows = || splits().filter(move |record| record.rows == rows);
        for kernel in distinct(of_rows().map(|record| &record.kernel)) {
            let step = |step: &&String| {
                let found = of_rows().find(|r| r.kernel == *kernel && r.part == **step);
                found.and_then(|record| record.ns).unwrap_or(0.0)
            };
            let nanos: Vec<f64> = steps.iter().map(step).collect();
            let all = time(nanos.iter().sum());
            let head = [kernel.clone(), count(rows), all.clone()].into_iter();
            table
                .rows
                .push(head.chain(nanos.iter().map(|nanos| time(*nanos))).collect());
            categories.push((kernel.clone(), all, nanos));
        }
        let stacks = Stacks {
            title: format!("What a call of {} rows is made of", count(rows)),
            series: steps.iter().map(|step| (*step).clone()).collect(),
            categories,
        };
        plots.push(stacks.svg()?);
    }
    Ok(Some(Section {
        id: "split",
        title: "What is a call made of?",
        about: "Each step of a call, as the engine writes it down, first for 8,192 rows and then \
                for one: `lower` writes the arguments into guest memory, `guest` is the function, \
                `lift` checks and copies the result, `reset` makes the instance as good as new, \
                and `around` is what is left: DataFusion's description of the call, and the \
                engine's looking for nulls. Behind each bar stands the time of the whole call."
            .to_owned(),
        plots,
        table,
    }))
}
