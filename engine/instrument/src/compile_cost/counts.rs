//! Counts of a function, in one scan of its body.

use wasmparser::{
    BinaryReaderError, BlockType, FuncType, FuncValidator, FunctionBody, Operator,
    ValidatorResources,
};

use super::inlining::Callees;
use super::joins::Joins;
use super::{CostKind, KINDS};
use crate::weights::by_operand;

/// Parameters and results of a call that cost no more than the call: most are passed in
/// registers.
const CALL_VALUES_FREE: usize = 6;

/// Counts of one function.
#[derive(Default)]
pub(super) struct Counts {
    counts: [u64; KINDS],
    /// Basic blocks and calls in tenths, weighed by their share in the square.
    branches: u64,
    /// Targets of `br_table` instructions.
    targets: u64,
    /// The basic blocks up to now.
    blocks: u64,
    frames: Vec<Frame>,
    locals: Vec<Local>,
    joins: Joins,
}

struct Frame {
    /// Values of its label.
    label: usize,
    /// Values that have a variable in Cranelift: results, and parameters of a loop.
    variables: usize,
}

/// The block in which a local is last read, and touched.
#[derive(Clone, Copy, Default)]
struct Local {
    read: u64,
    touched: u64,
}

/// Kind of an instruction that becomes a call.
enum CallKind {
    Direct,
    Table,
    Host,
}

