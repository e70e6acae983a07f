//! The rest: what has one table, and perhaps bars.

use fusebox_turns::Record;

use super::{Section, Told, bar, cell, interval, ratio};
use crate::numbers::{bytes, count, time};
use crate::plot::{Bar, Bars};
use crate::records::{Records, distinct};
use crate::summary::ROWS;
use crate::table::Table;

/// Other sandboxes that run the same functions.
pub(super) fn peers(records: &Records) -> Told {
    let all = || records.of("peers");
    let peers = distinct(
        all()
            .map(|record| &record.engine)
            .filter(|e| *e != "fusebox"),
    );
    if peers.is_empty() {
        return Ok(None);
    }
    let head = ["kernel", "rows", "native", "Fusebox"].map(str::to_owned);
    let head = head
        .into_iter()
        .chain(peers.iter().map(|peer| (*peer).clone()));
    let mut table = Table::new(head);
    let mut categories = Vec::new();
    for (kernel, rows) in distinct(all().map(|record| (&record.kernel, record.rows))) {
        let of = |engine: &str| {
            all().find(|r| r.kernel == *kernel && r.rows == rows && r.engine == engine)
        };
        let ours = of("fusebox");
        let found: Vec<Option<&Record>> = peers.iter().map(|peer| of(peer)).collect();
        let cells = found.iter().map(|found| match found {
            Some(record) => format!("{} ({})", cell(record.ns, time), cell(record.ratio, ratio)),
            None => String::new(),
        });
        let head = [
            kernel.clone(),
            count(rows),
            cell(ours.and_then(|record| record.base_ns), time),
            cell(ours.and_then(|record| record.ns), time),
        ];
        table.rows.push(head.into_iter().chain(cells).collect());
        if rows == ROWS {
            let bars = found.iter().map(|found| found.and_then(bar));
            categories.push((kernel.clone(), bars.collect()));
        }
    }
    let bars = Bars {
        title: "Calls of 8,192 rows in other sandboxes: ratios to Fusebox".to_owned(),
        axis: "times Fusebox".to_owned(),
        series: peers.into_iter().cloned().collect(),
        categories,
        goals: Vec::new(),
        base: Some(1.0),
        shown: ratio,
    };
    Ok(Some(Section {
        id: "peers",
        title: "What do other sandboxes cost?",
        about: "The same functions over the same rows in other sandboxes, in turns with Fusebox; \
                bars are how many times as long theirs take, at 8,192 rows. Fusebox is metered and \
                limited; the others are not. The table has the time of a call, and its ratio to \
                Fusebox's."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// Aggregate, window and table functions.
pub(super) fn kinds(records: &Records) -> Told {
    let about = "Queries with functions of the module `stats` and with their native twins, over \
                 tables in memory, on one thread. The name says how many groups, partitions or \
                 rows there are. The goal is 1.5 for groups and partitions.";
    ratios(
        records,
        "kinds",
        "What do aggregate, window and table functions cost?",
        about,
        &[1.5],
    )
}

/// What a column costs at the border.
pub(super) fn border(records: &Records) -> Told {
    let about = "A column lowered into guest memory, or lifted out of it, beside the copies and \
                 checks that nobody can do without. The name says the way, the type, the rows, \
                 whether there are nulls and whether it is a slice.";
    ratios(records, "border", "What does the border cost?", about, &[])
}

/// Names, what they took, and the ratio.
fn ratios(
    records: &Records,
    bench: &'static str,
    title: &'static str,
    about: &str,
    goals: &[f64],
) -> Told {
    let all = || records.ours(bench);
    let mut table = Table::new(["what", "beside", "Fusebox", "ratio", "95 %"]);
    for record in all() {
        table.rows.push(vec![
            record.kernel.clone(),
            cell(record.base_ns, time),
            cell(record.ns, time),
            cell(record.ratio, ratio),
            interval(record),
        ]);
    }
    if table.rows.is_empty() {
        return Ok(None);
    }
    let bars = Bars {
        title: title.to_owned(),
        axis: "times what it is compared with".to_owned(),
        series: vec!["Fusebox".to_owned()],
        categories: all()
            .map(|record| (record.kernel.clone(), vec![bar(record)]))
            .collect(),
        goals: goals.to_vec(),
        base: Some(1.0),
        shown: ratio,
    };
    Ok(Some(Section {
        id: bench,
        title,
        about: about.to_owned(),
        plots: vec![bars.svg()?],
        table: table.without_empty_columns(),
    }))
}

/// The time until there is a first row.
pub(super) fn starts(records: &Records) -> Told {
    let cold = || records.ours("cold");
    let mut table = Table::new(["what", "takes", "95 %"]);
    let mut row = |name: String, record: &Record| {
        let spread = record.low.zip(record.high);
        let spread = spread.map_or(String::new(), |(low, high)| {
            format!("{} – {}", time(low), time(high))
        });
        table.rows.push(vec![name, cell(record.ns, time), spread]);
    };
    for record in cold() {
        row(format!("{}: {}", record.kernel, record.part), record);
    }
    for record in records.ours("fresh") {
        // The interval is of the ratio.
        let bare = Record {
            low: None,
            high: None,
            ..record.clone()
        };
        let rows = count(record.rows);
        row(format!("a call that makes an instance, {rows} rows"), &bare);
        let beside = Record {
            ns: record.base_ns,
            ..bare
        };
        row(format!("a call that finds one, {rows} rows"), &beside);
    }
    for record in records.ours("reset") {
        row(
            format!("{}, {} rows", record.kernel, count(record.rows)),
            record,
        );
    }
    if table.rows.is_empty() {
        return Ok(None);
    }
    let parts = distinct(cold().map(|record| &record.part));
    let category = |kernel: &String| {
        let of = |part: &&String| cold().find(|r| r.kernel == *kernel && r.part == **part);
        let bar = |record: &Record| {
            let value = record.ns?;
            Some(Bar {
                value,
                low: record.low.unwrap_or(value),
                high: record.high.unwrap_or(value),
            })
        };
        let size = cold().find(|r| r.kernel == *kernel).and_then(|r| r.bytes);
        let size = cell(size, bytes);
        let bars = parts.iter().map(|part| of(part).and_then(bar));
        (format!("{kernel}, {size}"), bars.collect())
    };
    let kernels = distinct(cold().map(|record| &record.kernel));
    let mut plots = Vec::new();
    if !kernels.is_empty() {
        let bars = Bars {
            title: "From CREATE MODULE to the first row".to_owned(),
            axis: "time, on a logarithmic axis".to_owned(),
            series: parts.iter().map(|part| (*part).clone()).collect(),
            categories: kernels.into_iter().map(category).collect(),
            goals: Vec::new(),
            base: None,
            shown: time,
        };
        plots.push(bars.svg()?);
    }
    Ok(Some(Section {
        id: "starts",
        title: "How long is it until the first row?",
        about: "`CREATE MODULE`, `IMPORT FUNCTIONS` and a query of one row, in a new session of a \
                new process: `compiled` with nothing in Wasmtime's cache, `cached` with the module \
                in it; `again` is the query once more. Below: calls that find no instance and make \
                one, and what a call of `add` takes in an instance that keeps everything, in one \
                that is reset, and in a new one."
            .to_owned(),
        plots,
        table,
    }))
}

/// What is kept in memory.
pub(super) fn memory(records: &Records) -> Told {
    let mut table = Table::new(["what", "resident"]);
    for record in records.ours("memory") {
        table
            .rows
            .push(vec![record.kernel.clone(), cell(record.bytes, bytes)]);
    }
    Ok((!table.rows.is_empty()).then(|| Section {
        id: "memory",
        title: "What is kept in memory?",
        about:
            "What registering 500 functions of one module adds to the resident set of a process \
                (`VmRSS` of `/proc/self/status`), with the instance that is made ready for each; \
                what these instances keep after a call of 8,192 rows, by what is given back when \
                they are gone; divided by their number."
                .to_owned(),
        plots: Vec::new(),
        table,
    }))
}
