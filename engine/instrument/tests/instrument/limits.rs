//! Modules that are refused.

use fusebox_instrument::{Error, Options, instrument};

#[test]
fn features_that_depend_on_the_machine_are_refused() {
    for (text, reason) in [
        (
            "(func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0)))",
            "relaxed SIMD",
        ),
        ("(memory 1 1 shared)", "threads"),
        ("(memory i64 1)", "memory64"),
        ("(memory 1) (memory 1)", "multiple memories"),
        ("(memory 1 (pagesize 1))", "custom page sizes"),
        ("(func (throw_ref))", "exceptions"),
        ("(func (atomic.fence))", "threads"),
        ("(type (struct))", "gc"),
    ] {
        let module = wat::parse_str(format!("(module {text})")).unwrap();
        let result = instrument(&module, Options::default());
        let message = result.expect_err("the feature is refused").to_string();
        assert!(message.contains(reason), "{text}: {message}");
    }
}

#[test]
fn long_acyclic_call_chain_is_refused() {
    let length = 20_000;
    let functions: String = (1..length).map(|n| format!("(func (call {n}))")).collect();
    let module = format!("(module {functions} (func) (export \"f\" (func 0)))");
    let module = wat::parse_str(module).unwrap();
    assert!(matches!(
        instrument(&module, Options::default()),
        Err(Error::CallChainTooDeep {
            function: 0,
            bytes: 1_280_064..,
            bytes_max: 262_144
        })
    ));
}

#[test]
fn module_that_compiles_slowly_is_refused() {
    let instrument = |text: &str| instrument(&wat::parse_str(text).unwrap(), Options::default());
    let nested = |depth: usize| {
        let (open, close) = ("block ".repeat(depth), "end ".repeat(depth));
        instrument(&format!("(module (func {open} {close}))"))
    };
    assert!(nested(999).is_ok());
    assert!(matches!(
        nested(1_000),
        Err(Error::NestingTooDeep {
            function: 0,
            nesting_max: 1_000
        })
    ));
    let many = |count: usize| instrument(&format!("(module {})", "(func)".repeat(count)));
    let busy = |locals: usize, loops: usize| {
        let (locals, loops) = ("(local i64)".repeat(locals), "(loop)".repeat(loops));
        instrument(&format!("(module (func {locals} {loops}))"))
    };
    assert!(busy(1_000, 1_000).is_ok());
    assert!(matches!(
        busy(1_000, 1_001),
        Err(Error::TooManyLocalsInLoops {
            function: 0,
            locals_times_loops: 1_001_000,
            locals_times_loops_max: 1_000_000
        })
    ));
    assert!(many(30_000).is_ok());
    assert!(matches!(
        many(30_001),
        Err(Error::TooManyFunctions {
            functions: 30_001,
            functions_max: 30_000
        })
    ));
}

#[test]
fn reserved_export_name_is_refused() {
    let module = wat::parse_str("(module (func (export \"fusebox:fuel\")))").unwrap();
    assert!(matches!(
        instrument(&module, Options::default()),
        Err(Error::ReservedExport { name }) if name == "fusebox:fuel"
    ));
}

#[test]
fn messages_name_function_and_limit() {
    let message = |text: &str, options: Options| {
        let module = wat::parse_str(text).unwrap();
        let error = instrument(&module, options).unwrap_err();
        error.to_string()
    };
    let import = r#"(import "fusebox" "row_resume" (func))"#;
    let limited = Options {
        chain_bytes_max: 100,
        functions_max: 2,
        nesting_max: 3,
        locals_times_loops_max: 3,
        ..Options::default()
    };
    for (body, expected) in [
        (
            "(func) (func (call 1))",
            "a call chain takes 128 bytes of stack from function 2, expected at most 100",
        ),
        (
            "(func) (func) (func)",
            "it defines 3 functions, expected at most 2",
        ),
        (
            "(func) (func (block (block (block))))",
            "function 2 nests blocks too deeply, expected at most 3 levels",
        ),
        (
            "(func (param i32) (loop)) (func (param i32 i32 i32) (loop))",
            "the sum of locals times loops is 4 up to function 2, expected at most 3",
        ),
        (
            r#"(func (export "fusebox:x"))"#,
            "it exports `fusebox:x`, but names with the prefix `fusebox:` are reserved",
        ),
    ] {
        assert_eq!(
            message(&format!("(module {import} {body})"), limited),
            expected
        );
    }
    assert_eq!(
        message(r#"(module (import "env" "f" (func)))"#, limited),
        "it imports `env`.`f`, which the host does not provide"
    );
}
