//! Where a function is charged, and how much.

use std::collections::HashMap;

use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::Error;
use crate::counted::{self, Turns};
use crate::roles::{CALLER_PAYS_MAX, Counter, Role, Roles};
use crate::scan::Facts;
use crate::weights::{ENTRY, weight};

/// A charge, made before the instruction of that number runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) at: usize,
    pub(crate) fuel: u64,
    /// Whether the counter is looked at: the head of a loop whose turns do not all
    /// come to a look anyway, or an entry.
    pub(crate) check: bool,
    /// For how many turns of a loop the charge is made, if not for one.
    pub(crate) turns: Option<Turns>,
}

/// Conditional code of less weight than this has no charge of its own: it is
/// charged with the code before it, …
const OWN_CHARGE_MIN: u64 = 64;

/// … until that has taken on so much.
const HOISTED_MAX: u64 = 256;

/// Has the callers of functions that are passed the counter pay for what is
/// charged at their entries, where that is little.
pub(crate) fn pay_entries(module: &[u8], facts: &Facts, roles: &mut Roles) -> Result<(), Error> {
    let mut entries = Vec::new();
    for (function, role) in roles.passed() {
        let range = facts.bodies[function as usize - facts.imports.len()]
            .range
            .clone();
        let body = FunctionBody::new(BinaryReader::new(&module[range.clone()], range.start));
        let charges = charges(&body, role, roles)?;
        let entry = charges.first().filter(|charge| charge.at == 0);
        let fuel = entry.map_or(0, |charge| charge.fuel);
        if fuel <= CALLER_PAYS_MAX {
            entries.push((function, fuel));
        }
    }
    for (function, fuel) in entries {
        roles.pay_entry(function, fuel);
    }
    Ok(())
}

/// The charges of a function, in the order of its instructions.
///
/// The code is cut into segments: stretches that run as a whole or not at all.
/// Each segment knows the charge that is made whenever the segment runs, and
/// before it; the first segment of the function and of each loop make one.
pub(crate) fn charges(
    body: &FunctionBody<'_>,
    role: Role,
    roles: &Roles,
) -> Result<Vec<Charge>, Error> {
    let mut plan = Plan::new(role.checks, counted::loops(body, roles)?);
    let mut operators = body.get_operators_reader()?;
    let mut number = 0;
    while !operators.eof() {
        plan.operator(number, &operators.read()?, roles);
        number += 1;
    }
    plan.close();
    if let Counter::Passed(paid) = role.counter {
        let entry = &mut plan.charges[0].charge.fuel;
        *entry = entry.saturating_sub(paid);
    }
    let mut charges: Vec<Charge> = plan.charges.into_iter().map(|made| made.charge).collect();
    charges.retain(|charge| charge.check || charge.fuel > 0);
    charges.sort_by_key(|charge| charge.at);
    Ok(charges)
}

struct Plan {
    counted: HashMap<usize, Turns>,
    charges: Vec<Made>,
    /// The blocks around the next instruction, the function first.
    frames: Vec<Frame>,
    /// The charge that was made last on every way to the next instruction.
    current: usize,
    segment: Segment,
    /// Whether the next instruction cannot be reached.
    dead: bool,
    /// The charge of the loop in which nothing but straight code stands between
    /// its head and the next instruction, if it is in one.
    head: Option<usize>,
}

struct Made {
    charge: Charge,
    /// How much of it is for conditional code further on.
    hoisted: u64,
}

struct Frame {
    kind: Kind,
    /// The charge that was current before the block.
    outer: usize,
    /// Whether a branch leads to its end.
    targeted: bool,
    /// Whether the block itself cannot be reached.
    dead: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    If,
    Loop,
}

struct Segment {
    start: usize,
    weight: u64,
    /// Whether the current charge was made for this segment.
    own: bool,
    /// Whether a function is called here that goes on by itself. What its entry
    /// costs is charged where that is sure, or else recursions would pay for
    /// calls that they do not make.
    calls: bool,
}

impl Plan {
    fn new(checks: bool, counted: HashMap<usize, Turns>) -> Self {
        let mut plan = Self {
            counted,
            charges: Vec::new(),
            frames: Vec::new(),
            current: 0,
            segment: Segment {
                start: 0,
                weight: 0,
                own: true,
                calls: false,
            },
            dead: false,
            head: None,
        };
        plan.charge(0, ENTRY, checks);
        plan.push(Kind::Block);
        plan
    }

