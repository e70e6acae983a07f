//! The call graph.

use std::collections::{BTreeSet, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use wasmparser::FuncType;

use crate::module_info::ModuleInfo;

/// Nodes are functions and types, edges are calls.
pub(crate) type CallGraph = DiGraph<(), ()>;

/// Returns true if a strongly connected component contains a cycle.
pub(crate) fn is_cyclic(graph: &CallGraph, component: &[NodeIndex]) -> bool {
    match component {
        [one] => graph.contains_edge(*one, *one),
        _ => true,
    }
}

/// The call graph of a module: a node for each function that the module defines,
/// then one for each type of an indirect call, with an edge to every function of
/// that type that a table can hold.
pub(crate) fn call_graph(info: &ModuleInfo) -> CallGraph {
    let mut graph = DiGraph::new();
    for _ in &info.bodies {
        graph.add_node(());
    }
    let mut types: HashMap<&FuncType, NodeIndex> = HashMap::new();
    let defined = |function: u32| (function as usize).checked_sub(info.imports.len());
    for (n, body) in info.bodies.iter().enumerate() {
        let caller = NodeIndex::new(n);
        let callees: BTreeSet<u32> = body.calls.iter().copied().collect();
        for callee in callees.into_iter().filter_map(defined) {
            graph.add_edge(caller, NodeIndex::new(callee), ());
        }
        for index in &body.indirect_calls {
            let signature = &info.types[*index as usize];
            let node = *types.entry(signature).or_insert_with(|| graph.add_node(()));
            graph.add_edge(caller, node, ());
        }
    }
    for function in &info.referenced {
        let node = types.get(info.function_type(*function));
        if let (Some(node), Some(callee)) = (node, defined(*function)) {
            graph.add_edge(*node, NodeIndex::new(callee), ());
        }
    }
    graph
}
