//! Idle instances and compiled modules are bounded for the runtime, not for each function.

use std::sync::{Arc, Barrier};

use fusebox_runtime::{
    Error, IdleLimits, ModuleError, Runtime, RuntimeOptions, Scope, WasmFunction,
};
use fusebox_testing::memory_mappings;

use crate::{bind, call, guest, runtime};

fn volatile(runtime: &Runtime, count: usize) -> Vec<Arc<WasmFunction>> {
    let guest = guest(1, "");
    let functions = (0..count).map(|_| bind(runtime, &guest, "VOLATILE").unwrap());
    functions.collect()
}

#[test]
fn functions_that_were_never_called_have_no_instance() {
    let runtime = runtime(IdleLimits::default());
    let _functions = volatile(&runtime, 20);
    assert_eq!(runtime.idle_metrics().instances, 0);
}

#[test]
fn least_recently_used_instances_of_all_functions_are_evicted() {
    let limits = IdleLimits {
        instances_max: 10,
        ..IdleLimits::default()
    };
    let runtime = runtime(limits);
    let functions = volatile(&runtime, 50);
    for function in &functions {
        assert_eq!(call(function, &Scope::default()), 1);
        assert!(runtime.idle_metrics().instances <= 10);
    }
    let metrics = runtime.idle_metrics();
    assert_eq!(metrics.instances + metrics.evictions, 50);
    // The last one is still there, and has its state; the first one is not.
    assert_eq!(call(&functions[49], &Scope::default()), 2);
    assert_eq!(call(&functions[0], &Scope::default()), 1);
    drop(functions);
    let metrics = runtime.idle_metrics();
    let left = (metrics.instances, metrics.memory_bytes, metrics.mappings);
    assert_eq!(left, (0, 0, 0));
}

#[test]
fn bytes_and_mappings_of_idle_instances_are_bounded() {
    let limits = [
        IdleLimits {
            memory_bytes_max: 20 << 16,
            ..IdleLimits::default()
        },
        IdleLimits {
            mappings_max: 40,
            ..IdleLimits::default()
        },
    ];
    for limits in limits {
        let runtime = runtime(limits);
        for function in &volatile(&runtime, 50) {
            call(function, &Scope::default());
            let metrics = runtime.idle_metrics();
            assert!(metrics.memory_bytes <= limits.memory_bytes_max);
            assert!(metrics.mappings <= limits.mappings_max);
            assert!(metrics.instances <= 20);
        }
        assert!(runtime.idle_metrics().evictions >= 30);
    }
}

#[test]
fn instance_is_not_kept_where_nothing_may_be() {
    let runtime = runtime(IdleLimits {
        instances_max: 0,
        ..IdleLimits::default()
    });
    let functions = volatile(&runtime, 1);
    for _ in 0..2 {
        assert_eq!(call(&functions[0], &Scope::default()), 1);
        assert_eq!(runtime.idle_metrics().instances, 0);
    }
}

#[test]
fn state_is_kept_until_the_execution_ends() {
    let runtime = runtime(IdleLimits {
        instances_max: 4,
        ..IdleLimits::default()
    });
    let functions = volatile(&runtime, 20);
    let execution = Scope::default();
    for round in 1..4 {
        assert_eq!(call(&functions[0], &execution), round);
        for other in &functions[1..] {
            call(other, &Scope::default());
        }
    }
    drop(execution);
    for other in &functions[1..] {
        call(other, &Scope::default());
    }
    assert_eq!(call(&functions[0], &Scope::default()), 1);
}

#[test]
fn large_instance_is_kept_until_the_execution_ends() {
    let runtime = runtime(IdleLimits::default());
    let function = bind(&runtime, &guest(65, ""), "VOLATILE").unwrap();
    let execution = Scope::default();
    assert_eq!(call(&function, &execution), 1);
    assert_eq!(call(&function, &execution), 2);
    assert_eq!(runtime.idle_metrics().instances, 1);
    drop(execution);
    assert_eq!(runtime.idle_metrics().instances, 0);
}

#[test]
fn modules_that_nothing_uses_make_room_and_others_are_not_compiled() {
    let mut options = RuntimeOptions::default();
    options.compiled_modules_max = 3;
    let runtime = Runtime::new(options).unwrap();
    let bind = |number: u32| bind(&runtime, &guest(1 + number, ""), "");
    let mut functions: Vec<_> = (0..3).map(|number| bind(number).unwrap()).collect();
    let error = bind(3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function `f` cannot be used: the engine has 3 compiled modules, the maximum \
         (compiled_modules_max): drop functions of others"
    );
    let Error::Module { .. } = error else {
        panic!("{error}");
    };
    let _ = ModuleError::TooMany { modules_max: 3 };
    // One that is compiled can still be bound, and another one after a function is gone.
    assert!(bind(1).is_ok());
    functions.pop();
    assert!(bind(3).is_ok());
}

