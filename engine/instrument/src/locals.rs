//! The locals that the pass adds to a function.

use wasm_encoder::ValType;
use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasmparser::FunctionBody;

use crate::Error;
use crate::passing::SameIndices;
use crate::roles::Role;
use crate::scan::Facts;

/// The locals of the pass, and where the function's own are now.
#[derive(Clone, Copy, Default)]
pub(crate) struct Locals {
    /// How many parameters the function had.
    parameters: u32,
    /// How many the pass has put behind them.
    passed: u32,
    /// The fuel that is left.
    pub(crate) fuel: u32,
    /// The stack that is left below the function's frame, if it has one.
    pub(crate) stack: u32,
    /// What the global of the stack has held while it holds that.
    pub(crate) lent: u32,
    /// An operand, in functions whose work depends on one.
    pub(crate) operand: u32,
}

/// The locals that a function declares: how many, of what type.
type Declared = Vec<(u32, ValType)>;

impl Locals {
    pub(crate) fn of(
        facts: &Facts,
        role: Role,
        function: u32,
        body: &FunctionBody<'_>,
    ) -> Result<(Self, Declared), ReencodeError<Error>> {
        let mut locals = Self {
            parameters: facts.function_type(function).params().len() as u32,
            ..Self::default()
        };
        let has_frame = role.frame.is_some();
        if role.is_passed() {
            locals.passed = 1 + u32::from(has_frame);
            locals.fuel = locals.parameters;
            locals.stack = locals.parameters + 1;
        }
        let mut count = locals.parameters + locals.passed;
        let mut declared = Declared::new();
        for group in body.get_locals_reader()? {
            let (number, val_type) = group?;
            declared.push((number, SameIndices.val_type(val_type)?));
            count += number;
        }
        let facts = &facts.bodies[function as usize - facts.imports.len()];
        let has_operand = facts.has_bulk || facts.imports;
        for (is_used, val_type, local) in [
            (!role.is_passed(), ValType::I64, &mut locals.fuel),
            (
                !role.is_passed() && has_frame,
                ValType::I64,
                &mut locals.stack,
            ),
            (has_frame, ValType::I64, &mut locals.lent),
            (has_operand, ValType::I32, &mut locals.operand),
        ] {
            if is_used {
                declared.push((1, val_type));
                *local = count;
                count += 1;
            }
        }
        Ok((locals, declared))
    }

    /// Where a local of the function is now.
    pub(crate) fn moved(self, index: u32) -> u32 {
        match index < self.parameters {
            true => index,
            false => index + self.passed,
        }
    }
}
