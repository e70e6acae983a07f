//! Drivers of lifted functions: each type as an argument and as a result.

use fusebox_linker::lifted::ColumnType;

use crate::columns::{Stop, Value, i64, text, u8, u32};
use crate::lifted::Fixture;

/// Calls a function over one parameter.
pub(crate) fn call(
    types: &str,
    ty: &str,
    result: &str,
    core: &str,
    column: &[Value],
) -> Result<Vec<Value>, Stop> {
    let returns = match core.split_once("(result ") {
        Some((_, rest)) => rest.split_once(')').unwrap().0,
        None => "i32",
    };
    let fixture = Fixture {
        types,
        signature: &format!("(param \"a\" {ty}) (result {result})"),
        core,
        returns,
        ..Fixture::default()
    };
    fixture.guest().call(&[column.to_vec()], column.len())
}

/// Row and message of a call that fails.
pub(crate) fn failure(outcome: Result<Vec<Value>, Stop>) -> (i64, String) {
    match outcome {
        Err(Stop::Failure(row, message)) => (row, message),
        other => panic!("{other:?}"),
    }
}

fn number(bytes: &[u8]) -> Value {
    Value::Number(bytes.to_vec())
}

/// The identity over one core value.
pub(crate) fn same(wasm: &str) -> String {
    format!("(func $f (param {wasm}) (result {wasm}) (local.get 0))")
}

#[test]
fn numbers_keep_their_bits() {
    for (ty, wasm, values) in [
        ("s8", "i32", vec![number(&[0x80]), number(&[0x7f])]),
        ("u8", "i32", vec![number(&[0xff]), number(&[0])]),
        (
            "s16",
            "i32",
            vec![number(&[0, 0x80]), number(&[0xff, 0x7f])],
        ),
        ("u16", "i32", vec![number(&[0xff, 0xff]), number(&[1, 0])]),
        ("s32", "i32", vec![u32(0x8000_0000), u32(5)]),
        ("u32", "i32", vec![u32(u32::MAX), u32(5)]),
        ("s64", "i64", vec![i64(i64::MIN), i64(-1)]),
        ("u64", "i64", vec![i64(i64::MIN), i64(-1)]),
        (
            "f32",
            "f32",
            vec![u32(f32::NAN.to_bits()), u32(1.5_f32.to_bits())],
        ),
        (
            "f64",
            "f64",
            vec![i64(f64::INFINITY.to_bits() as i64), i64(-1)],
        ),
    ] {
        assert_eq!(call("", ty, ty, &same(wasm), &values), Ok(values), "{ty}");
    }
}

#[test]
fn narrow_integers_are_extended_by_their_sign() {
    for (ty, value, expected) in [
        ("s8", vec![0x80], -128_i32),
        ("u8", vec![0x80], 128),
        ("s16", vec![0, 0x80], -32_768),
        ("u16", vec![0, 0x80], 32_768),
    ] {
        let column = [Value::Number(value)];
        let expected = Value::Number(expected.to_le_bytes().to_vec());
        assert_eq!(
            call("", ty, "s32", &same("i32"), &column),
            Ok(vec![expected])
        );
    }
}

#[test]
fn narrow_results_are_the_low_bits() {
    let core = "(func $f (param i32) (result i32) (i32.or (local.get 0) (i32.const 0x7ff00)))";
    assert_eq!(call("", "u8", "u8", core, &[u8(7)]), Ok(vec![u8(7)]));
    assert_eq!(call("", "u8", "s8", core, &[u8(0xff)]), Ok(vec![u8(0xff)]));
}

#[test]
fn bools_are_bits() {
    let column: Vec<_> = (0..100)
        .map(|n| match n % 7 {
            6 => Value::Null,
            n => Value::Bool(n % 3 == 0),
        })
        .collect();
    assert_eq!(
        call("", "bool", "bool", &same("i32"), &column),
        Ok(column.clone())
    );
    // Any other number is true, whatever its low bits.
    let core = "(func $f (param i32) (result i32) (i32.shl (local.get 0) (i32.const 8)))";
    assert_eq!(call("", "bool", "bool", core, &column), Ok(column));
}

#[test]
fn char_is_a_text_of_one_character() {
    let column = [
        "a",
        "\u{7f}",
        "ä",
        "߿",
        "ࠀ",
        "€",
        "\u{ffff}",
        "𝄞",
        "\u{10ffff}",
        "\0",
    ];
    let column = column.map(text).to_vec();
    assert_eq!(call("", "char", "char", &same("i32"), &column), Ok(column));
    for (wrong, bytes) in [("", 0), ("ab", 2), ("e\u{301}", 3), ("€€", 6)] {
        let column = [text("x"), text(wrong)];
        let (row, message) = failure(call("", "char", "char", &same("i32"), &column));
        assert_eq!(row, 1);
        assert_eq!(
            message,
            format!(
                "expected one character in argument `a`, found {bytes} bytes of text; pass a \
                 text of one character"
            )
        );
    }
}

