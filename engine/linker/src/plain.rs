//! Drivers: the loop over the columns of a batch, around a plain function.
//!
//! A plain function is an export over `i32`, `i64`, `f32` and `f64` that knows nothing of
//! columns. Its driver is a module that exports a scalar function of ABI 1 and imports the
//! plain function: linked to the module of that, both are one, and the compiler inlines the
//! function into the loop.
//!
//! ```text
//! for each row without a null:
//!     row_begin(row)  load the arguments  call  check and store the results  row_end(0)
//! ```
//!
//! Rows are not begun in a call whose rows are bounded by the host, if no argument is null.

// Parts of a driver's text.
mod text;

// The memory of the module.
mod memory;

// Types of columns.
mod plain_type;

use std::borrow::Cow;
use std::fmt::Write as _;

use fusebox_abi::{
    EXPORT_ALLOC, EXPORT_FUNCTION_PREFIX, EXPORT_INITIALIZE, EXPORT_VERSION, IMPORT_METERING_MODE,
    IMPORT_MODULE, IMPORT_ROW_BEGIN, IMPORT_ROW_END,
};
use wasmparser::ValType;

use crate::error::Error;
use crate::linker::Linker;
use crate::wasi::EXPORT_ROW;
use memory::with_open_memory;
pub use plain_type::PlainType;
use text::{ALLOCATOR, BITMAP_BYTES, bit, failure, load, quoted, range_check, set_bit, store};

/// Name by which a driver imports from the module of the plain function.
const PLAIN_MODULE: &str = "plain";

/// Plain function that a driver calls.
#[derive(Clone, Debug)]
pub struct PlainFunction<'a> {
    /// Name of the export.
    pub name: &'a str,
    /// Types of the parameters of the export.
    pub parameters: &'a [ValType],
    /// Types of its results.
    pub results: &'a [ValType],
    /// Types of the argument columns.
    pub arguments: &'a [PlainType],
    /// Types of the result column; several are the fields of a struct.
    pub returns: &'a [PlainType],
    /// Names of the types of the result column, for messages.
    pub return_names: &'a [String],
    /// True if the module has a memory of its own.
    pub has_memory: bool,
    /// True if the module exports `_initialize`.
    pub has_initialize: bool,
    /// True if the module exports [`EXPORT_ROW`], which is called
    /// before each row.
    pub has_row: bool,
}

