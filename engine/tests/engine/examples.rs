//! Programs of `engine/examples`.

#[path = "../../examples/existing_context.rs"]
mod existing_context;

#[path = "../../examples/multi_tenant.rs"]
mod multi_tenant;

#[path = "../../examples/record_batches.rs"]
mod record_batches;

#[test]
fn example_of_an_existing_context_runs() {
    existing_context::main().unwrap();
}

#[test]
fn example_of_tenants_that_share_an_engine_runs() {
    multi_tenant::main().unwrap();
}

#[test]
fn example_of_calls_without_sql_runs() {
    record_batches::main().unwrap();
}
