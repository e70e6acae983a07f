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
//! | `resume()` | goes on with the row that was settled last |
//! | `bounded() -> i32` | says whether rows need not be announced |
//!
//! There are two tanks. What is not a row burns the *book*'s fuel. A row's tank
//! is filled anew when it is announced, rows are announced in rising order, and
//! there is none past the batch's last: so the book and the rows together get
//! no more than the host has granted, whatever a guest does.

use fusebox_abi::{IMPORT_BOUNDED, IMPORT_MODULE, IMPORT_RESUME, IMPORT_ROW, IMPORT_SETTLE};
use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::FuncType;

/// How many bytes of bookkeeping a row pays with a unit of fuel, as a power of
/// two. The book gets what the row pays.
pub(crate) const SETTLED_BYTES_PER_UNIT_LOG2: u32 = 1;

/// The value of [`EXPORT_MODE`](crate::EXPORT_MODE) outside rows.
pub const MODE_BOOK: i32 = 0;

/// The mode in a row.
pub const MODE_ROW: i32 = 1;

/// The mode of a guest that was stopped since the rows have together burnt what
/// the host has granted for this call.
pub const MODE_SPENT: i32 = 2;

/// The mode of a guest that was stopped since it announced a row twice, or one
/// that the batch has not.
pub const MODE_REFUSED: i32 = 3;

/// An import that the pass replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Import {
    Row,
    Settle,
    Resume,
    Bounded,
}

impl Import {
    /// The import of that name and type, if there is one.
    pub(crate) fn of(module: &str, name: &str, ty: &FuncType) -> Option<Self> {
        let all = [Self::Row, Self::Settle, Self::Resume, Self::Bounded];
        let named = all.into_iter().find(|import| import.name() == name);
        named.filter(|import| module == IMPORT_MODULE && import.ty() == *ty)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Row => IMPORT_ROW,
            Self::Settle => IMPORT_SETTLE,
            Self::Resume => IMPORT_RESUME,
            Self::Bounded => IMPORT_BOUNDED,
        }
    }

    fn ty(self) -> FuncType {
        use wasmparser::ValType::I32;
        match self {
            Self::Row | Self::Settle => FuncType::new([I32], []),
            Self::Resume => FuncType::new([], []),
            Self::Bounded => FuncType::new([], [I32]),
        }
    }

    /// Whether what runs after its call is paid from another tank.
    pub(crate) fn changes_tank(self) -> bool {
        !matches!(self, Self::Bounded)
    }

    /// The function that takes the import's place.
    pub(crate) fn function(self, state: State) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        match self {
            Self::Row => state.row(&mut code),
            Self::Settle => state.settle(&mut code),
            Self::Resume => state.resume(&mut code),
            Self::Bounded => {
                code.global_get(state.bounded());
            }
        }
        code.end();
        function
    }

    /// The function of a module that is not metered.
    pub(crate) fn unmetered(self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        if self == Self::Bounded {
            code.i32_const(1);
        }
        code.end();
        function
    }
}

/// The globals that the pass adds, of which this is the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) first: u32,
}

impl State {
    /// The types of the globals, in their order.
    pub(crate) const TYPES: [ValType; 10] = [
        ValType::I64,
        ValType::I64,
        ValType::I64,
        ValType::I64,
        ValType::I64,
        ValType::I64,
        ValType::I32,
        ValType::I32,
        ValType::I32,
        ValType::I32,
    ];

    /// The parameters of [`EXPORT_BEGIN`](crate::EXPORT_BEGIN).
    pub(crate) const BEGIN: [ValType; 6] = [
        ValType::I64,
        ValType::I64,
        ValType::I64,
        ValType::I64,
        ValType::I32,
        ValType::I32,
    ];

    /// The fuel in the tank that is burning.
    pub(crate) fn fuel(self) -> u32 {
        self.first
    }

    /// The stack that is left.
    pub(crate) fn stack(self) -> u32 {
        self.first + 1
    }

    /// The book's fuel, while a row's is burning.
    fn book(self) -> u32 {
        self.first + 2
    }

    /// The row's fuel when it was last looked at.
    fn left(self) -> u32 {
        self.first + 3
    }

