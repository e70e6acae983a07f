//! A session of random statements.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use fusebox::{Engine, Error, FileAccess, MemoryCatalog, ModuleSource, Session};
use tokio::runtime::Runtime;

use crate::root::workspace_root;
use crate::statements::{Choices, statement};

/// Memory of the queries of a session in bytes.
const POOL_BYTES: usize = 64 << 20;

/// Most statements of a session.
const STATEMENTS_MAX: usize = 40;

/// Time after which a statement counts as one that never ends, on a busy machine.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(120);

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime can be started"));

/// The engine of all sessions, so that a module is compiled once.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let files = FileAccess::under(workspace_root()).expect("the workspace exists");
    let engine = Engine::builder().files(files).build();
    engine.expect("an engine with default options can be built")
});

/// Counts of the statements of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOutcome {
    /// Statements that succeeded.
    pub succeeded: usize,
    /// Statements that were refused or failed.
    pub failed: usize,
}

/// Executes the statements that the bytes of an input choose, in a session with a catalog
/// of its own:
///
/// - none panics, ends with an internal error, or never ends;
/// - one that fails to define has changed no function;
/// - every function that is defined is shown as a statement that defines it again;
/// - the session still answers afterwards, and its pool has all of its memory back.
///
/// # Panics
///
/// If one of these does not hold; the message has the statement.
pub fn fuzz_session(data: &[u8]) -> SessionOutcome {
    RUNTIME.block_on(run(&mut Choices(data)))
}

async fn run(choices: &mut Choices<'_>) -> SessionOutcome {
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(POOL_BYTES));
    let session = new_session(&pool);
    let mut outcome = SessionOutcome::default();
    for _ in 0..STATEMENTS_MAX {
        if choices.is_empty() {
            break;
        }
        let text = statement(choices);
        let before = definitions(&session);
        let executed = tokio::time::timeout(STATEMENT_TIME_MAX, execute(&session, &text)).await;
        match executed.unwrap_or_else(|_| panic!("does not end: {text}")) {
            Ok(()) => outcome.succeeded += 1,
            Err(error) => {
                outcome.failed += 1;
                check_error(&error, &text);
                // A text may hold several statements, of which the first succeeded.
                if !text.contains(';') {
                    assert_eq!(before, definitions(&session), "{error}: {text}");
                }
            }
        }
    }
    check_shown(&session, &pool).await;
    execute(&session, "SELECT 1")
        .await
        .expect("the session answers");
    drop(session);
    assert_eq!(pool.reserved(), 0, "bytes are not returned to the pool");
    outcome
}

fn new_session(pool: &Arc<dyn MemoryPool>) -> Session {
    let builder = ENGINE
        .session()
        .catalog(Arc::new(MemoryCatalog::default()))
        .memory_pool(Arc::clone(pool));
    builder
        .build()
        .expect("a session with default options can be built")
}

async fn execute(session: &Session, text: &str) -> Result<(), Error> {
    for statement in session.statements(text) {
        let frame = session.execute(statement?).await?;
        let collected = frame.collect().await;
        collected.map_err(|error| Error::Query(Box::new(error)))?;
    }
    Ok(())
}

/// Returns the definitions of the session's functions as text.
fn definitions(session: &Session) -> Vec<String> {
    let functions = session.functions().expect("the catalog can be read");
    let mut texts: Vec<String> = functions.iter().map(|f| format!("{f:?}")).collect();
    texts.sort();
    texts
}

fn check_error(error: &Error, text: &str) {
    let message = error.to_string();
    assert!(!message.is_empty(), "{text}");
    let found = Error::find_in(error).unwrap_or(error);
    assert!(!matches!(found, Error::Internal(_)), "{message}: {text}");
    // A panic of a task becomes an error of DataFusion.
    assert!(!message.contains("panicked"), "{message}: {text}");
}

/// Creates each function of the session again, from the statement that is shown for it, in
/// another session.
async fn check_shown(session: &Session, pool: &Arc<dyn MemoryPool>) {
    let functions = session.functions().expect("the catalog can be read");
    for function in functions {
        if let ModuleSource::Module(_) | ModuleSource::Base64 = function.source {
            // The module is in the first session only.
            continue;
        }
        let shown = function.create_statement(|| unreachable!("the source is a text or a path"));
        let other = new_session(pool);
        let shown = shown.replacen("CREATE", "CREATE OR REPLACE", 1);
        let created = execute(&other, &shown).await;
        created.unwrap_or_else(|error| panic!("{error}: {shown}"));
        let again = other.functions().expect("the catalog can be read");
        assert_eq!(again, [function], "{shown}");
    }
}