/// The mappings that are counted are those that the operating system counts: what an
/// instance has may not be more, or a process would be aborted all the same.
#[test]
fn mappings_are_counted_and_returned() {
    let runtime = runtime(IdleLimits {
        instances_max: 10_000,
        memory_bytes_max: 10 << 30,
        mappings_max: 100_000,
    });
    let items = [
        "",
        "(data (i32.const 40000) \"text\")",
        "(table 1000 funcref) (func $f) (elem (i32.const 5) $f)",
        "(func $start (drop (memory.grow (i32.const 3)))) (start $start)",
    ];
    // Threads and heaps of the compiler.
    bind(&runtime, &guest(2, ""), "").unwrap();
    let baseline = memory_mappings();
    for items in items {
        let guest = guest(1, items);
        let before = memory_mappings();
        let functions = (0..200).map(|_| bind(&runtime, &guest, "VOLATILE").unwrap());
        let functions: Vec<_> = functions.collect();
        // None has an instance, and the code is shared.
        assert!(memory_mappings() < before + 40, "{items}");
        for function in &functions {
            call(function, &Scope::default());
        }
        let metrics = runtime.idle_metrics();
        assert_eq!(metrics.instances, 200);
        // Other tests of this process map memory too.
        assert!(
            memory_mappings() - before <= metrics.mappings + 150,
            "{items}: {} {metrics:?}",
            memory_mappings() - before
        );
        drop(functions);
        assert!(memory_mappings() < before + 150, "{items}");
    }
    assert!(memory_mappings() < baseline + 150);
}

#[test]
fn code_of_modules_in_use_is_bounded() {
    let mut options = RuntimeOptions::default();
    // A module has some pages of code and data.
    options.compiled_bytes_max = 60_000;
    let runtime = Runtime::new(options).unwrap();
    let mut functions = Vec::new();
    let refused = loop {
        // The modules differ in a constant.
        let constant = format!("(global i32 (i32.const {}))", functions.len());
        match bind(&runtime, &guest(1, &constant), "VOLATILE") {
            Ok(function) => functions.push(function),
            Err(error) => break error.to_string(),
        }
        assert!(functions.len() < 100);
    };
    assert!(refused.contains("(compiled_bytes_max)"), "{refused}");
    assert!(functions.len() > 1);
    assert_eq!(call(&functions[0], &Scope::default()), 1);
    functions.pop();
    assert!(bind(&runtime, &guest(1, ""), "VOLATILE").is_ok());
}

/// Each of them begins while there is no code of another.
#[test]
fn compilations_at_the_same_time_share_the_bytes_of_code() {
    let mut options = RuntimeOptions::default();
    // There is room for one module, whatever its size.
    options.compiled_bytes_max = 1;
    let runtime = Runtime::new(options).unwrap();
    let barrier = Barrier::new(4);
    let (runtime, barrier) = (&runtime, &barrier);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads = (1..=4).map(|pages| {
            scope.spawn(move || {
                barrier.wait();
                bind(runtime, &guest(pages, ""), "")
            })
        });
        let threads: Vec<_> = threads.collect();
        let outcomes = threads.into_iter().map(|thread| thread.join().unwrap());
        outcomes.collect()
    });
    let (bound, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(bound.len(), 1);
    for error in refused.into_iter().filter_map(Result::err) {
        let error = error.to_string();
        assert!(error.contains("(compiled_bytes_max)"), "{error}");
    }
    // There is room again when nothing uses it.
    drop(bound);
    assert!(bind(runtime, &guest(5, ""), "").is_ok());
}

#[test]
fn tables_of_idle_instances_are_counted() {
    let runtime = runtime(IdleLimits::default());
    let plain = bind(&runtime, &guest(1, ""), "VOLATILE").unwrap();
    call(&plain, &Scope::default());
    let without = runtime.idle_metrics().memory_bytes;
    let table = bind(&runtime, &guest(1, "(table 100000 funcref)"), "VOLATILE").unwrap();
    call(&table, &Scope::default());
    let with = runtime.idle_metrics().memory_bytes - without;
    assert_eq!(with, without + 800_000);
}
