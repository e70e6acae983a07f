//! Components that cannot be flattened, hostile ones among them.

use std::fmt::Write;
use std::time::{Duration, Instant};

use fusebox_linker::BYTES_MAX;
use fusebox_linker::component::{CORE_INSTANCES_MAX, Component, DEFINITIONS_MAX, DEPTH_MAX};

use crate::component::{SHIMMED, flatten};
use crate::guest::validate;
use crate::random::Random;

/// A core module with a function, its instance, and the lifted function.
const FUNCTION: &str = r#"
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f")))"#;

fn check(text: &str, expected: &str) {
    assert_eq!(flatten(text).expect_err(expected).to_string(), expected);
}

#[test]
fn other_bytes_are_named() {
    let cases: [(&[u8], &str); 3] = [
        (b"", "no bytes"),
        (b"PK\x03\x04 and more", "bytes that are no Wasm"),
        (b"\0asm\x01\0\0\0", "a core module"),
    ];
    for (bytes, found) in cases {
        assert_eq!(
            Component::flatten(bytes).unwrap_err().to_string(),
            format!(
                "expected a component, found {found}; encode it with `wasm-tools component new`"
            )
        );
    }
}

#[test]
fn a_component_without_functions_says_why() {
    check("(component)", "it exports no function that can be called");
    check(
        r#"(component (import "g" (func $g)) (export "h" (func $g)))"#,
        "it exports no function that can be called: `h` is an import of the component, expected \
         a function of its own",
    );
}

#[test]
fn imported_code_is_refused() {
    check(
        r#"(component (import "m" (core module)))"#,
        "it imports the core module `m`, expected functions only; compose the component first",
    );
    check(
        r#"(component (import "i" (instance (export "c" (component)))) (alias export 0 "c"
            (component)))"#,
        "it imports the component `i#c`, expected functions only; compose the component first",
    );
}

#[test]
fn intrinsics_are_refused_by_name_if_they_are_reached() {
    let text = |body: &str| {
        format!(
            r#"(component
            (type $s (stream u8))
            (core func $new (canon stream.new $s))
            (core module $m (import "" "new" (func $new (result i64)))
              (func (export "f") {body}))
            (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
            (func (export "f") (canon lift (core func $i "f"))))"#
        )
    };
    let error = flatten(&text("(drop (call $new))"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("exported functions may call `stream.new`, expected"),
        "{error}"
    );
    assert!(flatten(&text("")).is_ok());
}

#[test]
fn memories_of_several_instances_are_refused() {
    let part = |name: &str| {
        format!(
            r#"(core instance ${name} (instantiate $m))
            (func (export "{name}") (result string)
              (canon lift (core func ${name} "f") (memory ${name} "memory")))"#
        )
    };
    check(
        &format!(
            r#"(component (core module $m (memory (export "memory") 1)
              (func (export "f") (result i32) (i32.const 0))) {} {})"#,
            part("a"),
            part("b")
        ),
        "core instances 0 and 1 exchange values by memories of their own, expected one memory; \
         build the parts of the component as one module",
    );
}

#[test]
fn nesting_is_bounded() {
    let mut bytes = wat::parse_str(format!("(component {FUNCTION})")).unwrap();
    for _ in 1..DEPTH_MAX {
        bytes = wrapped(&bytes);
    }
    let error = Component::flatten(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it exports no function that can be called"
    );
    for extra in [1, 100, 20_000] {
        let mut deep = bytes.clone();
        for _ in 0..extra {
            deep = wrapped(&deep);
        }
        let error = Component::flatten(&deep).unwrap_err().to_string();
        assert_eq!(
            error,
            "components are nested more than 64 levels deep; compose them in fewer levels"
        );
    }
}

/// A component that contains another.
fn wrapped(component: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0\x04".to_vec();
    let mut length = component.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(component);
    bytes
}

/// Components of which each instantiates the one before it twice.
fn doubling(leaf: &str, levels: usize) -> String {
    let mut text = format!("(component (component $c0 {leaf})");
    for level in 1..=levels {
        let before = level - 1;
        let _ = write!(
            text,
            "(component $c{level} (alias outer 1 $c{before} (component $b))
               (instance (instantiate $b)) (instance (instantiate $b)))"
        );
    }
    let _ = write!(text, "(instance (instantiate $c{levels})) {FUNCTION})");
    text
}

