//! Stack frames of recursive functions, and the functions that check the stack.
//!
//! The stack is counted by the module alone, so that every compiler and machine ends a
//! recursion in the same place. What a compiler makes of a frame can be larger than the
//! locals and operands that are alive at a call: it keeps a value that is computed before
//! the call and again after it, moves values out of loops, and adds the frames of
//! functions that it inlines. Few functions have many such values, so the count has a
//! share of them, and [`NATIVE_BYTES_PER_STACK_BYTE`] covers the rest.

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;
use petgraph::visit::{EdgeFiltered, EdgeRef};

use crate::call_graph::{CallGraph, is_cyclic};
use crate::error::Error;
use crate::module_info::ModuleInfo;
use crate::options::Options;

/// Maximum native stack of a guest, per byte of the count.
///
/// A guest needs this many times the sum of the stack that the host sets, of
/// [`UNCHECKED_BYTES_MAX`] and of [`Options::chain_bytes_max`]. Tests look for a function
/// that needs more.
pub const NATIVE_BYTES_PER_STACK_BYTE: u64 = 80;

/// Bytes of computed values per byte that they add to a frame.
const VALUE_BYTES_PER_STACK_BYTE: u64 = 32;

/// The same of functions that may be inlined. Few of those that may be are.
const INLINED_BYTES_PER_STACK_BYTE: u64 = 128;

/// Maximum number of values of a function into which a compiler inlines others.
const INLINED_VALUES_MAX: u64 = 2_000;

/// The frame sizes, in bytes, of the functions that are in a cycle of calls.
///
/// The components of the graph are in postorder.
///
/// # Errors
///
/// [`Error::CallChainTooDeep`] if the frames of an acyclic call chain sum up to more than
/// the limit.
pub(crate) fn frames(
    info: &ModuleInfo,
    graph: &CallGraph,
    components: &[Vec<NodeIndex>],
    options: Options,
) -> Result<Vec<Option<u64>>, Error> {
    let mut frames = vec![None; info.bodies.len()];
    let inlined = inlined_bytes(info);
    // Stack of the longest chain that begins at each node.
    let mut chains = vec![0_u64; graph.node_count()];
    let (mut longest, mut longest_from) = (0, 0);
    for component in components {
        let is_cyclic = is_cyclic(graph, component);
        let below = component
            .iter()
            .flat_map(|node| graph.neighbors(*node))
            .map(|callee| chains[callee.index()])
            .max()
            .unwrap_or(0);
        for node in component {
            let Some(body) = info.bodies.get(node.index()) else {
                // The node of a type has no frame.
                chains[node.index()] = below;
                continue;
            };
            let function = (info.imports.len() + node.index()) as u32;
            let frame_bytes = body.frame_bytes
                + body.values * body.value_bytes / VALUE_BYTES_PER_STACK_BYTE
                + inlined[node.index()] / INLINED_BYTES_PER_STACK_BYTE
                + trampoline_bytes(info, function);
            chains[node.index()] = if is_cyclic {
                frames[node.index()] = Some(frame_bytes);
                below
            } else {
                below.saturating_add(frame_bytes)
            };
            if chains[node.index()] > longest {
                (longest, longest_from) = (chains[node.index()], function);
            }
        }
    }
    if longest > options.chain_bytes_max {
        return Err(Error::CallChainTooDeep {
            function: longest_from,
            bytes: longest,
            bytes_max: options.chain_bytes_max,
        });
    }
    Ok(frames)
}

/// The size of the values of the functions that a compiler may inline into each, in bytes.
/// A function is not inlined into one of its own callees.
fn inlined_bytes(info: &ModuleInfo) -> Vec<u64> {
    let mut graph = CallGraph::new();
    for _ in &info.bodies {
        graph.add_node(());
    }
    let callees = |n: usize| {
        let calls = info.bodies[n].calls.iter();
        calls.filter_map(|callee| (*callee as usize).checked_sub(info.imports.len()))
    };
    for n in 0..info.bodies.len() {
        for callee in callees(n).collect::<BTreeSet<_>>() {
            graph.add_edge(NodeIndex::new(n), NodeIndex::new(callee), ());
        }
    }
    // Numbers of values, and the size of the largest.
    let mut inlined = vec![(0, 0); info.bodies.len()];
    let mut component_of = vec![usize::MAX; info.bodies.len()];
    for (number, component) in kosaraju_scc(&graph).iter().enumerate() {
        for node in component {
            component_of[node.index()] = number;
        }
        for node in component {
            let (mut values, mut bytes) = (0, 0);
            for callee in callees(node.index()).filter(|callee| component_of[*callee] != number) {
                let body = &info.bodies[callee];
                if body.values <= INLINED_VALUES_MAX {
                    let (within, within_bytes) = inlined[callee];
                    values += body.values + within;
                    bytes = bytes.max(body.value_bytes).max(within_bytes);
                }
            }
            let room = INLINED_VALUES_MAX.saturating_sub(info.bodies[node.index()].values);
            inlined[node.index()] = (values.min(room), bytes);
        }
    }
    let sizes = inlined.into_iter().map(|(values, bytes)| values * bytes);
    sizes.collect()
}

