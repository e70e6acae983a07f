//! Types of lifted functions.

use fusebox_linker::component::{Unsupported, WitType};
use wasmparser::ValType;

use crate::component::flatten;

/// Flattens a component with one function, where `types` are definitions and `signature` the
/// parameters and the result.
fn component(types: &str, signature: &str, core: &str, options: &str) -> String {
    format!(
        r#"(component {types}
        (core module $m (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
          (func (export "other") (result i32) (i32.const 0))
          (func (export "f") {core} unreachable))
        (core instance $m (instantiate $m))
        (func $f {signature} (canon lift (core func $m "f") {options}
          (memory $m "memory") (realloc (func $m "realloc"))))
        (func $other (result s32) (canon lift (core func $m "other")))
        (export "other" (func $other)) (export "f" (func $f)))"#
    )
}

/// Reads the type of a parameter, which the core function takes as `core`.
fn check(types: &str, ty: &str, core: &[ValType], expected: &WitType) {
    let list: String = core.iter().map(|ty| format!(" {ty}")).collect();
    let text = component(
        types,
        &format!("(param \"a\" {ty})"),
        &format!("(param{list})"),
        "",
    );
    let component = flatten(&text).unwrap_or_else(|error| panic!("{ty}: {error}"));
    let function = &component.functions[1];
    let parameters = [("a".to_owned(), expected.clone())];
    assert_eq!(function.parameters, parameters);
    assert_eq!(expected.flat(16).as_deref(), Some(core));
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn numbers_have_types_of_their_own() {
    use ValType::{F32, F64, I32, I64};
    for (ty, core, expected) in [
        ("bool", I32, WitType::Bool),
        ("s8", I32, WitType::S8),
        ("u8", I32, WitType::U8),
        ("s16", I32, WitType::S16),
        ("u16", I32, WitType::U16),
        ("s32", I32, WitType::S32),
        ("u32", I32, WitType::U32),
        ("s64", I64, WitType::S64),
        ("u64", I64, WitType::U64),
        ("f32", F32, WitType::F32),
        ("f64", F64, WitType::F64),
        ("char", I32, WitType::Char),
    ] {
        check("", ty, &[core], &expected);
    }
}

#[test]
fn types_are_written_out() {
    use ValType::{F32, F64, I32, I64};
    let text = || Box::new(WitType::String);
    check("", "string", &[I32, I32], &WitType::String);
    check("", "(list string)", &[I32, I32], &WitType::List(text()));
    check(
        "",
        "(option string)",
        &[I32, I32, I32],
        &WitType::Option(text()),
    );
    check(
        "",
        "(tuple u8 f64)",
        &[I32, F64],
        &WitType::Tuple(vec![WitType::U8, WitType::F64]),
    );
    check(
        "",
        "(result string (error f64))",
        &[I32, I64, I32],
        &WitType::Result {
            ok: Some(text()),
            error: Some(Box::new(WitType::F64)),
        },
    );
    check(
        r#"(type $e' (enum "red" "dark-green")) (export $e "e" (type $e'))"#,
        "$e",
        &[I32],
        &WitType::Enum(names(&["red", "dark-green"])),
    );
    check(
        r#"(type $f' (flags "a" "b")) (export $f "f-type" (type $f'))"#,
        "$f",
        &[I32],
        &WitType::Flags(names(&["a", "b"])),
    );
    check(
        r#"(type $r' (record (field "x" f32) (field "n" u64))) (export $r "r" (type $r'))"#,
        "$r",
        &[F32, I64],
        &WitType::Record(vec![
            ("x".to_owned(), WitType::F32),
            ("n".to_owned(), WitType::U64),
        ]),
    );
    check(
        r#"(type $v' (variant (case "none") (case "n" f32) (case "i" s32) (case "s" string)))
           (export $v "v" (type $v'))"#,
        "$v",
        &[I32, I32, I32],
        &WitType::Variant(vec![
            ("none".to_owned(), None),
            ("n".to_owned(), Some(WitType::F32)),
            ("i".to_owned(), Some(WitType::S32)),
            ("s".to_owned(), Some(WitType::String)),
        ]),
    );
}

#[test]
fn many_parameters_are_passed_in_memory() {
    let parameters = |count: usize| -> String {
        let parameters = (0..count).map(|n| format!("(param \"a{n}\" u8)"));
        parameters.collect()
    };
    let text = component(
        "",
        &parameters(16),
        &format!("(param{})", " i32".repeat(16)),
        "",
    );
    assert_eq!(flatten(&text).unwrap().functions[1].parameters.len(), 16);
    let text = component("", &parameters(17), "(param i32)", "");
    assert_eq!(flatten(&text).unwrap().functions[1].parameters.len(), 17);
    let text = component("", "(result (tuple u8 u8))", "(result i32)", "");
    let component = flatten(&text).unwrap();
    let result = component.functions[1].result.as_ref().unwrap();
    assert_eq!(result.flat(1), None);
}

/// Checks that a function is refused, and the other one is not.
fn refused(types: &str, signature: &str, core: &str, options: &str, expected: &str) {
    let component = flatten(&component(types, signature, core, options)).unwrap();
    assert_eq!(component.functions.len(), 1);
    let [(name, reason)] = &component.refused[..] else {
        panic!("{:?}", component.refused);
    };
    assert_eq!(name.to_string(), "f");
    assert_eq!(reason.to_string(), expected);
}

#[test]
fn functions_over_other_types_are_refused_by_name() {
    let message =
        |ty: &str| format!("passes {ty}, expected a type of plain data; return the data itself");
    refused(
        r#"(type $r' (resource (rep i32))) (export $r "r" (type $r'))"#,
        r#"(param "a" (own $r))"#,
        "(param i32)",
        "",
        &message("a resource"),
    );
    refused(
        "(type $s (stream u8))",
        r#"(param "a" (list $s))"#,
        "(param i32 i32)",
        "",
        &message("a stream"),
    );
    refused(
        "(type $s (future u8))",
        r#"(param "a" $s)"#,
        "(param i32)",
        "",
        &message("a future"),
    );
    refused(
        "",
        r#"(param "a" error-context)"#,
        "(param i32)",
        "",
        &message("an error-context"),
    );
    refused(
        "",
        r#"async (param "a" u8)"#,
        "(param i32)",
        "async",
        &Unsupported::Async.to_string(),
    );
}

#[test]
fn an_imported_function_is_refused() {
    let text = r#"(component
        (import "g" (func $g))
        (core module $m (func (export "f")))
        (core instance $m (instantiate $m))
        (func (export "f") (canon lift (core func $m "f")))
        (export "h" (func $g)))"#;
    let component = flatten(text).unwrap();
    assert_eq!(component.refused.len(), 1);
    assert_eq!(component.refused[0].1, Unsupported::Imported);
}
