//! The functions of the suite in other sandboxes, which the suite starts and
//! takes turns with: what is measured on two sides is measured in one run, though
//! the sides cannot be linked together.
//!
//! A call is what it is in the suite, from Arrow arrays in to an Arrow array out,
//! on one thread; instances are used again. Every sandbox is used as its
//! documentation recommends, with Wasmtime's optimisations, and without what it
//! can do to meter and interrupt, which costs. All guests are compiled as the
//! bundled functions are, from the same source.
//!
//! Commands come in and answers go out, a line each:
//!
//! - `prepare SANDBOX FUNCTION ROWS`: `ready CHECKSUM`, the checksum being that
//!   of what the function answers to its arguments; `absent` if it needs the SDK.
//!   Each sandbox has one call prepared at a time.
//! - `turn SANDBOX NANOSECONDS`: makes the call once, and then again and again
//!   for so long; `took CALLS NANOSECONDS`.
//!
//! What goes wrong is answered with `failed` and a message.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

// Which functions there are, and their arguments as columns.
mod columns;

// What a sandbox is.
mod peer;

// arrow-udf.
mod arrow_udf;

// A call of Wasmtime for each row.
mod rows;

// Arrow IPC through the memory of a core module.
mod ipc_module;

// Arrow IPC through lists of a component.
mod ipc_component;

use crate::peer::{Call, Peer, Result};

/// Makes a sandbox, of the guests in a folder.
type Load = fn(&Path) -> Result<Box<dyn Peer>>;

/// A sandbox, made when it is asked for.
struct Sandbox {
    name: &'static str,
    load: Load,
    loaded: Option<Box<dyn Peer>>,
    call: Option<Call>,
}

fn main() -> Result<()> {
    let guests = env::args_os().nth(1);
    let guests = PathBuf::from(guests.ok_or("which folder are the guests in?")?);
    let sandbox = |(name, load)| Sandbox {
        name,
        load,
        loaded: None,
        call: None,
    };
    let loads: [(&str, Load); 4] = [
        ("arrow-udf", arrow_udf::load),
        ("rows", rows::load),
        ("ipc-module", ipc_module::load),
        ("ipc-component", ipc_component::load),
    ];
    let mut sandboxes = loads.map(sandbox);
    for line in io::stdin().lines() {
        let answer = match answer(&line?, &mut sandboxes, &guests) {
            Ok(answer) => answer,
            Err(error) => failed(&*error),
        };
        println!("{answer}");
        io::stdout().flush()?;
    }
    Ok(())
}

/// The error and its causes, in a line.
fn failed(error: &dyn Error) -> String {
    let mut line = format!("failed {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line.replace('\n', "; ")
}

fn answer(line: &str, sandboxes: &mut [Sandbox], guests: &Path) -> Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["prepare", name, function, rows] => {
            named(sandboxes, name)?.prepare(guests, function, rows.parse()?)
        }
        ["turn", name, nanoseconds] => {
            named(sandboxes, name)?.turn(Duration::from_nanos(nanoseconds.parse()?))
        }
        _ => Err(format!("`{line}` is no command").into()),
    }
}

fn named<'a>(sandboxes: &'a mut [Sandbox], name: &str) -> Result<&'a mut Sandbox> {
    let mut sandboxes = sandboxes.iter_mut();
    let sandbox = sandboxes.find(|sandbox| sandbox.name == name);
    Ok(sandbox.ok_or_else(|| format!("there is no sandbox `{name}`"))?)
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

    fn turn(&mut self, least: Duration) -> Result<String> {
        let call = self.call.as_mut().ok_or("nothing was prepared")?;
        // As in the suite's own turns: a call beforehand, for the caches.
        call()?;
        let start = Instant::now();
        let mut calls = 0_u64;
        while calls == 0 || start.elapsed() < least {
            call()?;
            calls += 1;
        }
        Ok(format!("took {calls} {}", start.elapsed().as_nanos()))
    }
}
