//! The modules that are recorded: each kind of function, each language and convention, and guests
//! that fail. Small ones, since the fixtures stay in the repository.

use std::fs;
use std::io;

use fusebox_conformance::RecordedFunction;

/// A module, with functions beside those that it declares.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) made_of: &'static str,
    pub(crate) path: &'static str,
    pub(crate) functions: &'static [Function],
}

/// A statement, and types of arguments that the signature leaves open.
type Function = (&'static str, &'static [&'static str]);

/// Module whose function returns its argument of any type.
pub(crate) const ALL_TYPES: &str = "same";

/// Types with their SQL names.
const TYPES: &str = "engine/definition/tests/types.txt";

const fn declared(name: &'static str, made_of: &'static str, path: &'static str) -> Module {
    Module {
        name,
        made_of,
        path,
        functions: &[],
    }
}

const fn plain(
    name: &'static str,
    made_of: &'static str,
    path: &'static str,
    functions: &'static [Function],
) -> Module {
    Module {
        name,
        made_of,
        path,
        functions,
    }
}

pub(crate) const MODULES: &[Module] = &[
    plain(
        "geo",
        "Rust, SDK: numbers and text",
        "target/guests/geo.wasm",
        &[
            (
                "CREATE FUNCTION haversine_little(DOUBLE, DOUBLE, DOUBLE, DOUBLE) RETURNS DOUBLE \
                 LANGUAGE WASM EXPORT 'haversine_km' WITH (fuel_per_row = 160)",
                &[],
            ),
            (
                "CREATE FUNCTION geohash_or_null(DOUBLE, DOUBLE, BIGINT) RETURNS VARCHAR LANGUAGE \
                 WASM EXPORT 'geohash' WITH (on_error = 'null', reset = 'row')",
                &[],
            ),
        ],
    ),
    plain(
        "math",
        "Rust, SDK: integers, failures, loops",
        "target/guests/math.wasm",
        &[(
            "CREATE FUNCTION collatz_little(BIGINT) RETURNS INT LANGUAGE WASM EXPORT \
             'collatz_steps' WITH (fuel_per_row = 600)",
            &[],
        )],
    ),
    declared("text", "Rust, SDK: text", "target/guests/text.wasm"),
    declared(
        "types",
        "Rust, SDK: each type of the SDK, panics, much fuel, memory and results",
        "target/guests/types.wasm",
    ),
    declared(
        "kinds",
        "Rust, SDK: aggregate, window and table functions",
        "target/guests/kinds.wasm",
    ),
    plain(
        "c",
        "C, fusebox.h and plain functions",
        "target/guests/c.wasm",
        &[(
            "CREATE FUNCTION initials(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'initials' WITH \
         (abi = 'ptr_len')",
            &[],
        )],
    ),
    plain(
        "zig",
        "Zig, fusebox.zig and plain functions",
        "target/guests/zig.wasm",
        &[
            (
                "CREATE FUNCTION gcd(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'gcd'",
                &[],
            ),
            (
                "CREATE FUNCTION collatz_steps(BIGINT) RETURNS INT LANGUAGE WASM EXPORT \
             'collatz_steps'",
                &[],
            ),
            (
                "CREATE FUNCTION initials(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'initials' \
             WITH (abi = 'ptr_len')",
                &[],
            ),
        ],
    ),
    plain(
        "go",
        "Go, plain functions over WASI preview 1",
        "target/guests/go.wasm",
        &[
            (
                "CREATE FUNCTION gcd(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM STABLE EXPORT 'gcd'",
                &[],
            ),
            (
                "CREATE FUNCTION initials(VARCHAR) RETURNS VARCHAR LANGUAGE WASM STABLE EXPORT \
             'initials' WITH (abi = 'ptr_len')",
                &[],
            ),
        ],
    ),
    plain(
        "assemblyscript",
        "AssemblyScript, plain functions",
        "target/guests/assemblyscript.wasm",
        &[
            (
                "CREATE FUNCTION gcd(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'gcd'",
                &[],
            ),
            (
                "CREATE FUNCTION collatz_steps(BIGINT) RETURNS INT LANGUAGE WASM EXPORT \
                 'collatz_steps'",
                &[],
            ),
            (
                "CREATE FUNCTION initials(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT \
                 'initials' WITH (abi = 'assemblyscript')",
                &[],
            ),
            (
                "CREATE FUNCTION mean_distance(DOUBLE, DOUBLE, DOUBLE) RETURNS DOUBLE LANGUAGE \
                 WASM CALLED ON NULL INPUT EXPORT 'mean_distance'",
                &[],
            ),
        ],
    ),
    declared(
        "component",
        "Rust, wit-bindgen: a component",
        "target/guests/component.wasm",
    ),
    declared(
        "component_by_hand",
        "WAT: a component",
        "udfs/wat/component.wat",
    ),
    declared("clamp", "WAT: the ABI by hand", "udfs/wat/clamp.wat"),
    plain(
        "halve",
        "WAT: rows that are begun",
        "udfs/wat/halve.wat",
        &[
            (
                "CREATE FUNCTION halve(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'halve' WITH \
             (fuel_per_row = 10000)",
                &[],
            ),
            (
                "CREATE FUNCTION same(BIGINT) RETURNS BIGINT LANGUAGE WASM CALLED ON NULL INPUT EXPORT 'same'",
                &[],
            ),
        ],
    ),
    plain(
        ALL_TYPES,
        "WAT: a column of each type",
        "udfs/wat/same.wat",
        &[(
            "CREATE FUNCTION any_decimal(DECIMAL(*)) RETURNS DECIMAL(*) LANGUAGE WASM EXPORT 'same'",
            &["DECIMAL(20, 3)"],
        )],
    ),
    plain(
        "plain",
        "WAT: plain functions over numbers",
        "udfs/wat/plain.wat",
        &[
            (
                "CREATE FUNCTION add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'add'",
                &[],
            ),
            (
                "CREATE FUNCTION gcd(BIGINT UNSIGNED, BIGINT UNSIGNED) RETURNS BIGINT UNSIGNED LANGUAGE WASM EXPORT 'gcd'",
                &[],
            ),
            (
                "CREATE FUNCTION half(DOUBLE) RETURNS DOUBLE LANGUAGE WASM EXPORT 'half'",
                &[],
            ),
            (
                "CREATE FUNCTION third(FLOAT) RETURNS FLOAT LANGUAGE WASM EXPORT 'third'",
                &[],
            ),
            (
                "CREATE FUNCTION negate(SMALLINT) RETURNS INT LANGUAGE WASM EXPORT 'negate'",
                &[],
            ),
            (
                "CREATE FUNCTION is_even(INT) RETURNS BOOLEAN LANGUAGE WASM EXPORT 'is_even'",
                &[],
            ),
            (
                "CREATE FUNCTION divmod(BIGINT, BIGINT) RETURNS STRUCT(q BIGINT, r BIGINT) LANGUAGE WASM EXPORT 'divmod'",
                &[],
            ),
            (
                "CREATE FUNCTION endless(INT) RETURNS INT LANGUAGE WASM EXPORT 'endless'",
                &[],
            ),
        ],
    ),
    plain(
        "text_ptr_len",
        "WAT: text by ptr_len",
        "udfs/wat/text_ptr_len.wat",
        &[
            (
                "CREATE FUNCTION shout(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'upper' WITH (abi = 'ptr_len')",
                &[],
            ),
            (
                "CREATE FUNCTION glue(VARCHAR, VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'join' WITH (abi = 'ptr_len')",
                &[],
            ),
            (
                "CREATE FUNCTION reversed(BYTEA) RETURNS BYTEA LANGUAGE WASM EXPORT 'reversed' WITH (abi = 'ptr_len')",
                &[],
            ),
            (
                "CREATE FUNCTION number(VARCHAR) RETURNS BIGINT LANGUAGE WASM EXPORT 'number' WITH (abi = 'ptr_len')",
                &[],
            ),
        ],
    ),
    plain(
        "text_c_string",
        "WAT: text by c_string",
        "udfs/wat/text_c_string.wat",
        &[(
            "CREATE FUNCTION shout(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'upper' WITH (abi = 'c_string')",
            &[],
        )],
    ),
    plain(
        "text_assemblyscript",
        "WAT: text by assemblyscript",
        "udfs/wat/text_assemblyscript.wat",
        &[(
            "CREATE FUNCTION shout(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'upper' WITH (abi = 'assemblyscript')",
            &[],
        )],
    ),
    plain(
        "text_length_prefixed",
        "WAT: text by length_prefixed",
        "udfs/wat/text_length_prefixed.wat",
        &[(
            "CREATE FUNCTION shout(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'upper' WITH (abi = 'length_prefixed')",
            &[],
        )],
    ),
    plain(
        "text_canonical",
        "WAT: text by canonical",
        "udfs/wat/text_canonical.wat",
        &[(
            "CREATE FUNCTION shout(VARCHAR) RETURNS VARCHAR LANGUAGE WASM EXPORT 'upper' WITH (abi = 'canonical')",
            &[],
        )],
    ),
    plain(
        "wasi",
        "WAT: clock and random numbers of WASI",
        "udfs/wat/wasi.wat",
        &[
            (
                "CREATE FUNCTION now_ns(BIGINT) RETURNS BIGINT LANGUAGE WASM STABLE EXPORT 'now'",
                &[],
            ),
            (
                "CREATE FUNCTION random_bits(BIGINT) RETURNS BIGINT LANGUAGE WASM STABLE EXPORT 'random'",
                &[],
            ),
            (
                "CREATE FUNCTION hello(INT) RETURNS INT LANGUAGE WASM EXPORT 'hello'",
                &[],
            ),
            (
                "CREATE FUNCTION leave(INT) RETURNS INT LANGUAGE WASM EXPORT 'leave'",
                &[],
            ),
        ],
    ),
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

/// Returns a function of each type that SQL and Arrow have, which returns its argument.
pub(crate) fn functions_of_all_types() -> io::Result<Vec<RecordedFunction>> {
    let text = fs::read_to_string(TYPES)?;
    let names = text.lines().filter_map(|line| line.split_once('\t'));
    let functions = names
        .zip(1..)
        .filter(|((stored, _), _)| *stored != "Decimal128(*)");
    let function = |((_, sql), number): ((&str, &str), u32)| RecordedFunction {
        statement: format!(
            "CREATE FUNCTION same_{number}({sql}) RETURNS {sql} LANGUAGE WASM CALLED ON NULL INPUT \
             EXPORT 'same'"
        ),
        types: None,
    };
    Ok(functions.map(function).collect())
}
