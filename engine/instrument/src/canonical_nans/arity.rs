//! Numbers of operands and results.

use wasmparser::{
    BlockType, ContType, FrameKind, FuncType, ModuleArity, Operator, RefType, SubType,
};

use crate::error::Error;
use crate::module_info::ModuleInfo;

/// The numbers of parameters and results of a block.
pub(crate) fn of_block(block: BlockType, info: &ModuleInfo) -> [usize; 2] {
    match block {
        BlockType::Empty => [0, 0],
        BlockType::Type(_) => [0, 1],
        BlockType::FuncType(index) => {
            let signature = &info.types[index as usize];
            [signature.params().len(), signature.results().len()]
        }
    }
}

/// The numbers of operands and results of an instruction, other than blocks,
/// branches and calls.
pub(crate) fn of_simple(operator: &Operator<'_>) -> Result<[usize; 2], Error> {
    let arity = operator.operator_arity(&NoModule);
    let (operands, results) =
        arity.ok_or_else(|| Error::internal(format!("{operator:?} has no known arity")))?;
    Ok([operands as usize, results as usize])
}

/// No module: the arity of these instructions does not depend on it.
struct NoModule;

impl ModuleArity for NoModule {
    fn sub_type_at(&self, _: u32) -> Option<&SubType> {
        None
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, _: u32) -> Option<u32> {
        None
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}
