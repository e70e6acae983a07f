//! The loop over rows.

use wasmparser::ValType;

use super::arguments::row;
use super::writer::{Current, NONE, Writer};
use super::{COMPONENT_MODULE, flat_parameters};
use crate::component::{Layout, StringEncoding};
use crate::driver::{ADDRESS, UTF8, UTF16, blocks};
use crate::linker::AmbientInputs;
use crate::quoted::quoted;

/// Result columns from which on a null has a price of its own, so that it is a row of its own.
const CHEAP_COLUMNS: usize = 4;

/// Size of the block that is asked for, in bytes: what a guest has allocated before the columns
/// lies in front of them.
const PROBE_BYTES: usize = 4096;

impl Writer<'_> {
    /// Writes the functions that do not depend on the signature.
    pub(super) fn common(&mut self) {
        let realloc = "(call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $all))";
        let allocator = self.realloc.map(|_| (realloc, ""));
        self.line(blocks(allocator));
        self.line(include_str!("chunks.wat"));
        self.line(include_str!("rows.wat"));
        self.line(include_str!("grow.wat"));
        self.line(UTF8);
        self.line(UTF16);
        if self.encoding == StringEncoding::Latin1OrUtf16 {
            self.line(include_str!("latin1.wat"));
        }
        self.lift_text();
        if self.realloc.is_some() {
            self.allocate();
            self.lower_text();
        }
    }

    /// Writes the imports from the component that functions share.
    pub(super) fn shared_imports(&mut self, inputs: AmbientInputs) {
        if let Some(realloc) = self.realloc {
            let ty = "(param i32 i32 i32 i32) (result i32)";
            self.component_import(realloc, "$realloc", ty);
        }
        if inputs.clock || inputs.random {
            self.component_import(crate::wasi::EXPORT_ROW, "$begin_inputs", "");
        }
        if inputs.clock {
            self.line(crate::wasi::clock(COMPONENT_MODULE));
        }
    }

    /// Writes the imports from the component of the function itself.
    pub(super) fn function_imports(&mut self) {
        let types = |types: &[ValType]| types.iter().map(|ty| format!(" {ty}")).collect::<String>();
        let (parameters, results) = self.core_type();
        let Current {
            number, function, ..
        } = self.current;
        let ty = format!("(param{}) (result{})", types(&parameters), types(&results));
        self.component_import(&function.core_export, &format!("$core{number}"), &ty);
        if let Some(post_return) = &function.post_return {
            let ty = format!("(param{})", types(&results));
            self.component_import(post_return, &format!("$post_return{number}"), &ty);
        }
    }

    fn component_import(&mut self, name: &str, local: &str, ty: &str) {
        let name = quoted(name);
        self.line(format!(
            "(import \"{COMPONENT_MODULE}\" {name} (func {local} {ty}))"
        ));
    }

    /// Writes the exported function.
    pub(super) fn exported_function(&mut self, export: &str) {
        let (parameters, results) = self.core_type();
        let result = results.first().copied().unwrap_or(ValType::I32);
        self.lift_result(&result.to_string());
        if self.has_probe() {
            self.probe();
        }
        self.line(format!(
            "(func (export {}) (param $args i32) (param $rows i32) (param $result i32)\n\
             (result i32) (local $row i32) (local $value {result})",
            quoted(export)
        ));
        for (k, ty) in parameters.iter().enumerate() {
            self.line(format!("(local $p{k} {ty})"));
        }
        // The bytes of a result would not be representable.
        self.line("(if (i32.gt_u (local.get $rows) (i32.const 0x0fffffc0)) (then (unreachable)))");
        self.line("(call $begin) (call $begin_cases)");
        self.line("(global.set $blocks (i32.const 0)) (global.set $blocks_max (i32.const 0))");
        let number = self.current.number;
        self.line(format!(
            "(call $read{number} (local.get $args)) (call $begin_results{number} (local.get $rows))"
        ));
        self.line("(block $done (loop $next");
        self.line("(br_if $done (i32.ge_u (local.get $row) (local.get $rows)))");
        let is_valid = self.is_row_valid();
        self.line(format!("(if {is_valid} (then"));
        self.row(&parameters);
        self.line(") (else");
        let append_null = format!("(call $append_null{})", self.current.result.id);
        let is_cheap = self.current.result.all().len() <= CHEAP_COLUMNS;
        self.line(match is_cheap {
            true => append_null,
            false => format!(
                "(call $row_begin (local.get $row)) {append_null} (call $row_end (i32.const 0))"
            ),
        });
        self.line("))");
        let group = self.current.result.group;
        self.line(format!(
            "(global.set $rows{group} (i32.add (global.get $rows{group}) (i32.const 1)))"
        ));
        self.line("(local.set $row (i32.add (local.get $row) (i32.const 1)))");
        self.line(format!(
            "(br $next)))\n(call $finish{number} (local.get $result))\n(i32.const 0))"
        ));
    }

    /// Calls the function for a row.
    fn row(&mut self, parameters: &[ValType]) {
        const REPORT: &str = "(if (global.get $failed) (then\n\
             (return (call $report (local.get $result) (local.get $row)))))";
        self.line("(call $row_begin (local.get $row)) (call $begin_row)");
        if self.has_row() {
            self.line("(call $begin_inputs)");
        }
        match self.are_parameters_flat() {
            true => self.flat_arguments(parameters),
            false => self.stored_arguments(),
        }
        if self.realloc.is_some() {
            self.line("(call $check_blocks)");
        }
        self.line(REPORT);
        for k in 0..parameters.len() {
            self.line(format!("(local.get $p{k})"));
        }
        let number = self.current.number;
        self.line(format!(
            "(call $core{number}) (local.set $value)\n(call $lift_result{number} (local.get $value))"
        ));
        self.line(REPORT);
        if self.current.function.post_return.is_some() {
            self.line(format!("(call $post_return{number} (local.get $value))"));
            if self.has_probe() {
                self.line(format!("(call $probe{number})"));
                self.line(REPORT);
            }
        }
        self.line("(call $row_end (i32.const 0))");
    }

    /// Returns true if `post_return` may free the columns of the batch.
    fn has_probe(&self) -> bool {
        let current = &self.current;
        current.function.post_return.is_some() && self.realloc.is_some() && !current.has_single_rows
    }

    /// Writes the function that fails the row if the guest has freed the columns of the batch. It
    /// asks once for each instance, at the same cost for each row.
    fn probe(&mut self) {
        let fail = self.fail(
            format!(
                "expected post-return to free the blocks of its call alone, found that realloc \
                 returns one of the batch at {ADDRESS}: write WITH (reset = 'row')"
            ),
            ["(local.get $at)", NONE],
        );
        let number = self.current.number;
        self.line(format!(
            "(global $is_probed{number} (mut i32) (i32.const 0))\n\
             (func $probe{number} (local $at i32) (local $is_own i32)\n\
             (call $row_pause (i32.const 0))\n\
             (if (i32.eqz (global.get $is_probed{number})) (then\n\
             (global.set $is_probed{number} (i32.const 1))\n\
             (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) \
             (i32.const {PROBE_BYTES})))\n\
             (local.set $is_own (call $is_own (local.get $at) (i32.const {PROBE_BYTES})))))\n\
             (call $row_resume)\n\
             (if (local.get $is_own) (then {fail})))"
        ));
    }

    /// Lowers arguments to core values.
    fn flat_arguments(&mut self, parameters: &[ValType]) {
        for argument in self.current.arguments {
            self.line(format!("(call $lower{} {})", argument.id, row(argument)));
        }
        for k in (0..parameters.len()).rev() {
            self.line(format!("(local.set $p{k})"));
        }
    }

    /// Lowers arguments to a block of the guest.
    fn stored_arguments(&mut self) {
        let layouts = self
            .current
            .arguments
            .iter()
            .map(|argument| argument.layout);
        let (Layout { size, alignment }, offsets) = Layout::sequence(layouts);
        let place = "the arguments";
        let offset = self.messages.offset(place);
        let bytes = place.len();
        self.line(format!(
            "(global.set $part (i32.const {offset})) (global.set $part_bytes (i32.const {bytes}))\n\
             (local.set $p0 (call $allocate (i64.const {size}) (i32.const {alignment})))\n\
             (if (i32.eqz (global.get $failed)) (then"
        ));
        for (argument, offset) in self.current.arguments.iter().zip(offsets) {
            self.line(format!(
                "(call $store{} {} (i32.add (local.get $p0) (i32.const {offset})))",
                argument.id,
                row(argument)
            ));
        }
        self.line("))");
    }

    /// Returns the types of the core function.
    fn core_type(&self) -> (Vec<ValType>, Vec<ValType>) {
        let function = self.current.function;
        crate::component::core_type(&function.parameters, function.result.as_ref())
    }

    /// Returns true if arguments are core parameters, and not in memory.
    pub(super) fn are_parameters_flat(&self) -> bool {
        flat_parameters(&self.current.function.parameters).is_some()
    }

    /// Returns true if the function may read clock or random numbers, which begin again at a row.
    fn has_row(&self) -> bool {
        let inputs = self.current.function.ambient_inputs;
        inputs.clock || inputs.random
    }
}
