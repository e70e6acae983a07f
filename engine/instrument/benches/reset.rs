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
//! The last lines are what giving back takes by itself, as a median.

mod kernels;

#[path = "../../src/sandbox/snapshot.rs"]
mod snapshot;

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use fusebox_instrument::{EXPORT_FUEL, Options};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use kernels::{Grant, Guest, Kernel, Loaded, kernels};
use snapshot::Snapshot;

/// Rows of a call, and what the engine has such a guest make ready for it, in
/// bytes.
const CALLS: [(usize, usize); 2] = [(8_192, (129 + 80) << 10), (1, (17 + 16) << 10)];

fn engine(strategy: InstanceAllocationStrategy) -> Engine {
    let mut config = Config::new();
    config
        .compiler_inlining(wasmtime::Inlining::Yes)
        .allocation_strategy(strategy);
    Engine::new(&config).expect("the settings are supported")
}

/// Few instances, and all that they ever touched stays resident.
fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(8)
        .total_memories(8)
        .total_tables(8)
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

/// Calls an instance that is reset before, and returns what resetting takes by
/// itself, in microseconds, and in how much memory.
fn measure_reset(
    group: &mut BenchmarkGroup<'_, WallTime>,
    (mut loaded, snapshot): (Loaded, Snapshot),
    kernel: &Kernel,
) -> (Option<f64>, usize) {
    let arena = loaded.arena.clone();
    call(&mut loaded);
    let answer = loaded.answer(kernel.result_bytes).to_vec();
    let samples = RefCell::new(Vec::new());
    group.bench_function("reset", |bencher| {
        bencher.iter_custom(|calls| {
            let mut resets = Duration::ZERO;
            let start = Instant::now();
            for _ in 0..calls {
                let reset = Instant::now();
                let memory = loaded.memory.data_mut(&mut loaded.store);
                snapshot.restore(black_box(memory), arena.clone());
                resets += reset.elapsed();
                call(&mut loaded);
            }
            let microseconds = resets.as_secs_f64() * 1e6 / calls as f64;
            samples.borrow_mut().push(microseconds);
            start.elapsed()
        });
    });
    assert!(loaded.counter(EXPORT_FUEL) > 0);
    assert_eq!(loaded.memory.data_size(&loaded.store), snapshot.bytes());
    assert_eq!(loaded.answer(kernel.result_bytes), answer);
    let mut samples = samples.into_inner();
    samples.sort_by(f64::total_cmp);
    (samples.get(samples.len() / 2).copied(), snapshot.bytes())
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(40)
        .without_plots()
        .configure_from_args();
    let (on_demand, pooled) = (InstanceAllocationStrategy::OnDemand, pool());
    let mut lines = Vec::new();
    for (rows, room_bytes) in CALLS {
        let kernels = kernels(0..rows);
        let kernel = kernels.iter().find(|kernel| kernel.name == "add");
        let kernel = kernel.expect("it is one of them");
        let guest = Guest::new(
            &engine(on_demand.clone()),
            kernel.module,
            Options::default(),
        );
        let pooled = Guest::new(&engine(pooled.clone()), kernel.module, Options::default());
        let mut group = criterion.benchmark_group(format!("reset/{rows}"));

        let (mut loaded, _) = furnished(&guest, kernel, room_bytes);
        group.bench_function("kept", |bencher| bencher.iter(|| call(&mut loaded)));
        let furnished = furnished(&guest, kernel, room_bytes);
        let (median, bytes) = measure_reset(&mut group, furnished, kernel);
        for (name, guest) in [("pooled", &pooled), ("new", &guest)] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| call(&mut Loaded::new(guest, kernel)));
            });
        }
        group.finish();
        let kib = bytes / 1024;
        lines.extend(median.map(|median| {
            format!("reset: {median:.2} µs per call, of {rows} rows, in a memory of {kib} KiB")
        }));
    }
    criterion.final_summary();
    println!("{}", lines.join("\n"));
}
