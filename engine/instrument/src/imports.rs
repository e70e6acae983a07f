//! What a module may import, and the functions that take the imports' place.
//!
//! A guest that works row by row says so: it announces each row, and settles
//! it. The row's fuel is then its own, whatever the other rows of its batch
//! need. The imports stand in front of the functions that a module defines, and
//! functions that the pass adds take their place there, so that no index moves.
//!
//! | import of `fusebox` | what its call does |
//! |---|---|
//! | `row(i32)` | begins the row of that number with the fuel of a row |
//! | `settle(i32)` | ends the row, which pays for so many bytes of bookkeeping |
//! | `pause(i32)` | interrupts the row, which pays in the same way |
//! | `resume()` | goes on with the row that was interrupted |
//! | `together(i32)` | begins the rows from that number on with the fuel of a row |
//! | `bounded() -> i32` | says how rows are announced |
//! | `more() -> i32` | says whether the call has fuel for another row |
//!
//! A call's fuel is one tank. A row takes from it what a row may burn, and when
//! it is settled, gives back what is left. Rows are announced in rising order,
//! and there is none past the batch's last; several at once only where the host
//! has said so. Where a row begins and little is left besides, the host may add to
//! the tank, if it has said how: see [`EXPORT_REFILL`]. So whatever a guest does,
//! its call burns no more than the host has granted.
//!
//! That is the only place where the host is called. A loop that holds a call keeps
//! little in registers across it, so that a guest does well to announce rows
//! outside of the loop that is to be fast.

use fusebox_abi::{
    IMPORT_HAS_FUEL, IMPORT_METERING_MODE, IMPORT_MODULE, IMPORT_ROW_BEGIN, IMPORT_ROW_END,
    IMPORT_ROW_GROUP_BEGIN, IMPORT_ROW_PAUSE, IMPORT_ROW_RESUME, METERING_GROUPED,
    OVERHEAD_FUEL_RESERVE,
};
use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::FuncType;

#[cfg(doc)]
use crate::EXPORT_REFILL;

/// How many bytes of bookkeeping a row pays with a unit of fuel, as a power of
/// two. The call gets what the row pays.
pub(crate) const SETTLED_BYTES_PER_UNIT_LOG2: u32 = 1;

/// The value of [`EXPORT_NEXT_ROW`](crate::EXPORT_NEXT_ROW) of a guest that was
/// stopped since it announced a row twice, or one that the batch has not, or rows
/// together that are not.
pub const ROW_REFUSED: i32 = i32::MIN;

/// An import that the pass replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Import {
    RowBegin,
    RowEnd,
    RowPause,
    RowResume,
    RowGroupBegin,
    MeteringMode,
    HasFuel,
}

impl Import {
    /// The import of that name and type, if there is one.
    pub(crate) fn of(module: &str, name: &str, ty: &FuncType) -> Option<Self> {
        let all = [
            Self::RowBegin,
            Self::RowEnd,
            Self::RowPause,
            Self::RowResume,
            Self::RowGroupBegin,
            Self::MeteringMode,
            Self::HasFuel,
        ];
        let named = all.into_iter().find(|import| import.name() == name);
        named.filter(|import| module == IMPORT_MODULE && import.ty() == *ty)
    }

    fn name(self) -> &'static str {
        match self {
            Self::RowBegin => IMPORT_ROW_BEGIN,
            Self::RowEnd => IMPORT_ROW_END,
            Self::RowPause => IMPORT_ROW_PAUSE,
            Self::RowResume => IMPORT_ROW_RESUME,
            Self::RowGroupBegin => IMPORT_ROW_GROUP_BEGIN,
            Self::MeteringMode => IMPORT_METERING_MODE,
            Self::HasFuel => IMPORT_HAS_FUEL,
        }
    }

    fn ty(self) -> FuncType {
        use wasmparser::ValType::I32;
        match self {
            Self::RowBegin | Self::RowEnd | Self::RowPause | Self::RowGroupBegin => {
                FuncType::new([I32], [])
            }
            Self::RowResume => FuncType::new([], []),
            Self::MeteringMode | Self::HasFuel => FuncType::new([], [I32]),
        }
    }

    /// Whether what runs after its call is paid from another tank.
    pub(crate) fn changes_tank(self) -> bool {
        !matches!(self, Self::MeteringMode | Self::HasFuel)
    }

    /// Whether its call has an operand.
    pub(crate) fn has_operand(self) -> bool {
        matches!(
            self,
            Self::RowBegin | Self::RowEnd | Self::RowPause | Self::RowGroupBegin
        )
    }

    /// The function that takes the import's place.
    pub(crate) fn function(self, state: State) -> Function {
        let mut function = Function::new([]);
        let code = function.instructions();
        let tank = Tank::Global(state.fuel());
        let mut call = Call { code, state, tank };
        // A parameter is the first local.
        call.replace(self, Operand::Local(0));
        call.code.end();
        function
    }

    /// The function of a module that is not metered.
    pub(crate) fn unmetered(self, state: State) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        match self {
            Self::MeteringMode => {
                code.global_get(state.bounded());
            }
            // There is always fuel.
            Self::HasFuel => {
                code.i32_const(1);
            }
            Self::RowBegin
            | Self::RowEnd
            | Self::RowPause
            | Self::RowResume
            | Self::RowGroupBegin => {}
        }
        code.end();
        function
    }
}

