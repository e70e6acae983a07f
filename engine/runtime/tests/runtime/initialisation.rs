//! Initialisation of instances: fuel of its own, once for an instance.

use fusebox_runtime::{IdleLimits, Scope};

use crate::{bind, call, guest, runtime};

/// Items of a module whose `export` spins for some 3 units of fuel each turn.
fn spins(export: &str, turns: u32) -> String {
    let spin = format!(
        "(func $spin (local $i i32)
            (loop $l (global.set $calls (i64.const 7))
                (br_if $l (i32.lt_u
                    (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                    (i32.const {turns})))))"
    );
    match export {
        "start" => format!("{spin} (start $spin)"),
        export => format!("{spin} (export \"{export}\" (func $spin))"),
    }
}

#[test]
fn initialisation_has_fuel_of_its_own() {
    let runtime = runtime(IdleLimits::default());
    for export in ["start", "_initialize"] {
        let guest = guest(1, &spins(export, 1_000_000));
        // What it leaves is part of the baseline, and belongs to no call.
        let function = bind(&runtime, &guest, "WITH (fuel_per_call = 10000)").unwrap();
        for _ in 0..3 {
            assert_eq!(call(&function, &Scope::default()), 8, "{export}");
        }
        let error = bind(&runtime, &guest, "WITH (fuel_init = 200000)").unwrap_err();
        assert_eq!(
            error.to_string(),
            "function `f` cannot be used: it cannot be instantiated: it runs out of fuel \
             (fuel_init)"
        );
    }
}

#[test]
fn endless_initialisation_ends() {
    let runtime = runtime(IdleLimits::default());
    let guest = guest(1, r#"(func (export "_initialize") (loop $l (br $l)))"#);
    let error = bind(&runtime, &guest, "").unwrap_err();
    assert!(error.to_string().contains("(fuel_init)"), "{error}");
}

#[test]
fn pages_of_the_initial_memory_are_charged() {
    let runtime = runtime(IdleLimits::default());
    // 2,048 units for the instance and 1,024 for each page are more than 100,000.
    let refused = |pages| {
        let guest = guest(pages, &spins("start", 10));
        bind(&runtime, &guest, "WITH (fuel_init = 100000)").is_err()
    };
    assert!(!refused(95));
    assert!(refused(96));
    for pages in [2, 1_000] {
        let function = bind(&runtime, &guest(pages, ""), "").unwrap();
        let scope = Scope::default();
        let mut before = 0;
        // The same for a fresh instance and for one that was reset.
        let mut charges = Vec::new();
        for _ in 0..3 {
            call(&function, &scope);
            let fuel = scope
                .statistics()
                .values()
                .map(|sums| sums.fuel)
                .sum::<u64>();
            charges.push(fuel - before);
            before = fuel;
        }
        assert!(charges[0] >= u64::from(pages) * 1_024, "{charges:?}");
        assert!(
            charges.iter().all(|fuel| *fuel == charges[0]),
            "{charges:?}"
        );
    }
}
