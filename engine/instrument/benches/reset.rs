//! Cost of resetting an instance before each call.
//!
//! Measured: a call of `add` for 8,192 rows, which reads 128 KiB of arguments in guest
//! memory and writes 64 KiB of results, and one for a single row, as with
//! `reset = 'row'`, in an instance with the memory that the engine preallocates. Not
//! measured: lowering, lifting, compiling. Names read `reset/<rows>/<path>`:
//!
//! - `kept`: the call alone, in an instance that is never reset;
//! - `reset`: the engine's reset, which restores the memory first;
//! - `pooled`: a new instance for each call, from Wasmtime's pool with resident memory,
//!   its arena allocated and filled;
//! - `new`: a new instance for each call, without resident memory.
//!
//! The paths are called in rotation. The last lines are the cost of the reset, as the
//! median of the differences within a rotation.

mod kernels;

#[path = "../../runtime/src/sandbox/snapshot.rs"]
mod snapshot;

use std::hint::black_box;
use std::time::Duration;

use fusebox_instrument::{EXPORT_FUEL, Options};
use fusebox_paired::{Filter, PairedSampling, Record, interval, median};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use kernels::{Grant, Guest, Kernel, Loaded, kernels};
use snapshot::Snapshot;

/// Rows of a call, and bytes that the engine preallocates for it.
const CALLS: [(usize, usize); 2] = [(8_192, (129 + 80) << 10), (1, (17 + 16) << 10)];

const TURNS: PairedSampling = PairedSampling {
    rounds_min: 41,
    rounds_max: 201,
    time_budget: Duration::from_secs(2),
    sample_time: Duration::from_millis(1),
};

fn engine(strategy: InstanceAllocationStrategy) -> Engine {
    let mut config = Config::new();
    config
        .compiler_inlining(wasmtime::Inlining::Yes)
        .wasm_wide_arithmetic(true)
        .allocation_strategy(strategy);
    Engine::new(&config).expect("the settings are supported")
}

/// A pool of few instances whose touched memory stays resident.
fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(8)
        .total_memories(8)
        .total_tables(16)
        // The guest's table, and the one for the refill function.
        .max_tables_per_module(2)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20);
    InstanceAllocationStrategy::Pooling(pool)
}

fn call(loaded: &mut Loaded) {
    let status = loaded.call(Grant::PLENTY);
    assert_eq!(status.expect("the kernel does not trap"), 0);
}

/// An instance with preallocated memory, and a snapshot before the first call.
fn preallocated(guest: &Guest, kernel: &Kernel, arena_bytes: usize) -> (Loaded, Snapshot) {
    let mut loaded = Loaded::without_arguments(guest, kernel);
    loaded.allocate(arena_bytes);
    loaded.write_arguments(kernel);
    let snapshot = Snapshot::of(loaded.memory.data(&loaded.store));
    (loaded, snapshot)
}

/// The names of the paths.
const PATHS: [&str; 4] = ["kept", "reset", "pooled", "new"];

/// Durations of the calls on each path in nanoseconds, and the size of the memory in
/// bytes.
fn measure(kernel: &Kernel, arena_bytes: usize) -> (Vec<Vec<f64>>, usize) {
    let [guest, pooled] = [InstanceAllocationStrategy::OnDemand, pool()]
        .map(|strategy| Guest::new(&engine(strategy), kernel.module, Options::default()));
    let (mut kept, _) = preallocated(&guest, kernel, arena_bytes);
    let (mut reset, snapshot) = preallocated(&guest, kernel, arena_bytes);
    let arena = reset.arena.clone();
    call(&mut reset);
    let result = reset.result(kernel.result_bytes).to_vec();
    let times = TURNS.sample_calls(&mut [
        &mut || call(&mut kept),
        &mut || {
            let memory = reset.memory.data_mut(&mut reset.store);
            snapshot.restore(black_box(memory), arena.clone());
            call(&mut reset);
        },
        &mut || call(&mut Loaded::new(&pooled, kernel)),
        &mut || call(&mut Loaded::new(&guest, kernel)),
    ]);
    assert!(reset.counter(EXPORT_FUEL) > 0);
    assert_eq!(reset.memory.data_size(&reset.store), snapshot.bytes());
    assert!(snapshot.content_bytes() < snapshot.bytes());
    assert_eq!(reset.result(kernel.result_bytes), result);
    (times, snapshot.bytes())
}

fn main() {
    let filter = Filter::from_arguments();
    let mut lines = Vec::new();
    for (rows, arena_bytes) in CALLS {
        if !filter.matches(&format!("reset/{rows}")) {
            continue;
        }
        eprintln!("reset/{rows}");
        let kernels = kernels(0..rows);
        let kernel = kernels.iter().find(|kernel| kernel.name == "add");
        let (times, bytes) = measure(kernel.expect("`add` is a kernel"), arena_bytes);
        for (path, times) in PATHS.into_iter().zip(&times) {
            let (low, high) = interval(times);
            println!("{rows:>5} rows, {path:<8}{:>9.2} µs", median(times) / 1e3);
            Record {
                rows: rows as u64,
                ns: Some(median(times)),
                low: Some(low),
                high: Some(high),
                ..Record::new("reset", path)
            }
            .append();
        }
        let differences = times[1]
            .iter()
            .zip(&times[0])
            .map(|(reset, kept)| reset - kept);
        let micros = median(&differences.collect::<Vec<_>>()) / 1e3;
        let kib = bytes / 1024;
        lines.push(format!(
            "reset: {micros:.2} µs per call, of {rows} rows, in a memory of {kib} KiB"
        ));
    }
    println!("{}", lines.join("\n"));
}
