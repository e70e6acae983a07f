//! Sizes of functions after inlining, by the rules of Wasmtime.

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use wasmparser::Operator;

/// Wasmtime's `inlining_sum_size_threshold`: callers and callees of more SSA values in
/// sum are not inlined.
const SUM_MAX: u64 = 2_000;

/// SSA values of every function besides those of its instructions.
const OVERHEAD: u64 = 3;

/// Size and callees of a function.
#[derive(Default)]
pub(super) struct Callees {
    /// Lower bound of the number of SSA values, before inlining.
    values: u64,
    /// The direct callees, once for each call.
    callees: Vec<u32>,
}

impl Callees {
    pub(super) fn push(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Call { function_index } => {
                self.callees.push(*function_index);
                self.values += 1;
            }
            Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::Drop
            | Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::Nop => {}
            _ => self.values += 1,
        }
    }
}

/// Sums over the functions of a module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InlinedSizes {
    /// Calls that are replaced by the callee, those in inlined callees included.
    pub(super) calls: u64,
    /// SSA values of all functions after inlining.
    pub(super) values: u64,
}

impl InlinedSizes {
    /// Sizes of the functions of a module without imports. An upper bound, since the sizes
    /// before inlining are lower bounds, and smaller callees are inlined more often.
    pub(super) fn of(functions: &[Callees]) -> Self {
        let components = components(functions);
        let mut component_of = vec![0; functions.len()];
        for (number, component) in components.iter().enumerate() {
            for node in component {
                component_of[node.index()] = number;
            }
        }
        let mut sizes = vec![Self::default(); functions.len()];
        let mut sum = Self::default();
        for node in components.iter().flatten() {
            let caller = node.index();
            let mut size = Self {
                calls: 0,
                values: functions[caller].values + OVERHEAD,
            };
            for callee in &functions[caller].callees {
                let callee = *callee as usize;
                let is_recursive = component_of[callee] == component_of[caller];
                if !is_recursive && size.values + sizes[callee].values <= SUM_MAX {
                    size.values += sizes[callee].values;
                    size.calls += 1 + sizes[callee].calls;
                }
            }
            sizes[caller] = size;
            sum.calls += size.calls;
            sum.values += size.values;
        }
        sum
    }
}

/// The strongly connected components of the call graph, in postorder: the callees of a
/// component come before it.
fn components(functions: &[Callees]) -> Vec<Vec<NodeIndex>> {
    let mut graph = DiGraph::<(), ()>::new();
    for _ in functions {
        graph.add_node(());
    }
    for (caller, function) in functions.iter().enumerate() {
        let callees: BTreeSet<u32> = function.callees.iter().copied().collect();
        for callee in callees {
            graph.add_edge(NodeIndex::new(caller), NodeIndex::new(callee as usize), ());
        }
    }
    kosaraju_scc(&graph)
}
