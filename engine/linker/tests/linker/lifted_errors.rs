//! Drivers of lifted functions that return a result: errors fail their row.

use crate::columns::{Value, u32};
use crate::lifted::{Fixture, posts};
use crate::lifted_types::{COLORS, call, failure, same};

/// Returns an error for odd numbers: the parameter, or what `store` stores.
fn fallible(store: &str) -> String {
    format!(
        "(func $f (param i32) (result i32)
          (i32.store8 (i32.const 32) (i32.and (local.get 0) (i32.const 1)))
          (i32.store (i32.const 36) (local.get 0)) {store} (i32.const 32))
         (data (i32.const 64) \"no \\e2\\82\\ac\")"
    )
}

#[test]
fn result_is_its_value_or_fails_the_row() {
    let text_error = "(if (i32.and (local.get 0) (i32.const 1)) (then
        (i32.store (i32.const 36) (i32.const 64))
        (i32.store (i32.const 40) (i32.sub (local.get 0) (i32.const 1)))))";
    let result = "(result u32 (error string))";
    let column = [u32(2), u32(4)];
    let outcome = call("", "u32", result, &fallible(text_error), &column);
    assert_eq!(outcome, Ok(column.to_vec()));
    let outcome = call("", "u32", result, &fallible(text_error), &[u32(2), u32(7)]);
    assert_eq!(failure(outcome), (1, "no €".to_owned()));
    let outcome = call("", "u32", result, &fallible(text_error), &[u32(1)]);
    assert_eq!(
        failure(outcome).1,
        "the function returned an error without a message"
    );
    let outcome = call("", "u32", result, &fallible(text_error), &[u32(5)]);
    assert_eq!(
        failure(outcome).1,
        "expected UTF-8 in the error, found another byte at position 3"
    );
}

#[test]
fn error_without_text_is_a_number_or_a_name() {
    let outcome = call(
        "",
        "u32",
        "(result u32 (error u32))",
        &fallible(""),
        &[u32(77)],
    );
    assert_eq!(failure(outcome).1, "the function returned the error 77");
    let outcome = call(
        "",
        "u32",
        "(result u32 (error f32))",
        &fallible(""),
        &[u32(77)],
    );
    assert_eq!(
        failure(outcome).1,
        "the function returned an error that is no text; return result<_, string> for a message"
    );
    let byte = "(i32.store8 (i32.const 36) (i32.shr_u (local.get 0) (i32.const 1)))";
    let outcome = call(
        COLORS,
        "u32",
        "(result u32 (error $e))",
        &fallible(byte),
        &[u32(3)],
    );
    assert_eq!(
        failure(outcome).1,
        "the function returned the error `dark-green`"
    );
    let outcome = call(
        COLORS,
        "u32",
        "(result u32 (error $e))",
        &fallible(byte),
        &[u32(7)],
    );
    assert_eq!(
        failure(outcome).1,
        "expected a case from 0 to 2 of the error, found 3"
    );
    let types = r#"(type $v' (variant (case "other") (case "found" u32) (case "lost" string)))
        (export $v "v" (type $v'))"#;
    let result = "(result u32 (error $v))";
    let outcome = call(types, "u32", result, &fallible(byte), &[u32(3)]);
    assert_eq!(
        failure(outcome).1,
        "the function returned the error `found`"
    );
    let lost = format!(
        "{byte} (i32.store (i32.const 40) (i32.const 64)) (i32.store (i32.const 44) (i32.const 6))"
    );
    let outcome = call(types, "u32", result, &fallible(&lost), &[u32(5)]);
    assert_eq!(failure(outcome).1, "lost: no €");
    let outcome = call(types, "u32", result, &fallible(&lost), &[u32(7)]);
    assert_eq!(
        failure(outcome).1,
        "expected a case from 0 to 2 of the error, found 3"
    );
}

#[test]
fn result_without_a_value_is_true() {
    let column = [u32(0), Value::Null, u32(0)];
    let expected = Ok(vec![Value::Bool(true), Value::Null, Value::Bool(true)]);
    assert_eq!(call("", "u32", "(result)", &same("i32"), &column), expected);
    let outcome = call("", "u32", "(result)", &same("i32"), &[u32(1)]);
    assert_eq!(
        failure(outcome).1,
        "the function returned an error without a message"
    );
    let outcome = call("", "u32", "(result)", &same("i32"), &[u32(2)]);
    assert_eq!(
        failure(outcome).1,
        "expected 0 or 1 as the case of the result, found 2"
    );
    let core = "(func $f (param i32) (result i32)
        (i32.store8 (i32.const 32) (local.get 0)) (i32.const 32))";
    let column = [u32(0), Value::Null, u32(0)];
    assert_eq!(
        call("", "u32", "(result (error string))", core, &column),
        expected
    );
}

#[test]
fn post_return_is_called_for_rows_that_do_not_fail() {
    let fixture = Fixture {
        signature: r#"(param "a" (option u32)) (result (result u32 (error string)))"#,
        core: "(func $f (param i32 i32) (result i32)
            (i32.store8 (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (i32.const 0))
            (i32.store (i32.const 40) (i32.const 0)) (i32.const 32))",
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    let column = vec![Value::Null, Value::Null, u32(1), Value::Null];
    let (row, _) = failure(guest.call(&[column], 4));
    assert_eq!(row, 2);
    assert_eq!(posts(&mut guest), 2);
    assert_eq!(guest.calls().rows, [0, 1, 2]);
}
