//! The same functions in other sandboxes, in the same run.
//!
//! The sandboxes are in a process of their own, since they bring another Arrow
//! and another Wasmtime; `benches/peers` says how each is used. Kernels whose
//! source needs no SDK are compared, and give the same bits on all sides. Ours are
//! metered and limited; the others are not. Both processes are kept on one core:
//! where cores are lent by turns, as those of virtual machines are, one may be
//! half as fast as another for a while.

use std::cell::RefCell;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::logical_expr::ColumnarValue;
use fusebox::Session;
use fusebox_benches::{call_of, function};
use fusebox_benches_data::{Checksum, Value};
use fusebox_turns::{Side, turn};

use crate::calls::{column, invoke};
use crate::kernels::{KERNELS, Kernel, session};
use crate::sandboxes::Sandboxes;
use crate::turns::{Asked, Pair, Record, Turns, geometric_mean};

const SANDBOXES: [&str; 4] = ["arrow-udf", "rows", "ipc-module", "ipc-component"];

const ROWS: [usize; 2] = [1_024, 8_192];

const TURNS: Turns = Turns {
    least: 11,
    most: 41,
    all: Duration::from_millis(500),
    one: Duration::from_millis(1),
};

/// What was found out about other sandboxes.
#[derive(Default)]
pub(crate) struct Peers {
    calls: Vec<Call>,
}

/// A kernel in a sandbox.
struct Call {
    sandbox: &'static str,
    kernel: &'static str,
    rows: usize,
    /// Nanoseconds of a call natively.
    native: f64,
    /// Theirs beside ours: the ratio is how many times as long theirs takes.
    beside: Pair,
}

/// Measures what the command line asks for: names read
/// `peers/<sandbox>/<kernel>/<rows>`.
pub(crate) fn measure(asked: &Asked) -> Peers {
    let mut wanted = Vec::new();
    for kernel in &KERNELS {
        for rows in ROWS {
            let has =
                |sandbox: &&str| asked.has(&format!("peers/{sandbox}/{}/{rows}", kernel.name));
            let sandboxes: Vec<_> = SANDBOXES.into_iter().filter(has).collect();
            if !sandboxes.is_empty() {
                wanted.push((kernel, rows, sandboxes));
            }
        }
    }
    let mut peers = Peers::default();
    if wanted.is_empty() {
        return peers;
    }
    // Processes and threads that are started from here on stay there too.
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    let Some(mut sandboxes) = Sandboxes::start() else {
        println!("other sandboxes are not measured: they are not built; see cargo xtask bench");
        return peers;
    };
    let session = session(1);
    for (kernel, rows, names) in wanted {
        let calls = compare(&session, kernel, rows, &mut sandboxes, &names);
        peers.calls.extend(calls);
    }
    peers
}

