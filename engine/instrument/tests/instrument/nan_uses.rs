//! Every instruction whose NaNs are not determined, with every way to observe its
//! result.

use crate::canonical_nans::{Engines, check};
use crate::programs::{ARITHMETIC_1, ARITHMETIC_2, BYTES, SHUFFLES};

/// Non-canonical NaNs in most lanes.
fn inputs() -> Vec<u8> {
    let mut bytes = Vec::new();
    for float in [0xfff8_dead_0000_beef, 1.5_f64.to_bits()] {
        bytes.extend(float.to_le_bytes());
    }
    for float in [0xffc0_dead_u32, 1.5_f32.to_bits(), 0x7fc0_beef, 0x7f80_0000] {
        bytes.extend(float.to_le_bytes());
    }
    bytes.resize(BYTES, 0);
    bytes
}

/// Code with results of arithmetic, and their types.
fn arithmetic() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (name, of, at, other) in [
        ("f64", "f64", 0, 8),
        ("f32", "f32", 16, 20),
        ("f64x2", "v128", 0, 16),
        ("f32x4", "v128", 16, 0),
    ] {
        let [a, b] = [at, other].map(|at| format!("i32.const {at} {of}.load"));
        let binary = ARITHMETIC_2.map(|op| format!("{a} {b} {name}.{op}"));
        let turned = ARITHMETIC_2.map(|op| format!("{b} {a} {name}.{op}"));
        let unary = ARITHMETIC_1.map(|op| format!("{a} {name}.{op}"));
        let conversion = match name {
            "f64" => "i32.const 16 f32.load f64.promote_f32",
            "f32" => "i32.const 0 f64.load f32.demote_f64",
            "f64x2" => "i32.const 16 v128.load f64x2.promote_low_f32x4",
            _ => "i32.const 0 v128.load f32x4.demote_f64x2_zero",
        };
        let codes = binary.into_iter().chain(turned).chain(unary);
        all.extend(
            codes
                .chain([conversion.to_owned()])
                .map(|code| (name, code)),
        );
    }
    all
}

/// Uses of a value of any type: `X` computes it, `T` is its type, `C` a non-canonical
/// NaN, `K` a constant that is one, and `S` stores.
const ANY: [&str; 55] = [
    "X S",
    "X global.set $T",
    "X call $observe_T",
    "X i32.const 0 call_indirect (param T)",
    "X return_call $observe_T",
    "X i32.const 0 return_call_indirect (param T)",
    "block (result T) X end S",
    "block (result T) X br 0 end S",
    "block (result T) X i32.const 1 br_if 0 drop C end S",
    "block (result T) C i32.const 0 br_if 0 drop X end S",
    "block (result T) X i32.const 0 br_if 0 end S",
    "block (result T) block (result T) X i32.const 0 br_table 0 1 end S C end S",
    "block (result T) block (result T) X i32.const 7 br_table 0 1 end S C end S",
    "block (result T i32) X i32.const 1 br 0 end drop S",
    "block (result i32 T) i32.const 1 X i32.const 1 br_if 0 drop C end S drop",
    "block (result T) X i32.const 0 br_if 0 drop X i32.const 0 br_if 0 X S end S",
    "C call $keeps",
    "X call $keeps",
    "call $ends S",
    "call $returns S",
    "call $branches S",
    "call $may_branch S",
    "call $looks_up S",
    "X block br 0 i32.const 0 if end end S",
    "X block i32.const 1 br_if 0 unreachable if else end end S",
    "X block (param T) S end",
    "X loop (param T) S end",
    "C loop (param T) drop X local.get $n i32.eqz local.tee $n br_if 0 S end",
    "X i32.const 1 if (param T) (result T) else drop C end S",
    "X i32.const 0 if (param T) (result T) else drop C end S",
    "X i32.const 0 if (param T) (result T) drop C else end S",
    "X i32.const 1 if (param T) (result T) drop C end S",
    "X i32.const 0 if (param T) (result T) drop C end S",
    "i32.const 1 if (result T) X else C end S",
    "i32.const 1 if (result T) C else X end S",
    "X C i32.const 1 select (result T) S",
    "X C i32.const 0 select (result T) S",
    "C X i32.const 1 select (result T) S",
    "X K i32.const 0 select (result T) S",
    "i32.const 0 if (result T) X else K end S",
    "K local.set $a i32.const 0 if X local.set $a end local.get $a S",
    "X local.set $a local.get $a S",
    "X local.tee $a S local.get $a S",
    "X local.set $a C local.set $a local.get $a S",
    "i32.const 1 if X local.set $a else C local.set $a end local.get $a S",
    "i32.const 0 if X local.set $a else C local.set $a end local.get $a S",
    "C local.set $a i32.const 1 if X local.set $a end local.get $a S",
    "C local.set $a i32.const 0 if X local.set $a end local.get $a S",
    "C local.set $a block i32.const 1 br_if 0 X local.set $a end local.get $a S",
    "X local.set $a block i32.const 1 br_if 0 C local.set $a end local.get $a S",
    "C local.set $a loop X local.set $a local.get $n i32.eqz local.tee $n br_if 0 end local.get $a S",
    "C local.set $a loop local.get $a S X local.set $a local.get $n i32.eqz local.tee $n br_if 0 end",
    "X local.set $a loop local.get $a local.set $b local.get $b local.set $a
     local.get $n i32.eqz local.tee $n br_if 0 end local.get $b S",
    "C local.set $a X local.set $b loop local.get $a local.get $b local.set $a local.set $b
     local.get $n i32.eqz local.tee $n br_if 0 end local.get $a S local.get $b S",
    "C local.set $a block block block local.get $n br_table 0 1 2 end X local.set $a br 1 end
     C local.set $a end local.get $a S",
];

