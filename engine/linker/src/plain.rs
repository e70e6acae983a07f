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
//! Rows are not begun in a call whose rows are bounded by the host, if no argument is null. Other
//! rows of numbers are begun in groups, where the host permits it.
//!
//! Text and bytes are passed by a [`TextConvention`]. All that a function returns is checked
//! within its row, so that the error names the row.

// The expected type of a function.
mod expected;

// The loops over rows of numbers.
mod numbers;

// The loop that calls a short function for several rows at a time.
mod unrolled;

// The loop over rows of text and bytes.
mod rows;

// Columns of arguments and results.
mod columns;

// Blocks of memory.
mod blocks;

// Exports beside the function.
mod companions;

// Conventions for text and bytes.
mod convention;

// Parts of a driver's text.
mod text;

// Types of columns.
mod plain_type;

use std::borrow::Cow;
use std::fmt::Write as _;

use fusebox_abi::{
    EXPORT_ALLOC, EXPORT_FUNCTION_PREFIX, EXPORT_INITIALIZE, EXPORT_VERSION, IMPORT_METERING_MODE,
    IMPORT_MODULE, IMPORT_ROW_BEGIN, IMPORT_ROW_END, IMPORT_ROW_GROUP_BEGIN, IMPORT_ROW_PAUSE,
    IMPORT_ROW_RESUME,
};
use wasmparser::ValType;

use crate::driver::{Messages, UTF8, UTF16, is_short, with_open_memory};
use crate::error::Error;
use crate::linker::Linker;
use crate::modules::MAIN;
use crate::quoted::quoted;
use crate::wasi::{EXPORT_ROW, clock};
use companions::Companions;
pub use companions::Exports;
pub use convention::TextConvention;
pub use plain_type::PlainType;
use rows::TextRows;

/// Name by which a driver imports from the module of the plain function.
const PLAIN_MODULE: &str = "plain";

/// Number of that module, the first provider, for the linker.
const PROVIDED: usize = MAIN + 1;

/// Module of a plain function with its driver.
#[derive(Clone, Debug)]
pub struct LinkedPlain {
    /// Module in the binary format, which exports a scalar function of ABI 1.
    pub module: Vec<u8>,
    /// True if no call depends on what earlier ones left in memory, unless an argument of it is
    /// null: of the values of those rows none is written.
    pub is_free_of_memory: bool,
}

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
    /// Convention for text and bytes among these.
    pub convention: Option<TextConvention>,
    /// Functions that the module exports.
    pub exports: &'a Exports<'a>,
    /// True if the module has a memory of its own.
    pub has_memory: bool,
    /// True if the module exports `_initialize`.
    pub has_initialize: bool,
    /// True if the module exports [`EXPORT_ROW`], which is called
    /// before each row.
    pub has_row: bool,
    /// True if it may read the clock: the module then exports
    /// [`EXPORT_CLOCK`](crate::wasi::EXPORT_CLOCK), and the driver
    /// [`EXPORT_DRIVER_CLOCK`](crate::wasi::EXPORT_DRIVER_CLOCK).
    pub has_clock: bool,
}