    /// What the rows of this call may still burn together.
    pub(crate) fn granted(self) -> u32 {
        self.first + 4
    }

    fn fuel_per_row(self) -> u32 {
        self.first + 5
    }

    /// The row that was announced last, or -1.
    pub(crate) fn row_announced(self) -> u32 {
        self.first + 6
    }

    fn rows(self) -> u32 {
        self.first + 7
    }

    pub(crate) fn mode(self) -> u32 {
        self.first + 8
    }

    fn bounded(self) -> u32 {
        self.first + 9
    }

    /// The function that sets everything up for a call.
    pub(crate) fn begin(self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        let parameters = [
            self.fuel(),
            self.stack(),
            self.fuel_per_row(),
            self.granted(),
            self.rows(),
            self.bounded(),
        ];
        for (parameter, global) in (0..).zip(parameters) {
            code.local_get(parameter).global_set(global);
        }
        code.i64_const(0).global_set(self.left());
        code.i32_const(-1).global_set(self.row_announced());
        code.i32_const(MODE_BOOK).global_set(self.mode());
        code.end();
        function
    }

    fn row(self, code: &mut InstructionSink<'_>) {
        const ROW: u32 = 0;
        code.global_get(self.mode()).if_(BlockType::Empty);
        self.burn(code);
        code.else_();
        self.check(code, self.fuel());
        code.global_get(self.fuel()).global_set(self.book()).end();
        code.local_get(ROW).global_get(self.rows()).i32_ge_u();
        code.local_get(ROW)
            .global_get(self.row_announced())
            .i32_le_s();
        code.i32_or();
        code.local_get(ROW).global_set(self.row_announced());
        code.if_(BlockType::Empty);
        self.stop(code, MODE_REFUSED);
        code.end();
        code.global_get(self.fuel_per_row())
            .global_set(self.fuel())
            .global_get(self.fuel_per_row())
            .global_set(self.left())
            .i32_const(MODE_ROW)
            .global_set(self.mode());
    }

    fn settle(self, code: &mut InstructionSink<'_>) {
        const BYTES: u32 = 0;
        let price = |code: &mut InstructionSink<'_>| {
            code.local_get(BYTES)
                .i64_extend_i32_u()
                .i64_const(SETTLED_BYTES_PER_UNIT_LOG2.into())
                .i64_shr_u();
        };
        code.global_get(self.mode()).if_(BlockType::Empty);
        code.global_get(self.fuel());
        price(code);
        code.i64_sub().global_set(self.fuel());
        self.burn(code);
        code.global_get(self.fuel()).global_set(self.left());
        code.global_get(self.book());
        price(code);
        code.i64_add().global_set(self.fuel());
        code.i32_const(MODE_BOOK).global_set(self.mode()).end();
    }

    fn resume(self, code: &mut InstructionSink<'_>) {
        code.global_get(self.mode()).i32_eqz().if_(BlockType::Empty);
        self.check(code, self.fuel());
        code.global_get(self.fuel()).global_set(self.book());
        code.global_get(self.left()).global_set(self.fuel());
        code.i32_const(MODE_ROW).global_set(self.mode()).end();
    }

    /// Takes what the row has burnt from what the rows may burn. A row that is
    /// out of fuel is stopped for that first: the grant is the host's affair.
    fn burn(self, code: &mut InstructionSink<'_>) {
        self.check(code, self.fuel());
        code.global_get(self.granted())
            .global_get(self.left())
            .i64_sub()
            .global_get(self.fuel())
            .i64_add()
            .global_set(self.granted());
        code.global_get(self.granted())
            .i64_const(0)
            .i64_lt_s()
            .if_(BlockType::Empty);
        self.stop(code, MODE_SPENT);
        code.end();
    }

    fn check(self, code: &mut InstructionSink<'_>, tank: u32) {
        code.global_get(tank)
            .i64_const(0)
            .i64_lt_s()
            .if_(BlockType::Empty)
            .unreachable()
            .end();
    }

    fn stop(self, code: &mut InstructionSink<'_>, mode: i32) {
        code.i32_const(mode).global_set(self.mode()).unreachable();
    }
}
