//! What the pass must know of a module before it rewrites anything.

use std::ops::Range;

use wasmparser::{
    BinaryReaderError, ElementItems, ExternalKind, FuncType, FuncValidatorAllocations,
    FunctionBody, Operator, Parser, Payload, TypeRef, ValType, ValidPayload, Validator,
};

use crate::floats::{Effect, effect};
use crate::imports::Import;
use crate::lasting::Lasting;
use crate::stretch::Stretch;
use crate::weights::{ENTRY, by_operand, weight};
use crate::{EXPORT_PREFIX, Error, FEATURES, Options};

/// A valid module, looked through once.
#[derive(Default)]
pub(crate) struct Facts {
    /// The function types, by type index.
    pub(crate) types: Vec<FuncType>,
    /// The type index of every function, imported ones first.
    pub(crate) function_types: Vec<u32>,
    /// What is imported: functions, and nothing else.
    pub(crate) imports: Vec<Import>,
    /// How many tables there are.
    pub(crate) tables: u32,
    /// How many globals there are.
    pub(crate) globals: u32,
    /// The exported functions and their names.
    pub(crate) exports: Vec<(String, u32)>,
    /// The functions that are called from outside, or through a reference.
    pub(crate) entries: Vec<u32>,
    /// Those among them of which a reference can be had.
    pub(crate) referenced: Vec<u32>,
    /// The start function.
    pub(crate) start: Option<u32>,
    /// The functions that are defined here, in order.
    pub(crate) bodies: Vec<Body>,
    /// What outlives a call.
    pub(crate) lasting: Lasting,
}

/// What stands in a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    /// Where it stands in the module, in bytes.
    pub(crate) range: Range<usize>,
    /// The weight of its entry and all its instructions, each counted once.
    pub(crate) weight: u64,
    pub(crate) loops: u64,
    pub(crate) locals: u64,
    /// Whether the work of an instruction depends on its operand.
    pub(crate) has_bulk: bool,
    /// Whether it has arithmetic on floats.
    pub(crate) has_arithmetic: bool,
    /// Whether it calls an import.
    pub(crate) imports: bool,
    /// What stands between where it announces a row and where it settles it, if
    /// it does.
    pub(crate) row: Option<Stretch>,
    /// Whether it announces several rows at once.
    pub(crate) announces_together: bool,
    /// The functions it calls by name, as often as the calls stand there.
    pub(crate) calls: Vec<u32>,
    /// Those behind a call of which something comes, were it the function's end.
    pub(crate) awaited: Vec<u32>,
    /// Those that it calls in its own place.
    pub(crate) tail_calls: Vec<u32>,
    /// Whether it calls any function in its own place.
    pub(crate) has_tail_calls: bool,
    /// The functions it makes references to.
    references: Vec<u32>,
    /// The types of the functions it calls through tables.
    pub(crate) indirect_calls: Vec<u32>,
    /// The bytes of stack that a call of it takes, at most.
    pub(crate) frame_bytes: u64,
}

/// What a frame takes besides its locals and operands: return address, saved
/// registers, alignment.
const FRAME_BYTES: u64 = 64;

