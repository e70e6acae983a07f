//! What it costs that a call finds nothing of the calls before.
//!
//! Measured: a call of `add` for 8,192 rows, which reads 128 KiB of arguments
//! that lie in the guest's memory already and writes 64 KiB of results, and one
//! for a single row, as with `reset = 'row'`, in an instance with as much room as
//! the engine makes for it. Not measured: lowering, lifting, compiling. Names
//! read `reset/<rows>/<path>`:
//!
//! - `kept`: the call alone, in an instance that keeps everything;
//! - `reset`: the engine's way, which gives the instance its memory back first;
//! - `pooled`: a new instance for each call, from Wasmtime's pool, whose memory
//!   stays resident, its arena lent and filled;
//! - `new`: a new instance for each call, and nothing is resident.
//!
//! They take turns. The last lines are what giving back adds to a call, as the
//! median of the differences of turns side by side.

mod kernels;

#[path = "../../src/sandbox/snapshot.rs"]
mod snapshot;

use std::hint::black_box;
use std::time::Duration;

use fusebox_instrument::{EXPORT_FUEL, Options};
use fusebox_turns::{Asked, Record, Turns, interval, median};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use kernels::{Grant, Guest, Kernel, Loaded, kernels};
use snapshot::Snapshot;

/// Rows of a call, and what the engine has such a guest make ready for it, in
/// bytes.
const CALLS: [(usize, usize); 2] = [(8_192, (129 + 80) << 10), (1, (17 + 16) << 10)];

const TURNS: Turns = Turns {
    least: 41,
    most: 201,
    all: Duration::from_secs(2),
    one: Duration::from_millis(1),
};

fn engine(strategy: InstanceAllocationStrategy) -> Engine {
    let mut config = Config::new();
    config
        .compiler_inlining(wasmtime::Inlining::Yes)
        .wasm_wide_arithmetic(true)
        .allocation_strategy(strategy);
    Engine::new(&config).expect("the settings are supported")
}

/// Few instances, and all that they ever touched stays resident.
fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(8)
        .total_memories(8)
        .total_tables(16)
        // That of the guest, and that of what refills its tank.
        .max_tables_per_module(2)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20);
    InstanceAllocationStrategy::Pooling(pool)
}

fn call(loaded: &mut Loaded) {
    let status = loaded.call(Grant::PLENTY);
    assert_eq!(status.expect("it does not trap"), 0);
}

/// An instance with room, and what its memory holds before the first call.
fn furnished(guest: &Guest, kernel: &Kernel, room_bytes: usize) -> (Loaded, Snapshot) {
    let mut loaded = Loaded::bare(guest, kernel);
    loaded.lend(room_bytes);
    loaded.place(kernel);
    let snapshot = Snapshot::of(loaded.memory.data(&loaded.store));
    (loaded, snapshot)
}

/// What takes turns, and what it is called.
const PATHS: [&str; 4] = ["kept", "reset", "pooled", "new"];

/// Nanoseconds of a call on each path, for each turn, and in how much memory, in
/// bytes.
fn measure(kernel: &Kernel, room_bytes: usize) -> (Vec<Vec<f64>>, usize) {
    let [guest, pooled] = [InstanceAllocationStrategy::OnDemand, pool()]
        .map(|strategy| Guest::new(&engine(strategy), kernel.module, Options::default()));
    let (mut kept, _) = furnished(&guest, kernel, room_bytes);
    let (mut again, snapshot) = furnished(&guest, kernel, room_bytes);
    let arena = again.arena.clone();
    call(&mut again);
    let answer = again.answer(kernel.result_bytes).to_vec();
    let times = TURNS.rounds(&mut [
        &mut || call(&mut kept),
        &mut || {
            let memory = again.memory.data_mut(&mut again.store);
            snapshot.restore(black_box(memory), arena.clone());
            call(&mut again);
        },
        &mut || call(&mut Loaded::new(&pooled, kernel)),
        &mut || call(&mut Loaded::new(&guest, kernel)),
    ]);
    assert!(again.counter(EXPORT_FUEL) > 0);
    assert_eq!(again.memory.data_size(&again.store), snapshot.bytes());
    assert_eq!(again.answer(kernel.result_bytes), answer);
    (times, snapshot.bytes())
}

fn main() {
    let asked = Asked::from_arguments();
    let mut lines = Vec::new();
    for (rows, room_bytes) in CALLS {
        if !asked.has(&format!("reset/{rows}")) {
            continue;
        }
        eprintln!("reset/{rows}");
        let kernels = kernels(0..rows);
        let kernel = kernels.iter().find(|kernel| kernel.name == "add");
        let (times, bytes) = measure(kernel.expect("it is one of them"), room_bytes);
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
        let more = times[1]
            .iter()
            .zip(&times[0])
            .map(|(reset, kept)| reset - kept);
        let micros = median(&more.collect::<Vec<_>>()) / 1e3;
        let kib = bytes / 1024;
        lines.push(format!(
            "reset: {micros:.2} µs per call, of {rows} rows, in a memory of {kib} KiB"
        ));
    }
    println!("{}", lines.join("\n"));
}
