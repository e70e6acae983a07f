//! Charges of a function: positions and amounts.

use std::collections::HashMap;

use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::counted_loops::{TripCount, counted_loops};
use crate::error::Error;
use crate::metering_plan::{FuelSource, FunctionPlan, MeteringPlan, PAID_BY_CALLER_MAX};
use crate::module_info::ModuleInfo;
use crate::weights::{ENTRY_FUEL, weight};

/// A charge, made before an instruction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    /// The index of the instruction in the function.
    pub(crate) at: usize,
    pub(crate) fuel: u64,
    /// True if the counter is checked: at an entry, or at the head of a loop unless
    /// each iteration reaches another check.
    pub(crate) check: bool,
    /// The number of iterations charged at once, if not one.
    pub(crate) trip_count: Option<TripCount>,
}

/// Minimum weight of conditional code with a charge of its own. Lighter code is
/// charged with the code before it.
const OWN_CHARGE_MIN: u64 = 64;

/// Maximum weight of conditional code that one charge includes.
const HOISTED_MAX: u64 = 256;

/// Charges the callers of functions with a fuel parameter for the functions'
/// entries, where that is little.
pub(crate) fn prepay_entries(
    module: &[u8],
    info: &ModuleInfo,
    plan: &mut MeteringPlan,
) -> Result<(), Error> {
    let mut entries = Vec::new();
    for (function, function_plan) in plan.with_fuel_parameter() {
        let range = info.bodies[function as usize - info.imports.len()]
            .range
            .clone();
        let body = FunctionBody::new(BinaryReader::new(&module[range.clone()], range.start));
        let charges = charges(&body, function_plan, plan)?;
        let entry = charges.first().filter(|charge| charge.at == 0);
        let fuel = entry.map_or(0, |charge| charge.fuel);
        if fuel <= PAID_BY_CALLER_MAX {
            entries.push((function, fuel));
        }
    }
    for (function, fuel) in entries {
        plan.prepay_entry(function, fuel);
    }
    Ok(())
}

/// The charges of a function, in the order of its instructions.
///
/// The code is divided into segments, each of which runs completely or not at all.
/// The weight of a segment is added to a charge that is always made before the
/// segment runs. The first segment of the function and of each loop makes a new
/// charge.
pub(crate) fn charges(
    body: &FunctionBody<'_>,
    function_plan: FunctionPlan,
    plan: &MeteringPlan,
) -> Result<Vec<Charge>, Error> {
    let trip_counts = counted_loops(body, |function| plan.preserves_fuel(function))?;
    let mut builder = ChargeBuilder::new(function_plan.checks_fuel, trip_counts);
    let mut operators = body.get_operators_reader()?;
    let mut index = 0;
    while !operators.eof() {
        builder.operator(index, &operators.read()?, plan);
        index += 1;
    }
    builder.close();
    if let FuelSource::Parameter { prepaid } = function_plan.fuel_source {
        let entry = &mut builder.charges[0].charge.fuel;
        *entry = entry.saturating_sub(prepaid);
    }
    let mut charges: Vec<Charge> = builder
        .charges
        .into_iter()
        .map(|pending| pending.charge)
        .collect();
    charges.retain(|charge| charge.check || charge.fuel > 0);
    charges.sort_by_key(|charge| charge.at);
    Ok(charges)
}

struct ChargeBuilder {
    /// Trip counts by the index of the `loop` instruction.
    trip_counts: HashMap<usize, TripCount>,
    charges: Vec<PendingCharge>,
    /// The blocks that enclose the next instruction, outermost first.
    frames: Vec<ControlFrame>,
    /// The latest charge that dominates the next instruction.
    current: usize,
    segment: Segment,
    /// True if the next instruction is unreachable.
    unreachable: bool,
    /// The charge of the innermost loop, if the code between its head and the
    /// next instruction is straight-line.
    head: Option<usize>,
}

struct PendingCharge {
    charge: Charge,
    /// The part of it that is for conditional code.
    hoisted: u64,
}

struct ControlFrame {
    kind: BlockKind,
    /// The current charge before the block.
    outer: usize,
    /// True if a branch targets its end.
    is_branch_target: bool,
    /// True if the block itself is unreachable.
    unreachable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Block,
    If,
    Loop,
}

struct Segment {
    start: usize,
    weight: u64,
    /// True if the current charge was made for this segment.
    is_charged: bool,
    /// True if the segment calls a function with a fuel parameter. Its entry must
    /// not be charged before the call is certain, or a recursion would pay for a
    /// call that its last level does not make.
    has_call: bool,
}

impl ChargeBuilder {
    fn new(checks: bool, trip_counts: HashMap<usize, TripCount>) -> Self {
        let mut builder = Self {
            trip_counts,
            charges: Vec::new(),
            frames: Vec::new(),
            current: 0,
            segment: Segment {
                start: 0,
                weight: 0,
                is_charged: true,
                has_call: false,
            },
            unreachable: false,
            head: None,
        };
        builder.charge(0, ENTRY_FUEL, checks);
        builder.push(BlockKind::Block);
        builder
    }