fn compare(
    session: &Session,
    kernel: &'static Kernel,
    rows: usize,
    sandboxes: &mut Sandboxes,
    names: &[&'static str],
) -> Vec<Call> {
    let name = kernel.name;
    let prepared = names.iter().filter_map(|sandbox| {
        let checksum = sandboxes.prepare(sandbox, name, rows)?;
        Some((*sandbox, checksum))
    });
    let prepared: Vec<_> = prepared.collect();
    if prepared.is_empty() {
        return Vec::new();
    }
    eprintln!("peers/*/{name}/{rows}");
    let functions = ["native_", ""].map(|of| function(session, &format!("{of}{name}")));
    let arguments = kernel.arguments(rows, 0);
    let [native, ours] = functions.map(|function| {
        let call = call_of(&function, rows, arguments.clone());
        move || invoke(&function, &call)
    });
    let expected = checksum(native());
    assert_eq!(checksum(ours()), expected, "{name}");
    for (sandbox, checksum) in &prepared {
        assert_eq!(*checksum, expected, "{name} of {sandbox} answers otherwise");
    }

    let sandboxes = RefCell::new(sandboxes);
    let sandboxes = &sandboxes;
    let mut theirs: Vec<_> = prepared
        .iter()
        .map(|(sandbox, _)| move |one| sandboxes.borrow_mut().turn(sandbox, one))
        .collect();
    let mut native_turn = |one| turn(one, &mut || drop(native()));
    let mut our_turn = |one| turn(one, &mut || drop(ours()));
    let mut sides: Vec<Side<'_>> = vec![&mut native_turn, &mut our_turn];
    sides.extend(theirs.iter_mut().map(|side| side as Side<'_>));
    let times = TURNS.rounds_of(&mut sides);

    let record = |sandbox: &str, pair: &Pair| {
        let record = Record {
            engine: sandbox.to_owned(),
            rows: rows as u64,
            ..Record::new("peers", name)
        };
        record.with(pair).append();
    };
    let beside_native = Pair::of(&times[0], &times[1]);
    record("fusebox", &beside_native);
    let calls = prepared.iter().zip(&times[2..]);
    let calls = calls.map(|((sandbox, _), theirs)| {
        let beside = Pair::of(&times[1], theirs);
        record(sandbox, &beside);
        Call {
            sandbox,
            kernel: name,
            rows,
            native: beside_native.native,
            beside,
        }
    });
    calls.collect()
}

/// The checksum of an answer, which is of a type that is known without an SDK.
fn checksum(answer: ColumnarValue) -> u64 {
    let column = column(answer);
    let column: ArrayRef = match column.data_type() {
        DataType::Utf8View => cast(&column, &DataType::Utf8).expect("one is made of the other"),
        _ => column,
    };
    let mut checksum = Checksum::default();
    for row in 0..column.len() {
        checksum.add(match column.data_type() {
            _ if column.is_null(row) => Value::Null,
            DataType::Int64 => Value::Number(column.as_primitive::<Int64Type>().value(row) as u64),
            DataType::Float64 => {
                Value::Number(column.as_primitive::<Float64Type>().value(row).to_bits())
            }
            DataType::Boolean => Value::Number(column.as_boolean().value(row).into()),
            DataType::Utf8 => Value::Bytes(column.as_string::<i32>().value(row).as_bytes()),
            other => panic!("{other} has no checksum"),
        });
    }
    checksum.get()
}

impl Peers {
    /// Prints a table for each sandbox, with a line for each kernel.
    pub(crate) fn print(&self) {
        for sandbox in SANDBOXES {
            let calls: Vec<&Call> = self.of(sandbox).collect();
            if calls.is_empty() {
                continue;
            }
            println!(
                "\n{:<19}{:>8}{:>11}{:>11}{:>15}{:>8}{:>8}",
                "ns/row", "rows", "native", "fusebox", sandbox, "ratio", "±"
            );
            for call in calls {
                let per_row = |nanoseconds: f64| nanoseconds / call.rows as f64;
                println!(
                    "{:<19}{:>8}{:>11.2}{:>11.2}{:>15.2}{:>8.2}{:>8}",
                    call.kernel,
                    call.rows,
                    per_row(call.native),
                    per_row(call.beside.native),
                    per_row(call.beside.fusebox),
                    call.beside.ratio,
                    format!("{:.1} %", call.beside.spread() * 100.0),
                );
            }
        }
    }

    /// Prints, of each sandbox, how many times as long as ours its calls take.
    pub(crate) fn conclude(&self) {
        for sandbox in SANDBOXES {
            for call in self.of(sandbox).filter(|call| call.kernel == "add") {
                let (rows, ratio) = (call.rows, call.beside.ratio);
                println!("add beside {sandbox} at {rows} rows: {ratio:.2}");
            }
            let ratios = self.of(sandbox).map(|call| call.beside.ratio);
            if let Some(mean) = geometric_mean(ratios) {
                println!("geometric mean beside {sandbox}: {mean:.2}");
            }
            let calls = self.of(sandbox);
            // What is slowest of ours gains least.
            let slowest = calls.min_by(|a, b| a.beside.ratio.total_cmp(&b.beside.ratio));
            if let Some(call) = slowest {
                let (kernel, ratio) = (call.kernel, call.beside.ratio);
                println!("slowest beside {sandbox}: {kernel} {ratio:.2}");
            }
        }
    }

    fn of(&self, sandbox: &'static str) -> impl Iterator<Item = &Call> {
        let calls = self.calls.iter();
        calls.filter(move |call| call.sandbox == sandbox)
    }
}