#[test]
fn char_of_a_result_is_a_scalar_value() {
    for (code, is_valid) in [
        (0xd7ff, true),
        (0xd800, false),
        (0xdfff, false),
        (0xe000, true),
        (0x0010_ffff, true),
        (0x0011_0000, false),
        (0xffff_ffff, false),
    ] {
        let outcome = call("", "u32", "char", &same("i32"), &[u32(code)]);
        match is_valid {
            true => {
                let expected = char::from_u32(code).unwrap().to_string();
                assert_eq!(outcome, Ok(vec![Value::Text(expected)]));
            }
            false => assert_eq!(
                failure(outcome).1,
                format!("expected a Unicode scalar value in the result, found {code:#x}")
            ),
        }
    }
}

/// Definition of the enum `$e`.
pub(crate) const COLORS: &str =
    r#"(type $e' (enum "red" "dark-green" "blue")) (export $e "color" (type $e'))"#;

#[test]
fn enum_is_the_name_of_its_case() {
    let column = ["blue", "red", "dark-green"].map(text).to_vec();
    assert_eq!(call(COLORS, "$e", "$e", &same("i32"), &column), Ok(column));
    let (row, message) = failure(call(COLORS, "$e", "$e", &same("i32"), &[text("green")]));
    assert_eq!(row, 0);
    assert_eq!(
        message,
        "expected a case of `red`, `dark-green`, `blue` in argument `a`, found `green`; pass one \
         of these"
    );
    let case = |case| call(COLORS, "u32", "$e", &same("i32"), &[u32(case)]);
    assert_eq!(case(2), Ok(vec![text("blue")]));
    for wrong in [3, 256, u32::MAX] {
        let expected = format!("expected a case from 0 to 2 in the result, found {wrong}");
        assert_eq!(failure(case(wrong)).1, expected);
    }
}

#[test]
fn enum_of_many_cases_has_a_wider_number() {
    let names: String = (0..300).map(|n| format!(" \"case-n{n}\"")).collect();
    let types = format!(r#"(type $e' (enum{names})) (export $e "e" (type $e'))"#);
    let column = vec![text("case-n0"), text("case-n255"), text("case-n299")];
    assert_eq!(call(&types, "$e", "$e", &same("i32"), &column), Ok(column));
    let lists = vec![Value::List(vec![text("case-n256"), text("case-n299")])];
    let core = "(func $f (param i32 i32) (result i32)
        (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
        (i32.const 32))";
    assert_eq!(
        call(&types, "(list $e)", "(list $e)", core, &lists),
        Ok(lists)
    );
    let (_, message) = failure(call(&types, "$e", "$e", &same("i32"), &[text("x")]));
    assert!(
        message.contains("`case-n19` and 280 others in"),
        "{message}"
    );
}

#[test]
fn option_is_a_nullable_column() {
    let core = "(func $f (param i32 i32) (result i32)
        (i32.store8 (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
        (i32.const 32))";
    let column = vec![u32(5), Value::Null, u32(0)];
    let result = call("", "(option u32)", "(option u32)", core, &column);
    assert_eq!(result, Ok(column.clone()));
    // The function is called for a null.
    let core = "(func $f (param i32 i32) (result i32)
        (i32.add (i32.mul (local.get 0) (i32.const 100)) (local.get 1)))";
    let result = call("", "(option u32)", "u32", core, &column);
    assert_eq!(result, Ok(vec![u32(105), u32(0), u32(100)]));
    let core = "(func $f (param i32) (result i32)
        (i32.store8 (i32.const 32) (local.get 0)) (i32.const 32))";
    let (_, message) = failure(call("", "u32", "(option u32)", core, &[u32(2)]));
    assert_eq!(
        message,
        "expected 0 or 1 as the case of the option in the result, found 2"
    );
}

#[test]
fn tuple_and_record_are_structs() {
    let core = "(func $f (param i32 i64) (result i32)
        (i32.store8 (i32.const 32) (local.get 0)) (i64.store (i32.const 40) (local.get 1))
        (i32.const 32))";
    let column = vec![
        Value::Struct(vec![u8(1), i64(2)]),
        Value::Null,
        Value::Struct(vec![u8(255), i64(-1)]),
    ];
    let tuple = "(tuple u8 s64)";
    assert_eq!(call("", tuple, tuple, core, &column), Ok(column.clone()));
    let fixture = Fixture {
        signature: &format!("(param \"a\" {tuple}) (result (tuple u8))"),
        core: "(func $f (param i32 i64) (result i32) (local.get 0))",
        ..Fixture::default()
    };
    // A struct of one number is returned as that.
    let first = |value| Value::Struct(vec![u8(value)]);
    assert_eq!(
        fixture.guest().call(&[column], 3),
        Ok(vec![first(1), Value::Null, first(255)])
    );
    let (driver, _) = fixture.driver();
    let driver = driver.unwrap();
    let ColumnType::Struct(fields) = &driver.arguments()[0].ty else {
        panic!("it is a struct");
    };
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["f0", "f1"]);
}
