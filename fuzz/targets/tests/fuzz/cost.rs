//! Costs of modules that are built to be expensive, in a process of its own: the kernel
//! counts memory and CPU time of all threads.

use std::env;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use fusebox_fuzz_targets::{Bomb, Ceiling, SHAPES, measure};
use fusebox_testing::{SplitMix64, passes_in_own_process};

use crate::number;

/// Largest module in bytes, so that one takes at most seconds. `FUSEBOX_FUZZ_ALL_SIZES`
/// measures larger ones too.
const MODULE_BYTES_MAX: usize = 40_000;

/// The ceiling of the engine, with time for a build that is not optimised, on a busy
/// machine: seconds are measured by `cargo fuzz run cost`.
const CEILING: Ceiling = Ceiling {
    time: Duration::from_secs(6),
    bytes_per_second: 30_000,
    ..Ceiling::OF_THE_ENGINE
};

#[test]
fn modules_compile_at_a_cost_proportional_to_their_size() {
    let name = "cost::modules_compile_at_a_cost_proportional_to_their_size";
    // Freed memory is returned to the kernel at once.
    let environment = [
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_TRIM_THRESHOLD_", "65536"),
    ];
    if passes_in_own_process(name, &environment) {
        return;
    }
    let all = env::var_os("FUSEBOX_FUZZ_ALL_SIZES").is_some();
    let seconds = number("FUSEBOX_FUZZ_SECONDS").unwrap_or(10);
    let begin = Instant::now();
    let mut random = SplitMix64(number("FUSEBOX_FUZZ_SEED").unwrap_or(1));
    let (mut accepted, mut refused, mut expensive) = (0, 0, Vec::new());
    while begin.elapsed() < Duration::from_secs(seconds) {
        let bytes: Vec<u8> = (0..24).map(|_| random.next_u64() as u8).collect();
        let bomb = Bomb::arbitrary(&mut Unstructured::new(&bytes)).expect("enough bytes");
        let module = bomb.module();
        if module.len() > MODULE_BYTES_MAX && !all {
            continue;
        }
        if all {
            // Known before the process is killed for its memory.
            println!("{bomb:?}");
        }
        let cost = measure(&module);
        match cost.refused {
            None => accepted += 1,
            Some(_) => refused += 1,
        }
        if let Some(reason) = CEILING.exceeded_by(&cost) {
            println!("{bomb:?}: {reason}; refused: {:?}", cost.refused);
            expensive.push(bomb);
        }
    }
    println!(
        "{accepted} accepted, {refused} refused of {} shapes",
        SHAPES.len()
    );
    assert!(accepted >= 5);
    assert!(expensive.is_empty(), "{expensive:?}");
}
