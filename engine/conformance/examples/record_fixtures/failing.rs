//! Guests that keep state, fail or break the ABI.

use crate::module::{Module, plain};

pub(crate) const MODULES: &[Module] = &[
    plain(
        "remembers",
        "WAT: state between calls",
        "udfs/hostile/remembers.wat",
        &[
            (
                "CREATE FUNCTION forgets(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'global'",
                &[],
            ),
            (
                "CREATE FUNCTION counts(BIGINT) RETURNS BIGINT LANGUAGE WASM VOLATILE EXPORT 'global'",
                &[],
            ),
        ],
    ),
    plain(
        "traps",
        "WAT: a trap",
        "udfs/hostile/trap.wat",
        &[(
            "CREATE FUNCTION trap(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'trap'",
            &[],
        )],
    ),
    plain(
        "endless",
        "WAT: a loop without end",
        "udfs/hostile/endless.wat",
        &[(
            "CREATE FUNCTION endless(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'endless'",
            &[],
        )],
    ),
    plain(
        "deep",
        "WAT: recursion without end",
        "udfs/hostile/deep.wat",
        &[(
            "CREATE FUNCTION deep(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'deep' WITH (stack = '64kB')",
            &[],
        )],
    ),
    plain(
        "hungry",
        "WAT: memory up to its limit",
        "udfs/hostile/hungry.wat",
        &[(
            "CREATE FUNCTION pages(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'hungry' WITH (memory = '1MB')",
            &[],
        )],
    ),
    plain(
        "outside",
        "WAT: text outside of the memory",
        "udfs/hostile/text_outside.wat",
        &[(
            "CREATE FUNCTION outside(INT) RETURNS VARCHAR LANGUAGE WASM EXPORT 'packed_outside' WITH (abi = 'ptr_len')",
            &[],
        )],
    ),
    plain(
        "other_kinds",
        "WAT: aggregate, window and table functions that break the ABI",
        "udfs/hostile/other_kinds.wat",
        &[
            (
                "CREATE AGGREGATE FUNCTION stuck(BIGINT) RETURNS BIGINT STATE (a BIGINT) LANGUAGE WASM STRICT EXPORT 'stuck'",
                &[],
            ),
            (
                "CREATE AGGREGATE FUNCTION finish_traps(BIGINT) RETURNS BIGINT STATE (a BIGINT) LANGUAGE WASM STRICT EXPORT 'finish_traps'",
                &[],
            ),
            (
                "CREATE WINDOW FUNCTION window_is_eager(BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT EXPORT 'window_is_eager'",
                &[],
            ),
            (
                "CREATE FUNCTION table_has_no_end() RETURNS TABLE (a BIGINT) LANGUAGE WASM EXPORT 'table_has_no_end'",
                &[],
            ),
        ],
    ),
];
