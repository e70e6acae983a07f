//! Constant expressions: initial values of globals, offsets of segments, elements.
//!
//! A constant expression may read imported globals only. Once linked, the global of another
//! module is not imported any more, so its initial value takes the place of the read.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ConstExpr, Encode, HeapType, Ieee32, Ieee64, Instruction};
use wasmparser::Operator;

use crate::error::Error;
use crate::modules::{Item, Modules};
use crate::resolve::Resolution;
use crate::space::Space;

/// Operators of an initial value that is copied. Only one that depends on a missing import has
/// more than one: `base + 8` has three. The linked module is then no more than a few times
/// as long as its parts, however often they copy from each other.
const COPIED_OPERATORS_MAX: usize = 4;

/// An operator of a constant expression.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    I32(i32),
    I64(i64),
    F32(Ieee32),
    F64(Ieee64),
    V128(i128),
    Null(HeapType),
    /// The reference to a function.
    Function(Item),
    /// The value of an imported global.
    Global(Item),
    Binary(Binary),
}

/// An integer operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binary {
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// A constant expression whose globals are imports of the linked module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constant {
    operations: Vec<Operation>,
}

impl Constant {
    /// The functions and globals of the expression.
    pub(crate) fn items(&self) -> impl Iterator<Item = Item> {
        self.operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Function(item) | Operation::Global(item) => Some(*item),
                _ => None,
            })
    }

    /// The expression in the linked module, where `index` is the index of an item.
    pub(crate) fn encode(
        &self,
        index: impl Fn(Item) -> Result<u32, Error>,
    ) -> Result<ConstExpr, Error> {
        let mut bytes = Vec::new();
        for operation in &self.operations {
            let instruction = match *operation {
                Operation::I32(value) => Instruction::I32Const(value),
                Operation::I64(value) => Instruction::I64Const(value),
                Operation::F32(value) => Instruction::F32Const(value),
                Operation::F64(value) => Instruction::F64Const(value),
                Operation::V128(value) => Instruction::V128Const(value),
                Operation::Null(ty) => Instruction::RefNull(ty),
                Operation::Function(item) => Instruction::RefFunc(index(item)?),
                Operation::Global(item) => Instruction::GlobalGet(index(item)?),
                Operation::Binary(Binary::I32Add) => Instruction::I32Add,
                Operation::Binary(Binary::I32Sub) => Instruction::I32Sub,
                Operation::Binary(Binary::I32Mul) => Instruction::I32Mul,
                Operation::Binary(Binary::I64Add) => Instruction::I64Add,
                Operation::Binary(Binary::I64Sub) => Instruction::I64Sub,
                Operation::Binary(Binary::I64Mul) => Instruction::I64Mul,
            };
            instruction.encode(&mut bytes);
        }
        Ok(ConstExpr::raw(bytes))
    }

    /// Adds an operation, evaluated if its operands are known.
    fn push(&mut self, operation: Operation) {
        use Operation::{Binary as Operator, I32, I64};
        let value = match (self.operations.as_slice(), operation) {
            ([.., I32(left), I32(right)], Operator(Binary::I32Add)) => {
                I32(left.wrapping_add(*right))
            }
            ([.., I32(left), I32(right)], Operator(Binary::I32Sub)) => {
                I32(left.wrapping_sub(*right))
            }
            ([.., I32(left), I32(right)], Operator(Binary::I32Mul)) => {
                I32(left.wrapping_mul(*right))
            }
            ([.., I64(left), I64(right)], Operator(Binary::I64Add)) => {
                I64(left.wrapping_add(*right))
            }
            ([.., I64(left), I64(right)], Operator(Binary::I64Sub)) => {
                I64(left.wrapping_sub(*right))
            }
            ([.., I64(left), I64(right)], Operator(Binary::I64Mul)) => {
                I64(left.wrapping_mul(*right))
            }
            _ => return self.operations.push(operation),
        };
        self.operations.truncate(self.operations.len() - 2);
        self.operations.push(value);
    }
}

/// Initial values of the globals of all modules.
pub(crate) struct Constants<'m, 'a> {
    modules: &'m Modules<'a>,
    resolution: &'m Resolution,
    values: Vec<Option<Constant>>,
}

impl<'m, 'a> Constants<'m, 'a> {
    /// Evaluates the initial values of all globals.
    pub(crate) fn of(modules: &'m Modules<'a>, resolution: &'m Resolution) -> Result<Self, Error> {
        let globals = modules.totals[Space::Global];
        let mut constants = Self {
            modules,
            resolution,
            values: vec![None; globals as usize],
        };
        let mut is_entered = vec![false; globals as usize];
        for number in 0..globals {
            constants.evaluate_with_dependencies(number, &mut is_entered)?;
        }
        Ok(constants)
    }