#[test]
fn instances_that_double_are_bounded() {
    let start = Instant::now();
    check(
        &doubling("(core module $n) (core instance (instantiate $n))", 40),
        &format!(
            "the component makes more than {CORE_INSTANCES_MAX} instances of core modules; \
             instantiate its parts fewer times"
        ),
    );
    let data = "x".repeat(1 << 20);
    check(
        &doubling(
            &format!(r#"(core module $n (data "{data}")) (core instance (instantiate $n))"#),
            9,
        ),
        &format!(
            "the instances of core modules have more than {BYTES_MAX} bytes; instantiate large \
             modules fewer times"
        ),
    );
    check(
        &doubling("", 40),
        &format!(
            "instantiating the component takes more than {DEFINITIONS_MAX} definitions; \
             instantiate its parts fewer times"
        ),
    );
    check(
        &doubling("", DEPTH_MAX),
        "components are nested more than 64 levels deep; compose them in fewer levels",
    );
    assert!(flatten(&doubling("", 10)).is_ok());
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn names_that_are_written_out_are_bounded() {
    let long = "n".repeat(90_000);
    let repeated = |text: &str| -> String {
        let repeated = (0..400).map(|number| text.replace('#', &number.to_string()));
        repeated.collect()
    };
    let imports = repeated(r##"(import "" "f#" (func))"##);
    let items = repeated(r##"(export "f#" (func $f))"##);
    check(
        &format!(
            r#"(component
            (core module $m (func (export "{long}")))
            (core module $n {imports} (func (export "g")))
            (core instance $i (instantiate $m))
            (alias core export $i "{long}" (core func $f))
            (core instance $j (instantiate $n (with "" (instance {items}))))
            (func (export "g") (canon lift (core func $j "g"))))"#
        ),
        "names of imports and exports have more than 33554432 bytes, each written out; shorten \
         them",
    );
}

#[test]
fn types_that_double_are_bounded() {
    let mut text = "(component (type $t0 (tuple u8 u8))".to_owned();
    for level in 1..17 {
        let before = level - 1;
        let _ = write!(text, "(type $t{level} (tuple $t{before} $t{before}))");
    }
    text += r#"(core module $m (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
          (func (export "f") (param i32)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "a" $t16) (canon lift (core func $i "f")
          (memory $i "memory") (realloc (func $i "realloc")))))"#;
    check(
        &text,
        "the types of exported functions have more than 100000 parts, written out",
    );
}

#[test]
fn thousands_of_aliases_are_accepted() {
    let mut text = format!("(component $c (type $t u8) {FUNCTION}");
    for _ in 0..20_000 {
        text += r#"(alias core export $i "f" (core func)) (alias outer $c $t (type))"#;
    }
    text += ")";
    flatten(&text).unwrap();
}

#[test]
fn a_type_mismatch_inside_is_invalid() {
    let text = wat::parse_str(
        r#"(component (core module $m (func (export "f") (param i32)))
        (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))"#,
    );
    let error = Component::flatten(&text.unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("the component is not valid: "), "{error}");
    // Bodies are validated when they are linked.
    let text = wat::parse_str(FUNCTION_WITH_BODY).unwrap();
    let error = Component::flatten(&text).unwrap_err().to_string();
    assert!(
        error.starts_with("core instance 0 is not valid: "),
        "{error}"
    );
}

const FUNCTION_WITH_BODY: &str = r#"(component
    (core module $m (func (export "f") (drop (i32.add (i32.const 1) (i64.const 2)))))
    (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))"#;

#[test]
fn no_bytes_make_flattening_panic() {
    let seeds = [
        wat::parse_str(SHIMMED).unwrap(),
        wat::parse_str(doubling(
            "(core module $n) (core instance (instantiate $n))",
            3,
        ))
        .unwrap(),
    ];
    let mut random = Random(7);
    let (mut flattened, mut refused) = (0, 0);
    for seed in &seeds {
        for length in 0..seed.len() {
            // A component is whole without its names at the end.
            if let Ok(component) = Component::flatten(&seed[..length]) {
                validate(&component.module);
            }
        }
        for _ in 0..4_000 {
            let mut bytes = seed.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes[at] = bytes[at].wrapping_add(1),
                    2 => bytes[at] ^= 1 << random.below(8),
                    _ => {
                        let from = random.below(bytes.len());
                        bytes[at] = bytes[from];
                    }
                }
            }
            match Component::flatten(&bytes) {
                Ok(component) => {
                    validate(&component.module);
                    flattened += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().contains("bug in Fusebox"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    println!("{flattened} flattened, {refused} refused");
    assert!(flattened > 100, "{flattened}");
    assert!(refused > 1_000, "{refused}");
}
