//! Random programs over floats and vectors, in the text format.
//!
//! Each is a module that terminates without a trap and whose operands are often NaNs,
//! loaded from a memory that the host has filled. Values pass through locals, blocks,
//! loops and calls, and are observed in every way that Wasm has.

use std::fmt::Write;

/// Pseudorandom numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    pub(crate) fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

pub(crate) const ARITHMETIC_2: [&str; 6] = ["add", "sub", "mul", "div", "min", "max"];
pub(crate) const ARITHMETIC_1: [&str; 5] = ["sqrt", "ceil", "floor", "trunc", "nearest"];
const COMPARISONS: [&str; 6] = ["eq", "ne", "lt", "gt", "le", "ge"];
const TYPES: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];

/// Bytes of memory that a program loads and stores.
pub(crate) const BYTES: usize = 1 << 10;

/// A program with functions `f0`, `f1`, …, to be called in order.
pub(crate) fn program(seed: u64) -> String {
    let mut text = String::from("(module (memory (export \"memory\") 1)\n");
    for of in TYPES {
        let _ = writeln!(
            text,
            "(global ${of} (export \"{of}\") (mut {of}) {})",
            zero(of)
        );
    }
    let _ = writeln!(text, "(func $id32 (param f32) (result f32) local.get 0)");
    let _ = writeln!(text, "(func $id64 (param f64) (result f64) local.get 0)");
    let _ = writeln!(text, "(func $idv (param v128) (result v128) local.get 0)");
    let _ = writeln!(text, "(func $pair (param f64 v128) (result f64 v128)");
    let _ = writeln!(text, "local.get 0 local.get 1)");
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        random.next();
    }
    for number in 0..3 {
        text += &Writer::new(&mut random).function(number);
    }
    text + ")"
}

fn zero(of: &str) -> &str {
    match of {
        "i32" => "(i32.const 0)",
        "i64" => "(i64.const 0)",
        "f32" => "(f32.const 0)",
        "f64" => "(f64.const 0)",
        _ => "v128.const i64x2 0 0",
    }
}

struct Writer<'a> {
    random: &'a mut Random,
    /// The number of locals that count iterations.
    loops: usize,
    labels: usize,
    /// The labels of open blocks that statements may branch to.
    blocks: Vec<usize>,
    /// The number of expressions that may still be written.
    left: usize,
}

impl<'a> Writer<'a> {
    fn new(random: &'a mut Random) -> Self {
        Self {
            random,
            loops: 0,
            labels: 0,
            blocks: Vec::new(),
            left: 150,
        }
    }

    fn function(mut self, number: usize) -> String {
        let of = self.random.one_of(&TYPES);
        let body = self.statements(0);
        let result = self.expression(of, 3);
        let mut locals = String::new();
        for of in TYPES {
            for n in 0..3 {
                let _ = write!(locals, "(local ${of}{n} {of})");
            }
        }
        for n in 0..self.loops {
            let _ = write!(locals, "(local $count{n} i32)");
        }
        format!("(func (export \"f{number}\") (result {of}) {locals}\n{body}\n{result})\n")
    }

    fn statements(&mut self, depth: usize) -> String {
        let count = 1 + self.random.below(5);
        (0..count).map(|_| self.statement(depth) + "\n").collect()
    }

    fn label(&mut self) -> usize {
        self.labels += 1;
        self.labels
    }

    fn statement(&mut self, depth: usize) -> String {
        let types = ["f32", "f64", "v128", "f32", "f64", "v128", "i32", "i64"];
        let of = self.random.one_of(&types);
        let n = self.random.below(3);
        let choices = if depth > 3 || self.left == 0 { 6 } else { 11 };
        match self.random.below(choices) {
            0..=2 => format!("{} local.set ${of}{n}", self.expression(of, 3)),
            3 => {
                let at = self.random.below(BYTES / 16) * 16;
                format!("i32.const {at} {} {of}.store", self.expression(of, 3))
            }
            4 => format!("{} global.set ${of}", self.expression(of, 2)),
            5 if !self.blocks.is_empty() => {
                let label = self.blocks[self.random.below(self.blocks.len())];
                format!("{} br_if $l{label}", self.expression("i32", 2))
            }
            5 => format!("{} drop", self.expression(of, 2)),
            6 => {
                let condition = self.expression("i32", 2);
                let then = self.statements(depth + 1);
                let otherwise = match self.random.below(2) {
                    0 => String::new(),
                    _ => format!("else {}", self.statements(depth + 1)),
                };
                format!("{condition} if {then} {otherwise} end")
            }
            7 => {
                let label = self.label();
                self.blocks.push(label);
                let body = self.statements(depth + 1);
                let end = match self.random.below(4) {
                    0 => format!("br $l{label}"),
                    _ => String::new(),
                };
                self.blocks.pop();
                format!("block $l{label} {body} {end} end")
            }
            8 | 9 => self.counted_loop(depth),
            _ => {
                let [a, b, c] = [self.label(), self.label(), self.label()];
                let selector = self.expression("i32", 2);
                let [first, second] = [(); 2].map(|()| self.statements(depth + 1));
                format!(
                    "block $l{a} block $l{b} block $l{c}
                     {selector} i32.const 3 i32.and br_table $l{a} $l{b} $l{c} $l{b}
                     end {first} end {second} end"
                )
            }
        }
    }

