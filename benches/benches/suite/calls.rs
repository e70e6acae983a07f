//! Calls.

use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use fusebox_benches::{call_of, function};

use crate::kernels::{KERNELS, Kernel, session};
use crate::paired::{Filter, PairedSampling, PairedTimes, Record, geometric_mean};

/// Rows of a batch of DataFusion. Goals are set for calls of this size.
pub(crate) const ROWS: usize = 8_192;

/// Rows of a call, and the percentage of nulls in the first argument.
const CASES: [(usize, u64); 7] = [
    (ROWS, 0),
    (ROWS, 10),
    (ROWS, 90),
    (1, 0),
    (64, 0),
    (1_024, 0),
    (65_536, 0),
];

const SAMPLING: PairedSampling = PairedSampling {
    rounds_min: 11,
    rounds_max: 61,
    time_budget: Duration::from_millis(160),
    sample_time: Duration::from_millis(1),
};

/// Times of calls.
#[derive(Default)]
pub(crate) struct Calls {
    lines: Vec<Line>,
}

struct Line {
    name: &'static str,
    /// For each of [`CASES`].
    cases: [Option<PairedTimes>; CASES.len()],
}

/// Measures the selected calls.
pub(crate) fn measure(filter: &Filter) -> Calls {
    let session = session(1);
    let mut calls = Calls::default();
    for kernel in &KERNELS {
        let functions =
            ["native_", ""].map(|prefix| function(&session, &format!("{prefix}{}", kernel.name)));
        let cases = CASES.map(|(rows, null_percent)| {
            let name = format!("call/{}/{rows}/{null_percent}", kernel.name);
            filter.matches(&name).then(|| {
                eprintln!("{name}");
                let [native, fusebox] = &functions;
                let times = compare(kernel, [native, fusebox], rows, null_percent);
                let record = Record {
                    rows: rows as u64,
                    nulls: null_percent,
                    ..Record::new("call", kernel.name)
                };
                record.with(&times).append();
                times
            })
        });
        calls.lines.push(Line {
            name: kernel.name,
            cases,
        });
    }
    calls
        .lines
        .retain(|line| line.cases.iter().any(Option::is_some));
    calls
}

fn compare(
    kernel: &Kernel,
    [native, fusebox]: [&ScalarUDF; 2],
    rows: usize,
    null_percent: u64,
) -> PairedTimes {
    let arguments = kernel.arguments(rows, null_percent);
    let native_call = call_of(native, rows, arguments.clone());
    let fusebox_call = call_of(fusebox, rows, arguments);
    let expected = column(invoke(native, &native_call));
    let found = column(invoke(fusebox, &fusebox_call));
    // Native functions return `Utf8`, sandboxed ones `Utf8View`.
    let expected = cast(&expected, found.data_type()).expect("the types are convertible");
    assert_eq!(&found, &expected, "{}", kernel.name);
    SAMPLING.compare(&mut || drop(invoke(native, &native_call)), &mut || {
        drop(invoke(fusebox, &fusebox_call))
    })
}

pub(crate) fn invoke(function: &ScalarUDF, call: &ScalarFunctionArgs) -> ColumnarValue {
    function
        .invoke_with_args(call.clone())
        .expect("no row fails")
}

pub(crate) fn column(value: ColumnarValue) -> ArrayRef {
    match value {
        ColumnarValue::Array(array) => array,
        ColumnarValue::Scalar(_) => panic!("expected an array for array arguments"),
    }
}

impl Calls {
    /// Returns the kernels and their calls of [`ROWS`] rows without nulls.
    pub(crate) fn whole_batches(&self) -> impl Iterator<Item = (&'static str, &PairedTimes)> {
        let lines = self.lines.iter();
        lines.filter_map(|line| Some((line.name, line.cases[0].as_ref()?)))
    }

    /// Prints a line for each kernel.
    pub(crate) fn print(&self) {
        if self.lines.is_empty() {
            return;
        }
        println!(
            "\n{:<19}{:>9}{:>9}{:>7}{:>7}{:>6}{:>6}{:>10}{:>10}{:>7}{:>7}{:>7}",
            "8,192 rows: ns/row",
            "native",
            "fusebox",
            "ratio",
            "±",
            "10 %",
            "90 %",
            "1: native",
            "fusebox",
            "64",
            "1,024",
            "65,536"
        );
        for Line { name, cases } in &self.lines {
            let [
                full,
                nulls_10,
                nulls_90,
                one,
                rows_64,
                rows_1024,
                rows_65536,
            ] = cases;
            let per_row = |times: &Option<PairedTimes>, time: fn(&PairedTimes) -> f64| {
                text(times.as_ref().map(|times| time(times) / ROWS as f64), 2)
            };
            let micros = |time: fn(&PairedTimes) -> f64| {
                let micros = one.as_ref().map(|times| time(times) / 1e3);
                micros.map_or("-".to_owned(), |micros| format!("{micros:.2} µs"))
            };
            let ratio = |times: &Option<PairedTimes>| text(times.map(|times| times.ratio), 2);
            println!(
                "{name:<19}{:>9}{:>9}{:>7}{:>7}{:>6}{:>6}{:>10}{:>10}{:>7}{:>7}{:>7}",
                per_row(full, |times| times.base_ns),
                per_row(full, |times| times.ns),
                ratio(full),
                full.map_or("-".to_owned(), |times| format!(
                    "{:.1} %",
                    times.spread() * 100.0
                )),
                ratio(nulls_10),
                ratio(nulls_90),
                micros(|times| times.base_ns),
                micros(|times| times.ns),
                ratio(rows_64),
                ratio(rows_1024),
                ratio(rows_65536),
            );
        }
    }

    /// Prints the geometric means of calls of [`ROWS`] rows.
    pub(crate) fn print_means(&self) {
        let of_case = |case: usize| {
            let lines = self.lines.iter();
            lines.filter_map(move |line| line.cases[case].map(|times| times.ratio))
        };
        for (case, (_, null_percent)) in CASES.iter().enumerate().take(3) {
            if let Some(mean) = geometric_mean(of_case(case)) {
                println!("with {null_percent} % nulls, geometric mean: {mean:.3}");
            }
        }
        if let Some(mean) = geometric_mean((0..3).flat_map(of_case)) {
            println!("call-level geometric mean: {mean:.3}");
        }
    }

    /// Prints the largest ratio of a call of [`ROWS`] rows, with or without nulls.
    pub(crate) fn print_worst(&self) {
        let ratios = self.lines.iter().flat_map(|line| {
            let cases = line.cases[..3].iter().flatten();
            cases.map(|times| (line.name, times.ratio))
        });
        if let Some((name, ratio)) = ratios.max_by(|a, b| a.1.total_cmp(&b.1)) {
            println!("worst kernel: {name} {ratio:.2}");
        }
    }
}

fn text(number: Option<f64>, digits: usize) -> String {
    number.map_or("-".to_owned(), |number| format!("{number:.digits$}"))
}
