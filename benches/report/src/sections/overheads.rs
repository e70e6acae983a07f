//! Overhead of each protection of the sandbox.

use fusebox_paired::geometric_mean;

use super::{Section, SectionResult, bar, cell, interval, ratio};
use crate::plot::Bars;
use crate::records::{Records, distinct};
use crate::table::Table;

/// Ratios of the whole engine to an engine with a protection disabled.
pub(super) fn protections(records: &Records) -> SectionResult {
    compared(
        records,
        "overhead",
        |record| &record.part,
        Section {
            id: "overheads",
            title: "Overhead of fuel, canonical NaNs and reset",
            about: "Calls of 8,192 rows by the whole engine, sampled alternately with an engine \
                    that has one of the three disabled, or all."
                .to_owned(),
            plots: Vec::new(),
            table: Table::default(),
        },
        "ratio to the engine without it",
        &[],
    )
}

/// Overhead of metering in the guest.
pub(super) fn metering(records: &Records) -> SectionResult {
    compared(
        records,
        "metering",
        |record| &record.engine,
        Section {
            id: "metering",
            title: "Overhead of metering in the guest",
            about: "The guest alone, for 8,192 rows in its linear memory: with the fuel counters \
                    of Fusebox, and with Wasmtime's fuel, beside the same code unmetered. The goal \
                    is 1.05 for the geometric mean."
                .to_owned(),
            plots: Vec::new(),
            table: Table::default(),
        },
        "ratio to the unmetered guest",
        &[1.05],
    )
}

/// Overhead of canonical NaNs in the guest.
pub(super) fn canonical(records: &Records) -> SectionResult {
    compared(
        records,
        "canonical",
        |record| &record.engine,
        Section {
            id: "canonical",
            title: "Overhead of canonical NaNs in the guest",
            about: "Guests that compute with floats, for 8,192 rows in their linear memory, \
                    beside the same code without canonical NaNs; and with Cranelift's option, \
                    which canonicalises after every instruction."
                .to_owned(),
            plots: Vec::new(),
            table: Table::default(),
        },
        "ratio to the guest without canonical NaNs",
        &[1.15],
    )
}

/// Creates a section with a bar for each kernel and each value of a field.
fn compared(
    records: &Records,
    bench: &str,
    series: fn(&fusebox_paired::Record) -> &String,
    section: Section,
    axis: &str,
    goals: &[f64],
) -> SectionResult {
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
        format: ratio,
    };
    Ok(Some(Section {
        plots: vec![bars.svg()?],
        table: table.without_empty_columns(),
        ..section
    }))
}