/// What the pass adds for the imports' sake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// The first of its globals.
    pub(crate) first: u32,
    /// The table that holds the host's function which refills the tank.
    pub(crate) refills: u32,
    /// The type of that function and the next.
    pub(crate) refill_type: u32,
    /// The function that calls it, if the host has put one there.
    pub(crate) refill: u32,
}

impl State {
    /// The types of the globals, in their order.
    pub(crate) const TYPES: [ValType; 8] = {
        use ValType::{I32, I64};
        [I64, I64, I64, I64, I64, I32, I32, I32]
    };

    /// The parameters of [`EXPORT_BEGIN`](crate::EXPORT_BEGIN).
    pub(crate) const BEGIN: [ValType; 5] = {
        use ValType::{I32, I64};
        [I64, I64, I64, I32, I32]
    };

    /// The parameters and the results of what refills the tank.
    pub(crate) const REFILL: ([ValType; 1], [ValType; 1]) = ([ValType::I32], [ValType::I64]);

    /// The fuel in the tank that is burning: a row's, or the call's.
    pub(crate) fn fuel(self) -> u32 {
        self.first
    }

    /// The stack that is left.
    pub(crate) fn stack(self) -> u32 {
        self.first + 1
    }

    /// The call's fuel while a row's is burning, and then above zero; outside
    /// rows, zero.
    pub(crate) fn rest(self) -> u32 {
        self.first + 2
    }

    /// What the row had left when it was interrupted.
    fn left(self) -> u32 {
        self.first + 3
    }

    fn fuel_per_row(self) -> u32 {
        self.first + 4
    }

    /// The row that may come next.
    pub(crate) fn next_row(self) -> u32 {
        self.first + 5
    }

    fn rows(self) -> u32 {
        self.first + 6
    }

    fn bounded(self) -> u32 {
        self.first + 7
    }

    /// The function that sets everything up for a call.
    pub(crate) fn begin(self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        let parameters = [
            self.fuel(),
            self.stack(),
            self.fuel_per_row(),
            self.rows(),
            self.bounded(),
        ];
        for (parameter, global) in (0..).zip(parameters) {
            code.local_get(parameter).global_set(global);
        }
        for global in [self.rest(), self.left()] {
            code.i64_const(0).global_set(global);
        }
        code.i32_const(0).global_set(self.next_row()).end();
        function
    }

    /// The function that says what is left to the call where that was little
    /// besides a row that begins, before which rows up to its parameter could.
    pub(crate) fn refill(self) -> Function {
        let mut function = Function::new([(1, ValType::I64)]);
        let mut code = function.instructions();
        let (before, left) = (0, 1);
        code.global_get(self.rest()).local_set(left);
        // Should nobody return from here, it was for want of fuel.
        code.i64_const(-1).global_set(self.rest());
        code.i32_const(0).table_get(self.refills).ref_is_null();
        code.i32_eqz().if_(BlockType::Empty);
        code.local_get(left).local_get(before).i32_const(0);
        code.call_indirect(self.refills, self.refill_type);
        code.i64_add().local_set(left).end();
        code.local_get(left).i64_const(0).i64_le_s();
        code.if_(BlockType::Empty).unreachable().end();
        code.local_get(left).end();
        function
    }
}

/// Where the counter is kept that is burning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tank {
    Global(u32),
    Local(u32),
}

/// What a call was given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Local(u32),
    Constant(i32),
}

/// The instructions in place of a call.
pub(crate) struct Call<'a> {
    pub(crate) code: InstructionSink<'a>,
    pub(crate) state: State,
    pub(crate) tank: Tank,
}