/// Uses of a float: `I` is the integer type of its size.
const FLOAT: [&str; 12] = [
    "X I.reinterpret_T local.set $I i32.const 512 local.get $I I.store",
    "X T.neg S",
    "X T.abs S",
    "X T.abs T.neg S",
    "X T.neg T.abs S",
    "X T.neg T.neg S",
    "X C T.copysign S",
    "C X T.copysign S",
    "X X T.neg i32.const 1 select S",
    "X T.neg C i32.const 1 select S",
    "X X T.neg i32.const 0 select T.neg S",
    "X T.neg local.set $a loop local.get $a T.neg local.set $a
     local.get $n i32.eqz local.tee $n br_if 0 end local.get $a S",
];

/// Uses of a vector: `L` is its shape, `E` the type of a lane, `O` the shape of the
/// other width, and `N` a lane of that.
const VECTOR: [&str; 38] = [
    "X L.neg S",
    "X L.abs S",
    "X L.abs L.neg S",
    "X O.neg S",
    "X O.abs S",
    "X C O.add S",
    "C X O.mul O.sqrt S",
    "X O.ceil S",
    "X C i32x4.add S",
    "X C v128.and S",
    "X v128.not S",
    "X C C v128.bitselect S",
    "C X C v128.bitselect S",
    "C C X v128.bitselect S",
    "X C i8x16.swizzle S",
    "C X i8x16.swizzle S",
    "X C i8x16.shuffle A S",
    "X X i8x16.shuffle A S",
    "X C i8x16.shuffle B S",
    "X X i8x16.shuffle B S",
    "X X i8x16.shuffle D S",
    "X i64x2.extract_lane 0 global.set $i64",
    "X i32x4.extract_lane 0 global.set $i32",
    "X i32x4.bitmask global.set $i32 X S",
    "X local.set $a i32.const 512 local.get $a v128.store64_lane 0",
    "X local.set $a i32.const 24 local.get $a v128.load64_lane 1 S",
    "X L.extract_lane 0 L.splat S",
    "X L.extract_lane 0 global.set $E",
    "C X L.extract_lane 0 L.replace_lane 1 S",
    "X C L.extract_lane 0 L.replace_lane 1 S",
    "X X L.extract_lane 0 L.replace_lane 1 S",
    "X C O.extract_lane 0 O.replace_lane 1 S",
    "X N O.replace_lane 0 S",
    "X C L.pmin S",
    "X X L.neg L.pmax S",
    "X C O.pmin S",
    "X C O.pmax S",
    "X C X C L.lt v128.bitselect S",
];

/// An exported mutable global that is named after its type.
fn global(of: &str, zero: &str) -> String {
    format!("(global ${of} (export \"{of}\") (mut {of}) ({of}.const {zero}))\n")
}

