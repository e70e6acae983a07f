//! Functions of the suite in other sandboxes, in a process that the suite starts.
//!
//! The suite samples Fusebox and these sandboxes alternately, although they cannot
//! be linked into one executable. As in the suite, a call is from Arrow arrays to an
//! Arrow array, on one thread, and instances are reused. Every sandbox is used as its
//! documentation recommends, with Wasmtime's optimisations, and without its metering
//! and interruption, which have a cost, except for `rows-metered`. All guests are compiled from the source of
//! the bundled functions, with the same options.
//!
//! The process reads commands and writes replies, one a line:
//!
//! - `prepare SANDBOX FUNCTION ROWS` calls the function with its arguments. Replies
//!   `ready CHECKSUM` with the checksum of the result, or `absent` if the source of
//!   the function needs the SDK. A sandbox has at most one prepared call.
//! - `sample SANDBOX NANOSECONDS` makes the prepared call once, and then repeatedly
//!   for at least the given time. Replies `took CALLS NANOSECONDS`.
//!
//! The reply to a command that fails is `failed MESSAGE`.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

// Functions and their arguments as columns.
mod columns;

// The interface of a sandbox.
mod peer;

// arrow-udf.
mod arrow_udf;

// One Wasmtime call per row.
mod rows;

// Arrow IPC through the linear memory of a core module.
mod ipc_module;

// Arrow IPC through the lists of a component.
mod ipc_component;

use crate::peer::{Call, Peer, Result};

/// Creates a sandbox from the guests in a folder.
type Load = fn(&Path) -> Result<Box<dyn Peer>>;

/// A sandbox, created by the first command that needs it.
struct Sandbox {
    name: &'static str,
    load: Load,
    loaded: Option<Box<dyn Peer>>,
    call: Option<Call>,
}

fn main() -> Result<()> {
    let guests = env::args_os().nth(1);
    let guests = PathBuf::from(guests.ok_or("usage: peers GUESTS_FOLDER")?);
    let sandbox = |(name, load)| Sandbox {
        name,
        load,
        loaded: None,
        call: None,
    };
    let loads: [(&str, Load); 5] = [
        ("arrow-udf", arrow_udf::load),
        ("rows", rows::load),
        ("rows-metered", rows::load_metered),
        ("ipc-module", ipc_module::load),
        ("ipc-component", ipc_component::load),
    ];
    let mut sandboxes = loads.map(sandbox);
    for line in io::stdin().lines() {
        let reply = match execute(&line?, &mut sandboxes, &guests) {
            Ok(reply) => reply,
            Err(error) => failed(&*error),
        };
        println!("{reply}");
        io::stdout().flush()?;
    }
    Ok(())
}

/// Formats an error and its causes as a reply.
fn failed(error: &dyn Error) -> String {
    let mut line = format!("failed {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line.replace('\n', "; ")
}

fn execute(line: &str, sandboxes: &mut [Sandbox], guests: &Path) -> Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["prepare", name, function, rows] => {
            named(sandboxes, name)?.prepare(guests, function, rows.parse()?)
        }
        ["sample", name, nanoseconds] => {
            named(sandboxes, name)?.sample(Duration::from_nanos(nanoseconds.parse()?))
        }
        _ => Err(format!("unknown command `{line}`").into()),
    }
}

fn named<'a>(sandboxes: &'a mut [Sandbox], name: &str) -> Result<&'a mut Sandbox> {
    let mut sandboxes = sandboxes.iter_mut();
    let sandbox = sandboxes.find(|sandbox| sandbox.name == name);
    Ok(sandbox.ok_or_else(|| format!("unknown sandbox `{name}`"))?)
}

impl Sandbox {
    fn prepare(&mut self, guests: &Path, function: &str, rows: usize) -> Result<String> {
        self.call = None;
        let Some((batch, returns)) = columns::of(function, rows)? else {
            return Ok("absent".to_owned());
        };
        let loaded = match &mut self.loaded {
            Some(loaded) => loaded,
            none => none.insert((self.load)(guests)?),
        };
        let mut call = loaded.call(function, batch, &returns)?;
        let checksum = columns::checksum(&call()?)?;
        self.call = Some(call);
        Ok(format!("ready {checksum}"))
    }

    fn sample(&mut self, sample_time: Duration) -> Result<String> {
        let call = self.call.as_mut().ok_or("no call was prepared")?;
        // A warm-up call, as in the samples of the suite.
        call()?;
        let start = Instant::now();
        let mut calls = 0_u64;
        while calls == 0 || start.elapsed() < sample_time {
            call()?;
            calls += 1;
        }
        Ok(format!("took {calls} {}", start.elapsed().as_nanos()))
    }
}
