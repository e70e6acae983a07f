//! Code that replaces the call of an import.

use fusebox_abi::{METERING_GROUPED, OVERHEAD_FUEL_RESERVE};
use wasm_encoder::{BlockType, InstructionSink};

use super::globals::MeteringGlobals;
use super::import::{Import, ROW_END_BYTES_PER_FUEL_LOG2};
use crate::names::NEXT_ROW_INVALID;

/// Location of the fuel counter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FuelCounter {
    Global(u32),
    Local(u32),
}

/// Operand of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Local(u32),
    Constant(i32),
}

/// Emits the instructions that replace a call.
pub(crate) struct ImportExpansion<'a> {
    pub(crate) code: InstructionSink<'a>,
    pub(crate) globals: MeteringGlobals,
    pub(crate) counter: FuelCounter,
}

impl ImportExpansion<'_> {
    /// Replaces a call of the import. Imports without an operand ignore `operand`.
    pub(crate) fn expand(&mut self, import: Import, operand: Operand) {
        match import {
            Import::RowBegin => self.begin_row(operand),
            Import::RowGroupBegin => {
                self.code.global_get(self.globals.metering_mode());
                self.code.i32_const(METERING_GROUPED as i32).i32_ne();
                self.trap_invalid_row_if();
                self.begin_row(operand);
            }
            Import::RowEnd => self.end_row(operand),
            Import::RowPause => {
                self.push_fuel();
                self.code.global_set(self.globals.paused_fuel());
                self.end_row(operand);
                // The suspended row does not keep what it pays.
                self.code.global_get(self.globals.paused_fuel());
                self.push_price(operand);
                self.code.i64_sub().global_set(self.globals.paused_fuel());
            }
            Import::RowResume => {
                self.switch_to(self.globals.paused_fuel());
                self.code.global_get(self.globals.call_fuel()).i64_const(0);
                self.code.i64_le_s().if_(BlockType::Empty);
                self.code.i64_const(-1).global_set(self.globals.call_fuel());
                self.code.unreachable().end();
                self.code
                    .i64_const(0)
                    .global_set(self.globals.paused_fuel());
            }
            Import::MeteringMode => {
                self.code.global_get(self.globals.metering_mode());
            }
            Import::HasFuel => self.push_has_fuel(),
            Import::Log => unreachable!("its calls are not expanded"),
        }
    }

    /// Pushes 1 if a row can begin here without using up the reserve for overhead
    /// fuel, or if rows need not be begun; else 0.
    fn push_has_fuel(&mut self) {
        let globals = self.globals;
        self.push_fuel();
        self.code.i64_const(0).i64_ge_s();
        self.push_fuel();
        self.code.global_get(globals.call_fuel()).i64_add();
        self.code.global_get(globals.fuel_per_row()).i64_sub();
        self.code.i64_const(OVERHEAD_FUEL_RESERVE as i64).i64_gt_s();
        self.code.i32_and();
        self.code.global_get(globals.metering_mode()).i32_or();
        self.code.i32_const(1).i32_and();
    }

    fn begin_row(&mut self, row: Operand) {
        let globals = self.globals;
        self.switch_to(globals.fuel_per_row());
        // The only place to refill: code between rows, or while one is suspended,
        // must not gain fuel.
        self.code.global_get(globals.call_fuel());
        self.code.i64_const(OVERHEAD_FUEL_RESERVE as i64).i64_le_s();
        self.code.if_(BlockType::Empty);
        self.code.global_get(globals.next_row());
        self.code.call(globals.refill_function);
        self.code.global_set(globals.call_fuel()).end();
        // One unsigned comparison covers both ends of next_row..rows.
        self.push_operand(row);
        self.code.global_get(globals.next_row()).i32_sub();
        self.code.global_get(globals.rows());
        self.code.global_get(globals.next_row()).i32_sub();
        self.code.i32_ge_u();
        self.trap_invalid_row_if();
        self.push_operand(row);
        self.code.i32_const(1).i32_add();
        self.code.global_set(globals.next_row());
    }

    /// Pops a condition, and traps for an invalid row if it holds.
    fn trap_invalid_row_if(&mut self) {
        self.code.if_(BlockType::Empty);
        self.code.i32_const(NEXT_ROW_INVALID);
        self.code.global_set(self.globals.next_row()).unreachable();
        self.code.end();
    }

    /// Ends the row. Has no effect outside rows, where the fuel of the call is 0.
    fn end_row(&mut self, bytes: Operand) {
        let globals = self.globals;
        if matches!(bytes, Operand::Constant(0)) {
            self.trap_if_overdrawn();
        } else {
            // A comparison suffices: the row's payment and the rest of its fuel
            // both go to the call.
            self.push_fuel();
            self.push_price(bytes);
            self.code.i64_lt_s();
            self.trap_out_of_fuel_if();
        }
        self.push_fuel();
        self.code.global_get(globals.call_fuel()).i64_add();
        self.pop_fuel();
        self.code.i64_const(0).global_set(globals.call_fuel());
    }

    /// Ends the row, if one is running, and continues with the fuel in a global,
    /// which is taken from the fuel of the call. What remains to the call may be
    /// zero or less.
    fn switch_to(&mut self, fuel: u32) {
        let globals = self.globals;
        self.trap_if_overdrawn();
        self.push_fuel();
        self.code.global_get(globals.call_fuel()).i64_add();
        self.code.global_get(fuel).i64_sub();
        self.code.global_set(globals.call_fuel());
        self.code.global_get(fuel);
        self.pop_fuel();
    }

    /// Pushes the fuel for so many bytes of overhead.
    fn push_price(&mut self, bytes: Operand) {
        self.push_operand(bytes);
        self.code
            .i64_extend_i32_u()
            .i64_const(ROW_END_BYTES_PER_FUEL_LOG2.into())
            .i64_shr_u();
    }

    fn push_operand(&mut self, operand: Operand) {
        match operand {
            Operand::Local(local) => self.code.local_get(local),
            Operand::Constant(value) => self.code.i32_const(value),
        };
    }

    fn push_fuel(&mut self) {
        match self.counter {
            FuelCounter::Global(global) => self.code.global_get(global),
            FuelCounter::Local(local) => self.code.local_get(local),
        };
    }

    fn pop_fuel(&mut self) {
        match self.counter {
            FuelCounter::Global(global) => self.code.global_set(global),
            FuelCounter::Local(local) => self.code.local_set(local),
        };
    }

    fn trap_if_overdrawn(&mut self) {
        self.push_fuel();
        self.code.i64_const(0).i64_lt_s();
        self.trap_out_of_fuel_if();
    }

    /// Pops a condition, and traps for lack of fuel if it holds.
    fn trap_out_of_fuel_if(&mut self) {
        self.code.if_(BlockType::Empty);
        self.code.i64_const(-1).global_set(self.globals.fuel());
        self.code.unreachable().end();
    }
}
