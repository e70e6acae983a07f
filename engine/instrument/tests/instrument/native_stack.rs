//! Recursions whose native frames are large, ended by the count of the stack.
//!
//! Each module of this file is made to have frames that are much larger than its locals and
//! operands: values that are computed before a call and again after it, in loops around it,
//! or by functions that are inlined.

use std::fmt::Write as _;

use fusebox_instrument::{
    EXPORT_FUEL, EXPORT_STACK, NATIVE_BYTES_PER_STACK_BYTE, Options, UNCHECKED_BYTES_MAX,
    instrument,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wasmtime::{Engine, Inlining, Instance, Module, Store, Val};

use crate::oracle::ONE_IN;

/// Families of terms: the type of the value, and a term of it. `K` is a number of the term.
const FAMILIES: [(&str, &str); 14] = [
    ("i32", "(i32.mul (local.get $v) (i32.const K))"),
    ("i32", "(i32.rotl (local.get $v) (i32.const K))"),
    ("i32", "(i32.div_u (local.get $v) (i32.const K))"),
    ("i32", "(i32.load offset=K (local.get $v))"),
    ("i32", "(i32.load (i32.mul (local.get $v) (i32.const K)))"),
    (
        "i32",
        "(i32.load8_u (i32.and (i32.const 255) (i32.add (local.get $v) (i32.const K))))",
    ),
    ("i64", "(i64.mul (local.get $v) (i64.const K))"),
    ("i64", "(i64.rem_s (local.get $v) (i64.const K))"),
    (
        "i64",
        "(i64.xor (local.get $v) (i64.shl (local.get $v) (i64.const K)))",
    ),
    ("f32", "(f32.mul (local.get $v) (f32.const K))"),
    ("f64", "(f64.add (local.get $v) (f64.const K))"),
    (
        "v128",
        "(i64x2.mul (local.get $v) (i64x2.splat (i64.const K)))",
    ),
    (
        "v128",
        "(i32x4.add (local.get $v) (v128.const i32x4 K 1 2 K))",
    ),
    (
        "v128",
        "(f64x2.mul (local.get $v) (f64x2.splat (f64.const K)))",
    ),
];

/// Ways from a function to itself.
const CALLS: [&str; 3] = [
    "(call $f PARAMS)",
    "(call_indirect (type $t) PARAMS (i32.const 0))",
    "(call $g PARAMS)",
];

#[derive(Clone, Debug)]
struct Program {
    family: usize,
    terms: usize,
    call: usize,
    /// Further parameters and results of each function.
    arity: usize,
    /// Locals that are loaded before the call and used after it.
    locals: usize,
    /// True if the terms and the call are in a loop.
    is_looped: bool,
    /// Terms of each function that is inlined; 0 for terms in the function itself.
    inlined: usize,
}

fn programs() -> impl Strategy<Value = Program> {
    let terms = prop_oneof![1_usize..40, 100_usize..900];
    let arity = prop_oneof![Just(0_usize), 1_usize..12, 60_usize..200];
    let inlined = prop_oneof![Just(0_usize), 1_usize..20];
    let locals = prop_oneof![Just(0_usize), 1_usize..200];
    (
        0..FAMILIES.len(),
        terms,
        0..CALLS.len(),
        arity,
        locals,
        any::<bool>(),
        inlined,
    )
        .prop_map(
            |(family, terms, call, arity, locals, is_looped, inlined)| Program {
                family,
                terms,
                call,
                arity,
                locals,
                is_looped,
                inlined,
            },
        )
}

impl Program {
    /// Sums the terms, each of its own constant.
    fn terms(&self) -> String {
        let (ty, term) = FAMILIES[self.family];
        let add = match ty {
            "v128" => "v128.xor".to_owned(),
            ty => format!("{ty}.add"),
        };
        let mut text = "(local.get $v)".to_owned();
        if self.inlined == 0 {
            for k in 3..self.terms + 3 {
                let _ = write!(text, "{} ({add})", term.replace('K', &k.to_string()));
            }
        } else {
            for leaf in 0..self.terms.div_ceil(self.inlined) {
                let _ = write!(text, "(call $leaf{leaf} (local.get $v)) ({add})");
            }
        }
        text
    }

    /// Returns the functions that may be inlined.
    fn leaves(&self, add: &str) -> String {
        let (ty, term) = FAMILIES[self.family];
        let inlined = self.inlined;
        if inlined == 0 {
            return String::new();
        }
        let leaves = (0..self.terms.div_ceil(inlined)).map(|leaf| {
            let terms: String = (0..inlined)
                .map(|n| term.replace('K', &(3 + leaf * inlined + n).to_string()))
                .map(|term| format!("{term} ({add})"))
                .collect();
            format!("(func $leaf{leaf} (param $v {ty}) (result {ty}) (local.get $v) {terms})")
        });
        leaves.collect()
    }

    fn text(&self) -> String {
        let (ty, _) = FAMILIES[self.family];
        let add = match ty {
            "v128" => "v128.xor".to_owned(),
            ty => format!("{ty}.add"),
        };
        let types = |of: &str| format!(" {of}").repeat(self.arity);
        let signature = format!(
            "(param $v {ty}) (param{}) (result {ty}{})",
            types(ty),
            types(ty)
        );
        let parameters: String = (0..=self.arity)
            .map(|n| format!("(local.get {n})"))
            .collect();
        let call = CALLS[self.call].replace("PARAMS", &parameters);
        let first_local = self.arity + 1;
        let of_locals = |each: &dyn Fn(usize, usize) -> String| -> String {
            let locals = 0..self.locals;
            locals.map(|n| each(n + first_local, n * 16)).collect()
        };
        let load =
            of_locals(&|local, at| format!("(local.set {local} ({ty}.load (i32.const {at})))"));
        let keep =
            of_locals(&|local, at| format!("({ty}.store (i32.const {at}) (local.get {local}))"));
        let locals = format!("(local{})", format!(" {ty}").repeat(self.locals));
        let drops = "(drop)".repeat(self.arity);
        let terms = self.terms();
        let around = format!("{terms} (local.set $kept) {call} {drops} (local.set $back) {terms}");
        let body = match self.is_looped {
            true => format!(
                "(loop $again (result {ty}) {around} (br_if $again (i32.load (i32.const 0))))"
            ),
            false => around,
        };
        let results: String = (0..self.arity)
            .map(|n| format!("(local.get {})", n + 1))
            .collect();
        let leaves = self.leaves(&add);
        format!(
            "(module (memory 1 4) (table funcref (elem $f))
               (global $depth (export \"depth\") (mut i32) (i32.const 0))
               (type $t (func (param {ty}{}) (result {ty}{})))
               {leaves}
               (func $g (type $t) {parameters} (call $f))
               (func $f {signature} {locals} (local $kept {ty}) (local $back {ty})
                 (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
                 {load} {body} (local.get $kept) ({add}) (local.get $back) ({add}) {keep} {results})
               (func (export \"f\") {zeros} (call $f) {drops} (drop)))",
            types(ty),
            types(ty),
            zeros = match ty {
                "v128" => "(v128.const i64x2 0 0)".to_owned(),
                ty => format!("({ty}.const 0)"),
            }
            .repeat(self.arity + 1),
        )
    }
}

fn engine(native_bytes: usize, inlining: Inlining) -> Engine {
    let mut config = crate::oracle::config();
    config
        .async_stack_size(native_bytes)
        .max_wasm_stack(native_bytes)
        .compiler_inlining(inlining);
    Engine::new(&config).unwrap()
}

/// Returns the depth of the recursion, and true if the count ended it.
fn run(module: &Module, stack: u64) -> (u64, bool) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    let mut global = |name| instance.get_global(&mut store, name).unwrap();
    let [fuel_left, stack_left, depth] = [EXPORT_FUEL, EXPORT_STACK, "depth"].map(&mut global);
    fuel_left.set(&mut store, Val::I64(1 << 60)).unwrap();
    let stack = Val::I64(stack as i64);
    stack_left.set(&mut store, stack).unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    f.call(&mut store, ()).unwrap_err();
    let is_counted = stack_left.get(&mut store).unwrap_i64() < 0;
    (depth.get(&mut store).unwrap_i32() as u64, is_counted)
}

/// Returns the native bytes of a frame per byte of its count, after the checks that the
/// count ends the recursion at the same depth whatever the compiler does.
fn ratio(program: &Program, inlined: &Engine, plain: &Engine) -> f64 {
    const COUNTED_BYTES: u64 = 512 << 10;
    let text = program.text();
    let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let rewritten = instrument(&module, Options::default()).unwrap().module;
    let module = Module::new(inlined, &rewritten).unwrap();
    let (counted, is_counted) = run(&module, COUNTED_BYTES);
    assert!(
        is_counted,
        "ended after {counted} levels by the native stack: {program:?}"
    );
    let without_inlining = run(&Module::new(plain, &rewritten).unwrap(), COUNTED_BYTES);
    assert_eq!(without_inlining, (counted, true), "{program:?}");
    let (native, is_counted) = run(&module, 1 << 60);
    assert!(!is_counted);
    let native_frame = native_bytes() as f64 / native as f64;
    native_frame / (COUNTED_BYTES as f64 / counted as f64)
}

/// The native stack of a guest, as the runtime has it.
fn native_bytes() -> usize {
    let chain = Options::default().chain_bytes_max;
    let counted = (512 << 10) + UNCHECKED_BYTES_MAX + chain;
    (NATIVE_BYTES_PER_STACK_BYTE * counted) as usize
}

fn on_large_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(native_bytes() + (4 << 20));
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn count_ends_every_recursion_before_the_native_stack() {
    on_large_stack(|| {
        let inlined = engine(native_bytes(), Inlining::Yes);
        let plain = engine(native_bytes(), Inlining::No);
        let mut runner = TestRunner::new_with_rng(
            Config {
                cases: 100 / ONE_IN as u32,
                failure_persistence: None,
                ..Config::default()
            },
            TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        );
        let worst = std::cell::Cell::new(0.0);
        let tested = runner.run(&programs(), |program| {
            let ratio = ratio(&program, &inlined, &plain);
            if ratio > worst.get() {
                println!("{ratio:.1}: {program:?}");
                worst.set(ratio);
            }
            prop_assert!(ratio < NATIVE_BYTES_PER_STACK_BYTE as f64, "{ratio}");
            Ok(())
        });
        tested.unwrap_or_else(|error| panic!("{error}"));
        // The search finds frames that are much larger than they are counted.
        assert!(worst.get() > 4.0, "{}", worst.get());
    });
}

#[test]
fn value_that_is_computed_again_after_the_call_is_counted() {
    let program = Program {
        family: 6,
        terms: 800,
        call: 0,
        arity: 0,
        locals: 0,
        is_looped: false,
        inlined: 0,
    };
    let depth = |program: &Program| {
        let module = wat::parse_str(program.text()).unwrap();
        let rewritten = instrument(&module, Options::default()).unwrap().module;
        let engine = engine(1 << 20, Inlining::Yes);
        run(&Module::new(&engine, rewritten).unwrap(), 16 << 10).0
    };
    let few = Program {
        terms: 1,
        ..program.clone()
    };
    let inlined = Program {
        inlined: 20,
        ..program.clone()
    };
    let [few, many, inlined] = [few, program, inlined].map(|program| depth(&program));
    assert!(few > 3 * many, "{few}, {many}");
    assert!(few > inlined, "{few}, {inlined}");
}
