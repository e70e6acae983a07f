//! Permitted imports, and the code that replaces their calls.
//!
//! A guest that works row by row begins and ends each row. The row then burns fuel
//! of its own, independent of the other rows of its batch. Imported functions have
//! the lowest indices; functions that the pass adds take their place there, so
//! that no function index changes.
//!
//! | import of `fusebox` | effect of a call |
//! |---|---|
//! | `row_begin(row: i32)` | begins a row with `fuel_per_row` |
//! | `row_end(bytes: i32)` | ends the row, which pays for `bytes` bytes of overhead |
//! | `row_pause(bytes: i32)` | suspends the row, which pays in the same way |
//! | `row_resume()` | resumes the suspended row |
//! | `row_group_begin(row: i32)` | begins a group of rows that share `fuel_per_row` |
//! | `metering_mode() -> i32` | returns the metering mode of the call |
//! | `has_fuel() -> i32` | returns whether the call has fuel for another row |
//! | `log(address: i32, length: i32)` | passes a message to the host |
//!
//! A row takes `fuel_per_row` from the fuel of the call and returns the rest when
//! it ends. Rows begin in ascending order, none beyond the end of the batch; groups
//! only in the metering mode for groups. When a row begins and the call has little
//! fuel left, the host may add some, see
//! [`HOST_REFILL`](crate::names::HOST_REFILL). A call thus never burns more
//! than the host has granted, whatever the guest does.
//!
//! The refill and the log are the only calls into the host. Few registers live across a loop body
//! with a call, so guests should begin rows outside of inner loops.

// Code that replaces the call of an import.
mod expansion;

// Globals, table and functions that the replacements use.
mod globals;

// The imports.
mod import;

use wasm_encoder::Function;

pub(crate) use expansion::{FuelCounter, ImportExpansion, Operand};
pub(crate) use globals::MeteringGlobals;
pub(crate) use import::{Import, ROW_END_BYTES_PER_FUEL_LOG2};

/// The function that replaces an import of the type with index `ty`.
pub(crate) fn replacement(import: Import, ty: u32, globals: MeteringGlobals) -> Function {
    if import == Import::Log {
        return globals.log(ty);
    }
    let mut function = Function::new([]);
    let mut expansion = ImportExpansion {
        code: function.instructions(),
        globals,
        counter: FuelCounter::Global(globals.fuel()),
    };
    // The parameter is local 0.
    expansion.expand(import, Operand::Local(0));
    expansion.code.end();
    function
}

/// The function that replaces an import in a module that is not metered.
pub(crate) fn unmetered_replacement(import: Import, ty: u32, globals: MeteringGlobals) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    match import {
        Import::MeteringMode => {
            code.global_get(globals.metering_mode());
        }
        Import::HasFuel => {
            code.i32_const(1);
        }
        Import::Log => return globals.log(ty),
        Import::RowBegin
        | Import::RowEnd
        | Import::RowPause
        | Import::RowResume
        | Import::RowGroupBegin => {}
    }
    code.end();
    function
}