    /// A loop with a few iterations.
    fn counted_loop(&mut self, depth: usize) -> String {
        let (label, out) = (self.label(), self.label());
        let count = self.loops;
        self.loops += 1;
        let most = self.random.below(4);
        self.blocks.push(out);
        let body = self.statements(depth + 1);
        self.blocks.pop();
        let start = format!("i32.const 0 local.set $count{count} block $l{out} loop $l{label}");
        let next = format!("local.get $count{count} i32.const 1 i32.add local.tee $count{count}");
        match self.random.below(2) {
            0 => format!("{start} {body} {next} i32.const {most} i32.lt_u br_if $l{label} end end"),
            _ => format!(
                "{start} {next} i32.const {most} i32.gt_u br_if $l{out} {body} br $l{label} end end"
            ),
        }
    }

    fn expression(&mut self, of: &'static str, depth: usize) -> String {
        self.left = self.left.saturating_sub(1);
        if depth == 0 || self.left == 0 {
            return self.leaf(of);
        }
        match self.random.below(14) {
            0 | 1 => self.leaf(of),
            2 => {
                let n = self.random.below(3);
                format!("{} local.tee ${of}{n}", self.expression(of, depth - 1))
            }
            3 => {
                let [a, b] = [(); 2].map(|()| self.expression(of, depth - 1));
                let condition = self.expression("i32", depth - 1);
                let label = self.label();
                match self.random.below(5) {
                    0 if of != "v128" => format!("{a} {b} {condition} select"),
                    0 | 1 => format!("{a} {b} {condition} select (result {of})"),
                    2 => format!("{condition} if (result {of}) {a} else {b} end"),
                    3 => format!(
                        "block $l{label} (result {of}) {a} {condition} br_if $l{label} drop {b} end"
                    ),
                    _ => format!("block $l{label} (result {of}) {a} br $l{label} end"),
                }
            }
            4 if depth > 1 => self.several(of, depth - 1),
            _ => match of {
                "i32" | "i64" => self.integer(of, depth - 1),
                "v128" => self.vector(depth - 1),
                _ => self.float(of, depth - 1),
            },
        }
    }

    /// Blocks and loops with parameters, and several results.
    fn several(&mut self, of: &'static str, depth: usize) -> String {
        let other = self.random.one_of(&TYPES);
        let [a, c] = [(); 2].map(|()| self.expression(of, depth));
        let b = self.expression(other, depth);
        let condition = self.expression("i32", depth);
        let n = self.random.below(3);
        match self.random.below(7) {
            0 => format!("{a} {b} block (param {of} {other}) (result {of}) drop end"),
            1 => format!("{a} loop (param {of}) (result {of}) end"),
            2 => format!("block (result {of} {other}) {a} {b} {condition} br_if 0 end drop"),
            3 => format!("{a} {condition} if (param {of}) (result {of}) else drop {c} end"),
            4 => format!("{a} {condition} if (param {of}) (result {of}) drop {c} end"),
            5 if of == "f64" => format!("{a} {} call $pair drop", self.expression("v128", depth)),
            _ => format!(
                "{a} {b} {condition} if (param {of} {other}) (result {of} {other})
                 local.set ${other}{n} local.get ${other}{n} end drop"
            ),
        }
    }

    fn leaf(&mut self, of: &'static str) -> String {
        let n = self.random.below(3);
        let at = self.random.below(BYTES / 16) * 16;
        match self.random.below(8) {
            0..=3 => format!("local.get ${of}{n}"),
            4 => format!("global.get ${of}"),
            5 => match of {
                "i32" | "i64" => format!("{of}.const {}", self.random.below(4)),
                "v128" => self.random.one_of(&VECTORS).to_owned(),
                _ => {
                    let values = ["0", "1.5", "-inf", "inf", "nan", "-nan", "nan:0x300001"];
                    format!("{of}.const {}", self.random.one_of(&values))
                }
            },
            _ => format!("i32.const {at} {of}.load"),
        }
    }

