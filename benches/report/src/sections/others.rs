//! Peers, aggregates, cold starts, memory, lowering and lifting.

use fusebox_paired::Record;

use super::{Section, SectionResult, bar, cell, interval, ratio};
use crate::numbers::{bytes, count, time};
use crate::plot::{Bar, Bars};
use crate::records::{Records, distinct};
use crate::summary::ROWS;
use crate::table::Table;

/// The same functions in other sandboxes.
pub(super) fn peers(records: &Records) -> SectionResult {
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
        axis: "ratio to Fusebox".to_owned(),
        series: peers.into_iter().cloned().collect(),
        categories,
        goals: Vec::new(),
        base: Some(1.0),
        format: ratio,
    };
    Ok(Some(Section {
        id: "peers",
        title: "Other sandboxes",
        about: "The same functions over the same rows in other sandboxes, sampled alternately \
                with Fusebox. Bars are ratios of their time to that of Fusebox, at 8,192 rows. \
                Fusebox is metered and limited; the others are not. The table has the time of a \
                call and its ratio to Fusebox."
            .to_owned(),
        plots: vec![bars.svg()?],
        table,
    }))
}

/// Plain functions.
pub(super) fn plain(records: &Records) -> SectionResult {
    let mut table = Table::new(["kernel", "beside", "plain", "other", "ratio", "95 %"]);
    for record in records.of("plain") {
        table.rows.push(vec![
            record.kernel.clone(),
            record.engine.clone(),
            cell(record.base_ns, time),
            cell(record.ns, time),
            cell(record.ratio, ratio),
            interval(record),
        ]);
    }
    Ok((!table.rows.is_empty()).then(|| Section {
        id: "plain",
        title: "Plain functions",
        about:
            "Calls of 8,192 rows of plain functions, to which the host adds the loop over rows, \
                metered and limited, beside the native function, the same source with the SDK, and \
                a Wasmtime call for each row without and with Wasmtime's fuel. The ratio is that \
                of the other to the plain function; the goals are 8 for `add` to `rows`, and 0.91 \
                for all to `sdk`."
                .to_owned(),
        plots: Vec::new(),
        table,
    }))
}

/// Aggregate, window and table functions.
pub(super) fn kinds(records: &Records) -> SectionResult {
    let about = "Queries with functions of module `stats` and with their native twins, over \
                 tables in memory, on one thread. The name contains the number of groups, \
                 partitions or rows. The goal is 1.5 for groups and partitions.";
    ratios(
        records,
        "kinds",
        "Aggregate, window and table functions",
        about,
        &[1.5],
    )
}

/// Lowering and lifting of columns.
pub(super) fn border(records: &Records) -> SectionResult {
    let about = "A column lowered into linear memory, or lifted out of it, beside the minimal \
                 copies and checks. The name contains the direction, the type, the rows, nulls or \
                 none, and sliced or whole.";
    ratios(records, "border", "Lowering and lifting", about, &[])
}

/// Creates a section with a bar and a row for each record of a bench.
fn ratios(
    records: &Records,
    bench: &'static str,
    title: &'static str,
    about: &str,
    goals: &[f64],
) -> SectionResult {
    let all = || records.of_fusebox(bench);
    let mut table = Table::new(["name", "baseline", "Fusebox", "ratio", "95 %"]);
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
        axis: "ratio to the baseline".to_owned(),
        series: vec!["Fusebox".to_owned()],
        categories: all()
            .map(|record| (record.kernel.clone(), vec![bar(record)]))
            .collect(),
        goals: goals.to_vec(),
        base: Some(1.0),
        format: ratio,
    };
    Ok(Some(Section {
        id: bench,
        title,
        about: about.to_owned(),
        plots: vec![bars.svg()?],
        table: table.without_empty_columns(),
    }))
}

/// Time to the first row, and times of calls by reuse of the instance.
pub(super) fn starts(records: &Records) -> SectionResult {
    let cold = || records.of_fusebox("cold");
    let mut table = Table::new(["name", "time", "95 %"]);
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
    for record in records.of_fusebox("fresh") {
        // The interval of this record is that of its ratio, not of its time.
        let fresh = Record {
            low: None,
            high: None,
            ..record.clone()
        };
        let rows = count(record.rows);
        row(format!("call with a new instance, {rows} rows"), &fresh);
        let idle = Record {
            ns: record.base_ns,
            ..fresh
        };
        row(format!("call with an idle instance, {rows} rows"), &idle);
    }
    for record in records.of_fusebox("reset") {
        row(
            format!("{}, {} rows", record.kernel, count(record.rows)),
            record,
        );
    }
    if table.rows.is_empty() {
        return Ok(None);
    }
    let mut plots = Vec::new();
    if cold().next().is_some() {
        plots.push(cold_bars(records).svg()?);
    }
    Ok(Some(Section {
        id: "starts",
        title: "Cold starts",
        about: "`CREATE MODULE`, `IMPORT FUNCTIONS` and a query of one row, in a new session of a \
                new process: `compiled` with an empty Wasmtime cache, `cached` with the module in \
                the cache; `again` is the query once more. \
                `reopened`: the query in a new process, of a catalog in a file that another \
                process wrote; `operators`: a row of DataFusion's own operators in a new process. \
                The table also has calls that create \
                an instance, and calls of `add` in an instance that is not reset, in one that is \
                reset, and in a new one."
            .to_owned(),
        plots,
        table,
    }))
}

/// Creates the bars of times to the first row, by module and kind of start.
fn cold_bars(records: &Records) -> Bars {
    let cold = || records.of_fusebox("cold");
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
    Bars {
        title: "Time from CREATE MODULE to the first row".to_owned(),
        axis: "time, on a logarithmic axis".to_owned(),
        series: parts.iter().map(|part| (*part).clone()).collect(),
        categories: kernels.into_iter().map(category).collect(),
        goals: Vec::new(),
        base: None,
        format: time,
    }
}

/// Memory of functions and instances.
pub(super) fn memory(records: &Records) -> SectionResult {
    let mut table = Table::new(["name", "resident"]);
    for record in records.of_fusebox("memory") {
        table
            .rows
            .push(vec![record.kernel.clone(), cell(record.bytes, bytes)]);
    }
    Ok((!table.rows.is_empty()).then(|| Section {
        id: "memory",
        title: "Memory",
        about: "Growth of the resident set of a process (`VmRSS` of `/proc/self/status`), divided \
                by the number of functions: by registering 500 functions of one module, each with \
                a preallocated instance; by these instances after a call of 8,192 rows, measured \
                when they are discarded; and by functions without instances."
            .to_owned(),
        plots: Vec::new(),
        table,
    }))
}
