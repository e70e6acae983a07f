//! What it costs that a call finds nothing of the calls before.
//!
//! Measured: a call of `add` for 8,192 rows, which reads 128 KiB of arguments
//! that lie in the guest's memory already and writes 64 KiB of results, in an
//! instance with as much room as the engine makes for it. Not measured:
//! lowering, lifting, compiling. Names read `reset/<path>`:
//!
//! - `kept`: the call alone, in an instance that keeps everything;
//! - `reset`: the engine's way, which gives the instance its memory back first;
//! - `pooled`: a new instance for each call, from Wasmtime's pool, whose memory
//!   stays resident, its arena lent and filled;
//! - `new`: a new instance for each call, and nothing is resident.
//!
//! The last line is what giving back takes by itself, as a median.

mod kernels;

#[path = "../../src/sandbox/snapshot.rs"]
mod snapshot;

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use fusebox_instrument::EXPORT_FUEL;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use kernels::{Grant, Guest, Kernel, Loaded, kernels};
use snapshot::Snapshot;

const ROWS: usize = 8_192;

/// What the engine has such a guest make ready for such a call, in bytes.
const ROOM_BYTES: usize = (144 + 80) << 10;

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
fn furnished(guest: &Guest, kernel: &Kernel) -> (Loaded, Snapshot) {
    let mut loaded = Loaded::bare(guest, kernel);
    loaded.lend(ROOM_BYTES);
    loaded.place(kernel);
    let snapshot = Snapshot::of(loaded.memory.data(&loaded.store));
    (loaded, snapshot)
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(40)
        .without_plots()
        .configure_from_args();
    let kernels = kernels(0..ROWS);
    let kernel = kernels.iter().find(|kernel| kernel.name == "add");
    let kernel = kernel.expect("it is one of them");
    let on_demand = engine(InstanceAllocationStrategy::OnDemand);
    let guest = Guest::new(&on_demand, kernel.module, true);
    let mut group = criterion.benchmark_group("reset");

    let (mut loaded, _) = furnished(&guest, kernel);
    group.bench_function("kept", |bencher| bencher.iter(|| call(&mut loaded)));

    let (mut loaded, snapshot) = furnished(&guest, kernel);
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

    let pooled = engine(pool());
    let pooled = Guest::new(&pooled, kernel.module, true);
    for (name, guest) in [("pooled", &pooled), ("new", &guest)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| call(&mut Loaded::new(guest, kernel)));
        });
    }
    group.finish();
    criterion.final_summary();

    let mut samples = samples.into_inner();
    samples.sort_by(f64::total_cmp);
    if let Some(median) = samples.get(samples.len() / 2) {
        let kib = snapshot.bytes() / 1024;
        println!("reset: {median:.2} µs per call, in a memory of {kib} KiB");
    }
}
