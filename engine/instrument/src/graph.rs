//! Who calls whom.

use std::collections::{BTreeSet, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use wasmparser::FuncType;

use crate::scan::Facts;

pub(crate) type Graph = DiGraph<(), ()>;

pub(crate) fn is_circular(graph: &Graph, component: &[NodeIndex]) -> bool {
    match component {
        [one] => graph.contains_edge(*one, *one),
        _ => true,
    }
}

/// The graph of calls: a node for each function that is defined, then one for
/// each type that is called through a table, from which an edge goes to every
/// function that a table can hold.
pub(crate) fn calls(facts: &Facts) -> Graph {
    let mut graph = DiGraph::new();
    for _ in &facts.bodies {
        graph.add_node(());
    }
    let mut types: HashMap<&FuncType, NodeIndex> = HashMap::new();
    let defined = |function: u32| (function as usize).checked_sub(facts.imports.len());
    for (n, body) in facts.bodies.iter().enumerate() {
        let caller = NodeIndex::new(n);
        let callees: BTreeSet<u32> = body.calls.iter().copied().collect();
        for callee in callees.into_iter().filter_map(defined) {
            graph.add_edge(caller, NodeIndex::new(callee), ());
        }
        for index in &body.indirect_calls {
            let signature = &facts.types[*index as usize];
            let node = *types.entry(signature).or_insert_with(|| graph.add_node(()));
            graph.add_edge(caller, node, ());
        }
    }
    for function in &facts.referenced {
        let node = types.get(facts.function_type(*function));
        if let (Some(node), Some(callee)) = (node, defined(*function)) {
            graph.add_edge(*node, NodeIndex::new(callee), ());
        }
    }
    graph
}
