//! Bounds of the work of validation, and of what the compiler numbers.
//!
//! A validator pushes and pops every value of a block, a branch, a target of a
//! `br_table` and a call: a thousand for one byte. This scan needs no validation.

use wasmparser::{
    BinaryReaderError, BlockType, CompositeInnerType, FunctionBody, Operator, Parser, Payload,
    SubType, TypeRef,
};

use crate::error::Error;

/// Values for each byte of a module that are accepted. Modules of compilers have less
/// than one.
const VALUES_PER_BYTE_MAX: u64 = 32;

/// Values that are accepted in a module of any size.
const VALUES_MIN: u64 = 2_000_000;

/// Globals that are accepted. Cranelift numbers at most 262,143 regions of memory, each global
/// among them, and modules of compilers have a few.
const GLOBALS_MAX: usize = 100_000;

/// Checks that the values of blocks, branches and calls are in proportion to the bytes of a
/// module, and that it has few globals, in one scan that is to be made before the module is
/// validated.
///
/// # Errors
///
/// [`Error::TooManyValues`], [`Error::TooManyGlobals`], and [`Error::Invalid`] if the module does
/// not parse.
pub fn check_arities(module: &[u8]) -> Result<(), Error> {
    let values_max = VALUES_MIN + VALUES_PER_BYTE_MAX * module.len() as u64;
    let mut arities = Arities::default();
    let (mut values, mut function) = (0, 0);
    let mut globals = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    arities
                        .types
                        .extend(group?.into_types().map(|ty| Arity::of(&ty)));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(index) => {
                            arities.functions.push(index);
                            function += 1;
                        }
                        TypeRef::Global(_) => globals += 1,
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    arities.functions.push(index?);
                }
            }
            Payload::GlobalSection(section) => {
                globals += section.count() as usize;
                if globals > GLOBALS_MAX {
                    return Err(Error::TooManyGlobals {
                        globals,
                        globals_max: GLOBALS_MAX,
                    });
                }
            }
            Payload::CodeSectionEntry(body) => {
                values += arities.values(&body, function, values_max)?;
                if values > values_max {
                    return Err(Error::TooManyValues {
                        function,
                        values_max,
                    });
                }
                function += 1;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Numbers of parameters and results.
#[derive(Clone, Copy, Default)]
struct Arity {
    params: u64,
    results: u64,
}

impl Arity {
    fn of(ty: &SubType) -> Self {
        match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => Self {
                params: ty.params().len() as u64,
                results: ty.results().len() as u64,
            },
            _ => Self::default(),
        }
    }

    fn sum(self) -> u64 {
        self.params + self.results
    }
}

/// Arities of a module's types and functions. An index that is not valid has none.
#[derive(Default)]
struct Arities {
    types: Vec<Arity>,
    /// Type of each function.
    functions: Vec<u32>,
}

impl Arities {
    fn of_type(&self, index: u32) -> Arity {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn of_function(&self, index: u32) -> Arity {
        let ty = self.functions.get(index as usize);
        ty.map_or_else(Arity::default, |ty| self.of_type(*ty))
    }

    fn of_block(&self, block: BlockType) -> Arity {
        match block {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity {
                params: 0,
                results: 1,
            },
            BlockType::FuncType(index) => self.of_type(index),
        }
    }

    /// The values of a body; more than `values_max` if it has more.
    fn values(
        &self,
        body: &FunctionBody<'_>,
        function: u32,
        values_max: u64,
    ) -> Result<u64, BinaryReaderError> {
        // Values of the labels of the open blocks.
        let mut labels = vec![self.of_function(function).results];
        let mut values = 0;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() && values <= values_max {
            let label = |depth: u32| {
                let index = labels.len().checked_sub(depth as usize + 1);
                index.map_or(0, |index| labels[index])
            };
            values += match operators.read()? {
                Operator::Block { blockty } | Operator::If { blockty } => {
                    let arity = self.of_block(blockty);
                    labels.push(arity.results);
                    2 * arity.sum()
                }
                Operator::Loop { blockty } => {
                    let arity = self.of_block(blockty);
                    labels.push(arity.params);
                    2 * arity.sum()
                }
                Operator::End => {
                    labels.pop();
                    0
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    2 * label(relative_depth)
                }
                Operator::BrTable { targets } => {
                    let depths = targets.targets().map_while(Result::ok);
                    depths.map(|depth| 2 * label(depth)).sum()
                }
                Operator::Return => labels.first().copied().unwrap_or(0),
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    self.of_function(function_index).sum()
                }
                Operator::CallIndirect { type_index, .. }
                | Operator::ReturnCallIndirect { type_index, .. } => self.of_type(type_index).sum(),
                _ => 0,
            };
        }
        Ok(values)
    }
}
