//! What calls cost, and what they answer with parts of the sandbox left out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use fusebox::{Error, Measured, Parts, Paths, Session, SessionBuilder};

use crate::query::spin_announced;
use crate::{CLAMP, run, udfs};

fn builder() -> SessionBuilder {
    Session::builder().paths(Paths::under(udfs()).unwrap())
}

fn measuring() -> Session {
    builder().measure(true).build().unwrap()
}

fn without(parts: Parts) -> Session {
    builder().measure(true).leave_out(parts).build().unwrap()
}

const NO_FUEL: Parts = Parts {
    fuel: true,
    canonical_nans: false,
    reset: false,
};

const NO_CANONICAL_NANS: Parts = Parts {
    fuel: false,
    canonical_nans: true,
    reset: false,
};

const NO_RESET: Parts = Parts {
    fuel: false,
    canonical_nans: false,
    reset: true,
};

const HALVE: &str = "CREATE FUNCTION halve(BIGINT) RETURNS BIGINT LANGUAGE WASM
                         AS 'wat/halve.wat';";

async fn numbers(session: &Session, query: &str) -> Result<Vec<i64>, Error> {
    let batches = run(session, query).await?;
    let column = |batch: &arrow::array::RecordBatch| {
        let column = batch.column(0).as_primitive::<Int64Type>();
        column.values().to_vec()
    };
    Ok(batches.iter().flat_map(column).collect())
}

/// What the only function of a session has cost.
fn taken(session: &Session) -> Measured {
    let [measured] = <[Measured; 1]>::try_from(session.take_measured()).unwrap();
    measured
}

#[tokio::test]
async fn counters_count_what_calls_did() {
    let session = measuring();
    run(&session, CLAMP).await.unwrap();
    let unused = taken(&session);
    assert_eq!(unused.definition.name, "clamp_to");
    assert_eq!((unused.calls, unused.fuel), (0, 0));

    let query = "SELECT clamp_to(value, 10, 20) FROM range(0, 1000)";
    assert_eq!(numbers(&session, query).await.unwrap().len(), 1_000);
    let measured = taken(&session);
    assert_eq!((measured.calls, measured.rows), (1, 1_000));
    for time in [
        measured.lower,
        measured.guest,
        measured.lift,
        measured.reset,
    ] {
        assert!(time > Duration::ZERO, "{measured:?}");
    }
    // A column of numbers and two constants, with the headers of all.
    assert!(
        (8_000..12_000).contains(&measured.lowered_bytes),
        "{measured:?}"
    );
    assert_eq!(measured.lifted_bytes, 8_000);
    assert!(measured.fuel > 1_000 * 10, "{measured:?}");
    assert_eq!(measured.memory_bytes_max % 65_536, 0);
    assert!(measured.memory_bytes_max > 0);
}

#[tokio::test]
async fn counters_begin_anew_when_they_were_taken() {
    let session = measuring();
    run(&session, CLAMP).await.unwrap();
    let query = |rows: u32| format!("SELECT clamp_to(value, 10, 20) FROM range(0, {rows})");
    run(&session, &query(100)).await.unwrap();
    let first = taken(&session);
    run(&session, &query(200)).await.unwrap();
    let second = taken(&session);
    assert_eq!((first.rows, second.rows), (100, 200));
    assert_eq!(taken(&session).rows, 0);
}

#[tokio::test]
async fn session_that_does_not_measure_has_no_counters() {
    let session = builder().build().unwrap();
    run(&session, CLAMP).await.unwrap();
    run(&session, "SELECT clamp_to(1, 2, 3)").await.unwrap();
    assert!(session.take_measured().is_empty());
}

#[tokio::test]
async fn functions_that_are_gone_are_reported_once_more() {
    let session = measuring();
    run(&session, CLAMP).await.unwrap();
    run(
        &session,
        "SELECT clamp_to(value, 1, 2) FROM range(0, 7); DROP FUNCTION clamp_to",
    )
    .await
    .unwrap();
    assert_eq!(taken(&session).rows, 7);
    assert!(session.take_measured().is_empty());
}

