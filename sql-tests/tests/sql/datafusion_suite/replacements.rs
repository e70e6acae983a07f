//! The built-in functions that are replaced, and their replacements in Wasm.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use fusebox::{Error, Privileges, Session};
use fusebox_sql_tests::workspace_root;
use sqllogictest::harness::Failed;

/// The names of each function, and the exports of the module `twins` that replace it:
/// one for each type that it distinguishes. Aliases are listed too, because replacing
/// a function does not replace its aliases.
const REPLACEMENTS: [(&[&str], &[&str]); 11] = [
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

/// Returns the names of all replaced functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    REPLACEMENTS
        .iter()
        .flat_map(|(names, _)| names.iter().copied())
}

/// Opens a session over a DataFusion context, and replaces the functions. A function
/// that the context itself has replaced, for another dialect, is left unchanged.
pub(super) async fn install(context: SessionContext) -> Result<Session, Error> {
    let session = Session::builder()
        .context(context)
        .privileges(Privileges::all())
        .build()?;
    // The suite reads files by paths that are relative to a directory of its own.
    let module = workspace_root().join("target/guests/twins.wasm");
    let create = format!(
        "CREATE MODULE twins LANGUAGE WASM FROM '{}'",
        module.display()
    );
    session.sql(&create).await?;
    let plain = SessionContext::new();
    for (names, exports) in REPLACEMENTS {
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

pub(super) async fn every_listed_function_is_replaced() -> Result<(), Failed> {
    let plain = SessionContext::new();
    let session = install(SessionContext::new()).await?;
    for name in names() {
        let [built_in, replacement] =
            [&plain, session.context()].map(|context| function(context, name));
        assert!(
            built_in.is_some() && replacement.is_some() && built_in != replacement,
            "{name}"
        );
    }
    Ok(())
}
