//! Metering of rows, for each exported function.

use petgraph::graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::call_graph::{CallGraph, is_cyclic};
use crate::function_info::FunctionInfo;
use crate::module_info::ModuleInfo;

/// Metering of the rows of an exported function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowFuel {
    /// The function begins no rows: they share the fuel of the call with its
    /// overhead.
    Shared,
    /// The function begins and ends each row, which burns fuel of its own.
    PerRow {
        /// True if the function can begin row groups, which share the fuel of one
        /// row, if the metering mode permits it. False in a module that logs, whose
        /// messages name their row.
        grouped: bool,
    },
    /// The function begins and ends each row, and the fuel of a row is statically
    /// bounded: its code has no loop, no call that is not bounded itself, and no
    /// instruction whose work depends on an operand, and the module does not log. If a row is granted at least
    /// the bound, rows need not be begun.
    Bounded {
        /// Upper bound of the fuel of a row.
        fuel: u64,
        /// True if a row may be evaluated although its result is not needed: it
        /// neither traps nor has side effects.
        speculatable: bool,
    },
}

/// The metering of the rows of each function that the module defines, which
/// follows from the functions that are reachable from it.
///
/// The components of the graph are in postorder.
pub(crate) fn row_fuel(
    info: &ModuleInfo,
    graph: &CallGraph,
    components: &[Vec<NodeIndex>],
) -> Vec<RowFuel> {
    // Upper bound of the fuel of a call of each node, if there is one.
    let mut bounds = vec![None; graph.node_count()];
    let mut row_fuel = vec![RowFuel::Shared; graph.node_count()];
    let mut begins_groups = vec![false; graph.node_count()];
    for component in components {
        let callees = component.iter().flat_map(|node| graph.neighbors(*node));
        let (mut combined, mut grouped) = (RowFuel::Shared, false);
        for callee in callees {
            combined = combined.and(row_fuel[callee.index()]);
            grouped |= begins_groups[callee.index()];
        }
        for node in component {
            let Some(body) = info.bodies.get(node.index()) else {
                continue;
            };
            grouped |= body.begins_groups;
            if !is_cyclic(graph, component) {
                bounds[node.index()] = bound(body, info, &bounds);
            }
            if let Some(row_cost) = &body.row_cost {
                let callee_bound = |callee| callee_bound(callee, info, &bounds);
                let own = match row_cost.bound(callee_bound) {
                    None => RowFuel::PerRow { grouped: false },
                    Some(fuel) => RowFuel::Bounded {
                        fuel,
                        speculatable: row_cost.is_speculatable(),
                    },
                };
                combined = combined.and(own);
            }
        }
        if let RowFuel::PerRow { .. } = combined {
            combined = RowFuel::PerRow { grouped };
        }
        for node in component {
            row_fuel[node.index()] = combined;
            begins_groups[node.index()] = grouped;
        }
    }
    row_fuel.truncate(info.bodies.len());
    if info.logs() {
        for rows in row_fuel.iter_mut().filter(|rows| **rows != RowFuel::Shared) {
            *rows = RowFuel::PerRow { grouped: false };
        }
    }
    row_fuel
}

/// Upper bound of the fuel of a call of a function, if there is one.
fn bound(body: &FunctionInfo, info: &ModuleInfo, bounds: &[Option<u64>]) -> Option<u64> {
    let is_unbounded = body.loops > 0 || body.has_bulk || body.calls_imports;
    if is_unbounded || !body.indirect_calls.is_empty() {
        return None;
    }
    let mut calls = body.calls.iter();
    calls.try_fold(body.weight, |sum, callee| {
        sum.checked_add(callee_bound(*callee, info, bounds)?)
    })
}

fn callee_bound(function: u32, info: &ModuleInfo, bounds: &[Option<u64>]) -> Option<u64> {
    let defined = (function as usize).checked_sub(info.imports.len())?;
    bounds[defined]
}

impl RowFuel {
    /// The metering of a function that calls one with `self` and one with
    /// `other`.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Shared, row_fuel) | (row_fuel, Self::Shared) => row_fuel,
            (
                Self::Bounded { fuel, speculatable },
                Self::Bounded {
                    fuel: other_fuel,
                    speculatable: other_speculatable,
                },
            ) => Self::Bounded {
                fuel: fuel.max(other_fuel),
                speculatable: speculatable && other_speculatable,
            },
            _ => Self::PerRow { grouped: false },
        }
    }
}
