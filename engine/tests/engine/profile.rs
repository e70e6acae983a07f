//! Profiles of guest code.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fusebox::{Engine, Error};

use crate::metrics::{builder, session_of, session_with_metrics};
use crate::{CLAMP, run};

/// Returns `CREATE FUNCTION` for a function that calls `$work`, one of `functions`, 300 times,
/// and returns the last result.
fn create_number(functions: &str) -> String {
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

/// Calls a function until it has 50 samples, and returns the share of samples in which each
/// guest function was the innermost frame.
async fn own_shares(create: &str) -> HashMap<String, f64> {
    let interval = Duration::from_micros(100);
    let session = session_of(builder().profile(interval));
    run(&session, create).await.unwrap();
    let started = Instant::now();
    let mut own: HashMap<String, usize> = HashMap::new();
    while own.values().sum::<usize>() < 50 {
        assert!(started.elapsed() < Duration::from_secs(60), "{own:?}");
        let query = "SELECT number(value) FROM range(0, 1)";
        run(&session, query).await.unwrap();
        let profile = session.engine().take_profile();
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
    own.into_iter()
        .map(|(name, own)| (name, own as f64 / all as f64))
        .collect()
}

#[tokio::test]
async fn profile_attributes_time_to_the_function_with_the_loop() {
    let own = own_shares(&create_number(
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
async fn profile_attributes_time_to_the_function_with_straight_line_code() {
    // Each step depends on the previous one and is stored, so none is eliminated or sunk.
    let step = "(local.set 0 (i64.mul (i64.xor (local.get 0) (i64.const 77)) (local.get 0)))
                (i64.store (i32.const 2048) (local.get 0))";
    let own = own_shares(&create_number(&format!(
        "(func $work (param i64) (result i64) {} (local.get 0))",
        step.repeat(300)
    )))
    .await;
    assert!(own["work"] > 0.8, "{own:?}");
}

#[tokio::test]
async fn engine_without_a_profile_interval_has_no_samples() {
    let session = session_with_metrics();
    run(&session, CLAMP).await.unwrap();
    run(&session, "SELECT clamp_to(1, 2, 3)").await.unwrap();
    assert!(session.engine().take_profile().samples.is_empty());
    let zero = Engine::builder().profile(Duration::ZERO).build().map(drop);
    assert!(matches!(zero, Err(Error::Config(_))));
}
