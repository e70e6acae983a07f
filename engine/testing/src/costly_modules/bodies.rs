//! Code of a costly module, by kind.

use wasm_encoder::{BlockType, ConstExpr, Elements, ExportKind, InstructionSink, ValType};

use super::sections::{CONSUME, FIRST_ADDED, MEMARG, NO_TYPE, PRODUCE, Sections, WIDE_TYPE};
use super::{CostlyKind, Size};
use CostlyKind::*;

type Code<'a> = InstructionSink<'a>;

const WIDE: BlockType = BlockType::FunctionType(WIDE_TYPE);

/// Pushes `width` different values, in two bytes.
fn values(code: &mut Code<'_>) {
    code.call(PRODUCE);
}

/// Uses `width` values, in two bytes.
fn consume(code: &mut Code<'_>) {
    code.call(CONSUME);
}

/// Stores a value of the local 3 + `n`, so that it is used.
fn store_local(code: &mut Code<'_>, n: u32) {
    code.i32_const(0).local_get(3 + n).i32_store(MEMARG);
}

impl CostlyKind {
    /// The locals of the function `f`, after its three parameters.
    pub(super) fn locals(self, width: u32) -> Vec<(u32, ValType)> {
        match self {
            UnusedLocals | ReadLocals | WrittenLocals | JoinedLocals | LoopLocals | BranchCalls => {
                vec![(width, ValType::I32)]
            }
            FloatLocals => vec![(width, ValType::F64)],
            Floats => vec![(1, ValType::F64)],
            Vectors => vec![(1, ValType::V128)],
            _ => vec![],
        }
    }

    /// Adds functions and declarations.
    pub(super) fn declare(self, sections: &mut Sections, size: Size) {
        let Size { count, width } = size;
        match self {
            Chain | LongChain => self.declare_chain(sections, size),
            SmallCallee => sections.function(NO_TYPE, |code| loads(code, width)),
            Functions => (0..count).for_each(|_| sections.function(NO_TYPE, |_| {})),
            FunctionLocals => (0..count).for_each(|_| sections.function_with_locals(width)),
            Types => {
                for n in 0..count {
                    let param = |bit| match n >> (bit % 32) & 1 {
                        0 => ValType::I32,
                        _ => ValType::I64,
                    };
                    sections.types.ty().function((0..width).map(param), []);
                }
            }
            Globals => (0..count).for_each(|_| sections.global()),
            GlobalSets => (0..width).for_each(|_| sections.global()),
            Exports => {
                for n in 0..count {
                    let name = format!("{n:x}");
                    sections.exports.export(&name, ExportKind::Func, 0);
                }
            }
            DataSegments => {
                for _ in 0..count {
                    sections.data.active(0, &ConstExpr::i32_const(0), [0]);
                }
            }
            ElementSegments => {
                for _ in 0..count {
                    let functions = Elements::Functions([0].as_slice().into());
                    let offset = ConstExpr::i32_const(0);
                    sections.elements.active(None, &offset, functions);
                }
            }
            WideCalls => sections.function(WIDE_TYPE, |code| {
                (0..width).for_each(|n| _ = code.local_get(n));
            }),
            Returns => sections.function(WIDE_TYPE, |code| {
                (0..width).for_each(|n| _ = code.local_get(n));
                (0..count).for_each(|_| _ = code.local_get(0).br_if(0));
            }),
            Calls | BranchCalls => sections.function(NO_TYPE, |code| {
                code.i32_const(0).global_get(0).i32_store(MEMARG);
                code.loop_(BlockType::Empty).global_get(0).br_if(0).end();
            }),
            _ => {}
        }
    }

    fn declare_chain(self, sections: &mut Sections, Size { count, width }: Size) {
        let calls = if self == Chain { width } else { 1 };
        for n in 0..count {
            sections.function(NO_TYPE, |code| {
                if self == LongChain {
                    loads(code, width);
                }
                if n + 1 < count {
                    (0..calls).for_each(|_| _ = code.call(FIRST_ADDED + n + 1));
                }
            });
        }
    }

    /// Adds the code of the function `f`.
    pub(super) fn code(self, code: &mut Code<'_>, size: Size) {
        match self {
            Blocks | Ifs | Loops | Branches | TableTargets | Tables | Nesting | EmptyLoops
            | Operands => self.control_flow(code, size),
            UnusedLocals | ReadLocals | WrittenLocals | JoinedLocals | LoopLocals | FloatLocals => {
                self.use_of_locals(code, size);
            }
            _ => self.instructions(code, size),
        }
    }