    fn charge(&mut self, at: usize, fuel: u64, check: bool) {
        self.current = self.charges.len();
        self.charges.push(PendingCharge {
            charge: Charge {
                at,
                fuel,
                check,
                trip_count: None,
            },
            hoisted: 0,
        });
    }

    fn push(&mut self, kind: BlockKind) {
        self.frames.push(ControlFrame {
            kind,
            outer: self.current,
            is_branch_target: false,
            unreachable: self.unreachable,
        });
    }

    fn operator(&mut self, index: usize, operator: &Operator<'_>, plan: &MeteringPlan) {
        let next = index + 1;
        if !self.unreachable {
            self.segment.weight += weight(operator) + callee_cost(operator, plan);
            self.segment.has_call |= calls_with_fuel(operator, plan);
        }
        if checks_fuel(operator, plan) {
            // Each iteration of the loop reaches this check.
            if let Some(head) = self.head.take() {
                self.charges[head].charge.check = false;
            }
        } else if !is_straight(operator) {
            self.head = None;
        }
        match operator {
            Operator::Block { .. } => self.push(BlockKind::Block),
            Operator::Loop { .. } => self.begin_loop(index),
            Operator::If { .. } => {
                self.close();
                self.push(BlockKind::If);
                self.open(next, false);
            }
            Operator::Else => {
                self.close();
                if let Some(frame) = self.frames.last() {
                    self.current = frame.outer;
                    self.unreachable = frame.unreachable;
                }
                self.open(next, false);
            }
            Operator::End => self.end(next),
            Operator::Br { relative_depth } => {
                self.target(*relative_depth);
                self.unreachable = true;
            }
            Operator::BrIf { relative_depth } => {
                self.target(*relative_depth);
                self.close();
                self.open(next, false);
            }
            Operator::BrTable { targets } => {
                for depth in targets.targets().chain([Ok(targets.default())]).flatten() {
                    self.target(depth);
                }
                self.unreachable = true;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => self.unreachable = true,
            // The following code burns the fuel of the row, or of the call, instead.
            Operator::Call { function_index } if plan.switches_fuel(*function_index) => {
                self.close();
                self.charge(next, 0, false);
                self.open(next, true);
            }
            _ => {}
        }
    }

    fn begin_loop(&mut self, index: usize) {
        let next = index + 1;
        self.close();
        self.push(BlockKind::Loop);
        match self.trip_counts.get(&index).copied() {
            Some(trip_count) => {
                self.charge(index, 0, true);
                self.charges[self.current].charge.trip_count = Some(trip_count);
            }
            None => {
                self.charge(next, 0, true);
                self.head = Some(self.current);
            }
        }
        self.open(next, true);
    }

    fn end(&mut self, next: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        // Without a branch to its end, a block does not split a segment.
        if frame.kind == BlockKind::Block && !frame.is_branch_target && !self.unreachable {
            return;
        }
        self.close();
        self.current = frame.outer;
        self.open(next, false);
        self.unreachable = frame.unreachable;
    }

    fn target(&mut self, depth: u32) {
        let frame = (self.frames.len() as u32)
            .checked_sub(depth + 1)
            .and_then(|n| self.frames.get_mut(n as usize));
        if let Some(frame) = frame {
            frame.is_branch_target = true;
        }
    }

    fn open(&mut self, start: usize, is_charged: bool) {
        self.segment = Segment {
            start,
            weight: 0,
            is_charged,
            has_call: false,
        };
    }

    /// Adds the weight of the segment that ends here to the current charge, or
    /// makes a new one.
    fn close(&mut self) {
        let weight = std::mem::take(&mut self.segment.weight);
        let has_call = std::mem::take(&mut self.segment.has_call);
        let current = &mut self.charges[self.current];
        if self.segment.is_charged {
            current.charge.fuel += weight;
        } else if !has_call && weight < OWN_CHARGE_MIN && current.hoisted + weight <= HOISTED_MAX {
            current.charge.fuel += weight;
            current.hoisted += weight;
        } else {
            self.charge(self.segment.start, weight, false);
        }
    }
}

/// Returns true if an instruction is straight-line code: the next instruction
/// follows it, and only it.
pub(crate) fn is_straight(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::Unreachable
    )
}

/// Returns true if the instruction checks the fuel counter: a loop, at its head or
/// before it, or a call of a function that checks.
fn checks_fuel(operator: &Operator<'_>, plan: &MeteringPlan) -> bool {
    match operator {
        Operator::Loop { .. } => true,
        Operator::Call { function_index } => plan.checks_fuel(*function_index),
        _ => false,
    }
}

/// Returns true if the instruction calls a function with a fuel parameter.
fn calls_with_fuel(operator: &Operator<'_>, plan: &MeteringPlan) -> bool {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => plan
            .function(*function_index)
            .is_some_and(FunctionPlan::has_fuel_parameter),
        _ => false,
    }
}

/// Fuel that a call is charged for its callee.
fn callee_cost(operator: &Operator<'_>, plan: &MeteringPlan) -> u64 {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            plan.caller_cost(*function_index)
        }
        _ => 0,
    }
}
