//! DataFusion's own `CREATE FUNCTION` in a context that is not a session.

use std::sync::Arc;

use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Engine, Error, FileAccess};

use crate::{number, privileges, run, udfs, with_function_factory};

#[tokio::test]
async fn function_factory_adds_create_function_to_a_plain_context() {
    let context = with_function_factory(SessionContext::new());
    let create = "CREATE FUNCTION Clamp_To(BIGINT, BIGINT, BIGINT) RETURNS BIGINT \
                  LANGUAGE WASM AS 'wat/clamp.wat#clamp_to'";
    context.sql(create).await.unwrap();
    let frame = context.sql("SELECT clamp_to(9, 1, 5), clamp_to(NULL, 1, 5)");
    let batches = frame.await.unwrap().collect().await.unwrap();
    assert_eq!(number(&batches), 5);
    // The module declares the function STRICT.
    assert_eq!(batches[0].column(1).null_count(), 1);
    context.sql("DROP FUNCTION clamp_to").await.unwrap();
    assert!(context.sql("SELECT clamp_to(9, 1, 5)").await.is_err());
}

#[tokio::test]
async fn plain_context_may_map_varchar_to_utf8() {
    let factory = Engine::builder()
        .files(FileAccess::any())
        .build()
        .unwrap()
        .function_factory();
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    let context = SessionContext::new_with_config(config).with_function_factory(Arc::new(factory));
    let guest = udfs().join("hostile/null_garbage.wat");
    let create = format!(
        "CREATE FUNCTION null_garbage(VARCHAR) RETURNS VARCHAR LANGUAGE WASM AS '{}'",
        guest.display()
    );
    context.sql(&create).await.unwrap();
    let frame = context
        .sql("SELECT null_garbage('x') || 'y'")
        .await
        .unwrap();
    assert_eq!(frame.collect().await.unwrap()[0].column(0).null_count(), 1);
}

#[tokio::test]
async fn create_function_error_is_found_in_the_error_of_a_plain_context() {
    let factory = Engine::builder().build().unwrap().function_factory();
    let context = SessionContext::new().with_function_factory(Arc::new(factory));
    let create = "CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS 'wat/clamp.wat#f'";
    let error = context.sql(create).await.unwrap_err();
    assert_eq!(
        Error::find_in(&error).unwrap().to_string(),
        "function `f` cannot be read: expected a session that may read files, found one \
         that may not; the embedder can grant a directory by `FileAccess::under`"
    );
}

/// Returns the names of the rules of a context.
fn rules(context: &SessionContext) -> Vec<String> {
    let state = context.state();
    let analyzer = state.analyzer().rules.iter().map(|rule| rule.name());
    let optimizer = state.optimizers().iter().map(|rule| rule.name());
    let physical = state.physical_optimizers().iter().map(|rule| rule.name());
    let rules = analyzer.chain(optimizer).chain(physical);
    rules.map(str::to_owned).collect()
}

#[tokio::test]
async fn sessions_of_a_context_add_their_rules_once() {
    let engine = Engine::builder().privileges(privileges()).build().unwrap();
    let (plain, installed) = (SessionContext::new(), SessionContext::new());
    engine.install(&installed);
    let mut added = Vec::new();
    for context in [plain, installed] {
        let session_id = context.state().session_id().to_owned();
        for _ in 0..2 {
            let session = engine.session().context(context.clone()).build().unwrap();
            assert_eq!(number(&run(&session, "SELECT abs(-3)").await.unwrap()), 3);
            added.push(rules(session.context()));
        }
        assert_eq!(context.state().session_id(), session_id);
    }
    assert!(added[0].iter().any(|rule| rule == "expand_arguments"));
    assert!(added.iter().all(|rules| *rules == added[0]), "{added:?}");
}
