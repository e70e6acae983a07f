//! Results with protections disabled.

use fusebox::{DisabledProtections, Error, Session};

use crate::metrics::{builder, numbers, session_of, session_with_metrics, take_metrics};
use crate::{CLAMP, run};

/// Opens a session of an engine with metrics and without some protections.
fn session_without(disabled: DisabledProtections) -> Session {
    session_of(builder().metrics(true).disable_protections(disabled))
}

const NO_FUEL: DisabledProtections = DisabledProtections {
    fuel: true,
    canonical_nans: false,
    reset: false,
};

const NO_CANONICAL_NANS: DisabledProtections = DisabledProtections {
    fuel: false,
    canonical_nans: true,
    reset: false,
};

const NO_RESET: DisabledProtections = DisabledProtections {
    fuel: false,
    canonical_nans: false,
    reset: true,
};

const HALVE: &str = "CREATE FUNCTION halve(BIGINT) RETURNS BIGINT LANGUAGE WASM
                         AS 'wat/halve.wat';";

#[tokio::test]
async fn results_are_equal_without_each_protection() {
    let queries = [
        "SELECT clamp_to(value, 10, 20) FROM range(0, 20000)",
        "SELECT halve(value) FROM range(1, 20001)",
    ];
    for query in queries {
        let mut results = Vec::new();
        for disabled in [
            DisabledProtections::default(),
            NO_FUEL,
            NO_CANONICAL_NANS,
            NO_RESET,
        ] {
            let session = session_without(disabled);
            run(&session, CLAMP).await.unwrap();
            run(&session, HALVE).await.unwrap();
            // The second query reuses an instance, with its state if it is not reset.
            let first = numbers(&session, query).await.unwrap();
            assert_eq!(numbers(&session, query).await.unwrap(), first);
            results.push(first);
        }
        assert_eq!(results[0].len(), 20_000);
        assert!(
            results.iter().all(|result| *result == results[0]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn guest_without_fuel_consumes_none_and_is_not_limited() {
    // Too little fuel for ten iterations of a loop.
    let create = format!("{} WITH (fuel_per_row = 20)", HALVE.trim_end_matches(';'));
    let query = "SELECT halve(value * 1024) FROM range(1, 2)";
    let session = session_with_metrics();
    run(&session, &create).await.unwrap();
    let error = numbers(&session, query).await.unwrap_err();
    assert!(
        matches!(Error::find_in(&error), Some(Error::Limit { .. })),
        "{error}"
    );

    let session = session_without(NO_FUEL);
    run(&session, &create).await.unwrap();
    assert_eq!(numbers(&session, query).await.unwrap(), [10]);
    assert_eq!(take_metrics(&session).fuel, 0);
}

/// Returns `CREATE FUNCTION` for a function that returns the number that `code` leaves on the
/// operand stack.
fn create_number(code: &str) -> String {
    format!(
        "CREATE FUNCTION number(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
             (memory (export \"memory\") 1)
             (global $calls (mut i64) (i64.const 0))
             (data (i32.const 20) \"\\08\")
             (func (export \"fusebox_abi_1\"))
             (func (export \"fusebox_alloc\") (param i32) (result i32) (i32.const 1024))
             (func (export \"fusebox_udf_number\") (param i32 i32 i32) (result i32)
               (i64.store (i32.const 8) {code})
               (i64.store (local.get 2) (i64.const 1))
               (i64.store offset=24 (local.get 2) (i64.const 2))
               (i32.store offset=40 (local.get 2) (i32.const 16))
               (i32.const 0)))$$"
    )
}

#[tokio::test]
async fn instance_keeps_state_between_calls_only_without_reset() {
    let create = create_number(
        "(global.get $calls) (global.set $calls (i64.add (global.get $calls) (i64.const 1)))",
    );
    // The argument is a column, so that the planner cannot evaluate the call.
    let query = "SELECT number(value) FROM range(0, 1)";
    for (disabled, last) in [(DisabledProtections::default(), 0), (NO_RESET, 2)] {
        let session = session_without(disabled);
        run(&session, &create).await.unwrap();
        let mut results = Vec::new();
        for _ in 0..3 {
            results.extend(numbers(&session, query).await.unwrap());
        }
        assert_eq!(results, [0, last / 2, last], "{disabled:?}");
    }
}

#[tokio::test]
async fn nans_are_those_of_the_hardware_without_canonical_nans() {
    let create = create_number("(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))");
    let query = "SELECT number(value) FROM range(0, 1)";
    let canonical = f64::NAN.to_bits() as i64 & i64::MAX;
    // The NaN of 0/0 on this hardware, computed at run time.
    let zero = std::hint::black_box(0.0_f64);
    let hardware = (zero / zero).to_bits() as i64;
    for (disabled, expected) in [
        (DisabledProtections::default(), canonical),
        (NO_CANONICAL_NANS, hardware),
    ] {
        let session = session_without(disabled);
        run(&session, &create).await.unwrap();
        assert_eq!(
            numbers(&session, query).await.unwrap(),
            [expected],
            "{disabled:?}"
        );
    }
}
