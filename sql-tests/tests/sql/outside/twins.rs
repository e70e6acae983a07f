//! The functions that are replaced, and what they are replaced with.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use fusebox::{Error, Paths, Session};
use fusebox_sql_tests::workspace;
use sqllogictest::harness::Failed;

/// The names of a function, and the exports of the module `twins` that stand in
/// for it: one for each type that it tells apart. DataFusion knows an alias as a
/// name of its own, so replacing a function leaves its aliases alone.
const TWINS: [(&[&str], &[&str]); 11] = [
    (&["upper"], &["upper"]),
    (&["lower"], &["lower"]),
    (&["reverse"], &["reverse"]),
    (
        &["character_length", "char_length", "length"],
        &["character_length"],
    ),
    (&["lpad"], &["lpad", "lpad_with_spaces"]),
    (&["gcd"], &["gcd_bigint", "gcd_decimal"]),
    (&["lcm"], &["lcm_bigint", "lcm_decimal"]),
    (&["sqrt"], &["sqrt_float", "sqrt_double"]),
    (
        &["to_hex"],
        &[
            "to_hex_tinyint",
            "to_hex_smallint",
            "to_hex_int",
            "to_hex_bigint",
            "to_hex_tinyint_unsigned",
            "to_hex_smallint_unsigned",
            "to_hex_int_unsigned",
            "to_hex_bigint_unsigned",
        ],
    ),
    (
        &["abs"],
        &[
            "abs_tinyint",
            "abs_smallint",
            "abs_int",
            "abs_bigint",
            "abs_tinyint_unsigned",
            "abs_smallint_unsigned",
            "abs_int_unsigned",
            "abs_bigint_unsigned",
            "abs_float16",
            "abs_float",
            "abs_double",
            "abs_decimal",
        ],
    ),
    (&["power", "pow"], &["power"]),
];

/// Every name of a function that has a twin.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TWINS.iter().flat_map(|(names, _)| names.iter().copied())
}

/// A session over a context of DataFusion's, in which every function that has a
/// twin was replaced. What another dialect has under its name stays.
pub(super) async fn install(context: SessionContext) -> Result<Session, Error> {
    let session = Session::builder()
        .context(context)
        .paths(Paths::under(workspace()).expect("the workspace exists"))
        .build()?;
    session
        .sql("CREATE MODULE twins LANGUAGE WASM FROM 'target/guests/twins.wasm'")
        .await?;
    let plain = SessionContext::new();
    for (names, exports) in TWINS {
        for name in names {
            if function(session.context(), name) != function(&plain, name) {
                continue;
            }
            for export in exports {
                let create = format!(
                    "CREATE OR REPLACE FUNCTION {name} LANGUAGE WASM \
                     FROM MODULE twins EXPORT '{export}'"
                );
                session.sql(&create).await?;
            }
        }
    }
    Ok(session)
}

fn function(context: &SessionContext, name: &str) -> Option<Arc<ScalarUDF>> {
    context.state().scalar_functions().get(name).cloned()
}

pub(super) async fn every_function_of_the_twins_is_replaced() -> Result<(), Failed> {
    let plain = SessionContext::new();
    let session = install(SessionContext::new()).await?;
    for name in names() {
        let [theirs, ours] = [&plain, session.context()].map(|context| function(context, name));
        assert!(
            theirs.is_some() && ours.is_some() && theirs != ours,
            "{name}"
        );
    }
    Ok(())
}