impl Call<'_> {
    pub(crate) fn replace(&mut self, import: Import, operand: Operand) {
        match import {
            Import::RowBegin => self.begin_row(operand),
            Import::RowGroupBegin => {
                // Refused as a row is that does not come next.
                let state = self.state;
                self.code.global_get(state.bounded());
                self.code.i32_const(METERING_GROUPED as i32).i32_ne();
                self.refuse_if();
                self.begin_row(operand);
            }
            Import::RowEnd => self.settle(operand),
            Import::RowPause => {
                self.tank();
                self.code.global_set(self.state.left());
                self.settle(operand);
                // What it pays, it has not left.
                self.code.global_get(self.state.left());
                self.price(operand);
                self.code.i64_sub().global_set(self.state.left());
            }
            Import::RowResume => {
                self.enter(self.state.left());
                self.code.global_get(self.state.rest()).i64_const(0);
                self.code.i64_le_s().if_(BlockType::Empty);
                self.code.i64_const(-1).global_set(self.state.rest());
                self.code.unreachable().end();
                self.code.i64_const(0).global_set(self.state.left());
            }
            Import::MeteringMode => {
                self.code.global_get(self.state.bounded());
            }
            Import::HasFuel => self.more(),
        }
    }

    /// Whether a row could begin here, and the book go on after it. Where none
    /// is announced, none is stopped.
    fn more(&mut self) {
        let state = self.state;
        self.tank();
        self.code.i64_const(0).i64_ge_s();
        self.tank();
        self.code.global_get(state.rest()).i64_add();
        self.code.global_get(state.fuel_per_row()).i64_sub();
        self.code.i64_const(OVERHEAD_FUEL_RESERVE as i64).i64_gt_s();
        self.code.i32_and();
        self.code.global_get(state.bounded()).i32_or();
        self.code.i32_const(1).i32_and();
    }

    fn begin_row(&mut self, number: Operand) {
        let state = self.state;
        self.enter(state.fuel_per_row());
        // Only here: what a guest does between rows, or in one that is
        // interrupted, brings it nothing.
        self.code.global_get(state.rest());
        self.code.i64_const(OVERHEAD_FUEL_RESERVE as i64).i64_le_s();
        self.code.if_(BlockType::Empty);
        self.code.global_get(state.next_row());
        self.code.call(state.refill).global_set(state.rest()).end();
        // Neither before the next row nor behind the last.
        self.operand(number);
        self.code.global_get(state.next_row()).i32_sub();
        self.code.global_get(state.rows());
        self.code.global_get(state.next_row()).i32_sub().i32_ge_u();
        self.refuse_if();
        self.operand(number);
        self.code.i32_const(1).i32_add();
        self.code.global_set(state.next_row());
    }

    /// Stops for a row that must not be announced, if the topmost value says so.
    fn refuse_if(&mut self) {
        self.code.if_(BlockType::Empty);
        self.code.i32_const(ROW_REFUSED);
        self.code.global_set(self.state.next_row()).unreachable();
        self.code.end();
    }

    /// Ends the row. Outside rows, nothing is left over and nothing changes.
    fn settle(&mut self, bytes: Operand) {
        let state = self.state;
        if matches!(bytes, Operand::Constant(0)) {
            self.stop_below_zero();
        } else {
            // What the row pays goes to the call, which it is added to anyway.
            self.tank();
            self.price(bytes);
            self.code.i64_lt_s();
            self.stop_if();
        }
        self.tank();
        self.code.global_get(state.rest()).i64_add();
        self.set_tank();
        self.code.i64_const(0).global_set(state.rest());
    }

    /// Goes on with what a global holds, and leaves the rest of the call's fuel
    /// for later, which may be nothing or less. A row that has not ended ends.
    fn enter(&mut self, fuel: u32) {
        let state = self.state;
        self.stop_below_zero();
        self.tank();
        self.code.global_get(state.rest()).i64_add();
        self.code.global_get(fuel).i64_sub();
        self.code.global_set(state.rest());
        self.code.global_get(fuel);
        self.set_tank();
    }

    fn price(&mut self, bytes: Operand) {
        self.operand(bytes);
        self.code
            .i64_extend_i32_u()
            .i64_const(SETTLED_BYTES_PER_UNIT_LOG2.into())
            .i64_shr_u();
    }

    fn operand(&mut self, operand: Operand) {
        match operand {
            Operand::Local(local) => self.code.local_get(local),
            Operand::Constant(value) => self.code.i32_const(value),
        };
    }

    fn tank(&mut self) {
        match self.tank {
            Tank::Global(global) => self.code.global_get(global),
            Tank::Local(local) => self.code.local_get(local),
        };
    }

    fn set_tank(&mut self) {
        match self.tank {
            Tank::Global(global) => self.code.global_set(global),
            Tank::Local(local) => self.code.local_set(local),
        };
    }

    fn stop_below_zero(&mut self) {
        self.tank();
        self.code.i64_const(0).i64_lt_s();
        self.stop_if();
    }

    /// Stops for want of fuel, if the topmost value says so.
    fn stop_if(&mut self) {
        self.code.if_(BlockType::Empty);
        self.code.i64_const(-1).global_set(self.state.fuel());
        self.code.unreachable().end();
    }
}
