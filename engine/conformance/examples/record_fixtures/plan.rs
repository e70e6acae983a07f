//! The modules that have answers: each kind of function, each language and convention. Small ones,
//! since the fixtures stay in the repository.

use std::fs;
use std::io;

use fusebox_conformance::RecordedFunction;

use crate::module::{Module, declared, plain};

/// Module whose function returns its argument of any type.
pub(crate) const ALL_TYPES: &str = "same";

/// Types with their SQL names.
const TYPES: &str = "engine/definition/tests/types.txt";

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
            "CREATE FUNCTION collatz_little(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT \
             'collatz_steps' WITH (fuel_per_row = 600)",
            &[],
        )],
    ),
    declared("text", "Rust, SDK: text", "target/guests/text.wasm"),
    plain(
        "types",
        "Rust, SDK: each type of the SDK, panics, much fuel, memory and results",
        "target/guests/types.wasm",
        &[
            (
                "CREATE FUNCTION spacious_little(BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT \
                 'spacious' WITH (memory = '192kB')",
                &[],
            ),
            (
                "CREATE FUNCTION repeated_little(VARCHAR, BIGINT) RETURNS VARCHAR LANGUAGE WASM \
                 EXPORT 'repeated' WITH (result_bytes = '1kB')",
                &[],
            ),
        ],
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
