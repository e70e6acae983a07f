//! Modules that cost much for their size: few bytes, of which each makes the compiler
//! keep a number of values, blocks or functions.

// Bodies of the functions.
mod bodies;

use arbitrary::{Arbitrary, Result, Unstructured};
use wasm_encoder::{
    ConstExpr, CustomSection, ElementSection, Elements, ExportKind, ExportSection, FunctionSection,
    GlobalSection, GlobalType, MemorySection, MemoryType, Module, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// Construct that a module repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
pub enum Shape {
    /// Blocks that take and return `width` values.
    Blocks,
    /// Conditional blocks that take and return `width` values.
    Ifs,
    /// Conditional blocks without values, below `width` values of the operand stack.
    IfsBelowOperands,
    /// Conditional blocks that change one of `width` locals.
    IfsAndLocals,
    /// Loops that change one of `width` locals.
    LoopsAndLocals,
    /// One `br_table` of `count` targets that take `width` values.
    BranchTable,
    /// Branches to one block, with `width` values each.
    Branches,
    /// Returns of `width` results.
    Returns,
    /// Blocks in blocks, each with a branch to the outermost.
    Nested,
    /// Functions that call the next one twice, with a body of `width` instructions.
    CallChain,
    /// Calls of one function with `width` arguments.
    Calls,
    /// Calls through a table with `width` arguments.
    IndirectCalls,
    /// Functions of `width` instructions.
    Functions,
    /// Types of `width` parameters.
    Types,
    /// Globals that are changed, `width` times each.
    Globals,
    /// Float arithmetic on `width` locals at joins of control flow.
    FloatJoins,
    /// Vector constants and shuffles, below `width` values.
    Vectors,
    /// Loads, stores and fills of memory.
    Memory,
    /// Declarations of functions with `width` arguments.
    Declarations,
}

/// Every shape.
pub const SHAPES: [Shape; 19] = [
    Shape::Blocks,
    Shape::Ifs,
    Shape::IfsBelowOperands,
    Shape::IfsAndLocals,
    Shape::LoopsAndLocals,
    Shape::BranchTable,
    Shape::Branches,
    Shape::Returns,
    Shape::Nested,
    Shape::CallChain,
    Shape::Calls,
    Shape::IndirectCalls,
    Shape::Functions,
    Shape::Types,
    Shape::Globals,
    Shape::FloatJoins,
    Shape::Vectors,
    Shape::Memory,
    Shape::Declarations,
];

/// Module that repeats a construct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bomb {
    /// Construct that is repeated.
    pub shape: Shape,
    /// Number of repetitions in a function.
    pub count: u32,
    /// Number of values of each.
    pub width: u32,
    /// Number of functions that repeat it, besides those of the construct itself.
    pub copies: u32,
}

/// Type without parameters and results.
const NOTHING: u32 = 0;
/// Type of exported functions.
const UDF: u32 = 1;
/// Type of `width` values to `width` values.
const WIDE: u32 = 2;
/// Type of `width` values to none.
const CONSUMER: u32 = 3;
/// Type of the allocator.
const ALLOC: u32 = 4;

/// Index of the first function after the three that the ABI demands.
const FIRST: u32 = 3;

/// Most instructions of a module, so that one is built in milliseconds.
const INSTRUCTIONS_MAX: u32 = 1_000_000;

impl Bomb {
    /// Takes a bomb from an input.
    ///
    /// # Errors
    ///
    /// If the input is too short.
    pub fn arbitrary(input: &mut Unstructured<'_>) -> Result<Self> {
        let shape = input.arbitrary()?;
        // Small numbers are as likely as large ones.
        let mut number = |bits: u32| -> Result<u32> {
            let bits = input.int_in_range(0..=bits)?;
            Ok(1 + (input.arbitrary::<u32>()? & ((1 << bits) - 1)))
        };
        let (count, width, copies) = (number(15)?, number(10)?, number(6)?);
        let copies = copies.min(1 + INSTRUCTIONS_MAX / (count + 2 * width));
        Ok(Self {
            shape,
            count,
            width,
            copies,
        })
    }

    /// Builds the module. It exports the function `f(BIGINT)`.
    pub fn module(self) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&self.types()).section(&self.functions());
        let is_indirect = self.shape == Shape::IndirectCalls;
        if is_indirect {
            module.section(&table());
        }
        module.section(&memory());
        if self.shape == Shape::Globals {
            module.section(&self.globals());
        }
        module.section(&exports());
        if is_indirect {
            module.section(&elements());
        }
        module.section(&self.code());
        if self.shape == Shape::Declarations {
            let text = self.declarations();
            module.section(&CustomSection {
                name: fusebox_abi::SECTION_FUNCTIONS.into(),
                data: text.as_bytes().into(),
            });
        }
        module.finish()
    }

    fn types(self) -> TypeSection {
        let mut types = TypeSection::new();
        let wide = vec![ValType::I32; self.width as usize];
        types.ty().function([], []);
        types.ty().function([ValType::I32; 3], [ValType::I32]);
        types.ty().function(wide.clone(), wide.clone());
        types.ty().function(wide.clone(), []);
        types.ty().function([ValType::I32], [ValType::I32]);
        if self.shape == Shape::Types {
            for _ in 0..self.count.min(100_000 / self.width) {
                types.ty().function(wide.clone(), wide.clone());
            }
        }
        types
    }

    fn functions(self) -> FunctionSection {
        let mut functions = FunctionSection::new();
        functions.function(NOTHING).function(ALLOC).function(UDF);
        for _ in 0..self.own_functions() {
            functions.function(match self.shape {
                Shape::Calls | Shape::IndirectCalls => CONSUMER,
                _ => NOTHING,
            });
        }
        for _ in 0..self.copies {
            functions.function(match self.shape {
                Shape::Returns => WIDE,
                _ => NOTHING,
            });
        }
        functions
    }

    fn globals(self) -> GlobalSection {
        let mut globals = GlobalSection::new();
        let global = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        for _ in 0..self.count {
            globals.global(global, &ConstExpr::i32_const(0));
        }
        globals
    }

    /// Returns the number of functions that the construct itself consists of.
    fn own_functions(self) -> u32 {
        match self.shape {
            Shape::Calls | Shape::IndirectCalls => 1,
            Shape::CallChain | Shape::Functions => self.count,
            _ => 0,
        }
    }

    fn declarations(self) -> String {
        let arguments = vec!["BIGINT"; self.width as usize].join(", ");
        let declare = |n| format!("CREATE FUNCTION f{n}({arguments}) RETURNS BIGINT;");
        (0..self.count).map(declare).collect()
    }
}

fn table() -> TableSection {
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: Some(1),
        shared: false,
    });
    tables
}

fn elements() -> ElementSection {
    let mut elements = ElementSection::new();
    let functions = Elements::Functions(vec![FIRST].into());
    elements.active(None, &ConstExpr::i32_const(0), functions);
    elements
}

fn memory() -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 2,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories
}

fn exports() -> ExportSection {
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("fusebox_abi_1", ExportKind::Func, 0);
    exports.export("fusebox_alloc", ExportKind::Func, 1);
    exports.export("fusebox_udf_f", ExportKind::Func, 2);
    exports
}
