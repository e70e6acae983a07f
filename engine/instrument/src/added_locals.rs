//! Locals that are added to a function.

use wasm_encoder::ValType;
use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasmparser::FunctionBody;

use crate::error::Error;
use crate::fuel_abi::IdentityReencoder;
use crate::metering_plan::FunctionPlan;
use crate::module_info::ModuleInfo;

/// Indices of the added locals, and the shift of the function's own.
#[derive(Clone, Copy, Default)]
pub(crate) struct AddedLocals {
    /// The number of original parameters.
    parameters: u32,
    /// The number of parameters that are added after them.
    added_parameters: u32,
    /// The remaining fuel.
    pub(crate) fuel: u32,
    /// The remaining stack below the function's frame, if it has one.
    pub(crate) stack: u32,
    /// The value of the stack global before it was overwritten with `stack`.
    pub(crate) saved_stack: u32,
    /// An operand, in functions with imports or instructions whose work depends on
    /// one.
    pub(crate) operand: u32,
    /// The value of a counter at the end of a strip, in functions with loops in strips.
    pub(crate) strip_end: u32,
}

/// Declarations of locals: counts and types.
type LocalDeclarations = Vec<(u32, ValType)>;

impl AddedLocals {
    pub(crate) fn of(
        info: &ModuleInfo,
        function_plan: FunctionPlan,
        function: u32,
        body: &FunctionBody<'_>,
        has_strips: bool,
    ) -> Result<(Self, LocalDeclarations), ReencodeError<Error>> {
        let mut locals = Self {
            parameters: info.function_type(function).params().len() as u32,
            ..Self::default()
        };
        let has_frame = function_plan.frame.is_some();
        if function_plan.has_fuel_parameter() {
            locals.added_parameters = 1 + u32::from(has_frame);
            locals.fuel = locals.parameters;
            locals.stack = locals.parameters + 1;
        }
        let mut count = locals.parameters + locals.added_parameters;
        let mut declared = LocalDeclarations::new();
        for group in body.get_locals_reader()? {
            let (number, val_type) = group?;
            declared.push((number, IdentityReencoder.val_type(val_type)?));
            count += number;
        }
        let body = &info.bodies[function as usize - info.imports.len()];
        let has_operand = body.has_bulk || body.calls_imports;
        for (is_used, val_type, local) in [
            (
                !function_plan.has_fuel_parameter(),
                ValType::I64,
                &mut locals.fuel,
            ),
            (
                !function_plan.has_fuel_parameter() && has_frame,
                ValType::I64,
                &mut locals.stack,
            ),
            (has_frame, ValType::I64, &mut locals.saved_stack),
            (has_operand, ValType::I32, &mut locals.operand),
            (has_strips, ValType::I32, &mut locals.strip_end),
        ] {
            if is_used {
                declared.push((1, val_type));
                *local = count;
                count += 1;
            }
        }
        Ok((locals, declared))
    }

    /// The new index of a local of the function.
    pub(crate) fn remapped(self, index: u32) -> u32 {
        match index < self.parameters {
            true => index,
            false => index + self.added_parameters,
        }
    }
}
