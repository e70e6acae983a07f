//! Calls.

use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use fusebox_benches::{call_of, function};

use crate::kernels::{KERNELS, Kernel, session};
use crate::turns::{Asked, Pair, Record, Turns, geometric_mean};

/// The size of DataFusion's batches, which the ratios that have goals are of.
pub(crate) const ROWS: usize = 8_192;

/// Rows, and how many percent of them are null.
const CASES: [(usize, u64); 7] = [
    (ROWS, 0),
    (ROWS, 10),
    (ROWS, 90),
    (1, 0),
    (64, 0),
    (1_024, 0),
    (65_536, 0),
];

const TURNS: Turns = Turns {
    least: 11,
    most: 61,
    all: Duration::from_millis(160),
    one: Duration::from_millis(1),
};

/// What was found out about calls.
#[derive(Default)]
pub(crate) struct Calls {
    lines: Vec<Line>,
}

struct Line {
    name: &'static str,
    /// Of each of the cases.
    pairs: [Option<Pair>; CASES.len()],
}

/// Measures the calls that the command line asks for.
pub(crate) fn measure(asked: &Asked) -> Calls {
    let session = session(1);
    let mut calls = Calls::default();
    for kernel in &KERNELS {
        let functions =
            ["native_", ""].map(|of| function(&session, &format!("{of}{}", kernel.name)));
        let pairs = CASES.map(|(rows, null_percent)| {
            let name = format!("call/{}/{rows}/{null_percent}", kernel.name);
            asked.has(&name).then(|| {
                eprintln!("{name}");
                let [native, fusebox] = &functions;
                let pair = compare(kernel, [native, fusebox], rows, null_percent);
                let record = Record {
                    rows: rows as u64,
                    nulls: null_percent,
                    ..Record::new("call", kernel.name)
                };
                record.with(&pair).append();
                pair
            })
        });
        calls.lines.push(Line {
            name: kernel.name,
            pairs,
        });
    }
    calls
        .lines
        .retain(|line| line.pairs.iter().any(Option::is_some));
    calls
}

fn compare(
    kernel: &Kernel,
    [native, fusebox]: [&ScalarUDF; 2],
    rows: usize,
    null_percent: u64,
) -> Pair {
    let arguments = kernel.arguments(rows, null_percent);
    let native_call = call_of(native, rows, arguments.clone());
    let fusebox_call = call_of(fusebox, rows, arguments);
    let expected = column(invoke(native, &native_call));
    let found = column(invoke(fusebox, &fusebox_call));
    // A text is a `Utf8` natively.
    let expected = cast(&expected, found.data_type()).expect("one is made of the other");
    assert_eq!(&found, &expected, "{}", kernel.name);
    TURNS.compare(&mut || drop(invoke(native, &native_call)), &mut || {
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
        ColumnarValue::Scalar(_) => panic!("columns give a column"),
    }
}

impl Calls {
    /// The kernels, with calls of a batch of DataFusion's size without nulls.
    pub(crate) fn whole_batches(&self) -> impl Iterator<Item = (&'static str, &Pair)> {
        let lines = self.lines.iter();
        lines.filter_map(|line| Some((line.name, line.pairs[0].as_ref()?)))
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
        for Line { name, pairs } in &self.lines {
            let [full, some, most, one, few, many, more] = pairs;
            let per_row = |pair: &Option<Pair>, time: fn(&Pair) -> f64| {
                text(pair.as_ref().map(|pair| time(pair) / ROWS as f64), 2)
            };
            let micros = |time: fn(&Pair) -> f64| {
                let micros = one.as_ref().map(|pair| time(pair) / 1e3);
                micros.map_or("-".to_owned(), |micros| format!("{micros:.2} µs"))
            };
            let ratio = |pair: &Option<Pair>| text(pair.map(|pair| pair.ratio), 2);
            println!(
                "{name:<19}{:>9}{:>9}{:>7}{:>7}{:>6}{:>6}{:>10}{:>10}{:>7}{:>7}{:>7}",
                per_row(full, |pair| pair.native),
                per_row(full, |pair| pair.fusebox),
                ratio(full),
                full.map_or("-".to_owned(), |pair| format!(
                    "{:.1} %",
                    pair.spread() * 100.0
                )),
                ratio(some),
                ratio(most),
                micros(|pair| pair.native),
                micros(|pair| pair.fusebox),
                ratio(few),
                ratio(many),
                ratio(more),
            );
        }
    }

    /// Prints the geometric means of calls with batches of DataFusion's size.
    pub(crate) fn conclude(&self) {
        let of_case = |case: usize| {
            let lines = self.lines.iter();
            lines.filter_map(move |line| line.pairs[case].map(|pair| pair.ratio))
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

    /// Prints the worst kernel, with the nulls with which it is worst.
    pub(crate) fn conclude_with_worst(&self) {
        let ratios = self.lines.iter().flat_map(|line| {
            let pairs = line.pairs[..3].iter().flatten();
            pairs.map(|pair| (line.name, pair.ratio))
        });
        if let Some((name, ratio)) = ratios.max_by(|a, b| a.1.total_cmp(&b.1)) {
            println!("worst kernel: {name} {ratio:.2}");
        }
    }
}

fn text(number: Option<f64>, digits: usize) -> String {
    number.map_or("-".to_owned(), |number| format!("{number:.digits$}"))
}
