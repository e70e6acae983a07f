//! Plain functions over text and bytes, by each convention.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, Int32Array, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use fusebox_runtime::{
    ArgumentColumn, Error, IdleLimits, LoadedModule, Runtime, Scope, WasmFunction, result_type,
};

use crate::runtime;

const CONVENTIONS: [&str; 5] = [
    "ptr_len",
    "c_string",
    "assemblyscript",
    "length_prefixed",
    "canonical",
];

/// Texts of each length of UTF-8, of more than a scratch block, and a null.
fn texts() -> Vec<Option<String>> {
    let long = "a".repeat(4_090) + &"😀ü".repeat(20);
    let texts = [
        "abc",
        "",
        "héllo",
        "日本",
        "😀 smile",
        "exactly8",
        &long,
        "z",
    ];
    let mut texts: Vec<_> = texts
        .into_iter()
        .map(|text| Some(text.to_owned()))
        .collect();
    texts.insert(3, None);
    texts
}

pub(crate) fn column(texts: &[Option<String>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

pub(crate) fn numbers(numbers: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(numbers.to_vec()))
}

/// Binds a function of a file in `udfs`, by what follows `CREATE FUNCTION`.
pub(crate) fn bind(
    runtime: &Runtime,
    file: &str,
    function: &str,
) -> Result<Arc<WasmFunction>, Error> {
    let path = format!("{}/../../udfs/{file}.wat", env!("CARGO_MANIFEST_DIR"));
    bind_module(runtime, &std::fs::read(path).unwrap(), function)
}

pub(crate) fn bind_module(
    runtime: &Runtime,
    module: &[u8],
    function: &str,
) -> Result<Arc<WasmFunction>, Error> {
    let module = LoadedModule::new(module, 1 << 20).unwrap();
    let statement = format!("CREATE FUNCTION {function}");
    runtime.bind(module.define(&statement)?, &module)
}

/// Binds a function of the module of a convention.
fn bind_text(runtime: &Runtime, abi: &str, signature: &str) -> Arc<WasmFunction> {
    let function = format!("{signature} LANGUAGE WASM WITH (abi = '{abi}')");
    bind(runtime, &format!("wat/text_{abi}"), &function).unwrap()
}

/// Calls a function with columns of one length; one of one row is a constant.
pub(crate) fn call(function: &WasmFunction, columns: &[ArrayRef]) -> Result<ArrayRef, Error> {
    call_in(function, columns, &Scope::default())
}

/// Calls a function in a scope.
pub(crate) fn call_in(
    function: &WasmFunction,
    columns: &[ArrayRef],
    scope: &Scope,
) -> Result<ArrayRef, Error> {
    let rows = columns.iter().map(|column| column.len()).max().unwrap();
    let types = function.definition().signature.types();
    let arguments = columns.iter().zip(&types).map(|(column, ty)| {
        let column = cast(column, ty).unwrap();
        match column.len() == rows {
            true => ArgumentColumn::Array(column),
            false => ArgumentColumn::Constant(column),
        }
    });
    let returns = result_type(&function.definition().signature.returns, &types, &types);
    function.call(arguments.collect(), rows, &returns, scope)
}

pub(crate) fn call_text(function: &WasmFunction, columns: &[ArrayRef]) -> Vec<Option<String>> {
    let abi = function.definition().abi;
    let result = call(function, columns).unwrap_or_else(|error| panic!("{abi:?}: {error}"));
    let result = cast(&result, &DataType::Utf8).unwrap();
    let result = result.as_string::<i32>().iter();
    result.map(|text| text.map(str::to_owned)).collect()
}

pub(crate) fn message(function: &WasmFunction, columns: &[ArrayRef]) -> String {
    call(function, columns).unwrap_err().to_string()
}

#[test]
fn text_goes_in_and_comes_out_by_each_convention() {
    let runtime = runtime(IdleLimits::default());
    let texts = texts();
    for abi in CONVENTIONS {
        let upper = bind_text(&runtime, abi, "upper(VARCHAR) RETURNS VARCHAR");
        let expected: Vec<_> = texts
            .iter()
            .map(|text| text.as_ref().map(|text| text.to_ascii_uppercase()))
            .collect();
        for _ in 0..2 {
            assert_eq!(call_text(&upper, &[column(&texts)]), expected, "{abi}");
        }
        let join = bind_text(&runtime, abi, "join(VARCHAR, VARCHAR) RETURNS VARCHAR");
        let constant = column(&[Some("é".to_owned())]);
        let expected: Vec<_> = texts
            .iter()
            .map(|text| text.as_ref().map(|text| format!("é{text}")))
            .collect();
        let joined = call_text(&join, &[constant, column(&texts)]);
        assert_eq!(joined, expected, "{abi}");
    }
}

#[test]
fn bytes_and_numbers_by_each_convention() {
    let runtime = runtime(IdleLimits::default());
    let bytes = BinaryArray::from_opt_vec(vec![Some(b"\xff\xfe\x01"), None, Some(b"")]);
    let bytes: ArrayRef = Arc::new(bytes);
    let digits = column(&["12", "0", "98765432101234"].map(|text| Some(text.to_owned())));
    for abi in CONVENTIONS {
        let reversed = bind_text(&runtime, abi, "reversed(BYTEA) RETURNS BYTEA");
        let result = call(&reversed, &[Arc::clone(&bytes)]).unwrap();
        let result = cast(&result, &DataType::Binary).unwrap();
        let result: Vec<_> = result.as_binary::<i32>().iter().collect();
        assert_eq!(
            result,
            [Some(&b"\x01\xfe\xff"[..]), None, Some(b"")],
            "{abi}"
        );
        let length = bind_text(&runtime, abi, "length(VARCHAR) RETURNS INT");
        let result = call(&length, &[column(&texts())]).unwrap();
        let expected = texts().into_iter().map(|text| {
            let text = text?;
            Some(match abi {
                "assemblyscript" => text.encode_utf16().count() as i32,
                _ => text.len() as i32,
            })
        });
        let expected = Int32Array::from_iter(expected);
        assert_eq!(result.as_primitive::<Int32Type>(), &expected, "{abi}");
        let number = bind_text(&runtime, abi, "number(VARCHAR) RETURNS BIGINT");
        let result = call(&number, &[Arc::clone(&digits)]).unwrap();
        let result = result.as_primitive::<Int64Type>().values();
        assert_eq!(result[..], [12, 0, 98_765_432_101_234], "{abi}");
    }
}

/// The buffer of results grows, beside an allocator that takes all of the memory.
#[test]
fn results_of_many_rows_are_as_those_of_one() {
    let runtime = runtime(IdleLimits::default());
    let letters = |row: usize| "abcdefgh"[row % 8..=row % 8].repeat(row % 300);
    let many: Vec<_> = (0..8_192).map(|row| Some(letters(row))).collect();
    for abi in CONVENTIONS {
        let join = bind_text(&runtime, abi, "join(VARCHAR, VARCHAR) RETURNS VARCHAR");
        let joined = call_text(&join, &[column(&many), column(&many)]);
        for (row, joined) in joined.into_iter().enumerate() {
            assert_eq!(joined, Some(letters(row).repeat(2)), "{abi} {row}");
        }
    }
}

/// Fuel of a row, in a batch and alone.
#[test]
fn fuel_of_a_row_does_not_depend_on_other_rows() {
    let runtime = runtime(IdleLimits::default());
    let texts: Vec<_> = [
        "x".repeat(3_000),
        "héllo wörld".to_owned(),
        "y".repeat(9_000),
    ]
    .map(Some)
    .into();
    for abi in CONVENTIONS {
        let bind = |fuel: u64| {
            let function = format!(
                "upper(VARCHAR) RETURNS VARCHAR LANGUAGE WASM \
                 WITH (abi = '{abi}', fuel_per_row = {fuel})"
            );
            bind(&runtime, &format!("wat/text_{abi}"), &function).unwrap()
        };
        let suffices =
            |fuel: u64, texts: &[Option<String>]| call(&bind(fuel), &[column(texts)]).is_ok();
        // The least fuel that suffices for the short text alone, found by bisection.
        let (mut less, mut enough) = (1, 100_000);
        while less + 1 < enough {
            let middle = (less + enough) / 2;
            match suffices(middle, &texts[1..2]) {
                true => enough = middle,
                false => less = middle,
            }
        }
        // With a longer one before it, the shorter one is not the row that fails.
        let error = message(&bind(enough), &[column(&texts)]);
        assert!(error.contains("out of fuel at row 0"), "{abi}: {error}");
        let error = message(&bind(enough), &[column(&texts[1..])]);
        assert!(error.contains("out of fuel at row 1"), "{abi}: {error}");
        let error = message(&bind(less), &[column(&texts[1..])]);
        assert!(error.contains("out of fuel at row 0"), "{abi}: {error}");
    }
}

#[test]
fn address_0_is_null_where_a_result_is_an_address() {
    let runtime = runtime(IdleLimits::default());
    let from_colon = bind_text(&runtime, "c_string", "from_colon(VARCHAR) RETURNS VARCHAR");
    let texts = ["a:b", "none", ":"].map(|text| Some(text.to_owned()));
    let expected = [Some(":b".to_owned()), None, Some(":".to_owned())];
    assert_eq!(call_text(&from_colon, &[column(&texts)]), expected);
    let suffix = bind_text(
        &runtime,
        "assemblyscript",
        "suffix(VARCHAR, INT) RETURNS VARCHAR",
    );
    let texts = ["hello", "a😀", "hi"].map(|text| Some(text.to_owned()));
    let result = call_text(&suffix, &[column(&texts), numbers(&[3, 1, 2])]);
    assert_eq!(result, [Some("lo".to_owned()), Some("😀".to_owned()), None]);
}

#[test]
fn what_a_convention_cannot_pass_fails_with_its_row() {
    let runtime = runtime(IdleLimits::default());
    let upper = bind_text(&runtime, "c_string", "upper(VARCHAR) RETURNS VARCHAR");
    let texts = ["ok", "a\0b"].map(|text| Some(text.to_owned()));
    assert_eq!(
        message(&upper, &[column(&texts)]),
        "function `upper` failed at row 1: expected no NUL byte in argument 1 of abi 'c_string', \
         found one at position 1; take it by 'ptr_len'"
    );
    let suffix = bind_text(
        &runtime,
        "assemblyscript",
        "suffix(VARCHAR, INT) RETURNS VARCHAR",
    );
    let texts = ["ok", "a😀"].map(|text| Some(text.to_owned()));
    assert_eq!(
        message(&suffix, &[column(&texts), numbers(&[1, 2])]),
        "function `suffix` failed at row 1: expected a result in UTF-16, found an unpaired \
         surrogate at position 0"
    );
    let prefix = bind_text(&runtime, "ptr_len", "prefix(VARCHAR, INT) RETURNS VARCHAR");
    let texts = ["ok", "é"].map(|text| Some(text.to_owned()));
    assert_eq!(
        message(&prefix, &[column(&texts), numbers(&[1, 1])]),
        "function `prefix` failed at row 1: expected a result in UTF-8, found another byte at \
         position 0; return BYTEA for bytes"
    );
}

#[test]
fn random_bytes_begin_again_at_each_row() {
    let runtime = runtime(IdleLimits::default());
    let module = br#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "salted") (param $text i32) (param $bytes i32) (result i32 i32)
          (drop (call $random (i32.const 64) (i32.const 8)))
          (memory.copy (i32.const 72) (local.get $text) (local.get $bytes))
          (i32.const 64) (i32.add (local.get $bytes) (i32.const 8))))"#;
    let function = "salted(VARCHAR) RETURNS BYTEA LANGUAGE WASM STABLE WITH (abi = 'ptr_len')";
    let salted = bind_module(&runtime, module, function).unwrap();
    let texts = ["a", "bc"].map(|text| Some(text.to_owned()));
    let result = cast(
        &call(&salted, &[column(&texts)]).unwrap(),
        &DataType::Binary,
    )
    .unwrap();
    let result = result.as_binary::<i32>();
    assert_eq!(result.value(0)[..8], result.value(1)[..8]);
    assert_eq!(
        [&result.value(0)[8..], &result.value(1)[8..]],
        [&b"a"[..], b"bc"]
    );
}

