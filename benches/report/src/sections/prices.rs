//! What the sandbox costs, part by part.

use fusebox_turns::geometric_mean;

use super::{Section, Told, bar, cell, interval, ratio};
use crate::plot::Bars;
use crate::records::{Records, distinct};
use crate::table::Table;

/// What a call costs with a part of the sandbox and without it.
pub(super) fn prices(records: &Records) -> Told {
    compared(
        records,
        "price",
        |record| &record.part,
        Section {
            id: "prices",
            title: "What do fuel, canonical NaNs and the reset cost?",
            about:
                "Calls of 8,192 rows by the whole engine, beside an engine that leaves one part \
                    out, or all three, in turns."
                    .to_owned(),
            plots: Vec::new(),
            table: Table::default(),
        },
        "times the engine without it",
        &[],
    )
}

/// What metering costs by itself.
pub(super) fn metering(records: &Records) -> Told {
    compared(
        records,
        "metering",
        |record| &record.engine,
        Section {
            id: "metering",
            title: "What does counting fuel cost in the guest?",
            about: "The guest alone, for 8,192 rows that lie in its memory already: with the fuel \
                    that Fusebox adds to its code, and with Wasmtime's own, beside the same code \
                    unmetered. The goal is 1.05 in the geometric mean."
                .to_owned(),
            plots: Vec::new(),
            table: Table::default(),
        },
        "times the unmetered guest",
        &[1.05],
    )
}

/// What canonical NaNs cost by themselves.
pub(super) fn canonical(records: &Records) -> Told {
    compared(
        records,
        "canonical",
        |record| &record.engine,
        Section {
            id: "canonical",
            title: "What do canonical NaNs cost in the guest?",
            about: "Guests that compute with floats, for 8,192 rows that lie in their memory \
                    already, beside the same code with NaNs as they come; and with Cranelift's \
                    option, which makes every one canonical at once."
                .to_owned(),
            plots: Vec::new(),
            table: Table::default(),
        },
        "times the guest with NaNs as they come",
        &[1.15],
    )
}

/// Kernels, and a bar for each of what a record says about itself.
fn compared(
    records: &Records,
    bench: &str,
    series: fn(&fusebox_turns::Record) -> &String,
    section: Section,
    axis: &str,
    goals: &[f64],
) -> Told {
    let all = || records.of(bench);
    let names = distinct(all().map(series));
    if names.is_empty() {
        return Ok(None);
    }
    let head = names
        .iter()
        .flat_map(|name| [(*name).clone(), "95 %".to_owned()]);
    let mut table = Table::new(["kernel".to_owned()].into_iter().chain(head));
    let mut categories = Vec::new();
    for kernel in distinct(all().map(|record| &record.kernel)) {
        let of = |name: &&String| all().find(|r| r.kernel == *kernel && series(r) == *name);
        let found: Vec<_> = names.iter().map(of).collect();
        let cells = found.iter().flat_map(|found| match found {
            Some(record) => [
                cell(record.ratio, |ratio| format!("{ratio:.3}")),
                interval(record),
            ],
            None => [String::new(), String::new()],
        });
        table
            .rows
            .push([kernel.clone()].into_iter().chain(cells).collect());
        let bars = found.iter().map(|found| found.and_then(bar));
        categories.push((kernel.clone(), bars.collect()));
    }
    let means = names.iter().flat_map(|name| {
        let ratios = all().filter(|record| series(record) == *name);
        let mean = geometric_mean(ratios.filter_map(|record| record.ratio));
        [cell(mean, |mean| format!("{mean:.3}")), String::new()]
    });
    let mean = "geometric mean".to_owned();
    table.rows.push([mean].into_iter().chain(means).collect());
    let bars = Bars {
        title: section.title.to_owned(),
        axis: axis.to_owned(),
        series: names.into_iter().cloned().collect(),
        categories,
        goals: goals.to_vec(),
        base: Some(1.0),
        shown: ratio,
    };
    Ok(Some(Section {
        plots: vec![bars.svg()?],
        table: table.without_empty_columns(),
        ..section
    }))
}