impl Counts {
    /// Scans a body, while validating it.
    pub(super) fn of(
        body: &FunctionBody<'_>,
        validator: &mut FuncValidator<ValidatorResources>,
        (types, function_types): (&[FuncType], &[u32]),
    ) -> Result<(Self, Callees), BinaryReaderError> {
        let mut counts = Self::default();
        let mut callees = Callees::default();
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let locals = validator.len_locals() as usize;
        counts.locals = vec![Local::default(); locals];
        counts.joins = Joins::new(locals);
        counts.add(CostKind::Code, body.range().len() as u64);
        counts.add(CostKind::Locals, locals as u64);
        let results = types[function_types[validator.index() as usize] as usize].results();
        counts.push_frame(results.len(), 0, false);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            let height = validator.operand_stack_height();
            validator.op(offset, &operator)?;
            callees.push(&operator);
            counts.operator(&operator, height.into(), types, function_types)?;
        }
        operators.finish()?;
        counts.finish();
        Ok((counts, callees))
    }

    pub(super) fn into_array(self) -> [u64; KINDS] {
        self.counts
    }

    fn add(&mut self, kind: CostKind, count: u64) {
        let sum = &mut self.counts[kind as usize];
        *sum = sum.saturating_add(count);
    }

    fn operator(
        &mut self,
        operator: &Operator<'_>,
        height: u64,
        types: &[FuncType],
        function_types: &[u32],
    ) -> Result<(), BinaryReaderError> {
        let arity = |block: &BlockType| match block {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = &types[*index as usize];
                (ty.params().len(), ty.results().len())
            }
        };
        match operator {
            Operator::Block { blockty } => {
                let (_, results) = arity(blockty);
                self.begin_blocks(1, height);
                self.push_frame(results, results, false);
            }
            Operator::Loop { blockty } => {
                let (params, results) = arity(blockty);
                self.begin_blocks(2, height);
                self.branches += 5;
                self.add(CostKind::BlockValues, 2 * params as u64);
                self.push_frame(params, params + results, true);
            }
            Operator::If { blockty } => {
                let (params, results) = arity(blockty);
                self.begin_blocks(2, height);
                self.add(CostKind::BlockValues, params as u64);
                self.push_frame(results, params + results, false);
                self.joins.branch(0);
            }
            Operator::Else => self.add(CostKind::BlockValues, self.label(0)),
            Operator::End => self.end(height),
            Operator::Br { relative_depth } => self.branch(*relative_depth),
            Operator::BrIf { relative_depth } => {
                self.branch(*relative_depth);
                self.begin_blocks(1, height);
            }
            Operator::BrTable { targets } => {
                self.add(CostKind::BlockValues, targets.len().into());
                self.targets += u64::from(targets.len());
                let mut depths = targets.targets().collect::<Result<Vec<_>, _>>()?;
                depths.push(targets.default());
                depths.sort_unstable();
                depths.dedup();
                self.begin_blocks(depths.len() as u64, height);
                self.branches += 20;
                for depth in depths {
                    self.branch(depth);
                }
            }
            Operator::Return => self.branch(self.frames.len() as u32 - 1),
            operator => self.straight(operator, height, types, function_types),
        }
        Ok(())
    }

    /// Adds an instruction that is no control flow.
    fn straight(
        &mut self,
        operator: &Operator<'_>,
        height: u64,
        types: &[FuncType],
        function_types: &[u32],
    ) {
        match operator {
            Operator::LocalGet { local_index } => {
                let local = &mut self.locals[*local_index as usize];
                (local.read, local.touched) = (self.blocks, self.blocks);
                self.joins.read(*local_index);
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.locals[*local_index as usize].touched = self.blocks;
                self.joins.write(*local_index);
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                let ty = function_types[*function_index as usize];
                self.call(CallKind::Direct, &types[ty as usize], height);
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } => {
                self.call(CallKind::Table, &types[*type_index as usize], height);
            }
            Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::RefFunc { .. }
            | Operator::MemoryGrow { .. }
            | Operator::DataDrop { .. }
            | Operator::ElemDrop { .. } => {
                self.call(CallKind::Host, &FuncType::new([], []), height);
            }
            operator if by_operand(operator).is_some() => {
                self.call(CallKind::Host, &FuncType::new([], []), height);
            }
            _ => {}
        }
    }

    fn push_frame(&mut self, label: usize, variables: usize, is_loop: bool) {
        self.frames.push(Frame { label, variables });
        self.joins.begin(is_loop);
    }

    fn begin_blocks(&mut self, blocks: u64, height: u64) {
        self.blocks += blocks;
        self.branches += 10 * blocks;
        self.add(CostKind::Blocks, blocks);
        self.add(CostKind::Operands, blocks * height);
    }

    /// The values of a label.
    fn label(&self, depth: u32) -> u64 {
        let frame = self.frames.len().checked_sub(depth as usize + 1);
        frame.map_or(0, |frame| self.frames[frame].label as u64)
    }

    fn branch(&mut self, depth: u32) {
        self.add(CostKind::BlockValues, self.label(depth));
        self.joins.branch(depth);
    }

    fn end(&mut self, height: u64) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.add(CostKind::BlockValues, frame.label as u64);
        self.add(
            CostKind::Variables,
            frame.variables as u64 * (self.blocks + 1),
        );
        self.add(CostKind::Operands, height);
        self.joins.end();
    }

    fn call(&mut self, kind: CallKind, ty: &FuncType, height: u64) {
        let values = ty.params().len() + ty.results().len();
        self.add(CostKind::Calls, 1);
        self.add(
            CostKind::CallValues,
            values.saturating_sub(CALL_VALUES_FREE) as u64,
        );
        self.branches += 3;
        match kind {
            CallKind::Direct => {}
            CallKind::Table => {
                self.add(CostKind::Calls, 2);
                self.begin_blocks(3, height);
                self.branches += 12;
            }
            CallKind::Host => {
                self.begin_blocks(2, height);
                self.branches += 4;
            }
        }
    }

    fn finish(&mut self) {
        let (mut read, mut touched) = (0, 0);
        for local in &self.locals {
            read += local.read;
            touched += local.touched;
        }
        self.add(CostKind::ReadLocals, read);
        self.add(CostKind::Variables, touched);
        let joins = self.joins.squares();
        self.add(CostKind::JoinedLocals, joins.locals);
        let square = self.branches.saturating_mul(self.branches) / 100;
        let targets = self.targets.saturating_mul(2 * self.blocks);
        let labels = joins.branches.saturating_mul(9);
        let sum = square.saturating_add(targets).saturating_add(labels);
        self.add(CostKind::Branches, sum / 1_000);
    }
}
