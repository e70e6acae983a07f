//! Calls a function on record batches, without SQL.
//!
//! Run it in the root of the workspace: `cargo run -p datafusion-fusebox --example record_batches`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use fusebox::{Session, statement};

const MODULE: &[u8] = include_bytes!("../../udfs/wat/clamp.wat");

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let session = Session::builder().build()?;
    session.create_module("clamp", MODULE).await?;
    session.import("clamp").await?;

    let function = session.function("clamp_to").await?;
    println!("{}", function.definition().signature);

    let column = |values: [i64; 3]| -> ArrayRef { Arc::new(Int64Array::from_iter_values(values)) };
    let batch = RecordBatch::try_from_iter([
        ("value", column([-3, 4, 900])),
        ("low", column([0; 3])),
        ("high", column([100; 3])),
    ])?;
    let clamped = function.call(&batch)?;
    println!("{clamped:?}");
    assert_eq!(&clamped, &column([0, 4, 100]));

    // A definition of one's own, from the module's declaration and a lower limit.
    let (_, module) = session.modules()?.remove(0);
    let definition = module.load()?.define(
        "CREATE FUNCTION clamped(BIGINT, BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM
         EXPORT 'clamp_to' WITH (fuel_per_row = 1000)",
    )?;
    session.create_function(definition, MODULE).await?;
    let int = statement::parse_type("BIGINT", "generic", "clamped")?;
    let clamped = session
        .functions()?
        .into_iter()
        .find(|d| d.name == "clamped");
    assert_eq!(clamped.expect("it was created").signature.returns, int);
    Ok(())
}