    /// The initial value of a global.
    pub(crate) fn value(&self, global: Item) -> Result<&Constant, Error> {
        let value = self.values.get(global.number as usize);
        value
            .and_then(Option::as_ref)
            .ok_or_else(|| Error::internal("a global has no initial value"))
    }

    /// Evaluates an expression of a module.
    pub(crate) fn evaluate(
        &self,
        module: usize,
        expression: &wasmparser::ConstExpr<'_>,
    ) -> Result<Constant, Error> {
        let mut constant = Constant::default();
        for operator in expression.get_operators_reader() {
            let operator = match operator? {
                Operator::End => continue,
                Operator::GlobalGet { global_index } => {
                    let global = self.modules.item(module, Space::Global, global_index)?;
                    self.copy(self.resolution.target(global), &mut constant)?;
                    continue;
                }
                Operator::RefFunc { function_index } => {
                    let function = self.modules.item(module, Space::Function, function_index)?;
                    Operation::Function(self.resolution.target(function))
                }
                other => closed(&other)?,
            };
            constant.push(operator);
        }
        Ok(constant)
    }

    /// Appends the value of a global.
    fn copy(&self, global: Item, constant: &mut Constant) -> Result<(), Error> {
        if !self.modules.is_defined(global)? {
            constant.push(Operation::Global(global));
            return Ok(());
        }
        let value = self.value(global)?;
        let operators = value.operations.len();
        if operators > COPIED_OPERATORS_MAX {
            let (module, index) = self.modules.owner(global)?;
            return Err(Error::InitialValueTooLong {
                place: self.modules.module(module)?.place.clone(),
                global: index,
                operators,
                operators_max: COPIED_OPERATORS_MAX,
            });
        }
        for operation in &value.operations {
            constant.push(*operation);
        }
        Ok(())
    }

    /// The initial value of a global that a module defines, unevaluated.
    fn defined(
        &self,
        module: usize,
        index: u32,
    ) -> Result<Option<&'m wasmparser::ConstExpr<'a>>, Error> {
        let module = self.modules.module(module)?;
        let imported = module.imports[Space::Global].len();
        let defined = (index as usize).checked_sub(imported);
        Ok(defined.and_then(|defined| module.initial_values.get(defined)))
    }

    /// Evaluates the initial value of a global after those that it depends on. A stack of its
    /// own takes the place of recursion, whose depth the modules would choose.
    fn evaluate_with_dependencies(
        &mut self,
        number: u32,
        is_entered: &mut [bool],
    ) -> Result<(), Error> {
        let mut stack = vec![number];
        while let Some(number) = stack.last().copied() {
            let (module, index) = self.modules.owner(global(number))?;
            let expression = self.defined(module, index)?;
            let is_done = self.values[number as usize].is_some();
            let Some(expression) = expression.filter(|_| !is_done) else {
                stack.pop();
                continue;
            };
            if is_entered[number as usize] {
                self.values[number as usize] = Some(self.evaluate(module, expression)?);
                stack.pop();
                continue;
            }
            is_entered[number as usize] = true;
            for operator in expression.get_operators_reader() {
                let Operator::GlobalGet { global_index } = operator? else {
                    continue;
                };
                let read = self.modules.item(module, Space::Global, global_index)?;
                let read = self.resolution.target(read).number;
                if self.values[read as usize].is_some() {
                    continue;
                }
                if is_entered[read as usize] {
                    return Err(Error::GlobalCycle {
                        place: self.modules.module(module)?.place.clone(),
                        global: index,
                    });
                }
                stack.push(read);
            }
        }
        Ok(())
    }
}

fn global(number: u32) -> Item {
    Item {
        space: Space::Global,
        number,
    }
}

/// An operator without an index.
fn closed(operator: &Operator<'_>) -> Result<Operation, Error> {
    Ok(match operator {
        Operator::I32Const { value } => Operation::I32(*value),
        Operator::I64Const { value } => Operation::I64(*value),
        Operator::F32Const { value } => Operation::F32((*value).into()),
        Operator::F64Const { value } => Operation::F64((*value).into()),
        Operator::V128Const { value } => Operation::V128(value.i128()),
        Operator::RefNull { hty } => {
            let ty = RoundtripReencoder.heap_type(*hty);
            Operation::Null(ty.map_err(|error| Error::internal(error.to_string()))?)
        }
        Operator::I32Add => Operation::Binary(Binary::I32Add),
        Operator::I32Sub => Operation::Binary(Binary::I32Sub),
        Operator::I32Mul => Operation::Binary(Binary::I32Mul),
        Operator::I64Add => Operation::Binary(Binary::I64Add),
        Operator::I64Sub => Operation::Binary(Binary::I64Sub),
        Operator::I64Mul => Operation::Binary(Binary::I64Mul),
        _ => return Err(Error::internal("an operator of a constant is not known")),
    })
}