#[tokio::test]
async fn answers_are_the_same_with_each_part_left_out() {
    let queries = [
        "SELECT clamp_to(value, 10, 20) FROM range(0, 20000)",
        "SELECT halve(value) FROM range(1, 20001)",
    ];
    for query in queries {
        let mut answers = Vec::new();
        for parts in [Parts::default(), NO_FUEL, NO_CANONICAL_NANS, NO_RESET] {
            let session = without(parts);
            run(&session, CLAMP).await.unwrap();
            run(&session, HALVE).await.unwrap();
            // Twice: the second time, an instance remembers what it may.
            let first = numbers(&session, query).await.unwrap();
            assert_eq!(numbers(&session, query).await.unwrap(), first);
            answers.push(first);
        }
        assert_eq!(answers[0].len(), 20_000);
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn no_fuel_is_burnt_and_none_runs_out_where_it_is_left_out() {
    // Three turns of a loop are too much for it.
    let create = format!("{} WITH (fuel_per_row = 20)", HALVE.trim_end_matches(';'));
    let query = "SELECT halve(value * 1024) FROM range(1, 2)";
    let session = measuring();
    run(&session, &create).await.unwrap();
    let error = numbers(&session, query).await.unwrap_err();
    assert!(
        matches!(Error::behind(&error), Some(Error::Limit { .. })),
        "{error}"
    );

    let session = without(NO_FUEL);
    run(&session, &create).await.unwrap();
    assert_eq!(numbers(&session, query).await.unwrap(), [10]);
    assert_eq!(taken(&session).fuel, 0);
}

/// A function of no arguments that answers one number, which code of it leaves
/// on the operand stack.
fn number(code: &str) -> String {
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
async fn instance_remembers_only_where_the_reset_is_left_out() {
    let create = number(
        "(global.get $calls) (global.set $calls (i64.add (global.get $calls) (i64.const 1)))",
    );
    // One row each, from a table, so that nothing answers before it is asked.
    let query = "SELECT number(value) FROM range(0, 1)";
    for (parts, last) in [(Parts::default(), 0), (NO_RESET, 2)] {
        let session = without(parts);
        run(&session, &create).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.extend(numbers(&session, query).await.unwrap());
        }
        assert_eq!(answers, [0, last / 2, last], "{parts:?}");
    }
}

#[tokio::test]
async fn nans_are_the_machines_where_canonical_ones_are_left_out() {
    let create = number("(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))");
    let query = "SELECT number(value) FROM range(0, 1)";
    let canonical = f64::NAN.to_bits() as i64 & i64::MAX;
    // What 0/0 is on this machine, computed when this runs.
    let zero = std::hint::black_box(0.0_f64);
    let machine = (zero / zero).to_bits() as i64;
    for (parts, expected) in [(Parts::default(), canonical), (NO_CANONICAL_NANS, machine)] {
        let session = without(parts);
        run(&session, &create).await.unwrap();
        assert_eq!(
            numbers(&session, query).await.unwrap(),
            [expected],
            "{parts:?}"
        );
    }
}

/// A function that answers the bits at the address 8, after it has called
/// `$work` with a number.
fn working(functions: &str) -> String {
    format!(
        "CREATE FUNCTION number(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
             (memory (export \"memory\") 1)
             (data (i32.const 20) \"\\08\")
             (func (export \"fusebox_abi_1\"))
             (func $alloc (export \"fusebox_alloc\") (param i32) (result i32)
               (i32.const 1024))
             {functions}
             (func $main (export \"fusebox_udf_number\") (param i32 i32 i32) (result i32)
               (local $left i32)
               (local.set $left (i32.const 300))
               (loop $again
                 (i64.store (i32.const 8) (call $work (i64.load (i32.const 8))))
                 (br_if $again
                   (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
               (i64.store (local.get 2) (i64.const 1))
               (i64.store offset=24 (local.get 2) (i64.const 2))
               (i32.store offset=40 (local.get 2) (i32.const 16))
               (i32.const 0)))$$"
    )
}

/// Calls a function until it was seen some times, and returns in which part of
/// them each of the guest's functions was running itself.
async fn seen(create: &str) -> HashMap<String, f64> {
    let interval = Duration::from_micros(100);
    let session = builder().profile(interval).build().unwrap();
    run(&session, create).await.unwrap();
    let started = Instant::now();
    let mut own: HashMap<String, usize> = HashMap::new();
    while own.values().sum::<usize>() < 50 {
        assert!(started.elapsed() < Duration::from_secs(60), "{own:?}");
        let query = "SELECT number(value) FROM range(0, 1)";
        run(&session, query).await.unwrap();
        let profile = session.take_profile();
        for sample in &profile.samples {
            let outermost = profile.functions[sample.stack[0]].as_str();
            assert!(["main", "alloc"].contains(&outermost), "{profile:?}");
        }
        for hot in profile.hottest() {
            assert!(hot.own <= hot.total && hot.total <= profile.samples.len());
            *own.entry(profile.functions[hot.function].clone())
                .or_default() += hot.own;
        }
    }
    let all: usize = own.values().sum();
    let parts = own.into_iter();
    parts
        .map(|(name, own)| (name, own as f64 / all as f64))
        .collect()
}

#[tokio::test]
async fn profile_shows_the_function_whose_loop_takes_the_time() {
    let own = seen(&working(
        "(func $work (param i64) (result i64) (local $left i32)
           (local.set $left (i32.const 300))
           (loop $again
             (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
           (local.get 0))",
    ))
    .await;
    assert!(own["work"] > 0.8, "{own:?}");
}

#[tokio::test]
async fn profile_shows_the_function_whose_straight_code_takes_the_time() {
    // Each step needs the one before, and none can be left out or put off.
    let step = "(local.set 0 (i64.mul (i64.xor (local.get 0) (i64.const 77)) (local.get 0)))
                (i64.store (i32.const 2048) (local.get 0))";
    let own = seen(&working(&format!(
        "(func $work (param i64) (result i64) {} (local.get 0))",
        step.repeat(300)
    )))
    .await;
    assert!(own["work"] > 0.8, "{own:?}");
}

#[tokio::test]
async fn session_that_does_not_profile_sees_nothing() {
    let session = measuring();
    run(&session, CLAMP).await.unwrap();
    run(&session, "SELECT clamp_to(1, 2, 3)").await.unwrap();
    assert!(session.take_profile().samples.is_empty());
    let zero = Session::builder().profile(Duration::ZERO).build().map(drop);
    assert!(matches!(zero, Err(Error::Config(_))));
}

/// A call gets more fuel where a row begins, as long as it goes on.
#[tokio::test]
async fn rows_that_burn_much_are_done_in_one_call() {
    let session = measuring();
    run(&session, &spin_announced(100_000)).await.unwrap();
    let mut fuel = Vec::new();
    for rows in [1, 1_000, 2_000] {
        let query = format!("SELECT spin_announced(value) FROM range(0, {rows})");
        assert_eq!(numbers(&session, &query).await.unwrap().len(), rows);
        let measured = taken(&session);
        assert_eq!(measured.calls, 1, "{measured:?}");
        fuel.push(measured.fuel);
    }
    let [one, thousand, thousands] = fuel[..] else {
        unreachable!("there are three");
    };
    assert!(one > 300_000, "{one}");
    // What is not a row's is the same in all.
    assert_eq!((thousands - thousand) * 999, (thousand - one) * 1_000);
}