/// Maximum stack of a chain of functions that do not check the stack, in bytes.
pub const UNCHECKED_BYTES_MAX: u64 = 16 << 10;

/// Selects the functions that check the remaining stack on entry: at least one in
/// each cycle of calls.
///
/// Almost every function that can panic reaches most of the module, directly or
/// through the table, and allocators can panic. The selection therefore starts
/// with functions that never return and with functions at which a cycle is
/// entered through the table, both rarely called, and adds the functions of the
/// cycles that remain. The frames of the other functions are covered by the next
/// function that checks.
pub(crate) fn stack_checks(
    info: &ModuleInfo,
    graph: &CallGraph,
    components: &[Vec<NodeIndex>],
    frames: &[Option<u64>],
    has_fuel_parameter: impl Fn(usize) -> bool,
) -> Vec<bool> {
    let mut component_of = vec![0; graph.node_count()];
    for (number, component) in components.iter().enumerate() {
        for node in component {
            component_of[node.index()] = number;
        }
    }
    let mut returns = vec![false; frames.len()];
    let returning = info.bodies.iter().flat_map(|body| &body.returning_callees);
    for function in returning {
        if let Some(n) = (*function as usize).checked_sub(info.imports.len()) {
            returns[n] = true;
        }
    }
    // The nodes of types follow those of functions, and check nothing.
    let mut checks = vec![false; graph.node_count()];
    for edge in graph.edge_references() {
        let [from, to] = [edge.source().index(), edge.target().index()];
        checks[to] |= from >= frames.len() && component_of[from] == component_of[to];
    }
    for (n, frame) in frames.iter().enumerate() {
        checks[n] = frame.is_some() && (checks[n] || !has_fuel_parameter(n) || !returns[n]);
    }
    let unchecked = unchecked_sccs(graph, &checks);
    for node in unchecked
        .iter()
        .filter(|component| is_cyclic(graph, component))
        .flatten()
    {
        checks[node.index()] |= has_frame(frames, *node);
    }
    // Callees come before their callers, now that no cycle is left.
    let mut unchecked_bytes = vec![0_u64; graph.node_count()];
    for node in unchecked.iter().flatten() {
        let callees = graph.neighbors(*node);
        let unchecked_callees = callees.filter(|callee| !checks[callee.index()]);
        let below = unchecked_callees.map(|callee| unchecked_bytes[callee.index()]);
        let own = frames.get(node.index()).copied().flatten().unwrap_or(0);
        let n = node.index();
        unchecked_bytes[n] = own.saturating_add(below.max().unwrap_or(0));
        checks[n] |= own > 0 && unchecked_bytes[n] > UNCHECKED_BYTES_MAX;
    }
    checks.truncate(frames.len());
    checks
}

/// The strongly connected components of the call graph without the calls of
/// functions that check, in postorder.
pub(crate) fn unchecked_sccs(graph: &CallGraph, checks: &[bool]) -> Vec<Vec<NodeIndex>> {
    let is_unchecked = |target: NodeIndex| !checks.get(target.index()).copied().unwrap_or(false);
    let filtered = EdgeFiltered::from_fn(graph, |edge| is_unchecked(edge.target()));
    kosaraju_scc(&filtered)
}

/// Returns for each node true if a function with a frame is reachable from it,
/// itself included.
pub(crate) fn reaches_frame(
    graph: &CallGraph,
    components: &[Vec<NodeIndex>],
    frames: &[Option<u64>],
) -> Vec<bool> {
    let mut reaches = vec![false; graph.node_count()];
    for component in components {
        let callee_reaches =
            |node: &NodeIndex| graph.neighbors(*node).any(|callee| reaches[callee.index()]);
        let any_reaches = component
            .iter()
            .any(|node| has_frame(frames, *node) || callee_reaches(node));
        for node in component {
            reaches[node.index()] = any_reaches;
        }
    }
    reaches
}

fn has_frame(frames: &[Option<u64>], node: NodeIndex) -> bool {
    matches!(frames.get(node.index()), Some(Some(_)))
}

/// Stack of a function's trampoline, in bytes: return address, saved registers,
/// and a copy of the parameters.
fn trampoline_bytes(info: &ModuleInfo, function: u32) -> u64 {
    const FRAME_BYTES: u64 = 64;
    const PARAMETER_BYTES: u64 = 16;
    let parameters = info.function_type(function).params();
    match info.is_entry(function) {
        true => FRAME_BYTES + PARAMETER_BYTES * parameters.len() as u64,
        false => 0,
    }
}
