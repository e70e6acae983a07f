//! The program that has functions in other sandboxes: its header, in
//! `benches/peers/src/main.rs`, says what it is asked and answers.

use std::env::consts::EXE_SUFFIX;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The program, which ends when its input does.
pub(crate) struct Sandboxes {
    child: Child,
    /// None: it is to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Sandboxes {
    /// Starts the program, if it was built.
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
            .expect("the program can be started");
        let answers = child.stdout.take().expect("it has a pipe");
        Some(Self {
            commands: child.stdin.take(),
            answers: BufReader::new(answers),
            child,
        })
    }

    /// Has a sandbox prepare a call of a function for so many rows, and returns
    /// the checksum of its answer, if it has the function.
    pub(crate) fn prepare(&mut self, sandbox: &str, function: &str, rows: usize) -> Option<u64> {
        let command = format!("prepare {sandbox} {function} {rows}");
        let answer = self.ask(&command);
        match answer.split_once(' ') {
            None if answer == "absent" => None,
            Some(("ready", checksum)) => Some(checksum.parse().expect("it is a number")),
            _ => panic!("`{command}`: {answer}"),
        }
    }

    /// Has a sandbox take a turn with what it prepared: nanoseconds of a call.
    pub(crate) fn turn(&mut self, sandbox: &str, one: Duration) -> f64 {
        let command = format!("turn {sandbox} {}", one.as_nanos());
        let answer = self.ask(&command);
        let words: Vec<&str> = answer.split(' ').collect();
        match words[..] {
            ["took", calls, nanoseconds] => {
                let [calls, nanoseconds] = [calls, nanoseconds].map(str::parse::<f64>);
                nanoseconds.expect("it is a number") / calls.expect("it is a number")
            }
            _ => panic!("`{command}`: {answer}"),
        }
    }

    fn ask(&mut self, command: &str) -> String {
        let commands = self.commands.as_mut().expect("it is not to end yet");
        let mut answer = String::new();
        let answered = writeln!(commands, "{command}")
            .and_then(|()| commands.flush())
            .and_then(|()| self.answers.read_line(&mut answer));
        assert!(
            answered.is_ok_and(|bytes| bytes > 0),
            "the program with the other sandboxes ended at `{command}`"
        );
        answer.trim_end().to_owned()
    }
}

impl Drop for Sandboxes {
    fn drop(&mut self) {
        self.commands = None;
        // Nothing is left to be done if it fails.
        let _ = self.child.wait();
    }
}