impl PlainFunction<'_> {
    /// Links the driver to the module of the function, which [fits](Self::mismatch). The result
    /// exports a scalar function of ABI 1 of the same name.
    ///
    /// # Errors
    ///
    /// Those of [`Linker::link`].
    pub fn link(&self, module: &[u8]) -> Result<LinkedPlain, Error> {
        let is_short = is_short(module, self.name)?;
        let driver = wat::parse_str(self.driver(is_short)).map_err(|error| Error::Invalid {
            place: "the driver".to_owned(),
            message: error.to_string(),
            offset: 0,
        })?;
        let opened = match self.has_memory {
            true => Cow::Owned(with_open_memory(module)?),
            false => Cow::Borrowed(module),
        };
        let linker = Linker::new("driver", &driver)?.provide(PLAIN_MODULE, &opened)?;
        Ok(LinkedPlain {
            module: linker.link()?,
            is_free_of_memory: self.is_free_of_memory(&linker)?,
        })
    }

    /// Returns true if the driver alone reads and writes memory: no code of the module does that a
    /// call runs. A driver of numbers writes all that is read then, unless a row has a null.
    fn is_free_of_memory(&self, linker: &Linker<'_>) -> Result<bool, Error> {
        let convention = self.text_convention();
        // An allocator of the module is its code.
        let companions = Companions::of(self.exports, self.name, convention);
        if convention.is_some() || self.has_row || companions.allocator.is_some() {
            return Ok(false);
        }
        Ok(!linker.reaches_memory(PROVIDED, self.name)?)
    }

    /// Returns the driver in the text format. `is_short` says that the function is.
    fn driver(&self, is_short: bool) -> String {
        let mut text = String::from("(module\n");
        let companions = Companions::of(self.exports, self.name, self.text_convention());
        self.imports(&mut text);
        for (name, companion) in companions.all() {
            text += &companion.import(name, PLAIN_MODULE);
        }
        self.memory(&mut text);
        let convention = self.text_convention();
        let has_scratch = convention.is_some_and(TextConvention::borrows_arguments);
        text += &blocks::functions(&companions, has_scratch);
        let _ = writeln!(
            text,
            "(func (export \"{EXPORT_VERSION}\"))\n\
             (export \"{EXPORT_ALLOC}\" (func $alloc)) (export \"memory\" (memory 0))"
        );
        if self.has_initialize {
            let _ = writeln!(text, "(export \"{EXPORT_INITIALIZE}\" (func $initialize))");
        }
        match convention.zip(self.shape()) {
            None => self.numbers_function(is_short, &mut text),
            Some((convention, shape)) => {
                let mut rows = TextRows {
                    function: self,
                    convention,
                    shape,
                    companions: &companions,
                    messages: Messages::default(),
                };
                self.text_function(&mut rows, &mut text);
                text += include_str!("plain/strings.wat");
                text += UTF8;
                text += UTF16;
                text += &rows.messages.items();
            }
        }
        text += ")";
        text
    }

    fn imports(&self, text: &mut String) {
        let types = |types: &[ValType]| types.iter().map(|ty| format!(" {ty}")).collect::<String>();
        let _ = writeln!(
            text,
            "(import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_BEGIN}\" (func $row_begin (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_END}\" (func $row_end (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_PAUSE}\" (func $row_pause (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_RESUME}\" (func $row_resume))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_GROUP_BEGIN}\" (func $row_group_begin (param i32)))\n\
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
        if self.has_clock {
            *text += &clock(PLAIN_MODULE);
        }
    }

    fn memory(&self, text: &mut String) {
        *text += &match self.has_memory {
            true => format!("(import \"{PLAIN_MODULE}\" \"memory\" (memory 0))\n"),
            false => "(memory 0)\n".to_owned(),
        };
    }

    /// Begins the exported function, with its locals.
    fn begin_function(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "(func (export {}) (param $args i32) (param $rows i32) (param $result i32) (result i32)\n\
             (local $row i32) (local $mode i32) (local $nulls i32) (local $valid i32)\n\
             (local $bits i32) (local $left i32) (local $at i32)",
            quoted(&format!("{EXPORT_FUNCTION_PREFIX}{}", self.name)),
        );
        for k in 0..self.arguments.len() {
            // Address of the values or offsets, address of the validity bits, bytes of a row, and
            // the mask of a row's number: 0 for a constant.
            let _ = writeln!(
                text,
                "(local $v{k} i32) (local $n{k} i32) (local $d{k} i32) (local $m{k} i32)"
            );
        }
        for k in 0..self.returns.len() {
            // Address of the values or offsets, and address of the next.
            let _ = writeln!(text, "(local $o{k} i32) (local $p{k} i32)");
        }
        for (k, wasm) in self.results.iter().enumerate() {
            let _ = writeln!(text, "(local $r{k} {wasm})");
        }
    }

    fn numbers_function(&self, is_short: bool, text: &mut String) {
        *text += Self::end_group();
        self.begin_function(text);
        *text += &self.loop_locals();
        *text += "(call $begin)\n(local.set $mode (call $mode))\n";
        self.prepare(text);
        self.loops(is_short, text);
        self.finish(text);
        *text += ")\n";
    }

    fn text_function(&self, rows: &mut TextRows<'_>, text: &mut String) {
        self.begin_function(text);
        *text += &rows.locals();
        *text += "(call $begin)\n";
        if rows.returns_null() {
            // Any row may be null then.
            *text += "(local.set $nulls (i32.const 1))\n";
        }
        self.prepare(text);
        *text += &rows.body();
        self.finish(text);
        *text += ")\n";
    }
}