    fn integer(&mut self, of: &'static str, depth: usize) -> String {
        let float = if of == "i32" { "f32" } else { "f64" };
        let lanes = if of == "i32" { "i32x4" } else { "i64x2" };
        match self.random.below(6) {
            0 | 1 => format!("{} {of}.reinterpret_{float}", self.expression(float, depth)),
            2 => format!("{} {lanes}.extract_lane 1", self.expression("v128", depth)),
            3 => {
                let from = self.random.one_of(&["f32", "f64"]);
                format!("{} {of}.trunc_sat_{from}_s", self.expression(from, depth))
            }
            4 if of == "i32" => {
                let from = self.random.one_of(&["f32", "f64"]);
                let compare = self.random.one_of(&COMPARISONS);
                let [a, b] = [(); 2].map(|()| self.expression(from, depth));
                format!("{a} {b} {from}.{compare}")
            }
            5 if of == "i32" => format!("{} v128.any_true", self.expression("v128", depth)),
            _ => {
                let [a, b] = [(); 2].map(|()| self.expression(of, depth));
                format!("{a} {b} {of}.xor")
            }
        }
    }

    fn float(&mut self, of: &'static str, depth: usize) -> String {
        let (other, convert, integer, lanes, id) = match of {
            "f32" => ("f64", "demote", "i32", "f32x4", "$id32"),
            _ => ("f32", "promote", "i64", "f64x2", "$id64"),
        };
        match self.random.below(14) {
            0..=3 => {
                let name = self.random.one_of(&ARITHMETIC_2);
                let [a, b] = [(); 2].map(|()| self.expression(of, depth));
                format!("{a} {b} {of}.{name}")
            }
            4 => {
                let name = self.random.one_of(&ARITHMETIC_1);
                format!("{} {of}.{name}", self.expression(of, depth))
            }
            5 => format!("{} {of}.{convert}_{other}", self.expression(other, depth)),
            6 | 7 => {
                let name = self.random.one_of(&["abs", "neg"]);
                format!("{} {of}.{name}", self.expression(of, depth))
            }
            8 => {
                let [a, b] = [(); 2].map(|()| self.expression(of, depth));
                format!("{a} {b} {of}.copysign")
            }
            9 => format!("{} {of}.convert_i32_s", self.expression("i32", depth)),
            10 => format!(
                "{} {of}.reinterpret_{integer}",
                self.expression(integer, depth)
            ),
            11 => format!("{} {lanes}.extract_lane 1", self.expression("v128", depth)),
            _ => format!("{} call {id}", self.expression(of, depth)),
        }
    }

    fn vector(&mut self, depth: usize) -> String {
        let (lanes, float) = match self.random.below(2) {
            0 => ("f32x4", "f32"),
            _ => ("f64x2", "f64"),
        };
        let choice = self.random.below(20);
        let zero = if float == "f64" { "_zero" } else { "" };
        let [a, b] = [(); 2].map(|()| self.expression("v128", depth));
        match choice {
            0..=3 => format!("{a} {b} {lanes}.{}", self.random.one_of(&ARITHMETIC_2)),
            4 | 5 => format!("{a} {lanes}.{}", self.random.one_of(&ARITHMETIC_1)),
            6 | 7 => format!("{a} {lanes}.{}", self.random.one_of(&["abs", "neg"])),
            8 => format!("{a} {b} {lanes}.{}", self.random.one_of(&["pmin", "pmax"])),
            9 => format!("{a} {b} {lanes}.{}", self.random.one_of(&COMPARISONS)),
            10 => format!("{} {lanes}.splat", self.expression(float, depth)),
            11 => format!(
                "{a} {} {lanes}.replace_lane 1",
                self.expression(float, depth)
            ),
            12 => format!("{a} {b} i8x16.shuffle {}", self.random.one_of(&SHUFFLES)),
            13 => format!("{a} {b} {} v128.bitselect", self.expression("v128", depth)),
            14 => {
                let names = ["i32x4.add", "v128.and", "v128.xor", "i8x16.swizzle"];
                format!("{a} {b} {}", self.random.one_of(&names))
            }
            15 => format!("{a} f32x4.demote_f64x2_zero"),
            16 => format!("{a} f64x2.promote_low_f32x4"),
            17 => format!("{a} i32x4.trunc_sat_{lanes}_s{zero}"),
            18 => format!("{a} f64x2.convert_low_i32x4_s"),
            _ => format!("{a} call $idv"),
        }
    }
}

const VECTORS: [&str; 4] = [
    "v128.const i64x2 0 0",
    "v128.const f32x4 1.5 -inf 0 inf",
    "v128.const f64x2 nan -2.5",
    "v128.const f32x4 nan:0x300001 -nan 1 nan",
];

/// Shuffles of lanes of 64 and 32 bits, and of bytes.
pub(crate) const SHUFFLES: [&str; 3] = [
    "8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
    "4 5 6 7 0 1 2 3 28 29 30 31 8 9 10 11",
    "0 1 2 3 5 4 6 7 8 9 10 11 12 13 14 31",
];