impl PlainFunction<'_> {
    /// Returns true if the types of the export fit those of the columns.
    pub fn fits(&self) -> bool {
        let arguments = self.arguments.iter().zip(self.parameters);
        let returns = self.returns.iter().zip(self.results);
        self.arguments.len() == self.parameters.len()
            && self.returns.len() == self.results.len()
            && !self.returns.is_empty()
            && arguments
                .into_iter()
                .all(|(ty, wasm)| ty.is_passed_as(*wasm))
            && returns.into_iter().all(|(ty, wasm)| ty.is_result_of(*wasm))
    }

    /// Links the driver to the module of the function. The result exports a scalar function of
    /// ABI 1 of the same name.
    ///
    /// # Errors
    ///
    /// Those of [`Linker::link`].
    pub fn link(&self, module: &[u8]) -> Result<Vec<u8>, Error> {
        let driver = wat::parse_str(self.driver()).map_err(|error| Error::Invalid {
            place: "the driver".to_owned(),
            message: error.to_string(),
            offset: 0,
        })?;
        let opened = match self.has_memory {
            true => Cow::Owned(with_open_memory(module)?),
            false => Cow::Borrowed(module),
        };
        Linker::new("driver", &driver)?
            .provide(PLAIN_MODULE, &opened)?
            .link()
    }

    /// Returns the driver in the text format.
    fn driver(&self) -> String {
        let mut text = String::from("(module\n");
        self.imports(&mut text);
        text += ALLOCATOR;
        let _ = writeln!(
            text,
            "(func (export \"{EXPORT_VERSION}\"))\n\
             (export \"{EXPORT_ALLOC}\" (func $alloc)) (export \"memory\" (memory 0))"
        );
        if self.has_initialize {
            let _ = writeln!(text, "(export \"{EXPORT_INITIALIZE}\" (func $initialize))");
        }
        self.function(&mut text);
        text += ")";
        text
    }

    fn imports(&self, text: &mut String) {
        let types = |types: &[ValType]| types.iter().map(|ty| format!(" {ty}")).collect::<String>();
        let _ = writeln!(
            text,
            "(import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_BEGIN}\" (func $row_begin (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_END}\" (func $row_end (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_METERING_MODE}\" (func $mode (result i32)))\n\
             (import \"{PLAIN_MODULE}\" {} (func $plain (param{}) (result{})))",
            quoted(self.name),
            types(self.parameters),
            types(self.results),
        );
        if self.has_initialize {
            let _ = writeln!(
                text,
                "(import \"{PLAIN_MODULE}\" \"{EXPORT_INITIALIZE}\" (func $initialize))"
            );
        }
        if self.has_row {
            let _ = writeln!(
                text,
                "(import \"{PLAIN_MODULE}\" \"{EXPORT_ROW}\" (func $begin_inputs))"
            );
        }
        *text += &match self.has_memory {
            true => format!("(import \"{PLAIN_MODULE}\" \"memory\" (memory 0))\n"),
            false => "(memory 0)\n".to_owned(),
        };
    }

    fn function(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "(func (export {}) (param $args i32) (param $rows i32) (param $result i32) (result i32)\n\
             (local $row i32) (local $mode i32) (local $nulls i32) (local $valid i32)\n\
             (local $bits i32) (local $left i32) (local $at i32)",
            quoted(&format!("{EXPORT_FUNCTION_PREFIX}{}", self.name)),
        );
        for k in 0..self.arguments.len() {
            // Address of the values, address of the validity bits, bytes of a row, and the mask
            // of a row's number: 0 for a constant.
            let _ = writeln!(
                text,
                "(local $v{k} i32) (local $n{k} i32) (local $d{k} i32) (local $m{k} i32)"
            );
        }
        for (k, wasm) in self.results.iter().enumerate() {
            // Address of the values, address of the next, and the result of a call.
            let _ = writeln!(
                text,
                "(local $o{k} i32) (local $p{k} i32) (local $r{k} {wasm})"
            );
        }
        self.prepare(text);
        self.fast_loop(text);
        self.general_loop(text);
        self.finish(text);
        *text += ")\n";
    }

    /// Reads the columns and takes memory for the results.
    fn prepare(&self, text: &mut String) {
        // The bytes of a result would not be representable.
        *text += "(if (i32.gt_u (local.get $rows) (i32.const 0x10000000)) (then (unreachable)))\n\
                  (call $begin)\n(local.set $mode (call $mode))\n";
        for (k, ty) in self.arguments.iter().enumerate() {
            let at = k * 64;
            let size = 1 << ty.size_log2();
            let _ = writeln!(
                text,
                "(local.set $at (i32.load offset={} (local.get $args)))\n\
                 (local.set $n{k} (i32.load (local.get $at)))\n\
                 (local.set $v{k} (i32.load offset=4 (local.get $at)))\n\
                 (local.set $m{k} (select (i32.const 0) (i32.const -1)\n\
                   (i64.eq (i64.load offset={at} (local.get $args)) (i64.const 1))))\n\
                 (local.set $d{k} (i32.and (local.get $m{k}) (i32.const {size})))\n\
                 (local.set $nulls (i32.or (local.get $nulls) (local.get $n{k})))",
                at + 40,
            );
        }
        for (k, ty) in self.returns.iter().enumerate() {
            let bytes = match ty {
                PlainType::Boolean => BITMAP_BYTES.to_owned(),
                ty => format!("(i32.shl (local.get $rows) (i32.const {}))", ty.size_log2()),
            };
            let _ = writeln!(
                text,
                "(local.set $o{k} (call $take {bytes})) (local.set $p{k} (local.get $o{k}))"
            );
            if *ty == PlainType::Boolean {
                let _ = writeln!(
                    text,
                    "(memory.fill (local.get $o{k}) (i32.const 0) {BITMAP_BYTES})"
                );
            }
        }
        let _ = writeln!(
            text,
            "(if (local.get $nulls) (then\n  (local.set $bits (call $take {BITMAP_BYTES}))\n  \
             (memory.fill (local.get $bits) (i32.const 0) {BITMAP_BYTES})))"
        );
    }

    /// The loop where rows are not begun and no argument is null.
    fn fast_loop(&self, text: &mut String) {
        *text += "(block $done\n(if (i32.and (i32.ne (local.get $mode) (i32.const 0)) (i32.eqz (local.get $nulls))) (then\n\
                  (local.set $left (local.get $rows))\n(loop $next\n";
        self.call(text);
        self.store(text);
        self.advance(text);
        // Counts down, so that the loop is charged as a whole.
        *text +=
            "local.get $left i32.const -1 i32.add local.tee $left br_if $next)\n(br $done)))\n";
    }

    /// The loop in which a row is begun unless the mode says otherwise, and rows with a null are
    /// left out.
    fn general_loop(&self, text: &mut String) {
        *text += "(loop $next\n(local.set $valid (i32.const 1))\n";
        for k in 0..self.arguments.len() {
            let bit = bit(&format!("(local.get $n{k})"), k);
            let _ = writeln!(
                text,
                "(if (local.get $n{k}) (then (local.set $valid (i32.and (local.get $valid) {bit}))))"
            );
        }
        *text += "(if (local.get $valid) (then\n\
                  (if (i32.eqz (local.get $mode)) (then (call $row_begin (local.get $row))))\n";
        self.call(text);
        self.store(text);
        *text += "(call $row_end (i32.const 0))\n\
                  (if (local.get $nulls) (then\n";
        *text += &set_bit("$bits");
        *text += "))))\n";
        self.advance(text);
        *text += "(br_if $next (i32.lt_u (local.get $row) (local.get $rows))))\n)\n";
    }

    /// Loads the arguments of a row and calls the function.
    fn call(&self, text: &mut String) {
        if self.has_row {
            *text += "(call $begin_inputs)\n";
        }
        for (k, (ty, wasm)) in self.arguments.iter().zip(self.parameters).enumerate() {
            *text += &load(*ty, *wasm, k);
        }
        *text += "(call $plain)\n";
        for k in (0..self.results.len()).rev() {
            let _ = writeln!(text, "(local.set $r{k})");
        }
    }

    /// Checks the results of a row and stores them.
    fn store(&self, text: &mut String) {
        for (k, (ty, wasm)) in self.returns.iter().zip(self.results).enumerate() {
            if let Some(check) = range_check(*ty, *wasm, k) {
                let message = format!("the result is not in the range of {}", self.return_names[k]);
                let _ = writeln!(text, "(if {check} (then {}))", failure(&message));
            }
            let stored = match ty {
                PlainType::Boolean => {
                    let is_true = format!("({wasm}.ne (local.get $r{k}) ({wasm}.const 0))");
                    let set = set_bit(&format!("$o{k}"));
                    format!("(if {is_true} (then {set}))\n")
                }
                ty => store(*ty, *wasm, k),
            };
            *text += &stored;
        }
    }

    /// Moves to the next row.
    fn advance(&self, text: &mut String) {
        for (k, ty) in self.arguments.iter().enumerate() {
            if *ty != PlainType::Boolean {
                let _ = writeln!(
                    text,
                    "(local.set $v{k} (i32.add (local.get $v{k}) (local.get $d{k})))"
                );
            }
        }
        for (k, ty) in self.returns.iter().enumerate() {
            if *ty != PlainType::Boolean {
                let size = 1 << ty.size_log2();
                let _ = writeln!(
                    text,
                    "(local.set $p{k} (i32.add (local.get $p{k}) (i32.const {size})))"
                );
            }
        }
        *text += "(local.set $row (i32.add (local.get $row) (i32.const 1)))\n";
    }

    /// Writes the result column: one of values, or a struct of several.
    fn finish(&self, text: &mut String) {
        let column = |text: &mut String, column: &str, k: usize| {
            let _ = writeln!(
                text,
                "(i64.store {column} (i64.extend_i32_u (local.get $rows)))\n\
                 (i64.store offset=24 {column} (i64.const 2))\n\
                 (local.set $at (call $take (i32.const 8)))\n\
                 (i32.store offset=40 {column} (local.get $at))\n\
                 (i32.store (local.get $at) (local.get $bits))\n\
                 (i32.store offset=4 (local.get $at) (local.get $o{k}))"
            );
        };
        if self.returns.len() == 1 {
            column(text, "(local.get $result)", 0);
            *text += "(i32.const 0)\n";
            return;
        }
        // The address of the struct's bits, the children, and their addresses.
        let children = self.returns.len();
        let addresses = 64 + 64 * children;
        let bytes = addresses + 4 * children;
        let _ = writeln!(
            text,
            "(i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))\n\
             (i64.store offset=24 (local.get $result) (i64.const 1))\n\
             (i64.store offset=32 (local.get $result) (i64.const {children}))\n\
             (local.set $left (call $take (i32.const {bytes})))\n\
             (memory.fill (local.get $left) (i32.const 0) (i32.const {bytes}))\n\
             (i32.store (local.get $left) (local.get $bits))\n\
             (i32.store offset=40 (local.get $result) (local.get $left))\n\
             (i32.store offset=44 (local.get $result)\n\
               (i32.add (local.get $left) (i32.const {addresses})))"
        );
        for k in 0..children {
            let child = format!("(i32.add (local.get $left) (i32.const {}))", 64 + 64 * k);
            column(text, &child, k);
            let offset = addresses + 4 * k;
            let _ = writeln!(
                text,
                "(i32.store offset={offset} (local.get $left) {child})"
            );
        }
        *text += "(i32.const 0)\n";
    }
}