    fn control_flow(self, code: &mut Code<'_>, Size { count, width }: Size) {
        let is_wide = matches!(
            self,
            Blocks | Ifs | Loops | Branches | TableTargets | Operands
        );
        if is_wide {
            values(code);
        }
        match self {
            Blocks => (0..count).for_each(|_| _ = code.block(WIDE).end()),
            Ifs => (0..count).for_each(|_| _ = code.local_get(0).if_(WIDE).end()),
            Loops => (0..count).for_each(|_| _ = code.loop_(WIDE).end()),
            Branches => {
                code.block(WIDE);
                (0..count).for_each(|_| _ = code.local_get(0).br_if(0));
                code.end();
            }
            TableTargets => {
                (0..count).for_each(|_| _ = code.block(WIDE));
                code.local_get(0)
                    .br_table((0..count).collect::<Vec<_>>(), 0);
                (0..count).for_each(|_| _ = code.end());
            }
            Tables => {
                let targets: Vec<u32> = (0..width).map(|n| n % 2).collect();
                code.block(BlockType::Empty);
                for _ in 0..count {
                    code.block(BlockType::Empty).local_get(0);
                    code.br_table(targets.iter().copied(), 0).end();
                }
                code.end();
            }
            Operands => (0..count).for_each(|_| {
                code.block(BlockType::Empty).local_get(0).br_if(0).end();
            }),
            Nesting => (0..count).for_each(|_| {
                (0..width).for_each(|_| _ = code.block(BlockType::Empty));
                (0..width).for_each(|n| _ = code.local_get(0).br_if(n));
                (0..width).for_each(|_| _ = code.end());
            }),
            _ => (0..count).for_each(|_| _ = code.loop_(BlockType::Empty).end()),
        }
        if is_wide {
            consume(code);
        }
    }

    fn use_of_locals(self, code: &mut Code<'_>, Size { count, width }: Size) {
        match self {
            UnusedLocals => (0..count).for_each(|_| {
                code.local_get(0).if_(BlockType::Empty);
                code.i32_const(0).local_get(1).i32_store(MEMARG).end();
            }),
            ReadLocals | WrittenLocals => {
                for _ in 0..count {
                    code.block(BlockType::Empty).local_get(0).br_if(0).end();
                }
                for n in 0..width {
                    match self {
                        ReadLocals => store_local(code, n),
                        _ => _ = code.local_get(0).local_set(3 + n),
                    }
                }
            }
            JoinedLocals => {
                (0..count).for_each(|_| _ = code.block(BlockType::Empty));
                for n in 0..width {
                    code.local_get(0).i32_load(MEMARG).local_set(3 + n);
                    code.local_get(0).br_if(n % count);
                }
                for _ in 0..count {
                    code.local_get(0).i32_load(MEMARG).local_set(3).end();
                }
                (0..width).for_each(|n| store_local(code, n));
            }
            LoopLocals => {
                (0..count).for_each(|_| _ = code.loop_(BlockType::Empty));
                for n in 0..width {
                    code.local_get(3 + n).i32_load(MEMARG).local_set(3 + n);
                }
                (0..count).for_each(|_| _ = code.local_get(0).br_if(0).end());
                (0..width).for_each(|n| store_local(code, n));
            }
            _ => {
                for n in 0..width {
                    code.local_get(3).local_get(3).f64_add().local_set(3 + n);
                }
                for n in 0..count {
                    code.local_get(0).if_(BlockType::Empty);
                    code.local_get(3).local_get(3).f64_div();
                    code.local_set(3 + n % width).end();
                }
                for n in 0..width {
                    code.i32_const(0).local_get(3 + n).f64_store(MEMARG);
                }
            }
        }
    }

    fn instructions(self, code: &mut Code<'_>, Size { count, width }: Size) {
        match self {
            WideCalls => values(code),
            Selects => _ = code.local_get(0),
            Vectors => _ = code.local_get(3),
            Chain | LongChain => _ = code.call(FIRST_ADDED),
            _ => {}
        }
        for n in 0..count {
            match self {
                WideCalls | Calls | SmallCallee => _ = code.call(FIRST_ADDED),
                BranchCalls => {
                    code.local_get(0).if_(BlockType::Empty).call(FIRST_ADDED);
                    (0..width).for_each(|n| store_local(code, n));
                    code.end();
                }
                IndirectCalls => _ = code.local_get(0).call_indirect(0, NO_TYPE),
                Additions => {
                    code.local_get(0).local_get(1).i32_add().local_set(0);
                }
                Divisions => {
                    code.local_get(0).local_get(1).i32_div_s().local_set(0);
                }
                Memory => {
                    code.local_get(0).local_get(0).i32_load(MEMARG);
                    code.i32_store(MEMARG);
                }
                Selects => _ = code.local_get(1).local_get(2).select(),
                TableGets => {
                    code.local_get(0).local_get(0).table_get(0).table_set(0);
                }
                Vectors => {
                    code.i8x16_popcnt()
                        .i64x2_neg()
                        .i8x16_bitmask()
                        .i8x16_splat();
                }
                Floats => {
                    code.local_get(0).local_get(3).f64_nearest();
                    code.local_tee(3).f64_store(MEMARG);
                }
                Bulk => {
                    code.local_get(0)
                        .local_get(0)
                        .local_get(0)
                        .memory_copy(0, 0);
                }
                GlobalSets => {
                    code.global_get(n % width).global_set((n + 1) % width);
                }
                _ => {}
            }
        }
        match self {
            WideCalls => consume(code),
            Selects | Vectors => _ = code.drop(),
            _ => {}
        }
    }
}

/// Loads of the same address.
fn loads(code: &mut Code<'_>, count: u32) {
    (0..count).for_each(|_| _ = code.i32_const(4).i32_load(MEMARG).drop());
}
