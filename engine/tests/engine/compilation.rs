//! Modules that are costly to compile: refused before the compiler sees them, or compiled
//! within the budget.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fusebox::{CompileBudget, Engine, Error, ModuleError, Session};
use fusebox_testing::CostlyKind;

use crate::{number, passes_in_own_process, run, session};

async fn create(session: &Session, module: &[u8]) -> Result<(), Error> {
    let base64 = BASE64_STANDARD.encode(module);
    let create = format!(
        "CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS BASE64 '{base64}'"
    );
    run(session, &create).await.map(drop)
}

/// Modules that the default budget refuses: count, width, message.
const REFUSED: &[(CostlyKind, u32, u32, &str)] = &[];

#[tokio::test]
async fn module_that_is_costly_to_compile_is_refused() {
    let session = session();
    for (kind, count, width, expected) in REFUSED {
        let module = kind.module(*count, *width);
        let error = create(&session, &module).await.unwrap_err();
        let Error::Module {
            fault: ModuleError::Instrument(fault),
            ..
        } = error
        else {
            panic!("{kind:?}: {error}");
        };
        println!("{kind:?} {} {fault}", module.len());
        assert_eq!(fault, *expected, "{kind:?} {count} {width}");
        assert_eq!(number(&run(&session, "SELECT 1").await.unwrap()), 1);
    }
    create(&session, &CostlyKind::Blocks.module(1, 1))
        .await
        .unwrap();
}
