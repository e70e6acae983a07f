//! Seconds and peak bytes of compilation.
//!
//! ```console
//! $ cargo run --example compile_cost              # each kind of costly module
//! $ cargo run --example compile_cost module.wasm  # a module of a file
//! $ cargo run --example compile_cost module.wasm unlimited
//! ```
//!
//! Of each kind of costly module, the largest one that the default [`CompileBudget`]
//! accepts is compiled, in a process of its own. A row has the CPU seconds and the peak
//! memory of loading, instrumenting and compiling, and both as parts of what the budget
//! promises for a module of that size: 1 s and 1 s for 200 kB, 256 MB and 200 bytes for
//! each byte. Linux only.

use std::error::Error;
use std::process::Command;

use fusebox_instrument::{CompileBudget, Options, instrument};
use fusebox_runtime::{LoadedModule, Runtime, RuntimeOptions};
use fusebox_testing::{CostlyKind, peak_resident_bytes, resident_bytes};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => table(),
        [kind, count, width] => {
            let is_named = |one: &&CostlyKind| format!("{one:?}") == *kind;
            let kind = CostlyKind::ALL
                .iter()
                .find(is_named)
                .ok_or("no such kind")?;
            let module = kind.module(count.parse()?, width.parse()?);
            measure(&module, &arguments.join(" "), RuntimeOptions::default())
        }
        [file] => measure(&std::fs::read(file)?, file, RuntimeOptions::default()),
        [file, _] => {
            let mut options = RuntimeOptions::default();
            options.compile_budget = CompileBudget::UNLIMITED;
            measure(&std::fs::read(file)?, file, options)
        }
        _ => Err("expected a file, or a kind, a count and a width".into()),
    }
}

/// Prints a row for each kind and width.
fn table() -> Result<()> {
    println!("| kind, count, width | bytes | CPU s | of budget | peak MB | of budget |");
    println!("|---|---|---|---|---|---|");
    for kind in CostlyKind::ALL {
        for width in [1, 30, 1_000] {
            let Some(count) = largest_accepted(*kind, width) else {
                continue;
            };
            let arguments = [format!("{kind:?}"), count.to_string(), width.to_string()];
            let own = std::env::current_exe()?;
            Command::new(own).args(arguments).status()?;
        }
    }
    Ok(())
}

/// The largest count that the default budget accepts, of modules up to 1 MiB. `None` if the
/// width makes no difference to the kind, or if none is accepted.
fn largest_accepted(kind: CostlyKind, width: u32) -> Option<u32> {
    let is_same = || kind.module(4, width) == kind.module(4, 1);
    if width > 1 && is_same() {
        return None;
    }
    let is_accepted = |count: u32| {
        let module = kind.module(count, width);
        module.len() <= 1 << 20 && instrument(&module, Options::default()).is_ok()
    };
    let mut refused = 16;
    while is_accepted(refused) {
        refused *= 2;
    }
    let mut accepted = 0;
    while refused - accepted > accepted / 32 + 1 {
        let middle = (accepted + refused) / 2;
        match is_accepted(middle) {
            true => accepted = middle,
            false => refused = middle,
        }
    }
    (accepted > 0).then_some(accepted)
}

/// Compiles a module and prints its row.
fn measure(bytes: &[u8], name: &str, options: RuntimeOptions) -> Result<()> {
    let runtime = Runtime::new(options)?;
    let (resident, cpu) = (resident_bytes(), cpu_seconds()?);
    let module = LoadedModule::new(bytes, u64::MAX)?;
    let bound = module
        .define("CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM")
        .and_then(|definition| runtime.bind(definition, &module));
    let cpu = cpu_seconds()? - cpu;
    let peak = peak_resident_bytes().saturating_sub(resident) as f64;
    let size = bytes.len() as f64;
    let (of_time, of_memory) = (cpu / (1.0 + size / 200e3), peak / (256e6 + 200.0 * size));
    let peak = peak / 1e6;
    // Modules of others have no function `f`, which is noticed after compilation.
    let note = match bound {
        Err(error) if !error.to_string().contains("it does not export") => error.to_string(),
        _ => String::new(),
    };
    println!("| {name} | {size} | {cpu:.2} | {of_time:.2} | {peak:.0} | {of_memory:.2} | {note}");
    Ok(())
}

/// CPU time of this process, of all threads.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().ok_or("no such field")?.parse()?) };
    Ok((ticks()? + ticks()?) / 100.0)
}
