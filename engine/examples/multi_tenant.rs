//! Hosts several tenants: one engine, and for each tenant a catalog, limits and a memory pool
//! of its own.
//!
//! Run it in the root of the workspace: `cargo run -p datafusion-fusebox --example multi_tenant`.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::memory_pool::GreedyMemoryPool;
use fusebox::{Engine, Error, Limits, MemoryCatalog, Session};

/// A function whose rows never end, and one that is well-behaved.
const ENDLESS: &str = r#"CREATE FUNCTION endless(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
    (memory (export "memory") 1)
    (func (export "fusebox_abi_1"))
    (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 1024))
    (func (export "fusebox_udf_endless") (param i32 i32 i32) (result i32)
      (loop $forever (br $forever)) (i32.const 0)))$$"#;
const CLAMP: &[u8] = include_bytes!("../../udfs/wat/clamp.wat");

fn tenant(engine: &Engine) -> Result<Session, Error> {
    engine
        .session()
        // Tenants do not see each other's functions.
        .catalog(Arc::new(MemoryCatalog::default()))
        // A row may burn a millisecond or so, whatever its statement asks for.
        .limits_max(Limits {
            memory_bytes_max: 16 << 20,
            ..Limits::default()
        })
        .limits(Limits {
            memory_bytes_max: 16 << 20,
            ..Limits::default()
        })
        .aggregate_memory_bytes_max(16 << 20)
        // The tenant's queries share 256 MiB.
        .memory_pool(Arc::new(GreedyMemoryPool::new(256 << 20)))
        .build()
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder().metrics(true).build()?;
    let (alice, bob) = (tenant(&engine)?, tenant(&engine)?);

    // Both tenants use one module: it is compiled once.
    for tenant in [&alice, &bob] {
        tenant.create_module("clamp", CLAMP).await?;
        tenant.import("clamp").await?;
    }
    assert_eq!(engine.runtime().compilations(), 1);

    // A function that does not end is out of fuel. Other tenants are not affected.
    alice.sql(ENDLESS).await?;
    let frame = alice.sql("SELECT endless(1)").await?;
    let error = frame
        .collect()
        .await
        .expect_err("the function is out of fuel");
    println!("alice: {error}");
    assert!(matches!(Error::find_in(&error), Some(Error::Limit { .. })));
    assert!(bob.sql("SELECT endless(1)").await.is_err());

    // A query that takes too long is cancelled, and the other tenant's goes on.
    let slow = "SELECT sum(clamp_to(value, 1, 7)) FROM range(0, 1000000000000)";
    let running = tokio::spawn(alice.sql(slow).await?.collect());
    tokio::time::sleep(Duration::from_millis(100)).await;
    alice.cancel();
    let error = running.await?.expect_err("the query was cancelled");
    println!("alice: {error}");
    let rows = bob.sql("SELECT clamp_to(7, 1, 5)").await?.collect().await?;
    assert_eq!(rows[0].num_rows(), 1);

    for metrics in engine.take_metrics() {
        let name = &metrics.definition.name;
        println!("{name}: {} calls, {} fuel", metrics.calls, metrics.fuel);
    }
    Ok(())
}
