//! Globals, table and functions that the replacements of imports use.

use wasm_encoder::{BlockType, Function, ValType};

use crate::names::{HOST_LOG, HOST_REFILL};

/// Indices of the globals, the table and the functions that are added to a module
/// for metering.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeteringGlobals {
    /// The first of the globals.
    pub(crate) first_global: u32,
    /// The table [`EXPORT_HOST`](crate::names::EXPORT_HOST).
    pub(crate) host_table: u32,
    /// The type of the host function that refills, and of `refill_function`.
    pub(crate) refill_type: u32,
    /// The function that calls the host function, if there is one.
    pub(crate) refill_function: u32,
}

impl MeteringGlobals {
    /// The types of the globals, in order.
    pub(crate) const TYPES: [ValType; 8] = {
        use ValType::{I32, I64};
        [I64, I64, I64, I64, I64, I32, I32, I32]
    };

    /// The parameters of [`EXPORT_CALL_BEGIN`](crate::names::EXPORT_CALL_BEGIN).
    pub(crate) const CALL_BEGIN_PARAMETERS: [ValType; 5] = {
        use ValType::{I32, I64};
        [I64, I64, I64, I32, I32]
    };

    /// The parameters and the results of the host function that refills.
    pub(crate) const REFILL_SIGNATURE: ([ValType; 1], [ValType; 1]) =
        ([ValType::I32], [ValType::I64]);

    /// The fuel that is burning: of the row, or of the call.
    pub(crate) fn fuel(self) -> u32 {
        self.first_global
    }

    /// The remaining stack.
    pub(crate) fn stack(self) -> u32 {
        self.first_global + 1
    }

    /// The fuel of the call while a row burns its own, and above zero then. Zero
    /// outside rows.
    pub(crate) fn call_fuel(self) -> u32 {
        self.first_global + 2
    }

    /// The remaining fuel of the suspended row.
    pub(crate) fn paused_fuel(self) -> u32 {
        self.first_global + 3
    }

    /// The fuel that a row may burn.
    pub(crate) fn fuel_per_row(self) -> u32 {
        self.first_global + 4
    }

    /// The lowest row that may begin next.
    pub(crate) fn next_row(self) -> u32 {
        self.first_global + 5
    }

    /// The number of rows of the batch.
    pub(crate) fn rows(self) -> u32 {
        self.first_global + 6
    }

    /// The metering mode of the call.
    pub(crate) fn metering_mode(self) -> u32 {
        self.first_global + 7
    }

    /// The function [`EXPORT_CALL_BEGIN`](crate::names::EXPORT_CALL_BEGIN).
    pub(crate) fn call_begin(self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        let parameters = [
            self.fuel(),
            self.stack(),
            self.fuel_per_row(),
            self.rows(),
            self.metering_mode(),
        ];
        for (parameter, global) in (0..).zip(parameters) {
            code.local_get(parameter).global_set(global);
        }
        for global in [self.call_fuel(), self.paused_fuel()] {
            code.i64_const(0).global_set(global);
        }
        code.i32_const(0).global_set(self.next_row()).end();
        function
    }

    /// The function that refills the fuel of the call.
    ///
    /// Its parameter is the lowest row that may begin next, its result the fuel of
    /// the call after the refill. It traps if that is not above zero.
    pub(crate) fn refill(self) -> Function {
        let mut function = Function::new([(1, ValType::I64)]);
        let mut code = function.instructions();
        let (next_row, remaining) = (0, 1);
        code.global_get(self.call_fuel()).local_set(remaining);
        // A trap of the host function counts as lack of fuel.
        code.i64_const(-1).global_set(self.call_fuel());
        let slot = HOST_REFILL as i32;
        code.i32_const(slot)
            .table_get(self.host_table)
            .ref_is_null();
        code.i32_eqz().if_(BlockType::Empty);
        code.local_get(remaining)
            .local_get(next_row)
            .i32_const(slot);
        code.call_indirect(self.host_table, self.refill_type);
        code.i64_add().local_set(remaining).end();
        code.local_get(remaining).i64_const(0).i64_le_s();
        code.if_(BlockType::Empty).unreachable().end();
        code.local_get(remaining).end();
        function
    }

    /// The function that passes a message to the host, of the type with index `ty`.
    pub(crate) fn log(self, ty: u32) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        let (address, length, slot) = (0, 1, HOST_LOG as i32);
        code.i32_const(slot)
            .table_get(self.host_table)
            .ref_is_null();
        code.i32_eqz().if_(BlockType::Empty);
        code.local_get(address).local_get(length).i32_const(slot);
        code.call_indirect(self.host_table, ty).end().end();
        function
    }
}
