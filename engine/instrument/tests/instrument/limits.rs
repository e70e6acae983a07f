//! Modules that are refused.

use fusebox_instrument::{CompileBudget, Error, Options, check_arities, instrument};

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
    assert!(matches!(
        instrument(&format!("(module {})", "(func)".repeat(30_001))),
        Err(Error::TooManyFunctions {
            functions: 30_001,
            functions_max: 30_000
        })
    ));
}

/// A budget whose only limit is that of the function.
fn milliseconds(milliseconds: u64) -> Options {
    Options {
        compile_budget: CompileBudget {
            milliseconds,
            ..CompileBudget::UNLIMITED
        },
        ..Options::default()
    }
}

#[test]
fn budget_grows_with_the_module() {
    let module = wat::parse_str(format!("(module {})", "(func)".repeat(10_000))).unwrap();
    let with = |compile_budget: CompileBudget| {
        let options = Options {
            compile_budget,
            ..Options::default()
        };
        instrument(&module, options).is_ok()
    };
    let budget = |milliseconds, milliseconds_per_megabyte| CompileBudget {
        milliseconds,
        milliseconds_per_megabyte,
        ..CompileBudget::DEFAULT
    };
    assert!(!with(budget(700, 0)));
    assert!(with(budget(1_000, 0)));
    assert!(with(budget(700, 10_000)));
    assert!(with(CompileBudget::UNLIMITED));
    let memory = |memory_bytes, memory_bytes_per_byte| CompileBudget {
        memory_bytes,
        memory_bytes_per_byte,
        ..CompileBudget::DEFAULT
    };
    assert!(!with(memory(60_000_000, 0)));
    assert!(with(memory(100_000_000, 0)));
    assert!(with(memory(60_000_000, 1_000)));
}

#[test]
fn calls_are_inlined_within_the_budget() {
    // Each level calls the next twice: 2¹¹ calls of the last function.
    let chain = |levels: usize| {
        let functions = (1..levels).map(|n| format!("(func (call {n}) (call {n}))"));
        let functions: String = functions.collect();
        let text = format!("(module {functions} (func) (export \"f\" (func 0)))");
        let module = wat::parse_str(text).unwrap();
        let is_inlined = |options| instrument(&module, options).unwrap().is_inlined;
        [
            is_inlined(Options::default()),
            is_inlined(milliseconds(1_000_000)),
        ]
    };
    assert_eq!(chain(5), [true, true]);
    assert_eq!(chain(500), [false, true]);
}

#[test]
fn values_are_in_proportion_to_bytes() {
    // Two values are counted for each parameter and each result.
    let check = |width: usize, blocks: usize| {
        let values = "i32 ".repeat(width);
        let (push, drop) = ("(local.get 0)".repeat(width), "drop ".repeat(width));
        let blocks = "block (type 0) end ".repeat(blocks);
        let module = wat::parse_str(format!(
            "(module (type (func (param {values}) (result {values})))
               (func (param i32) {push} {blocks} {drop}))"
        ));
        check_arities(&module.unwrap())
    };
    assert!(check(500, 1_000).is_ok());
    assert!(check(7, 100_000).is_ok());
    assert!(matches!(
        check(1_000, 1_000),
        Err(Error::TooManyValues {
            function: 0,
            values_max: 2_000_000..
        })
    ));
    // What is not valid is left to the validator.
    for code in ["\u{b}\u{b}\u{b}", "\u{10}\u{7f}\u{b}", "\u{c}\u{7f}\u{b}"] {
        let mut module = wat::parse_str("(module (func nop nop))").unwrap();
        let end = module.len();
        module.splice(end - code.len().min(3).., code.bytes());
        let _ = check_arities(&module);
    }
}

#[test]
fn globals_are_few() {
    let check = |imported: usize, own: usize| {
        let imports = r#"(import "m" "g" (global i32))"#.repeat(imported);
        let globals = "(global i32 (i32.const 0))".repeat(own);
        let module = wat::parse_str(format!("(module {imports} {globals})")).unwrap();
        check_arities(&module)
    };
    assert!(check(0, 100_000).is_ok());
    for (imported, own) in [(0, 100_001), (1, 100_000)] {
        assert!(matches!(
            check(imported, own),
            Err(Error::TooManyGlobals {
                globals: 100_001,
                globals_max: 100_000,
            })
        ));
    }
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
        compile_budget: CompileBudget {
            functions_max: 2,
            nesting_max: 3,
            ..CompileBudget::DEFAULT
        },
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
            r#"(func (export "fusebox:x"))"#,
            "it exports `fusebox:x`, but names with the prefix `fusebox:` are reserved",
        ),
    ] {
        assert_eq!(
            message(&format!("(module {import} {body})"), limited),
            expected
        );
    }
    let code = "(local.get 0) (drop)".repeat(1_000);
    let body = format!("(func $wide (param i32) {code})");
    assert_eq!(
        message(&format!("(module (func) {body})"), milliseconds(1)),
        "its compilation is estimated to take 7 milliseconds, expected at most 1; the largest \
         part is that function 1 (`wide`) has 3036 bytes of code; divide it, or have the \
         embedder raise `compile_budget`"
    );
    assert_eq!(
        message(r#"(module (import "env" "f" (func)))"#, limited),
        "it imports `env`.`f`, which the host does not provide"
    );
}
