//! Calls: ratios, nulls, sizes, phases.

use fusebox_paired::Record;

use super::{Section, SectionResult, bar, cell, interval, ratio};
use crate::numbers::{count, time};
use crate::plot::{Bars, Curve, Lines, StackedBars};
use crate::records::{Records, distinct};
use crate::summary::{ROWS, calls};
use crate::table::Table;

/// Maximum ratio of calls: geometric mean, and worst kernel.
const GOALS: [f64; 2] = [1.35, 2.5];

/// Ratios of calls of 8,192 rows without nulls.
pub(super) fn ratios(records: &Records) -> SectionResult {
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
        axis: "ratio to the native function".to_owned(),
        series: vec!["Fusebox".to_owned()],
        categories: full
            .map(|record| (record.kernel.clone(), vec![bar(record)]))
            .collect(),
        goals: GOALS.into(),
        base: Some(1.0),
        format: ratio,
    };
    Ok(Some(Section {
        id: "calls",
        title: "Calls",
        about: "A call of 8,192 rows on one thread, from Arrow arrays to an Arrow array, with \
                fuel, canonical NaNs and a reset, beside the same Rust in a native function of \
                DataFusion. Both are sampled alternately. A bar is the median of the ratios \
                within rounds, and the line through its end the 95 % confidence interval. \
                Vertical lines are the goals: 1.35 for the geometric mean, 2.5 for the worst \
                kernel."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// Ratios of calls of 8,192 rows by percentage of nulls.
pub(super) fn nulls(records: &Records) -> SectionResult {
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
        axis: "ratio to the native function".to_owned(),
        series: percents.iter().map(named).collect(),
        categories,
        goals: GOALS.into(),
        base: Some(1.0),
        format: ratio,
    };
    Ok(Some(Section {
        id: "nulls",
        title: "Calls with nulls",
        about: "The same calls, with nulls at random rows of the first argument. Native \
                functions either test validity 64 rows at a time, or compute the values under \
                nulls too."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// Times of calls by number of rows.
pub(super) fn sizes(records: &Records) -> SectionResult {
    let full = || {
        records
            .of_fusebox("call")
            .filter(|record| record.nulls == 0)
    };
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
        title: "Time of a call by number of rows, both on logarithmic axes".to_owned(),
        series: vec!["Fusebox".to_owned(), "native".to_owned()],
        plots,
    };
    Ok(Some(Section {
        id: "rows",
        title: "Calls by number of rows",
        about: "The time of a call by its number of rows, both on logarithmic axes. The flat \
                part is the fixed cost of a call, the slope the cost of a row. The table has the \
                time of Fusebox and its ratio to the native function."
            .to_owned(),
        plots: vec![lines.svg()?],
        table,
    }))
}

/// Phases of a call.
pub(super) fn phases(records: &Records) -> SectionResult {
    let all = || records.of_fusebox("phases");
    let phases = distinct(all().map(|record| &record.part));
    if phases.is_empty() {
        return Ok(None);
    }
    let head = ["kernel", "rows", "total"].map(str::to_owned).into_iter();
    let mut table = Table::new(head.chain(phases.iter().map(|phase| (*phase).clone())));
    let mut plots = Vec::new();
    for rows in distinct(all().map(|record| record.rows)) {
        let mut categories = Vec::new();
        let of_rows = || all().filter(move |record| record.rows == rows);
        for kernel in distinct(of_rows().map(|record| &record.kernel)) {
            let phase = |phase: &&String| {
                let found = of_rows().find(|r| r.kernel == *kernel && r.part == **phase);
                found.and_then(|record| record.ns).unwrap_or(0.0)
            };
            let nanos: Vec<f64> = phases.iter().map(phase).collect();
            let total = time(nanos.iter().sum());
            let head = [kernel.clone(), count(rows), total.clone()].into_iter();
            table
                .rows
                .push(head.chain(nanos.iter().map(|nanos| time(*nanos))).collect());
            categories.push((kernel.clone(), total, nanos));
        }
        let bars = StackedBars {
            title: format!("Phases of a call of {} rows", count(rows)),
            series: phases.iter().map(|phase| (*phase).clone()).collect(),
            categories,
        };
        plots.push(bars.svg()?);
    }
    Ok(Some(Section {
        id: "phases",
        title: "Phases of a call",
        about: "Phases from the engine's metrics, for calls of 8,192 rows and of one row: `lower` \
                copies the arguments into linear memory, `guest` runs the function, `lift` checks \
                and copies the result, `reset` restores the baseline of the instance. `other` is \
                the remainder: DataFusion's description of the call, and the search for nulls. \
                The time of the whole call is shown beside each bar."
            .to_owned(),
        plots,
        table,
    }))
}
