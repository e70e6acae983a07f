//! Adds Wasm functions to a program that has a DataFusion context already.
//!
//! Run it in the root of the workspace: `cargo run -p datafusion-fusebox --example existing_context`.

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use fusebox::Engine;

/// A module in the text format. Usually the bytes of a `.wasm` file.
const MODULE: &[u8] = include_bytes!("../../udfs/wat/clamp.wat");

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The context of the program, with its own tables and settings.
    let context = SessionContext::new();
    context
        .sql("CREATE TABLE readings AS VALUES (-3), (4), (900)")
        .await?;

    // Cancellation, memory accounting, and LANGUAGE WASM for CREATE FUNCTION.
    let engine = Engine::builder().build()?;
    engine.install(&context);

    // All functions that the module declares.
    for definition in engine.register_all(&context, MODULE).await? {
        println!("registered {}{}", definition.name, definition.signature);
    }

    let query = "SELECT column1, clamp_to(column1, 0, 100) AS clamped FROM readings";
    let batches = context.sql(query).await?.collect().await?;
    let table = pretty_format_batches(&batches)?.to_string();
    println!("{table}");
    assert!(table.contains("| 900     | 100     |"), "{table}");
    Ok(())
}