#[test]
fn module_without_memory_may_count_bytes() {
    let runtime = runtime(IdleLimits::default());
    let module = br#"(module (func (export "size") (param i32 i32) (result i32) (local.get 1)))"#;
    let function = "size(VARCHAR) RETURNS INT LANGUAGE WASM WITH (abi = 'ptr_len')";
    let size = bind_module(&runtime, module, function).unwrap();
    let result = call(&size, &[column(&["abc".to_owned()].map(Some))]).unwrap();
    assert_eq!(result.as_primitive::<Int32Type>().value(0), 3);
}

/// An allocator that takes all of the memory, beside the columns of a function over numbers.
#[test]
fn columns_do_not_collide_with_the_heap_of_a_function_over_numbers() {
    let runtime = runtime(IdleLimits::default());
    let path = format!(
        "{}/../../udfs/wat/text_ptr_len.wat",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    // Fills a block of its heap, which it keeps.
    let module = text.replace(
        "(func (export \"number\")",
        "(func (export \"filled\") (param $x i32) (result i32) (local $at i32)
           (local.set $at (call $allocate (i32.const 100)))
           (memory.fill (local.get $at) (i32.const 0x55) (i32.const 100))
           (i32.add (local.get $x) (i32.load8_u (local.get $at))))
         (func (export \"number\")",
    );
    let function = "filled(INT) RETURNS INT LANGUAGE WASM";
    let filled = bind_module(&runtime, module.as_bytes(), function).unwrap();
    let rows: Vec<_> = (0..8_192).collect();
    let result = call(&filled, &[numbers(&rows)]).unwrap();
    let expected: Vec<_> = rows.iter().map(|row| row + 0x55).collect();
    assert_eq!(result.as_primitive::<Int32Type>().values()[..], expected);
}

/// A failed row is null, and its memory is given back.
#[test]
fn rows_that_fail_may_be_null() {
    let runtime = runtime(IdleLimits::default());
    let function = "upper(VARCHAR) RETURNS VARCHAR LANGUAGE WASM \
                    WITH (abi = 'c_string', on_error = 'null')";
    let upper = bind(&runtime, "wat/text_c_string", function).unwrap();
    let texts = ["a", "b\0", "c"].map(|text| Some(text.to_owned()));
    let expected = [Some("A".to_owned()), None, Some("C".to_owned())];
    assert_eq!(call_text(&upper, &[column(&texts)]), expected);
}

#[test]
fn option_abi_is_checked_when_a_function_is_bound() {
    let runtime = runtime(IdleLimits::default());
    let error = |file: &str, function: &str| {
        let bound = bind(&runtime, file, function);
        bound.map(|_| ()).unwrap_err().to_string()
    };
    let upper = "upper(VARCHAR) RETURNS VARCHAR LANGUAGE WASM";
    for (abi, likely) in [
        ("ptr_len", "; its exports suggest 'ptr_len'"),
        ("assemblyscript", "; its exports suggest 'assemblyscript'"),
        ("canonical", "; its exports suggest 'canonical'"),
        ("c_string", ""),
    ] {
        let error = error(&format!("wat/text_{abi}"), upper);
        let expected = format!(
            "expected WITH (abi = …) for text and bytes, one of 'ptr_len', 'c_string', \
             'assemblyscript', 'length_prefixed', 'canonical', found none{likely}"
        );
        assert!(error.ends_with(&expected), "{error}");
    }
    let fits = error(
        "wat/text_ptr_len",
        &format!("{upper} WITH (abi = 'canonical')"),
    );
    assert!(fits.ends_with("expected (i32, i32) -> i32"), "{fits}");
    let unknown = error(
        "wat/text_ptr_len",
        &format!("{upper} WITH (abi = 'pascal')"),
    );
    assert!(
        unknown.contains("one of 'ptr_len', 'c_string'"),
        "{unknown}"
    );
    let clamp = "clamp_to(BIGINT, BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT \
                 WITH (abi = 'ptr_len')";
    let column = error("wat/clamp", clamp);
    assert!(
        column.contains("is a column function, expected a plain one"),
        "{column}"
    );
}
