//! Figures with goals.

use fusebox_paired::{Record, geometric_mean};

use crate::records::Records;

/// A figure and its goal.
pub(crate) struct Figure {
    /// Name, by which scripts find the line.
    pub(crate) name: &'static str,
    /// Kernel, if the figure is that of one kernel.
    pub(crate) kernel: Option<String>,
    pub(crate) value: f64,
    pub(crate) goal: Goal,
}

pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub(crate) fn is_reached(&self) -> bool {
        match self.goal {
            Goal::AtMost(goal) => self.value <= goal,
            Goal::AtLeast(goal) => self.value >= goal,
        }
    }

    /// Formats the figure as a line for scripts.
    pub(crate) fn line(&self) -> String {
        let (name, value) = (self.name, self.value);
        match &self.kernel {
            Some(kernel) => format!("{name}: {kernel} {value:.3}"),
            None => format!("{name}: {value:.3}"),
        }
    }
}

/// Rows of the calls with goals: the batch size of DataFusion.
pub(crate) const ROWS: u64 = 8_192;

/// Returns the calls with goals.
pub(crate) fn calls(records: &Records) -> impl Iterator<Item = &Record> + Clone {
    records
        .of_fusebox("call")
        .filter(|record| record.rows == ROWS)
}

/// Returns the figures that have records.
pub(crate) fn figures(records: &Records) -> Vec<Figure> {
    let mean = |name, goal, ratios: &mut dyn Iterator<Item = f64>| {
        let value = geometric_mean(ratios)?;
        Some(Figure {
            name,
            kernel: None,
            value,
            goal,
        })
    };
    let one_thread = records
        .of_fusebox("query")
        .filter(|record| record.threads == 1);
    let worst = calls(records).filter_map(|record| Some((&record.kernel, record.ratio?)));
    let worst = worst.max_by(|a, b| a.1.total_cmp(&b.1));
    let worst = worst.map(|(kernel, value)| Figure {
        name: "worst kernel",
        kernel: Some(kernel.clone()),
        value,
        goal: Goal::AtMost(2.5),
    });
    let figures = [
        mean(
            "two threads beside one",
            Goal::AtLeast(1.9),
            &mut gains(records).map(|(_, gain)| gain),
        ),
        mean(
            "call-level geometric mean",
            Goal::AtMost(1.35),
            &mut calls(records).filter_map(|record| record.ratio),
        ),
        mean(
            "query-level geometric mean",
            Goal::AtMost(1.10),
            &mut one_thread.filter_map(|record| record.ratio),
        ),
        mean(
            "real columns, answers used again",
            Goal::AtMost(0.7),
            &mut of_part(records, "reused", "real"),
        ),
        mean(
            "unique columns, beside rows that are asked",
            Goal::AtMost(1.01),
            &mut of_part(records, "reused-beside-asked", "unique"),
        ),
        worst,
        mean(
            "metering",
            Goal::AtMost(1.05),
            &mut records
                .of_fusebox("metering")
                .filter_map(|record| record.ratio),
        ),
    ];
    figures.into_iter().flatten().collect()
}

/// Returns the ratios of a bench for one kind of columns.
fn of_part<'a>(
    records: &'a Records,
    bench: &'a str,
    part: &'a str,
) -> impl Iterator<Item = f64> + 'a {
    let records = records.of_fusebox(bench);
    let records = records.filter(move |record| record.part == part);
    records.filter_map(|record| record.ratio)
}

/// Returns the queries on one thread, and their speedup on two.
pub(crate) fn gains(records: &Records) -> impl Iterator<Item = (&Record, f64)> + Clone {
    let one_thread = records
        .of_fusebox("query")
        .filter(|record| record.threads == 1);
    one_thread.filter_map(|one| {
        let two = on_two_threads(records, one)?;
        Some((one, one.ns? / two.ns?))
    })
}

/// Returns the record of the same query on two threads.
pub(crate) fn on_two_threads<'a>(records: &'a Records, one: &Record) -> Option<&'a Record> {
    records.of_fusebox("query").find(|record| {
        record.threads == 2 && record.kernel == one.kernel && record.part == one.part
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let records = Records::read(text).unwrap();
        figures(&records).iter().map(Figure::line).collect()
    }

    #[test]
    fn figures_cover_one_thread_and_batches_of_8192_rows() {
        let text = r#"
            {"bench":"call","kernel":"add","engine":"fusebox","rows":8192,"threads":1,"ratio":1.0}
            {"bench":"call","kernel":"dot","engine":"fusebox","rows":8192,"nulls":90,"threads":1,"ratio":4.0}
            {"bench":"call","kernel":"dot","engine":"peer","rows":8192,"threads":1,"ratio":100.0}
            {"bench":"call","kernel":"gcd","engine":"fusebox","rows":1,"threads":1,"ratio":30.0}
            {"bench":"query","kernel":"add","part":"flights","engine":"fusebox","threads":1,"ratio":1.2,"ns":20.0}
            {"bench":"query","kernel":"add","part":"flights","engine":"fusebox","threads":2,"ratio":9.0,"ns":10.0}
            {"bench":"reused","kernel":"slug:tailnum","part":"real","engine":"fusebox","threads":1,"ratio":0.5}
            {"bench":"reused","kernel":"slug:title","part":"unique","engine":"fusebox","threads":1,"ratio":2.0}
            {"bench":"reused-beside-asked","kernel":"slug:title","part":"unique","engine":"fusebox","threads":1,"ratio":1.002}
            {"bench":"metering","kernel":"add","engine":"fusebox","threads":1,"ratio":1.03}
            {"bench":"metering","kernel":"add","engine":"wasmtime","threads":1,"ratio":2.0}"#;
        let expected = [
            "two threads beside one: 2.000",
            "call-level geometric mean: 2.000",
            "query-level geometric mean: 1.200",
            "real columns, answers used again: 0.500",
            "unique columns, beside rows that are asked: 1.002",
            "worst kernel: dot 4.000",
            "metering: 1.030",
        ];
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn figures_without_records_are_omitted() {
        assert_eq!(lines(r#"{"bench":"memory","bytes":3.0}"#), [""; 0]);
    }
}