/// A module with a function for each use, which begins with `start`.
fn module(name: &str, code: &str, uses: &[&str], start: &str) -> String {
    let of = if name.contains('x') { "v128" } else { name };
    let (integer, element, other, constant) = match name {
        "f64" => ("i64", "", "", "i32.const 0 f64.load"),
        "f32" => ("i32", "", "", "i32.const 16 f32.load"),
        "f64x2" => ("", "f64", "f32x4", "i32.const 0 v128.load"),
        _ => ("", "f32", "f64x2", "i32.const 16 v128.load"),
    };
    let fill = |pattern: &str| {
        // Replaces words of one letter, alone or at either end of a word.
        let word = |word: &str| match word {
            "X" => code.to_owned(),
            "C" => constant.to_owned(),
            "K" if of == "v128" => "v128.const i32x4 0 0xfff00001 0x7fc12345 0".to_owned(),
            "K" => format!("{of}.const -nan:0x123"),
            "N" if element == "f32" => "f64.const 1.5".to_owned(),
            "N" => "f32.const 1.5".to_owned(),
            "S" => format!("call $observe_{of}"),
            "A" => SHUFFLES[0].to_owned(),
            "B" => SHUFFLES[1].to_owned(),
            "D" => SHUFFLES[2].to_owned(),
            word => word
                .replace("observe_T", &format!("observe_{of}"))
                .replace("$T", &format!("${of}"))
                .replace("(result T", &format!("(result {of}"))
                .replace("(param T", &format!("(param {of}"))
                .replace("T)", &format!("{of})"))
                .replace("$E", &format!("${element}"))
                .replace("$I", &format!("${integer}"))
                .replace("T.", &format!("{of}."))
                .replace("_T", &format!("_{of}"))
                .replace("I.", &format!("{integer}."))
                .replace("L.", &format!("{name}."))
                .replace("O.", &format!("{other}.")),
        };
        let words: Vec<_> = pattern.split_whitespace().map(word).collect();
        words.join(" ")
    };
    let functions = uses.iter().enumerate().map(|(n, pattern)| {
        format!(
            "(func (export \"use {n}\") (local $a {of}) (local $b {of}) (local $n i32)
               (local $i32 i32) (local $i64 i64) {start} {})\n",
            fill(pattern).replace("(result T", &format!("(result {of}"))
        )
    });
    format!(
        "(module (memory (export \"memory\") 1) (table funcref (elem $observe_{of}))
         {}{}{}{}{}
         (func $keeps (param {of})
           global.get $i32 if {code} local.set 0 end local.get 0 call $observe_{of})
         (func $ends (result {of}) {code})
         (func $returns (result {of}) {code} return)
         (func $branches (result {of}) {code} br 0)
         (func $may_branch (result {of}) {code} i32.const 1 br_if 0 drop {constant})
         (func $looks_up (result {of}) block {code} i32.const 0 br_table 1 1 end {constant})
         (global $at (mut i32) (i32.const 0))
         (func $observe_{of} (param {of})
           (global.set $at (i32.add (global.get $at) (i32.const 16)))
           (global.set $at (i32.and (global.get $at) (i32.const 0x1f0)))
           ({of}.store offset=512 (global.get $at) (local.get 0)))
         {})",
        global("i32", "0"),
        global("i64", "0"),
        global("f32", "0"),
        global("f64", "0"),
        global("v128", "i64x2 0 0"),
        functions.collect::<String>()
    )
}

#[test]
fn nans_of_arithmetic_are_canonical_in_every_use() {
    let engines = Engines::new();
    let inputs = inputs();
    let (mut same, mut different) = (0, 0);
    for (name, code) in arithmetic() {
        let own: &[_] = if name.contains('x') { &VECTOR } else { &FLOAT };
        for uses in [&ANY[..], own] {
            let module = module(name, &code, uses, "");
            let differ = check(&engines, &module, &inputs, true);
            let count = differ.iter().filter(|differs| **differs).count();
            different += count;
            same += differ.len() - count;
        }
    }
    println!("without canonicalization, {same} are equal, {different} differ");
    // Equal where only the other value, which keeps its bits, is observed.
    assert!(same > 500, "{same}");
    assert!(different > 3_000, "{different}");
}

#[test]
fn untracked_locals_hold_canonical_nans() {
    let start = format!(
        "{} {}",
        "(local f64)".repeat(5_000),
        "block end ".repeat(210)
    );
    let engines = Engines::new();
    for (name, code) in arithmetic() {
        if code.ends_with("add") || code.ends_with("sqrt") {
            let module = module(name, &code, &ANY[41..], &start);
            let differ = check(&engines, &module, &inputs(), false);
            assert!(differ.contains(&true), "{code}");
        }
    }
}
