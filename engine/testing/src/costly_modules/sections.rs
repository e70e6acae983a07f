//! Sections of a costly module.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, InstructionSink, MemorySection, MemoryType, Module,
    RefType, TableSection, TableType, TypeSection, ValType,
};

pub(super) const MEMARG: wasm_encoder::MemArg = wasm_encoder::MemArg {
    offset: 0,
    align: 0,
    memory_index: 0,
};

/// Type `() -> ()`.
pub(super) const NO_TYPE: u32 = 0;
/// Types with `width` parameters, results or both.
pub(super) const WIDE_TYPE: u32 = 3;
pub(super) const PRODUCE_TYPE: u32 = 4;
pub(super) const CONSUME_TYPE: u32 = 5;
/// Functions that make and take `width` values.
pub(super) const PRODUCE: u32 = 3;
pub(super) const CONSUME: u32 = 4;
/// Index of the first function of a kind.
pub(super) const FIRST_ADDED: u32 = 5;

/// Sections of a module.
pub(super) struct Sections {
    pub(super) types: TypeSection,
    functions: FunctionSection,
    tables: TableSection,
    globals: GlobalSection,
    pub(super) exports: ExportSection,
    pub(super) elements: ElementSection,
    pub(super) data: DataSection,
    /// Bodies of the added functions.
    bodies: Vec<Function>,
}

impl Sections {
    pub(super) fn new(width: u32) -> Self {
        let mut types = TypeSection::new();
        let wide = || std::iter::repeat_n(ValType::I32, width.min(1_000) as usize);
        types.ty().function([], []);
        types.ty().function([ValType::I32], [ValType::I32]);
        types.ty().function([ValType::I32; 3], [ValType::I32]);
        types.ty().function(wide(), wide());
        types.ty().function([], wide());
        types.ty().function(wide(), []);
        let mut functions = FunctionSection::new();
        functions.function(NO_TYPE).function(1).function(2);
        let mut exports = ExportSection::new();
        exports
            .export("memory", ExportKind::Memory, 0)
            .export("fusebox_abi_1", ExportKind::Func, 0)
            .export("fusebox_alloc", ExportKind::Func, 1)
            .export("fusebox_udf_f", ExportKind::Func, 2);
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 8,
            maximum: Some(8),
            shared: false,
        });
        let mut globals = GlobalSection::new();
        globals.global(GLOBAL, &ConstExpr::i32_const(0));
        let mut parts = Self {
            types,
            functions,
            tables,
            globals,
            exports,
            elements: ElementSection::new(),
            data: DataSection::new(),
            bodies: Vec::new(),
        };
        let width = width.min(1_000);
        parts.function(PRODUCE_TYPE, |code| {
            (0..width).for_each(|n| _ = code.i32_const(n as i32).i32_load(MEMARG));
        });
        parts.function(CONSUME_TYPE, |code| {
            (0..width).for_each(|n| _ = code.local_get(n).local_get(n).i32_store(MEMARG));
        });
        parts
    }

    pub(super) fn global(&mut self) {
        self.globals.global(GLOBAL, &ConstExpr::i32_const(0));
    }

    pub(super) fn function(&mut self, ty: u32, write: impl FnOnce(&mut InstructionSink<'_>)) {
        let mut body = Function::new([]);
        let mut code = body.instructions();
        write(&mut code);
        code.end();
        self.functions.function(ty);
        self.bodies.push(body);
    }

    /// Adds a function without instructions, with so many locals.
    pub(super) fn function_with_locals(&mut self, locals: u32) {
        self.functions.function(NO_TYPE);
        let mut body = Function::new([(locals, ValType::I32)]);
        body.instructions().end();
        self.bodies.push(body);
    }

    pub(super) fn finish(self, body: &Function) -> Vec<u8> {
        let mut empty = Function::new([]);
        empty.instructions().end();
        let mut alloc = Function::new([]);
        alloc.instructions().i32_const(4096).end();
        let mut code = CodeSection::new();
        for function in [&empty, &alloc, body].into_iter().chain(&self.bodies) {
            code.function(function);
        }
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 2,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.functions)
            .section(&self.tables)
            .section(&memories)
            .section(&self.globals)
            .section(&self.exports);
        if !self.elements.is_empty() {
            module.section(&self.elements);
        }
        module.section(&code);
        if !self.data.is_empty() {
            module.section(&self.data);
        }
        module.finish()
    }
}

const GLOBAL: GlobalType = GlobalType {
    val_type: ValType::I32,
    mutable: true,
    shared: false,
};