impl Facts {
    pub(crate) fn of(module: &[u8], options: Options) -> Result<Self, Error> {
        let mut facts = Self::default();
        let mut validator = Validator::new_with_features(FEATURES);
        let mut allocations = FuncValidatorAllocations::default();
        let mut locals_times_loops = 0;
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            let valid = validator.payload(&payload)?;
            facts.section(&payload)?;
            let functions = facts.function_types.len() - facts.imports.len();
            if functions > options.functions_max {
                return Err(Error::Functions {
                    functions,
                    functions_max: options.functions_max,
                });
            }
            if let ValidPayload::Func(function, body) = valid {
                let mut checked = function.into_validator(allocations);
                let body = Body::of(&body, &mut checked, &facts.imports, options.nesting_max)?;
                let body = body.ok_or(Error::Nesting {
                    function: facts.imports.len() + facts.bodies.len(),
                    nesting_max: options.nesting_max,
                })?;
                locals_times_loops += body.locals * body.loops;
                if locals_times_loops > options.locals_times_loops_max {
                    return Err(Error::Work {
                        max: options.locals_times_loops_max,
                    });
                }
                facts.referenced.extend(&body.references);
                facts.bodies.push(body);
                allocations = checked.into_allocations();
            }
        }
        facts.entries.extend_from_slice(&facts.referenced);
        for list in [&mut facts.entries, &mut facts.referenced] {
            list.sort_unstable();
            list.dedup();
        }
        facts.lasting = Lasting::of(module)?;
        Ok(facts)
    }

    /// Whether a function is called by others than those who know its name.
    pub(crate) fn is_entry(&self, function: u32) -> bool {
        self.entries.binary_search(&function).is_ok()
    }

    /// The type of a function.
    pub(crate) fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.function_types[function as usize] as usize]
    }

    fn section(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types.clone() {
                    for sub_type in group?.into_types() {
                        self.types.push(sub_type.unwrap_func().clone());
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let import = import?;
                    let known = match import.ty {
                        TypeRef::Func(index) => {
                            self.function_types.push(index);
                            let ty = &self.types[index as usize];
                            Import::of(import.module, import.name, ty)
                        }
                        _ => None,
                    };
                    self.imports.push(known.ok_or_else(|| Error::Import {
                        module: import.module.escape_debug().to_string(),
                        name: import.name.escape_debug().to_string(),
                    })?);
                }
            }
            Payload::FunctionSection(functions) => {
                for index in functions.clone() {
                    self.function_types.push(index?);
                }
            }
            Payload::GlobalSection(globals) => {
                self.globals += globals.count();
                for global in globals.clone() {
                    self.references(global?.init_expr.get_operators_reader())?;
                }
            }
            Payload::TableSection(tables) => {
                self.tables += tables.count();
                for table in tables.clone() {
                    if let wasmparser::TableInit::Expr(init) = table?.init {
                        self.references(init.get_operators_reader())?;
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    if export.name.starts_with(EXPORT_PREFIX) {
                        return Err(Error::Reserved(export.name.escape_debug().to_string()));
                    }
                    if export.kind == ExternalKind::Func {
                        self.entries.push(export.index);
                        self.exports.push((export.name.to_owned(), export.index));
                    }
                }
            }
            Payload::StartSection { func, .. } => {
                self.start = Some(*func);
                self.entries.push(*func);
            }
            Payload::ElementSection(elements) => {
                for element in elements.clone() {
                    match element?.items {
                        ElementItems::Functions(functions) => {
                            for function in functions {
                                self.referenced.push(function?);
                            }
                        }
                        ElementItems::Expressions(_, expressions) => {
                            for expression in expressions {
                                self.references(expression?.get_operators_reader())?;
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes the functions that a constant expression refers to.
    fn references(&mut self, expression: wasmparser::OperatorsReader<'_>) -> Result<(), Error> {
        for operator in expression {
            if let Operator::RefFunc { function_index } = operator? {
                self.referenced.push(function_index);
            }
        }
        Ok(())
    }
}

type FuncValidator = wasmparser::FuncValidator<wasmparser::ValidatorResources>;

impl Body {
    /// Reads a function; nothing if its blocks are nested deeper than allowed.
    fn of(
        body: &FunctionBody<'_>,
        validator: &mut FuncValidator,
        imports: &[Import],
        nesting_max: usize,
    ) -> Result<Option<Self>, BinaryReaderError> {
        let mut facts = Self {
            range: body.range(),
            weight: ENTRY,
            ..Self::default()
        };
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let locals = (0..validator.len_locals())
            .filter_map(|local| validator.get_local_type(local))
            .map(slot_bytes)
            .sum::<u64>();
        facts.locals = validator.len_locals().into();
        // What the instruction before has pushed, if it is known.
        let mut constant = None;
        // What the instruction before has called by name.
        let mut called = None;
        let mut height_max = 0;
        let mut has_vectors = false;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            validator.op(offset, &operator)?;
            if validator.control_stack_height() as usize > nesting_max {
                return Ok(None);
            }
            facts.count(&operator);
            if !matches!(operator, Operator::Unreachable) {
                facts.awaited.extend(called);
            }
            called = match operator {
                Operator::Call { function_index } => Some(function_index),
                _ => None,
            };
            let import = match operator {
                Operator::Call { function_index } => imports.get(function_index as usize),
                _ => None,
            };
            facts.imports |= import.is_some();
            facts.announces_together |= import == Some(&Import::RowGroupBegin);
            match &mut facts.row {
                Some(row) => row.push(&operator, import.copied(), constant),
                None if import == Some(&Import::RowBegin) => facts.row = Some(Stretch::default()),
                None => {}
            }
            constant = match operator {
                Operator::I32Const { value } => Some(value.into()),
                Operator::I64Const { value } => Some(value),
                _ => None,
            };
            height_max = height_max.max(validator.operand_stack_height());
            has_vectors |= validator.get_operand_type(0) == Some(Some(ValType::V128));
        }
        operators.finish()?;
        facts.indirect_calls.sort_unstable();
        facts.indirect_calls.dedup();
        let operand_bytes = if has_vectors { 16 } else { 8 };
        facts.frame_bytes = FRAME_BYTES + locals + u64::from(height_max) * operand_bytes;
        Ok(Some(facts))
    }

    fn count(&mut self, operator: &Operator<'_>) {
        self.weight += weight(operator);
        self.has_bulk |= by_operand(operator).is_some();
        self.has_tail_calls |= matches!(
            operator,
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. }
        );
        if let Operator::ReturnCall { function_index } = operator {
            self.tail_calls.push(*function_index);
            self.awaited.push(*function_index);
        }
        self.has_arithmetic |= matches!(effect(operator), Effect::Arithmetic { .. });
        match operator {
            Operator::Loop { .. } => self.loops += 1,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.calls.push(*function_index);
            }
            Operator::RefFunc { function_index } => self.references.push(*function_index),
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } => {
                self.indirect_calls.push(*type_index);
            }
            _ => {}
        }
    }
}

fn slot_bytes(slot: ValType) -> u64 {
    match slot {
        ValType::V128 => 16,
        _ => 8,
    }
}