    fn charge(&mut self, at: usize, fuel: u64, check: bool) {
        self.current = self.charges.len();
        self.charges.push(Made {
            charge: Charge {
                at,
                fuel,
                check,
                turns: None,
            },
            hoisted: 0,
        });
    }

    fn push(&mut self, kind: Kind) {
        self.frames.push(Frame {
            kind,
            outer: self.current,
            targeted: false,
            dead: self.dead,
        });
    }

    fn operator(&mut self, number: usize, operator: &Operator<'_>, roles: &Roles) {
        let next = number + 1;
        if !self.dead {
            self.segment.weight += weight(operator) + called(operator, roles);
            self.segment.calls |= goes_on(operator, roles);
        }
        if looks(operator, roles) {
            // Each turn of the loop comes here, and so to a look.
            if let Some(head) = self.head.take() {
                self.charges[head].charge.check = false;
            }
        } else if !is_straight(operator) {
            self.head = None;
        }
        match operator {
            Operator::Block { .. } => self.push(Kind::Block),
            Operator::Loop { .. } => {
                self.close();
                self.push(Kind::Loop);
                match self.counted.get(&number).copied() {
                    Some(turns) => {
                        self.charge(number, 0, true);
                        self.charges[self.current].charge.turns = Some(turns);
                    }
                    None => {
                        self.charge(next, 0, true);
                        self.head = Some(self.current);
                    }
                }
                self.open(next, true);
            }
            Operator::If { .. } => {
                self.close();
                self.push(Kind::If);
                self.open(next, false);
            }
            Operator::Else => {
                self.close();
                if let Some(frame) = self.frames.last() {
                    self.current = frame.outer;
                    self.dead = frame.dead;
                }
                self.open(next, false);
            }
            Operator::End => self.end(next),
            Operator::Br { relative_depth } => {
                self.target(*relative_depth);
                self.dead = true;
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
                self.dead = true;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => self.dead = true,
            // What comes now is paid from another tank.
            Operator::Call { function_index } if roles.changes_tank(*function_index) => {
                self.close();
                self.charge(next, 0, false);
                self.open(next, true);
            }
            _ => {}
        }
    }

    fn end(&mut self, next: usize) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        // A plain block that nobody leaves early is no boundary at all.
        if frame.kind == Kind::Block && !frame.targeted && !self.dead {
            return;
        }
        self.close();
        self.current = frame.outer;
        self.open(next, false);
        self.dead = frame.dead;
    }

    fn target(&mut self, depth: u32) {
        let frame = (self.frames.len() as u32)
            .checked_sub(depth + 1)
            .and_then(|n| self.frames.get_mut(n as usize));
        if let Some(frame) = frame {
            frame.targeted = true;
        }
    }

    fn open(&mut self, start: usize, own: bool) {
        self.segment = Segment {
            start,
            weight: 0,
            own,
            calls: false,
        };
    }

    /// Charges the segment that ends here: with the current charge, or with one
    /// of its own.
    fn close(&mut self) {
        let weight = std::mem::take(&mut self.segment.weight);
        let calls = std::mem::take(&mut self.segment.calls);
        let current = &mut self.charges[self.current];
        if self.segment.own {
            current.charge.fuel += weight;
        } else if !calls && weight < OWN_CHARGE_MIN && current.hoisted + weight <= HOISTED_MAX {
            current.charge.fuel += weight;
            current.hoisted += weight;
        } else {
            self.charge(self.segment.start, weight, false);
        }
    }
}

/// Whether the instruction behind comes next, whatever happens, and nowhere else
/// leads to it.
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

/// Whether the counter is looked at here: by the function that is called, or at
/// the head of a loop, or before one whose turns are known.
fn looks(operator: &Operator<'_>, roles: &Roles) -> bool {
    match operator {
        Operator::Loop { .. } => true,
        Operator::Call { function_index } => roles.looks(*function_index),
        _ => false,
    }
}

/// Whether a function is called that its caller pays for in part.
fn goes_on(operator: &Operator<'_>, roles: &Roles) -> bool {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            roles.role(*function_index).is_some_and(Role::is_passed)
        }
        _ => false,
    }
}

/// What a call pays on behalf of the function that it calls.
fn called(operator: &Operator<'_>, roles: &Roles) -> u64 {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            roles.on_behalf(*function_index)
        }
        _ => 0,
    }
}
