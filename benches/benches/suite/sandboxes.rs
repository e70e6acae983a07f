//! Client of the process that runs the other sandboxes.
//!
//! The protocol is documented in `benches/peers/src/main.rs`.

use std::env::consts::EXE_SUFFIX;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::logical_expr::ColumnarValue;
use fusebox_benches_data::{Checksum, ResultValue};

use crate::calls::column;

/// The process. It ends when its standard input is closed.
pub(crate) struct Sandboxes {
    child: Child,
    /// `None` after its standard input was closed.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Sandboxes {
    /// Starts the process. Returns `None` if its executable was not built.
    pub(crate) fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
        let program = folder.join(format!("peers{EXE_SUFFIX}"));
        if !program.exists() {
            return None;
        }
        let mut child = Command::new(program)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the process can be started");
        let answers = child.stdout.take().expect("standard output is a pipe");
        Some(Self {
            commands: child.stdin.take(),
            answers: BufReader::new(answers),
            child,
        })
    }

    /// Prepares a call of `rows` rows. Returns the checksum of its result, or `None`
    /// if the sandbox does not have the function.
    pub(crate) fn prepare(&mut self, sandbox: &str, function: &str, rows: usize) -> Option<u64> {
        let command = format!("prepare {sandbox} {function} {rows}");
        let answer = self.send(&command);
        match answer.split_once(' ') {
            None if answer == "absent" => None,
            Some(("ready", checksum)) => Some(checksum.parse().expect("expected a number")),
            _ => panic!("`{command}`: {answer}"),
        }
    }

    /// Repeats the prepared call for at least `sample_time`; returns the nanoseconds
    /// of a call.
    pub(crate) fn time_calls(&mut self, sandbox: &str, sample_time: Duration) -> f64 {
        let command = format!("sample {sandbox} {}", sample_time.as_nanos());
        let answer = self.send(&command);
        let words: Vec<&str> = answer.split(' ').collect();
        match words[..] {
            ["took", calls, nanoseconds] => {
                let [calls, nanoseconds] = [calls, nanoseconds]
                    .map(|word| word.parse::<f64>().expect("expected a number"));
                nanoseconds / calls
            }
            _ => panic!("`{command}`: {answer}"),
        }
    }

    fn send(&mut self, command: &str) -> String {
        let commands = self
            .commands
            .as_mut()
            .expect("standard input is open until the drop");
        let mut answer = String::new();
        let answered = writeln!(commands, "{command}")
            .and_then(|()| commands.flush())
            .and_then(|()| self.answers.read_line(&mut answer));
        assert!(
            answered.is_ok_and(|bytes| bytes > 0),
            "the process of the other sandboxes ended at `{command}`"
        );
        answer.trim_end().to_owned()
    }
}

impl Drop for Sandboxes {
    fn drop(&mut self) {
        self.commands = None;
        // The results are complete; a failure to wait changes none of them.
        let _ = self.child.wait();
    }
}

/// Pins this thread to a core; processes and threads that it starts later inherit that.
pub(crate) fn pin_to_core() {
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
}

/// Returns the checksum of a result of one of the types that kernels without SDK
/// return.
pub(crate) fn checksum(answer: ColumnarValue) -> u64 {
    let column = column(answer);
    let column: ArrayRef = match column.data_type() {
        DataType::Utf8View => cast(&column, &DataType::Utf8).expect("the types are convertible"),
        _ => column,
    };
    let mut checksum = Checksum::default();
    for row in 0..column.len() {
        checksum.add(match column.data_type() {
            _ if column.is_null(row) => ResultValue::Null,
            DataType::Int64 => {
                ResultValue::Number(column.as_primitive::<Int64Type>().value(row) as u64)
            }
            DataType::Float64 => {
                ResultValue::Number(column.as_primitive::<Float64Type>().value(row).to_bits())
            }
            DataType::Boolean => ResultValue::Number(column.as_boolean().value(row).into()),
            DataType::Utf8 => ResultValue::Bytes(column.as_string::<i32>().value(row).as_bytes()),
            other => panic!("no checksum is defined for {other}"),
        });
    }
    checksum.get()
}
