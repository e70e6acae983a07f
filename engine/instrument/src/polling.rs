//! Cancellation of a running guest: the least fuel, and loops and bulk operations in strips.

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, MemoryType, ValType};

/// Indices of what a polled module has in addition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polling {
    /// The memory [`EXPORT_CANCEL`](crate::names::EXPORT_CANCEL).
    pub(crate) memory: u32,
    /// The type of the functions.
    pub(crate) bulk_type: u32,
    /// The first of [`FUNCTIONS`](Self::FUNCTIONS) functions.
    pub(crate) first_function: u32,
}

/// A bulk operation on the memory of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkOperation {
    Fill,
    Copy,
}

/// Bytes that a bulk operation writes between two checks: some milliseconds, page faults
/// included.
const STRIP_BYTES: i32 = 4 << 20;

/// Fuel that a loop with a known trip count burns between two checks: some milliseconds, and
/// 40 ms in code that was made to be slow.
const STRIP_FUEL: u64 = 1 << 20;

/// Parameters of a bulk operation. The source is the value of a byte when filling.
const DESTINATION: u32 = 0;
const SOURCE: u32 = 1;
const LENGTH: u32 = 2;

impl Polling {
    /// Number of functions that are added.
    pub(crate) const FUNCTIONS: u32 = 2;

    /// Parameters of the functions, which have no results.
    pub(crate) const BULK_PARAMETERS: [ValType; 3] = [ValType::I32; 3];

    /// The type of the memory that holds the least fuel.
    pub(crate) const MEMORY_TYPE: MemoryType = MemoryType {
        minimum: 1,
        maximum: Some(1),
        memory64: false,
        shared: true,
        page_size_log2: None,
    };

    /// Pushes the least fuel with which the guest goes on: zero, or the largest `i64` once it
    /// is cancelled. One comparison with it takes fewer instructions than a flag of its own.
    fn push_fuel_min(self, code: &mut InstructionSink<'_>) {
        code.i32_const(0).i64_atomic_load(MemArg {
            offset: 0,
            align: 3,
            memory_index: self.memory,
        });
    }

    /// Traps if the guest is cancelled.
    pub(crate) fn check(self, code: &mut InstructionSink<'_>) {
        self.push_fuel_min(code);
        code.i64_const(0).i64_gt_s().if_(BlockType::Empty);
        code.unreachable().end();
    }

    /// Iterations between two checks, of a loop that burns so much fuel in each.
    pub(crate) fn strip_iterations(fuel: u64) -> u32 {
        u32::try_from(STRIP_FUEL / fuel.max(1))
            .unwrap_or(u32::MAX)
            .max(1)
    }

    /// The index of the function that replaces a bulk operation.
    pub(crate) fn function(self, operation: BulkOperation) -> u32 {
        self.first_function + operation as u32
    }

    /// The functions, in order of their index.
    pub(crate) fn functions(self) -> [Function; Self::FUNCTIONS as usize] {
        [BulkOperation::Fill, BulkOperation::Copy].map(|operation| self.in_strips(operation))
    }

    /// The function that does a bulk operation in strips.
    ///
    /// A range out of bounds must trap before anything is written, so its operation is
    /// left whole. Copying begins at the end that overlapping bytes allow.
    fn in_strips(self, operation: BulkOperation) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.loop_(BlockType::Empty);
        // One strip, or out of bounds.
        code.local_get(LENGTH).i32_const(STRIP_BYTES).i32_le_u();
        push_is_out_of_bounds(&mut code, DESTINATION);
        code.i32_or();
        if operation == BulkOperation::Copy {
            push_is_out_of_bounds(&mut code, SOURCE);
            code.i32_or();
        }
        code.if_(BlockType::Empty);
        for parameter in [DESTINATION, SOURCE, LENGTH] {
            code.local_get(parameter);
        }
        apply(&mut code, operation);
        code.return_().end();
        self.check(&mut code);
        code.local_get(LENGTH).i32_const(STRIP_BYTES).i32_sub();
        code.local_set(LENGTH);
        match operation {
            BulkOperation::Fill => forward(&mut code, operation),
            BulkOperation::Copy => {
                code.local_get(DESTINATION).local_get(SOURCE).i32_le_u();
                code.if_(BlockType::Empty);
                forward(&mut code, operation);
                code.else_();
                for parameter in [DESTINATION, SOURCE] {
                    code.local_get(parameter).local_get(LENGTH).i32_add();
                }
                code.i32_const(STRIP_BYTES);
                apply(&mut code, operation);
                code.end();
            }
        }
        code.br(0).end().end();
        function
    }
}

/// Pushes the least fuel with which the guest goes on, which is zero in a module that is not
/// polled.
pub(crate) fn push_fuel_min(polling: Option<Polling>, code: &mut InstructionSink<'_>) {
    match polling {
        Some(polling) => polling.push_fuel_min(code),
        None => drop(code.i64_const(0)),
    }
}

/// Pushes 1 if the range from the address in `parameter` ends beyond the memory, else 0.
fn push_is_out_of_bounds(code: &mut InstructionSink<'_>, parameter: u32) {
    code.local_get(parameter).i64_extend_i32_u();
    code.local_get(LENGTH).i64_extend_i32_u().i64_add();
    code.memory_size(0).i64_extend_i32_u();
    code.i64_const(16).i64_shl().i64_gt_u();
}

/// Does the first strip, and moves the parameters behind it.
fn forward(code: &mut InstructionSink<'_>, operation: BulkOperation) {
    code.local_get(DESTINATION).local_get(SOURCE);
    code.i32_const(STRIP_BYTES);
    apply(code, operation);
    let moved: &[u32] = match operation {
        BulkOperation::Fill => &[DESTINATION],
        BulkOperation::Copy => &[DESTINATION, SOURCE],
    };
    for parameter in moved {
        code.local_get(*parameter).i32_const(STRIP_BYTES).i32_add();
        code.local_set(*parameter);
    }
}

fn apply(code: &mut InstructionSink<'_>, operation: BulkOperation) {
    match operation {
        BulkOperation::Fill => code.memory_fill(0),
        BulkOperation::Copy => code.memory_copy(0, 0),
    };
}
