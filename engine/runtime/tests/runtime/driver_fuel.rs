//! Fuel of calls of functions to which the host links a driver, the same on every machine.
//!
//! `golden/driver_fuel.txt` holds it, after the version of the weights; `UPDATE_GOLDEN=1`
//! regenerates it. The version stands for the drivers too: see `STABILITY.md`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use arrow_cast::cast;
use fusebox_runtime::{IdleLimits, Reuse, Runtime, Scope, WEIGHTS_VERSION, WasmFunction};

use crate::plain_text::{bind, call_in, column as texts};
use crate::runtime;

/// Functions over numbers: file in `udfs/wat`, and what follows `CREATE FUNCTION`.
const NUMBERS: &[(&str, &str)] = &[
    ("plain", "add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM"),
    ("plain", "half(DOUBLE) RETURNS DOUBLE LANGUAGE WASM"),
    ("plain", "negate(INT) RETURNS INT LANGUAGE WASM"),
    // The result is checked, so that no rows are called together.
    ("plain", "negate(TINYINT) RETURNS TINYINT LANGUAGE WASM"),
    ("plain", "is_even(INT) RETURNS BOOLEAN LANGUAGE WASM"),
    ("plain", "flip(BOOLEAN) RETURNS BOOLEAN LANGUAGE WASM"),
    (
        "plain",
        "divmod(BIGINT, BIGINT) RETURNS STRUCT(q BIGINT, r BIGINT) LANGUAGE WASM",
    ),
    // The fuel of a row is not bounded: rows are grouped, or metered one by one.
    ("plain", "gcd(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM"),
    (
        "plain",
        "gcd(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM WITH (fuel_per_row = 5000)",
    ),
    ("wasi", "random(BIGINT) RETURNS BIGINT STABLE LANGUAGE WASM"),
    ("component", "add LANGUAGE WASM"),
    ("component", "half LANGUAGE WASM"),
];

/// Functions over text, by each convention.
const TEXTS: &[&str] = &[
    "upper(VARCHAR) RETURNS VARCHAR",
    "join(VARCHAR, VARCHAR) RETURNS VARCHAR",
    "length(VARCHAR) RETURNS INT",
    "number(VARCHAR) RETURNS BIGINT",
];

const CONVENTIONS: [&str; 5] = [
    "ptr_len",
    "c_string",
    "assemblyscript",
    "length_prefixed",
    "canonical",
];

/// Shape of the arguments of a call.
#[derive(Clone, Copy)]
enum Shape {
    /// No argument is null.
    Dense(usize),
    /// A third of the rows is null.
    WithNulls(usize),
    /// The last argument is constant, if there are two.
    Constant(usize),
}

const SHAPES: &[(&str, Shape)] = &[
    ("1 row", Shape::Dense(1)),
    ("3 rows", Shape::Dense(3)),
    ("4 rows", Shape::Dense(4)),
    ("100 rows", Shape::Dense(100)),
    ("100 rows, nulls", Shape::WithNulls(100)),
    ("100 rows, a constant", Shape::Constant(100)),
];

impl Shape {
    /// Returns as many arguments as a function has, made by `column` of a number for each row.
    fn arguments(
        self,
        count: usize,
        column: impl Fn(&[Option<i64>]) -> ArrayRef,
    ) -> Option<Vec<ArrayRef>> {
        let (rows, has_nulls) = match self {
            Self::Dense(rows) | Self::Constant(rows) => (rows, false),
            Self::WithNulls(rows) => (rows, true),
        };
        let argument = |index: usize| {
            let is_last = index + 1 == count;
            let rows = match self {
                Self::Constant(_) if is_last => 1,
                _ => rows,
            };
            let number = |row: usize| {
                let number = (row * (index + 3) % 60 + 1) as i64;
                (!has_nulls || !row.is_multiple_of(3)).then_some(number)
            };
            column(&(0..rows).map(number).collect::<Vec<_>>())
        };
        let is_possible = count > 1 || !matches!(self, Self::Constant(_));
        is_possible.then(|| (0..count).map(argument).collect())
    }
}

fn numbers(values: &[Option<i64>], function: &WasmFunction) -> ArrayRef {
    use arrow_schema::DataType::{Boolean, Float64};
    match &function.definition().signature.types()[0] {
        Boolean => Arc::new(BooleanArray::from_iter(
            values.iter().map(|value| value.map(|value| value % 2 == 0)),
        )),
        Float64 => Arc::new(Float64Array::from_iter(
            values.iter().map(|value| value.map(|value| value as f64)),
        )),
        other => cast(&Int64Array::from(values.to_vec()), other).unwrap(),
    }
}

/// Returns texts with letters of one to four bytes, of which some need room in UTF-16 alone.
fn words(values: &[Option<i64>], function: &WasmFunction) -> ArrayRef {
    let is_number = function.definition().symbol == "number";
    let word = |value: i64| match is_number {
        true => (value * 7_919).to_string(),
        false => "aé日😀".repeat(value as usize % 12) + &"z".repeat(value as usize),
    };
    let words: Vec<_> = values.iter().map(|value| value.map(word)).collect();
    texts(&words)
}

/// Appends the fuel of calls of a function with each shape of arguments.
fn append(
    text: &mut String,
    function: &WasmFunction,
    values: impl Fn(&[Option<i64>], &WasmFunction) -> ArrayRef,
) {
    let count = function.definition().signature.types().len();
    for (name, shape) in SHAPES {
        let Some(columns) = shape.arguments(count, |numbers| values(numbers, function)) else {
            continue;
        };
        // Equal rows are asked too.
        let scope = Scope::default().with_reuse(Reuse::Off);
        call_in(function, &columns, &scope).unwrap();
        let statistics = scope.statistics();
        let statistics = statistics.values().next().unwrap();
        assert_eq!(statistics.retries, 0, "{name}");
        let _ = writeln!(text, "  {name}: {}", statistics.fuel);
    }
}

fn fuel_of_drivers(runtime: &Runtime) -> String {
    let mut text = format!("weights {WEIGHTS_VERSION}\n");
    for (file, statement) in NUMBERS {
        let _ = writeln!(text, "{file}: {statement}");
        let function = bind(runtime, &format!("wat/{file}"), statement).unwrap();
        append(&mut text, &function, numbers);
    }
    for convention in CONVENTIONS {
        for statement in TEXTS {
            let statement = format!("{statement} LANGUAGE WASM WITH (abi = '{convention}')");
            let file = format!("text_{convention}");
            let _ = writeln!(text, "{file}: {statement}");
            let function = bind(runtime, &format!("wat/{file}"), &statement).unwrap();
            append(&mut text, &function, words);
        }
    }
    let _ = writeln!(text, "component: shout");
    let function = bind(runtime, "wat/component", "shout LANGUAGE WASM").unwrap();
    append(&mut text, &function, words);
    text
}

#[test]
fn fuel_of_drivers_changes_with_the_version_of_the_weights_alone() {
    let actual = fuel_of_drivers(&runtime(IdleLimits::default()));
    // Instances that are reset, and those of other functions, change nothing.
    assert_eq!(actual, fuel_of_drivers(&runtime(IdleLimits::default())));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/driver_fuel.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = actual.lines().zip(expected.lines());
    let differing = lines.find(|(actual, expected)| actual != expected);
    assert!(
        actual == expected,
        "a line differs from golden/driver_fuel.txt (actual, expected): {differing:?}; other fuel \
         of the drivers needs a new WEIGHTS_VERSION in engine/instrument/src/weights.rs, as \
         STABILITY.md says"
    );
}
